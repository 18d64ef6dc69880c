"""Train the surface component of the light network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import torch

from models.cache import user_path
from models.checkpoints.imagenet_weights import load_imagenet_weights
from models.light.architecture.preprocessing import CROP
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import read_sizes
from models.losses.light_distillation import read_teacher
from models.losses.light_surface import SurfaceLossConfig
from stages.training.data.use_shards import shards_in
from stages.training.fit import FitConfig
from stages.training.light.component_training import ComponentConfig, ComponentStage, ComponentTraining
from stages.training.light.mixes import CropMix
from stages.training.light.surface_batches import SurfaceBatchFactory, surface_loss
from stages.training.payloads import PhotoShards, Round, SceneShards, SurfaceTrained

SHIPPED_LOSSES = SurfaceLossConfig(metric_uv=True, as_points=True, extremities=2.0)
"""How the losses of the built-in weights (light v22) were weighted."""


class TrainSurface(ComponentStage):
    """Photos and scenes in, a surface network out; resumes from the checkpoint in the run's folder."""

    component = "surface"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(ComponentConfig):
        """How the surface network is trained.

        Attributes:
            imagenet: weights of the encoder that were trained on ImageNet (`load_imagenet_weights`), for a network that
                begins from no other weights.
            batch: crops per step, over all workers.
            seed: of the crops and their augmentation.
            sizes: of the network.
            sides: pixels of a crop's side, one drawn for every step; at inference it is sizes.crop.
            mix: the kinds of crops.
            film: folders with shards of `pair_frames`, for `mix.film`.
            losses: how cells of crops are weighted.
            heads_only: let only the heads for joints learn, on the features of the first weights.
            teacher: a light network (a .safetensors file of any sizes) for distillation, beside the labels.
        """

        imagenet: str = ""
        batch: int = 24
        seed: int = 2
        sizes: SurfaceSizes = field(default_factory=SurfaceSizes)
        sides: tuple[int, ...] = (128, CROP)
        mix: CropMix = field(default_factory=CropMix)
        film: tuple[str, ...] = ()
        losses: SurfaceLossConfig = SHIPPED_LOSSES
        heads_only: bool = False
        teacher: str = ""
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=5400))

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            ComponentConfig.__post_init__(self)
            if not self.sides or any(side < 64 or side % 32 for side in self.sides):
                raise ValueError("sides must be multiples of 32 from 64 on, at least one")
            if self.losses.extremities < 0:
                raise ValueError("losses.extremities must not be negative")
            if self.imagenet and self.sizes.encoder == "none":
                raise ValueError("imagenet needs a network with an encoder, such as sizes.encoder: lite0")
            if self.heads_only and not self.sizes.joints:
                raise ValueError("heads_only needs a network with sizes.joints: true")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        self.sizes = read_sizes(config.first).surface if config.first and config.network else config.sizes
        torch.manual_seed(config.seed)
        net = SurfaceNet(self.sizes)
        if config.imagenet and not config.first:
            assert net.pyramid is not None
            load_imagenet_weights(net.pyramid.encoder, user_path(config.imagenet))
        if config.heads_only:
            net.freeze_trunk()
        self.training = ComponentTraining(net, config, name=self.component, threads=threads)
        teacher = read_teacher(user_path(config.teacher)).to(self.training.device) if config.teacher else None
        self._loss = partial(surface_loss, weighting=config.losses, teacher=teacher)

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[SurfaceTrained]:
        """Train to the end of the round."""
        config = self.config
        recipe = SurfaceBatchFactory(
            photos=photos, scenes=scenes, indices=self.indices(config.batch), seed=config.seed, sides=config.sides,
            mix=config.mix,
            film=shards_in(config.film, "train_surface.film", "pair frames: -c pair_frames") if config.film else (),
        )
        self.training.run(recipe, self._loss, part.last_step(config.fit.steps))
        yield SurfaceTrained(checkpoint=str(self.training.fit.path), sizes=self.sizes)

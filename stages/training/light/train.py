"""Train the two halves of the light DensePose-RCNN, and write them into one file of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from models.cache import user_path
from models.light.architecture.detector import PersonDetector
from models.light.architecture.preprocessing import CROP
from models.light.architecture.sizes import DetectorSizes, LightSizes, SurfaceSizes
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import read_sizes, write_weights
from models.losses.light_distillation import read_teacher
from models.losses.light_surface import SurfaceLossConfig
from pipeline.stage import Job, Stage
from stages.payloads import Written
from stages.training.checkpoint import average_of
from stages.training.fit import FitConfig
from stages.training.light.detector_batches import detector_loss
from stages.training.light.half import Half, HalfConfig
from stages.training.light.mixes import CropMix, SheetMix
from stages.training.light.recipes import DetectorRecipe, SurfaceRecipe
from stages.training.light.surface_batches import surface_loss
from stages.training.payloads import DetectorTrained, PhotoShards, Round, SceneShards, SurfaceTrained
from stages.training.workers import indices_of, is_chief, rank, workers

SHIPPED_LOSSES = SurfaceLossConfig(metric_uv=True, as_points=True, extremities=3.0)
"""How the losses of the built-in weights (light v21) were weighted."""


class Rounds(Stage):
    """The source of a training: its rounds."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`count`: rounds; both networks do an equal share of their steps in each."""

        count: int = 40

    def __call__(self, job: Job) -> Iterator[Round]:
        """One packet a round."""
        for index in range(self.config.count):
            yield Round(index=index, count=self.config.count)


class TrainDetector(Stage):
    """Photos and scenes in, a person detector out; goes on where its checkpoint in the run's folder stands."""

    ordered = True
    memory_frames = None
    accelerated = True
    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(HalfConfig):
        """How the detector is trained.

        Attributes:
            batch: pictures per step, over all workers.
            seed: of the pictures' order and changes.
            sizes: of the network.
            mix: what the pictures are made of.
            box_teacher: the YOLOX-nano .onnx file, to learn its answer at every place of photos (optional).
        """

        batch: int = 16
        seed: int = 1
        sizes: DetectorSizes = field(default_factory=DetectorSizes)
        mix: SheetMix = field(default_factory=SheetMix)
        box_teacher: str = ""
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=3400))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        self.sizes = read_sizes(config.first).detector if config.first and config.network else config.sizes
        torch.manual_seed(config.seed)
        self.half = Half(PersonDetector(self.sizes), config, name="detector", threads=threads)

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[DetectorTrained]:
        """Train to the end of the round."""
        config = self.config
        recipe = DetectorRecipe(
            photos=photos,
            scenes=scenes,
            indices=indices_of(rank(), workers(), config.batch, f"{self.half.key}.batch"),
            seed=config.seed,
            box_teacher=config.box_teacher,
            mix=config.mix,
        )
        self.half.run(recipe, detector_loss, part.last_step(config.fit.steps))
        yield DetectorTrained(checkpoint=str(self.half.fit.path), sizes=self.sizes)

    def close(self) -> None:
        """End the processes that make batches."""
        self.half.close()


class TrainSurface(Stage):
    """Photos and scenes in, a surface network out; goes on where its checkpoint in the run's folder stands."""

    ordered = True
    memory_frames = None
    accelerated = True
    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(HalfConfig):
        """How the surface network is trained.

        Attributes:
            batch: crops per step, over all workers.
            seed: of the crops' order and changes.
            sizes: of the network.
            sides: pixels a side of the crops, for every step one of these; they are read at 160.
            mix: what kinds of crops are shown.
            losses: how cells of crops are weighted.
            teacher: a light network (a .safetensors file of any sizes) whose answers are learnt beside the labels.
        """

        batch: int = 24
        seed: int = 2
        sizes: SurfaceSizes = field(default_factory=SurfaceSizes)
        sides: tuple[int, ...] = (128, CROP)
        mix: CropMix = field(default_factory=CropMix)
        losses: SurfaceLossConfig = SHIPPED_LOSSES
        teacher: str = ""
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=5400))

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            HalfConfig.__post_init__(self)
            if not self.sides or any(side < 64 or side % 32 for side in self.sides):
                raise ValueError("sides must be multiples of 32 from 64 on, at least one")
            if self.losses.extremities < 0:
                raise ValueError("losses.extremities must not be negative")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        self.sizes = read_sizes(config.first).surface if config.first and config.network else config.sizes
        torch.manual_seed(config.seed)
        self.half = Half(SurfaceNet(self.sizes), config, name="surface", threads=threads)
        teacher = read_teacher(user_path(config.teacher)).to(self.half.device) if config.teacher else None
        self._loss = partial(surface_loss, counting=config.losses, teacher=teacher)

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[SurfaceTrained]:
        """Train to the end of the round."""
        config = self.config
        recipe = SurfaceRecipe(
            photos=photos,
            scenes=scenes,
            indices=indices_of(rank(), workers(), config.batch, f"{self.half.key}.batch"),
            seed=config.seed,
            sides=config.sides,
            mix=config.mix,
        )
        self.half.run(recipe, self._loss, part.last_step(config.fit.steps))
        yield SurfaceTrained(checkpoint=str(self.half.fit.path), sizes=self.sizes)

    def close(self) -> None:
        """End the processes that make batches."""
        self.half.close()


class ExportLight(Stage):
    """Both checkpoints in, after the last round the averaged weights of both in one .safetensors file out."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`weights`: the file to write."""

        weights: str = "runs/train_light/light.safetensors"

    def __call__(self, part: Round, detector: DetectorTrained, surface: SurfaceTrained) -> Iterator[Written]:
        """Write the file whole, in half precision."""
        if not part.last or not is_chief():
            return
        path = Path(self.config.weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        sizes = LightSizes(detector=detector.sizes, surface=surface.sizes)
        write_weights(path, averaged(detector.checkpoint), averaged(surface.checkpoint), sizes)
        yield Written(path=str(path), frames=0)


def averaged(checkpoint: str) -> dict[str, torch.Tensor]:
    """The moving average of a training's weights, in half precision. Raises: StageError without a checkpoint."""
    state = average_of(Path(checkpoint))
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}

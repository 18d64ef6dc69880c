"""Train the two halves of the light DensePose-RCNN, and write them into one file of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import torch
from torch import nn

from models.light.detector import PersonDetector
from models.light.files import BUILT_IN
from models.light.sizes import DetectorSizes, LightSizes, SurfaceSizes
from models.light.surface_net import SurfaceNet
from models.light.weights import grow, read_sizes, read_weights, write_weights
from models.network import NetworkConfig
from pipeline.stage import Job, Stage, StageError
from stages.payloads import Written
from stages.training.accelerator import training_device
from stages.training.detector_batches import detector_loss
from stages.training.fit import Batch, Fit, FitConfig
from stages.training.loaders import Batches, Recipe, deaths_told, require_count
from stages.training.payloads import DetectorTrained, PhotoShards, Round, SceneShards, SurfaceTrained
from stages.training.recipes import DetectorRecipe, SurfaceRecipe
from stages.training.surface_batches import surface_loss


def first_weights(start: str, network: NetworkConfig | None) -> Path | None:
    """The file that a training begins with, or None where none is named.

    Args:
        start: a file; empty for none.
        network: the run's network, whose weights are taken instead, where the run has one.

    Raises: StageError for a network of another kind.
    """
    if network is None:
        return Path(start).expanduser() if start else None
    if network.kind != "light":
        what = f"weights of the kind {network.kind!r} are not of the light network"
        raise StageError(what, "network.kind", "use -c train_finetune_trained")
    return BUILT_IN if network.weights == "light" else Path(network.weights).expanduser()


def begun(net: nn.Module, path: Path | None, prefix: str) -> nn.Module:
    """The network with the tensors of a file that have the prefix, or as it is without a file.

    The file's may have fewer bottlenecks: what the network says is then the same before it has learnt.

    Raises: ModelError for a file of other widths, or of more.
    """
    if path is not None:
        grow(net, read_weights(path), prefix, path)
    return net


def batches_for(fit: Fit, recipe: Recipe[Batch], *, loaders: int, device: torch.device, key: str) -> Batches:
    """The batches of all steps that a training has before it."""
    parts = fit.config.accumulate
    numbers = range(fit.step * parts, fit.config.steps * parts)
    return Batches(recipe, numbers, loaders=loaders, device=device, key=key)


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

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the detector is trained.

        Attributes:
            folder: of the run.
            batch: pictures per step.
            seed: of the pictures' order and changes.
            sizes: of the network.
            start: weights to start from (a .safetensors file of these widths, and no deeper).
            network: a light network to go on from instead (`--weights`), of whatever sizes.
            device: "auto" takes a GPU when there is one.
            loaders: processes that make batches ahead; 0 makes each in this process, when it is its turn.
            box_teacher: the YOLOX-nano .onnx file, to learn its answer at every place of photos (optional).
            fit: how to fit.
        """

        folder: str = "runs/train_light"
        box_teacher: str = ""
        batch: int = 16
        seed: int = 1
        start: str = ""
        network: NetworkConfig | None = None
        sizes: DetectorSizes = field(default_factory=DetectorSizes)
        device: Literal["auto", "cpu", "cuda"] = "auto"
        loaders: int = 0
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=3400))

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            require_count("loaders", self.loaders)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        cv2.setNumThreads(threads)
        self._device = training_device(config.device, "train_detector.device")
        path = first_weights(config.start, config.network)
        self.sizes = read_sizes(path).detector if path and config.network else config.sizes
        torch.manual_seed(config.seed)
        net = begun(PersonDetector(self.sizes), path, "detector.")
        self.fit = Fit(net.to(self._device), config.fit, Path(config.folder) / "detector")
        self._batches: Batches | None = None

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[DetectorTrained]:
        """Train to the end of the round."""
        config, key = self.config, "train_detector.loaders"
        last = part.last_step(config.fit.steps)
        if self._batches is None and self.fit.step < last:
            recipe = DetectorRecipe(
                photos=photos, scenes=scenes, size=config.batch, seed=config.seed, box_teacher=config.box_teacher
            )
            self._batches = batches_for(self.fit, recipe, loaders=config.loaders, device=self._device, key=key)
        if self._batches is not None:
            with deaths_told(key):
                self.fit.run(self._batches, detector_loss, last)
        yield DetectorTrained(checkpoint=str(self.fit.path), sizes=self.sizes)

    def close(self) -> None:
        """End the processes that make batches."""
        if self._batches is not None:
            self._batches.close()


class TrainSurface(Stage):
    """Photos and scenes in, a surface network out; goes on where its checkpoint in the run's folder stands."""

    ordered = True
    memory_frames = None
    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the surface network is trained.

        Attributes:
            folder: of the run.
            batch: crops per step.
            seed: of the crops' order and changes.
            sizes: of the network.
            start: weights to start from (a .safetensors file of these widths, and no deeper).
            network: a light network to go on from instead (`--weights`), of whatever sizes.
            device: "auto" takes a GPU when there is one.
            loaders: processes that make batches ahead; 0 makes each in this process, when it is its turn.
            small_until: the step until which crops are smaller.
            fit: how to fit.
        """

        folder: str = "runs/train_light"
        batch: int = 24
        seed: int = 2
        start: str = ""
        network: NetworkConfig | None = None
        small_until: int = 3200
        sizes: SurfaceSizes = field(default_factory=SurfaceSizes)
        device: Literal["auto", "cpu", "cuda"] = "auto"
        loaders: int = 0
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=5400))

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            require_count("loaders", self.loaders)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        cv2.setNumThreads(threads)
        self._device = training_device(config.device, "train_surface.device")
        path = first_weights(config.start, config.network)
        self.sizes = read_sizes(path).surface if path and config.network else config.sizes
        torch.manual_seed(config.seed)
        net = begun(SurfaceNet(self.sizes), path, "surface.")
        self.fit = Fit(net.to(self._device), config.fit, Path(config.folder) / "surface")
        self._batches: Batches | None = None

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[SurfaceTrained]:
        """Train to the end of the round."""
        config, key = self.config, "train_surface.loaders"
        last = part.last_step(config.fit.steps)
        if self._batches is None and self.fit.step < last:
            recipe = SurfaceRecipe(
                photos=photos, scenes=scenes, size=config.batch, seed=config.seed, small_until=config.small_until
            )
            self._batches = batches_for(self.fit, recipe, loaders=config.loaders, device=self._device, key=key)
        if self._batches is not None:
            with deaths_told(key):
                self.fit.run(self._batches, surface_loss, last)
        yield SurfaceTrained(checkpoint=str(self.fit.path), sizes=self.sizes)

    def close(self) -> None:
        """End the processes that make batches."""
        if self._batches is not None:
            self._batches.close()


class ExportLight(Stage):
    """Both checkpoints in, after the last round the averaged weights of both in one .safetensors file out."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`weights`: the file to write."""

        weights: str = "runs/train_light/light.safetensors"

    def __call__(self, part: Round, detector: DetectorTrained, surface: SurfaceTrained) -> Iterator[Written]:
        """Write the file whole, in half precision."""
        if not part.last:
            return
        path = Path(self.config.weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        sizes = LightSizes(detector=detector.sizes, surface=surface.sizes)
        write_weights(path, averaged(detector.checkpoint), averaged(surface.checkpoint), sizes)
        yield Written(path=str(path), frames=0)


def averaged(checkpoint: str) -> dict[str, torch.Tensor]:
    """The moving average of a training's weights. Raises: StageError when there is no checkpoint."""
    if not Path(checkpoint).is_file():
        raise StageError("there is no checkpoint", checkpoint, "run the training first")
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["average"]
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}

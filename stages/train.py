"""Train the two halves of the light DensePose-RCNN, and write them into one file of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import torch
from torch import nn

from models.light.detector import PersonDetector
from models.light.files import BUILT_IN
from models.light.surface_net import SurfaceNet
from models.light.teachers import PlaceTeacher
from models.light.weights import fill, read_weights, write_weights
from models.network import NetworkConfig
from pipeline.stage import Job, Stage, StageError
from stages.payloads import Written
from stages.training.canvases import CANVAS
from stages.training.detector_batches import DetectorBatches, detector_loss
from stages.training.fit import Fit, FitConfig
from stages.training.payloads import DetectorTrained, PhotoShards, Round, SceneShards, SurfaceTrained
from stages.training.photo_pool import PhotoPool
from stages.training.scene_pool import ScenePool
from stages.training.surface_batches import SurfaceBatches, surface_loss


def open_pools(photos: PhotoShards, scenes: SceneShards) -> tuple[PhotoPool, ScenePool]:
    """Open all shards (memory maps: about 0.6 MB a photo or scene, as far as they are touched)."""
    return PhotoPool([Path(path) for path in photos.paths]), ScenePool([Path(path) for path in scenes.paths])


def begun(net: nn.Module, start: str, network: NetworkConfig | None, prefix: str) -> nn.Module:
    """The network with the weights of a file, or as it is where none is named.

    Args:
        net: half of the light network.
        start: a file; empty for none.
        network: the run's network, whose weights are taken instead, where the run has one.
        prefix: of the half's tensors in the file.

    Raises: ModelError for other weights; StageError for a network of another kind.
    """
    if network is not None:
        if network.kind != "light":
            what = f"weights of the kind {network.kind!r} are not of the light network"
            raise StageError(what, "network.kind", "use -c train_finetune_trained")
        start = str(BUILT_IN) if network.weights == "light" else network.weights
    if start:
        path = Path(start).expanduser()
        fill(net, read_weights(path), prefix, path)
    return net


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

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the detector is trained.

        Attributes:
            folder: of the run.
            batch: pictures per step.
            seed: of the pictures' order and changes.
            start: weights to start from (a .safetensors file).
            network: a light network to go on from instead (`--weights`).
            box_teacher: the YOLOX-nano .onnx file, to learn its answer at every place of photos (optional).
            fit: how to fit.
        """

        folder: str = "runs/train_light"
        box_teacher: str = ""
        batch: int = 16
        seed: int = 1
        start: str = ""
        network: NetworkConfig | None = None
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=3400))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        cv2.setNumThreads(threads)
        torch.manual_seed(config.seed)
        net = begun(PersonDetector(), config.start, config.network, "detector.")
        self.fit = Fit(net, config.fit, Path(config.folder) / "detector")
        self._batches: DetectorBatches | None = None

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[DetectorTrained]:
        """Train to the end of the round."""
        last = part.last_step(self.config.fit.steps)
        if self._batches is None and self.fit.step < last:
            pools = open_pools(photos, scenes)
            path, threads = self.config.box_teacher, self.threads
            teacher = PlaceTeacher(Path(path), side=CANVAS, threads=threads) if path else None
            self._batches = DetectorBatches(*pools, size=self.config.batch, seed=self.config.seed, teacher=teacher)
        if self._batches is not None:
            self.fit.run(self._batches, detector_loss, last)
        yield DetectorTrained(checkpoint=str(self.fit.path))


class TrainSurface(Stage):
    """Photos and scenes in, a surface network out; goes on where its checkpoint in the run's folder stands."""

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the surface network is trained.

        Attributes:
            folder: of the run.
            batch: crops per step.
            seed: of the crops' order and changes.
            start: weights to start from (a .safetensors file).
            network: a light network to go on from instead (`--weights`).
            small_until: the step until which crops are smaller.
            fit: how to fit.
        """

        folder: str = "runs/train_light"
        batch: int = 24
        seed: int = 2
        start: str = ""
        network: NetworkConfig | None = None
        small_until: int = 3200
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=5400))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        cv2.setNumThreads(threads)
        torch.manual_seed(config.seed)
        net = begun(SurfaceNet(), config.start, config.network, "surface.")
        self.fit = Fit(net, config.fit, Path(config.folder) / "surface")
        self._batches: SurfaceBatches | None = None

    def __call__(self, part: Round, photos: PhotoShards, scenes: SceneShards) -> Iterator[SurfaceTrained]:
        """Train to the end of the round."""
        config, last = self.config, part.last_step(self.config.fit.steps)
        if self._batches is None and self.fit.step < last:
            pools = open_pools(photos, scenes)
            size, small_until = config.batch, config.small_until
            self._batches = SurfaceBatches(*pools, size=size, seed=config.seed, small_until=small_until)
        if self._batches is not None:
            self.fit.run(self._batches, surface_loss, last)
        yield SurfaceTrained(checkpoint=str(self.fit.path))


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
        write_weights(path, averaged(detector.checkpoint), averaged(surface.checkpoint))
        yield Written(path=str(path), frames=0)


def averaged(checkpoint: str) -> dict[str, torch.Tensor]:
    """The moving average of a training's weights. Raises: StageError when there is no checkpoint."""
    if not Path(checkpoint).is_file():
        raise StageError("there is no checkpoint", checkpoint, "run the training first")
    state = torch.load(checkpoint, weights_only=True)["average"]
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}

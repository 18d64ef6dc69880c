"""Train a DensePose-RCNN or a fully convolutional network on annotated sets, and write its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.architecture.direct import DirectNet
from models.architecture.fcn import FullConvNet
from models.architecture.rcnn import DensePoseRCNN
from models.cache import user_path
from models.checkpoints.trained_info import Kind, TrainedInfo, read_trained_info
from models.checkpoints.trained_weights import initialise_from, make_network, write_trained
from models.engines.device import choose_device, device_name
from models.inference.network_check import check_network, check_weights_file
from models.learning.direct_learner import DirectLearner
from models.learning.learner import FcnLearner, LossConfig, RcnnLearner
from models.learning.training_batch import TrainingBatch
from models.light.architecture.weight_paths import weights_path
from models.network import NetworkConfig
from models.surface.charted_mesh import open_body_mesh
from models.surface.mesh_basis import random_embedding, smooth_basis
from models.variant import EMBEDDING, OPEN_BODY, Variant
from pipeline.stage import Stage, StageError
from stages.payloads import Written
from stages.training.checkpoint import average_of
from stages.training.distributed import is_chief, is_distributed, rank, worker_count
from stages.training.fit import CHECKPOINT, Batch, Checkpoints, Fit, FitConfig
from stages.training.payloads import BatchSource, NetworkTrained, Round
from stages.training.rcnn.tensorboard import TensorBoardLog, prediction_grid, print_line, progress_line


class TrainNetwork(Stage):
    """Batches in, a network out; resumes from the checkpoint in the run's folder.

    With several workers (`torch.distributed`) each computes its part of every batch; the result is that of one.
    """

    ordered = True
    accelerated = True
    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """The network and its training.

        Attributes:
            folder: of the run: checkpoints, log, TensorBoard's files.
            variant: the network.
            losses: which losses, and their weights.
            fit: the training loop.
            seed: of the first weights.
            start: initial weights; those that fit are used: trained ones, a zoo checkpoint, an ImageNet backbone, or
                "light", the built-in ones, for `variant.backbone: light`.
            network: a network to train further instead (`--weights`, kind "trained"): its variant replaces `variant`.
            scales: of networks for single people: the sizes at which they predict a person, averaged.
            device: "auto" takes a GPU when there is one.
            tensorboard: write scalars and images for TensorBoard.
            quiet: print no progress.
        """

        folder: str = "runs/train_rcnn"
        variant: Variant = field(default_factory=lambda: Variant(backbone="tiny"))
        losses: LossConfig = field(default_factory=LossConfig)
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=6000, checkpoints=Checkpoints(keep=2)))
        seed: int = 0
        start: str = ""
        network: NetworkConfig | None = None
        scales: tuple[float, ...] = (1.0,)
        device: Literal["auto", "cpu", "cuda"] = "auto"
        tensorboard: bool = False
        quiet: bool = False

        def __post_init__(self) -> None:
            """Raises ValueError for a network and losses that do not go together."""
            if self.variant.legacy:
                raise ValueError("the legacy variant is not trained; leave variant.legacy out")
            if self.variant.mesh:
                require_embedding_alone(self.variant)
            if (self.variant.confidence != "none") != (self.losses.uv == "confident"):
                raise ValueError("variant.confidence needs losses.uv: confident, and the other way round")
            if not self.scales or min(self.scales) <= 0:
                raise ValueError("scales must be above 0, one at least")

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for first weights that are not there, and for a device that is not."""
        choose_device(config.device, "train_network.device")
        if config.network is not None:
            require_trained(config.network)
            check_network(config.network)
        elif config.start:
            check_weights_file(weights_path(config.start), light=config.variant.backbone == "light")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        cv2.setNumThreads(threads)
        torch.set_num_threads(threads)
        self._training: Training | None = None

    def __call__(self, part: Round, batches: BatchSource) -> Iterator[NetworkTrained]:
        """Train to the end of the round."""
        if self._training is None:
            self._training = Training(self.config, batches)
        yield self._training.advance(part.last_step(self.config.fit.steps))

    def summary(self) -> Mapping[str, Any]:
        """`device`: where it computed."""
        return {} if self._training is None else {"device": device_name(self._training.device)}

    def close(self) -> None:
        """End the thread that makes batches."""
        if self._training is not None:
            self._training.close()


class Training:
    """The training of one network: the learner, its workers and its logs."""

    def __init__(self, config: TrainNetwork.Config, batches: BatchSource) -> None:
        self.config = config
        self.batches = batches
        self.device = choose_device(config.device, "train_network.device")
        torch.manual_seed(config.seed)
        self.variant = config.variant if config.network is None else variant_of(config.network, batches.kind)
        network = make_network(checked_kind(batches.kind, self.variant), self.variant)
        start = config.start if config.network is None else config.network.weights
        taken = initialise_from(network, weights_path(start))["taken"] if start else []
        if needs_basis(Path(config.folder), taken):
            start_embedding(network, config.seed)
        freeze(network)
        self.network = network
        learner = learner_of(network, config.losses).to(self.device)
        logs = config.tensorboard and is_chief()
        self._tensorboard = TensorBoardLog(Path(config.folder) / "tensorboard") if logs else None
        self.fit = Fit(learner, config.fit, Path(config.folder), self._report)
        self._batch_thread = ThreadPoolExecutor(max_workers=1)
        self._pending: dict[int, Future[TrainingBatch]] = {}
        self._shared: nn.Module = learner
        if is_distributed():
            self._shared = DistributedDataParallel(learner)

    def advance(self, last: int) -> NetworkTrained:
        """Train up to a step."""
        self.fit.run(self._batch, self._losses, last)
        if self._tensorboard is not None:
            first = self.batches.of(0, 0, 1).to(self.device)
            self._tensorboard.image(self.fit.step, prediction_grid(self.network, first))
        config, batches = self.config, self.batches
        about = TrainedInfo(
            kind=batches.kind, variant=self.variant, min_size=batches.min_size, max_size=batches.max_size,
            scales=config.scales, figure_ground=batches.figure_ground,
        )
        return NetworkTrained(checkpoint=str(self.fit.path), about=about)

    def close(self) -> None:
        """End the thread that makes batches."""
        self._batch_thread.shutdown(wait=True, cancel_futures=True)

    def _batch(self, step: int) -> Batch:
        """The batch of a step; the next one is made meanwhile."""
        made = self._pending.pop(step, None) or self._submitted(step)
        self._pending = {step + 1: self._submitted(step + 1)}
        return made.result().to(self.device)

    def _submitted(self, step: int) -> Future[TrainingBatch]:
        return self._batch_thread.submit(self.batches.of, step, rank(), worker_count())

    def _losses(self, net: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        # Not through `net`, which is the learner alone: the wrapper sums the gradients of the workers.
        return cast(Mapping[str, Tensor], self._shared(cast(TrainingBatch, batch)))

    def _report(self, row: Mapping[str, Any]) -> None:
        if not self.config.quiet:
            print_line(progress_line(row, self.batches.size))
        if self._tensorboard is not None:
            self._tensorboard.row(row)


def needs_basis(folder: Path, taken: Sequence[str]) -> bool:
    """Whether smooth functions of the mesh are computed: neither a checkpoint nor the first weights have them.

    Args:
        folder: of the training.
        taken: names of the weights that it begins with.
    """
    return not (folder / CHECKPOINT).is_file() and not any(name.endswith(".features") for name in taken)


def require_embedding_alone(variant: Variant) -> None:
    """Raises: ValueError for embeddings of another mesh, or with what only networks of charts have."""
    if variant.mesh != OPEN_BODY:
        raise ValueError(f"variant.mesh: trainings embed {OPEN_BODY} alone")
    if variant.cascade or variant.confidence != "none" or variant.segm_confidence:
        raise ValueError("variant.mesh goes with neither the cascade nor predicted uncertainty; leave these out")


def start_embedding(network: DensePoseRCNN | FullConvNet, seed: int) -> None:
    """Give the vertices of the open body smooth embeddings, where the network predicts embeddings."""
    if isinstance(network, FullConvNet) or network.roi_heads.embedder is None:
        return
    mesh, embedder = open_body_mesh(), network.roi_heads.embedder.of_mesh
    function_VK, eigenvalue_K = smooth_basis(mesh.vertex_V3, mesh.face_F3, embedder.features.shape[1])
    mixture_KE = random_embedding(eigenvalue_K, EMBEDDING, seed)
    embedder.start(torch.from_numpy(function_VK), torch.from_numpy(mixture_KE))


def learner_of(network: DensePoseRCNN | FullConvNet, losses: LossConfig) -> nn.Module:
    """The network with its losses."""
    if isinstance(network, DirectNet):
        return DirectLearner(network, losses)
    return FcnLearner(network, losses) if isinstance(network, FullConvNet) else RcnnLearner(network, losses)


def require_trained(network: NetworkConfig) -> None:
    """Raises: StageError for weights that no training of this stage wrote."""
    if network.kind != "trained":
        what = f"weights of the kind {network.kind!r} cannot be fine-tuned here"
        raise StageError(what, "network.kind", "give --weights FILE of a training, and network.kind: trained")


def variant_of(network: NetworkConfig, kind: Kind) -> Variant:
    """The variant of a configuration's weights. Raises: StageError if they are no trained ones of the kind."""
    require_trained(network)
    about = read_trained_info(user_path(network.weights))
    if about.kind != kind:
        what = f"these weights are of the kind {about.kind!r}, the batches of {kind!r}"
        raise StageError(what, network.weights, f"set augment.kind: {about.kind}")
    return about.variant


def checked_kind(kind: Kind, variant: Variant) -> Kind:
    """The kind. Raises: StageError for tasks that need regions where there are none, and for what `light` has not."""
    if kind != "rcnn" and (variant.mask or variant.keypoints or variant.cascade or variant.mesh):
        what = "masks, keypoints, the cascade and embeddings are tasks of regions"
        raise StageError(what, "train_network.variant", "leave them out, or set augment.kind: rcnn")
    if kind != "rcnn" and variant.backbone == "light" and variant != Variant(backbone="light"):
        what = "in whole images the light network has an output layer of its own, of stride 4, without uncertainty"
        raise StageError(what, "train_network.variant", "leave all but backbone out, or set stride: 4")
    return kind


def freeze(network: DensePoseRCNN | FullConvNet) -> None:
    """Freeze the stem and res2 where batch norms are frozen, as in the reference (facts §3)."""
    if not network.sizes.group_norm:
        bottom_up = network.backbone.bottom_up
        for name in ("stem", "res2"):
            bottom_up.get_submodule(name).requires_grad_(False)


class ExportNetwork(Stage):
    """After the last round: the averaged weights in one .safetensors file, with the description of the network."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`weights`: the file to write."""

        weights: str = "runs/train_rcnn/rcnn.safetensors"

    def __call__(self, part: Round, trained: NetworkTrained) -> Iterator[Written]:
        """Write the file whole. Raises: StageError if there is no checkpoint."""
        if not part.last or not is_chief():
            return
        average, path = average_of(Path(trained.checkpoint)), Path(self.config.weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_trained(path, {name.removeprefix("network."): value for name, value in average.items()}, trained.about)
        yield Written(path=str(path), frames=0)

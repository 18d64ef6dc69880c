"""Training of one component of the light network: first weights, checkpoint, batches made ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import torch
from torch import nn

from models.cache import user_path
from models.engines.device import choose_device, device_name
from models.inference.network_check import check_network
from models.light.architecture.weight_files import load_smaller, read_weights
from models.light.architecture.weight_paths import weights_path
from models.network import NetworkConfig
from pipeline.stage import Stage, StageError
from stages.training.device import training_device
from stages.training.distributed import average_over_workers, indices_of, is_distributed, rank, worker_count
from stages.training.fit import Batch, Fit, FitConfig, Loss
from stages.training.loaders import BatchLoader, ItemFactory, named_process_deaths, require_count


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentConfig:
    """How a component is trained: the settings that both have in common.

    Attributes:
        folder: of the run.
        start: weights to start from (a .safetensors file of a network that is no wider and no deeper).
        network: a light network to train further instead (`--weights`), of any sizes.
        device: "auto" takes a GPU when there is one.
        loaders: processes that make batches ahead; 0 makes each batch in this process when it is needed.
        fit: the training loop.
    """

    folder: str = "runs/train_light"
    start: str = ""
    network: NetworkConfig | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    loaders: int = 0
    fit: FitConfig

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        require_count("loaders", self.loaders)

    @property
    def first(self) -> Path | None:
        """The file of the first weights, or None if none is named.

        Raises: StageError for a network of another kind.
        """
        if self.network is None:
            return user_path(self.start) if self.start else None
        if self.network.kind != "light":
            what = f"weights of the kind {self.network.kind!r} are not of the light network"
            raise StageError(what, "network.kind", "use -c train_finetune_trained")
        return weights_path(self.network.weights)


class ComponentTraining:
    """The training of a component in its folder; it resumes from its checkpoint.

    With several workers (`torch.distributed`) each makes its part of every batch. Gradients and running statistics are
    averaged over them; batch norms and divisors of losses see a worker's own part.
    """

    def __init__(self, net: nn.Module, config: ComponentConfig, *, name: str, threads: int) -> None:
        """Open the first weights and the checkpoint, if they exist.

        The first weights may be of a narrower network of fewer bottlenecks: it says the same before it has learnt.

        Args:
            net: of the wanted sizes.
            name: "detector" or "surface": of the weights in files, of the folder, and of the stage after `train_`.

        Raises: ModelError for a file of a wider or deeper network; StageError for a device that is not there.
        """
        cv2.setNumThreads(threads)
        torch.set_num_threads(threads)
        self.key = f"train_{name}"
        self.config = config
        self.device = training_device(config.device, f"{self.key}.device")
        if path := config.first:
            load_smaller(net, read_weights(path), f"{name}.", path)
        join = average_over_workers if is_distributed() else None
        self.fit = Fit(net.to(self.device), config.fit, Path(config.folder) / name, join=join)
        self._batches: BatchLoader | None = None

    def run(self, recipe: ItemFactory[Batch], loss: Loss, last: int) -> None:
        """Train up to step `last` on the recipe's batches. Raises: StageError if a process of theirs died."""
        if self.fit.step >= last:
            return
        key = f"{self.key}.loaders"
        if self._batches is None:
            fit, parts = self.fit, self.config.fit.accumulate
            numbers = range(fit.step * parts, fit.config.steps * parts)
            self._batches = BatchLoader(recipe, numbers, loaders=self.config.loaders, device=self.device, key=key)
        with named_process_deaths(key):
            self.fit.run(self._batches, loss, last)

    def summary(self) -> dict[str, Any]:
        """`device`: where it computes."""
        return {"device": device_name(self.device)}

    def close(self) -> None:
        """End the processes that make batches."""
        if self._batches is not None:
            self._batches.close()


class ComponentStage(Stage):
    """The stage that trains a component: photos and scenes in, a network out."""

    ordered = True
    accelerated = True
    writes_to = "folder"
    component: ClassVar[str]
    """"detector" or "surface": of the weights in files, of the folder, and of the stage after `train_`."""
    training: ComponentTraining

    @classmethod
    def check_settings(cls, config: ComponentConfig) -> None:
        """Raises ModelError for first weights that are not the light network's, and for a device that is not there."""
        choose_device(config.device, f"train_{cls.component}.device")
        if config.first is not None:
            check_network(config.network or NetworkConfig(weights=config.start))

    def indices(self, batch: int) -> range:
        """The indices of a batch that this worker makes. Raises: StageError for a batch that workers cannot share."""
        return indices_of(rank(), worker_count(), batch, f"{self.training.key}.batch")

    def summary(self) -> Mapping[str, Any]:
        """`device`: where it computed."""
        return self.training.summary()

    def close(self) -> None:
        """End the processes that make batches."""
        self.training.close()

"""Networks in floating point: torch modules, compiled for an engine and a precision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from models.engines.compiled_network import compile_network
from models.engines.engine import CompiledNetwork, Engine, Precision
from models.light.architecture.surface_net import PickedSurface
from models.light.architecture.weight_files import load_networks, load_yolox
from models.light.inference.batched_network import LightComponents


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatComponent:
    """A component in floating point.

    Attributes:
        network: from (N, channels, H, W) to one tensor.
        channels: of its input.
        engine, precision, threads: see `compile_network`.
        batch_size: 1. With torch, an image in a batch has other last bits than the image alone; with OpenVINO a batch
            would save little.
    """

    network: nn.Module
    channels: int
    engine: Engine
    precision: Precision
    threads: int
    batch_size: int = 1

    def compiled(self, count: int, height: int, width: int) -> CompiledNetwork:
        """The component for inputs (count, channels, height, width)."""
        shape = (count, self.channels, height, width)
        return compile_network(
            self.network, shape, engine=self.engine, precision=self.precision, threads=self.threads
        )


def float_light(path: Path, *, engine: Engine, precision: Precision, threads: int) -> LightComponents:
    """Both components from a file of weights; see `FloatComponent`.

    With torch this sets the number of threads of the process: sums depend on it in their last bits.

    Raises: ModelError when the weights are damaged or do not fit.
    """
    detector, surface = load_networks(path)
    _set_threads(engine, threads)
    return LightComponents(
        detector=FloatComponent(network=detector, channels=3, engine=engine, precision=precision, threads=threads),
        surface=FloatComponent(
            network=PickedSurface(surface),
            channels=surface.channels,
            engine=engine,
            precision=precision,
            threads=threads,
        ),
        crops=surface.sizes.crops,
    )


def torch_yolox(path: Path, *, precision: Precision, threads: int) -> FloatComponent:
    """YOLOX from its file, run by torch; otherwise as `float_light`."""
    detector = load_yolox(path)
    _set_threads("torch", threads)
    return FloatComponent(network=detector, channels=3, engine="torch", precision=precision, threads=threads)


def _set_threads(engine: Engine, threads: int) -> None:
    if engine == "torch":
        torch.set_num_threads(threads)

"""The components of the light network in floating point: torch modules, compiled for an engine and a precision."""

from __future__ import annotations

from pathlib import Path

import torch

from models.engines.compiled_network import compile_network
from models.engines.engine import CompiledNetwork, Engine, Precision
from models.light.architecture.sizes import ComponentName
from models.light.architecture.surface_net import PickedSurface
from models.light.architecture.weight_files import load_networks


class FloatComponents:
    """Both components from a file of weights.

    Attributes:
        batch_size: 1. With torch, an image in a batch has other last bits than the image alone; with OpenVINO a batch
            would save little.
        crops: what the surface network sees of a person.
    """

    batch_size = 1

    def __init__(self, path: Path, *, engine: Engine, precision: Precision, threads: int) -> None:
        """Raises: ModelError when the weights are damaged or do not fit.

        With torch this sets the number of threads of the process: sums depend on it in their last bits.
        """
        detector, surface = load_networks(path)
        if engine == "torch":
            torch.set_num_threads(threads)
        self.crops = surface.sizes.crops
        self._channels = {"detector": 3, "surface": surface.channels}
        self._modules = {"detector": detector, "surface": PickedSurface(surface)}
        self._engine, self._precision, self._threads = engine, precision, threads

    def compiled(self, component: ComponentName, count: int, height: int, width: int) -> CompiledNetwork:
        """A component for inputs (count, C, height, width); C is 3 for the detector, `crops.channels` for the other."""
        shape = (count, self._channels[component], height, width)
        return compile_network(
            self._modules[component], shape, engine=self._engine, precision=self._precision, threads=self._threads
        )

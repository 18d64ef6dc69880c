"""The light network from its weights: torch networks, made ready for the engine and precision asked for."""

from __future__ import annotations

from pathlib import Path

import torch

from models.engines.compiled_network import compile_network
from models.engines.engine import CompiledNetwork, Engine, Precision
from models.light.architecture.surface_net import PickedSurface
from models.light.architecture.weights import load_networks
from models.light.export.quantized import Half


class ConvertedLight:
    """Both networks of a file of weights.

    Attributes:
        together: 1. In torch each of several pictures in one call has other last bits than alone; in OpenVINO the same
            ones, for 3 to 7 % less time.
    """

    together = 1

    def __init__(self, path: Path, *, engine: Engine, precision: Precision, threads: int) -> None:
        """Raises: ModelError when the weights are damaged or do not fit.

        With torch the process computes on so many threads from now on: on others sums have other last bits.
        """
        detector, surface = load_networks(path)
        if engine == "torch":
            torch.set_num_threads(threads)
        self._nets = {"detector": detector, "surface": PickedSurface(surface)}
        self._engine, self._precision, self._threads = engine, precision, threads

    def body(self, half: Half, count: int, height: int, width: int) -> CompiledNetwork:
        """One of the networks for inputs (count, 3, height, width)."""
        shape = (count, 3, height, width)
        return compile_network(
            self._nets[half], shape, engine=self._engine, precision=self._precision, threads=self._threads
        )

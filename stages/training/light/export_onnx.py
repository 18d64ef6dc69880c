"""Write a network as ONNX files for other runtimes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.errors import ModelError
from models.inference.network_check import check_network
from models.inference.onnx_export import graphs_of, write_graph
from models.network import NetworkConfig
from pipeline.stage import Job, Stage
from stages.payloads import Written
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS

SIZES = ((256, 320), (224, 416), (320, 256))
"""Pixels of the example images: the size at which the graph is traced, and others on which it is checked."""


class ExportOnnx(Stage):
    """A network in, ONNX files out: one for a whole network, one for each component of the light network."""

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`folder` to write to, and the `network` (the section of the same name)."""

        folder: str = "."
        network: NetworkConfig = field(default_factory=NetworkConfig)

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for weights that are not the network's, and for a GPU, which no export uses."""
        if config.network.device == "cuda":
            raise ModelError("networks are exported on the CPU", "network.device", "use auto or cpu")
        check_network(config.network)

    def __call__(self, job: Job) -> Iterator[Written]:
        """One file a graph, and beside it `NAME.onnx.json`. Raises: ModelError for weights that do not fit."""
        torch.set_num_threads(self.threads)
        folder = Path(self.config.folder)
        folder.mkdir(parents=True, exist_ok=True)
        for graph in graphs_of(self.config.network, example_pictures()):
            made = write_graph(graph, folder, threads=self.threads)
            about = {
                "inputs": list(graph.inputs),
                "outputs": list(graph.outputs),
                "free axes": {name: {str(axis): of for axis, of in axes.items()} for name, axes in graph.free.items()},
                "largest difference from torch": made.error,
                "examples": [list(example.shape) for example in graph.examples],
                "rows of the first output": list(made.most),
            }
            made.path.with_suffix(".onnx.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
            worst = ", ".join(f"{name} {error:.1e}" for name, error in made.error.items())
            yield Written(
                path=str(made.path), frames=0, facts={"notes": [f"{made.path}: largest difference from torch: {worst}"]}
            )


def example_pictures() -> list[npt.NDArray[np.uint8]]:
    """People of the synthetic world in every size."""
    return [
        image_scene(replace(IMAGE_WORLDS["val"], height=height, width=width, people=(0.0, 0.0, 1.0)), 3, index).rgb_HW3
        for index, (height, width) in enumerate(SIZES)
    ]

"""Write both trained components of the light network into one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from models.light.architecture.sizes import LightSizes
from models.light.architecture.weight_files import write_weights
from pipeline.stage import Stage
from stages.payloads import Written
from stages.training.checkpoint import average_of
from stages.training.distributed import is_chief
from stages.training.payloads import DetectorTrained, Round, SurfaceTrained


class ExportLight(Stage):
    """Both checkpoints in; after the last round the averaged weights of both in one .safetensors file."""

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

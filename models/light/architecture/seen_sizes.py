"""The sizes of a half of the light network, seen in its tensors: a checkpoint says them nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from models.light.architecture.sizes import DetectorSizes, SurfaceSizes

State = Mapping[str, torch.Tensor]


def detector_sizes(state: State) -> DetectorSizes:
    """Of a `PersonDetector`. Raises: KeyError or ValueError for tensors of something else."""
    widths, blocks = _trunk(state, 4)
    return DetectorSizes(widths=widths, blocks=blocks)  # type: ignore[arg-type]


def surface_sizes(state: State) -> SurfaceSizes:
    """Of a `SurfaceNet`. Raises: KeyError or ValueError for tensors of something else."""
    widths, blocks = _trunk(state, 3)
    return SurfaceSizes(
        widths=widths,  # type: ignore[arg-type]
        blocks=blocks,  # type: ignore[arg-type]
        wide=len(state["decode4.0.weight"]),
        refined=(_count(state, "refined8."), _count(state, "refined4.")),
        attention=_count(state, "attention.") // 2,
        joints="joints.weight" in state,
    )


def _trunk(state: State, stages: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels at every stride, and bottlenecks of every stage."""
    first = [f"stages.{stage}." for stage in range(stages)]
    widths = len(state["stem.0.weight"]), *(len(state[f"{stage}0.0.weight"]) for stage in first)
    return widths, tuple(_count(state, stage) - 1 for stage in first)


def _count(state: State, sequence: str) -> int:
    """Members of a sequence of layers."""
    return len({name.removeprefix(sequence).partition(".")[0] for name in state if name.startswith(sequence)})

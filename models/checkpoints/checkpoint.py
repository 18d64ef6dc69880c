"""Loads weights from .pkl (model zoo), .pth (trainings) and .safetensors files without running code from them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoints.caffe2_names import is_caffe2, rename_caffe2
from models.checkpoints.torch_file import read_torch_file
from models.errors import ModelError
from models.files.data_pickle import read_data_pickle
from models.files.safetensors_file import read_tensors

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A weights file in memory.

    Attributes:
        weights: float32 tensors by name.
        endings_only: its names may be endings of the network's names (the file's flag `matching_heuristics`).
    """

    weights: Weights
    endings_only: bool


DERIVED = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.cell_anchors.")
"""Prefixes of keys in old files that follow from the architecture; they are dropped."""

MOST_GROWTH, SPARE_BYTES = 16, 1 << 26
"""Limits on memory relative to the file: int8 becomes float32, and a tensor may have a few names. A file that needs
more refers to the same tensor again and again."""
NAMED_AT_MOST = 6


def load_checkpoint(path: Path) -> Checkpoint:
    """All weights of a file by name, float32, on the CPU.

    Raises:
        ModelError: the file is missing, has an unknown suffix, is damaged, or contains code.
    """
    readers = {".pkl": _read_pickle, ".pth": _read_torch, ".pt": _read_torch, ".safetensors": _read_safetensors}
    if path.suffix not in readers:
        raise ModelError("unknown kind of weights file", str(path), f"give one of {', '.join(readers)}")
    if not path.is_file():
        raise ModelError("no such weights file", str(path), "check --weights (network.weights)")
    content = readers[path.suffix](path)
    weights = _to_tensors(content, path)
    if is_caffe2(weights):
        weights = rename_caffe2(weights)
    return Checkpoint(
        weights={name: value for name, value in weights.items() if not name.startswith(DERIVED)},
        endings_only=isinstance(content, Mapping) and content.get("matching_heuristics") is True,
    )


def load_into(checkpoint: Checkpoint, network: nn.Module, where: str) -> None:
    """Load weights into a network, all or nothing. The network uses the tensors without copying.

    Args:
        checkpoint: from `load_checkpoint`.
        network: defines the expected names; may be on the meta device.
        where: the file, for the message.

    Raises:
        ModelError: names are missing, unexpected or of another shape. The network is unchanged.
    """
    expected = network.state_dict()
    weights = match_endings(checkpoint.weights, list(expected)) if checkpoint.endings_only else checkpoint.weights
    complaints = {
        "missing": [name for name in expected if name not in weights],
        "unexpected": [name for name in weights if name not in expected],
        "with another shape": [
            f"{name} {tuple(weights[name].shape)} instead of {tuple(value.shape)}"
            for name, value in expected.items()
            if name in weights and weights[name].shape != value.shape
        ],
    }
    problems = [f"{len(names)} {kind} ({_some(names)})" for kind, names in complaints.items() if names]
    if problems:
        what = f"these weights are not of the configured network: {'; '.join(problems)}"
        raise ModelError(what, where, "choose the configuration that fits the weights (-c zoo_…)")
    network.load_state_dict(weights, strict=True, assign=True)


def _some(names: list[str]) -> str:
    shown = ", ".join(f"{name:.80}" for name in names[:NAMED_AT_MOST])
    return f"{shown} and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else shown


def match_endings(weights: Weights, expected: list[str]) -> Weights:
    """Give the full names to weights whose names are endings of expected names. The longest ending wins.

    Files with the flag `matching_heuristics`, such as ImageNet backbones, omit the first parts of names. Weights
    without a match keep their names.
    """
    matched: Weights = {}
    used = set()
    for name in expected:
        parts = name.split(".")
        endings = (".".join(parts[start:]) for start in range(len(parts)))
        found = next((ending for ending in endings if ending in weights), None)
        if found is not None:
            matched[name] = weights[found]
            used.add(found)
    return matched | {name: value for name, value in weights.items() if name not in used}


def _read_pickle(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return read_data_pickle(file)
    except (pickle.UnpicklingError, OSError) as error:
        raise ModelError(f"not readable as weights: {error}", str(path), "download it again") from error


def _read_torch(path: Path) -> Any:
    try:
        return read_torch_file(path)
    except (pickle.UnpicklingError, OSError) as error:
        remedy = "save it again as a state dict"
        raise ModelError(f"not readable as weights: {error}", str(path), remedy) from error


def _read_safetensors(path: Path) -> Any:
    try:
        return read_tensors(path)
    except ValueError as error:
        raise ModelError(f"not readable as weights: {error}", str(path), "download it again") from error


def _to_tensors(content: Any, path: Path) -> Weights:
    """Unwrap `model` and `blobs`, drop entries that are not weights, and convert the rest to float32 tensors."""
    for wrapper in ("model", "blobs"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping):
        raise ModelError("contains no named weights", str(path), "give a checkpoint of DensePose-RCNN")
    weights: Weights = {}
    room = MOST_GROWTH * path.stat().st_size + SPARE_BYTES
    for key, value in content.items():
        name = key.decode("latin1") if isinstance(key, bytes) else key
        if not isinstance(name, str) or name.endswith("_momentum") or name in ("__author__", "matching_heuristics"):
            continue
        if not isinstance(value, Tensor) and not _is_number(value):
            raise ModelError(f"{name:.80} is not an array of numbers", str(path), "give a checkpoint of DensePose-RCNN")
        room -= torch.float32.itemsize * (value.numel() if isinstance(value, Tensor) else value.size)
        if room < 0:
            raise ModelError("contains the same tensor under too many names", str(path), "download it again")
        weights[name] = _as_float32(value)
    return weights


def _as_float32(value: Tensor | np.ndarray | np.generic) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(torch.float32)
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.array(value, np.float32))


def _is_number(value: Any) -> bool:
    real = (np.integer, np.floating)
    return isinstance(value, np.ndarray | np.generic) and any(np.issubdtype(value.dtype, kind) for kind in real)

"""Named arrays as bytes, and a person's surface as named arrays, for the states of stages."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.structures import PersonMotion
from stages.payloads import PersonSurface

NamedArrays = dict[str, npt.NDArray[Any]]
SavedArrays = Mapping[str, npt.NDArray[Any]]
_OPTIONAL = {"confidence": "confidence_hw", "keypoints": "keypoint_K3", "mask": "mask_hw"}


def arrays_to_bytes(arrays: NamedArrays) -> bytes:
    """Arrays with their names, exactly."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def arrays_from_bytes(state: bytes) -> dict[str, npt.NDArray[Any]]:
    """The inverse of `arrays_to_bytes`."""
    with np.load(io.BytesIO(state), allow_pickle=False) as arrays:
        return dict(arrays)


def surface_to_arrays(key: str, surface: PersonSurface) -> NamedArrays:
    """The surface as arrays whose names begin with `key`."""
    arrays: NamedArrays = {
        f"{key}_corner": np.array([surface.x0, surface.y0], np.int64),
        f"{key}_labels": surface.labels_hw,
        f"{key}_uv": surface.uv_2hw,
    }
    if (motion := surface.motion) is not None:
        arrays |= {f"{key}_back": motion.back_hw3, f"{key}_cells": np.array([motion.x0, motion.y0, motion.step])}
    optional = {name: getattr(surface, field) for name, field in _OPTIONAL.items()}
    return arrays | {f"{key}_{name}": array for name, array in optional.items() if array is not None}


def surface_from_arrays(key: str, arrays: SavedArrays) -> PersonSurface:
    """The inverse of `surface_to_arrays`."""
    x0, y0 = arrays[f"{key}_corner"].tolist()
    optional: dict[str, Any] = {field: arrays.get(f"{key}_{name}") for name, field in _OPTIONAL.items()}
    motion = None
    if (back_hw3 := arrays.get(f"{key}_back")) is not None:
        left, top, step = arrays[f"{key}_cells"].tolist()
        motion = PersonMotion(x0=left, y0=top, step=step, back_hw3=back_hw3)
    return PersonSurface(
        x0=x0, y0=y0, labels_hw=arrays[f"{key}_labels"], uv_2hw=arrays[f"{key}_uv"], motion=motion, **optional
    )

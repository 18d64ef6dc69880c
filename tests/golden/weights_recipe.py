"""The weights under which the reference's numbers were taken: drawn key by key, so that nobody needs the file.

Each key owns a generator seeded with the CRC-32 of its name; the rules below give every layer outputs of order one.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

GAINS = {
    "stem.conv1": 1 / 60,
    "fpn_": 0.5,
    "anchor_deltas": 0.1,
    "objectness": 0.5,
    "bbox_pred": 0.3,
    "cls_score": 1.5,
    "decoder.": 0.7,
    "ann_index_lowres": 1.0,
    "index_uv_lowres": 0.6,
    "kappa_": 0.5,
    "u_lowres": 0.12,
    "v_lowres": 0.12,
}


def recipe_weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, F32]:
    """Weights for every key. (For detections the reference added the fixture's `cls_shift` to the person's bias.)"""
    weights = {}
    for key, shape in shapes.items():
        value = _draw(key, tuple(shape))
        if key.endswith((".u_lowres.bias", ".v_lowres.bias")):
            value = value + 0.5
        weights[key] = value.astype(np.float32)
    return weights


def _draw(key: str, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape)
    if key.endswith("running_mean"):
        return 0.1 * rng.standard_normal(shape)
    is_norm_weight = key.endswith("weight") and (".norm." in key or len(shape) == 1)
    if is_norm_weight:
        return rng.uniform(0.5, 1.5, shape) * (0.15 if "conv3.norm" in key else 1.0)
    if key.endswith("bias"):
        return 0.05 * rng.standard_normal(shape)
    fan = shape[0] * 4 if "_lowres." in key else math.prod(shape[1:])
    gain = next((value for part, value in GAINS.items() if part in key), 1.0)
    return rng.standard_normal(shape) * gain * np.sqrt(2.0 / fan)


def digest(weights: Mapping[str, F32]) -> str:
    """sha256 over the little-endian float32 bytes of all keys in sorted order."""
    total = hashlib.sha256()
    for key in sorted(weights):
        total.update(weights[key].astype("<f4").tobytes())
    return total.hexdigest()

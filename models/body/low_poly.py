"""A low-poly open body: 500 of its vertices, and the fixed matrix that computes all vertices from these.

A network that predicts a mesh predicts these 500 vertices. Each vertex of the body is a weighted sum of twelve of them,
with the same weights in every pose and shape; the weights sum to 1. `tools/bake_low_poly.py` writes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from models.arrays import F32, I32, Float
from models.body.open_body import load_body
from models.errors import ModelError

LOW_POLY_FILE = Path(__file__).with_name("low_poly.npz")
FORMAT = 1
REMEDY = "create it: python -m tools.bake_low_poly"


@dataclass(frozen=True, slots=True, kw_only=True)
class LowPoly:
    """L vertices of the body, and the matrix that computes all its V vertices from them.

    Attributes:
        vertex_L: the vertices.
        twin_L: mirror image of each, as an index into them.
        source_VK, weight_VK: for each vertex of the body K of the L vertices and their weights. They are the V rows of
            the upsampling matrix (V, L), which is 0 elsewhere.
    """

    vertex_L: I32
    twin_L: I32
    source_VK: I32
    weight_VK: F32

    def upsampled(self, point_L3: Float) -> F32:
        """All vertices of the body (V, 3) from the low-poly ones."""
        return np.einsum("vk,vki->vi", self.weight_VK, point_L3.astype(np.float32)[self.source_VK])


@cache
def load_low_poly() -> LowPoly:
    """The low-poly body of this repository, read once. Raises ModelError if the file is missing or not of this body."""
    try:
        with np.load(LOW_POLY_FILE) as data:
            arrays = {key: data[key] for key in data.files}
    except (OSError, ValueError) as error:
        raise ModelError("the low-poly body cannot be read", str(LOW_POLY_FILE), REMEDY) from error
    twin_V = load_body().twin_V
    left = int((twin_V >= np.arange(len(twin_V))).sum())
    if int(arrays.get("format", -1)) != FORMAT or len(arrays["weight_VK"]) != left:
        raise ModelError(f"the format is not {FORMAT}, or this is of another body", str(LOW_POLY_FILE), REMEDY)
    vertex_L = arrays["vertex_L"].astype(np.int32)
    index_V = np.full(len(twin_V), -1, np.int32)
    index_V[vertex_L] = np.arange(len(vertex_L))
    twin_L = index_V[twin_V[vertex_L]]
    weight_VK = arrays["weight_VK"].astype(np.float32)
    weight_VK /= weight_VK.sum(axis=1, keepdims=True)
    right_V = twin_V[left:]
    return LowPoly(
        vertex_L=vertex_L, twin_L=twin_L, weight_VK=np.concatenate([weight_VK, weight_VK[right_V]]),
        source_VK=np.concatenate([arrays["source_VK"], twin_L[arrays["source_VK"][right_V]]]).astype(np.int32),
    )


@cache
def low_poly_keypoints() -> F32:
    """The keypoints of `KEYPOINT_NAMES` as weighted sums of the low-poly vertices (J, L)."""
    low, body = load_low_poly(), load_body()
    matrix_VL = np.zeros((len(low.source_VK), len(low.vertex_L)), np.float32)
    np.add.at(matrix_VL, (np.arange(len(matrix_VL))[:, None], low.source_VK), low.weight_VK)
    return np.asarray(body.keypoint_KV @ matrix_VL, np.float32)

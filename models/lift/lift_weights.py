"""The weights of the lift, and the lift in NumPy: it predicts vertices in space from their image points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from models.arrays import F32, Bool, Float, Index
from models.body.low_poly import load_low_poly
from models.body.open_body import load_body
from models.errors import ModelError

BUILT_IN_LIFT = Path(__file__).parents[1] / "weights" / "lift.npz"
FINGER_SHARE = 0.3
"""Vertices whose skin weights of the fingers have a larger sum are no inputs of the lift."""
COMPONENTS = 64
"""Number of principal components of bodies whose scores the lift predicts."""


@cache
def input_vertices() -> Index:
    """Indices of the low-poly vertices that are inputs of the lift: every second one that is not on the fingers."""
    body, vertex_L = load_body(), load_low_poly().vertex_L
    fingers = [b for b, name in enumerate(body.bones) if name.startswith("finger")]
    return np.flatnonzero(body.weight_VB[vertex_L][:, fingers].sum(axis=1) < FINGER_SHARE)[::2]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftWeights:
    """The layers of the lift, each as weight (outputs, inputs) and bias.

    Attributes:
        first, last: first and last layer.
        added: residual layers between them: their output is added to their input.
        basis_XC, mean_X: principal components of bodies (X = 3 L) and their mean, metres.
    """

    first: tuple[F32, F32]
    added: tuple[tuple[F32, F32], ...]
    last: tuple[F32, F32]
    basis_XC: F32
    mean_X: F32

    def points(self, seen_L: Bool, place_L2: Float, number_2: F32) -> F32:
        """The vertices (L, 3) relative to the middle of the hips, metres, in the axes of the view.

        Args:
            seen_L: True for visible vertices.
            place_L2: their image points in the square of the view.
            number_2: the numbers of the view (see `MeshView`).
        """
        used = input_vertices()
        place_L3 = np.concatenate([seen_L[:, None], place_L2 * seen_L[:, None]], axis=1)
        input_Y = np.concatenate([place_L3[used].T.ravel(), number_2]).astype(np.float32)
        hidden_H = np.maximum(self.first[0] @ input_Y + self.first[1], 0)
        for weight_HH, bias_H in self.added:
            hidden_H = hidden_H + np.maximum(weight_HH @ hidden_H + bias_H, 0)
        return (self.basis_XC @ (self.last[0] @ hidden_H + self.last[1]) + self.mean_X).reshape(-1, 3)


def lift_weights(arrays: Mapping[str, Float]) -> LiftWeights:
    """Weights by the names of `LiftNet`. Raises: KeyError for another network's."""
    whole = {name: np.asarray(value, np.float32) for name, value in arrays.items()}

    def layer(name: str) -> tuple[F32, F32]:
        return whole[f"{name}.weight"], whole[f"{name}.bias"]

    count = sum(name.startswith("added.") and name.endswith(".weight") for name in whole)
    return LiftWeights(
        first=layer("first"), added=tuple(layer(f"added.{number}") for number in range(count)), last=layer("last"),
        basis_XC=whole["basis_XC"], mean_X=whole["mean_X"],
    )


def read_lift(path: Path) -> LiftWeights:
    """The lift of a file. Raises: ModelError if it is missing or holds something else."""
    remedy = "train it: run_pipeline.py -c train_lift"
    try:
        with np.load(path) as data:
            found = lift_weights({name: data[name] for name in data.files})
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"the lift cannot be read ({error})", str(path), remedy) from error
    if found.first[0].shape[1] != 3 * len(input_vertices()) + 2:
        raise ModelError("the lift belongs to another low-poly body", str(path), remedy)
    return found


@cache
def built_in_lift() -> LiftWeights:
    """The lift of this repository, read once."""
    return read_lift(BUILT_IN_LIFT)

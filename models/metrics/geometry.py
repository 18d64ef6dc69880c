"""What a measure must know of the body: the vertex under a chart coordinate, and the way along the skin between two."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating[Any]]
Index = npt.NDArray[np.integer[Any]]


class Geometry(Protocol):
    """A body surface with charts and geodesics."""

    def nearest(self, part_M: Index, u_M: Float, v_M: Float) -> Index:
        """The surface vertex nearest in (u, v) within the chart (1..24), or -1 where the part is 0: (M,) integers."""

    def distance(self, a_M: Index, b_M: Index) -> Float:
        """Geodesic metres between vertices, both at least 0: (M,)."""


def geodesic_errors(geometry: Geometry, found_M: Index, true_M: Index) -> Float:
    """Metres between found and true vertices; infinite where nothing was found.

    Args:
        geometry: the body.
        found_M: vertices, -1 where the answer was background.
        true_M: vertices, all at least 0.

    Returns:
        (M,) float64.
    """
    error_M = np.full(len(true_M), np.inf)
    answered = found_M >= 0
    error_M[answered] = geometry.distance(found_M[answered], true_M[answered])
    return error_M

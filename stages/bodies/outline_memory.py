"""The outlines of people over a video, from which each body gets the padding of its person."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.arrays import F32
from models.body.fitted_body import FittedBody
from models.fitting.correspondences import SurfaceOfPerson
from models.fitting.outline_fit import OutlineSums, outline_sums, padding_of
from stages.people.surface_arrays import NamedArrays, SavedArrays

MOST_PEOPLE = 500
"""Maximum number of identities that are kept, of 43 kB each; the one with the fewest frames is dropped."""


class OutlineMemory:
    """Sums over frames, by identity. They need the same memory after any number of frames and people."""

    def __init__(self) -> None:
        self._sums_of: dict[int, OutlineSums] = {}

    def add(self, identity: int, surface: SurfaceOfPerson, body: FittedBody, height: int, width: int) -> None:
        """Add the outline of a person in a frame of this height and width."""
        sums, known = outline_sums(surface, body, height, width), self._sums_of.get(identity)
        if sums is None:
            return
        if known is None and len(self._sums_of) >= MOST_PEOPLE:
            del self._sums_of[min(self._sums_of, key=lambda other: self._sums_of[other].frames)]
        self._sums_of[identity] = sums if known is None else known.added(sums)

    def paddings(self) -> Mapping[int, F32]:
        """The padding (D, 4) of each person whose outline is known, by identity; see `padded_skin`."""
        found = {identity: padding_of(sums) for identity, sums in self._sums_of.items()}
        return {identity: padding_D4 for identity, padding_D4 in found.items() if padding_D4 is not None}

    def to_arrays(self) -> NamedArrays:
        """The sums as arrays. Of each matrix, which is symmetric, only one half is stored."""
        known = list(self._sums_of.values())
        arrays: NamedArrays = {
            "outline ids": np.array(list(self._sums_of), np.int64),
            "outline frames": np.array([sums.frames for sums in known], np.int64),
        }
        if known:
            halves = [sums.matrix_PP[np.triu_indices(len(sums.right_P))] for sums in known]
            arrays |= {"outline halves": np.array(halves), "outline right": np.array([one.right_P for one in known])}
        return arrays

    def restore(self, arrays: SavedArrays) -> None:
        """Continue from what `to_arrays` returned."""
        self._sums_of = {}
        for row, identity in enumerate(arrays["outline ids"].tolist()):
            right_P = arrays["outline right"][row]
            half_PP = np.zeros((len(right_P), len(right_P)), np.float32)
            half_PP[np.triu_indices(len(right_P))] = arrays["outline halves"][row]
            self._sums_of[identity] = OutlineSums(
                matrix_PP=half_PP + np.triu(half_PP, 1).T, right_P=right_P,
                frames=int(arrays["outline frames"][row]),
            )

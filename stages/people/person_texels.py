"""The texels of each person of a video: what people show of their skin and clothes, by identity."""

from __future__ import annotations

import numpy as np

from models.surface.unwrapping import TexelMemory, observe_texels
from stages.payloads import U8, PersonSurface
from stages.people.surface_arrays import NamedArrays, SavedArrays

MOST_COARSE = 200
"""Maximum number of identities that are kept if some are coarse."""


class PersonTexels:
    """Collects texels.

    Args:
        side: texels of a tile's side.
        most_people: number of identities that are kept; the one with the fewest texels is dropped, or made coarse.
        coarse_side: texels of a tile's side of a coarse identity, a divisor of `side`; None drops identities.

    Attributes:
        memory_of: the texels by identity.
    """

    def __init__(self, side: int, most_people: int, coarse_side: int | None = None) -> None:
        self._side, self._most_people, self._coarse_side = side, most_people, coarse_side
        self.memory_of: dict[int, TexelMemory] = {}

    def add(self, rgb_HW3: U8, identity: int, surface: PersonSurface) -> None:
        """Add what a frame shows of a person."""
        windows = surface.windows(*rgb_HW3.shape[:2])
        if windows is None:
            return
        window, grid = windows
        labels_hw = np.ascontiguousarray(surface.labels_hw[grid])
        confidence_hw = None if surface.confidence_hw is None else surface.confidence_hw[grid]
        uv_2hw = surface.uv_2hw[:, grid[0], grid[1]]
        memory = self._memory(identity)
        memory.add(observe_texels(rgb_HW3[window], labels_hw, uv_2hw, confidence_hw, memory.side))

    def _memory(self, identity: int) -> TexelMemory:
        if identity not in self.memory_of:
            fine = {other: memory for other, memory in self.memory_of.items() if memory.side == self._side}
            if len(fine) >= self._most_people:
                fewest = min(fine, key=lambda other: fine[other].total)
                del self.memory_of[fewest]
                if self._coarse_side is not None and len(self.memory_of) < MOST_COARSE:
                    self.memory_of[fewest] = fine[fewest].reduced(self._coarse_side)
            self.memory_of[identity] = TexelMemory(side=self._side)
        return self.memory_of[identity]

    def to_arrays(self) -> NamedArrays:
        """The texels that were seen, as arrays."""
        arrays: NamedArrays = {"texel people": np.array(list(self.memory_of), np.int64)}
        for identity, memory in self.memory_of.items():
            seen_M = np.flatnonzero(memory.weight_PK.any(axis=1))
            arrays |= {
                f"side {identity}": np.array(memory.side), f"texels {identity}": seen_M,
                f"rgb {identity}": memory.rgb_PK3[seen_M], f"weight {identity}": memory.weight_PK[seen_M],
                f"total {identity}": np.array(memory.total),
            }
        return arrays

    def restore(self, arrays: SavedArrays) -> None:
        """Continue from what `to_arrays` returned."""
        for identity in arrays["texel people"].tolist():
            memory = TexelMemory(side=int(arrays[f"side {identity}"]))
            seen_M = arrays[f"texels {identity}"]
            memory.rgb_PK3[seen_M], memory.weight_PK[seen_M] = arrays[f"rgb {identity}"], arrays[f"weight {identity}"]
            memory.total = float(arrays[f"total {identity}"])
            self.memory_of[identity] = memory

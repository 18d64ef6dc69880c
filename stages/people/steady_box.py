"""A box that trembles less: what a person's boxes of successive frames say together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.payloads import Float

DRIFT_GAIN = 0.08
"""Share of a surprise that becomes drift."""
JUMP = 0.15
"""Share of the box's side from which on a surprise is no trembling, but a limb that moves: shown at once, less in part.
"""
LONGEST_GAP = 3
"""Frames out of sight after which nothing is expected of a box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyBox:
    """An alpha-beta filter of a box's four sides, which does not lag behind even motion.

    Attributes:
        box_4: as it is shown, float64.
        drift_4: pixels a frame of each side.
        seen: index of its frame.
    """

    box_4: Float
    drift_4: Float
    seen: int

    @classmethod
    def first(cls, found_4: Float, frame: int) -> SteadyBox:
        """Of a person who is new, or was away."""
        return cls(box_4=found_4, drift_4=np.zeros(4), seen=frame)

    def met(self, found_4: Float, frame: int, gain: float) -> SteadyBox:
        """One more box, of a later frame. `gain` is the least share of a surprise that is shown; 1 shows it all."""
        elapsed = frame - self.seen
        if not 0 < elapsed <= LONGEST_GAP:
            return SteadyBox.first(found_4, frame)
        expected_4 = self.box_4 + self.drift_4 * elapsed
        surprise_4 = found_4 - expected_4
        side_4 = np.tile(found_4[2:] - found_4[:2], 2)
        gain_4 = np.clip(np.abs(surprise_4) / np.maximum(JUMP * side_4, 1e-6), gain, 1)
        drift_4 = self.drift_4 + DRIFT_GAIN * surprise_4 / elapsed
        return SteadyBox(box_4=found_4 - (1 - gain_4) * surprise_4, drift_4=drift_4, seen=frame)

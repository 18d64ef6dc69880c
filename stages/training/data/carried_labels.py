"""Labels of people in films, voted on by the frames before and after: optical flow carries what is said there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from stages.annotations.photos import IGNORE
from stages.people.estimated_flow import EstimatedFlow

Labels = tuple[U8, U8]
"""Labels (0, 1..24, IGNORE) and weights (0..255) of one person's cells, (L, L) each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearFrame:
    """A frame near a labelled one.

    Attributes:
        rgb_HW3: the frame.
        way_HW2: where each pixel of the labelled frame is in it, pixels in x and y.
        seen_HW: where that way is trusted.
    """

    rgb_HW3: U8
    way_HW2: F32
    seen_HW: npt.NDArray[np.bool_]

    def moved(self, box_4: F32) -> F32:
        """A box of the labelled frame (x0 y0 x1 y1) where its middle went."""
        height, width = self.seen_HW.shape
        x0, y0, x1, y1 = np.clip(box_4, 0, [width, height, width, height]).astype(int)
        within = self.way_HW2[y0:y1, x0:x1].reshape(-1, 2)
        return box_4 + np.tile(np.median(within, axis=0), 2) if len(within) else box_4

    def carried(self, said: Labels, region_4: F32, point_LL2: F32) -> Labels:
        """What is said here of a person, at the cells of the labelled frame.

        Args:
            said: the person's labels in this frame; they cover `region_4` of it.
            point_LL2: the cells' middles, x and y in the labelled frame.

        Returns:
            Labels, IGNORE where the way is lost or leads out of the region, and weights.
        """
        label_LL, weight_LL = said
        height, width = self.seen_HW.shape
        column, row = np.clip(np.floor(point_LL2).astype(int), 0, [width - 1, height - 1]).transpose(2, 0, 1)
        place = point_LL2 + self.way_HW2[row, column] - region_4[:2]
        cell = np.floor(place / (region_4[2:] - region_4[:2]) * label_LL.shape[::-1]).astype(int)
        inside = ((cell >= 0) & (cell < label_LL.shape[::-1])).all(2) & self.seen_HW[row, column]
        x, y = np.clip(cell, 0, np.array(label_LL.shape[::-1]) - 1).transpose(2, 0, 1)
        return np.where(inside, label_LL[y, x], IGNORE).astype(np.uint8), weight_LL[y, x]


def near_frames(rgb_HW3: U8, near: Sequence[U8]) -> list[NearFrame]:
    """The frames near one, of its size, with the ways there."""
    flow = EstimatedFlow()
    ways = [(one, *flow.between(rgb_HW3, one)) for one in near]
    return [NearFrame(rgb_HW3=one, way_HW2=way, seen_HW=seen) for one, way, seen in ways]


def voted(said: Labels, before: Labels, after: Labels) -> Labels:
    """Labels on which the frames before and after agree stand, wherever they agree; elsewhere a frame keeps its own.

    So a label that flashes up in one frame goes, and a cell that was left open is filled. The weight of what the others
    decide is the less of theirs.
    """
    agreed = (before[0] == after[0]) & (before[0] != IGNORE) & (before[0] != said[0])
    weight = np.minimum(before[1], after[1])
    return np.where(agreed, before[0], said[0]), np.where(agreed, weight, said[1])

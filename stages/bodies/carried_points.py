"""Where the optical flow carries points of a person from one frame to the next.

Temporal smoothing hands on the flow of each person (`StatedMotion`). Where it does not run, as in replays, the points
are tracked here (`CarriedPoints`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.structures import PersonMotion
from stages.payloads import F32
from stages.people.point_flow import PATCH, PYRAMID_LEVELS, STOP, SmallFrame

LEAST_TRUST = 0.2
"""A flow with less trust than this counts as unknown."""
MARGIN = 16
"""Margin around a person's points within which they are searched, pixels of the small image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedPoints:
    """Points followed from one frame to the next (Lucas and Kanade, 1981, on pyramids)."""

    before: SmallFrame
    now: SmallFrame

    def __call__(self, pixel_K2: F32, _: F32) -> F32:
        """Places in the later frame, (K, 2) pixels; NaN for points that are lost or outside.

        Args:
            pixel_K2: places in the earlier frame, pixels.
        """
        carried_K2 = np.full(pixel_K2.shape, np.nan, np.float32)
        height, width = self.now.grey_hw.shape
        small_K2 = pixel_K2 / np.float32(self.now.step) - 0.5
        known = np.flatnonzero(((small_K2 >= 0) & (small_K2 <= (width - 1, height - 1))).all(axis=1))
        if self.before.grey_hw.shape != (height, width) or not len(known):
            return carried_K2
        left, top = np.maximum(small_K2[known].min(axis=0) - MARGIN, 0).astype(int)
        right, bottom = (small_K2[known].max(axis=0) + MARGIN + 2).astype(int)
        window, corner_2 = (slice(top, bottom), slice(left, right)), np.array([left, top], np.float32)
        to_K12, found_K1, _ = cv2.calcOpticalFlowPyrLK(
            self.before.grey_hw[window], self.now.grey_hw[window],
            (small_K2[known] - corner_2)[:, None], None,  # type: ignore[call-overload]
            winSize=PATCH, maxLevel=PYRAMID_LEVELS, criteria=STOP, minEigThreshold=1e-3,
        )  # fmt: skip
        followed = found_K1[:, 0] > 0
        carried_K2[known[followed]] = (to_K12[followed, 0] + corner_2 + 0.5) * np.float32(self.now.step)
        return carried_K2


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedMotion:
    """Points carried by the flow that temporal smoothing found."""

    motion: PersonMotion

    def __call__(self, pixel_K2: F32, now_K2: F32) -> F32:
        """Places in the later frame, (K, 2) pixels; NaN for points without a trusted flow.

        Args:
            pixel_K2: places in the earlier frame, pixels.
            now_K2: approximate places of the points in the later frame, pixels; the flow is read at these places.
        """
        motion = self.motion
        cell_K2 = (now_K2 - (motion.x0, motion.y0)) / motion.step - 0.5
        back_K3 = cv2.remap(
            motion.back_hw3, cell_K2[:, :1].astype(np.float32), cell_K2[:, 1:].astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )[:, 0]  # fmt: skip
        carried_K2 = pixel_K2 - back_K3[:, :2]
        return np.where(back_K3[:, 2:] > LEAST_TRUST, carried_K2, np.nan).astype(np.float32)

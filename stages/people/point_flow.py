"""Optical flow at a few points of each person and of the background around, in small images of the frames.

It says how a person moves against the background, also where the camera moves, for a fraction of the time of a dense
flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Bool, Index
from models.time_steps import FRAME_S, frames_in
from stages.payloads import F32, U8, Float, PersonSurface

MOST_ROWS = 360
"""Most rows of the small images."""
ROWS, COLUMNS = 24, 16
"""Cells of a box at which charts and flow are read."""
INNER_STEP, OUTER_STEP = (3, 2), (2, 2)
"""Every how many rows and columns of cells a point inside and around a person is followed."""
AROUND = 1.6
"""Size of the surroundings in which the background's motion is read, in boxes."""
LEAST_POINTS = 6
"""Points that a speed needs."""
MOST_DISORDER = 0.01
"""Median deviation of the background's motion, in heights of the box, above which no speed against it is known."""
SLOWEST = 0.002
"""Heights in `FRAME_S` that are added to each speed before the log: what the search resolves on small people."""
PATCH, PYRAMID_LEVELS = (11, 11), 3
STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 8, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallFrame:
    """A frame in grey, with every `step` × `step` pixels averaged."""

    grey_hw: U8
    step: int

    @classmethod
    def of(cls, frame_HW3: U8) -> SmallFrame:
        """The small image of a frame."""
        height, width = frame_HW3.shape[:2]
        step = max(1, -(-height // MOST_ROWS))
        rows, columns = max(height // step, 1), max(width // step, 1)
        small_hw3 = cv2.resize(
            frame_HW3[: rows * step, : columns * step], (columns, rows), interpolation=cv2.INTER_AREA
        )
        return cls(grey_hw=np.asarray(cv2.cvtColor(small_hw3, cv2.COLOR_RGB2GRAY), np.uint8), step=step)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFlow:
    """The flow of points from one frame to an earlier one (Lucas and Kanade, 1981, on pyramids).

    `seconds`: time between both; displacements are stated for `FRAME_S`.
    """

    now: SmallFrame
    before: SmallFrame
    seconds: float = FRAME_S

    def __call__(self, points: Sequence[Float]) -> list[Float]:
        """The displacement in `FRAME_S`, (M, 2) in pixels of the frame, of those of each list of (x, y) it finds."""
        height, width = self.now.grey_hw.shape
        small = [one / self.now.step for one in points]
        inside = [one[((one >= 0) & (one < (width, height))).all(axis=1)].astype(np.float32) for one in small]
        count = [len(one) for one in inside]
        if not sum(count):
            return [np.zeros((0, 2)) for _ in points]
        from_M2 = np.concatenate(inside)
        to_M12, found_M1, _ = cv2.calcOpticalFlowPyrLK(
            self.now.grey_hw, self.before.grey_hw, from_M2[:, None], None,  # type: ignore[call-overload]
            winSize=PATCH, maxLevel=PYRAMID_LEVELS, criteria=STOP, minEigThreshold=1e-3,
        )  # fmt: skip
        moved_M2 = (to_M12[:, 0] - from_M2).astype(np.float64) * self.now.step / frames_in(self.seconds)
        split = np.cumsum(count)[:-1]
        return [
            moved_M2[found_M]
            for moved_M2, found_M in zip(np.split(moved_M2, split), np.split(found_M1[:, 0] > 0, split), strict=True)
        ]


def cells_of(box_4: F32, size: float = 1.0) -> tuple[Index, Index]:
    """Rows and columns in the frame of the centres of the cells of a box, or of one `size` times as large."""
    x0, y0, x1, y1 = (float(side) for side in box_4)
    along_R = (np.arange(ROWS) + 0.5) / ROWS - 0.5
    along_C = (np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5
    row_R = np.floor((y0 + y1) / 2 + size * (y1 - y0) * along_R).astype(np.intp)
    column_C = np.floor((x0 + x1) / 2 + size * (x1 - x0) * along_C).astype(np.intp)
    return row_R, column_C


def charts_at(surface: PersonSurface, row_R: Index, column_C: Index) -> U8:
    """The charts of a surface at rows and columns of the frame; 0 outside of its grid."""
    height, width = surface.labels_hw.shape
    y_R, x_C = row_R - surface.y0, column_C - surface.x0
    chart_RC = surface.labels_hw[np.clip(y_R, 0, height - 1)[:, None], np.clip(x_C, 0, width - 1)[None, :]]
    inside_RC = ((y_R >= 0) & (y_R < height))[:, None] & ((x_C >= 0) & (x_C < width))[None, :]
    return np.where(inside_RC, chart_RC, 0).astype(np.uint8)


def log_speeds(box_N4: F32, charts: Sequence[U8], flow: PointFlow | None) -> Float:
    """Log of each person's median speed against the background around, in heights of the box in `FRAME_S`, (N,).

    NaN = unknown: too few points can be followed, or the background has no common motion. An even background, in which
    nothing can be followed, is taken to rest. `charts`: the charts in the cells of each box.
    """
    speed_N = np.full(len(box_N4), np.nan)
    if flow is None or not len(box_N4):
        return speed_N
    points = [places for box_4, chart_RC in zip(box_N4, charts, strict=True) for places in _points(box_4, chart_RC)]
    moved = flow(points)
    for i, box_4 in enumerate(box_N4):
        inner_M2, outer_M2 = moved[2 * i], moved[2 * i + 1]
        if len(inner_M2) < LEAST_POINTS:
            continue
        if len(outer_M2) < LEAST_POINTS:
            outer_M2 = np.zeros((1, 2))
        background_2 = np.median(outer_M2, axis=0)
        height = max(float(box_4[3] - box_4[1]), 1.0)
        if np.median(np.linalg.norm(outer_M2 - background_2, axis=1)) <= MOST_DISORDER * height:
            speed = float(np.median(np.linalg.norm(inner_M2 - background_2, axis=1))) / height
            speed_N[i] = np.log(speed + SLOWEST)
    return speed_N


def _points(box_4: F32, chart_RC: U8) -> tuple[Float, Float]:
    """Points (x, y) of a person's silhouette and of the surroundings of the box, (M, 2) each."""
    inner = (slice(INNER_STEP[0] // 2, None, INNER_STEP[0]), slice(INNER_STEP[1] // 2, None, INNER_STEP[1]))
    row_R, column_C = cells_of(box_4)
    around_R, around_C = (axis[::step] for axis, step in zip(cells_of(box_4, AROUND), OUTER_STEP, strict=True))
    within_R, within_C = (around_R >= box_4[1]) & (around_R < box_4[3]), (around_C >= box_4[0]) & (around_C < box_4[2])
    outside_RC = ~(within_R[:, None] & within_C[None, :])
    return (
        _chosen(row_R[inner[0]], column_C[inner[1]], chart_RC[inner] > 0),
        _chosen(around_R, around_C, outside_RC),
    )


def _chosen(row_R: Index, column_C: Index, chosen_RC: Bool) -> Float:
    y_RC, x_RC = np.meshgrid(row_R, column_C, indexing="ij")
    return np.stack([x_RC[chosen_RC], y_RC[chosen_RC]], axis=1).astype(np.float64)

"""Whether the camera of a film moves, by the motion of the background between frames that are a moment apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.body.body_pose import posed_bones
from models.body.fitted_body import FittedBody
from stages.payloads import F32, U8, Bool, Float
from stages.people.point_flow import LEAST_POINTS, PointFlow, SmallFrame

STEP_SECONDS = 0.19
"""Least time between two frames that are compared."""
ROWS, COLUMNS = 18, 32
"""Points that are followed: the centres of so many cells of a frame."""
AROUND_BODY = 0.2
"""Share of a body's box by which it is larger on each side: joints lie inside of the body."""
RESTING_SHARE = 25
"""Percent of the background's points that rest at least before a camera that stands still. Others may be leaves, water,
or people who are not fitted."""
LEAST_MOTION = 0.003
"""Share of the frame's larger side by which all other points move from step to step if the camera does."""
MOVING_STEPS = 3
"""Steps one after the other in which the background moves before the camera is said to move: a lamp, a change of
exposure or a large passer-by disturbs one or two."""


class CameraWatch:
    """Compares frames of one shot, each with the one before."""

    def __init__(self) -> None:
        """A shot of which no frame is known."""
        self._before: SmallFrame | None = None
        self._second = -np.inf
        self._steps = 0

    def begins_to_move(self, frame_HW3: U8, second: float, bodies: Sequence[FittedBody]) -> bool:
        """Whether this frame is the first that tells that the camera moves. Bodies are no background."""
        if self._steps >= MOVING_STEPS or second - self._second < STEP_SECONDS:
            return False
        before, self._before, self._second = self._before, SmallFrame.of(frame_HW3), second
        if before is None:
            return False
        height, width = frame_HW3.shape[:2]
        (moved_M2,) = PointFlow(now=self._before, before=before)([_background_points(height, width, bodies)])
        known = len(moved_M2) >= LEAST_POINTS
        resting = np.percentile(np.linalg.norm(moved_M2, axis=1), RESTING_SHARE) if known else 0.0
        self._steps = self._steps + 1 if resting > LEAST_MOTION * max(height, width) else 0
        return self._steps == MOVING_STEPS


def _background_points(height: int, width: int, bodies: Sequence[FittedBody]) -> Float:
    """Points (M, 2) of a grid over a frame that lie outside of the bodies' boxes."""
    x_M, y_M = np.meshgrid((np.arange(COLUMNS) + 0.5) / COLUMNS * width, (np.arange(ROWS) + 0.5) / ROWS * height)
    point_M2 = np.stack([x_M.ravel(), y_M.ravel()], axis=1)
    covered_M: Bool = np.zeros(len(point_M2), bool)
    for body in bodies:
        joint_B2: F32 = body.camera.project(posed_bones(body.pose)[1])
        low_2, high_2 = joint_B2.min(axis=0), joint_B2.max(axis=0)
        edge_2 = AROUND_BODY * (high_2 - low_2)
        covered_M |= ((point_M2 > low_2 - edge_2) & (point_M2 < high_2 + edge_2)).all(axis=1)
    return point_M2[~covered_M]

"""Smooths a person's pose over the frames before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.fitted_body import FittedBody

SAMPLES_OF_DEGREE = ((5, 2), (3, 1))
"""Minimum number of frames for each degree of the polynomial. With fewer frames the pose is not smoothed."""


def smoothed_body(body_S: Sequence[FittedBody], second_S: F64, at: int) -> FittedBody:
    """The body of one frame, with pose and position from a polynomial in time that is fitted to its neighbours.

    It is the filter of Savitzky and Golay (1964) for any times of frames. A quadratic preserves peaks of speed that
    last as long as the window. Rotations are filtered as rotation vectors relative to the rotation of the frame itself.

    Args:
        body_S: one person's bodies in S frames.
        second_S: times of the frames, seconds.
        at: index of the frame.
    """
    weight_S = polynomial_weights(second_S - second_S[at])
    pose = body_S[at].pose
    if weight_S is None:
        return body_S[at]
    rotation_SB33 = np.stack([body.pose.rotation_B33 for body in body_S]).astype(np.float64)
    relative_SB33 = np.swapaxes(rotation_SB33[at], -1, -2) @ rotation_SB33
    vector_SB3 = Rotation.from_matrix(relative_SB33.reshape(-1, 3, 3)).as_rotvec().reshape(*relative_SB33.shape[:2], 3)
    step_B33 = Rotation.from_rotvec(np.tensordot(weight_S, vector_SB3, axes=1)).as_matrix()
    root_S3 = np.stack([body.pose.root_3 for body in body_S]).astype(np.float64)
    pose = replace(
        pose,
        rotation_B33=(rotation_SB33[at] @ step_B33).astype(np.float32),
        root_3=(weight_S @ root_S3).astype(np.float32),
    )
    return replace(body_S[at], pose=pose)


def polynomial_weights(second_S: F64) -> F64 | None:
    """The weight of each sample in the value of the fitted polynomial at time 0; None for too few samples."""
    degree = next((degree for least, degree in SAMPLES_OF_DEGREE if len(second_S) >= least), None)
    if degree is None:
        return None
    span = max(float(np.abs(second_S).max()), 1e-9)
    power_SD = np.vander(second_S / span, degree + 1, increasing=True)
    weight_S: F64 = np.linalg.pinv(power_SD)[0]
    return weight_S

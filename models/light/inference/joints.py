"""Joints from the surface network's heat maps: decoded pass by pass in pixels of the frame, then combined."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.arrays import F32, F64, Float
from models.body.open_body import MIRROR_JOINT
from models.light.inference.crop_view import CropView

JOINT_STRIDE = 4
"""Pixels of a crop per cell of a heat map."""
REACH = 2
"""Cells on each side of a joint's best cell: the place is their mean, the score their probability."""
SMOOTHING = np.array([1, 2, 3, 2, 1], np.float32)
"""Weights along each axis with which probability is summed to choose the best cell. A lone peak then loses against a
wider hill that is more probable as a whole."""
SHIFTS = 3
"""Steps of the mean shift by which passes are combined."""
WEIGHT_POWER = 2
"""The weight of a pass is its score to this power."""


def decode_joints(place_JSS: F32, view: CropView, *, flip: bool) -> F64:
    """The joints of one pass: (J, 3), x and y in pixels of the frame, and the probability of the cells around.

    Args:
        place_JSS: logits; the probability of a cell is the softmax over all cells and one more logit of 0, which means
            "not in the crop".
        view: that the pass saw.
        flip: whether the pass saw it horizontally flipped.
    """
    joints, side = place_JSS.shape[:2]
    logit_JSS = place_JSS.astype(np.float32)
    most_J = np.maximum(logit_JSS.max(axis=(1, 2)), 0)
    padded = side + 2 * REACH
    odds_JHH = np.zeros((joints, padded, padded), np.float32)
    inner_JSS = odds_JHH[:, REACH:-REACH, REACH:-REACH]
    np.exp(logit_JSS - most_J[:, None, None], out=inner_JSS)
    rows = odds_JHH.reshape(-1, padded)  # the zeros between two joints keep them apart
    hill_JP = cv2.sepFilter2D(rows, -1, SMOOTHING, SMOOTHING, borderType=cv2.BORDER_CONSTANT).reshape(joints, -1)
    row_J, column_J = np.divmod(hill_JP.argmax(axis=1), padded)
    row_J, column_J = row_J - REACH, column_J - REACH
    offset = np.arange(2 * REACH + 1)
    around_JWW = odds_JHH[
        np.arange(joints)[:, None, None],
        (row_J[:, None] + offset)[:, :, None],
        (column_J[:, None] + offset)[:, None],
    ].astype(np.float64)
    around_JWW /= (inner_JSS.sum(axis=(1, 2)) + np.exp(-most_J))[:, None, None]
    score_J = around_JWW.sum(axis=(1, 2))
    share_J = np.maximum(score_J, 1e-12)
    x_J = column_J - REACH + 0.5 + (around_JWW.sum(axis=1) * offset).sum(axis=1) / share_J
    y_J = row_J - REACH + 0.5 + (around_JWW.sum(axis=2) * offset).sum(axis=1) / share_J
    x_J = x_J / side
    place_2J = view.to_frame(np.stack([1 - x_J if flip else x_J, y_J / side]))
    joint_J3 = np.column_stack([*place_2J, score_J])
    return joint_J3[MIRROR_JOINT] if flip else joint_J3


def combine_joints(passes: Sequence[Float], reach: float) -> F32:
    """The joints of several passes over one person as one, (J, 3) float32.

    A place is where the passes agree: the mean shift (Comaniciu and Meer, 2002) from the best supported pass, weighted
    by score. The score is the mean over all passes, in which a pass counts less the farther its place is away.

    Args:
        passes: of `decode_joints`.
        reach: pixels of the frame at which the weight of a pass falls to 1/e.
    """
    joint_AJ3 = np.stack(passes).astype(np.float64)
    place_AJ2, score_AJ = joint_AJ3[..., :2], joint_AJ3[..., 2]
    weight_AJ = np.maximum(score_AJ, 1e-6) ** WEIGHT_POWER
    support_AJ = np.stack([(weight_AJ * _nearness(place_AJ2, place_J2, reach)).sum(axis=0) for place_J2 in place_AJ2])
    middle_J2 = np.take_along_axis(place_AJ2, support_AJ.argmax(axis=0)[None, :, None], axis=0)[0]
    for _ in range(SHIFTS):
        near_AJ1 = (weight_AJ * _nearness(place_AJ2, middle_J2, reach))[..., None]
        middle_J2 = (place_AJ2 * near_AJ1).sum(axis=0) / near_AJ1.sum(axis=0)
    score_J = (score_AJ * _nearness(place_AJ2, middle_J2, reach)).mean(axis=0)
    return np.column_stack([middle_J2, score_J]).astype(np.float32)


def _nearness(place_AJ2: F64, middle_J2: F64, reach: float) -> F64:
    """Near 1 for passes at the middle, 1/e at the reach, (A, J)."""
    return np.asarray(np.exp(-np.square(place_AJ2 - middle_J2).sum(axis=2) / reach**2))

"""Distances of predicted from annotated joints: COCO's OKS, and PCK by group of joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pycocotools.cocoeval import Params

from models.arrays import Bool, Float
from models.body.open_body import COCO_KEYPOINTS
from models.metrics.part_of_joint import VISIBLE

SIGMA_17: Float = Params(iouType="keypoints").kpt_oks_sigmas
"""COCO's spread of annotators for each keypoint, as a share of the person's scale."""
MIN_JOINTS = 4
"""People with fewer annotated joints do not count in OKS recall."""
JOINT_GROUPS: dict[str, tuple[int, ...]] = {
    name: tuple(k for k, joint in enumerate(COCO_KEYPOINTS) if joint.endswith(ends))
    for name, ends in {
        "face": ("nose", "eye", "ear"),
        "shoulders": ("shoulder",),
        "elbows": ("elbow",),
        "wrists": ("wrist",),
        "hips": ("hip",),
        "knees": ("knee",),
        "ankles": ("ankle",),
    }.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFit:
    """Predicted joints of one person against the annotated ones.

    Attributes:
        oks: object keypoint similarity, 0..1; 0 for a missed person.
        distance_17: distance to the annotated joint, as a share of the longer side of the person's box; infinite for a
            joint that is not predicted.
        seen_17: whether a joint is annotated as visible; only these count.
        annotated: number of annotated joints, visible or not.
    """

    oks: float
    distance_17: Float
    seen_17: Bool
    annotated: int


def joint_fit(found_173: Float | None, true_173: Float, area: float, box_4: Float) -> JointFit:
    """Compare the joints of a person.

    Args:
        found_173: x, y, score as predicted, score 0: not predicted; None for a missed person.
        true_173: x, y, visibility as in COCO.
        area: annotated area, the square of the scale in OKS.
        box_4: the person's true box, x, y, width, height.
    """
    distance_17, oks = np.full(17, np.inf), 0.0
    if found_173 is not None:
        predicted_17 = found_173[:, 2] > 0
        offset_K2 = found_173[predicted_17, :2] - true_173[predicted_17, :2]
        distance_17[predicted_17] = np.hypot(*offset_K2.T) / max(box_4[2:])
        oks = float(keypoint_similarities(found_173[None], true_173[None], np.array([area]), box_4[None])[0, 0])
    return JointFit(
        oks=oks,
        distance_17=distance_17,
        seen_17=true_173[:, 2] == VISIBLE,
        annotated=int((true_173[:, 2] > 0).sum()),
    )


def keypoint_similarities(found_D173: Float, true_G173: Float, area_G: Float, box_G4: Float) -> Float:
    """OKS of COCO (D, G): the mean over annotated joints of exp(-d² / (2 · area · (2σ)²)), d in pixels.

    A joint that is not predicted stands at (0, 0), as in COCO's results. For a person without annotated joints d is the
    distance of all joints to the box (x, y, width, height) extended by its size on each side, as in COCO.
    """
    away_DG172 = found_D173[:, None, :, :2] - true_G173[None, :, :, :2]
    low_G2, high_G2 = box_G4[:, :2] - box_G4[:, 2:], box_G4[:, :2] + 2 * box_G4[:, 2:]
    place_D1172 = found_D173[:, None, :, :2]
    beyond_DG172 = np.maximum(low_G2[:, None] - place_D1172, 0) + np.maximum(place_D1172 - high_G2[:, None], 0)
    annotated_G17: Bool = np.asarray(true_G173[:, :, 2] > 0)
    some_G: Bool = np.asarray(annotated_G17.any(axis=1))
    square_DG17 = np.square(np.where(some_G[:, None, None], away_DG172, beyond_DG172)).sum(axis=-1)
    scale_G17 = 2 * (area_G[:, None] + np.spacing(1)) * np.square(2 * SIGMA_17)
    counts_G17 = annotated_G17 | ~some_G[:, None]
    return np.asarray((np.exp(-square_DG17 / scale_G17) * counts_G17).sum(axis=-1) / counts_G17.sum(axis=-1))

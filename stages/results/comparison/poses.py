"""Poses that can be compared between people of any size, position and distance to the camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.body.charts import MIRROR_CHART
from models.body.open_body import COCO_KEYPOINTS
from models.surface.keypoints import shown_keypoints
from stages.payloads import F32, I64, Float, PersonSurface

TORSO = (1, 2)
CHARTS = 24
LEAST_PIXELS = 4
"""A part of fewer pixels has no position."""
SIDEWAYS = ("trunk_angle_image_plane", "trunk_bend", "trunk_rotation", "neck_bend", "neck_rotation")
"""Angles of the body's middle that change their sign in a mirror."""

_SIDES = {
    joint: [COCO_KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("shoulder", "hip")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPose:
    """The pose of one person in one frame.

    Attributes:
        angle_A: degrees, of the fitted body or in the image plane; NaN where not known.
        position_P2: centre of each of 24 parts, in pixels from the centre of the torso; NaN where not visible.
        torso: pixels from shoulder to hip, mean of the visible sides; NaN if neither is visible.
        area: pixels of the person.
    """

    angle_A: F32
    position_P2: F32
    torso: float
    area: int


def pose_of(surface: PersonSurface, angle_A: F32) -> PersonPose:
    """The pose of a surface, with the angles that are compared."""
    keypoint_173 = shown_keypoints(surface)
    position_172 = np.where(keypoint_173[:, 2:] > 0, keypoint_173[:, :2], np.nan)
    side_2 = np.linalg.norm(position_172[_SIDES["shoulder"]] - position_172[_SIDES["hip"]], axis=1)
    y_M, x_M = np.nonzero(surface.labels_hw)
    label_M = surface.labels_hw[y_M, x_M]
    sums_25_3 = np.stack([np.bincount(label_M, each, CHARTS + 1) for each in (x_M, y_M, np.ones(len(x_M)))], axis=1)
    seen_25 = sums_25_3[:, 2] >= LEAST_PIXELS
    with np.errstate(invalid="ignore", divide="ignore"):
        centre_25_2 = np.where(seen_25[:, None], sums_25_3[:, :2] / sums_25_3[:, 2:], np.nan)
        middle = sums_25_3[list(TORSO)].sum(axis=0)
        middle_2 = middle[:2] / middle[2]
    return PersonPose(
        angle_A=angle_A,
        position_P2=(centre_25_2[1:] - middle_2).astype(np.float32),
        torso=mean_where_seen(side_2),
        area=len(y_M),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The poses of one person in T frames.

    Attributes:
        second_T: from the first of them.
        index_T: number of each frame in its source.
        angle_TA: degrees.
        position_TP2: centres of parts from the centre of the torso, in torso lengths.
        angle_names: names of the angles.
    """

    second_T: Float
    index_T: I64
    angle_TA: F32
    position_TP2: F32
    angle_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.second_T)


def mean_where_seen(value: Float) -> float:
    """The mean of the values that are not NaN; NaN if all are."""
    seen = np.isfinite(value)
    return float(value[seen].mean()) if seen.any() else float("nan")


def performance_of(poses: list[tuple[float, int, PersonPose]], angle_names: tuple[str, ...]) -> Performance:
    """A performance from (second, frame, pose); positions are divided by the median length of the torso."""
    torso_T = np.array([pose.torso for _, _, pose in poses])
    known = torso_T[np.isfinite(torso_T)]
    length = np.median(known) if len(known) else np.nan
    return Performance(
        second_T=np.array([second for second, _, _ in poses]) - poses[0][0],
        index_T=np.array([index for _, index, _ in poses], np.int64),
        angle_TA=np.stack([pose.angle_A for _, _, pose in poses]),
        position_TP2=np.stack([pose.position_P2 for _, _, pose in poses]) / np.float32(length),
        angle_names=angle_names,
    )


def mirrored_performance(performance: Performance) -> Performance:
    """The mirror image of a performance: left and right are exchanged."""
    swap = {"left": "right", "right": "left"}
    names = performance.angle_names
    sides = [name.partition("_") for name in names]
    partner = [names.index(swap.get(side, side) + dash + joint) for side, dash, joint in sides]
    turned = [names.index(name) for name in SIDEWAYS if name in names]
    angle_TA = performance.angle_TA[:, partner].copy()
    angle_TA[:, turned] *= -1
    return replace(
        performance,
        angle_TA=angle_TA,
        position_TP2=performance.position_TP2[:, MIRROR_CHART[1:].astype(int) - 1] * np.array([-1, 1], np.float32),
    )

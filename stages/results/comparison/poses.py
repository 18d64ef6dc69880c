"""Poses that can be compared between people of any size, position and distance to the camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.body.charts import MIRROR_CHART
from models.body.open_body import COCO_KEYPOINTS
from models.surface.keypoints import shown_keypoints
from stages.payloads import F32, I64, Bool, Float, PersonSurface

TORSO = (1, 2)
CHARTS = 24
LEAST_PIXELS = 4
"""A part of fewer pixels has no position."""
SIDEWAYS = ("trunk_angle_image_plane", "trunk_bend", "trunk_rotation", "neck_bend", "neck_rotation")
"""Angles of the body's middle that change their sign in a mirror."""

_SIDES = {
    joint: [COCO_KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("shoulder", "hip")
}
_OTHER_SIDE = {"left": "right", "right": "left"}
_MIRRORED_JOINTS = [
    COCO_KEYPOINTS.index("_".join(_OTHER_SIDE.get(word, word) for word in name.split("_"))) for name in COCO_KEYPOINTS
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPose:
    """The pose of one person in one frame.

    Attributes:
        angle_A: degrees, of the fitted body or in the image plane; NaN where not known.
        position_P2: centre of each of 24 parts, in rows of pixels from the centre of the torso; NaN where not visible.
        torso: rows of pixels from shoulder to hip, mean of the visible sides; NaN if neither is visible.
        area: pixels of the person.
        width_A: half widths of the angles' intervals, degrees; None where nothing is known of them.
        seen_A: whether the limb of each angle is visible; None: where the angle is known.
        joint_K2: COCO's keypoints in the frame, pixels; NaN where unknown.
    """

    angle_A: F32
    position_P2: F32
    torso: float
    area: int
    width_A: F32 | None = None
    seen_A: Bool | None = None
    joint_K2: F32 | None = None


def pose_of(surface: PersonSurface, angle_A: F32, pixel_aspect: float = 1.0) -> PersonPose:
    """The pose of a surface, with the angles that are compared and the visible joints.

    Lengths are those of the picture as shown; `pixel_aspect`: width of a pixel over its height.
    """
    shown_2 = np.array([pixel_aspect, 1.0])
    keypoint_173 = shown_keypoints(surface)
    position_172 = np.where(keypoint_173[:, 2:] > 0, keypoint_173[:, :2], np.nan)
    side_2 = np.linalg.norm((position_172[_SIDES["shoulder"]] - position_172[_SIDES["hip"]]) * shown_2, axis=1)
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
        position_P2=((centre_25_2[1:] - middle_2) * shown_2).astype(np.float32),
        torso=mean_where_seen(side_2),
        area=len(y_M),
        joint_K2=position_172.astype(np.float32),
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
        width_TA: half widths of the angles' intervals, degrees; None where nothing is known of them.
        seen_TA: whether the limbs are visible; None: where the angle is known.
        joint_TK2: COCO's keypoints in the frames, pixels; NaN where unknown.
    """

    second_T: Float
    index_T: I64
    angle_TA: F32
    position_TP2: F32
    angle_names: tuple[str, ...]
    width_TA: F32 | None = None
    seen_TA: Bool | None = None
    joint_TK2: F32 | None = None

    def seen(self) -> Bool:
        """Whether each angle (T, A) is that of a visible limb."""
        known_TA = np.isfinite(self.angle_TA)
        return known_TA if self.seen_TA is None else known_TA & self.seen_TA

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
        width_TA=_stacked([pose.width_A for _, _, pose in poses]),
        seen_TA=_stacked([pose.seen_A for _, _, pose in poses]),
        joint_TK2=_stacked([pose.joint_K2 for _, _, pose in poses]),
    )


def _stacked(rows: list[Any]) -> Any:
    """The arrays of all frames as one; None if one is absent."""
    return None if any(row is None for row in rows) else np.stack(rows)


def mirrored_performance(performance: Performance) -> Performance:
    """The mirror image of a performance: left and right are exchanged."""
    names = performance.angle_names
    sides = [name.partition("_") for name in names]
    partner = [names.index(_OTHER_SIDE.get(side, side) + dash + joint) for side, dash, joint in sides]
    turned = [names.index(name) for name in SIDEWAYS if name in names]
    angle_TA = performance.angle_TA[:, partner].copy()
    angle_TA[:, turned] *= -1
    return replace(
        performance,
        angle_TA=angle_TA,
        width_TA=None if performance.width_TA is None else performance.width_TA[:, partner],
        seen_TA=None if performance.seen_TA is None else performance.seen_TA[:, partner],
        joint_TK2=None if performance.joint_TK2 is None else performance.joint_TK2[:, _MIRRORED_JOINTS],
        position_TP2=performance.position_TP2[:, MIRROR_CHART[1:].astype(int) - 1] * np.array([-1, 1], np.float32),
    )

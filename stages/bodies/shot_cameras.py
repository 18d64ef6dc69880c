"""What the camera does in each shot of a film, and its people in the axes of the shot's first frame."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.animation.gltf_file import CameraKeys
from models.arrays import F32, F64
from models.body.fitted_body import FittedBody
from models.motion.camera_turn import CameraTurn

ASIDE = 0.4
"""Cosine of the angle to the camera's axis from which a line is too far aside."""
ZOOMS = 1.03
"""A camera whose focal length changes by a smaller factor is not said to zoom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotCamera:
    """The camera of one shot.

    Attributes:
        turn: what it does, a frame of the shot each.
        second_T: times of the frames.
        side_px: pixels of the larger side of a frame.
    """

    turn: CameraTurn
    second_T: Sequence[float]
    side_px: int

    @property
    def turns(self) -> bool:
        """Whether its motion is known, and is taken out."""
        return self.turn.kind == "turns"

    def in_first_axes(self, body: FittedBody, second: float) -> FittedBody:
        """A body of the frame at a second, in the axes and with the focal length of the first frame.

        Its distance follows the focal length that the turn tells; its place in the picture stays.
        """
        t = self._frame(second)
        turn_33 = self.turn.turn_T33[t]
        farther = float(self.turn.focal_T[t]) * self.side_px / body.camera.focal_px
        rotation_B33 = body.pose.rotation_B33.copy()
        rotation_B33[0] = turn_33 @ rotation_B33[0]
        root_3 = (turn_33 @ (body.pose.root_3 * np.array([1.0, 1.0, farther]))).astype(np.float32)
        lens = replace(body.camera, focal_px=float(self.turn.focal_T[0]) * self.side_px)
        return replace(body, pose=replace(body.pose, rotation_B33=rotation_B33, root_3=root_3), camera=lens)

    def lines_of_first(self, end_N4: F32, second: float, middle_2: F64) -> F32:
        """Lines of the picture at a second, ends (N, 4) x, y, x, y in pixels, as the first frame's camera would show
        them. Lines that are too far aside of it are left out.

        `middle_2`: the middle of the picture in pixels.
        """
        t = self._frame(second)
        flat_N22 = (end_N4.reshape(-1, 2, 2) - middle_2) / (self.turn.focal_T[t] * self.side_px)
        ray_N23 = np.concatenate([flat_N22, np.ones((*flat_N22.shape[:2], 1))], axis=2) @ self.turn.turn_T33[t].T
        ray_N23 = ray_N23[(ray_N23[..., 2] > ASIDE * np.linalg.norm(ray_N23, axis=2)).all(axis=1)]
        shown_N22 = ray_N23[..., :2] / ray_N23[..., 2:] * self.turn.focal_T[0] * self.side_px + middle_2
        return shown_N22.reshape(-1, 4).astype(np.float32)

    def _frame(self, second: float) -> int:
        """The frame of a second, or the last one for what is seen beyond the shot."""
        return min(bisect_left(self.second_T, second), len(self.second_T) - 1)

    def keys(self) -> CameraKeys:
        """The turn as keys of an animated camera."""
        return CameraKeys(
            second_T=np.array(self.second_T, np.float64), turn_T33=self.turn.turn_T33,
            focal_px_T=self.turn.focal_T * self.side_px,
        )


def shot_of(cuts: Sequence[float], second: float) -> int:
    """Number of the shot that shows a second, from the times of the first frames after cuts."""
    return bisect_right(cuts, second)


def camera_notes(cameras: Mapping[int, ShotCamera]) -> list[str]:
    """What was found of cameras that turn or zoom and taken out, a sentence each."""
    notes = []
    for shot, camera in sorted(cameras.items()):
        if not camera.turns:
            continue
        turn, focal_px = camera.turn, round(float(camera.turn.focal_T[0]) * camera.side_px)
        zoom = f" and zooms {turn.zoom:.2g}-fold" if turn.zoom > ZOOMS else ""
        told = f"; its turn tells a focal length of {focal_px} px, by which distances are scaled"
        told = f"{told}: fit.focal_px={focal_px} fits the bodies with it, too" if turn.told else ""
        where = f" in shot {shot + 1}" if len(cameras) > 1 else ""
        what = f"the camera turns by up to {turn.degrees:.0f}°{zoom}{where}, which is taken out"
        notes.append(f"{what}{told}")
    return notes


def camera_warnings(cameras: Mapping[int, ShotCamera]) -> list[str]:
    """What is wrong because of cameras whose way is unknown: at most one sentence."""
    shots = [f"{shot + 1}" for shot, camera in sorted(cameras.items()) if camera.turn.kind == "travels"]
    if not shots:
        return []
    where = f" in shot{'s' if len(shots) > 1 else ''} {', '.join(shots)}" if len(cameras) > 1 else ""
    what = f"the camera travels{where}, or its background cannot be followed: paths along the floor are wrong"
    why = "because they hold only for a camera that stands still or turns"
    remedy = "animate.in_place=true leaves them out, decode.start and decode.end choose a part"
    return [f"{what}, {why}; {remedy}"]

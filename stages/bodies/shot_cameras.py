"""The camera of each shot of a video, and the conversion of bodies to the axes of the shot's first frame."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.animation.gltf_writer import CameraKeys
from models.arrays import F32, F64
from models.body.camera import PinholeCamera
from models.motion.camera_estimation import EstimatedCamera

MIN_COSINE = 0.4
"""Lines whose ends have a smaller cosine of the angle to the camera's axis are left out."""
ZOOMS = 1.03
"""A zoom is reported only if the focal length changes by a larger factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotCamera:
    """The camera of one shot.

    Attributes:
        estimate: its motion and focal length in each frame of the shot.
        second_T: times of the frames, seconds.
        side_px: the larger side of a frame, pixels.
    """

    estimate: EstimatedCamera
    second_T: Sequence[float]
    side_px: int

    @property
    def rotates(self) -> bool:
        """Whether it rotates, so that its rotation is compensated."""
        return self.estimate.kind == "rotates"

    def in_first_axes(
        self, turn_T33: F32, root_T3: F32, second_T: F64, lens: PinholeCamera
    ) -> tuple[F32, F32, PinholeCamera]:
        """Roots of bodies in the axes and with the focal length of the first frame, and the camera of this frame.

        Their distances change in proportion to the estimated focal length; their projections do not change.

        Args:
            turn_T33, root_T3: rotations and positions of the roots, as in `BodyPose`.
            second_T: times of their frames.
            lens: the camera with which the bodies were fitted.
        """
        frame_T = np.array([self._frame(second) for second in second_T.tolist()])
        rotation_T33, focal_T = self.estimate.rotation_T33[frame_T], self.estimate.focal_T[frame_T] * self.side_px
        farther_T3 = np.column_stack([np.ones((len(frame_T), 2)), focal_T / lens.focal_px])
        first = replace(lens, focal_px=float(self.estimate.focal_T[0]) * self.side_px)
        moved_T3 = np.einsum("tij,tj->ti", rotation_T33, root_T3 * farther_T3)
        return (rotation_T33 @ turn_T33).astype(np.float32), moved_T3.astype(np.float32), first

    def lines_of_first(self, end_N4: F32, second: float, middle_2: F64) -> F32:
        """Lines of the frame at a second as image lines of the first frame's camera. Some are left out (`MIN_COSINE`).

        Args:
            end_N4: ends of the lines as x, y, x, y, pixels.
            second: time of the frame.
            middle_2: the middle of the frame, pixels.
        """
        t = self._frame(second)
        rotation_33, focal_T = self.estimate.rotation_T33[t], self.estimate.focal_T
        flat_N22 = (end_N4.reshape(-1, 2, 2) - middle_2) / (focal_T[t] * self.side_px)
        ray_N23 = np.concatenate([flat_N22, np.ones((*flat_N22.shape[:2], 1))], axis=2) @ rotation_33.T
        ray_N23 = ray_N23[(ray_N23[..., 2] > MIN_COSINE * np.linalg.norm(ray_N23, axis=2)).all(axis=1)]
        shown_N22 = ray_N23[..., :2] / ray_N23[..., 2:] * focal_T[0] * self.side_px + middle_2
        return shown_N22.reshape(-1, 4).astype(np.float32)

    def _frame(self, second: float) -> int:
        """Index of the frame at a second; that of the last frame for a second after the shot."""
        return min(bisect_left(self.second_T, second), len(self.second_T) - 1)

    def keys(self) -> CameraKeys:
        """The rotations and focal lengths as keys of an animated camera."""
        return CameraKeys(
            second_T=np.array(self.second_T, np.float64), rotation_T33=self.estimate.rotation_T33,
            focal_px_T=self.estimate.focal_T * self.side_px,
        )


def shot_of(cuts: Sequence[float], second: float) -> int:
    """Index of the shot that contains a second. `cuts`: times of the first frames after scene cuts."""
    return bisect_right(cuts, second)


def camera_notes(cameras: Mapping[int, ShotCamera]) -> list[str]:
    """Sentences on the cameras that rotate or zoom: one for each."""
    notes = []
    for shot, camera in sorted(cameras.items()):
        if not camera.rotates:
            continue
        estimate, focal_px = camera.estimate, round(float(camera.estimate.focal_T[0]) * camera.side_px)
        zoom = f" and zooms {estimate.zoom:.2g}-fold" if estimate.zoom > ZOOMS else ""
        where = f" in shot {shot + 1}" if len(cameras) > 1 else ""
        note = f"the camera rotates by up to {estimate.max_degrees:.0f}°{zoom}{where}, which is compensated"
        if estimate.focal_estimated:
            note += f"; the estimated focal length is {focal_px} px, and distances are scaled by it"
            note += f": fit.focal_px={focal_px} fits the bodies with it, too"
        notes.append(note)
    return notes


def camera_warnings(cameras: Mapping[int, ShotCamera]) -> list[str]:
    """A sentence on the cameras that translate, or whose motion is unknown; none if there are no such cameras."""
    shots = [f"{shot + 1}" for shot, camera in sorted(cameras.items()) if camera.estimate.kind == "translates"]
    if not shots:
        return []
    where = f" in shot{'s' if len(shots) > 1 else ''} {', '.join(shots)}" if len(cameras) > 1 else ""
    what = f"the camera translates{where}, or its background cannot be tracked: paths along the floor are wrong"
    why = "because they are computed for a camera that is still or rotates"
    remedy = "animate.in_place=true leaves them out, decode.start and decode.end choose a part"
    return [f"{what}, {why}; {remedy}"]

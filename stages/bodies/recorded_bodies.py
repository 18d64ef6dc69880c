"""The bodies of all frames of a video by identity, and their conversion to an animation clip."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.animation.animation_clip import AnimationClip
from models.animation.gltf_writer import SceneCamera
from models.animation.placement import FrameSteps, frame_steps, resampled
from models.body.body_motion import BodyMotion
from models.body.fitted_body import FittedBody
from models.motion.camera_estimation import BackgroundMatch, estimated_camera
from models.motion.ground import Ground
from models.motion.grounding import grounded_motion
from models.motion.shared_floor import shared_floor
from models.motion.smoothing import smoothed_motion
from models.motion.vertical_lines import steep_lines
from stages.bodies.body_height import resized, standing_height
from stages.bodies.fit_state import bodies_from_arrays, bodies_to_arrays
from stages.bodies.shot_cameras import ShotCamera, shot_of
from stages.payloads import F32, U8
from stages.people.surface_arrays import arrays_from_bytes, arrays_to_bytes

LINE_FRAMES, LINE_SECONDS = 6, 0.5
"""Lines are detected in at most this number of frames of a shot, with at least this time between them, seconds."""
PERSON = "person_"
"""Names of people in files are this text and their identity."""


@dataclass(slots=True, kw_only=True)
class RecordedBodies:
    """The recorded bodies of a video, up to now.

    Attributes:
        width, height: pixels of the frames.
        seconds: times of all frames, with people or without.
        cuts: times of the first frames after scene cuts.
        background: image points of each frame's background; None for a frame whose background is lost. Empty if the
            user states that the camera is still.
        lines: the steep lines of some frames, each with the time of its frame.
        people: by identity, the time and the body of each frame; an identity never continues after a scene cut.
    """

    width: int = 0
    height: int = 0
    seconds: list[float] = field(default_factory=list)
    cuts: list[float] = field(default_factory=list)
    background: list[BackgroundMatch | None] = field(default_factory=list)
    lines: list[tuple[float, F32]] = field(default_factory=list)
    people: dict[int, list[tuple[float, FittedBody]]] = field(default_factory=dict)

    def add_frame(self, second: float, found: Sequence[tuple[int, FittedBody]]) -> None:
        """Record the people of one frame. People without an identity have no motion."""
        self.seconds.append(second)
        for identity, body in found:
            if identity >= 0:
                self.people.setdefault(identity, []).append((second, body))

    def add_lines(self, second: float, rgb_HW3: U8) -> None:
        """Record the steep lines of a frame, if the shot needs lines of one more frame (see `LINE_FRAMES`)."""
        start = self.cuts[-1] if self.cuts else -np.inf
        times = [time for time, _ in self.lines if time >= start]
        if len(times) < LINE_FRAMES and (not times or second - times[-1] >= LINE_SECONDS):
            self.lines.append((second, steep_lines(rgb_HW3)))

    def lines_of(self, shot: int, camera: ShotCamera | None) -> list[F32]:
        """The recorded lines of a shot as image lines of its first frame's camera; none if the camera translates."""
        lines = [(second, end_N4) for second, end_N4 in self.lines if shot_of(self.cuts, second) == shot]
        if camera is None or camera.estimate.kind == "still":
            return [end_N4 for _, end_N4 in lines]
        middle_2 = np.array([self.width, self.height]) / 2
        return [camera.lines_of_first(end_N4, second, middle_2) for second, end_N4 in lines if camera.rotates]

    def to_bytes(self) -> bytes:
        """The record as bytes."""
        arrays: dict[str, Any] = {
            "size": np.array([self.width, self.height]), "seconds": np.array(self.seconds, np.float64),
            "cuts": np.array(self.cuts, np.float64), "ids": np.array(list(self.people), np.int64),
            **_background_arrays(self.background),
            "line seconds": np.array([second for second, _ in self.lines], np.float64),
            "line counts": np.array([len(end_N4) for _, end_N4 in self.lines], np.int64),
            "lines": np.concatenate([np.zeros((0, 4), np.float32), *(end_N4 for _, end_N4 in self.lines)]),
        }
        for identity, record in self.people.items():
            arrays[f"{identity} seconds"] = np.array([second for second, _ in record], np.float64)
            arrays |= bodies_to_arrays(str(identity), [body for _, body in record])
        return arrays_to_bytes(arrays)

    @classmethod
    def from_bytes(cls, state: bytes) -> RecordedBodies:
        """The inverse of `to_bytes`."""
        arrays = arrays_from_bytes(state)
        people = {
            identity: list(
                zip(arrays[f"{identity} seconds"].tolist(), bodies_from_arrays(str(identity), arrays), strict=True)
            )
            for identity in arrays["ids"].tolist()
        }
        width, height = arrays["size"].tolist()
        times = {name: arrays[name].tolist() for name in ("seconds", "cuts")}
        parts = np.split(arrays["lines"], np.cumsum(arrays["line counts"])[:-1])
        lines = list(zip(arrays["line seconds"].tolist(), parts, strict=False))
        background = _background_of(arrays)
        return cls(width=width, height=height, people=people, lines=lines, background=background, **times)

    @property
    def frames_of_shot(self) -> int:
        """Number of recorded frames of the last shot."""
        return len(self.seconds) - (bisect_left(self.seconds, self.cuts[-1]) if self.cuts else 0)

    def cameras(self) -> dict[int, ShotCamera]:
        """The cameras of all shots with people; empty if the background was not tracked."""
        fps = 1 / frame_steps(np.array(self.seconds)).seconds
        first_of = [0, *(bisect_left(self.seconds, cut) for cut in self.cuts), len(self.seconds)]
        side = max(self.width, self.height)
        cameras: dict[int, ShotCamera] = {}
        for record in self.people.values():
            shot = shot_of(self.cuts, record[0][0])
            if shot not in cameras and self.background:
                start, end = first_of[shot], first_of[shot + 1]
                focal = record[0][1].camera.focal_px / side
                estimate = estimated_camera(self.background[start:end], focal, fps)
                cameras[shot] = ShotCamera(estimate=estimate, second_T=self.seconds[start:end], side_px=side)
        return cameras


def _background_arrays(background: Sequence[BackgroundMatch | None]) -> dict[str, Any]:
    known = [match for match in background if match is not None]
    none_02 = np.zeros((0, 2), np.float32)
    return {
        "earlier": np.array([-1 if match is None else match.earlier for match in background], np.int64),
        "places": np.array([0 if match is None else len(match.current_M2) for match in background], np.int64),
        "earlier places": np.concatenate([none_02, *(match.earlier_M2 for match in known)]),
        "now places": np.concatenate([none_02, *(match.current_M2 for match in known)]),
    }


def _background_of(arrays: Mapping[str, Any]) -> list[BackgroundMatch | None]:
    counts, ends = arrays["places"].tolist(), np.cumsum(arrays["places"]).tolist()
    before_N2, now_N2 = arrays["earlier places"], arrays["now places"]
    return [
        BackgroundMatch(earlier=earlier, earlier_M2=before_N2[end - count : end], current_M2=now_N2[end - count : end])
        if earlier >= 0 else None
        for earlier, count, end in zip(arrays["earlier"].tolist(), counts, ends, strict=True)
    ]  # fmt: skip


def recorded_clip(
    recorded: RecordedBodies, cameras: Mapping[int, ShotCamera], least_seconds: float, lock_feet: bool
) -> AnimationClip:
    """The animation clip of recorded bodies; the person who is visible longest is first.

    In one shot the camera keeps its position: the floor and the size of each person are estimated from all people of
    the shot. The clip has the camera of its first person.

    Args:
        recorded: the recorded bodies.
        cameras: the camera of each shot. Rotations are compensated; other cameras count as still.
        least_seconds: people who are visible for a shorter time are left out.
        lock_feet: whether soles in contact are locked.
    """
    steps = frame_steps(np.array(recorded.seconds))
    needed = min(least_seconds, len(recorded.seconds) * steps.seconds)
    records = sorted(recorded.people.items(), key=lambda item: -len(item[1]))
    lasting = {name: record for name, record in records if len(record) * steps.seconds >= needed - 1e-6}
    if not lasting:
        return AnimationClip(motion_of={})
    shots = {name: shot_of(recorded.cuts, record[0][0]) for name, record in lasting.items()}
    rotating = {shot: camera for shot, camera in cameras.items() if camera.rotates}
    motions = {name: recorded_motion(record, steps, rotating.get(shots[name])) for name, record in lasting.items()}
    grounds: dict[int, Ground] = {}
    for shot in set(shots.values()):
        names = [name for name in lasting if shots[name] == shot]
        stated_N = [any(body.height_stated for _, body in lasting[name]) for name in names]
        lines = recorded.lines_of(shot, cameras.get(shot))
        floor = shared_floor([smoothed_motion(motions[name]) for name in names], stated_N, lines)
        grounds[shot] = floor.ground
        motions |= {name: resized(motions[name], size) for name, size in zip(names, floor.size_N.tolist(), strict=True)}
    standing = {
        f"{PERSON}{name}": grounded_motion(motion, grounds[shots[name]], lock=lock_feet).motion
        for name, motion in motions.items()
    }
    first = next(iter(lasting))
    focal_px, ground, pose_44 = lasting[first][0][1].camera.focal_px, grounds[shots[first]], np.eye(4)
    pose_44[:3, :3], pose_44[:3, 3] = ground.axes_33, ground.shift_3
    keys = rotating[shots[first]].keys() if shots[first] in rotating else None
    camera = SceneCamera(
        pose_44=pose_44, focal_px=focal_px if keys is None else float(keys.focal_px_T[0]), width=recorded.width,
        height=recorded.height, keys=keys,
    )
    return AnimationClip(motion_of=standing, camera=camera)


def recorded_motion(
    record: Sequence[tuple[float, FittedBody]], steps: FrameSteps, rotating: ShotCamera | None = None
) -> BodyMotion:
    """The motion of one person: one shape, equal time steps, in the axes of the shot's first frame.

    Frames without the person are interpolated. A body whose shape changes moves along its ray, so that its size in the
    image does not change.

    Args:
        record: times and bodies of the person.
        steps: the time step of the result.
        rotating: the camera of the shot if it rotates, else None.
    """
    bodies = [body if rotating is None else rotating.in_first_axes(body, second) for second, body in record]
    shape_TC = np.stack([body.pose.shape_C for body in bodies])
    shape_C = np.median(shape_TC, axis=0).astype(np.float32)
    fitted_KC, of_T = np.unique(shape_TC, axis=0, return_inverse=True)
    ratio_K = standing_height(shape_C) / np.array([standing_height(fitted_C) for fitted_C in fitted_KC])
    motion = BodyMotion(
        rotation_TB33=np.stack([body.pose.rotation_B33 for body in bodies]),
        root_T3=np.stack([body.pose.root_3 for body in bodies]) * ratio_K[of_T.ravel(), None].astype(np.float32),
        shape_C=shape_C,
        second_T=np.array([second for second, _ in record], np.float64),
        confidence_TJ=np.stack([body.confidence_J for body in bodies]),
        seen_TB=np.stack([body.seen_B for body in bodies]),
        camera=bodies[0].camera,
    )
    return motion if len(bodies) == 1 else resampled(motion, steps.seconds)

"""Converts the recorded bodies of a video to an animation clip: upright motions on a floor, with locked feet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.animation.animation_clip import AnimationClip
from models.animation.gltf_writer import SceneCamera
from models.animation.placement import resampled
from models.animation.presence import nearest_frames, presence_in_video
from models.arrays import F32, F64, Bool
from models.body.body_motion import BRIDGED, SEEN, BodyMotion
from models.body.reduced_pose import driven_bones
from models.body.seen_parts import LEAST_WEIGHT, seen_shares, unseen_parts, whole_body_seen
from models.motion.ground import Ground
from models.motion.grounding import grounded_motion
from models.motion.shared_floor import shared_floor
from models.motion.smoothing import smoothed_motion
from models.motion.up_direction import UpSource
from models.time_steps import FrameSteps, frame_steps
from stages.bodies.body_height import resized, standing_height
from stages.bodies.person_record import PersonRecord
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.shot_cameras import ShotCamera, shot_of

PERSON = "person_"
"""Names of people in files are this text and their identity."""
SHORT_S = 0.5
"""In a video that is shorter than `least_seconds`, people who are visible throughout are animated if it is as short as
this, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings:
    """How recorded bodies become a clip.

    Attributes:
        least_seconds: people who are visible for a shorter time are left out.
        least_seen: people of whom a smaller share of the skin is ever seen are left out.
        bridge_s: people are hidden in gaps that are longer, seconds.
        fps: frames per second of the motions; None: those of the video.
        lock_feet: whether soles in contact are locked.
        up: from what the up direction is estimated, see `estimated_up`.
    """

    least_seconds: float = 0.5
    least_seen: float = 0.0
    bridge_s: float = 0.5
    fps: float | None = None
    lock_feet: bool = True
    up: UpSource = "auto"


def lasting_people(recorded: RecordedBodies, settings: ClipSettings) -> dict[int, PersonRecord]:
    """The people who are visible long enough, by identity; the person who is visible longest is first."""
    step = frame_steps(np.array(recorded.seconds)).seconds
    film_s = len(recorded.seconds) * step
    needed = min(settings.least_seconds, film_s) if film_s <= SHORT_S else settings.least_seconds
    records = sorted(recorded.people.items(), key=lambda item: -len(item[1]))
    return {name: record for name, record in records if len(record) * step >= needed - 1e-6}


def shown_enough(record: PersonRecord, settings: ClipSettings) -> bool:
    """Whether the video shows enough of a person's body."""
    seen_B = record.column("seen").max(axis=0) / 255
    return float(seen_shares(seen_B[None])[0]) >= settings.least_seen


def recorded_clip(
    recorded: RecordedBodies, people: dict[int, PersonRecord], cameras: Mapping[int, ShotCamera],
    settings: ClipSettings,
) -> AnimationClip:
    """The animation clip of recorded bodies; its people are in the given order.

    In one shot the camera keeps its position: the floor and the size of each person are estimated from all people of
    the shot. The clip has the camera of its first person.

    Args:
        recorded: the recorded bodies. Those of its people are removed, because long videos have many.
        people: who is animated, by identity; emptied, too.
        cameras: the camera of each shot. Rotations are compensated; other cameras count as still.
        settings: how they are animated.
    """
    if not people:
        return AnimationClip(motion_of={})
    shots = {name: shot_of(recorded.cuts, record.first_second) for name, record in people.items()}
    rotating = {shot: camera for shot, camera in cameras.items() if camera.rotates}
    steps, frame_second_F = frame_steps(np.array(recorded.seconds)), np.array(recorded.seconds)
    if settings.fps is not None and 1 / settings.fps < steps.seconds:
        steps = FrameSteps(seconds=1 / settings.fps, equal=False)
    motions = {
        name: with_presence(
            recorded_motion(record, steps, rotating.get(shots[name])), record, frame_second_F, settings.bridge_s
        )
        for name, record in people.items()
    }
    grounds: dict[int, Ground] = {}
    for shot in set(shots.values()):
        names = [name for name in people if shots[name] == shot]
        stated_N = [bool(people[name].column("stated").any()) for name in names]
        lines = recorded.lines_of(shot, cameras.get(shot))
        floor = shared_floor([smoothed_motion(motions[name]) for name in names], stated_N, lines, settings.up)
        grounds[shot] = floor.ground
        motions |= {name: resized(motions[name], size) for name, size in zip(names, floor.size_N.tolist(), strict=True)}
    first = next(iter(people))
    camera = _scene_camera(recorded, people[first], grounds[shots[first]], rotating.get(shots[first]))
    seen = {name: record.column("seen").max(axis=0, keepdims=True) / 255 for name, record in people.items()}
    lacking = {f"{PERSON}{name}": unseen_parts(seen_1B) for name, seen_1B in seen.items()}
    recorded.people.clear()
    people.clear()
    finished = {
        f"{PERSON}{name}": _finished(motions.pop(name), grounds[shots[name]], settings) for name in list(motions)
    }
    return AnimationClip(
        motion_of={name: motion for name, (motion, _) in finished.items()}, camera=camera, cuts=recorded.cuts,
        unseen_parts_of=lacking, up_is_sure=all(ground.sure for ground in grounds.values()),
        contact_of={name: contact_TP for name, (_, contact_TP) in finished.items()},
    )


def _finished(motion: BodyMotion, ground: Ground, settings: ClipSettings) -> tuple[BodyMotion, Bool]:
    """The motion in upright axes and its contacts, at the frame rate of the settings if that is lower than its own."""
    grounded = grounded_motion(motion, ground, lock=settings.lock_feet)
    standing, contact_TP = grounded.motion, grounded.contact_TP & grounded.motion.shown()[:, None]
    fewer = settings.fps is not None and 1 / settings.fps > frame_steps(standing.second_T).seconds * (1 + 1e-6)
    if settings.fps is None or not fewer:
        return standing, contact_TP
    result = resampled(standing, 1 / settings.fps)
    return result, contact_TP[nearest_frames(standing.second_T, result.second_T)]


def _scene_camera(
    recorded: RecordedBodies, record: PersonRecord, ground: Ground, rotating: ShotCamera | None
) -> SceneCamera:
    """The camera of a person's shot in upright axes."""
    focal_px, pose_44 = record.camera.focal_px, np.eye(4)
    pose_44[:3, :3], pose_44[:3, 3] = ground.axes_33, ground.shift_3
    keys = None if rotating is None else rotating.keys()
    return SceneCamera(
        pose_44=pose_44, focal_px=focal_px if keys is None else float(keys.focal_px_T[0]), width=recorded.width,
        height=recorded.height, keys=keys,
    )


def recorded_motion(record: PersonRecord, steps: FrameSteps, rotating: ShotCamera | None = None) -> BodyMotion:
    """The motion of one person: one shape, equal time steps, in the axes of the shot's first frame.

    Frames without the person are interpolated. A body whose shape changes moves along its ray, so that its size in the
    image does not change. Frames that show more of the body have more weight in the shape.

    Args:
        record: the bodies of the person.
        steps: the time step of the result.
        rotating: the camera of the shot if it rotates, else None.
    """
    second_T, shape_TC, rotation_TD33 = (record.column(name) for name in ("second", "shape", "rotation"))
    weight_T = LEAST_WEIGHT + whole_body_seen(record.column("seen") / np.float32(255))
    shape_C = np.array([_weighted_median(score_T, weight_T) for score_T in shape_TC.T], np.float32)
    fitted_KC, of_T = np.unique(shape_TC, axis=0, return_inverse=True)
    ratio_K = standing_height(shape_C) / np.array([standing_height(fitted_C) for fitted_C in fitted_KC])
    root_T3, camera = record.column("root"), record.camera
    if rotating is not None:
        rotation_TD33 = rotation_TD33.copy()
        rotation_TD33[:, 0], root_T3, camera = rotating.in_first_axes(rotation_TD33[:, 0], root_T3, second_T, camera)
    motion = BodyMotion(
        rotation_TK33=rotation_TD33, bone_K=driven_bones().bone_D.astype(np.intp),
        root_T3=root_T3 * ratio_K[of_T.ravel(), None].astype(np.float32), shape_C=shape_C, second_T=second_T,
        confidence_TJ=record.column("confidence"),
        presence_T=np.where(record.column("bridged"), BRIDGED, SEEN).astype(np.uint8), camera=camera,
    )
    return motion if len(second_T) == 1 else resampled(motion, steps.seconds)


def with_presence(motion: BodyMotion, record: PersonRecord, frame_second_F: F64, bridge_s: float) -> BodyMotion:
    """The motion with the presence of the person in the frames of the video.

    Args:
        motion: the motion of the record.
        record: the bodies of the person.
        frame_second_F: times of all frames of the video.
        bridge_s: people are hidden in gaps that are longer, seconds.
    """
    presence_F = presence_in_video(record.column("second"), record.column("bridged"), frame_second_F, bridge_s)
    return replace(motion, presence_T=presence_F[nearest_frames(frame_second_F, motion.second_T)])


def _weighted_median(value_T: F32, weight_T: F32) -> float:
    """The value below and above which is half of the weight; the mean of two values if both are in the middle."""
    order_T = np.argsort(value_T, kind="stable")
    share_T = np.cumsum(weight_T[order_T].astype(np.float64))
    share_T /= share_T[-1]
    low, high = (int(np.searchsorted(share_T, 0.5 + nudge)) for nudge in (-1e-9, 1e-9))
    return float(value_T[order_T[[low, min(high, len(value_T) - 1)]]].mean())

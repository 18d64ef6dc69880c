"""An animation clip: the upright motions of all people of a video, and its export to animation files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.animation.bvh_writer import bvh_text
from models.animation.gltf_clip import INSTANT, ClipSpan
from models.animation.gltf_writer import CLIP_NAME, AnimatedPerson, SceneCamera, gltf_bytes
from models.animation.placement import transform_to_origin, without_path
from models.animation.rest_poses import RestPose
from models.animation.rig_keys import rig_keys
from models.animation.rig_motion import rig_parts
from models.animation.skeletons import SkeletonName
from models.animation.skinned_mesh import skinned_mesh
from models.animation.usd_writer import usdz_bytes
from models.animation.vrm_animation import vrm_animation
from models.arrays import F32, F64, Bool
from models.body.body_motion import BodyMotion
from models.errors import ModelError
from models.motion.angle_table import CONTACTS, angle_rows
from models.motion.foot_contact import contact_runs
from models.time_steps import frame_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class RigSettings:
    """How people are animated.

    Attributes:
        skeleton, rest: names of the skeleton and of its rest pose.
        in_place: True removes the path along the floor.
        clip_each_shot: True makes a clip of each shot, False one clip of the whole video.
    """

    skeleton: SkeletonName = "own"
    rest: RestPose = "t"
    in_place: bool = False
    clip_each_shot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyAtlas:
    """The texture of a body: a portrait atlas as PNG, and the side of its tiles in pixels."""

    png: bytes
    tile_side: int


DEFAULT_TILE = 200
"""The UV of a body without an atlas are those of an atlas with tiles of this side, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimationClip:
    """The motions of all people of a video, in common upright axes, metres.

    Attributes:
        motion_of: upright motions by the names of the people; the person who is visible longest is first.
        camera: the video's camera in the same axes; None if it is unknown.
        cuts: times of the first frames after scene cuts, seconds.
        up_is_sure: whether the up direction of each shot is certain.
        unseen_parts_of: for each person the names of the parts of the body that no frame shows.
        contact_of: for each person the contacts (T, P) of the `PATCHES` of the soles with the floor.
        atlas_of: what each person's body wears; people without an atlas have no texture.
        padding_of: how far clothes and hair stand out from the bodies, see `padded_skin`; of others they do not.
    """

    motion_of: Mapping[str, BodyMotion]
    camera: SceneCamera | None = None
    cuts: Sequence[float] = ()
    unseen_parts_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    contact_of: Mapping[str, Bool] = field(default_factory=dict)
    atlas_of: Mapping[str, BodyAtlas] = field(default_factory=dict)
    padding_of: Mapping[str, F32] = field(default_factory=dict)
    up_is_sure: bool = True

    @property
    def start(self) -> float:
        """The second of the first frame with a person."""
        return min(float(motion.second_T[0]) for motion in self.motion_of.values())

    @property
    def end(self) -> float:
        """The second of the last frame with a person."""
        return max(float(motion.second_T[-1]) for motion in self.motion_of.values())

    def spans(self, clip_each_shot: bool) -> list[ClipSpan]:
        """The spans of the clips of a file: the whole video, or each shot with a person."""
        if not clip_each_shot:
            name = CLIP_NAME if len(self.motion_of) > 1 else next(iter(self.motion_of))
            return [ClipSpan(name=name, start=self.start, end=self.end)]
        starts = [self.start, *(cut for cut in self.cuts if self.start < cut <= self.end)]
        second_N = np.unique(np.concatenate([motion.second_T[motion.shown()] for motion in self.motion_of.values()]))
        spans = []
        for number, (start, after) in enumerate(zip(starts, [*starts[1:], np.inf], strict=True), 1):
            inside_M = second_N[(second_N >= start - INSTANT) & (second_N < after - INSTANT)]
            if len(inside_M):
                spans.append(ClipSpan(name=f"shot_{number}", start=float(inside_M[0]), end=float(inside_M[-1])))
        return spans


def moved_to_origin(clip: AnimationClip) -> AnimationClip:
    """The clip after one rotation and shift of everything, so that its first person starts at the origin and faces +z.

    Raises: ModelError if the clip has no person.
    """
    if not clip.motion_of:
        raise ModelError("no person was found, so there is nothing to animate", "", "look at the input")
    pose_44 = transform_to_origin(next(iter(clip.motion_of.values())))
    camera = clip.camera
    if camera is not None:
        camera = replace(camera, pose_44=pose_44 @ camera.pose_44)
    turn_33, shift_3 = pose_44[:3, :3], pose_44[:3, 3]
    moved = {name: motion.moved(turn_33, shift_3) for name, motion in clip.motion_of.items()}
    return replace(clip, motion_of=moved, camera=camera)


def clip_as_gltf(clip: AnimationClip, settings: RigSettings) -> bytes:
    """The bytes of one GLB file of all people; each frame keeps its time. Raises: ModelError."""
    people = [_animated_person(clip, name, settings) for name in clip.motion_of]
    return gltf_bytes(people, clip.camera, clip.spans(settings.clip_each_shot))


def clip_as_usd(clip: AnimationClip, settings: RigSettings) -> bytes:
    """The bytes of one USDZ file of all people. Raises: ModelError."""
    people = [_animated_person(clip, name, settings) for name in clip.motion_of]
    return usdz_bytes(people, 1 / frame_steps(next(iter(clip.motion_of.values())).second_T).seconds)


def clip_as_gltf_files(clip: AnimationClip, settings: RigSettings) -> dict[str, bytes]:
    """The bytes of a GLB file for each person, all with the camera and the times of the whole video."""
    spans = clip.spans(settings.clip_each_shot)
    return {
        name: gltf_bytes([_animated_person(clip, name, settings)], clip.camera, spans)
        for name in clip.motion_of
    }


def _animated_person(clip: AnimationClip, name: str, settings: RigSettings) -> AnimatedPerson:
    atlas = clip.atlas_of.get(name)
    tile_side = DEFAULT_TILE if atlas is None else atlas.tile_side
    motion = _exported(clip.motion_of[name], settings.in_place)
    extras: dict[str, Any] = {}
    if lacking := list(clip.unseen_parts_of.get(name, ())):
        extras["unseen_parts"] = lacking
    if name in clip.contact_of:
        extras["contacts"] = _contact_spans(clip.contact_of[name], motion.second_T - clip.start)
    return AnimatedPerson(
        name=name, keys=rig_keys(rig_parts(motion, settings.skeleton, settings.rest)),
        mesh=skinned_mesh(motion, settings.skeleton, settings.rest, tile_side, clip.padding_of.get(name)),
        atlas_png=None if atlas is None else atlas.png, extras=extras,
    )


def _contact_spans(contact_TP: Bool, second_T: F64) -> dict[str, list[list[float]]]:
    """The first and the last second of each contact with the floor, by the parts of the soles."""
    return {
        name: [
            [round(float(second_T[first]), 4), round(float(second_T[last - 1]), 4)]
            for first, last in contact_runs(contact_T)
        ]
        for name, contact_T in zip(CONTACTS, contact_TP.T, strict=True)
    }


def _exported(motion: BodyMotion, in_place: bool) -> BodyMotion:
    return without_path(motion) if in_place else motion


def clip_as_bvh(clip: AnimationClip, settings: RigSettings) -> dict[str, str]:
    """The text of a BVH file for each person. The frames of the motions must be evenly spaced in time."""
    texts = {}
    for name, motion in clip.motion_of.items():
        step = frame_steps(motion.second_T).seconds
        parts = rig_parts(_exported(motion, settings.in_place), settings.skeleton, settings.rest)
        texts[name] = bvh_text(parts, step)
    return texts


def clip_as_vrm_animations(clip: AnimationClip, in_place: bool) -> dict[str, bytes]:
    """The bytes of a `.vrma` file for each person; each frame keeps its time."""
    return {name: vrm_animation(name, _exported(motion, in_place)) for name, motion in clip.motion_of.items()}


def clip_as_angles(clip: AnimationClip) -> dict[str, str]:
    """The joint angles of each person as CSV, as `angle_rows` gives them."""
    return {
        name: "".join(",".join(row) + "\n" for row in angle_rows(motion, clip.contact_of.get(name)))
        for name, motion in clip.motion_of.items()
    }

"""A take: what people of a film do, upright and in metres, on its way into files of animation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from models.animation.bvh_file import bvh_text
from models.animation.gltf_file import AnimatedPerson, SceneCamera, gltf_bytes
from models.animation.placement import frame_steps, to_origin, without_path
from models.animation.rest_poses import RestPose
from models.animation.rig_clip import rig_clip
from models.animation.skeletons import SkeletonName
from models.animation.skinned_mesh import skinned_mesh
from models.animation.vrm_animation import vrm_animation
from models.body.body_motion import BodyMotion
from models.errors import ModelError
from models.motion.clinical_angles import angle_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class RigSettings:
    """How people are animated.

    Attributes:
        skeleton, rest: names of the skeleton and of its rest pose.
        in_place: without the path along the floor.
    """

    skeleton: SkeletonName = "own"
    rest: RestPose = "t"
    in_place: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Motions of a film.

    Attributes:
        motion_of: upright motions by the names of their people, the most important person first.
        camera: the film's camera in the same axes, if it stood still.
    """

    motion_of: Mapping[str, BodyMotion]
    camera: SceneCamera | None = None


def from_origin(take: Take) -> Take:
    """The take moved as a whole, so that its first person starts at the origin and faces +z.

    Raises: ModelError if nobody is in the take.
    """
    if not take.motion_of:
        raise ModelError("no person was found, so there is nothing to animate", "", "look at the input")
    pose_44 = to_origin(next(iter(take.motion_of.values())))
    camera = take.camera
    if camera is not None:
        camera = replace(camera, pose_44=pose_44 @ camera.pose_44)
    turn_33, shift_3 = pose_44[:3, :3], pose_44[:3, 3]
    return Take(motion_of={name: one.moved(turn_33, shift_3) for name, one in take.motion_of.items()}, camera=camera)


def take_as_gltf(take: Take, settings: RigSettings, atlas_png: bytes, tile_side: int) -> bytes:
    """The take as one GLB file, with every frame's own time. Raises: ModelError."""
    people = []
    for name, motion in take.motion_of.items():
        own = without_path(motion) if settings.in_place else motion
        clip = rig_clip(own, settings.skeleton, settings.rest)
        people.append(AnimatedPerson(name=name, clip=clip, mesh=skinned_mesh(clip, own, tile_side)))
    return gltf_bytes(people, atlas_png, take.camera)


def take_as_bvh(take: Take, settings: RigSettings) -> dict[str, str]:
    """The text of one BVH file for each person, whose frames are evenly spaced in time."""
    texts = {}
    for name, motion in take.motion_of.items():
        own = without_path(motion) if settings.in_place else motion
        step = frame_steps(motion.second_T).seconds
        texts[name] = bvh_text(rig_clip(own, settings.skeleton, settings.rest), step)
    return texts


def take_as_vrm_animations(take: Take, in_place: bool) -> dict[str, bytes]:
    """One `.vrma` file for each person, with every frame's own time."""
    motions = {name: without_path(one) if in_place else one for name, one in take.motion_of.items()}
    return {name: vrm_animation(name, one) for name, one in motions.items()}


def take_as_angles(take: Take) -> dict[str, str]:
    """The joint angles of each person as CSV: seconds, then the `CLINICAL_ANGLES` in degrees."""
    return {name: "".join(",".join(row) + "\n" for row in angle_rows(one)) for name, one in take.motion_of.items()}

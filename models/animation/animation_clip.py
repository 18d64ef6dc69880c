"""An animation clip: the upright motions of all people of a video, and its export to animation files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from models.animation.bvh_writer import bvh_text
from models.animation.gltf_writer import AnimatedPerson, SceneCamera, gltf_bytes
from models.animation.placement import frame_steps, transform_to_origin, without_path
from models.animation.rest_poses import RestPose
from models.animation.rig_motion import rig_motion
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
        in_place: True removes the path along the floor.
    """

    skeleton: SkeletonName = "own"
    rest: RestPose = "t"
    in_place: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimationClip:
    """The motions of all people of a video, in common upright axes, metres.

    Attributes:
        motion_of: upright motions by the names of the people; the person who is visible longest is first.
        camera: the video's camera in the same axes; None if it is unknown.
    """

    motion_of: Mapping[str, BodyMotion]
    camera: SceneCamera | None = None


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
    return AnimationClip(motion_of=moved, camera=camera)


def clip_as_gltf(clip: AnimationClip, settings: RigSettings, atlas_png: bytes, tile_side: int) -> bytes:
    """The bytes of one GLB file of all people; each frame keeps its time. Raises: ModelError.

    Args:
        clip: the motions.
        settings: how people are animated.
        atlas_png: the texture of the bodies, as PNG.
        tile_side: side of a tile of this atlas, pixels.
    """
    people = []
    for name, motion in clip.motion_of.items():
        exported = without_path(motion) if settings.in_place else motion
        rig = rig_motion(exported, settings.skeleton, settings.rest)
        people.append(AnimatedPerson(name=name, rig=rig, mesh=skinned_mesh(rig, exported, tile_side)))
    return gltf_bytes(people, atlas_png, clip.camera)


def clip_as_bvh(clip: AnimationClip, settings: RigSettings) -> dict[str, str]:
    """The text of a BVH file for each person. The frames of the motions must be evenly spaced in time."""
    texts = {}
    for name, motion in clip.motion_of.items():
        exported = without_path(motion) if settings.in_place else motion
        step = frame_steps(motion.second_T).seconds
        texts[name] = bvh_text(rig_motion(exported, settings.skeleton, settings.rest), step)
    return texts


def clip_as_vrm_animations(clip: AnimationClip, in_place: bool) -> dict[str, bytes]:
    """The bytes of a `.vrma` file for each person; each frame keeps its time."""
    motions = {name: without_path(motion) if in_place else motion for name, motion in clip.motion_of.items()}
    return {name: vrm_animation(name, motion) for name, motion in motions.items()}


def clip_as_angles(clip: AnimationClip) -> dict[str, str]:
    """The joint angles of each person as CSV: seconds, then the `CLINICAL_ANGLES` in degrees."""
    return {
        name: "".join(",".join(row) + "\n" for row in angle_rows(motion)) for name, motion in clip.motion_of.items()
    }

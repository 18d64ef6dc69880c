"""Motions for the tests of animation: people of the library of poses, turning and walking away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.animation.animation_clip import AnimationClip, BodyAtlas
from models.animation.gltf_writer import AnimatedPerson
from models.animation.rest_poses import RestPose
from models.animation.rig_keys import rig_keys
from models.animation.rig_motion import rig_parts
from models.animation.skeletons import SkeletonName
from models.animation.skinned_mesh import skinned_mesh
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.open_body import KEYPOINT_NAMES
from models.body.pose_library import all_bones, load_poses
from models.surface.atlas import DEFAULT_ATLAS

SHAPE = np.array([0.8, -0.5, 0.3, 0.6, *[0.0] * 12], np.float32)


def library_motion(frames: int = 24, fps: float = 30.0, poses: tuple[int, ...] = (40, 900, 2100)) -> BodyMotion:
    """Upright axes: from pose to pose of the library, while the heading turns by 500° and the person goes 2 m."""
    turn_PB33 = np.stack([all_bones(load_poses().vector_NK3[pose]) for pose in poses])
    at_T = np.linspace(0, len(poses) - 1, frames)
    rotation_TB33 = np.stack(
        [Slerp(np.arange(len(poses)), Rotation.from_matrix(turn_PB33[:, b]))(at_T).as_matrix()
         for b in range(turn_PB33.shape[1])],
        axis=1,
    )
    heading_T33 = Rotation.from_euler("y", np.linspace(20, 520, frames)[:, None], degrees=True).as_matrix()
    rotation_TB33[:, 0] = heading_T33 @ rotation_TB33[:, 0]
    root_T3 = np.linspace([0.5, 1.0, -1.0], [1.5, 0.9, 0.7], frames)
    return BodyMotion(
        rotation_TK33=rotation_TB33.astype(np.float32), root_T3=root_T3.astype(np.float32), shape_C=SHAPE,
        second_T=np.arange(frames) / fps, confidence_TJ=np.ones((frames, len(KEYPOINT_NAMES)), np.float32),
        presence_T=seen_in_all(frames), camera=None,
    )


def animated(
    name: str, motion: BodyMotion, skeleton: SkeletonName, rest: RestPose = "t", mesh: bool = True,
    atlas_png: bytes | None = DEFAULT_ATLAS.read_bytes(),
) -> AnimatedPerson:
    """A person of a file, with or without a skin, and with or without a texture."""
    skin = skinned_mesh(motion, skeleton, rest, 200) if mesh else None
    keys = rig_keys(rig_parts(motion, skeleton, rest))
    return AnimatedPerson(name=name, keys=keys, mesh=skin, atlas_png=atlas_png)


def dressed(clip: AnimationClip) -> AnimationClip:
    """The clip with people who wear the default atlas."""
    atlas = BodyAtlas(png=DEFAULT_ATLAS.read_bytes(), tile_side=200)
    return replace(clip, atlas_of=dict.fromkeys(clip.motion_of, atlas))

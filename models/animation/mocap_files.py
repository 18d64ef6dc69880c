"""The motion of each person of a clip as files of motion capture: markers, joint angles, and SMPL's layout."""

from __future__ import annotations

from models.animation.animation_clip import AnimationClip
from models.animation.c3d_writer import c3d_bytes
from models.animation.mot_writer import mot_text
from models.animation.placement import without_path
from models.animation.skin_markers import marker_motion
from models.animation.smpl_layout import smpl_bytes
from models.animation.trc_writer import trc_text
from models.time_steps import frame_steps

MOCAP_SUFFIXES = (".trc", ".c3d", ".mot", ".npz")


def clip_as_mocap(clip: AnimationClip, suffix: str, in_place: bool) -> dict[str, bytes]:
    """The bytes of a file for each person. The frames of the motions must be evenly spaced in time.

    Args:
        clip: the motions.
        suffix: one of `MOCAP_SUFFIXES`.
        in_place: True removes the path along the floor.

    Raises: ModelError for a motion that does not fit the format, or a package that is missing.
    """
    files = {}
    for name, original in clip.motion_of.items():
        motion = without_path(original) if in_place else original
        rate = 1 / frame_steps(motion.second_T).seconds
        if suffix == ".npz":
            files[name] = smpl_bytes(motion, rate, clip.contact_of.get(name))
        elif suffix == ".mot":
            files[name] = mot_text(motion).encode()
        elif suffix == ".trc":
            files[name] = trc_text(marker_motion(motion), f"{name}.trc", rate).encode()
        else:
            files[name] = c3d_bytes(marker_motion(motion), rate)
    return files

"""A motion as npz in the layout that SMPL-based tools read: 24 joints, a root, and rotations as axis and angle.

The body is not SMPL. Rotations are relative to the rest pose of the open body with level arms, and lengths of bones are
this body's: `rest_joints` has them. `betas` are 0, since shapes of SMPL are not known here. `trans` is the position of
the pelvis. A tool that puts the rotations on SMPL's own skeleton gets the directions of the limbs, but not the places.
Layout: Mahmood et al., AMASS, ICCV 2019.
"""

from __future__ import annotations

import io

import numpy as np

from models.animation.rig_motion import RigMotion, rig_parts
from models.arrays import F64, Bool
from models.body.body_motion import PRESENCES, BodyMotion
from models.body.rotation_vectors import rotation_logarithm
from models.motion.soles import PATCHES

SMPL_JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
)
"""Names of SMPL's joints, in their order."""
NOTE = (
    "not SMPL: rotations are relative to the open body's rest pose with level arms, joints are the open body's "
    "(rest_joints), betas are 0; y is up, metres"
)


def smpl_bytes(motion: BodyMotion, rate: float, contact_TP: Bool | None) -> bytes:
    """The bytes of an npz file.

    `poses` (T, 72) radians; `trans` (T, 3) and `joints` (T, 24, 3) metres; `rest_joints` (24, 3);
    `parents` (24,), −1 for the pelvis; `joint_names`; `seconds` (T,) from the first frame; `presence` (T,), an index
    of `presences`; `contacts` (T, 4) of the parts of the soles `contact_names`; `mocap_framerate`, `betas`, `gender`.

    Args:
        motion: in upright axes.
        rate: frames per second.
        contact_TP: contacts of the `PATCHES` of the soles; None if they are unknown.
    """
    parts = list(rig_parts(motion, "smpl", "t"))
    names = [joint.name for joint in parts[0].joints]
    order = [names.index(name) for name in SMPL_JOINTS]
    parents = [SMPL_JOINTS.index(names[p]) if p >= 0 else -1 for p in parts[0].parent_J[order].tolist()]
    place_TJ3 = np.concatenate([part.place_TJ3[:, order] for part in parts])
    arrays = {
        "poses": _turn_vectors(parts, order).reshape(len(place_TJ3), -1), "trans": place_TJ3[:, 0],
        "betas": np.zeros(10), "gender": np.array("neutral"), "mocap_framerate": np.array(rate), "joints": place_TJ3,
        "rest_joints": parts[0].rest_J3[order], "parents": np.array(parents), "joint_names": np.array(SMPL_JOINTS),
        "seconds": motion.second_T - motion.second_T[0], "presence": motion.presence_T,
        "presences": np.array(PRESENCES), "note": np.array(NOTE),
    }
    if contact_TP is not None:
        arrays |= {"contacts": contact_TP, "contact_names": np.array(PATCHES)}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _turn_vectors(parts: list[RigMotion], order: list[int]) -> F64:
    """Rotations (T, 24, 3) of the joints relative to their parents: axis times angle."""
    turn_TJ33 = np.concatenate([part.local_turns()[:, order] for part in parts])
    return rotation_logarithm(turn_TJ33.reshape(-1, 3, 3)).reshape(*turn_TJ33.shape[:2], 3)

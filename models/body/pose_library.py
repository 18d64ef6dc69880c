"""Poses of real people on the open body, sampled from captured motions. `tools/bake_poses.py` writes the file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64, I32
from models.body.open_body import load_body
from models.errors import ModelError

POSES_FILE = Path(__file__).with_name("real_poses.npz")
FORMAT = 1
UNIT = np.pi / 32767
"""Radians of one step of the stored rotation vectors, which are int16."""

TRUNK = ("root", "spine05", "spine04", "spine03", "spine02", "spine01", "neck01", "neck02", "neck03", "head")
LIMBS = ("clavicle", "upperarm01", "lowerarm01", "lowerarm02", "wrist", "upperleg01", "lowerleg01", "foot", "toe1-1")
STORED_BONES = (*TRUNK, *(f"{bone}.{side}" for bone in LIMBS for side in "LR"))
"""Bones whose rotations are stored. All toes have the rotation of `toe1-1`; other bones have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseLibrary:
    """P poses of real people.

    Attributes:
        vector_NK3: rotation vectors of `STORED_BONES` relative to their parents, radians; the root faces +z.
        motion_N: index of each pose's motion.
        frame_N: index of its frame in this motion.
        motions: names of the motions, as `cmu/005_06`.
        licences: source and licence of each motion.
    """

    vector_NK3: F32
    motion_N: I32
    frame_N: I32
    motions: tuple[str, ...]
    licences: tuple[str, ...]

    def has_hands(self, pose: int) -> bool:
        """Whether the source of a pose contains rotations of the hands."""
        return not self.motions[int(self.motion_N[pose])].startswith("deepmimic/")


@cache
def load_poses() -> PoseLibrary:
    """The library of this repository, read once. Raises ModelError if the file is missing or has another format."""
    remedy = "create it: python -m tools.bake_poses"
    try:
        with np.load(POSES_FILE) as data:
            arrays = {key: data[key] for key in data.files}
    except (OSError, ValueError) as error:
        raise ModelError("the library of poses cannot be read", str(POSES_FILE), remedy) from error
    if int(arrays.get("format", -1)) != FORMAT or tuple(arrays["bones"]) != STORED_BONES:
        raise ModelError(f"the library's format is not {FORMAT}", str(POSES_FILE), remedy)
    return PoseLibrary(
        vector_NK3=(arrays["vector_PK3"] * np.float64(UNIT)).astype(np.float32),
        motion_N=arrays["motion_P"].astype(np.int32),
        frame_N=arrays["frame_P"].astype(np.int32),
        motions=tuple(str(name) for name in arrays["motions"]),
        licences=tuple(str(name) for name in arrays["licences"]),
    )


def stored_vectors(turn_TB33: F32) -> F32:
    """Rotation vectors (T, K, 3) of `STORED_BONES` from rotations of all bones; headings do not change."""
    index = [load_body().bone(name) for name in STORED_BONES]
    vector = Rotation.from_matrix(turn_TB33[:, index].reshape(-1, 3, 3).astype(np.float64)).as_rotvec()
    return vector.reshape(len(turn_TB33), len(index), 3).astype(np.float32)


def all_bones(vector_K3: F32) -> F32:
    """Rotations of all bones (B, 3, 3) relative to their parents from those of `STORED_BONES`."""
    body = load_body()
    turn_B33 = np.tile(np.eye(3, dtype=np.float32), (len(body.bones), 1, 1))
    turn_K33 = Rotation.from_rotvec(vector_K3).as_matrix()
    for name, turn_33 in zip(STORED_BONES, turn_K33, strict=True):
        turn_B33[body.bone(name)] = turn_33
        for toe in range(2, 6) if name.startswith("toe") else ():
            turn_B33[body.bone(f"toe{toe}-1.{name[-1]}")] = turn_33
    return turn_B33


def mirrored_vectors(vector_K3: F32) -> F32:
    """The mirror image of a pose: sides are exchanged, rotations about the up and front axes are reversed."""
    twin = [
        STORED_BONES.index(name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name) for name in STORED_BONES
    ]
    return vector_K3[twin] * np.array([1, -1, -1], np.float32)


def without_heading(turn_T33: F32) -> F32:
    """Rotations of the root without their heading (see `headings`)."""
    turn = Rotation.from_rotvec(-headings(turn_T33)[:, None] * np.array([0.0, 1, 0])).as_matrix()
    return np.asarray(turn @ turn_T33, np.float32)


def headings(turn_T33: F32) -> F64:
    """Headings of the root (T,): the angle about the vertical axis from +z to the body's front, radians.

    The front of a lying person is vertical. Then the heading is from the head to the feet on the back, and from the
    feet to the head on the belly.
    """
    front_T3, up_T3 = turn_T33[:, :, 2].astype(np.float64), turn_T33[:, :, 1].astype(np.float64)
    flat = np.hypot(front_T3[:, 0], front_T3[:, 2]) < 0.5
    way_T3 = np.where(flat[:, None], -np.sign(front_T3[:, 1:2]) * up_T3, front_T3)
    return np.asarray(np.arctan2(way_T3[:, 0], way_T3[:, 2]), np.float64)

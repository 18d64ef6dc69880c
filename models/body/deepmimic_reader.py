"""Reads the motions of DeepMimic's humanoid: JSON with one row of numbers a frame.

Source of the format: Peng et al., DeepMimic, SIGGRAPH 2018; joint positions from its `humanoid3d.txt`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import F64
from models.body.skeletal_motion import (
    SkeletalMotion,
    euler_rotations,
    quaternion_rotations,
    require_coordinates,
    require_motion_size,
)
from models.errors import ModelError
from models.files.bounded_file import read_bounded
from models.files.json_file import parsed_json

MAX_FILE_BYTES = 16 * 2**20

JOINTS: tuple[tuple[str, str, tuple[float, float, float], int], ...] = (
    ("root", "", (0, 0, 0), 4),
    ("chest", "root", (0, 0.236151, 0), 4),
    ("neck", "chest", (0, 0.223894, 0), 4),
    ("right_hip", "root", (0, 0, 0.084887), 4),
    ("right_knee", "right_hip", (0, -0.421546, 0), 1),
    ("right_ankle", "right_knee", (0, -0.40987, 0), 4),
    ("right_shoulder", "chest", (-0.02405, 0.2435, 0.18311), 4),
    ("right_elbow", "right_shoulder", (0, -0.274788, 0), 1),
    ("right_wrist", "right_elbow", (0, -0.258947, 0), 0),
    ("left_hip", "root", (0, 0, -0.084887), 4),
    ("left_knee", "left_hip", (0, -0.421546, 0), 1),
    ("left_ankle", "left_knee", (0, -0.40987, 0), 4),
    ("left_shoulder", "chest", (-0.02405, 0.2435, -0.18311), 4),
    ("left_elbow", "left_shoulder", (0, -0.274788, 0), 1),
    ("left_wrist", "left_elbow", (0, -0.258947, 0), 0),
)
"""Of each joint: name, parent, position in the parent's axes (metres), and how many numbers its rotation has in a
frame: 4 for a quaternion w, x, y, z; 1 for an angle about z in radians; 0 for none."""

COLUMNS = 4 + sum(joint[3] for joint in JOINTS)
"""Numbers in a frame: its duration, the root's position, and the joints' rotations."""


def read_deepmimic(path: Path) -> SkeletalMotion:
    """The motion of a file. All frames have the duration of the first.

    Raises: ModelError if the file cannot be read or holds no frames of the humanoid.
    """
    try:
        return _motion(_rows(parsed_json(read_bounded(path, MAX_FILE_BYTES).removeprefix(b"\xef\xbb\xbf"))))
    except (OSError, ValueError) as error:
        raise ModelError(f"this DeepMimic motion cannot be read: {error!s:.160}", str(path)) from error


def _rows(document: Any) -> F64:
    """The frames (T, C) of a document. Raises: ValueError."""
    rows = document.get("Frames") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows or any(not isinstance(r, list) or len(r) != COLUMNS for r in rows):
        raise ValueError(f'its "Frames" are not rows of {COLUMNS} numbers')
    if any(isinstance(value, bool) or not isinstance(value, int | float) for row in rows for value in row):
        raise ValueError('its "Frames" hold something that is not a number')
    require_motion_size(len(rows), len(JOINTS))
    try:
        value_TC = require_coordinates(np.array(rows, np.float64))
    except OverflowError as error:
        raise ValueError("some numbers are too large") from error
    if value_TC[0, 0] <= 0:
        raise ValueError("a frame has no duration")
    return value_TC


def _motion(value_TC: F64) -> SkeletalMotion:
    names = [joint[0] for joint in JOINTS]
    rotation_TJ33 = np.tile(np.eye(3, dtype=np.float32), (len(value_TC), len(JOINTS), 1, 1))
    first = 4
    for j, (name, _, _, count) in enumerate(JOINTS):
        part = value_TC[:, first : first + count]
        first += count
        if count == 4:
            if (np.linalg.norm(part, axis=1) < 0.1).any():
                raise ValueError(f"a quaternion of {name} is 0")
            rotation_TJ33[:, j] = quaternion_rotations(part)
        elif count == 1:
            rotation_TJ33[:, j] = euler_rotations(part, "Z")
    return SkeletalMotion(
        names=tuple(names),
        parent_J=np.array([names.index(joint[1]) if joint[1] else -1 for joint in JOINTS], np.int32),
        offset_J3=np.array([joint[2] for joint in JOINTS], np.float32),
        rotation_TJ33=rotation_TJ33,
        position_T3=value_TC[:, 1:4].astype(np.float32),
        frame_time=float(value_TC[0, 0]),
    )

"""Reads BVH, the text format of motion capture: a hierarchy of joints with offsets and channels, then frames.

Source of the format: Meredith and Maddock, Motion Capture File Formats Explained, 2001.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.arrays import F64
from models.body.skeletal_motion import SkeletalMotion, euler_rotations
from models.errors import ModelError

MAX_BYTES, MAX_JOINTS = 128 * 2**20, 2000
"""Larger files and skeletons are refused."""

CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")


@dataclass(slots=True)
class _Hierarchy:
    names: list[str] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    channels: list[list[str]] = field(default_factory=list)

    def add(self, name: str, parent: int) -> int:
        if len(self.names) >= MAX_JOINTS:
            raise ValueError(f"it has more than {MAX_JOINTS} joints")
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])
        return len(self.names) - 1


def read_bvh(path: Path) -> SkeletalMotion:
    """The motion of a BVH file.

    The end of a chain ("End Site") becomes a joint named after its parent with " end". Joints below the root keep
    their offsets: their position channels are not used.

    Raises: ModelError if the file cannot be read, is too large, or is not whole.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return parsed_bvh(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ModelError(f"this BVH file cannot be read: {error}", str(path), "export it again") from error


def parsed_bvh(text: str) -> SkeletalMotion:
    """The motion of a BVH text. Raises: ValueError."""
    parts = re.split(r"^\s*MOTION\s*$", text, maxsplit=1, flags=re.MULTILINE)
    if len(parts) < 2:
        raise ValueError("it has no MOTION part")
    tree = _hierarchy(parts[0].split())
    count, frame_time, value_TC = _frames(parts[1], sum(map(len, tree.channels)))
    rotation_TJ33 = np.tile(np.eye(3, dtype=np.float32), (count, len(tree.names), 1, 1))
    position_T3 = np.tile(np.array(tree.offsets[0]), (count, 1))
    first = 0
    for j, channels in enumerate(tree.channels):
        value = value_TC[:, first : first + len(channels)]
        first += len(channels)
        turns = [k for k, channel in enumerate(channels) if channel.endswith("rotation")]
        rotation_TJ33[:, j] = euler_rotations(np.radians(value[:, turns]), "".join(channels[k][0] for k in turns))
        if j == 0:
            for k, channel in enumerate(channels):
                if channel.endswith("position"):
                    position_T3[:, "XYZ".index(channel[0])] += value[:, k]
    offset_J3 = np.array(tree.offsets, np.float32)
    offset_J3[0] = 0
    return SkeletalMotion(
        names=tuple(tree.names),
        parent_J=np.array(tree.parents, np.int32),
        offset_J3=offset_J3,
        rotation_TJ33=rotation_TJ33,
        position_T3=position_T3.astype(np.float32),
        frame_time=frame_time,
    )


def _hierarchy(words: list[str]) -> _Hierarchy:
    """The tree of joints from the words of the HIERARCHY part."""
    if not words or words[0] != "HIERARCHY":
        raise ValueError("it does not begin with HIERARCHY")
    tree, above, opened, at = _Hierarchy(), [-1], -1, 1
    while at < len(words):
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            if (word == "ROOT") != (not tree.names) or at + 1 >= len(words):
                raise ValueError("it has not exactly one ROOT, which comes first")
            name = f"{tree.names[above[-1]]} end" if word == "End" else words[at + 1]
            opened, at = tree.add(name, above[-1]), at + 2
        elif word == "{":
            above.append(opened)
            at += 1
        elif word == "}":
            above.pop()
            at += 1
            if not above:
                raise ValueError("it closes a joint that was not opened")
        elif word == "OFFSET" and above[-1] >= 0:
            tree.offsets[above[-1]] = _numbers(words[at + 1 : at + 4], 3)
            at += 4
        elif word == "CHANNELS" and above[-1] >= 0:
            tree.channels[above[-1]] = _channels(words[at + 1 : at + 8])
            at += 2 + len(tree.channels[above[-1]])
        else:
            raise ValueError(f"{word!r} is not expected in its hierarchy")
    if len(above) != 1 or not tree.names:
        raise ValueError("its hierarchy ends too early")
    return tree


def _channels(words: list[str]) -> list[str]:
    count = int(_numbers(words[:1], 1)[0])
    names = words[1 : 1 + count]
    if not 0 <= count <= 6 or len(names) != count or any(name not in CHANNELS for name in names):
        raise ValueError(f"it has unknown channels: {' '.join(words)}")
    return names


def _numbers(words: list[str], count: int) -> list[float]:
    values = [float(word) for word in words]
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{count} finite numbers are expected where it says {' '.join(words)!r}")
    return values


def _frames(text: str, channels: int) -> tuple[int, float, F64]:
    """Number of frames, seconds per frame, and the values (T, C) of the MOTION part."""
    words = text.split()
    if len(words) < 5 or words[0] != "Frames:" or words[2:4] != ["Frame", "Time:"]:
        raise ValueError("its MOTION part does not begin with Frames: and Frame Time:")
    count, frame_time = int(words[1]), _numbers(words[4:5], 1)[0]
    if count < 1 or frame_time <= 0:
        raise ValueError(f"it states {count} frames of {frame_time} s")
    if len(words) - 5 != count * channels:
        raise ValueError(f"it has {len(words) - 5} values for {count} frames of {channels} channels")
    values = np.array(words[5:], np.float64)
    if not np.isfinite(values).all():
        raise ValueError("some of its values are not finite")
    return count, frame_time, values.reshape(count, channels)

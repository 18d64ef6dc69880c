"""Reads BVH, the text format of motion capture: a hierarchy of joints with offsets and channels, then frames.

Source of the format: Meredith and Maddock, Motion Capture File Formats Explained, 2001.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from models.arrays import F64
from models.body.skeletal_motion import (
    NAME_LENGTH,
    SkeletalMotion,
    euler_rotations,
    require_coordinates,
    require_motion_size,
)
from models.errors import ModelError
from models.files.bounded_file import read_bounded

MAX_BYTES, MAX_JOINTS = 128 * 2**20, 2000
"""Larger files and skeletons are refused."""

MOTION = re.compile(rb"^[ \t]*MOTION[ \t\r]*$", re.MULTILINE)
BLOCK = 2**20
"""Bytes of the MOTION part that are split into words at a time."""
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
        if len(name) > NAME_LENGTH:
            raise ValueError(f"it has a joint whose name is longer than {NAME_LENGTH} characters")
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append([])
        return len(self.names) - 1


def read_bvh(path: Path) -> SkeletalMotion:
    """The motion of a BVH file.

    The end of a chain ("End Site") becomes a joint with its parent's name and " end". Only the position channels of the
    root are used: the offsets of other joints are constant.

    Raises: ModelError if the file cannot be read, is too large, or is incomplete.
    """
    try:
        return parsed_bvh(read_bounded(path, MAX_BYTES))
    except (OSError, ValueError) as error:
        raise ModelError(f"this BVH file cannot be read: {error!s:.160}", str(path), "export it again") from error


def parsed_bvh(text: bytes) -> SkeletalMotion:
    """The motion of a BVH text in UTF-8. Raises: ValueError."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    found = MOTION.search(text)
    if found is None:
        raise ValueError("it has no MOTION part")
    tree = _hierarchy(_words(text, 0, found.start()))
    count, frame_time, value_TC = _frames(text, found.end(), tree)
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
    offset_J3 = require_coordinates(np.array(tree.offsets, np.float64)).astype(np.float32)
    offset_J3[0] = 0
    return SkeletalMotion(
        names=tuple(tree.names),
        parent_J=np.array(tree.parents, np.int32),
        offset_J3=offset_J3,
        rotation_TJ33=rotation_TJ33,
        position_T3=position_T3.astype(np.float32),
        frame_time=frame_time,
    )


def _words(text: bytes, first: int, end: int) -> Iterator[str]:
    """The words of a part of the text, one by one. Raises: ValueError for one that is not UTF-8."""
    return (found[0].decode() for found in re.compile(rb"\S+").finditer(text, first, end))


def _hierarchy(words: Iterator[str]) -> _Hierarchy:
    """The tree of joints from the words of the HIERARCHY part."""
    if next(words, "") != "HIERARCHY":
        raise ValueError("it does not begin with HIERARCHY")
    tree, above, opened = _Hierarchy(), [-1], -1
    for word in words:
        if word in ("ROOT", "JOINT", "End") and opened < 0:
            name = next(words, "")
            if (word == "ROOT") != (not tree.names) or (tree.names and above[-1] < 0) or not name:
                raise ValueError("it must have exactly one ROOT, before all other joints")
            opened = tree.add(f"{tree.names[above[-1]]} end" if word == "End" else name, above[-1])
        elif word == "{" and opened >= 0:
            above.append(opened)
            opened = -1
        elif word == "}":
            above.pop()
            if not above:
                raise ValueError("it closes a joint that was not opened")
        elif word == "OFFSET" and above[-1] >= 0:
            tree.offsets[above[-1]] = _numbers(list(islice(words, 3)), 3)
        elif word == "CHANNELS" and above[-1] >= 0:
            tree.channels[above[-1]] = _channels(words)
        else:
            raise ValueError(f"{word!r:.40} is not expected in its hierarchy")
    if len(above) != 1 or not tree.names:
        raise ValueError("its hierarchy ends too early")
    return tree


def _channels(words: Iterator[str]) -> list[str]:
    count = int(_numbers([next(words, "")], 1)[0])
    names = list(islice(words, count)) if 0 <= count <= len(CHANNELS) else []
    if len(names) != count or any(name not in CHANNELS for name in names):
        raise ValueError(f"it has unknown channels: {count} {' '.join(names):.80}")
    return names


def _numbers(words: list[str], count: int) -> list[float]:
    values = [float(word) for word in words]
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{count} finite numbers are expected where it says {' '.join(words)!r:.80}")
    return values


def _frames(text: bytes, first: int, tree: _Hierarchy) -> tuple[int, float, F64]:
    """Number of frames, seconds per frame, and the values (T, C) of the MOTION part."""
    head = list(islice(re.compile(rb"\S+").finditer(text, first), 5))
    words = [found[0].decode() for found in head]
    if len(words) < 5 or words[0] != "Frames:" or words[2:4] != ["Frame", "Time:"]:
        raise ValueError("its MOTION part does not begin with Frames: and Frame Time:")
    count, frame_time = int(words[1]), _numbers(words[4:5], 1)[0]
    if count < 1 or frame_time <= 0:
        raise ValueError(f"it states {count} frames of {frame_time} s")
    require_motion_size(count, len(tree.names))
    channels = sum(map(len, tree.channels))
    value_N = np.empty(count * channels)
    there = 0
    for block in _blocks(text, head[-1].end()):
        if max(map(len, block), default=0) > NAME_LENGTH:
            raise ValueError(f"it has a value of more than {NAME_LENGTH} characters")
        numbers = np.array(block, np.float64)
        value_N[there : there + len(block)] = numbers[: len(value_N) - min(there, len(value_N))]
        there += len(block)
    if there != len(value_N):
        raise ValueError(f"it has {there} values for {count} frames of {channels} channels")
    return count, frame_time, require_coordinates(value_N).reshape(count, channels)


def _blocks(text: bytes, first: int) -> Iterator[list[bytes]]:
    """The words of the text from `first` on, in lists of about `BLOCK` bytes."""
    space = re.compile(rb"\s")
    while first < len(text):
        found = space.search(text, first + BLOCK)
        end = len(text) if found is None else found.start()
        yield text[first:end].split()
        first = end

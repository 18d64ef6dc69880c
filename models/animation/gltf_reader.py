"""Reads the animations of a binary glTF file (GLB) as motions of a skeleton."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.animation.gltf_document_reader import GlbDocument, item_of, parsed_glb
from models.arrays import F32, F64
from models.body.skeletal_motion import SkeletalMotion, require_coordinates, require_motion_size
from models.errors import ModelError
from models.files.bounded_file import read_bounded
from models.time_steps import FRAME_S

MAX_GLB_BYTES = 512 * 2**20
"""Larger files are refused."""
KINDS = {"rotation": "VEC4", "translation": "VEC3"}
"""The animated properties of a node that are read, and their type in the file. Others move no bones."""
STRUCTURE = (KeyError, IndexError, TypeError, AttributeError, ArithmeticError, struct.error)
"""Errors that reading a document raises if it does not have the structure of glTF."""

Channels = Mapping[tuple[int, str], tuple[F64, F64]]


def read_gltf_motions(path: Path, root: str, frame_time: float = FRAME_S) -> dict[str, SkeletalMotion]:
    """The animations of a GLB file by name: motions of the node `root` and all nodes below it.

    The length of a bone is constant: translations are read of the root only. Rotations and translations of nodes above
    the root are added to its own.

    Args:
        path: the file.
        root: name of the root joint.
        frame_time: seconds between the frames of the result.

    Raises: ModelError if the file cannot be read, is too large, is incomplete, or has no node of that name.
    """
    try:
        return _motions(parsed_glb(read_bounded(path, MAX_GLB_BYTES)), root, frame_time)
    except (OSError, ValueError) as error:
        what = f"this glTF file cannot be read: {error!s:.160}"
        raise ModelError(what, str(path), "export it again as .glb") from error
    except STRUCTURE as error:
        raise ModelError("this glTF file does not have the structure of glTF 2.0", str(path)) from error


def _motions(document: GlbDocument, root: str, frame_time: float) -> dict[str, SkeletalMotion]:
    """All animations that move nodes, resampled. All together have at most as many frames as one motion may have."""
    names = [str(node.get("name", "")) for node in document.nodes]
    if root not in names:
        raise ValueError(f"it has no node {root!r}")
    order = document.descendants(names.index(root))
    joints, frames, moving = len(order) + len(document.ancestors(order[0])), 0, {}
    for number, animation in enumerate(document.tables.get("animations", ())):
        if channels := _channels(document, animation):
            first = min(times[0] for times, _ in channels.values())
            last = max(times[-1] for times, _ in channels.values())
            frames += int((last - first) / frame_time) + 1
            require_motion_size(frames, joints)
            moving[str(animation.get("name", number))] = channels, first, last
    return {
        name: _motion(document, channels, order, np.arange(first, last + 1e-6, frame_time), frame_time)
        for name, (channels, first, last) in moving.items()
    }


def _channels(document: GlbDocument, animation: dict[str, Any]) -> Channels:
    """Times and values of an animation's channels, by node and property."""
    channels: dict[tuple[int, str], tuple[F64, F64]] = {}
    for channel in animation["channels"]:
        node, path = channel["target"].get("node"), channel["target"]["path"]
        if path not in KINDS or node is None:
            continue
        item_of(document.nodes, node)
        if (node, path) in channels:
            raise ValueError("an animation has two channels for one target")
        sampler = item_of(animation["samplers"], channel["sampler"])
        times = document.numbers(sampler["input"], "SCALAR")[:, 0]
        values = document.numbers(sampler["output"], KINDS[path])
        if sampler.get("interpolation") == "CUBICSPLINE":
            values = values[1::3]
        if not len(times) or len(values) != len(times) or (np.diff(times) <= 0).any():
            raise ValueError("the times of an animation do not grow, or do not fit its values")
        channels[node, path] = times, values
    return channels


def _motion(
    document: GlbDocument, channels: Channels, order: list[int], at_T: F64, frame_time: float
) -> SkeletalMotion:
    """The motion of the nodes of `order` in one animation at the times `at_T`."""
    rotations = [_rotations(document, channels, n, at_T) for n in order]
    rotations[0], position_T3 = _in_world(document, channels, at_T, order[0])
    row = {node: number for number, node in enumerate(order)}
    parent_J = [-1, *(row[document.parents[n]] for n in order[1:])]
    offset_J3 = [np.zeros(3), *(document.vector(n, "translation", (0.0, 0.0, 0.0)) for n in order[1:])]
    return SkeletalMotion(
        names=tuple(str(document.nodes[n].get("name", "")) for n in order),
        parent_J=np.array(parent_J, np.int32),
        offset_J3=np.array(offset_J3, np.float32),
        rotation_TJ33=np.stack(rotations, axis=1),
        position_T3=position_T3,
        frame_time=frame_time,
    )


def _rotations(document: GlbDocument, channels: Channels, node: int, at_T: F64) -> F32:
    """Rotations (T, 3, 3) of a node relative to its parent; that of the rest pose if it is not animated."""
    keys = channels.get((node, "rotation"))
    if keys is None or len(keys[0]) == 1:
        quaternion = document.vector(node, "rotation", (0.0, 0.0, 0.0, 1.0)) if keys is None else keys[1][0]
        still = Rotation.from_quat(quaternion).as_matrix()
        return np.tile(still.astype(np.float32), (len(at_T), 1, 1))
    times, values = keys
    turn = Slerp(times, Rotation.from_quat(values))(np.clip(at_T, times[0], times[-1]))
    return np.asarray(turn.as_matrix(), np.float32)


def _positions(document: GlbDocument, channels: Channels, node: int, at_T: F64) -> F64:
    """Positions (T, 3) of a node relative to its parent; that of the rest pose if it is not animated."""
    keys = channels.get((node, "translation"))
    if keys is None:
        return np.tile(document.vector(node, "translation", (0.0, 0.0, 0.0)), (len(at_T), 1))
    return np.stack([np.interp(at_T, keys[0], keys[1][:, axis]) for axis in range(3)], axis=1)


def _in_world(document: GlbDocument, channels: Channels, at_T: F64, node: int) -> tuple[F32, F32]:
    """Rotations (T, 3, 3) and positions (T, 3) of a node in the world."""
    rotation_T33 = _rotations(document, channels, node, at_T)
    position_T3 = _positions(document, channels, node, at_T)
    for ancestor in document.ancestors(node):
        outer_T33 = _rotations(document, channels, ancestor, at_T)
        rotation_T33 = outer_T33 @ rotation_T33
        position_T3 = _positions(document, channels, ancestor, at_T) + np.einsum("tij,tj->ti", outer_T33, position_T3)
    return rotation_T33, require_coordinates(position_T3).astype(np.float32)

"""Reads the animations of a binary glTF file (GLB) as motions of a skeleton.

Source of the format: Khronos, glTF 2.0 specification.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.arrays import F32, F64
from models.body.skeletal_motion import SkeletalMotion
from models.errors import ModelError
from models.files.json_file import parsed_json

MAX_GLB_BYTES, MAX_NODES = 512 * 2**20, 10_000
"""Larger files and scenes are refused."""

JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942
FLOAT = 5126
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """The parts of a file: nodes with their parents (−1: none), accessors, animations, and the binary chunk."""

    nodes: list[dict[str, Any]]
    parents: list[int]
    tables: Mapping[str, Any]
    binary: bytes

    def numbers(self, accessor: int) -> F64:
        """The values (N, W) of an accessor of floats. Raises: ValueError."""
        entry = self.tables["accessors"][accessor]
        view = self.tables["bufferViews"][entry["bufferView"]]
        width, count = WIDTHS[entry["type"]], int(entry["count"])
        first = int(view.get("byteOffset", 0)) + int(entry.get("byteOffset", 0))
        if entry["componentType"] != FLOAT or view.get("byteStride", 4 * width) != 4 * width:
            raise ValueError("an animation is not stored as tightly packed floats")
        if min(first, count) < 0 or first + 4 * width * count > len(self.binary):
            raise ValueError("an accessor reaches beyond the file")
        values = np.frombuffer(self.binary, "<f4", width * count, first).reshape(count, width)
        if not np.isfinite(values).all():
            raise ValueError("some of its values are not finite")
        return values.astype(np.float64)


def read_gltf_motions(path: Path, root: str, frame_time: float = 1 / 30) -> dict[str, SkeletalMotion]:
    """The animations of a GLB file, by name, of the joint `root` and all below it, sampled every `frame_time` seconds.

    Bones keep their lengths: only the root moves. What is above the root turns and moves with it.

    Raises: ModelError if the file cannot be read, is too large, is not whole, or has no node of that name.
    """
    try:
        if path.stat().st_size > MAX_GLB_BYTES:
            raise ValueError(f"it is larger than {MAX_GLB_BYTES >> 20} MiB")
        document = _parsed(path.read_bytes())
        return {
            str(animation.get("name", number)): _motion(document, animation, root, frame_time)
            for number, animation in enumerate(document.tables.get("animations", ()))
        }
    except (OSError, ValueError) as error:
        raise ModelError(f"this glTF file cannot be read: {error}", str(path), "export it again as .glb") from error
    except (KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise ModelError("this glTF file does not have the structure of glTF 2.0", str(path)) from error


def _parsed(data: bytes) -> _Document:
    magic, version, _ = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or version != 2:
        raise ValueError("it is not binary glTF 2.0")
    chunks, at = {}, 12
    while at + 8 <= len(data):
        size, kind = struct.unpack_from("<II", data, at)
        if at + 8 + size > len(data):
            raise ValueError("it ends too early")
        chunks[kind] = data[at + 8 : at + 8 + size]
        at += 8 + size
    tables = parsed_json(chunks[JSON_CHUNK])
    nodes = tables["nodes"]
    if len(nodes) > MAX_NODES:
        raise ValueError(f"it has more than {MAX_NODES} nodes")
    parents = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        for child in node.get("children", ()):
            if not 0 <= child < len(nodes) or parents[child] >= 0:
                raise ValueError("a node has two parents, or is not there")
            parents[child] = number
    reached = [number for number, parent in enumerate(parents) if parent < 0]
    for number in reached:
        reached.extend(nodes[number].get("children", ()))
    if len(reached) != len(nodes):
        raise ValueError("a node is below itself")
    return _Document(nodes=nodes, parents=parents, tables=tables, binary=chunks.get(BINARY_CHUNK, b""))


def _motion(document: _Document, animation: dict[str, Any], root: str, frame_time: float) -> SkeletalMotion:
    """One animation, resampled."""
    channels = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        times, values = document.numbers(sampler["input"])[:, 0], document.numbers(sampler["output"])
        if sampler.get("interpolation") == "CUBICSPLINE":
            values = values[1::3]
        if not len(times) or len(values) != len(times) or (np.diff(times) <= 0).any():
            raise ValueError("the times of an animation do not grow, or do not fit its values")
        channels[channel["target"].get("node"), channel["target"]["path"]] = times, values
    last = max(times[-1] for times, _ in channels.values())
    first = min(times[0] for times, _ in channels.values())
    at_T = np.arange(first, last + 1e-6, frame_time)
    names = [str(node.get("name", "")) for node in document.nodes]
    if root not in names:
        raise ValueError(f"it has no node {root!r}")
    order = _below(document, names.index(root))
    turns = [_turns(document.nodes[n], channels.get((n, "rotation")), at_T) for n in order]
    turns[0], position_T3 = _in_world(document, channels, at_T, order[0])
    parent_J = [-1, *(order.index(document.parents[n]) for n in order[1:])]
    offset_J3 = [[0.0, 0, 0], *(document.nodes[n].get("translation", [0.0, 0, 0]) for n in order[1:])]
    return SkeletalMotion(
        names=tuple(names[n] for n in order),
        parent_J=np.array(parent_J, np.int32),
        offset_J3=np.array(offset_J3, np.float32),
        rotation_TJ33=np.stack(turns, axis=1),
        position_T3=position_T3,
        frame_time=frame_time,
    )


def _below(document: _Document, root: int) -> list[int]:
    """A node and all nodes below it, parents first."""
    order = [root]
    for node in order:
        order.extend(document.nodes[node].get("children", ()))
    return order


def _turns(node: dict[str, Any], keys: tuple[F64, F64] | None, at_T: F64) -> F32:
    """Rotations (T, 3, 3) of a node in its parent: animated, or at rest."""
    if keys is None or len(keys[0]) == 1:
        quaternion = node.get("rotation", [0.0, 0, 0, 1]) if keys is None else keys[1][0]
        still = Rotation.from_quat(quaternion).as_matrix()
        return np.tile(still.astype(np.float32), (len(at_T), 1, 1))
    times, values = keys
    turn = Slerp(times, Rotation.from_quat(values))(np.clip(at_T, times[0], times[-1]))
    return np.asarray(turn.as_matrix(), np.float32)


def _moves(node: dict[str, Any], keys: tuple[F64, F64] | None, at_T: F64) -> F64:
    """Places (T, 3) of a node in its parent: animated, or at rest."""
    if keys is None:
        return np.tile(np.array(node.get("translation", [0.0, 0, 0]), np.float64), (len(at_T), 1))
    return np.stack([np.interp(at_T, keys[0], keys[1][:, axis]) for axis in range(3)], axis=1)


def _in_world(
    document: _Document, channels: Mapping[tuple[Any, str], tuple[F64, F64]], at_T: F64, node: int
) -> tuple[F32, F32]:
    """Rotations (T, 3, 3) and places (T, 3) of a node in the world."""
    turn = _turns(document.nodes[node], channels.get((node, "rotation")), at_T)
    place = _moves(document.nodes[node], channels.get((node, "translation")), at_T)
    above = document.parents[node]
    while above >= 0:
        outer = _turns(document.nodes[above], channels.get((above, "rotation")), at_T)
        outer_place = _moves(document.nodes[above], channels.get((above, "translation")), at_T)
        turn, place = outer @ turn, outer_place + np.einsum("tij,tj->ti", outer, place)
        above = document.parents[above]
    return turn, place.astype(np.float32)

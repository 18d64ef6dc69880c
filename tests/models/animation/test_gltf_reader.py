"""Animations of GLB files: places of joints against hand calculation, and files that are not whole."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.animation.gltf_reader import read_gltf_motions
from models.body.skeletal_motion import posed_skeleton
from models.errors import ModelError

pytestmark = pytest.mark.quick

HALF = float(np.sqrt(0.5))


def document() -> dict[str, Any]:
    """An armature at x = 1 over a hip that rises by 2 in one second, while its knee makes a quarter turn about z."""
    return {
        "asset": {"version": "2.0"},
        "nodes": [
            {"name": "armature", "children": [1], "translation": [1, 0, 0]},
            {"name": "hip", "children": [2], "translation": [0, 1, 0]},
            {"name": "knee", "children": [3], "translation": [0, -1, 0]},
            {"name": "foot", "translation": [0, -1, 0]},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 2, "type": "SCALAR"},
            {"bufferView": 0, "byteOffset": 8, "componentType": 5126, "count": 2, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5126, "count": 2, "type": "VEC4"},
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 32}, {"buffer": 0, "byteOffset": 32, "byteLength": 32}],
        "animations": [
            {
                "name": "rise",
                "samplers": [{"input": 0, "output": 1}, {"input": 0, "output": 2}],
                "channels": [
                    {"sampler": 0, "target": {"node": 1, "path": "translation"}},
                    {"sampler": 1, "target": {"node": 2, "path": "rotation"}},
                ],
            }
        ],
    }


VALUES = (0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, HALF, HALF)


def written(path: Path, tables: dict[str, Any], values: tuple[float, ...] = VALUES) -> Path:
    text = json.dumps(tables).encode()
    text += b" " * (-len(text) % 4)
    binary = struct.pack(f"<{len(values)}f", *values)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path


def test_places_are_those_calculated_by_hand(tmp_path: Path) -> None:
    motion = read_gltf_motions(written(tmp_path / "a.glb", document()), "hip", frame_time=0.5)["rise"]
    assert motion.names == ("hip", "knee", "foot")
    _, placed = posed_skeleton(motion)
    tilt = np.radians(45)
    np.testing.assert_allclose(placed[0], [[1, 1, 0], [1, 0, 0], [1, -1, 0]], atol=1e-6)
    np.testing.assert_allclose(placed[1], [[1, 2, 0], [1, 1, 0], [1 + np.sin(tilt), 1 - np.cos(tilt), 0]], atol=1e-6)
    np.testing.assert_allclose(placed[2], [[1, 3, 0], [1, 2, 0], [2, 2, 0]], atol=1e-6)


def damaged(change: str) -> dict[str, Any]:
    tables = document()
    if change == "beyond":
        tables["accessors"][2]["count"] = 10**9
    elif change == "bytes":
        tables["accessors"][0]["componentType"] = 5121
    elif change == "two parents":
        tables["nodes"][0]["children"] = [1, 2]
    elif change == "circle":
        tables["nodes"][0]["children"], tables["nodes"][3]["children"] = [], [1]
    elif change == "no root":
        tables["nodes"][1]["name"] = "pelvis"
    elif change == "no view":
        del tables["accessors"][0]["bufferView"]
    elif change == "number":
        tables["accessors"][0]["count"] = "2x"
    return tables


@pytest.mark.parametrize("change", ["beyond", "bytes", "two parents", "circle", "no root", "no view", "number"])
def test_damaged_files_are_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(ModelError, match=r"a.glb: this glTF file"):
        read_gltf_motions(written(tmp_path / "a.glb", damaged(change)), "hip")


@pytest.mark.parametrize(
    "values", [(1.0, 0.0, *VALUES[2:]), (0.0, float("nan"), *VALUES[2:]), (*VALUES[:8], *[0.0] * 8)]
)
def test_impossible_values_are_refused(tmp_path: Path, values: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match=r"a.glb: this glTF file cannot be read"):
        read_gltf_motions(written(tmp_path / "a.glb", document(), values), "hip")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.glb", document()).read_bytes()
    for size in (0, 11, 40, len(whole) - 8):
        (tmp_path / "b.glb").write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"b.glb: this glTF file"):
            read_gltf_motions(tmp_path / "b.glb", "hip")

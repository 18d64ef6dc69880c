"""Files of motions that are damaged on purpose: each is refused in one short sentence, in little memory."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.animation import gltf_document_reader
from models.animation.bvh_reader import read_bvh
from models.animation.gltf_reader import read_gltf_motions
from models.body.deepmimic_reader import JOINTS, read_deepmimic
from models.body.skeletal_motion import MAX_FRAMES
from models.errors import ModelError
from tests.models.animation.test_bvh_reader import ARM
from tests.models.animation.test_gltf_reader import VALUES, document, written

pytestmark = pytest.mark.quick

MEMORY = 48 * 2**20
"""Bytes that a refusal may take, beside eight times the file."""
read_glb = partial(read_gltf_motions, root="hip")


@contextmanager
def little_memory(path: Path) -> Iterator[None]:
    """Hold what is done to the allowed memory; NumPy's arrays count."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY + 8 * path.stat().st_size
    finally:
        tracemalloc.stop()


def refused(read: Callable[[Path], Any], path: Path, said: str = "") -> None:
    """The file gives one short sentence, and not a spent memory."""
    with little_memory(path), pytest.raises(ModelError, match=said) as caught:
        read(path)
    assert path.name in str(caught.value) and len(str(caught.value)) < len(str(path)) + 250
    assert "\n" not in str(caught.value)


HIP = "ROOT hip\n{\nOFFSET 0 0 0\nCHANNELS 0\n"
END = "MOTION\nFrames: 1\nFrame Time: 0.01\n"
BVH = {
    "a million nested joints": ("HIERARCHY\n" + HIP + "JOINT b\n{\n" * 10**6 + "}\n" * 10**6 + "}\n" + END, "2000"),
    "braces without joints": ("HIERARCHY\n" + HIP + "{\n" * 10**6 + END, "not expected"),
    "ends without braces": ("HIERARCHY\n" + HIP + "End Site\n" * 10**6 + END, "not expected"),
    "a name of megabytes": ("HIERARCHY\nROOT " + "n" * 10**7 + "\n{\n}\n" + END, "longer than 200"),
    "an offset of megabytes": ("HIERARCHY\nROOT a\n{\nOFFSET " + "9" * 10**7 + "x 0 0\n}\n" + END, "could not"),
    "a word of megabytes": ("HIERARCHY\n" + "w" * 10**7 + "\n" + END, "not expected"),
    "two roots": ("HIERARCHY\n" + HIP + "}\nJOINT b\n{\n}\n" + END, "exactly one ROOT"),
    "empty lines": ("HIERARCHY\n" + HIP + "\n" * 10**5 + "}", "no MOTION"),
    "many frames of nothing": ("HIERARCHY\n" + HIP + "}\n" + END.replace("1", "9" * 8, 1), f"more than {MAX_FRAMES}"),
    "a count of 4000 digits": ("HIERARCHY\n" + HIP + "}\n" + END.replace("1", "9" * 4000, 1), "frames of 1 joints"),
    "a count of 5000 digits": ("HIERARCHY\n" + HIP + "}\n" + END.replace("1", "9" * 5000, 1), "digits"),
    "a negative count": (ARM.replace("Frames: 2", "Frames: -2"), "-2 frames"),
    "infinite time": (ARM.replace("0.025", "1e999"), "finite numbers"),
    "a value of megabytes": (ARM + "1" * 10**7, "more than 200 characters"),
    "values that are too many": (ARM + "0 " * 10**5, "100018 values"),
    "values that are missing": (ARM.replace("0 0 0 0 0 0 0 0 0\n", ""), "9 values for 2 frames"),
    "a far place": (ARM.replace("100 0 0", "1e300 0 0"), "too large"),
    "a far joint": (ARM.replace("OFFSET 0 10 0", "OFFSET 0 1e300 0"), "too large"),
    "many channels": (ARM.replace("CHANNELS 3", "CHANNELS 1e9"), "unknown channels: 1000000000"),
}


@pytest.mark.parametrize("name", BVH)
def test_damaged_bvh_files_are_refused(tmp_path: Path, name: str) -> None:
    text, said = BVH[name]
    (tmp_path / "a.bvh").write_text(text)
    refused(read_bvh, tmp_path / "a.bvh", said)


INFINITE = float("inf")
SAMPLER, CHANNEL = ("animations", 0, "samplers", 0), ("animations", 0, "channels", 0)
WRONG: dict[tuple[str | int, ...], tuple[Any, ...]] = {
    ("accessors", 2, "count"): (INFINITE, float("nan"), 2.5, True, "2", -1, 10**30, None, [2]),
    ("accessors", 1, "byteOffset"): (-8, 28, 10**40, 0.5, INFINITE),
    ("bufferViews", 0, "byteOffset"): (-8, 10**40, INFINITE),
    ("bufferViews", 1, "byteLength"): (0, 31, -1, INFINITE),
    ("accessors", 0, "bufferView"): (-1, 2, 10**9, 0.0, True, "0", None),
    (*SAMPLER, "input"): (-1, 9, 1.5, "0"),
    (*CHANNEL, "sampler"): (-1, 9, INFINITE),
    (*CHANNEL, "target", "node"): (-1, 9, "1", []),
    ("nodes", 3, "children"): ([0], [3], [-1], [9], [1.0], [True], [None], ["a"], 5, "ab", None, {"0": 1}),
    ("nodes", 0, "rotation"): ([0, 0, 0, 0], [float("nan")] * 4, [INFINITE, 0, 0, 1], [1, 0], "abcd", 4, [[1], 2, 3]),
    ("nodes", 2, "translation"): ([INFINITE, 0, 0], [1e300, 0, 0], [0, 0], "abc", [10**400, 0, 0], [[0], [0], [0]], {}),
    ("accessors", 0, "sparse"): ({"count": 10**12},),
    ("bufferViews", 0, "byteStride"): (4096,),
    ("accessors", 1, "type"): ("VEC4", "MAT9"),
    ("animations", 0, "channels"): (None,),
    ("animations",): (7,),
    ("nodes",): ({"hip": {}}, [{}] * 10**5),
    ("animations", 0, "channels", 1, "target"): ({"node": 1, "path": "translation"},),
}
CHANGES = [(way, value) for way, values in WRONG.items() for value in values]


def change_name(way: tuple[str | int, ...], value: Any) -> str:
    """A name of at most sixty characters."""
    return f"{'.'.join(map(str, way))}={value!r:.20}"


@pytest.mark.parametrize(("way", "value"), CHANGES, ids=[change_name(*change) for change in CHANGES])
def test_damaged_glb_documents_are_refused(tmp_path: Path, way: tuple[str | int, ...], value: Any) -> None:
    tables: Any = document()
    place = tables
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    refused(read_glb, written(tmp_path / "a.glb", tables), "this glTF file")


@pytest.mark.parametrize("last", [1e8, 9e8, 3e38, float("inf")])
def test_a_glb_of_many_years_is_refused(tmp_path: Path, last: float) -> None:
    refused(read_glb, written(tmp_path / "a.glb", document(), (0.0, last, *VALUES[2:])), "cannot be read")


def test_many_animations_of_the_same_values_are_refused(tmp_path: Path) -> None:
    """Each is small; together they would be as long as a week."""
    tables = document()
    tables["animations"] = tables["animations"] * 2000
    path = written(tmp_path / "a.glb", tables, (0.0, 1000.0, *VALUES[2:]))
    refused(read_glb, path, f"more than {MAX_FRAMES} frames")


def glb(*chunks: tuple[int, bytes]) -> bytes:
    parts = b"".join(struct.pack("<II", len(content), kind) + content for kind, content in chunks)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(parts)) + parts


JSON_KIND = 0x4E4F534A
FILES = {
    "no chunks": glb(),
    "no document": glb((7, b"abc")),
    "nested lists": glb((JSON_KIND, b"[" * 10**5)),
    "nested objects": glb((JSON_KIND, b'{"nodes":' * 10**5)),
    "a list": glb((JSON_KIND, b"[]")),
    "a huge document": glb((JSON_KIND, b"[" + b"[]," * 6 * 10**6 + b"[]]")),
    "a huge number": glb((JSON_KIND, b'{"nodes": [{"name": ' + b"9" * 5000 + b"}]}")),
    "many chunks": glb((JSON_KIND, b"{}"), *[(7, b"")] * 10**5),
    "a chunk of 4 GB": glb((JSON_KIND, b"{}")) + struct.pack("<II", 2**32 - 1, 7),
    "other text": glb((JSON_KIND, b"\xff\xfe{}")),
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_glb_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.glb").write_bytes(FILES[name])
    refused(read_glb, tmp_path / "a.glb", "more than 64 chunks" if name == "many chunks" else "this glTF file")


def test_values_that_many_channels_share_count_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document has 16 values; both channels read its two times."""
    monkeypatch.setattr(gltf_document_reader, "MAX_VALUES", 18)
    path = written(tmp_path / "a.glb", document())
    assert list(read_glb(path)) == ["rise"]
    monkeypatch.setattr(gltf_document_reader, "MAX_VALUES", 17)
    refused(read_glb, path, "more than 17 values")


def test_weights_and_sizes_are_no_motion(tmp_path: Path) -> None:
    """An animation of a face beside that of the body: its values are of other kinds."""
    tables = document()
    tables["animations"][0]["channels"].append({"sampler": 1, "target": {"node": 1, "path": "weights"}})
    tables["animations"].append({"name": "face", "samplers": [], "channels": [{"target": {"path": "weights"}}]})
    assert list(read_glb(written(tmp_path / "a.glb", tables))) == ["rise"]


AT_REST = {0: [], 1: [0.0], 4: [1.0, 0.0, 0.0, 0.0]}
FRAME = [0.03, 0.0, 1.0, 0.0, *(value for joint in JOINTS for value in AT_REST[joint[3]])]
DEEPMIMIC: dict[str, Any] = {
    "a huge number": [[*FRAME[:-1], 10**400]],
    "a far place": [[0.03, 1e200, *FRAME[2:]]],
    "an infinite one": [[0.03, INFINITE, *FRAME[2:]]],
    "no duration": [[0.0, *FRAME[1:]]],
    "a word": [["a", *FRAME[1:]]],
    "a truth": [[True, *FRAME[1:]]],
    "no quaternion": [[*FRAME[:4], 0.0, *FRAME[5:]]],
    "columns": [FRAME[:-1]],
    "a number": 5,
    "nothing": [],
}


@pytest.mark.parametrize("name", DEEPMIMIC)
def test_damaged_deepmimic_motions_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text(json.dumps({"Loop": "none", "Frames": DEEPMIMIC[name]}))
    refused(read_deepmimic, tmp_path / "a.txt", "this DeepMimic motion cannot be read")


@pytest.mark.parametrize("read", [read_bvh, read_glb, read_deepmimic])
def test_large_files_are_refused_unread(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ModelError, match=r"larger than \d+ MiB"):
        read(tmp_path / "large")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("read", [read_bvh, read_glb, read_deepmimic])
def test_what_may_have_no_end_is_not_read(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(read, tmp_path / "pipe", "no regular file")
    with pytest.raises(ModelError, match=r"gone: this .* cannot be read"):
        read(tmp_path / "gone")


@pytest.mark.parametrize("name", ["bvh", "glb", "deepmimic"])
def test_bytes_changed_by_chance_give_a_motion_or_one_sentence(tmp_path: Path, name: str) -> None:
    whole, read = {
        "bvh": (ARM.encode(), read_bvh),
        "glb": (written(tmp_path / "whole.glb", document()).read_bytes(), read_glb),
        "deepmimic": (json.dumps({"Frames": [FRAME] * 2}).encode(), read_deepmimic),
    }[name]
    rng, kept = np.random.default_rng(7), 0
    signs = np.frombuffer(b'0123456789eE+-., "[]{}:\n\xff\x00truNaINfity', np.uint8)
    for _ in range(300):
        content = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, len(content), rng.integers(1, 4))
        content[places] = rng.choice(signs, len(places))
        cut = content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.2 else content
        (tmp_path / "file").write_bytes(cut.tobytes())
        try:
            read(tmp_path / "file")
            kept += 1
        except ModelError as error:
            assert len(str(error)) < len(str(tmp_path)) + 260
    assert kept < 300

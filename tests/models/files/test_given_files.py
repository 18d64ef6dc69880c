"""JSON, npz and safetensors files from users: every problem is a ValueError, without a waste of memory."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.checkpoints.checkpoint import load_checkpoint
from models.errors import ModelError
from models.files.data_pickle import read_data_pickle
from models.files.image_size import VARIABLE
from models.files.json_file import parsed_json, read_json
from models.files.npz_file import read_arrays
from models.files.safetensors_file import read_metadata, read_tensors
from models.light.architecture.sizes import sizes_from_json
from models.light.architecture.weight_files import read_sizes, read_weights

pytestmark = pytest.mark.quick


def safetensors_of(dtype: str, shape: list[int], size: int) -> bytes:
    header = json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(size)


@pytest.mark.parametrize("dtype", ["F4", "F6_E2M3", "F8_E4M3", "C64", "X9"])
def test_unsupported_dtypes_are_refused(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "a.safetensors").write_bytes(
        safetensors_of(dtype, [2, 8], {"C64": 128, "F4": 8, "F6_E2M3": 12}.get(dtype, 16))
    )
    for read in (load_checkpoint, read_weights):
        with pytest.raises(ModelError, match=r"a.safetensors: not"):
            read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("header", [b"[" * 100_000, b"{}", b"\xff" * 20, b'{"__metadata__": {"sizes": 3}}'])
def test_invalid_headers_are_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    for read in (load_checkpoint, read_sizes):
        try:
            read(tmp_path / "a.safetensors")
        except ModelError as error:
            assert len(str(error)) < 400
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 1 << 62) + header)
    with pytest.raises(ModelError):
        load_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"detector": 1}',
        '{"detector": {"widths": [16, 32, 64, 128, 1e9], "blocks": [1, 3, 4, 3]}, "surface": {}}',
        '{"detector": {"widths": [16, 32, 64, 128, 999999999], "blocks": [1, 3, 4, 3]}, "surface": {}}',
        '{"detector": {"widths": [16], "blocks": [1, 3, 4, 3]}, "surface": {}}',
    ],
)
def test_impossible_sizes_are_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        sizes_from_json(text)


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="too deep"):
        parsed_json("[" * 100_000 + "]" * 100_000)


def npy(shape: str, descr: str = "'<f4'", data: bytes = b"") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


HOSTILE = {
    "more numbers than bytes": npy("(1000000000000,)"),
    "a shape that wraps": npy("(4294967296, 4294967296)"),
    "a negative side": npy("(-1, 4)"),
    "objects": npy("(1,)", "'|O'", bytes(8)),
    "records": npy("(1,)", "[('a', '<f4')]", bytes(4)),
    "code": npy("(__import__('os').getpid(),)", data=bytes(4)),
    "a deep header": npy("(" * 5000),
    "no header": b"\x93NUMPY",
    "nothing": b"",
    "another version": b"\x93NUMPY\x09\x09",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_invalid_arrays_are_refused(tmp_path: Path, name: str, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a.npy", HOSTILE[name])
    with pytest.raises(ValueError, match="cannot be read as arrays") as caught:
        read_arrays(tmp_path / "a.npz")
    assert len(str(caught.value)) < 300


def test_too_large_arrays_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(15_000_000, np.float32))
    assert len(read_arrays(tmp_path / "a.npz")["a"]) == 15_000_000
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(ValueError, match="more than 38 MB, the limit"):
        read_arrays(tmp_path / "a.npz")


def test_other_members_are_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.pkl", b"")
    (tmp_path / "a.npz").write_bytes(made.getvalue())
    with pytest.raises(ValueError, match=r"a\.pkl, which is not an array"):
        read_arrays(tmp_path / "a.npz")


def whole_files() -> dict[str, tuple[bytes, Callable[[Path], Any]]]:
    """A small file of each kind, and its reader."""
    arrays = io.BytesIO()
    np.savez_compressed(arrays, a=np.arange(12.0).reshape(3, 4), b=np.array(["ab", "c"]))
    tensors = safetensors_of("F32", [2, 3], 24)
    document = json.dumps({"a": [1, 2.5, {"b": None}], "c": "x"}).encode()
    pickled = pickle.dumps({"a": np.arange(6).reshape(2, 3), "b": [1, 2.5, "x", None]}, protocol=2)
    return {
        "npz": (arrays.getvalue(), read_arrays),
        "safetensors": (tensors, read_tensors),
        "metadata": (tensors, read_metadata),
        "json": (document, read_json),
        "pickle": (pickled, lambda path: read_data_pickle(io.BytesIO(path.read_bytes()))),
    }


@pytest.mark.parametrize("kind", list(whole_files()))
def test_bytes_changed_by_chance_give_content_or_one_sentence(tmp_path: Path, kind: str) -> None:
    whole, read = whole_files()[kind]
    rng, refused = np.random.default_rng(5), 0
    words = [b"\xff" * 4, b"\xff\xff\xff\x7f", bytes(4)]
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), 3).tolist():
            content[place] = int(rng.integers(256))
        at = int(rng.integers(0, len(content) - 4))
        if rng.random() < 0.3:
            content[at : at + 4] = words[int(rng.integers(3))]
        (tmp_path / "file").write_bytes(content[:at] if rng.random() < 0.1 else content)
        try:
            read(tmp_path / "file")
        except (ValueError, pickle.UnpicklingError) as error:
            refused += 1
            assert len(str(error)) < 300
    assert refused > 20

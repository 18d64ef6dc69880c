"""Weights files made by hand to make a reader follow pointers, run code, or spend memory and time.

`python -m tests.models.files.hostile_pickles FOLDER` writes them there, reads each, and says in a line of
JSON how that went.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch

from models.checkpoints.checkpoint import load_checkpoint
from models.errors import ModelError

NDARRAY = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
SCALAR = b"cnumpy._core.multiarray\nscalar\n"
FROMBUFFER = b"cnumpy._core.numeric\n_frombuffer\n"
F4 = (
    b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R"
    b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)
O8 = F4.replace(b"f4", b"O8").replace(b"<", b"|")
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
POINTER = struct.pack("<Q", 0x4141414141414141)


def named(value: bytes) -> bytes:
    """A pickle of {"w": value}."""
    return b"\x80\x04}X\x01\x00\x00\x00w" + value + b"s."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def whole(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def content(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def array(shape: bytes, kind: bytes, data: bytes) -> bytes:
    return NDARRAY + b"(K\x01" + shape + kind + b"\x89" + data + b"tb"


def kind(name: str, state: bytes) -> bytes:
    return b"cnumpy\ndtype\n" + text(name) + b"\x89\x88\x87R" + state + b"b"


def shared(steps: int) -> bytes:
    """Nested tuples with each level twice: 2 to the power of `steps` elements when fully expanded."""
    return b")" + b"2\x86" * steps


PICKLES: dict[str, bytes] = {
    "scalar of an object": named(SCALAR + O8 + content(POINTER) + b"\x86R"),
    "scalar of an object without flags": named(
        SCALAR + kind("O8", b"(K\x03" + text("|") + b"NNN" + b"K\x08K\x08K\x00t") + content(POINTER) + b"\x86R"
    ),
    "scalar of numbers made objects": named(
        SCALAR + kind("f4", b"(K\x03" + text("|") + text("O8") + b"NN" + b"K\x08K\x08K?t") + content(POINTER) + b"\x86R"
    ),
    "scalar without bytes": named(SCALAR + F4 + content(b"") + b"\x86R"),
    "scalar of a text kind": named(
        SCALAR + kind("U9", b"(K\x03" + text("<") + b"NNNK\x24K\x04K\x08t") + content(POINTER) + b"\x86R"
    ),
    "array of objects": named(array(b"K\x01\x85", O8, content(POINTER))),
    "array of a list": named(array(b"K\x01\x85", O8, b"]K\x01a")),
    "array of records": named(
        array(
            b"K\x01\x85",
            kind("V8", b"(K\x03" + text("|") + b"N" + text("a") + b"\x85}NK\x08K\x01K\x10t"),
            content(POINTER),
        )
    ),
    "array larger than its bytes": named(array(b"J\x00\x00\x00\x7f\x85", F4, content(b"1234"))),
    "array of a product that wraps": named(
        array(b"\x8a\x05\x00\x00\x00\x00\x01\x8a\x05\x00\x00\x00\x00\x01\x86", F4, content(b""))
    ),
    "array of a negative side": named(array(b"J\xff\xff\xff\xff\x85", F4, content(b"1234"))),
    "array of a giant side": named(array(whole(1 << 70) + b"\x85", F4, content(b"1234"))),
    "array of many axes": named(array(b"(" + b"K\x01" * 99 + b"t", F4, content(b"1234"))),
    "array whose kind is no kind": named(array(b"K\x01\x85", text("f4"), content(b"1234"))),
    "array without a state": named(NDARRAY),
    "array of a state that is short": named(NDARRAY + b"K\x01\x85b"),
    "array made without bytes": named(b"cnumpy\nndarray\nJ\x00\x00\x00\x7f\x85\x85R"),
    "subclass to rebuild": named(b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nmatrix\nK\x00\x85C\x01b\x87R"),
    "frombuffer beyond its bytes": named(
        FROMBUFFER + b"(" + content(b"1234") + F4 + b"J\x00\x00\x00\x7f\x85" + text("C") + b"tR"
    ),
    "frombuffer of objects": named(FROMBUFFER + b"(" + content(POINTER) + O8 + b"K\x01\x85" + text("C") + b"tR"),
    "kind with a state of rubbish": named(kind("f4", b"(K\x03K\x07t")),
    "kind of half a megabyte a number": named(
        array(b"K\x01\x85", kind("V524288", b"(K\x03" + text("|") + b"NNNJ\x00\x00\x08\x00K\x01K\x00t"), b"C\x00")
    ),
    "kind of dates": named(
        SCALAR
        + kind("M8", b"(K\x04" + text("<") + b"NNNK\xffK\xffK\x00}(K\x01K\x01K\x01K\x01ttt")
        + content(POINTER)
        + b"\x86R"
    ),
    "a place in memory beyond everything": b"\x80\x04Nr\x00\x00\x00\x10.",
    "a place in memory beyond that": b"\x80\x04Nr\xff\xff\xff\xff.",
    "a place that was never filled": b"\x80\x04j\xff\xff\xff\x7f.",
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"abc.",
    "a bytearray that is not there": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.",
    "a text that is not there": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 62) + b"abc.",
    "a number that is not there": b"\x80\x04\x8b" + struct.pack("<I", 0x7FFFFFFF) + b"abc.",
    "a frame that is not there": b"\x80\x04\x95" + struct.pack("<Q", 1 << 60) + b"}.",
    "a key that takes for ever": b"\x80\x04}" + shared(60) + b"K\x01s.",
    "a key as deep as the stack": b"\x80\x04})" + b"\x85" * 1_000_000 + b"K\x01s.",
    "a value as deep as the stack": named(b")" + b"\x85" * 1_000_000),
    "lists as deep as the stack": named(b"]" * 500_000 + b"a" * 499_999),
    "bytes made of a text again and again": b"\x80\x04("
    + text("a" * 100_000)
    + b"q\x010"
    + (b"c_codecs\nencode\nh\x01" + text("latin1") + b"\x86R") * 9999
    + b"l.",
    "a dict made of pairs again and again": b"\x80\x04(]("
    + b"(K\x01K\x02t" * 20_000
    + b"eq\x010"
    + b"ccollections\nOrderedDict\nh\x01\x85R" * 9999
    + b"l.",
    "code": named(b"cos\nsystem\n" + text("false") + b"\x85R"),
    "code by another name": named(b"cbuiltins\neval\n" + text("1") + b"\x85R"),
    "code by two names": named(
        text("numpy.testing._private.utils") + text("runstring") + b"\x93" + text("1") + text("1") + b"\x86R"
    ),
    "code by an instance": named(b"(" + text("false") + b"ios\nsystem\n"),
    "a call of what is no maker": named(b"K\x01)R"),
    "a registered extension": b"\x80\x04\x82\x01.",
    "tensors of a buffer outside": named(b"\x97"),
    "a persistent name": named(b"Pname\n"),
    "nothing on the stack": b"\x80\x04....",
    "marks without end": b"\x80\x04" + b"(" * 1_000_000 + b".",
    "a number of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
}
"""Each file must cause one typed error."""


def tensor(storage: bytes, size: bytes, stride: bytes, offset: bytes = b"K\x00") -> bytes:
    """A pickle of one tensor."""
    return named(TENSOR + b"(" + storage + offset + size + stride + b"\x89ccollections\nOrderedDict\n)RtR")


def storage(numbers: bytes, *view: bytes) -> bytes:
    """A reference to float32 numbers outside of the pickle."""
    parts = [text("storage"), b"ctorch\nFloatStorage\n", text("0"), text("cpu"), numbers, *view]
    return b"(" + b"".join(parts) + b"tQ"


def torch_zip(
    size: bytes, stride: bytes, offset: bytes = b"K\x00", stored: int = 4, numbers: bytes | None = None
) -> bytes:
    """A file of torch.save with one tensor of float32, whose storage has `stored` numbers."""
    return zipped(
        {
            "a/data.pkl": tensor(storage(numbers or whole(stored)), size, stride, offset),
            "a/byteorder": b"little",
            "a/data/0": bytes(4 * stored),
            "a/version": b"3\n",
        }
    )


def torch_stream(size: bytes, stride: bytes, numbers: int) -> bytes:
    """The same in the format of torch before 1.6, without the bytes."""
    before = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    return b"".join((*before, tensor(storage(whole(numbers), b"N"), size, stride), pickle.dumps(["0"], 2)))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


ONE, FOUR = b"K\x01\x85", b"K\x04\x85"
TENSORS: dict[str, bytes] = {
    "more numbers than there are": torch_zip(b"J\x00\x00\x00\x01\x85", ONE),
    "a stride out of it": torch_zip(FOUR, b"J\x00\x00\x00\x01\x85"),
    "a stride backwards": torch_zip(FOUR, b"J\xff\xff\xff\xff\x85", b"K\x03"),
    "a place out of it": torch_zip(FOUR, ONE, b"J\x00\x00\x00\x01"),
    "a place before it": torch_zip(FOUR, ONE, b"J\xf0\xff\xff\xff"),
    "one number shown as a billion": torch_zip(b"J\x00\x00\x00\x40\x85", b"K\x00\x85"),
    "a product that wraps": torch_zip(whole(1 << 32) * 2 + b"\x86", b"K\x00K\x00\x86"),
    "fewer strides than sides": torch_zip(b"K\x02K\x02\x86", ONE),
    "a storage larger than its bytes": torch_zip(b"J\x00\x00\x00\x01\x85", ONE, numbers=b"J\x00\x00\x00\x01"),
    "a storage of less than nothing": torch_zip(FOUR, ONE, numbers=b"J\xff\xff\xff\xff"),
    "a storage that is missing": torch_zip(FOUR, ONE).replace(b"a/data/0", b"a/data/9"),
    "a storage that is a text": zipped({"a/data.pkl": tensor(text("x"), ONE, ONE)}),
    "compressed zeros": zipped({"a/data.pkl": named(b"N"), "a/data/0": bytes(1 << 26)}, zipfile.ZIP_DEFLATED),
    "a pickle in a zip of another kind": zipped({"word/document.xml": b"<a/>"}),
    "a program": zipped({"a/data.pkl": named(b"N"), "a/constants.pkl": named(b"N")}),
    "code in a zip": zipped({"a/data.pkl": named(b"cos\nsystem\n" + text("false") + b"\x85R")}),
    "memory in a zip": zipped({"a/data.pkl": b"\x80\x04Nr\x00\x00\x00\x10."}),
    "an old file that is only a number": pickle.dumps(0x1950A86A20F9469CFC6C, 2),
    "an old file whose storage is giant": torch_stream(ONE, ONE, 1 << 40),
    "an old file without its bytes": torch_stream(ONE, ONE, 4),
}
"""The same as files of torch."""


def many_names(folder: Path) -> None:
    """Files that grow only when converted to float32: a tensor, and an array, under many names."""
    numbers = torch.zeros(1 << 20, dtype=torch.uint8)
    torch.save({f"w{number}": numbers for number in range(4000)}, folder / "a tensor of many names.pth")
    zeros = np.zeros(1 << 20, np.uint8)
    (folder / "an array of many names.pkl").write_bytes(pickle.dumps({f"w{number}": zeros for number in range(4000)}))


def main(folder: Path) -> None:
    """Write and read all files."""
    for name, data in PICKLES.items():
        (folder / f"{name}.pkl").write_bytes(data)
    for name, data in TENSORS.items():
        (folder / f"{name}.pth").write_bytes(data)
    many_names(folder)
    before = peak_kb()
    for path in sorted(folder.iterdir()):
        print(json.dumps([path.name, verdict(path)]), flush=True)
    print(json.dumps(["memory", (peak_kb() - before) / 1024]))


def peak_kb() -> int:
    """The most memory that this program has had; `getrusage` counts that of the program that started it, too."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def verdict(path: Path) -> str:
    """The outcome of reading a file."""
    try:
        found = load_checkpoint(path)
    except ModelError as error:
        return f"refused: {error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    return f"read: {len(found.weights)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))

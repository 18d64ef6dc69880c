"""Small HEIF photos, written box by box: one HEVC image, EXIF, and an optional rotation box."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

U8 = npt.NDArray[np.uint8]


def box(kind: bytes, *content: bytes) -> bytes:
    """One box of ISO/IEC 14496-12."""
    data = b"".join(content)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def full_box(kind: bytes, version: int, *content: bytes) -> bytes:
    """One box with a version."""
    return box(kind, struct.pack(">I", version << 24), *content)


def heif_photo(image: U8, orientation: int, *, irot: int | None = None, version: int = 0) -> bytes:
    """A photo with the EXIF orientation `orientation`.

    Args:
        irot: quarter turns counterclockwise that the image itself asks for.
        version: of the table of places.
    """
    coded, extradata = _hevc(image)
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = struct.pack(">I", 6) + exif.tobytes()  # six bytes "Exif\0\0" before the header of TIFF
    height, width = image.shape[:2]
    ftyp = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    meta = b""
    for _ in range(2):  # the second pass knows the offsets
        start = len(ftyp) + len(meta) + 8
        places = [(1, start, len(coded)), (2, start + len(coded), len(block))]
        meta = full_box(b"meta", 0, *_about(places, extradata, width, height, irot, version))
    return ftyp + meta + box(b"mdat", coded, block)


def _about(
    places: list[tuple[int, int, int]], extradata: bytes, width: int, height: int, irot: int | None, version: int
) -> list[bytes]:
    properties = [box(b"hvcC", extradata), full_box(b"ispe", 0, struct.pack(">II", width, height))]
    if irot is not None:
        properties.append(box(b"irot", bytes([irot])))
    numbers = bytes(0x80 | i + 1 for i in range(len(properties)))
    method = b"\0\0" if version else b""
    entries = [
        struct.pack(">H", item) + method + struct.pack(">HHII", 0, 1, offset, length)
        for item, offset, length in places
    ]
    items = [full_box(b"infe", 2, struct.pack(">HH", i, 0), kind, b"\0") for i, kind in ((1, b"hvc1"), (2, b"Exif"))]
    return [
        full_box(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", 0, struct.pack(">H", 1)),
        full_box(b"iloc", version, b"\x44\x00", struct.pack(">H", len(entries)), *entries),
        full_box(b"iinf", 0, struct.pack(">H", 2), *items),
        full_box(b"iref", 0, box(b"cdsc", struct.pack(">HHH", 2, 1, 1))),
        box(
            b"iprp",
            box(b"ipco", *properties),
            full_box(b"ipma", 0, struct.pack(">IHB", 1, 1, len(numbers)), numbers),
        ),
    ]


def _hevc(image: U8) -> tuple[bytes, bytes]:
    """One coded image with length prefixes, and its hvcC box."""
    memory = BytesIO()
    with av.open(memory, "w", format="mp4") as output:
        stream: Any = output.add_stream("libx265", rate=25, options={"x265-params": "log-level=0", "crf": "10"})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            packet.pts = packet.dts = 0
            output.mux(packet)
    memory.seek(0)
    with av.open(memory) as made:
        source = made.streams.video[0]
        packet = next(p for p in made.demux(source) if p.size)
        return bytes(packet), bytes(source.codec_context.extradata or b"")

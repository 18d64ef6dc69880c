"""How large a picture may be: what its header says is held against the machine's memory before anything is decoded."""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from models.errors import ModelError

VARIABLE = "DENSEPOSE_LARGEST_PICTURE"
"""Millions of pixels; the run's key `largest_picture` reaches all its processes by it (`pipeline.command.launch`)."""
PIXEL_BYTES = 40
"""What a pixel costs at the worst moment between a file and its result: the frame, copies of it, a decoder's own."""
SHARE = 3
"""The part of the memory that one picture may take: one in so many."""
LEAST_PIXELS = 2**25
"""8K is read on every machine."""
REMEDY = "make it smaller first, or, where the memory suffices, raise the key largest_picture (millions of pixels)"
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")
"""What Pillow is asked about; other kinds by who names them."""
HEADER_BYTES = 1 << 16
_CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def max_pixels() -> int:
    """Pixels that one picture or frame may have: as the run says, else what a third of the memory holds."""
    said = os.environ.get(VARIABLE)
    return int(float(said) * 1e6) if said else max(_memory() // SHARE // PIXEL_BYTES, LEAST_PIXELS)


def too_large(width: int, height: int) -> str | None:
    """Why a picture of this size is refused; None where it is not."""
    most = max_pixels()
    if width * height <= most:
        return None
    return f"says that it has {width}×{height} pixels; {most // 10**6} million are allowed on this machine"


def require_size(width: int, height: int, where: str) -> None:
    """Raises: ModelError naming `where` for a picture that is too large."""
    what = too_large(width, height)
    if what is not None:
        raise ModelError(what, where, REMEDY)


@contextmanager
def open_image(file: str | Path | BinaryIO, where: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """A picture whose header Pillow has read and whose pixels nobody has.

    Raises:
        ModelError: it is too large.
        Exception: whatever Pillow raises where it is damaged, or none of the formats.
    """
    Image.init()
    Image.MAX_IMAGE_PIXELS = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=[name for name in formats if name in Image.OPEN]) as image:
                require_size(image.width, image.height, where)
                # For pictures within pictures (ICO): Pillow raises at twice this when it learns of their sizes.
                Image.MAX_IMAGE_PIXELS = (max_pixels() + 1) // 2
                yield image
        except Image.DecompressionBombError as error:
            raise ModelError(f"has too many pixels ({error})", where, REMEDY) from error
        finally:
            Image.MAX_IMAGE_PIXELS = None


def read_pixels(path: str | Path, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any] | None:
    """`cv2.imread` of a picture that is not too large; None where there is none. Raises: ModelError."""
    with open(path, "rb") if os.path.isfile(path) else BytesIO() as file:
        return None if _refused(file, str(path)) else _decoded(lambda: cv2.imread(str(path), flags))


def decode_pixels(content: bytes, where: str, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any] | None:
    """`cv2.imdecode` of a picture that is not too large; None where there is none. Raises: ModelError."""
    if _refused(BytesIO(content), where):
        return None
    return _decoded(lambda: cv2.imdecode(np.frombuffer(content, np.uint8), flags))


def _refused(file: BinaryIO, where: str) -> bool:
    """Whether no size can be told, so that nothing would be read. Raises: ModelError for one that is too large."""
    size = stated_size(file, where)
    if size is not None:
        require_size(*size, where)
    return size is None


def _decoded(decode: Any) -> npt.NDArray[Any] | None:
    try:
        found = decode()
    except cv2.error:
        return None
    return None if found is None else np.asarray(found)


def stated_size(file: BinaryIO, where: str) -> tuple[int, int] | None:
    """Width and height by the header of a picture that Pillow or OpenCV reads; None where none can be told.

    Raises: ModelError for one that is too large.
    """
    try:
        with open_image(file, where) as image:
            return image.width, image.height
    except ModelError:
        raise
    except Exception:  # Pillow raises whatever its readers of formats do
        file.seek(0)
        return _by_hand(file)


def _by_hand(file: BinaryIO) -> tuple[int, int] | None:
    """Of kinds that OpenCV alone reads: 16-bit colour TIFF, EXR, Radiance HDR, PFM, Sun raster."""
    head = file.read(HEADER_BYTES)
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_size(file, "<" if head[:1] == b"I" else ">")
    if head[:4] == b"\x76\x2f\x31\x01":
        found = re.search(rb"dataWindow\0box2i\0\x10\0\0\0(.{16})", head, re.DOTALL)
        left, top, right, bottom = struct.unpack("<4i", found[1]) if found else (0, 0, -1, -1)
        return (right - left + 1, bottom - top + 1) if found else None
    if found := re.match(rb"#\?.*?\n\n[-+]Y (\d+) [-+]X (\d+)\s", head, re.DOTALL):
        return int(found[2]), int(found[1])
    if found := re.match(rb"P[fF]\s+(\d+)\s+(\d+)\s", head):
        return int(found[1]), int(found[2])
    return struct.unpack(">2I", head[4:12]) if head[:4] == b"\x59\xa6\x6a\x95" and len(head) > 12 else None


def _tiff_size(file: BinaryIO, order: str) -> tuple[int, int] | None:
    """The tags 256 and 257 of the first page."""
    sizes: dict[int, int] = {}
    try:
        file.seek(4)
        file.seek(*struct.unpack(f"{order}I", file.read(4)))
        (count,) = struct.unpack(f"{order}H", file.read(2))
        for _ in range(count):
            tag, kind, _, value = struct.unpack(f"{order}HHI4s", file.read(12))
            if tag in (256, 257):
                short = kind == 3
                (sizes[tag],) = struct.unpack(f"{order}{'H' if short else 'I'}", value[: 2 if short else 4])
    except struct.error:
        return None
    return (sizes[256], sizes[257]) if len(sizes) == 2 else None


def _memory() -> int:
    """Bytes of this machine, or of the control group that the program runs in."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP:
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return min(limits)

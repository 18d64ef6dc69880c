"""Limit on image sizes: the size in the header is checked against the machine's memory before decoding."""

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
from models.files.png_text import without_large_text

VARIABLE = "DENSEPOSE_LARGEST_PICTURE"
"""Environment variable with millions of pixels; it passes the key `largest_image` to all processes of a run."""
PIXEL_BYTES = 40
"""Peak memory per pixel between file and result: the frame, copies of it, the decoder's buffers."""
SHARE = 3
"""One image may use at most 1 / SHARE of the memory."""
LEAST_PIXELS = 2**25
"""Minimum limit: 8K images are read on every machine."""
REMEDY = "make it smaller first, or, where the memory suffices, raise the key largest_image (millions of pixels)"
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "ICO", "TGA")
"""Formats that Pillow opens by default."""
HEADER_BYTES = 1 << 16
LEFT_OUT = "left out"
"""Key of an image's `info`."""
USUAL_MEMORY = 1 << 32
"""Bytes of memory where the system does not say how much there is."""
_CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def max_pixels() -> int:
    """Maximum number of pixels of an image or frame: the configured limit, or what a third of the memory holds."""
    configured = os.environ.get(VARIABLE)
    return int(float(configured) * 1e6) if configured else max(_memory() // SHARE // PIXEL_BYTES, LEAST_PIXELS)


def too_large(width: int, height: int) -> str | None:
    """Why an image of this size is refused; None if it is allowed."""
    most = max_pixels()
    if width * height <= most:
        return None
    return f"has {width}×{height} pixels; the limit on this machine is {most // 10**6} million"


def require_size(width: int, height: int, where: str) -> None:
    """Raises: ModelError naming `where` if an image is too large."""
    what = too_large(width, height)
    if what is not None:
        raise ModelError(what, where, REMEDY)


def supported_formats(formats: tuple[str, ...]) -> list[str]:
    """Those of Pillow's formats that this build of Pillow supports."""
    Image.init()
    return [name for name in formats if name in Image.OPEN]


@contextmanager
def open_image(file: str | Path | BinaryIO, where: str, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Open an image with Pillow and check its size. The pixels are not decoded yet.

    The key LEFT_OUT of the image's `info` holds a sentence if oversized texts of the file are not read.

    Raises:
        ModelError: the image is too large.
        Exception: Pillow's errors, if the file is damaged or has none of the formats.
    """
    Image.MAX_IMAGE_PIXELS = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with (
                _without_large_text(file) as (content, left_out),
                Image.open(content, formats=supported_formats(formats)) as image,
            ):
                require_size(image.width, image.height, where)
                if left_out:
                    image.info[LEFT_OUT] = left_out
                # For images inside files such as ICO: Pillow raises at twice this limit when it reads their sizes.
                Image.MAX_IMAGE_PIXELS = (max_pixels() + 1) // 2
                yield image
        except Image.DecompressionBombError as error:
            raise ModelError(f"has too many pixels ({error})", where, REMEDY) from error
        finally:
            Image.MAX_IMAGE_PIXELS = None


@contextmanager
def _without_large_text(file: str | Path | BinaryIO) -> Iterator[tuple[str | Path | BinaryIO, str]]:
    """What Pillow should open in place of a file, and `without_large_text`'s sentence."""
    if not isinstance(file, str | Path):
        yield without_large_text(file)
        return
    with open(file, "rb") as opened:
        content, left_out = without_large_text(opened)
        yield content if left_out else file, left_out


def read_pixels(path: str | Path, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any] | None:
    """`cv2.imread` with a size check. None if it cannot be read. Raises: ModelError if it is too large."""
    with open(path, "rb") if os.path.isfile(path) else BytesIO() as file:
        if _refused(file, str(path)):
            return None
        content, left_out = without_large_text(file)
        name = str(path)
        strange = name != name.encode(errors="ignore").decode()  # bytes that are no UTF-8: `cv2.imread` crashes
        return _unpacked(content.read(), flags) if left_out or strange else _decoded(lambda: cv2.imread(name, flags))


def decode_pixels(content: bytes, where: str, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any] | None:
    """`cv2.imdecode` with a size check. None if it cannot be read. Raises: ModelError if it is too large."""
    if _refused(BytesIO(content), where):
        return None
    return _unpacked(without_large_text(BytesIO(content))[0].read(), flags)


def _unpacked(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    return _decoded(lambda: cv2.imdecode(np.frombuffer(content, np.uint8), flags))


def _refused(file: BinaryIO, where: str) -> bool:
    """Whether the header has no readable size; such files are not read. Raises: ModelError if it is too large."""
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
    """Width and height from the header of an image that Pillow or OpenCV reads; None if it has none.

    Raises: ModelError if the image is too large.
    """
    try:
        with open_image(file, where) as image:
            return image.width, image.height
    except ModelError:
        raise
    except Exception:  # Pillow's readers raise errors of many kinds
        file.seek(0)
        return _parsed_size(file)


def _parsed_size(file: BinaryIO) -> tuple[int, int] | None:
    """Size in formats that only OpenCV reads: 16-bit colour TIFF, EXR, Radiance HDR, PFM, Sun raster."""
    head = file.read(HEADER_BYTES)
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_size(file, "<" if head[:1] == b"I" else ">")
    if head[:4] == b"\x76\x2f\x31\x01":
        found = re.search(rb"dataWindow\0box2i\0\x10\0\0\0(.{16})", head, re.DOTALL)
        left, top, right, bottom = struct.unpack("<4i", found[1]) if found else (0, 0, -1, -1)
        return (right - left + 1, bottom - top + 1) if found else None
    if found := re.match(rb"#\?.*?\n\n[-+]Y (\d{1,18}) [-+]X (\d{1,18})\s", head, re.DOTALL):
        return int(found[2]), int(found[1])
    if found := re.match(rb"P[fF]\s+(\d{1,18})\s+(\d{1,18})\s", head):
        return int(found[1]), int(found[2])
    return struct.unpack(">2I", head[4:12]) if head[:4] == b"\x59\xa6\x6a\x95" and len(head) > 12 else None


def _tiff_size(file: BinaryIO, order: str) -> tuple[int, int] | None:
    """Width and height from the tags 256 and 257 of the first page."""
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
    """Memory in bytes of this machine, or of the program's control group if that is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else USUAL_MEMORY]
    for path in _CGROUP:
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return min(limits)

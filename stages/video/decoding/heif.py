"""HEIF images, the format of phone cameras (HEIC): detection, orientation and tone mapping; libheif decodes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from PIL import Image

from models.arrays import U8
from pipeline.stage import HEIF_BRANDS, HEIF_OF_ANY_CODEC, StageError
from stages.video.decoding.hdr_tone_mapping import HDR_NAMES, ToneMap, is_hdr

FORMAT = "HEIF"
"""Pillow's name of the format, once its plugin is registered."""
ORIENTATION_BOXES = (b"irot", b"imir")
"""Boxes that hold the rotation and the mirroring of an image."""
MAX_HEADER_BYTES = 4096


def is_heif(path: str | Path) -> bool:
    """True for a file whose `ftyp` box names a HEIF brand. AVIF does not count: Pillow reads it."""
    try:
        with open(path, "rb") as file:
            head = file.read(MAX_HEADER_BYTES)
    except (OSError, ValueError):
        return False
    if head[4:8] != b"ftyp":
        return False
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    return brands[0] in HEIF_BRANDS or (brands[0] == HEIF_OF_ANY_CODEC and any(one in HEIF_BRANDS for one in brands))


def register() -> None:
    """Register the HEIF plugin with Pillow, once. Raises: StageError if the library is not installed."""
    if FORMAT not in Image.OPEN:
        try:
            import pillow_heif
        except ImportError as error:
            what = "the library that reads HEIC images is not installed"
            raise StageError(what, "pillow-heif", "install the program's packages again: pip install .") from error
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def exif_orientation(path: str | Path, image: Image.Image) -> int:
    """The EXIF orientation still to apply: 1 (upright) where the file has orientation boxes, which libheif applies."""
    return 1 if _has_orientation_boxes(path) else int(image.info.get("original_orientation") or 1)


def tone_mapped(path: str | Path, image: Image.Image, notes: list[str]) -> U8 | None:
    """An HDR image (PQ, HLG) as SDR, uint8 (H, W, 3), not rotated; None for others. Appends a warning to `notes`."""
    profile: dict[str, Any] = image.info.get("nclx_profile") or {}
    curve = int(profile.get("transfer_characteristics", 0))
    if not is_hdr(curve) or int(image.info.get("bit_depth", 8)) <= 8 or image.mode != "RGB":
        return None
    import pillow_heif

    rgb_HW3 = np.ascontiguousarray(np.asarray(pillow_heif.open_heif(path, convert_hdr_to_8bit=False)), np.uint16)
    frame = av.VideoFrame.from_ndarray(rgb_HW3, format="rgb48le")
    notes.append(f"HDR image ({HDR_NAMES[curve]}) was tone-mapped to SDR (BT.709)")
    return np.asarray(ToneMap(curve, int(profile["color_primaries"]))(frame).to_ndarray(format="rgb24"), np.uint8)


def _has_orientation_boxes(path: str | Path) -> bool:
    """Whether a `meta` box of the file holds a box that rotates or mirrors."""
    with open(path, "rb") as file:
        return any(box in content for content in _meta_boxes(file) for box in ORIENTATION_BOXES)


def _meta_boxes(file: BinaryIO) -> Iterator[bytes]:
    """The content of each `meta` box at the file's top level (ISO/IEC 14496-12, 4.2: size, type, long size)."""
    while len(header := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", header)
        rest = size - 8
        if size == 1:
            rest = int.from_bytes(file.read(8), "big") - 16
        if size != 0 and rest < 0:
            return
        if kind == b"meta":
            yield file.read(rest if size else -1)
        elif size == 0:
            return
        else:
            file.seek(rest, 1)

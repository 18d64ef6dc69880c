"""HEIF pictures, as phones take them (HEIC): which files are one, and what libheif reads of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from PIL import Image

from models.arrays import U8
from pipeline.stage import StageError
from stages.video.decoding.hdr_tone_mapping import HDR_NAMES, ToneMap, is_hdr

FORMAT = "HEIF"
"""What Pillow calls them, once the reader is registered."""
BRANDS = (b"heic", b"heix", b"heim", b"heis")
"""Of files that are a picture first. Those that are a film first (hevc, msf1 …) are for FFmpeg."""
ANY_CODEC = b"mif1"
"""A picture of whichever codec: the other brands of the file tell which."""
TURNS = (b"irot", b"imir")
"""Boxes by which a file says how its picture is turned and mirrored."""
LONGEST_HEAD = 4096


def is_heif(path: str | Path) -> bool:
    """True for a file that names itself a HEIF picture in its first bytes; AVIF, which Pillow reads, is none here."""
    try:
        with open(path, "rb") as file:
            head = file.read(LONGEST_HEAD)
    except (OSError, ValueError):
        return False
    if head[4:8] != b"ftyp":
        return False
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    return brands[0] in BRANDS or (brands[0] == ANY_CODEC and any(brand in BRANDS for brand in brands))


def register() -> None:
    """Let Pillow open HEIF pictures; the first one loads the library. Raises: StageError where there is none."""
    if FORMAT not in Image.OPEN:
        try:
            import pillow_heif
        except ImportError as error:
            what = "HEIC pictures are read by a library that is missing here"
            raise StageError(what, "pillow-heif", "install the program's packages again: pip install .") from error
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def exif_orientation(path: str | Path, image: Image.Image) -> int:
    """The EXIF orientation that is still to be undone: none where the file's own boxes turn it, as libheif then did."""
    return 1 if _turns_itself(path) else int(image.info.get("original_orientation") or 1)


def tone_mapped(path: str | Path, image: Image.Image, notes: list[str]) -> U8 | None:
    """An HDR picture (PQ, HLG) as SDR, uint8 (H, W, 3) and as stored; None for all others. Said in `notes`."""
    profile: dict[str, Any] = image.info.get("nclx_profile") or {}
    curve = int(profile.get("transfer_characteristics", 0))
    if not is_hdr(curve) or int(image.info.get("bit_depth", 8)) <= 8 or image.mode != "RGB":
        return None
    import pillow_heif

    rgb_HW3 = np.ascontiguousarray(np.asarray(pillow_heif.open_heif(path, convert_hdr_to_8bit=False)), np.uint16)
    frame = av.VideoFrame.from_ndarray(rgb_HW3, format="rgb48le")
    notes.append(f"HDR picture ({HDR_NAMES[curve]}) was tone-mapped to SDR (BT.709)")
    return np.asarray(ToneMap(curve, int(profile["color_primaries"]))(frame).to_ndarray(format="rgb24"), np.uint8)


def _turns_itself(path: str | Path) -> bool:
    """Whether the boxes that describe the file's items hold one that turns or mirrors."""
    with open(path, "rb") as file:
        return any(turn in described for described in _descriptions(file) for turn in TURNS)


def _descriptions(file: BinaryIO) -> Iterator[bytes]:
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

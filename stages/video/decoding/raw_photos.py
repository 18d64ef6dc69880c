"""Raw photos (NEF, CR2, ARW, DNG …): unprocessed sensor data, which this program refuses.

Most are TIFF files whose first page is a small preview, which a TIFF reader would take for the photo.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from pipeline.stage import RAW_PHOTO_HEADS, RAW_PHOTO_SUFFIXES, StageError

TIFF_HEADS = (b"II*\0", b"MM\0*")
CANON_2, CANON_3 = b"CR\x02", b"ftypcrx "
"""After a TIFF header, and after the length of a box."""

NEW_SUBFILE_TYPE, DNG_VERSION = 254, 50706
MAX_PREVIEWS = 32
"""Maximum number of pages to examine."""
REDUCED = 1
"""Bit of NewSubfileType: the page is a reduced version of another one (TIFF 6.0)."""


def is_raw(path: str) -> bool:
    """True for a raw photo by its first bytes, and for a TIFF file with the suffix of one."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except (OSError, ValueError):
        return False
    if head.startswith(TIFF_HEADS):
        return head[8:11] == CANON_2 or Path(path).suffix.lower() in RAW_PHOTO_SUFFIXES
    return head.startswith(RAW_PHOTO_HEADS) or head[4:12] == CANON_3


def refusal(path: str) -> StageError:
    """The error for a raw photo."""
    what = "is a raw photo, which must be developed first: only its preview can be read here"
    return StageError(what, path, "save it as JPEG, TIFF or PNG with the program you develop photos with")


def find_full_page(path: str, image: Image.Image) -> bool:
    """Seek to the first page of a TIFF file that is no preview of another page; True if a preview was skipped.

    Raises: StageError if all pages are previews, or if the file is raw (DNG).
    """
    for page in range(MAX_PREVIEWS):
        try:
            image.seek(page)
        except EOFError:
            break
        tags: Mapping[int, object] = getattr(image, "tag_v2", {})
        if DNG_VERSION in tags:
            break
        kind = tags.get(NEW_SUBFILE_TYPE)
        if not (isinstance(kind, int) and kind & REDUCED):
            return page > 0
    raise refusal(path)

"""Raw photos (NEF, CR2, ARW, DNG …): what a sensor saw, which a program of its own must develop into a picture.

Most are TIFF files whose first page is a small preview, so that readers of TIFF take that for the photo.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from pipeline.stage import StageError

SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".gpr", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw"),
    *(".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
HEADS = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")
TIFF_HEADS = (b"II*\0", b"MM\0*")
CANON_2, CANON_3 = b"CR\x02", b"ftypcrx "
"""Behind a TIFF head, and behind the length of a box."""

NEW_SUBFILE_TYPE, DNG_VERSION = 254, 50706
MOST_PREVIEWS = 32
"""Pages that are looked at."""
REDUCED = 1
"""Bit of the sub-file type: the page is a smaller version of another one (TIFF 6.0, NewSubfileType)."""


def is_raw(path: str) -> bool:
    """True for what is a raw photo by its first bytes, or a TIFF file that is called one."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except (OSError, ValueError):
        return False
    if head.startswith(TIFF_HEADS):
        return head[8:11] == CANON_2 or Path(path).suffix.lower() in SUFFIXES
    return head.startswith(HEADS) or head[4:12] == CANON_3


def refusal(path: str) -> StageError:
    """What is said of a raw photo."""
    what = "is a raw photo, which is to be developed first: all that can be read here is a preview in it"
    return StageError(what, path, "save it as JPEG, TIFF or PNG with the program you develop photos with")


def find_full_page(path: str, image: Image.Image) -> bool:
    """Go to the first page of a TIFF file that is no preview of another; whether one was passed over.

    Raises: StageError where there are previews alone, or where the file says that it is raw (DNG).
    """
    for page in range(MOST_PREVIEWS):
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

"""Writes PNG images beside the studio's result."""

from __future__ import annotations

from pathlib import Path

from models.arrays import U8
from models.files.atomic_file import atomic_write
from models.files.png_image import png_of
from pipeline.stage import StageError


def write_png(path: Path, rgb_HW3: U8) -> None:
    """Write an RGB image (H, W, 3) as PNG; a missing folder is made. Raises: StageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_bytes(png_of(rgb_HW3))
    except OSError as error:
        what = f"the image cannot be written ({error.strerror or error})"
        raise StageError(what, str(path), "name another file with -o") from error

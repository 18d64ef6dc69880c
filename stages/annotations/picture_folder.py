"""The pictures of a folder, whatever is wanted of them."""

from __future__ import annotations

from pathlib import Path

from pipeline.stage import StageError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".jpe", ".jfif", ".tif", ".tiff", ".avif")
"""How their names end; where one photo is there in several ways, the first counts."""


def pictures_in(folder: Path, lack: str) -> list[Path]:
    """The pictures of a folder and its subfolders, sorted.

    Raises: StageError when there is none; `lack` says what that means to its user.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not found:
        raise StageError(lack, str(folder), "name a folder with .jpg or .png files")
    return found

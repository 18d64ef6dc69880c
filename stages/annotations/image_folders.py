"""Image files in folders: find, look up and read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.arrays import U8
from models.files.image_size import read_pixels
from pipeline.stage import StageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".jpe", ".jfif", ".tif", ".tiff", ".avif")
"""Suffixes of image files, in order of preference where one photo exists in several formats."""


def images_in_folder(folder: Path, missing: str) -> list[Path]:
    """The image files in a folder and its subfolders, sorted.

    Raises: StageError with the text `missing` when there is none.
    """
    files = folder.rglob("*") if folder.is_dir() else ()
    found = sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise StageError(missing, str(folder), "name a folder with .jpg or .png files")
    return found


def image_path(folder: Path, name: str) -> Path:
    """The file of an image that annotations name, in `folder`; found by its base name where the whole name is absent.

    Annotation tools write names with folders and backslashes of the machine on which they ran.
    """
    posix = name.replace("\\", "/")
    candidates = (folder / name, folder / posix, folder / posix.rpartition("/")[2])
    return next((path for path in candidates if os.path.isfile(path)), candidates[0])


def read_rgb(path: Path) -> U8:
    """An image file as RGB (H, W, 3). Raises: StageError when it is missing or damaged."""
    bgr: Any = read_pixels(path)
    if bgr is None:
        raise StageError("the image is missing or damaged", str(path), "check the path, or save the image again")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))

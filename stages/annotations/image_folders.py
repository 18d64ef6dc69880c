"""The pictures of a folder, whatever is wanted of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.files.image_size import read_pixels
from pipeline.stage import StageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".jpe", ".jfif", ".tif", ".tiff", ".avif")
"""How their names end; where one photo is there in several ways, the first counts."""


def images_in_folder(folder: Path, lack: str) -> list[Path]:
    """The pictures of a folder and its subfolders, sorted.

    Raises: StageError when there is none; `lack` says what that means to its user.
    """
    files = folder.rglob("*") if folder.is_dir() else ()
    found = sorted(path for path in files if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise StageError(lack, str(folder), "name a folder with .jpg or .png files")
    return found


def image_path(folder: Path, name: str) -> Path:
    """The file of a picture: as a file of annotations calls it, else by its own name alone, where that is there.

    Tools write names with the folders of the machine that they ran on, and with its slashes.
    """
    plain = name.replace("\\", "/")
    places = (folder / name, folder / plain, folder / plain.rpartition("/")[2])
    return next((place for place in places if os.path.isfile(place)), places[0])


def read_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """An image file as RGB. Raises: StageError when it is missing or no image."""
    bgr: Any = read_pixels(path)
    if bgr is None:
        raise StageError("the image is missing or damaged", str(path), "check the folder given for the training photos")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))

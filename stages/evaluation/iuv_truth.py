"""Sets from folders of photos with IUV images beside them, as DensePose's tools write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from models.arrays import I32, U8, Int
from models.files.image_size import read_pixels
from models.metrics.instances import TrueInstance
from pipeline.stage import StageError
from stages.annotations.densepose_coco import DamageHandler
from stages.annotations.image_folders import IMAGE_SUFFIXES, read_rgb
from stages.evaluation.true_images import DenseTruth, TrueImage, TruePerson, TrueSet
from stages.video.decoding.silenced_stderr import silenced_stderr
from stages.world.scene import mask_box

IUV_NAME = re.compile(r"(?P<stem>.+)_iuv(_rgb)?\.png", re.IGNORECASE)
CHARTS = 24
GAP = 0.02
"""Largest gap between regions of one person, as a share of the image's height, where no file has instance numbers."""
MIN_SHARE = 0.05
"""Regions smaller than this share of the largest region are background."""


def iuv_pairs(folder: Path) -> list[tuple[Path, Path, Path | None]]:
    """Photos of a folder and its subfolders that have an IUV image `NAME_IUV.png` beside them.

    Each is the photo, the IUV image, and the image of instance numbers `NAME_INDS.png`, or None.
    """
    found = []
    for iuv in sorted(folder.rglob("*.png")):
        match = IUV_NAME.fullmatch(iuv.name)
        if match is None:
            continue
        beside, stem = iuv.parent, match["stem"]
        names = [f"{stem}{suffix}" for lower in IMAGE_SUFFIXES for suffix in (lower, lower.upper())]
        photos = [photo for name in names if (photo := beside / name).is_file()]
        numbers = beside / f"{stem}_INDS.png"
        if photos:
            found.append((photos[0], iuv, numbers if numbers.is_file() else None))
    return found


def iuv_set(folder: Path, pairs: list[tuple[Path, Path, Path | None]], damage: DamageHandler) -> TrueSet:
    """The set of the pairs of a folder (`iuv_pairs`); `damage` receives the errors of unusable pairs."""
    return TrueSet(name=folder.name, count=len(pairs), images=_images(folder, pairs, damage))


def _images(folder: Path, pairs: list[tuple[Path, Path, Path | None]], damage: DamageHandler) -> Iterator[TrueImage]:
    for photo, iuv, numbers in pairs:
        try:
            dense = read_iuv(iuv, numbers)
            rgb_HW3 = read_rgb(photo)
            if rgb_HW3.shape[:2] != dense.label_HW.shape:
                raise StageError("photo and IUV image differ in size", str(iuv), "give the IUV of this very photo")
        except StageError as error:
            damage(error)
            continue
        name = photo.relative_to(folder).as_posix()
        yield TrueImage(set_name=folder.name, name=name, rgb_HW3=rgb_HW3, people=people_of(dense), dense=dense)


def read_iuv(path: Path, numbers: Path | None) -> DenseTruth:
    """Read an IUV image: I in the first or the last channel, U and V in 1/255.

    Args:
        path: the IUV image.
        numbers: grey image of instance numbers; None: separate regions are people (`separate_people`).

    Raises: StageError for a file that is not an image of three channels, and for charts above 24.
    """
    image = _image(path)
    if image.ndim != 3 or image.shape[2] < 3:
        raise StageError("an IUV image has three channels", str(path), "give an image that holds I, U and V")
    first, last = image[..., 2], image[..., 0]  # OpenCV gives blue first
    if last.max() <= CHARTS:
        label_HW, u_HW, v_HW = last, image[..., 1], image[..., 2]
    elif first.max() <= CHARTS:
        label_HW, u_HW, v_HW = first, image[..., 1], image[..., 0]
    else:
        raise StageError("neither its first nor its last channel holds charts 0..24", str(path), "give an IUV image")
    number_HW = separate_people(label_HW) if numbers is None else _image(numbers)
    if number_HW.shape != label_HW.shape:
        raise StageError("is not a grey image of the IUV image's size", str(numbers), "give the image of this photo")
    uv_2HW = np.stack([u_HW, v_HW]).astype(np.float32) / 255
    return DenseTruth(label_HW=label_HW, uv_2HW=uv_2HW, instance_HW=renumber(np.where(label_HW > 0, number_HW, 0)))


def _image(path: Path) -> npt.NDArray[Any]:
    with silenced_stderr():
        found: Any = read_pixels(path, cv2.IMREAD_UNCHANGED)
    if found is None:
        raise StageError("cannot be read as an image", str(path), "get the file again")
    return np.asarray(found)


def separate_people(label_HW: U8) -> I32:
    """Instance numbers where no file has them: regions with a gap of at most `GAP` are one person."""
    side = 2 * max(round(GAP / 2 * label_HW.shape[0]), 1) + 1
    joined = cv2.dilate((label_HW > 0).astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(cv2.connectedComponents(joined)[1], np.int32)


def renumber(number_HW: Int) -> I32:
    """Instance numbers as 1..N without gaps; regions below `MIN_SHARE` become 0."""
    number_K, pixels_K = np.unique(number_HW[number_HW > 0], return_counts=True)
    large = number_K[pixels_K >= MIN_SHARE * pixels_K.max(initial=0)]
    new = np.zeros(int(number_HW.max(initial=0)) + 1, np.int32)
    new[large] = np.arange(1, len(large) + 1)
    return new[number_HW]


def people_of(dense: DenseTruth) -> tuple[TruePerson, ...]:
    """The people of a dense truth, with boxes and masks of their pixels, without points."""
    people = []
    for number in range(1, int(dense.instance_HW.max(initial=0)) + 1):
        mask_HW = dense.instance_HW == number
        x0, y0, x1, y1 = mask_box(mask_HW)
        people.append(
            TruePerson(
                instance=TrueInstance(
                    box_4=np.array([x0, y0, x1 - x0, y1 - y0], np.float64), area=float(mask_HW.sum()),
                    mask=coco_mask.encode(np.asfortranarray(mask_HW, np.uint8)),
                )
            )
        )
    return tuple(people)

"""Folders of photos with IUV pictures beside them, as DensePose's tools write them, as sets to be scored on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from models.arrays import U8
from models.files.image_size import read_pixels
from models.metrics.instances import TrueInstance
from pipeline.stage import StageError
from stages.annotations.densepose_coco import DamageHandler
from stages.annotations.image_folders import IMAGE_SUFFIXES, read_rgb
from stages.evaluation.truth import DenseTruth, TruePerson, TruePicture, TrueSet
from stages.video.decoding.silenced_stderr import silenced_stderr
from stages.world.scene import mask_box

IUV_NAME = re.compile(r"(?P<stem>.+)_iuv(_rgb)?\.png", re.IGNORECASE)
CHARTS = 24
GAP = 0.02
"""Parts of the picture's height by which pieces of one person may lie apart, where no file tells who is who."""
LEAST_SHARE = 0.05
"""Pieces smaller than this share of the greatest are nobody."""


def iuv_pairs(folder: Path) -> list[tuple[Path, Path, Path | None]]:
    """Photo, IUV picture and picture of instance numbers (`NAME_INDS.png`, where there is one), folders in it included.

    Only photos that have an IUV picture beside them, `NAME_IUV.png`, count.
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
    """The pairs of a folder (`iuv_pairs`); one that cannot be used is `damage`'s affair."""
    return TrueSet(name=folder.name, count=len(pairs), pictures=_pictures(folder, pairs, damage))


def _pictures(
    folder: Path, pairs: list[tuple[Path, Path, Path | None]], damage: DamageHandler
) -> Iterator[TruePicture]:
    for photo, iuv, numbers in pairs:
        try:
            dense = read_iuv(iuv, numbers)
            rgb_HW3 = read_rgb(photo)
            if rgb_HW3.shape[:2] != dense.label_HW.shape:
                raise StageError("photo and IUV picture differ in size", str(iuv), "give the IUV of this very photo")
        except StageError as error:
            damage(error)
            continue
        name = photo.relative_to(folder).as_posix()
        yield TruePicture(set_name=folder.name, name=name, rgb_HW3=rgb_HW3, people=people_of(dense), dense=dense)


def read_iuv(path: Path, numbers: Path | None) -> DenseTruth:
    """An IUV picture: I in the first or in the last channel, U and V in 1/255.

    Args:
        path: the picture.
        numbers: who is who, as a grey picture of numbers; without it every separate piece is a person.

    Raises: StageError for a file that is no picture of three channels or whose charts go beyond 24.
    """
    picture = _picture(path)
    if picture.ndim != 3 or picture.shape[2] < 3:
        raise StageError("an IUV picture has three channels", str(path), "give one that holds I, U and V")
    first, last = picture[..., 2], picture[..., 0]  # OpenCV gives blue first
    if last.max() <= CHARTS:
        label_HW, u_HW, v_HW = last, picture[..., 1], picture[..., 2]
    elif first.max() <= CHARTS:
        label_HW, u_HW, v_HW = first, picture[..., 1], picture[..., 0]
    else:
        raise StageError("neither its first nor its last channel holds charts 0..24", str(path), "give an IUV picture")
    who_HW = separate_people(label_HW) if numbers is None else _picture(numbers)
    if who_HW.shape != label_HW.shape:
        raise StageError("is not a grey picture of the IUV picture's size", str(numbers), "give the one that fits")
    uv_2HW = np.stack([u_HW, v_HW]).astype(np.float32) / 255
    return DenseTruth(label_HW=label_HW, uv_2HW=uv_2HW, instance_HW=counted(np.where(label_HW > 0, who_HW, 0)))


def _picture(path: Path) -> npt.NDArray[Any]:
    with silenced_stderr():
        found: Any = read_pixels(path, cv2.IMREAD_UNCHANGED)
    if found is None:
        raise StageError("cannot be read as a picture", str(path), "get the file again")
    return np.asarray(found)


def separate_people(label_HW: U8) -> npt.NDArray[np.int32]:
    """Numbers of people where no file has them: pieces that lie near each other are one."""
    reach = 2 * max(round(GAP / 2 * label_HW.shape[0]), 1) + 1
    near = cv2.dilate((label_HW > 0).astype(np.uint8), np.ones((reach, reach), np.uint8))
    return np.asarray(cv2.connectedComponents(near)[1], np.int32)


def counted(who_HW: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int32]:
    """Numbers 1..N without gaps; pieces too small to be somebody become 0."""
    number_K, pixels_K = np.unique(who_HW[who_HW > 0], return_counts=True)
    kept = number_K[pixels_K >= LEAST_SHARE * pixels_K.max(initial=0)]
    new = np.zeros(int(who_HW.max(initial=0)) + 1, np.int32)
    new[kept] = np.arange(1, len(kept) + 1)
    return new[who_HW]


def people_of(dense: DenseTruth) -> tuple[TruePerson, ...]:
    """Everyone of a dense truth, with the boxes and masks of their pixels; no points."""
    people = []
    for number in range(1, int(dense.instance_HW.max(initial=0)) + 1):
        mine_HW = dense.instance_HW == number
        x0, y0, x1, y1 = mask_box(mine_HW)
        people.append(
            TruePerson(
                instance=TrueInstance(
                    box_4=np.array([x0, y0, x1 - x0, y1 - y0], np.float64),
                    area=float(mine_HW.sum()),
                    mask=coco_mask.encode(np.asfortranarray(mine_HW, np.uint8)),
                )
            )
        )
    return tuple(people)

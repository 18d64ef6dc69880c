"""Reads surfaces from IUV images: this program's own, and those of DensePose's tools."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.body.charts import CHART_NAMES
from models.files.image_size import read_pixels
from pipeline.stage import StageError
from stages.payloads import U8, Float, PersonSurface
from stages.results.formats.iuv import LAST_8_BIT_IDENTITY
from stages.video.decoding.silenced_stderr import silenced_stderr

LAST_CHART = len(CHART_NAMES) - 1


def surface_of_iuv(rgb_HW3: U8, where: str) -> PersonSurface | None:
    """All people in an IUV image as one surface; None if there is none.

    The chart is in the last channel of RGB, as DensePose writes it (BGR = chart, U, V), or in the first (RGB = chart,
    U, V), as in some data sets: the channel without values over 24. U and V are the centres of their quantisation
    steps, so that they are quantised to the same bytes again.

    Raises StageError naming `where` for an image with charts over 24: no IUV image, or one with lossy compression.

    >>> image_HW3 = np.zeros((4, 6, 3), np.uint8)
    >>> image_HW3[1:3, 2:5] = (128, 64, 7)  # V, U, chart
    >>> surface = surface_of_iuv(image_HW3, "a.png")
    >>> surface.x0, surface.y0, surface.labels_hw.tolist()
    (2, 1, [[7, 7, 7], [7, 7, 7]])
    """
    last, first = rgb_HW3[..., 2], rgb_HW3[..., 0]
    if last.max(initial=0) <= LAST_CHART:
        labels_HW, u_HW, v_HW = last, rgb_HW3[..., 1], first
    elif first.max(initial=0) <= LAST_CHART:
        labels_HW, u_HW, v_HW = first, rgb_HW3[..., 1], last
    else:
        remedy = "name a folder that --export surfaces=FOLDER wrote, or an IUV image as PNG or lossless video"
        raise StageError("is no IUV image: no channel holds charts 0 to 24", where, remedy)
    rows, columns = np.flatnonzero(labels_HW.any(axis=1)), np.flatnonzero(labels_HW.any(axis=0))
    if not len(rows):
        return None
    grid = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    labels_hw = np.ascontiguousarray(labels_HW[grid])
    uv_2hw = dequantised(labels_hw, u_HW[grid], v_HW[grid])
    return PersonSurface(x0=int(columns[0]), y0=int(rows[0]), labels_hw=labels_hw, uv_2hw=uv_2hw)


def dequantised(labels_hw: U8, u_hw: U8, v_hw: U8) -> Float:
    """U and V, (2, h, w) float32, that are quantised to the same bytes again; 0 on background."""
    return np.where(labels_hw > 0, (np.stack([u_hw, v_hw]) + np.float32(0.5)) / np.float32(255), np.float32(0))


def people_of_iuv(rgb_HW3: U8, inds_HW: npt.NDArray[np.integer] | None, where: str) -> list[tuple[int, PersonSurface]]:
    """(identity, surface) of each person in an IUV image; all as one person 1 without a person image.

    Args:
        inds_HW: number of the person at each pixel, as in `inds`; −1 for numbers of people without identity.

    Raises StageError as `surface_of_iuv`, and if the two images do not match.
    """
    all_people = surface_of_iuv(rgb_HW3, where)
    if all_people is None or inds_HW is None:
        return [] if all_people is None else [(1, all_people)]
    if inds_HW.shape != rgb_HW3.shape[:2]:
        size = f"{inds_HW.shape[1]}×{inds_HW.shape[0]}"
        raise StageError(f"its person image is {size}", where, "use the one of the same export")
    windows = all_people.windows(*inds_HW.shape)
    assert windows is not None
    number_hw = np.where(all_people.labels_hw > 0, inds_HW[windows[0]], 0)
    if (number_hw[all_people.labels_hw > 0] == 0).any():
        raise StageError("its person image leaves some people out", where, "use the one of the same export")
    return [
        (_identity(number, inds_HW.dtype), _person_part(all_people, number_hw == number))
        for number in _numbers(number_hw)
    ]


def surface_of_result(bbox: list[float], iuv_hw3: U8) -> PersonSurface:
    """The surface of an entry of a result list: its grid begins at the integer part of the box's corner."""
    labels_hw = np.ascontiguousarray(iuv_hw3[..., 0])
    if labels_hw.max(initial=0) > LAST_CHART:
        raise ValueError("it has charts over 24")
    uv_2hw = dequantised(labels_hw, iuv_hw3[..., 1], iuv_hw3[..., 2])
    return PersonSurface(x0=int(bbox[0]), y0=int(bbox[1]), labels_hw=labels_hw, uv_2hw=uv_2hw)


def read_inds(path: Path) -> npt.NDArray[np.integer]:
    """A person image, grey of 8 or 16 bit. Raises StageError if the file is none."""
    with silenced_stderr():
        image = read_pixels(path, cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 2:
        raise StageError("is no grey person image", str(path), "name what --export inds=FOLDER wrote")
    return np.asarray(image)


def _numbers(number_hw: npt.NDArray[np.integer]) -> list[int]:
    return [int(number) for number in np.unique(number_hw) if number]


def _identity(number: int, dtype: np.dtype[np.integer]) -> int:
    """The identity of a number; −1 for those numbered from the top down (`iuv.person_numbers`)."""
    no_identity = (
        number > LAST_8_BIT_IDENTITY if dtype == np.uint8 else number > np.iinfo(np.uint16).max - LAST_8_BIT_IDENTITY
    )
    return -1 if no_identity else number


def _person_part(all_people: PersonSurface, person_hw: npt.NDArray[np.bool_]) -> PersonSurface:
    """The part of a surface that belongs to one person, on its own grid."""
    rows, columns = np.flatnonzero(person_hw.any(axis=1)), np.flatnonzero(person_hw.any(axis=0))
    grid = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return PersonSurface(
        x0=all_people.x0 + int(columns[0]),
        y0=all_people.y0 + int(rows[0]),
        labels_hw=np.where(person_hw[grid], all_people.labels_hw[grid], 0).astype(np.uint8),
        uv_2hw=np.where(person_hw[grid], all_people.uv_2hw[:, *grid], 0),
    )

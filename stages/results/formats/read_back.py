"""Surfaces from pictures of IUV: our own, and those of the tools that DensePose's users have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.files.image_size import read_pixels
from models.surface.charts import CHART_NAMES
from pipeline.stage import StageError
from stages.payloads import U8, Float, Surface
from stages.results.formats.iuv import LAST_SMALL
from stages.video.decoding.silenced_stderr import silenced_stderr

LAST_CHART = len(CHART_NAMES) - 1


def surface_of_iuv(rgb_HW3: U8, where: str) -> Surface | None:
    """Everyone in an IUV picture as one surface; None where nobody is.

    The chart is in the last channel of RGB, as DensePose writes it (BGR = chart, U, V), or, as some data sets have it,
    in the first (RGB = chart, U, V): whichever holds nothing over 24. U and V are the middle of their steps, so that
    they become the same bytes again.

    Raises StageError naming `where`: a picture with charts over 24, which is none of IUV or was stored with loss.
    """
    last, first = rgb_HW3[..., 2], rgb_HW3[..., 0]
    if last.max(initial=0) <= LAST_CHART:
        labels_HW, u_HW, v_HW = last, rgb_HW3[..., 1], first
    elif first.max(initial=0) <= LAST_CHART:
        labels_HW, u_HW, v_HW = first, rgb_HW3[..., 1], last
    else:
        remedy = "name a folder that --export surfaces=FOLDER wrote, or a PNG or lossless film of IUV"
        raise StageError("is no picture of IUV: no channel holds charts 0 to 24", where, remedy)
    rows, columns = np.flatnonzero(labels_HW.any(axis=1)), np.flatnonzero(labels_HW.any(axis=0))
    if not len(rows):
        return None
    grid = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    labels_hw = np.ascontiguousarray(labels_HW[grid])
    uv_2hw = middle_of_steps(labels_hw, u_HW[grid], v_HW[grid])
    return Surface(x0=int(columns[0]), y0=int(rows[0]), labels_hw=labels_hw, uv_2hw=uv_2hw)


def middle_of_steps(labels_hw: U8, u_hw: U8, v_hw: U8) -> Float:
    """U and V (2, h, w) float32 that become the same bytes again; 0 where nobody is."""
    return np.where(labels_hw > 0, (np.stack([u_hw, v_hw]) + np.float32(0.5)) / np.float32(255), np.float32(0))


def people_of_iuv(rgb_HW3: U8, inds_HW: npt.NDArray[np.integer] | None, where: str) -> list[tuple[int, Surface]]:
    """(identity, surface) of everyone in an IUV picture; one person 1 where no picture says who is who.

    Args:
        inds_HW: number of the person at each pixel, as `inds` has it; numbers that stand for nobody's are −1.

    Raises StageError as `surface_of_iuv`, and where the two pictures do not fit each other.
    """
    whole = surface_of_iuv(rgb_HW3, where)
    if whole is None or inds_HW is None:
        return [] if whole is None else [(1, whole)]
    if inds_HW.shape != rgb_HW3.shape[:2]:
        size = f"{inds_HW.shape[1]}×{inds_HW.shape[0]}"
        raise StageError(f"its picture of persons is {size}", where, "name the one of the same export")
    windows = whole.windows(*inds_HW.shape)
    assert windows is not None
    number_hw = np.where(whole.labels_hw > 0, inds_HW[windows[0]], 0)
    if (number_hw[whole.labels_hw > 0] == 0).any():
        raise StageError("its picture of persons leaves some of them out", where, "name the one of the same export")
    return [(_identity(number, inds_HW.dtype), _alone(whole, number_hw == number)) for number in _numbers(number_hw)]


def surface_of_result(bbox: list[float], iuv_hw3: U8) -> Surface:
    """The surface of an entry of a list of results: its grid begins at the whole part of the box's corner."""
    labels_hw = np.ascontiguousarray(iuv_hw3[..., 0])
    if labels_hw.max(initial=0) > LAST_CHART:
        raise ValueError("charts over 24")
    uv_2hw = middle_of_steps(labels_hw, iuv_hw3[..., 1], iuv_hw3[..., 2])
    return Surface(x0=int(bbox[0]), y0=int(bbox[1]), labels_hw=labels_hw, uv_2hw=uv_2hw)


def read_inds(path: Path) -> npt.NDArray[np.integer]:
    """A picture of persons, grey of 8 or 16 bit. Raises StageError where there is none."""
    with silenced_stderr():
        picture = read_pixels(path, cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 2:
        raise StageError("is no grey picture of persons", str(path), "name what --export inds=FOLDER wrote")
    return np.asarray(picture)


def _numbers(number_hw: npt.NDArray[np.integer]) -> list[int]:
    return [int(number) for number in np.unique(number_hw) if number]


def _identity(number: int, kind: np.dtype[np.integer]) -> int:
    """People without an identity are numbered from the top down (`iuv.person_numbers`)."""
    nameless = number > LAST_SMALL if kind == np.uint8 else number > np.iinfo(np.uint16).max - LAST_SMALL
    return -1 if nameless else number


def _alone(whole: Surface, mine_hw: npt.NDArray[np.bool_]) -> Surface:
    """The part of a surface that is one person's, on a grid of its own."""
    rows, columns = np.flatnonzero(mine_hw.any(axis=1)), np.flatnonzero(mine_hw.any(axis=0))
    grid = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Surface(
        x0=whole.x0 + int(columns[0]),
        y0=whole.y0 + int(rows[0]),
        labels_hw=np.where(mine_hw[grid], whole.labels_hw[grid], 0).astype(np.uint8),
        uv_2hw=np.where(mine_hw[grid], whole.uv_2hw[:, *grid], 0),
    )

"""Result lists in JSON: DensePose's own format, and COCO's with masks and keypoints."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as coco_masks

from models.files.png_image import png_of
from models.surface.keypoints import person_keypoints
from stages.payloads import PersonSurface
from stages.results.formats.frame_result import FrameResult, quantised
from stages.results.formats.text_export import TextExport
from stages.results.formats.writer import ExportTarget, ExportWriter

PERSON = 1
"""COCO's category of people."""
LIST = {"header": "[\n", "separator": ",\n", "footer": "\n]\n"}


def begin_densepose(target: ExportTarget) -> ExportWriter:
    """One list."""
    return TextExport(target, ".json", densepose_results, **LIST)


def begin_coco(target: ExportTarget) -> ExportWriter:
    """One list."""
    return TextExport(target, ".json", coco_results, **LIST)


def densepose_results(result: FrameResult) -> Iterator[str]:
    """One JSON object per person, with the keys of the DensePose challenge's example, and the identity."""
    return (json.dumps(_densepose(result, i)) for i in range(len(result.surfaces)))


def coco_results(result: FrameResult) -> Iterator[str]:
    """One JSON object per person: COCO's boxes, masks and keypoints, and DensePose's keys."""
    return (json.dumps(entry) for entry in coco_entries(result))


def coco_entries(result: FrameResult) -> list[dict[str, Any]]:
    """The objects of `coco_results`, before they are text."""
    return [_coco(result, i) for i in range(len(result.surfaces))]


def image_id(result: FrameResult) -> int | str:
    """A video frame's number in its source; for images the number in the name, as COCO's are, else the name."""
    if not result.video.still:
        return result.index
    return int(result.stem) if result.stem.isdecimal() else result.stem


def _densepose(result: FrameResult, i: int) -> dict[str, Any]:
    surface = result.surfaces[i]
    height, width = surface.labels_hw.shape
    x0, y0 = (rounded_corner(corner, 1) for corner in _box_of_grid(result, i)[:2])
    # The PNG is RGB = chart, U, V: decoded, it has the shape `uv_shape`, channels last.
    return {
        "image_id": image_id(result),
        "category_id": PERSON,
        "score": float(result.score_N[i]),
        "bbox": [x0, y0, width, height],
        "uv_shape": [3, height, width],
        "uv_data": base64.b64encode(png_of(quantised(surface.labels_hw, surface.uv_2hw))).decode(),
        **_identity(result, i),
        **({"bridged": True} if result.is_bridged(i) else {}),
    }


def _coco(result: FrameResult, i: int) -> dict[str, Any]:
    surface = result.surfaces[i]
    x0, y0, x1, y1 = _box_of_grid(result, i)
    keypoint_173 = person_keypoints(surface)
    return {
        **_densepose(result, i),
        "bbox": [rounded_corner(x0, 2), rounded_corner(y0, 2), round(x1 - x0, 2), round(y1 - y0, 2)],
        "segmentation": _mask(result, surface),
        "keypoints": [round(float(value), 2) for value in keypoint_173.ravel()],
    }


def rounded_corner(corner: float, digits: int) -> float:
    """A corner, rounded as in the challenge's example, but never into another pixel: readers place grids by int()."""
    rounded = round(corner, digits)
    return rounded if int(rounded) == int(corner) else int(corner * 10**digits) / 10**digits


def _box_of_grid(result: FrameResult, i: int) -> list[float]:
    """The box, if the grid begins at its integer part, as readers assume; else (tracking moved it) the grid's."""
    surface = result.surfaces[i]
    box: list[float] = result.box_N4[i].tolist()
    if [int(corner) for corner in box[:2]] == [surface.x0, surface.y0]:
        return box
    height, width = surface.labels_hw.shape
    return [float(surface.x0), float(surface.y0), float(surface.x0 + width), float(surface.y0 + height)]


def _identity(result: FrameResult, i: int) -> dict[str, int]:
    return {"track_id": int(result.id_N[i])} if result.id_N[i] >= 0 else {}


def _mask(result: FrameResult, surface: PersonSurface) -> dict[str, Any]:
    """The person's mask in the frame as compressed run lengths (facts §7)."""
    height, width = result.rgb_HW3.shape[:2]
    y_M, x_M = np.nonzero(surface.silhouette_hw)
    y_M, x_M = y_M + surface.y0, x_M + surface.x0
    inside_M = (x_M >= 0) & (x_M < width) & (y_M >= 0) & (y_M < height)
    mask_HW = np.zeros((height, width), np.uint8, order="F")
    mask_HW[y_M[inside_M], x_M[inside_M]] = 1
    code = coco_masks.encode(mask_HW)
    return {"size": [height, width], "counts": code["counts"].decode()}

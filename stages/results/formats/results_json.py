"""Lists of people in JSON: DensePose's own results, and COCO's with masks and keypoints."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from pycocotools import mask as coco_masks

from models.surface.keypoints import surface_keypoints
from stages.payloads import Surface
from stages.results.formats.moment import Moment, quantised
from stages.results.formats.one_text import OneText
from stages.results.formats.pictures import png
from stages.results.formats.writer import Target, Writer

PERSON = 1
"""COCO's category."""
LIST = {"head": "[\n", "between": ",\n", "tail": "\n]\n"}


def begin_densepose(target: Target) -> Writer:
    """One list."""
    return OneText(target, ".json", densepose_results, **LIST)


def begin_coco(target: Target) -> Writer:
    """One list."""
    return OneText(target, ".json", coco_results, **LIST)


def densepose_results(moment: Moment) -> Iterator[str]:
    """One JSON object a person, with the keys of the DensePose challenge's example, and its identity."""
    return (json.dumps(_densepose(moment, i)) for i in range(len(moment.surfaces)))


def coco_results(moment: Moment) -> Iterator[str]:
    """One JSON object a person: COCO's results of boxes, masks and keypoints in one, and DensePose's beside them."""
    return (json.dumps(_coco(moment, i)) for i in range(len(moment.surfaces)))


def image_id(moment: Moment) -> int | str:
    """A video frame's number in its source; of an image the number that is its name, as COCO's are, else the name."""
    if not moment.video.still:
        return moment.index
    return int(moment.stem) if moment.stem.isdecimal() else moment.stem


def _densepose(moment: Moment, i: int) -> dict[str, Any]:
    surface = moment.surfaces[i]
    height, width = surface.labels_hw.shape
    x0, y0 = (as_placed(corner, 1) for corner in _corners(moment, i)[:2])
    # The PNG is RGB = chart, U, V: as it is read it has the shape that `uv_shape` says, channels last.
    return {
        "image_id": image_id(moment),
        "category_id": PERSON,
        "score": float(moment.score_N[i]),
        "bbox": [x0, y0, width, height],
        "uv_shape": [3, height, width],
        "uv_data": base64.b64encode(png(quantised(surface.labels_hw, surface.uv_2hw))).decode(),
        **_identity(moment, i),
        **({"bridged": True} if moment.is_bridged(i) else {}),
    }


def _coco(moment: Moment, i: int) -> dict[str, Any]:
    surface = moment.surfaces[i]
    x0, y0, x1, y1 = _corners(moment, i)
    keypoint_173 = surface_keypoints(surface)
    return {
        **_densepose(moment, i),
        "bbox": [as_placed(x0, 2), as_placed(y0, 2), round(x1 - x0, 2), round(y1 - y0, 2)],
        "segmentation": _mask(moment, surface),
        "keypoints": [round(float(value), 2) for value in keypoint_173.ravel()],
    }


def as_placed(corner: float, digits: int) -> float:
    """A corner rounded as the challenge's example is, but never into another pixel: readers place grids by int()."""
    rounded = round(corner, digits)
    return rounded if int(rounded) == int(corner) else int(corner * 10**digits) / 10**digits


def _corners(moment: Moment, i: int) -> list[float]:
    """The box, if its whole part is where the grid begins, as readers place it; the grid's if tracking moved it."""
    surface = moment.surfaces[i]
    box: list[float] = moment.box_N4[i].tolist()
    if [int(corner) for corner in box[:2]] == [surface.x0, surface.y0]:
        return box
    height, width = surface.labels_hw.shape
    return [float(surface.x0), float(surface.y0), float(surface.x0 + width), float(surface.y0 + height)]


def _identity(moment: Moment, i: int) -> dict[str, int]:
    return {"track_id": int(moment.id_N[i])} if moment.id_N[i] >= 0 else {}


def _mask(moment: Moment, surface: Surface) -> dict[str, Any]:
    """Where a person's labels are charts, pasted into the frame, as compressed run lengths (facts §7)."""
    height, width = moment.rgb_HW3.shape[:2]
    y_M, x_M = np.nonzero(surface.labels_hw)
    y_M, x_M = y_M + surface.y0, x_M + surface.x0
    inside_M = (x_M >= 0) & (x_M < width) & (y_M >= 0) & (y_M < height)
    mask_HW = np.zeros((height, width), np.uint8, order="F")
    mask_HW[y_M[inside_M], x_M[inside_M]] = 1
    code = coco_masks.encode(mask_HW)
    return {"size": [height, width], "counts": code["counts"].decode()}

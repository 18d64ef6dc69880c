"""COCO's average precision of boxes, masks and keypoints, computed by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from models.arrays import Float
from models.errors import ModelError
from models.metrics.instances import Rle

PERSON = 1
BOX_NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
KEYPOINT_NAMES = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoTruth:
    """Annotated people of one image.

    Attributes:
        height, width: of the image in pixels.
        box_N4: x, y, width, height.
        area_N: pixels.
        crowd_N: regions of many people, which are ignored.
        mask: compressed run lengths of the whole image, one per person; needed for `mask_ap`.
        keypoint_N173: x, y, visibility; needed for `keypoint_ap`.
    """

    height: int
    width: int
    box_N4: Float
    area_N: Float
    crowd_N: Sequence[bool]
    mask: Sequence[Rle] | None = None
    keypoint_N173: Float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFound:
    """Detected people of one image with scores; other attributes as in `CocoTruth`."""

    box_N4: Float
    score_N: Float
    mask: Sequence[Rle] | None = None
    keypoint_N173: Float | None = None


def box_ap(truth: Sequence[CocoTruth], found: Sequence[CocoFound]) -> dict[str, float]:
    """COCO's twelve numbers for boxes, 0..1, nan if no person counts. Both lists have the same images in order."""
    return _scores(truth, found, "bbox", BOX_NAMES)


def mask_ap(truth: Sequence[CocoTruth], found: Sequence[CocoFound]) -> dict[str, float]:
    """COCO's twelve numbers for masks. Raises: ModelError if an image has no masks."""
    _require(truth, found, "mask")
    return _scores(truth, found, "segm", BOX_NAMES)


def keypoint_ap(truth: Sequence[CocoTruth], found: Sequence[CocoFound]) -> dict[str, float]:
    """COCO's ten numbers for keypoints. Raises: ModelError if an image has no keypoints."""
    _require(truth, found, "keypoint_N173")
    return _scores(truth, found, "keypoints", KEYPOINT_NAMES)


def _require(truth: Sequence[CocoTruth], found: Sequence[CocoFound], name: str) -> None:
    for index, (one, other) in enumerate(zip(truth, found, strict=True)):
        if getattr(one, name) is None or getattr(other, name) is None:
            raise ModelError(f"image {index} has no {name}", "COCO evaluation", "give it for true and detected people")


def _scores(
    truth: Sequence[CocoTruth], found: Sequence[CocoFound], kind: str, names: Sequence[str]
) -> dict[str, float]:
    """Run COCOeval without its printing."""
    annotations = [record for index, one in enumerate(truth) for record in _truth_records(index, one, kind)]
    results = [record for index, one in enumerate(found) for record in _found_records(index, one, kind)]
    with contextlib.redirect_stdout(io.StringIO()):
        known = _index(truth, [record | {"id": number} for number, record in enumerate(annotations, start=1)])
        evaluation = COCOeval(known, known.loadRes(results) if results else _index(truth, []), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    numbers = dict(zip(names, map(float, evaluation.stats), strict=True))
    return {name: number if number >= 0 else float("nan") for name, number in numbers.items()}


def _index(truth: Sequence[CocoTruth], annotations: list[dict[str, Any]]) -> COCO:
    images = [{"id": index, "height": one.height, "width": one.width} for index, one in enumerate(truth)]
    coco = COCO()
    coco.dataset = {
        "info": {}, "images": images, "annotations": annotations,
        "categories": [{"id": PERSON, "name": "person"}],
    }
    coco.createIndex()
    return coco


def _truth_records(index: int, one: CocoTruth, kind: str) -> list[dict[str, Any]]:
    return [
        {"image_id": index, "category_id": PERSON, "bbox": box.tolist(), "area": float(area), "iscrowd": int(crowd)}
        | _measured(one, i, kind)
        for i, (box, area, crowd) in enumerate(zip(np.asarray(one.box_N4), one.area_N, one.crowd_N, strict=True))
    ]


def _found_records(index: int, one: CocoFound, kind: str) -> list[dict[str, Any]]:
    return [
        {"image_id": index, "category_id": PERSON, "score": float(score)} | _measured(one, i, kind)
        for i, score in enumerate(one.score_N)
    ]


def _measured(one: CocoTruth | CocoFound, i: int, kind: str) -> dict[str, Any]:
    """The one field to compare. A result with both mask and box would get the area of the box."""
    if kind == "segm" and one.mask is not None:
        return {"segmentation": dict(one.mask[i])}
    if kind == "keypoints" and one.keypoint_N173 is not None:
        seen = int((one.keypoint_N173[i][:, 2] > 0).sum())
        return {"keypoints": np.asarray(one.keypoint_N173[i], np.float64).reshape(-1).tolist(), "num_keypoints": seen}
    return {"bbox": np.asarray(one.box_N4[i], np.float64).tolist()}

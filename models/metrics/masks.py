"""Masks of people as COCO run lengths of the whole image, and overlaps of masks and boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from scipy.ndimage import zoom

from models.arrays import U8, Bool, Float
from models.errors import ModelError
from models.metrics.instances import FoundInstance, Rle

SIDE = 256
"""Part masks of an annotation have this many cells per side over the person's box."""


def part_labels(part_masks: Sequence[Rle | Sequence[Any]]) -> U8:
    """The 14 part masks of an annotation as one map (256, 256) of coarse labels 0..14; later parts cover earlier ones.

    Raises: ModelError if a mask cannot be read.
    """
    label_HW = np.zeros((SIDE, SIDE), np.uint8)
    for number, one in enumerate(part_masks, start=1):
        if not one:
            continue
        try:
            drawn = coco_mask.decode(one)
        except (TypeError, ValueError, KeyError) as error:
            what = f"part mask {number} is not a run-length mask"
            raise ModelError(what, "dp_masks", "give size and counts") from error
        if drawn.shape != label_HW.shape:
            what = f"part mask {number} has shape {drawn.shape}"
            raise ModelError(what, "dp_masks", f"use {SIDE} x {SIDE} cells")
        label_HW[drawn > 0] = number
    return label_HW


def stretched(mask_HW: Bool, height: int, width: int) -> Bool:
    """A mask resized to (height, width): bilinear with aligned corners, threshold one half."""
    scale = height / mask_HW.shape[0], width / mask_HW.shape[1]
    return zoom(mask_HW.astype(np.float64), scale, order=1, prefilter=False) > 0.5


def pasted(mask_hw: Bool, x: int, y: int, height: int, width: int) -> Rle:
    """Run lengths of an image with a mask at (x, y), clipped at the image's edges."""
    whole = np.zeros((height, width), np.uint8, order="F")
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + mask_hw.shape[1], width), min(y + mask_hw.shape[0], height)
    if x1 > x0 and y1 > y0:
        whole[y0:y1, x0:x1] = mask_hw[y0 - y : y1 - y, x0 - x : x1 - x]
    return coco_mask.encode(whole)


def annotated_mask(annotation: Mapping[str, Any], height: int, width: int) -> Rle | None:
    """The mask of a DensePose-COCO annotation: its part masks, else its COCO segmentation, else None.

    Args:
        annotation: COCO fields `bbox`, `dp_masks`, `segmentation` (polygons, or run lengths, compressed or not).
        height, width: of the image.
    """
    if annotation.get("dp_masks"):
        x, y, box_width, box_height = annotation["bbox"]
        drawn = stretched(part_labels(annotation["dp_masks"]) > 0, max(round(box_height), 1), max(round(box_width), 1))
        inside_hw = drawn[: int(y + box_height) - int(y), : int(x + box_width) - int(x)]
        return pasted(inside_hw, int(x), int(y), height, width)
    return coco_segmentation(annotation.get("segmentation"), height, width)


def coco_segmentation(segmentation: Any, height: int, width: int) -> Rle | None:
    """A COCO segmentation in any of its three forms as compressed run lengths of the image; None if it is empty.

    Raises: ModelError for run lengths of an image of another size.
    """
    if not segmentation:
        return None
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    if list(segmentation["size"]) != [height, width]:
        rows, columns = segmentation["size"]
        what = f"a mask has {columns}×{rows} pixels, its image {width}×{height}"
        raise ModelError(what, "segmentation", "give a mask of the image's size")
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, height, width)
    return segmentation


def found_mask(found: FoundInstance, height: int, width: int) -> Rle:
    """The predicted silhouette, placed at the box's truncated corner: of a mask head, else the pixels with a chart."""
    mask_hw = found.iuv_3hw[0] > 0 if found.mask_hw is None else found.mask_hw
    return pasted(mask_hw, int(found.box_4[0]), int(found.box_4[1]), height, width)


def mask_overlaps(found: Sequence[Rle], true: Sequence[Rle | None], crowd_G: Bool) -> Float:
    """IoU of masks (D, G); for a crowd the share of the detected mask inside it; 0 for a person without a mask."""
    iou_DG = np.zeros((len(found), len(true)))
    known = [g for g, one in enumerate(true) if one is not None]
    if found and known:
        iou_DG[:, known] = coco_mask.iou(list(found), [true[g] for g in known], crowd_G[known].astype(int).tolist())
    return iou_DG


def box_overlaps(found_D4: Float, true_G4: Float, crowd_G: Bool) -> Float:
    """IoU (D, G) of boxes x, y, width, height; for a crowd the share of the detected box inside it.

    >>> box_overlaps(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 10, 10], [20, 0, 5, 5]]), np.zeros(2, bool)).round(3)
    array([[0.333, 0.   ]])
    """
    if not len(found_D4) or not len(true_G4):
        return np.zeros((len(found_D4), len(true_G4)))
    found, true = (np.ascontiguousarray(box, np.float64) for box in (found_D4, true_G4))
    return coco_mask.iou(found, true, crowd_G.astype(int).tolist())

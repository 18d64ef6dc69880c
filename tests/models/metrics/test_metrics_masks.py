"""Masks: resizing, run lengths, overlaps, and errors of damaged masks."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from models.errors import ModelError
from models.metrics.masks import annotated_mask, coco_segmentation, mask_overlaps, part_labels, pasted, stretched

pytestmark = pytest.mark.quick


def encoded(mask: np.ndarray) -> dict:
    return coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (31, 77), (256, 256), (300, 511), (100, 18)])
def test_resizing_keeps_halves(height: int, width: int) -> None:
    """Left and upper halves: the border at cell 127.5 of 0..255 stays in the middle."""
    half = np.zeros((256, 256), bool)
    half[:, :128] = True
    place_W = np.arange(width) * 255 / max(width - 1, 1)
    expected = np.broadcast_to(place_W < 127.5, (height, width))
    np.testing.assert_array_equal(stretched(half, height, width), expected)
    np.testing.assert_array_equal(stretched(half.T, width, height), expected.T)


def test_a_mask_beyond_the_edge_is_clipped() -> None:
    rle = pasted(np.ones((4, 6), bool), -2, 8, 10, 12)
    drawn = coco_mask.decode(rle)
    assert drawn.sum() == 2 * 4 and drawn[8:10, 0:4].all()
    assert coco_mask.area(pasted(np.ones((4, 6), bool), 40, 8, 10, 12)) == 0


def test_later_parts_cover_earlier_ones() -> None:
    first, second = np.zeros((256, 256)), np.zeros((256, 256))
    first[:100], second[50:150] = 1, 1
    labels = part_labels([encoded(first), [], encoded(second), *[[]] * 11])
    assert (labels[:50] == 1).all() and (labels[50:150] == 3).all() and (labels[150:] == 0).all()


def test_part_masks_come_before_the_segmentation() -> None:
    whole = encoded(np.ones((256, 256)))
    outline = [[0, 0, 5, 0, 5, 5, 0, 5]]
    with_parts = annotated_mask({"bbox": [2, 3, 10, 20], "dp_masks": [whole], "segmentation": outline}, 40, 30)
    assert coco_mask.area(with_parts) == 200
    without = annotated_mask({"bbox": [2, 3, 10, 20], "dp_masks": [], "segmentation": outline}, 40, 30)
    assert coco_mask.area(without) == 25
    assert annotated_mask({"bbox": [2, 3, 10, 20], "segmentation": []}, 40, 30) is None


def test_all_three_forms_of_a_segmentation_are_read() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 1:4] = 1
    counts = [10, 4, 4, 4, 4, 4, 34]
    for one in ([[1, 2, 4, 2, 4, 6, 1, 6]], {"size": [8, 8], "counts": counts}, encoded(mask)):
        np.testing.assert_array_equal(coco_mask.decode(coco_segmentation(one, 8, 8)), mask)


def test_overlaps_with_crowds_and_without_masks() -> None:
    small, large = np.zeros((10, 10)), np.zeros((10, 10))
    small[:2], large[:8] = 1, 1
    iou = mask_overlaps([encoded(small)], [encoded(large), encoded(large), None], np.array([False, True, False]))
    np.testing.assert_allclose(iou, [[0.25, 1.0, 0.0]])
    assert mask_overlaps([], [None], np.zeros(1, bool)).shape == (0, 1)


def test_damaged_part_masks_are_named() -> None:
    with pytest.raises(ModelError, match="part mask 2 is not a run-length mask"):
        part_labels([[], {"size": [256, 256]}])
    with pytest.raises(ModelError, match=r"part mask 1 has shape \(128, 256\)"):
        part_labels([encoded(np.ones((128, 256)))])

"""COCO's numbers: truth against itself, simple cases, crowds, and missing masks."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.metrics.coco_ap import CocoFound, CocoTruth, box_ap, keypoint_ap, mask_ap
from models.metrics.masks import pasted

pytestmark = pytest.mark.quick

BOX_N4 = np.array([[10.0, 10, 40, 60], [60, 10, 120, 150]])


def mask(box: Any) -> Any:
    x, y, width, height = box.astype(int)
    return pasted(np.ones((height, width), bool), int(x), int(y), 200, 200)


def keypoints(box: Any) -> Any:
    random = np.random.default_rng(int(box[0]))
    return np.concatenate([random.uniform(0, 1, (17, 2)) * box[2:] + box[:2], np.full((17, 1), 2.0)], axis=1)


def truth() -> CocoTruth:
    return CocoTruth(
        height=200, width=200, box_N4=BOX_N4, area_N=BOX_N4[:, 2] * BOX_N4[:, 3], crowd_N=[False, False],
        mask=[mask(box) for box in BOX_N4], keypoint_N173=np.stack([keypoints(box) for box in BOX_N4]),
    )


def found(indices: list[int]) -> CocoFound:
    true = truth()
    assert true.mask is not None and true.keypoint_N173 is not None
    return CocoFound(
        box_N4=BOX_N4[indices], score_N=np.linspace(0.9, 0.5, len(indices)),
        mask=[true.mask[i] for i in indices], keypoint_N173=true.keypoint_N173[indices],
    )


@pytest.mark.parametrize("measure", [box_ap, mask_ap, keypoint_ap])
def test_truth_against_itself_is_perfect(measure: Any) -> None:
    numbers = measure([truth()], [found([0, 1])])
    for name in ("AP", "AP50", "AP75", "APm", "APl", "ARm", "ARl"):
        assert numbers[name] == pytest.approx(1)


@pytest.mark.parametrize("measure", [box_ap, mask_ap, keypoint_ap])
def test_a_missed_person_halves_the_recall(measure: Any, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = measure([truth()], [found([1])])
    assert numbers["AP"] == pytest.approx(51 / 101)  # recalls 0, .01 … .50
    assert numbers["APl"] == pytest.approx(1) and numbers["APm"] == 0
    assert measure([truth()], [found([])])["AP"] == 0
    assert capsys.readouterr().out == ""


def test_a_shifted_box_passes_the_thresholds_below_its_iou() -> None:
    """A shift by a quarter of the width: IoU 3/5, thresholds .50, .55 and .60 of ten."""
    alone = CocoTruth(height=200, width=200, box_N4=BOX_N4[:1], area_N=np.array([2400.0]), crowd_N=[False])
    numbers = box_ap([alone], [CocoFound(box_N4=BOX_N4[:1] + np.array([10, 0, 0, 0]), score_N=np.array([0.9]))])
    assert numbers["AP"] == pytest.approx(0.3) and numbers["AP50"] == pytest.approx(1) and numbers["AP75"] == 0


def test_a_mask_has_its_own_area_not_its_boxs() -> None:
    """A thin mask in a large box is a small mask: a false positive changes APs only."""
    thin = pasted(np.ones((150, 5), bool), 20, 20, 200, 200)
    other = found([0, 1])
    assert other.mask is not None
    wrong = CocoFound(
        box_N4=np.concatenate([BOX_N4, [[20.0, 20, 150, 150]]]), score_N=np.array([0.5, 0.4, 0.9]),
        mask=[*other.mask, thin],
    )
    numbers = mask_ap([truth()], [wrong])
    assert numbers["APl"] == numbers["APm"] == pytest.approx(1) and numbers["AP"] < 0.8


def test_detections_in_a_crowd_are_ignored() -> None:
    crowd = dataclasses.replace(truth(), crowd_N=[False, True])
    assert box_ap([crowd], [found([0, 1, 1])])["AP"] == pytest.approx(1)
    assert math.isnan(box_ap([dataclasses.replace(truth(), crowd_N=[True, True])], [found([0])])["AP"])


def test_missing_masks_are_named() -> None:
    with pytest.raises(ModelError, match="image 1 has no mask"):
        mask_ap([truth(), truth()], [found([0]), dataclasses.replace(found([0]), mask=None)])

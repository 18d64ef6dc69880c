"""The location teacher against the same network as a detector."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import ModelError
from models.light.architecture.detector_locations import detector_locations
from models.light.teachers.box_teacher import BoxTeacher, LocationTeacher

pytestmark = pytest.mark.quick


def test_the_best_locations_hold_the_detections(shared: Path) -> None:
    """A photo in the corner of a square of the detector's own size."""
    path = shared / "assets" / "oracles" / "yolox_nano.onnx"
    photos = sorted((shared / "assets" / "images" / "coco_mini" / "val2017").glob("*.jpg"))
    wide = next(
        photo for photo in map(str, photos) if len(BoxTeacher(path)(cv2.imread(photo)[:, :, ::-1], min_score=0.7)[0])
    )
    bgr = cv2.imread(wide)
    scale = 416 / max(bgr.shape[:2])
    square = np.full((416, 416, 3), 114, np.uint8)
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:, :, ::-1]
    square[: small.shape[0], : small.shape[1]] = small
    box_N4, score_N = BoxTeacher(path)(square, min_score=0.7)
    row_P5 = LocationTeacher(path, side=416)(square)
    assert row_P5.shape == (len(detector_locations(416, 416)[0]), 5)
    for box_4, score in zip(box_N4, score_N, strict=True):
        nearest = np.abs(row_P5[:, 0] - score) + np.abs(row_P5[:, 1:] - box_4).max(1) / 100
        assert nearest.min() < 0.1
    assert row_P5[:, 0].max() == pytest.approx(score_N.max(), abs=0.05)


def test_a_missing_file_is_named() -> None:
    """One plain error."""
    with pytest.raises(ModelError, match=r"nowhere\.onnx"):
        LocationTeacher(Path("nowhere.onnx"), side=320)

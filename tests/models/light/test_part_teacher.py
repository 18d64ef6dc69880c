"""The part teacher: where its cells lie on the image, flips, and files that it cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.charts import MIRROR_CHART
from models.errors import ModelError
from models.light.teachers.part_teacher import (
    AT_STRIDE_8,
    AT_STRIDE_16,
    BODYPIX_TO_CHART,
    PartGrid,
    PartPrediction,
    PartTeacher,
    open_part_teacher,
)

pytestmark = pytest.mark.quick


def ramp(grid: PartGrid) -> PartPrediction:
    """Maps that hold the x of their cells in pixels of the image; the parts also add their number."""
    cells = grid.side // grid.stride + 1
    x_hw = np.broadcast_to(np.arange(cells) * grid.stride + grid.margin, (cells, cells))
    return PartPrediction(person_hw=x_hw, part_24hw=x_hw + np.arange(24)[:, None, None], grid=grid)


@pytest.mark.parametrize("grid", [AT_STRIDE_8, AT_STRIDE_16])
def test_values_are_read_at_their_places(grid: PartGrid) -> None:
    """At any point, at the centres of a grid, and outside of the image."""
    point_12 = np.array([[100.25, 40.0], [-50.0, 40.0]])[None]
    person_12, part_24 = ramp(grid).at(point_12)
    np.testing.assert_allclose(person_12, [[100.25, grid.margin]])
    np.testing.assert_allclose(part_24[:, 0, 0], 100.25 + np.arange(24))
    grid_LL, _ = ramp(grid).on_grid(80)
    np.testing.assert_allclose(grid_LL[5], (np.arange(80) + 0.5) * grid.side / 80, atol=1e-6)


@pytest.mark.parametrize("grid", [AT_STRIDE_8, AT_STRIDE_16])
def test_valid_sides_fit_the_network(grid: PartGrid) -> None:
    """Multiples of 16 for one network, those plus 1 for the other."""
    assert grid.valid_side(grid.side) == grid.side
    assert abs(grid.valid_side(416) - 416) <= 8
    assert (grid.valid_side(473) - 2 * grid.margin) % 16 == 0


def test_the_flipped_prediction_is_flipped_back() -> None:
    """A network that finds a left hand on the same side of every image: in the flipped image it is a right hand."""
    left_hand = int(np.flatnonzero(BODYPIX_TO_CHART == 4)[0])

    def network(rgb_HW3: Any) -> tuple[Any, Any]:
        person, parts = np.full((3, 3, 1), 2.0), np.zeros((3, 3, 24))
        parts[:, 0, left_hand] = 6
        return person, parts

    prediction, agreement = PartTeacher(network, AT_STRIDE_16).predict_with_flip(np.zeros((32, 32, 3), np.uint8))
    assert prediction.part_24hw[4 - 1].tolist() == [[3, 0, 0]] * 3
    assert prediction.part_24hw[MIRROR_CHART[4] - 1].tolist() == [[0, 0, 3]] * 3
    assert agreement == pytest.approx(1 / 3)
    assert (prediction.person_hw == 2).all()


def test_parts_of_a_real_person_are_at_their_places(shared: Path) -> None:
    """The real network on a man who squats in the middle of the image: head above torso above feet."""
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    video = cv2.VideoCapture(str(shared / "assets" / "video" / "people" / "jump_576.mp4"))
    bgr = video.read()[1]
    side = AT_STRIDE_8.side
    teacher = open_part_teacher(shared / "assets" / "oracles" / "bodypix_mobilenet050_stride8.onnx")
    rgb_HW3 = cv2.resize(bgr, (side, side), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    prediction, agreement = teacher.predict_with_flip(rgb_HW3)
    person_LL, part_24LL = prediction.on_grid(80)
    chart_LL = np.where(person_LL > 0, part_24LL.argmax(0) + 1, 0)
    head, torso, feet = (np.argwhere(np.isin(chart_LL, charts))[:, 0].mean() for charts in ((23, 24), (1, 2), (5, 6)))
    assert head < torso < feet
    assert agreement > 0.6


def test_files_it_cannot_read_are_named(tmp_path: Path) -> None:
    """Neither is there."""
    for name in ("nowhere.onnx", "nowhere.tflite"):
        with pytest.raises(ModelError, match=name):
            open_part_teacher(tmp_path / name)

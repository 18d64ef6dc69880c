"""The part teacher: where its answers lie on the picture, the mirror, and files that it cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.errors import ModelError
from models.light.teachers.part_teacher import (
    AT_STRIDE_8,
    AT_STRIDE_16,
    BODYPIX_TO_CHART,
    Geometry,
    PartAnswer,
    PartTeacher,
    open_part_teacher,
)
from models.surface.charts import MIRROR_CHART


def ramp(geometry: Geometry) -> PartAnswer:
    """Maps that hold the x, in pixels of the picture, of their own cells; the parts also their number."""
    cells = geometry.side // geometry.stride + 1
    x_hw = np.broadcast_to(np.arange(cells) * geometry.stride + geometry.margin, (cells, cells))
    return PartAnswer(person_hw=x_hw, part_24hw=x_hw + np.arange(24)[:, None, None], geometry=geometry)


@pytest.mark.parametrize("geometry", [AT_STRIDE_8, AT_STRIDE_16])
def test_a_place_is_read_where_it_lies(geometry: Geometry) -> None:
    """Anywhere, at the centres of cells all over it, and beyond its edge."""
    point_12 = np.array([[100.25, 40.0], [-50.0, 40.0]])[None]
    person_12, part_24 = ramp(geometry).at(point_12)
    np.testing.assert_allclose(person_12, [[100.25, geometry.margin]])
    np.testing.assert_allclose(part_24[:, 0, 0], 100.25 + np.arange(24))
    everywhere_LL, _ = ramp(geometry).everywhere(80)
    np.testing.assert_allclose(everywhere_LL[5], (np.arange(80) + 0.5) * geometry.side / 80, atol=1e-6)


@pytest.mark.parametrize("geometry", [AT_STRIDE_8, AT_STRIDE_16])
def test_sides_fit_the_network(geometry: Geometry) -> None:
    """16 k for the one and 16 k + 1 for the other, as near as can be."""
    assert geometry.fitting(geometry.side) == geometry.side
    assert abs(geometry.fitting(416) - 416) <= 8
    assert (geometry.fitting(473) - 2 * geometry.margin) % 16 == 0


def test_the_mirrored_answer_is_turned_back() -> None:
    """A network that finds the same left hand on the same side of every picture: in the mirror it is a right hand."""
    left_hand = int(np.flatnonzero(BODYPIX_TO_CHART == 4)[0])

    def ask(rgb_HW3: Any) -> tuple[Any, Any]:
        person, parts = np.full((3, 3, 1), 2.0), np.zeros((3, 3, 24))
        parts[:, 0, left_hand] = 6
        return person, parts

    answer, agreement = PartTeacher(ask, AT_STRIDE_16).both_ways(np.zeros((32, 32, 3), np.uint8))
    assert answer.part_24hw[4 - 1].tolist() == [[3, 0, 0]] * 3
    assert answer.part_24hw[MIRROR_CHART[4] - 1].tolist() == [[0, 0, 3]] * 3
    assert agreement == pytest.approx(1 / 3)
    assert (answer.person_hw == 2).all()


def test_a_body_lies_where_it_is(shared: Path) -> None:
    """The real network on a man who squats in the middle of the picture: head above torso above feet."""
    pytest.importorskip("onnxruntime", reason="the teachers need onnxruntime")
    film = cv2.VideoCapture(str(shared / "assets" / "video" / "people" / "jump_576.mp4"))
    bgr = film.read()[1]
    side = AT_STRIDE_8.side
    teacher = open_part_teacher(shared / "assets" / "oracles" / "bodypix_mobilenet050_stride8.onnx")
    answer, agreement = teacher.both_ways(cv2.resize(bgr, (side, side), interpolation=cv2.INTER_AREA)[:, :, ::-1])
    person_LL, part_24LL = answer.everywhere(80)
    chart_LL = np.where(person_LL > 0, part_24LL.argmax(0) + 1, 0)
    head, torso, feet = (np.argwhere(np.isin(chart_LL, charts))[:, 0].mean() for charts in ((23, 24), (1, 2), (5, 6)))
    assert head < torso < feet
    assert agreement > 0.6


def test_files_it_cannot_read_are_named(tmp_path: Path) -> None:
    """Neither is there."""
    for name in ("nowhere.onnx", "nowhere.tflite"):
        with pytest.raises(ModelError, match=name):
            open_part_teacher(tmp_path / name)

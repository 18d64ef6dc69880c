"""The lines that answers draw on the image, against the truth of a synthetic scene."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from models.arrays import U8
from models.body.charts import COARSE_OF_CHART
from stages.studio.answer_preview import MIN_ANSWERS, answer_preview, rest_points, surface_between
from stages.studio.asked_pixels import pixels_to_ask
from stages.studio.work.actions import Answer
from stages.studio.work.part_map import packed_map
from stages.studio.work.sheet import AskedPoint, PersonWork
from stages.studio.work.task_list import TaskImage
from stages.world.scene import Scene
from tests.stages.studio.workplaces import scene_of_a_person

PARTS = (1, 6, 7)
NEAR_M = 0.03
"""Most pixels of a part are found within this distance of their true place on the body at rest."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of_a_person()


def answered(scene: Scene, part: int) -> PersonWork:
    """A person whose points of a part are answered by the truth."""
    label_HW = COARSE_OF_CHART[scene.label_HW].astype(np.uint8)
    x0, y0, x1, y1 = scene.box_N4[0].tolist()
    work = PersonWork(box_4=(x0, y0, x1, y1), parts=packed_map(label_HW, 0, 0))
    height, width = label_HW.shape
    points = []
    for x, y in pixels_to_ask(work, part, TaskImage(name="a", height=height, width=width)):
        u, v = (float(np.clip(one, 0, 1)) for one in scene.uv_2HW[:, y, x])
        chart = int(scene.label_HW[y, x])
        answer = Answer(person=1, part=part, number=len(points), verdict="surface", chart=chart, u=u, v=v)
        points.append(AskedPoint(x=x, y=y, answer=answer))
    return dataclasses.replace(work, asked={part: tuple(points)})


@pytest.mark.parametrize("part", PARTS)
def test_pixels_between_answers_are_near_the_truth(scene: Scene, part: int) -> None:
    inside_HW = COARSE_OF_CHART[scene.label_HW] == part
    points = answered(scene, part).asked[part]
    answers = [one.answer for one in points if one.answer]
    place_M3 = rest_points(*(np.array(one) for one in zip(*((a.chart, a.u, a.v) for a in answers), strict=True)))
    pixel_M2 = np.array([(one.x, one.y) for one in points], np.float64)
    chart_HW, uv_2HW = surface_between(part, inside_HW, pixel_M2, place_M3)
    truth = scene.label_HW[inside_HW], *np.clip(scene.uv_2HW[:, inside_HW], 0, 1)
    gap_P = np.linalg.norm(rest_points(chart_HW[inside_HW], *uv_2HW[:, inside_HW]) - rest_points(*truth), axis=1)
    assert np.median(gap_P) < NEAR_M


def test_the_picture_lies_on_the_part(scene: Scene) -> None:
    made = answer_preview(answered(scene, 1), 1)
    assert made is not None
    (x0, y0, x1, y1), png = made
    rows, columns = np.nonzero(COARSE_OF_CHART[scene.label_HW] == 1)
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    rgba_hw4: U8 = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED))
    assert rgba_hw4.shape == (y1 - y0, x1 - x0, 4)
    drawn_hw = rgba_hw4[..., 3] > 0
    assert drawn_hw.any() and not (drawn_hw & (COARSE_OF_CHART[scene.label_HW][y0:y1, x0:x1] != 1)).any()


def test_too_few_answers_draw_nothing(scene: Scene) -> None:
    work = answered(scene, 1)
    few = work.asked[1][: MIN_ANSWERS - 1]
    assert answer_preview(dataclasses.replace(work, asked={1: few}), 1) is None
    assert answer_preview(dataclasses.replace(work, parts=None), 1) is None
    line = tuple(dataclasses.replace(one, x=10 + k, y=10) for k, one in enumerate(work.asked[1]))
    assert answer_preview(dataclasses.replace(work, asked={1: line}), 1) is None

"""Part of joint: symmetry of the table, its charts' neighbourhoods, and hits on simple maps."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.charts import CHART_NAMES, CHARTS_AT_JOINT, MIRROR_CHART
from models.metrics.part_of_joint import part_of_joint
from models.structures import SurfaceMap

pytestmark = pytest.mark.quick


def test_left_charts_mirror_right_charts() -> None:
    assert len(CHARTS_AT_JOINT) == 17
    for joint, charts in CHARTS_AT_JOINT.items():
        other = joint.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        assert {int(MIRROR_CHART[chart]) for chart in charts} == CHARTS_AT_JOINT[other]


def test_a_side_joint_touches_no_chart_of_the_other_side() -> None:
    for joint, charts in CHARTS_AT_JOINT.items():
        side = joint.split("_")[0]
        wrong = {"left": "right", "right": "left"}.get(side, "neither")
        assert not [CHART_NAMES[chart] for chart in charts if wrong in CHART_NAMES[chart].split()]


def surface() -> SurfaceMap:
    labels_hw = np.full((10, 10), 24, np.uint8)
    labels_hw[5:] = 15
    return SurfaceMap(x0=100, y0=50, labels_hw=labels_hw, uv_2hw=np.zeros((2, 10, 10), np.float32))


def test_hits_and_trials() -> None:
    keypoint_173 = np.zeros((17, 3), np.float32)
    keypoint_173[0] = 103.9, 54.9, 2      # nose on the head: right
    keypoint_173[1] = 103, 55, 2          # left eye on an arm: wrong
    keypoint_173[2] = 103, 51, 2          # right eye on the left half of the head: wrong
    keypoint_173[5] = 109.9, 59.9, 2      # left shoulder on an arm: right
    keypoint_173[7] = 110, 59, 2          # left elbow outside the grid: wrong
    keypoint_173[8] = 99.9, 59, 2         # right elbow outside the grid: wrong
    keypoint_173[3] = 103, 51, 1          # left ear, covered: does not count
    right_17, visible_17 = part_of_joint(surface(), keypoint_173)
    assert np.flatnonzero(right_17).tolist() == [0, 5]
    assert np.flatnonzero(visible_17).tolist() == [0, 1, 2, 5, 7, 8]
    missed_17, visible_17 = part_of_joint(None, keypoint_173)
    assert not missed_17.any() and visible_17.sum() == 6

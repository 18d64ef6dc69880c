"""The pose teacher's geometry, with a network that returns fixed points of its crop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.light.teachers.pose_teacher import LANDMARKS, SIDE, PoseTeacher

pytestmark = pytest.mark.quick

IMAGE = np.zeros((200, 300, 3), np.uint8)


class FixedOutput:
    """Stands for the compiled network: the same output for every crop."""

    def __init__(self, point_K2: Any, visible: float, present: float) -> None:
        row_K5 = np.concatenate([point_K2, np.zeros((39, 1)), np.full((39, 2), np.log(visible / (1 - visible)))], 1)
        self.outputs = [row_K5.reshape(1, -1), np.array([[present]]), np.zeros((1, SIDE, SIDE, 1))]

    def infer(self, inputs: Any) -> None:
        """Take a crop of the right shape."""
        assert inputs[0].shape == (1, SIDE, SIDE, 3)

    def get_output_tensor(self, index: int) -> Any:
        """One of the outputs."""
        return SimpleNamespace(data=self.outputs[index])


def teacher(point_K2: Any, *, present: float = 0.0) -> PoseTeacher:
    """A teacher with a fixed network output."""
    made = PoseTeacher.__new__(PoseTeacher)
    made._request = FixedOutput(point_K2, 0.9, present)
    return made


def test_points_of_the_crop_are_mapped_to_the_image() -> None:
    """The crop is centred on the box and 1.25 times its longer side; crop points map linearly."""
    point_K2 = np.full((39, 2), SIDE / 2)
    point_K2[15], point_K2[16] = (0, 0), (SIDE, 0)
    pose = teacher(point_K2)(IMAGE, np.array([100, 50, 140, 130]))
    assert pose.point_K2[0] == pytest.approx((120, 90))
    assert pose.point_K2[15] == pytest.approx((120 - 50, 90 - 50))
    assert pose.point_K2[16] == pytest.approx((120 + 50, 90 - 50))
    assert pose.flip_gap_K == pytest.approx(np.zeros(LANDMARKS), abs=1e-9)
    assert pose.visible_K == pytest.approx(np.full(LANDMARKS, 0.9))


def test_an_image_and_its_flipped_copy_that_disagree_have_a_gap() -> None:
    """A left wrist on the same side of both crops."""
    point_K2 = np.full((39, 2), SIDE / 2)
    point_K2[15] = point_K2[16] = (0, SIDE / 2)
    pose = teacher(point_K2)(IMAGE, np.array([100, 50, 140, 130]))
    assert pose.flip_gap_K[15] == pytest.approx(100)
    assert pose.point_K2[15] == pytest.approx((120, 90))


def test_the_second_pass_sees_the_body_roll_aligned() -> None:
    """A body that points right: in the second crop right is up, so points are rotated by 90 degrees."""
    point_K2 = np.full((39, 2), SIDE / 2)
    point_K2[34] = (SIDE / 2 + 0.8 * SIDE / 2, SIDE / 2)
    point_K2[15] = point_K2[16] = (SIDE / 2, 0)
    second = teacher(point_K2, present=0.9)._two_passes(IMAGE, np.array([100.0, 50, 140, 130]))
    assert second.point_K2[15] == pytest.approx((120 + 50, 90))
    assert second.to_image_23[:, :2] == pytest.approx(np.array([[0, -1], [1, 0]]) * 100 / SIDE)


def test_a_missing_file_is_named() -> None:
    """One plain error."""
    with pytest.raises(ModelError, match=r"nowhere\.tflite"):
        PoseTeacher(Path("nowhere.tflite"))

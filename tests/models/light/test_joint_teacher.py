"""The joint teacher's geometry and choice of crops, with a network that returns fixed joints of its crop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.light.teachers.joint_teacher import JointTeacher

pytestmark = pytest.mark.quick

IMAGE = np.zeros((200, 300, 3), np.uint8)
BOX = np.array([100.0, 50.0, 140.0, 130.0])
"""Its centre is (120, 90), a side of the crop 100 pixels."""


class FixedJoints:
    """Stands for the network: all joints at the middle of the crop's right edge; the scores of its calls in order."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.calls = scores, 0

    def __call__(self, x_NHWC: Any) -> dict[str, Any]:
        """The joints of one crop of the right shape."""
        assert x_NHWC.shape == (1, 256, 256, 3)
        self.calls += 1
        return {"Identity": np.full((1, 1, 17, 3), (0.5, 1.0, self.scores[self.calls - 1]), np.float32)}


def joints_with(network: FixedJoints) -> Any:
    """The joints that a teacher with this network finds in BOX."""
    made = JointTeacher.__new__(JointTeacher)
    made._network = network  # type: ignore[assignment]
    return made(IMAGE, BOX)


def test_joints_of_the_crop_are_mapped_to_the_image() -> None:
    """A confident upright crop is enough."""
    network = FixedJoints(0.7)
    np.testing.assert_allclose(joints_with(network), np.full((17, 3), (170, 90, 0.7)), atol=1e-5)
    assert network.calls == 1


@pytest.mark.parametrize(("best", "place"), [(0, (170, 90)), (1, (120, 140)), (2, (70, 90)), (3, (120, 40))])
def test_the_most_confident_turn_is_taken(best: int, place: tuple[int, int]) -> None:
    """The crop's right edge points right, down, left and up in the image."""
    network = FixedJoints(*(0.4 if turn == best else 0.1 for turn in range(4)))
    np.testing.assert_allclose(joints_with(network)[0], (*place, 0.4), atol=1e-5)
    assert network.calls == 4


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.json"):
        JointTeacher(Path("nowhere.json"))

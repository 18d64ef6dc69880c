"""Where a GPU's memory runs out, half of the group is tried; nothing is left out or done twice."""

from __future__ import annotations

import pytest
import torch

from models.errors import ModelError
from models.inference.memory import GroupSize


def limited(room: int, tried: list[int]):
    """Doubles numbers; more than `room` at once do not fit."""

    def run(numbers: list[int]) -> list[int]:
        tried.append(len(numbers))
        if len(numbers) > room:
            raise torch.OutOfMemoryError("CUDA out of memory (a test says so)")
        return [2 * number for number in numbers]

    return run


def test_a_group_that_does_not_fit_is_halved_until_it_does() -> None:
    tried: list[int] = []
    groups = GroupSize(8, "frame")
    results = groups.over(list(range(19)), limited(2, tried))
    assert [number for result in results for number in result] == [2 * number for number in range(19)]
    assert tried[:3] == [8, 4, 2] and max(tried[3:]) == 2
    assert groups.size == 2  # later groups stay that small


def test_a_single_one_that_does_not_fit_is_said() -> None:
    with pytest.raises(ModelError, match="does not hold one person") as refused:
        GroupSize(4, "person").over([1, 2, 3], limited(0, []))
    assert "network.device" in refused.value.remedy


def test_groups_that_fit_stay_whole() -> None:
    tried: list[int] = []
    GroupSize(4, "frame").over(torch.arange(10), lambda group: tried.append(len(group)))
    assert tried == [4, 4, 2]


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        GroupSize(4, "frame").over([1], lambda group: 1 // 0)

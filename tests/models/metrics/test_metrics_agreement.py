"""Two IUV maps compared, and how sure a number over people is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.errors import ModelError
from models.metrics.agreement import agreement
from models.metrics.bootstrap import ratio, statistic


def test_hand_made_maps() -> None:
    found = np.array([[1, 1, 2, 0, 5, 0]])
    other = np.array([[1, 1, 3, 4, 0, 0]])
    uv = np.zeros((2, 1, 6))
    other_uv = uv + np.array([0.1, 0.25])[:, None, None]
    seen = agreement(found, uv, other, other_uv)
    assert (seen.same_part, seen.both, seen.reference, seen.either) == (2, 3, 4, 5)
    assert seen.mask_iou == 3 / 5 and seen.part_agreement == 2 / 3 and seen.part_accuracy == 1 / 2
    assert np.median(seen.du_M) == pytest.approx(0.1) and np.median(seen.dv_M) == pytest.approx(0.25)
    assert len(seen.du_M) == 2


def test_truth_against_itself_and_nobody() -> None:
    label = np.array([[0, 3], [4, 4]])
    uv = np.random.default_rng(0).uniform(0, 1, (2, 2, 2))
    same = agreement(label, uv, label, uv)
    assert same.mask_iou == same.part_agreement == same.part_accuracy == 1 and not same.du_M.any()
    empty = agreement(label * 0, uv, label * 0, uv)
    assert math.isnan(empty.mask_iou) and math.isnan(empty.part_agreement) and math.isnan(empty.part_accuracy)


def test_maps_of_different_sizes_are_refused() -> None:
    with pytest.raises(ModelError, match="cannot be compared"):
        agreement(np.zeros((2, 2), int), np.zeros((2, 2, 2)), np.zeros((2, 3), int), np.zeros((2, 2, 3)))


def test_the_interval_of_a_share_is_the_binomial_one() -> None:
    """400 people with one trial each, half of them right: 0.5 ± 1.96 * 0.025."""
    hits = np.repeat([0.0, 1.0], 200)
    found = ratio(hits, np.ones(400))
    assert found.value == 0.5
    assert found.low == pytest.approx(0.451, abs=0.005) and found.high == pytest.approx(0.549, abs=0.005)
    assert found == ratio(hits, np.ones(400))
    assert found != ratio(hits, np.ones(400), seed=1)


def test_people_are_drawn_not_trials() -> None:
    """Four people with 100 equal trials each are four facts, not four hundred."""
    found = ratio(np.array([100.0, 100, 0, 0]), np.full(4, 100.0))
    assert found.value == 0.5 and found.low == 0 and found.high == 1


def test_the_interval_of_a_statistic() -> None:
    people = list(np.random.default_rng(0).normal(5, 1, (100, 1)))
    found = statistic(people, lambda sample: float(np.mean(sample)))
    assert found.value == pytest.approx(float(np.mean(people)))
    assert found.high - found.low == pytest.approx(2 * 1.96 * float(np.std(people)) / 10, rel=0.1)
    assert statistic([np.ones(3), np.zeros(0)], lambda sample: float(np.median(sample))).value == 1


def test_nothing_to_measure() -> None:
    assert math.isnan(ratio(np.zeros(3), np.zeros(3)).value) and math.isnan(statistic([], np.median).low)

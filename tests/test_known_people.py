"""The benchmark that counts false and missed people in clips: what counts as which."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.quality.known_people import KNOWN, ClipCounts, counted, true_count

pytestmark = pytest.mark.quick


@pytest.fixture
def clip(monkeypatch: pytest.MonkeyPatch) -> str:
    """Nobody in frames 0 and 1, unclear in 2, two people in 3 to 5; in frames of 100 pixels they are 50 tall."""
    monkeypatch.setitem(KNOWN, "clip", {"tall": 0.5, "frames": [[0, 1, 0], [3, 5, 2]]})
    return "clip"


def test_false_and_missed_people_are_counted_where_the_truth_is_clear(clip: str) -> None:
    heights = [[], [60], [90, 90], [50, 80], [80, 20], [60, 60, 60]]
    identities = [[], [9], [8, 8], [1, 2], [1, 5], [2, 1, 3]]
    found = counted(clip, [np.array(one, float) for one in heights], [np.array(one) for one in identities], 100)
    assert found == ClipCounts(people=6, false=3, false_frames=3, missed=1, identities=2)


def test_a_change_of_identity_is_seen(clip: str) -> None:
    two = np.array([60.0, 70])
    found = counted(clip, [two] * 6, [np.array([t, 10]) for t in range(6)], 100)
    assert found == ClipCounts(people=6, false=4, false_frames=2, missed=0, identities=4)


def test_ranges_of_frames_do_not_overlap() -> None:
    for name, known in KNOWN.items():
        firsts, lasts, counts = zip(*known["frames"], strict=True)
        assert all(last < first for last, first in zip(lasts, firsts[1:], strict=False)), name
        assert all(first <= last for first, last in zip(firsts, lasts, strict=True)) and min(counts) >= 0
        assert true_count(name, lasts[-1]) == counts[-1] and true_count(name, lasts[-1] + 1) is None

"""HOTA and IDF1: cases with values that follow from the definitions."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from models.errors import ModelError
from models.metrics.tracking import IdentityChanges, TrackedFrame, identity_changes, tracking_scores

pytestmark = pytest.mark.quick

BOX_N4 = np.array([[0.0, 0, 10, 20], [50, 0, 10, 20]])


def video(found_ids: list[list[int]]) -> list[TrackedFrame]:
    """Two people who stand still, detected in every frame with these identities."""
    return [
        TrackedFrame(
            true_box_N4=BOX_N4, true_id_N=np.array([7, 9]),
            found_box_N4=BOX_N4[: len(ids)], found_id_N=np.array(ids, int),
        )
        for ids in found_ids
    ]


def test_truth_against_itself_is_perfect() -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    assert set(tracking_scores(video([[4, 2]] * 6)).values()) == {1.0}


def test_identities_that_are_swapped_half_way() -> None:
    """Each match shares its pair of identities with 5 frames of 15: AssA 1/3; IDF1 1/2."""
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    scores = tracking_scores(video([[4, 2]] * 5 + [[2, 4]] * 5))
    assert scores["DetA"] == pytest.approx(1) and scores["AssA"] == pytest.approx(1 / 3)
    assert scores["HOTA"] == pytest.approx(3**-0.5) and scores["IDF1"] == pytest.approx(0.5)


def test_a_person_that_is_never_detected() -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    scores = tracking_scores(video([[4]] * 10))
    assert scores["DetA"] == pytest.approx(0.5) and scores["AssA"] == pytest.approx(1)
    assert scores["IDF1"] == pytest.approx(2 / 3)
    assert tracking_scores(video([[]] * 3))["HOTA"] == 0


def test_an_identity_twice_in_a_frame_is_refused() -> None:
    pytest.importorskip("trackeval", reason="TrackEval is not installed")
    with pytest.raises(ModelError, match="frame 1: two people have the same identity"):
        tracking_scores(video([[1, 2], [3, 3]]))


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    with pytest.raises(ModelError, match="pip install --no-deps trackeval"):
        tracking_scores(video([[1, 2]]))


def test_changes_of_identity_are_counted() -> None:
    """The second person is missed for two frames and returns as 5; then the identities are swapped once."""
    changes = identity_changes(video([[4, 2], [4, 2], [4], [4], [4, 5], [5, 4], [5, 4]]))
    assert changes == IdentityChanges(people=2, identities=5, switches=3, fragments=1)
    assert identity_changes(video([[]] * 3)) == IdentityChanges(people=0, identities=0, switches=0, fragments=0)

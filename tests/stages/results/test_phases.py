"""Comparison by phase: the same movement at another tempo is equal, and a changed joint is named."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from models.motion.clinical_angles import JOINT_ANGLES
from stages.results.comparison.difference import difference_along, difference_at
from stages.results.comparison.phases import phases_of
from stages.results.comparison.poses import Performance
from stages.results.comparison.report_page import repetition_sentences, report_page, worst_rows
from stages.results.comparison.side_by_side import StoredFrames, pair_pictures, write_pair_film
from tests.models.motion.made_movements import MadeMovement, made_movement

KNEE = JOINT_ANGLES.index("left_knee_flexion")


def performance(clip: MadeMovement, speed: float = 1.0) -> Performance:
    frames = len(clip.second_T)
    return Performance(
        second_T=clip.second_T / speed, index_T=np.arange(frames), angle_TA=clip.angle_TA.copy(),
        position_TP2=np.zeros((frames, 24, 2), np.float32), angle_names=JOINT_ANGLES, width_TA=clip.width_TA,
        joint_TK2=np.full((frames, 17, 2), 30, np.float32),
    )  # fmt: skip


def apart(a: Performance, b: Performance) -> float:
    difference = difference_along(a, b, phases_of(a, b, 2.0).second_T)
    return float(np.abs(difference.angle_TA[:, KNEE]).mean())


@pytest.mark.parametrize("speed", [0.8, 1.25, 1.7])
@pytest.mark.parametrize("count", [1, 3])
def test_the_same_clip_at_another_speed_is_equal(speed: float, count: int) -> None:
    clip = made_movement(count, noise=0)
    a, b = performance(clip), performance(clip, speed)
    assert apart(a, b) < 1.5 and apart(b, a) < 1.5
    assert np.abs(difference_at(a, b, 0.0).angle_TA[:, KNEE]).mean() > 10


def test_few_frames_a_second_do_not_hold_the_path_back() -> None:
    clip = made_movement(3, noise=0, uneven=1, seconds=3.4, fps=5)
    end = len(clip.second_T) - 10
    cut = MadeMovement(
        second_T=clip.second_T[:end], angle_TA=clip.angle_TA[:end], width_TA=clip.width_TA[:end], count=3
    )
    assert apart(performance(cut), performance(cut, 0.8)) < 1.5


def test_two_halves_of_one_clip_are_equal_within_the_noise() -> None:
    clip = made_movement(6, noise=3, uneven=1.3, pause=1, seed=5)
    whole = performance(clip)
    middle = len(whole) // 2
    both = [
        Performance(
            second_T=whole.second_T[part] - whole.second_T[part][0], index_T=whole.index_T[part],
            angle_TA=whole.angle_TA[part], position_TP2=whole.position_TP2[part], angle_names=JOINT_ANGLES,
            width_TA=clip.width_TA[part],
        )
        for part in (slice(0, middle), slice(middle, None))
    ]  # fmt: skip
    assert apart(*both) < 5


def test_a_joint_that_bends_less_is_named(tmp_path: Path) -> None:
    clip = made_movement(4, noise=0, uneven=1)
    a, b = performance(clip), performance(clip, 0.8)
    last = slice(7 * 25, None)
    b.angle_TA[last, KNEE] -= 0.155 * b.angle_TA[last, KNEE]
    phases = phases_of(a, b, 2.0)
    sentences = repetition_sentences(phases.of_a, phases.of_b, JOINT_ANGLES, "squat")
    assert sentences[0] == "1st squat: 0.4 s longer."
    assert sentences[3] == "4th squat: left knee 14° less, 0.4 s longer."
    difference = difference_along(a, b, phases.second_T)
    (worst, *_) = worst_rows(difference, a.second_T)
    assert abs(a.second_T[worst] - 8) < 0.3
    frames = StoredFrames()
    for number, one in enumerate((a, b)):
        for index in one.index_T.tolist():
            frames.add(number, index, np.full((60, 40, 3), 90, np.uint8))
    write_pair_film(tmp_path / "a.mp4", pair_pictures(frames, a, b, difference), a.second_T)
    frames.close()
    with av.open(str(tmp_path / "a.mp4")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(shown) == len(difference.row_T2) and shown[0].shape == (480, 940, 3)
    page = report_page(("a & b", "c"), sentences, [], b"film", [("worst", shown[worst])], b"png")
    assert "4th squat: left knee 14° less" in page and "a &amp; b" in page and "http" not in page
    assert "Not a medical device" in page


def test_equal_performances_have_no_worst_moments() -> None:
    a = performance(made_movement(2, noise=0))
    difference = difference_at(a, a, 0.0)
    assert worst_rows(difference, a.second_T) == []
    page = report_page(("a", "b"), [], [("Repetitions", "start_s\n1")], None, [], b"png")
    assert "No main joint differs by 10°" in page and "<td>start s</td>" in page


def test_hidden_limbs_have_an_interval_and_do_not_count_in_means() -> None:
    clip = made_movement(2, noise=0)
    a = performance(clip)
    hidden_TA = np.ones(a.angle_TA.shape, bool)
    hidden_TA[:, KNEE] = False
    b = Performance(
        second_T=a.second_T, index_T=a.index_T, angle_TA=a.angle_TA + 5, position_TP2=a.position_TP2,
        angle_names=JOINT_ANGLES, width_TA=clip.width_TA, seen_TA=hidden_TA,
    )  # fmt: skip
    difference = difference_at(a, b, 0.0)
    assert not difference.seen_TA[:, KNEE].any() and np.allclose(difference.angle_TA[:, KNEE], 5, atol=1e-3)
    assert np.allclose(difference.interval_TA[:, KNEE], 18 * np.sqrt(2), atol=1e-3)

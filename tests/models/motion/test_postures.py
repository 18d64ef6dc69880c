"""States as events: films with known states, thresholds that flicker, people who disappear."""

from __future__ import annotations

import numpy as np
import pytest

from models.motion.postures import (
    LOST_S,
    RULES,
    STATES,
    PersonStates,
    Posture,
    StateChange,
    level_up,
    posture_of,
)
from tests.benchmarks.quality.states import SURE, of_exact_joints
from tests.models.motion.state_films import (
    FALL,
    LIE,
    PARTS,
    SIT,
    STAND,
    UPRIGHT_3,
    Part,
    film_of,
    joints_at,
    matches,
    random_film,
)

STANDING = Posture(hands=-0.9, trunk=5, thigh=4, height=1, hip=0.5, overhang=0.02)
LYING = Posture(hands=0, trunk=88, thigh=85, height=0.15, hip=0.02, overhang=0.4)


def shown(
    postures: list[tuple[float, Posture]], states: PersonStates | None = None, rate: float = 20
) -> list[StateChange]:
    """The changes of somebody who has each posture for some seconds, one after the other."""
    states = states or PersonStates()
    changes, second = [], 0.0
    for seconds, posture in postures:
        for _ in range(round(seconds * rate)):
            changes += states.next_changes(second, posture)
            second += 1 / rate
    return changes


def summarized(changes: list[StateChange]) -> list[tuple[str, bool, float]]:
    return [(one.state, one.begins, round(one.second, 2)) for one in changes]


@pytest.mark.parametrize("seed", range(6))
def test_states_of_random_films_are_found(seed: int) -> None:
    """No squat, bend, single raised arm, nor hands and knees is a state."""
    film = random_film(np.random.default_rng([7, seed]))
    found = of_exact_joints(film)
    assert matches(list(film.spans), found) == len(film.spans) == len(found)
    for _, begin, end in found:
        assert any(abs(begin - a) < 1.3 and abs(end - b) < 1.8 for _, a, b in film.spans)


def test_every_state_and_every_confusion_stands_in_the_films() -> None:
    assert {state for part in PARTS for state in part.states} == set(STATES)
    assert sum(not part.states for part in PARTS) >= 4


def test_who_lies_down_slowly_has_not_fallen() -> None:
    both = [of_exact_joints(film_of(np.random.default_rng(3), [STAND, part])) for part in (LIE, FALL)]
    slow = of_exact_joints(film_of(np.random.default_rng(3), [STAND, SIT, LIE]))
    assert {state for state, _, _ in slow} == {"sitting", "lying"}
    assert [{state for state, _, _ in found} for found in both][1] == {"lying", "fallen"}
    assert summarized(shown([(2, STANDING), (2, LYING)])) == [("lying", True, 2.0), ("fallen", True, 2.0)]
    bent = Posture(hands=0, trunk=50, thigh=20, height=0.7, hip=0.3, overhang=0.2)
    assert summarized(shown([(2, STANDING), (2, bent), (2, LYING)])) == [("lying", True, 4.0)]


def test_a_state_does_not_flicker_at_its_thresholds() -> None:
    near = [Posture(**{**_values(STANDING), "hands": hands}) for hands in (0.41, 0.3)]
    up, between = near
    down = STANDING
    assert summarized(shown([(1, down), (0.3, up), (1, down)])) == []  # too short
    assert summarized(shown([(1, down), (0.2, up), (0.4, between)])) == [("arms_raised", True, 1.0)]
    assert summarized(shown([(1, up), (3, between)])) == [("arms_raised", True, 0.0)]
    assert summarized(shown([(1, up), (0.2, down), (1, up)])) == [("arms_raised", True, 0.0)]
    assert summarized(shown([(1, up), (1, down)]))[1:] == [("arms_raised", False, 1.0)]


def _values(posture: Posture) -> dict[str, float]:
    return {name: getattr(posture, name) for name in Posture.__slots__}


def test_what_is_not_known_changes_nothing() -> None:
    unknown = Posture(**dict.fromkeys(Posture.__slots__, float("nan")))
    assert summarized(shown([(2, unknown)])) == []
    assert summarized(shown([(2, LYING), (5, unknown)])) == [("lying", True, 0.0)]


def test_states_end_when_the_person_is_lost() -> None:
    states = PersonStates()
    shown([(2, STANDING), (2, LYING)], states)
    assert states.changes_without(states.last_seen + LOST_S) == []
    ends = states.changes_without(states.last_seen + LOST_S + 0.1)
    assert [(one.state, one.begins, round(one.since, 2), one.second) for one in ends] == [
        ("lying", False, 2.0, states.last_seen), ("fallen", False, 2.0, states.last_seen),
    ]  # fmt: skip
    assert states.changes_without(99) == []


def test_a_restored_person_goes_on() -> None:
    states = PersonStates()
    shown([(2, STANDING), (0.4, LYING)], states)
    again = PersonStates.from_data(states.to_data())
    assert again == states
    assert summarized(again.next_changes(2.75, LYING)) == [("lying", True, 2.0), ("fallen", True, 2.0)]


def test_up_of_a_camera_that_looks_down() -> None:
    """Somebody who stands before a camera that is tilted by 30° stands upright if the tilt is stated."""
    joint_J3 = joints_at(film_of(np.random.default_rng(0), [STAND, SIT]), 0.5) * [1, -1, -1]
    tilt = np.radians(30)
    turn_33 = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    seen_J3 = joint_J3 @ turn_33.T
    assert posture_of(seen_J3, SURE, level_up(30)).trunk == pytest.approx(
        posture_of(joint_J3, SURE, level_up(0)).trunk, abs=0.1
    )
    assert posture_of(seen_J3, SURE, level_up(0)).trunk > 20


def test_a_hidden_joint_hides_its_measures_alone() -> None:
    joint_J3, sure_J = joints_at(film_of(np.random.default_rng(0), [STAND, SIT]), 4.0), SURE.copy()
    sure_J[10] = 0.01  # the right wrist
    posture = posture_of(joint_J3, sure_J, UPRIGHT_3)
    assert np.isnan(posture.hands) and posture.thigh > 60 and posture.height < 0.9


def test_each_part_holds_its_state_long_enough() -> None:
    for part in PARTS:
        assert isinstance(part, Part)
        assert all(part.hold > RULES[state].begin_s for state in part.states if state in RULES)

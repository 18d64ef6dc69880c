"""Repetitions of movements whose number, times and ranges are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.open_body import KEYPOINT_NAMES
from models.motion.clinical_angles import JOINT_ANGLES
from models.motion.repetition_measures import joint_widths, measured_repetitions
from tests.models.motion.made_movements import CURL, JACK, MadeMovement, made_movement

CLIPS = {
    "plain": made_movement(5),
    "one alone": made_movement(1),
    "two": made_movement(2, seconds=3),
    "five frames a second": made_movement(4, fps=5),
    "many a second": made_movement(4, fps=120),
    "pauses": made_movement(6, pause=4),
    "drift": made_movement(5, drift=3),
    "noise": made_movement(5, noise=7),
    "begins on the way back": made_movement(4, begun=0.9),
    "ends on the way out": made_movement(4, cut=0.9),
    "uneven tempo": made_movement(7, uneven=1.6),
    "arms": made_movement(12, joints=JACK, seconds=0.9),
    "one arm": made_movement(6, joints=CURL, sides=("left",)),
    "sides in turn": made_movement(5, alternate=True),
    "nothing": made_movement(0, noise=4),
}


def measured(clip: MadeMovement):
    return measured_repetitions(clip.second_T, clip.angle_TA, clip.width_TA)


@pytest.mark.parametrize("name", CLIPS)
def test_repetitions_are_counted(name: str) -> None:
    assert len(measured(CLIPS[name])) == CLIPS[name].count


def test_a_repetition_that_the_end_cuts_off_on_its_way_back_counts() -> None:
    clip = made_movement(3, noise=0, uneven=1)
    end = round((1 + 2 * 3 - 0.6) * 25)
    found = measured_repetitions(clip.second_T[:end], clip.angle_TA[:end], clip.width_TA[:end])
    assert [one.repetition.complete for one in found] == [True, True, False]


@pytest.mark.parametrize("way", [1, -1])
def test_a_movement_that_does_not_come_back_is_no_repetition(way: int) -> None:
    second_T = np.arange(0, 4, 0.04)
    angle_TA = np.zeros((len(second_T), len(JOINT_ANGLES)), np.float32)
    goes_T = 80 / (1 + np.exp(-8 * (second_T - 1.2))) - 6 * np.exp(-((second_T - 0.5) ** 2) / 0.02)
    angle_TA[:, JOINT_ANGLES.index("left_elbow_flexion")] = goes_T[::way]
    assert not measured_repetitions(second_T, angle_TA, np.full(angle_TA.shape, 10, np.float32))


def test_measures_are_those_of_the_movement() -> None:
    clip = made_movement(3, noise=0, uneven=1, seconds=3)
    clip.angle_TA[:, JOINT_ANGLES.index("right_knee_flexion")] *= 0.8
    rows = measured(clip)
    for number, one in enumerate(rows):
        assert one.joint == "left_knee_flexion" and abs(one.depth_deg - 95) < 2 and one.depth_interval_deg == 18
        assert abs(one.symmetry_deg - 19) < 1.5
        assert abs(one.repetition.turn_s - (1 + 3 * number + 1.5)) < 0.11
        assert abs(one.out_s - one.back_s) < 0.16 and 2 < one.duration_s < 3.1
    assert abs(rows[0].tempo - 20) < 1


@pytest.mark.parametrize("step_s", [1.0, 2.0, 10.0])
def test_few_frames_a_second_give_measures(step_s: float) -> None:
    second_T = step_s * np.arange(9)
    angle_TA = np.zeros((9, len(JOINT_ANGLES)), np.float32)
    angle_TA[1::2, JOINT_ANGLES.index("left_knee_flexion")] = 90
    found = measured_repetitions(second_T, angle_TA, np.full(angle_TA.shape, 10, np.float32))
    assert len(found) == 4 and {one.joint for one in found} == {"left_knee_flexion"}
    assert all(75 < one.depth_deg <= 90 and 70 < np.nanmax(one.range_F) <= 90 for one in found)


def test_all_repetitions_of_a_person_are_measured_by_one_joint() -> None:
    clip = made_movement(3, noise=0, uneven=1, seconds=3)
    clip.angle_TA[100:175, JOINT_ANGLES.index("right_hip_flexion")] *= 1.5
    assert [one.joint for one in measured(clip)] == 3 * [measured(clip)[0].joint]
    assert np.argmax(measured(clip)[1].range_F) != np.argmax(measured(clip)[0].range_F)


def test_trembling_is_less_smooth() -> None:
    calm, trembling = made_movement(3, noise=0), made_movement(3, noise=0)
    shaking_T = 4 * np.sin(2 * np.pi * 2.0 * trembling.second_T)
    trembling.angle_TA[:, JOINT_ANGLES.index("left_knee_flexion")] += shaking_T
    assert np.mean([one.smoothness for one in measured(trembling)]) < measured(calm)[0].smoothness - 0.5


def test_unknown_angles_and_short_recordings() -> None:
    clip = made_movement(4)
    clip.angle_TA[::3] = np.nan
    clip.angle_TA[:, JOINT_ANGLES.index("left_hip_flexion")] = np.nan
    assert len(measured(clip)) == 4
    assert measured_repetitions(clip.second_T[:4], clip.angle_TA[:4], clip.width_TA[:4]) == []


def test_hidden_joints_have_the_widest_intervals() -> None:
    confidence_NJ = np.full((1, len(KEYPOINT_NAMES)), 0.9, np.float32)
    hidden_NA = np.zeros((1, len(JOINT_ANGLES)), bool)
    knee = JOINT_ANGLES.index("left_knee_flexion")
    seen = joint_widths(confidence_NJ, hidden_NA)[0, knee]
    hidden_NA[0, knee] = True
    assert joint_widths(confidence_NJ, hidden_NA)[0, knee] > 2 * seen

"""Intervals of joint angles: how often they hold true angles, how they follow confidence, and where there are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.animation.mot_writer import mot_text
from models.body.body_motion import BRIDGED, HIDDEN, SEEN
from models.motion.angle_intervals import COVERAGE, group_of_angles, half_widths
from models.motion.angle_table import angle_rows
from models.motion.clinical_angles import CLINICAL_ANGLES
from tests.models.motion.motions import still_motion

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "angle_errors.npz"
"""Errors of the angles of people of synthetic scenes from which no constant was fitted, and their confidences
(`tests/benchmarks/quality/angle_intervals.py`, the odd scenes)."""


def test_intervals_hold_the_stated_share_of_true_angles() -> None:
    """Of all angles together, of each kind of angle, and of sure and of unsure bodies alike.

    Intervals of the ankle are wider, because films have locked feet, and these people do not.
    """
    with np.load(GOLDEN) as arrays:
        error_NA, confidence_NJ = arrays["error"].astype(np.float64), arrays["confidence"].astype(np.float64)
    group_A = np.array(group_of_angles())
    inside_NA = np.abs(error_NA) <= half_widths(confidence_NJ)
    ankle_A = np.char.startswith(group_A, "ankle")
    assert inside_NA[:, ankle_A].mean() > COVERAGE
    inside_NA, group_A = inside_NA[:, ~ankle_A], group_A[~ankle_A]
    assert abs(inside_NA.mean() - COVERAGE) < 0.05
    shares = {group: inside_NA[:, group_A == group].mean() for group in dict.fromkeys(group_A.tolist())}
    assert min(shares.values()) > COVERAGE - 0.1 and max(shares.values()) < COVERAGE + 0.1, shares
    sure_N = confidence_NJ.mean(axis=1)
    for some_N in (sure_N > np.median(sure_N), sure_N <= np.median(sure_N)):
        assert abs(inside_NA[some_N].mean() - COVERAGE) < 0.07


def test_unsure_joints_have_wider_intervals_of_their_own_angles() -> None:
    motion = still_motion(2)
    confidence_TJ = np.full_like(motion.confidence_TJ, 0.9)
    confidence_TJ[1, 9] = 0.3  # the left wrist
    before_A, after_A = half_widths(confidence_TJ)
    wider = {name for name, one, other in zip(CLINICAL_ANGLES, before_A, after_A, strict=True) if other > one}
    assert {"left_elbow_flexion", "left_wrist_flexion"} <= wider
    assert not {name for name in wider if not name.startswith(("left_elbow", "left_wrist", "left_forearm"))}


def test_frames_that_nobody_saw_have_no_interval() -> None:
    """Bridged frames have angles, but nothing is known about their errors; hidden frames have neither."""
    motion = replace(still_motion(3), presence_T=np.array([SEEN, BRIDGED, HIDDEN], np.uint8))
    head, seen, bridged, hidden = list(angle_rows(motion))
    first = head.index("left_hip_flexion_interval")
    assert float(seen[first]) > 0 and bridged[first] == hidden[first] == hidden[2] == "" and bridged[2] != ""
    names, *rows = [line.split("\t") for line in mot_text(motion).partition("endheader\n")[2].strip().split("\n")]
    column = names.index("knee_angle_r_interval")
    assert len(rows) == 2 and 0 < float(rows[0][column]) < 90 and float(rows[1][column]) == 180

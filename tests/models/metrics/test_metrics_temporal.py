"""Temporal stability: closed forms on bodies that are defined by rules."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.metrics.temporal import SurfaceFrame, box_jitter, flicker, texel_deviation, unwrap
from tests.models.metrics.ruled_body import LineBody

pytestmark = pytest.mark.quick

NOWHERE = np.zeros((20, 30, 2), np.float32)
ALL = np.ones((20, 30), bool)


def frame(u_255: int = 100, chart: int = 3) -> SurfaceFrame:
    """A square person at rows 5..14, columns 5..14, with one prediction."""
    label_HW = np.zeros((20, 30), np.uint8)
    label_HW[5:15, 5:15] = chart
    uv_2HW = np.zeros((2, 20, 30), np.float32)
    uv_2HW[0, 5:15, 5:15] = u_255 / 255
    return SurfaceFrame(label_HW=label_HW, uv_2HW=uv_2HW)


def test_equal_predictions_without_motion_do_not_flicker() -> None:
    seen = flicker(LineBody(), frame(), frame(), NOWHERE, ALL)
    assert len(seen.moved_M) == 100 and (seen.moved_M == 0).all() and not seen.changed_M.any() and seen.lost == 0


def test_flicker_is_the_geodesic_distance_between_predictions() -> None:
    seen = flicker(LineBody(), frame(100), frame(103), NOWHERE, ALL)
    np.testing.assert_allclose(seen.moved_M, 0.03, rtol=1e-6)
    other = flicker(LineBody(), frame(chart=3), frame(chart=4), NOWHERE, ALL)
    assert other.changed_M.all() and np.allclose(other.moved_M, 10)


@pytest.mark.parametrize("speed", [6.6, 7.4])
def test_the_flow_is_followed(speed: float) -> None:
    """Predictions grow along x and the person moves by about 7 pixels: each pixel meets its own value again."""
    before, after = frame(), frame()
    ramp = np.arange(30) / 255
    before.uv_2HW[0] = ramp
    after.label_HW[:], after.uv_2HW[0] = np.roll(before.label_HW, 7, axis=1), np.roll(before.uv_2HW[0], 7, axis=1)
    flow = np.full((20, 30, 2), (speed, 0.0))
    seen = flicker(LineBody(), before, after, flow, ALL)
    assert len(seen.moved_M) == 100 and (seen.moved_M == 0).all()
    still = flicker(LineBody(), before, after, NOWHERE, ALL)
    assert still.lost == 70 and len(still.moved_M) == 30
    np.testing.assert_allclose(still.moved_M, 0.07, rtol=1e-6)


def test_occluded_pixels_and_those_that_leave_are_ignored() -> None:
    visible = ALL.copy()
    visible[:10] = False
    assert len(flicker(LineBody(), frame(), frame(), NOWHERE, visible).moved_M) == 50
    for shift in ((100.0, 0.0), (-15.0, 0.0), (0.0, 100.0), (0.0, -15.0)):
        out = flicker(LineBody(), frame(), frame(), np.full((20, 30, 2), shift), ALL)
        assert len(out.moved_M) == 0 and out.lost == 0


def test_unwrapping_places_colours_by_u_and_v() -> None:
    label_HW = np.array([[0, 2, 2, 24]], np.uint8)
    uv_2HW = np.array([[[0, 0.1, 0.1, 1.0]], [[0, 0.9, 0.9, 0.0]]], np.float32)
    rgb_HW3 = np.array([[[9, 9, 9], [10, 0, 0], [30, 0, 0], [0, 0, 7]]], np.uint8)
    colour, seen = unwrap(rgb_HW3, SurfaceFrame(label_HW=label_HW, uv_2HW=uv_2HW), 4)
    assert seen.sum() == 2 and seen[1, 3, 0] and seen[23, 0, 3]
    assert colour[1, 3, 0].tolist() == [20, 0, 0] and colour[23, 0, 3].tolist() == [0, 0, 7]


def test_texel_deviation_is_the_deviation_of_colours() -> None:
    colour = np.zeros((3, 1, 1, 3, 3))
    colour[:, 0, 0, 0] = [[10, 10, 10], [20, 20, 20], [99, 99, 99]]
    colour[:, 0, 0, 1] = 5
    seen = np.array([[True, True, True], [True, True, False], [False, True, False]]).reshape(3, 1, 1, 3)
    deviation = texel_deviation(colour, seen)[0, 0]
    assert deviation[0] == pytest.approx(5) and deviation[1] == 0 and np.isnan(deviation[2])


def test_box_jitter_of_known_motions() -> None:
    even = np.array([10.0, 20, 60, 120]) + np.arange(50)[:, None] * [3, 1, 4, 1]
    assert box_jitter(even) == pytest.approx(0, abs=1e-12)
    zigzag = np.array([[0.0, 0, 50, 100]] * 40)
    zigzag[::2, :] += 1
    assert box_jitter(zigzag) == pytest.approx(2 / 100)
    noisy = np.array([0.0, 0, 50, 100]) + np.random.default_rng(0).normal(0, 0.5, (20000, 4))
    assert box_jitter(noisy) == pytest.approx(0.5 * math.sqrt(6) / 100, rel=0.02)
    zigzag[1::3] = np.nan
    assert math.isnan(box_jitter(zigzag))

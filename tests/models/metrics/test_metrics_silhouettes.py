"""Silhouettes: rectangles with closed forms, and where wrong pixels are counted."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.silhouettes import boundary_f, boundary_iou, silhouette_fit

pytestmark = pytest.mark.quick


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((300, 400), bool)
    mask[y0:y1, x0:x1] = True
    return mask


NOBODY = np.zeros((300, 400), bool)
PERSON = rectangle(100, 50, 200, 250)
"""100×200 pixels: the rim is 4 pixels wide."""


def test_the_truth_fits_itself() -> None:
    fit = silhouette_fit(PERSON, PERSON, NOBODY, 100, 200)
    assert fit.iou == fit.area_ratio == fit.boundary_iou == fit.boundary_f == 1 and fit.area == 20000
    assert fit.spill_people == fit.spill_rim == fit.spill_far == fit.missed_rim == fit.missed_inside == 0


def test_spill_is_counted_on_people_at_the_rim_and_far_away() -> None:
    """20 columns too many on the right: 5 of them on another person, of the other 15 the next 4 are at the rim."""
    other = rectangle(215, 0, 300, 300)
    fit = silhouette_fit(rectangle(100, 50, 220, 250), PERSON, other, 100, 200)
    assert fit.area_ratio == pytest.approx(1.2) and fit.iou == pytest.approx(1 / 1.2)
    assert (fit.spill_people, fit.spill_rim, fit.spill_far) == pytest.approx((0.05, 0.04, 0.11))
    assert fit.missed_rim == fit.missed_inside == 0


def test_missed_pixels_are_counted_at_the_rim_and_inside() -> None:
    """The lower half is missed: 4 pixels along three sides of 100×100 are at the rim."""
    fit = silhouette_fit(rectangle(100, 50, 200, 150), PERSON, NOBODY, 100, 200)
    assert fit.iou == fit.area_ratio == 0.5
    assert fit.missed_rim == pytest.approx((100 * 100 - 92 * 96) / 20000)
    assert fit.missed_inside == pytest.approx(92 * 96 / 20000)


def test_boundary_iou_of_rectangles_has_a_closed_form() -> None:
    """Bands of 3 pixels inside of squares of 40 and 36 with one centre share a band of 1 pixel."""
    one, other = rectangle(100, 100, 140, 140), rectangle(102, 102, 138, 138)
    inner, outer = 36**2 - 30**2, 40**2 - 34**2
    shared = 36**2 - 34**2
    assert boundary_iou(other, one, 3) == pytest.approx(shared / (inner + outer - shared))


def test_boundary_iou_sees_what_iou_of_large_masks_hides() -> None:
    eroded = rectangle(104, 54, 196, 246)
    fit = silhouette_fit(eroded, PERSON, NOBODY, 100, 200)
    assert fit.iou > 0.88 and fit.boundary_iou < 0.25


def test_the_boundary_f_measure_has_a_tolerance() -> None:
    """Three of four sides of the boundary lie where the true ones do; the fourth is 30 pixels off."""
    longer = rectangle(100, 50, 200, 280)
    assert boundary_f(rectangle(102, 52, 198, 248), PERSON, 3) == 1
    assert boundary_f(rectangle(105, 55, 195, 245), PERSON, 3) == 0
    right_of_found = (2 * (200 + 3) + 98) / (2 * 230 + 2 * 98)
    right_of_true = (2 * 200 + 98 + 2 * 3) / (2 * 200 + 2 * 98)
    wanted = 2 * right_of_found * right_of_true / (right_of_found + right_of_true)
    assert boundary_f(longer, PERSON, 3) == pytest.approx(wanted, abs=0.01)
    assert boundary_f(NOBODY, PERSON, 3) == 0


def test_the_edge_of_the_image_is_a_boundary() -> None:
    at_edge = rectangle(0, 0, 100, 300)
    assert boundary_iou(at_edge, at_edge, 2) == 1
    assert silhouette_fit(rectangle(0, 0, 90, 300), at_edge, NOBODY, 100, 300).missed_rim == pytest.approx(
        (10 * 300 - 4 * 288) / 30000
    )


def test_nothing_predicted_fits_nowhere() -> None:
    fit = silhouette_fit(NOBODY, PERSON, NOBODY, 100, 200)
    assert fit.iou == fit.area_ratio == fit.boundary_iou == fit.boundary_f == 0
    assert fit.missed_rim + fit.missed_inside == pytest.approx(1)

"""Surfaces on the box grid: exact where cells and pixels coincide, one chart per pixel elsewhere; boxes and crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.body.charts import MIRROR_CHART, mirror_uv
from models.light.architecture.preprocessing import CROP, MARGIN, MIN_ASPECT, crop_person, crop_region, resize_rgb
from models.light.inference import surface_assembly
from models.light.inference.box_fitting import EXPANSION, FIT, expanded_box, fit_box, trim_surface
from models.light.inference.ensemble import combine, unflip
from models.light.inference.logistic import log_odds, logistic
from models.light.inference.surface_assembly import PERSON_THRESHOLD, integer_box, resample_silhouette, resample_surface
from models.light.inference.uv_planes import uv_at, uv_planes

pytestmark = pytest.mark.quick


def grid(cells: int = 20) -> np.ndarray:
    maps = np.zeros((5, cells, cells), np.float32)
    maps[0] = 3.0
    maps[1] = 2
    maps[2] = np.linspace(0, 1, cells)[None]
    maps[3] = np.linspace(0, 1, cells)[:, None]
    maps[4] = 0.9
    return maps


@pytest.fixture
def without_uv_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    """U and V as predicted: these tests are about their places."""
    monkeypatch.setattr(surface_assembly, "UV_STRETCH", 0.0)


def test_uncertain_u_and_v_are_moved_away_from_the_middle_of_the_chart() -> None:
    """By a tenth of one minus the confidence, never beyond the chart; with full confidence not at all."""
    maps, region = grid(), np.array([0, 0, 20, 20], np.float32)
    uncertainty = 1 - 0.9 / (1 + np.exp(-3))
    found = resample_surface(maps, region, region)
    np.testing.assert_allclose(found.confidence_hw, 1 - uncertainty, rtol=1e-5)
    expected = np.clip(0.5 + (np.arange(20) / 19 - 0.5) * (1 + uncertainty / 10), 0, 1)
    np.testing.assert_allclose(found.uv_2hw[0, 7], expected, atol=1e-5)
    np.testing.assert_allclose(found.uv_2hw[1, :, 7], expected, atol=1e-5)
    maps[0], maps[4] = 30.0, 1.0
    np.testing.assert_allclose(resample_surface(maps, region, region).uv_2hw, maps[2:4], atol=1e-5)


def test_integer_box_truncates_toward_zero() -> None:
    assert integer_box(np.array([3.9, -2.7, 10.2, 0.1])) == (3, -2, 6, 2)
    assert integer_box(np.array([5.0, 5.0, 5.3, 5.2])) == (5, 5, 1, 1)


@pytest.mark.usefixtures("without_uv_stretch")
def test_one_cell_per_pixel_changes_nothing() -> None:
    maps = grid()
    rng = np.random.default_rng(0)
    maps[1] = rng.integers(1, 25, maps.shape[1:])
    maps[0] = rng.normal(size=maps.shape[1:])
    found = resample_surface(maps, np.array([10, 30, 30, 50], np.float32), np.array([10, 30, 30, 50], np.float32))
    body = maps[0] > PERSON_THRESHOLD
    assert (found.x0, found.y0) == (10, 30)
    np.testing.assert_array_equal(found.labels_hw, np.where(body, maps[1], 0))
    np.testing.assert_allclose(found.uv_2hw, maps[2:4] * body, atol=1e-4)


@pytest.mark.usefixtures("without_uv_stretch")
def test_inside_one_chart_uv_stays_linear() -> None:
    maps = grid()
    region = np.array([0, 0, 100, 100], np.float32)
    found = resample_surface(maps, region, np.array([20, 20, 80, 80], np.float32))
    expected = (np.arange(20, 80) + 0.5) / 5 - 0.5
    np.testing.assert_allclose(found.uv_2hw[0, 7], expected / 19, atol=2e-3)
    np.testing.assert_allclose(found.uv_2hw[1, :, 7], expected / 19, atol=2e-3)
    assert (found.labels_hw == 2).all()


@pytest.mark.usefixtures("without_uv_stretch")
def test_uv_is_extrapolated_to_the_edge_of_a_chart() -> None:
    """Three pixels per cell: pixels beyond the centre of a chart's last cell do not just repeat that cell."""
    maps = grid()
    maps[1, :, 10:] = 7
    region = np.array([0, 0, 60, 60], np.float32)
    found = resample_surface(maps, region, region)
    column = np.clip((np.arange(60) + 0.5) / 3 - 0.5, 0, 19)
    assert (np.diff(found.labels_hw[7].astype(int)) != 0).sum() == 1
    np.testing.assert_allclose(found.uv_2hw[0, 7], column / 19, atol=1e-5)
    np.testing.assert_allclose(found.uv_2hw[1, :, 30], column / 19, atol=1e-5)


def test_slopes_of_planes_come_from_neighbours_of_the_same_chart() -> None:
    maps = grid(4)
    maps[1] = [[1, 1, 2, 2], [1, 1, 1, 2], [3, 1, 1, 2], [3, 3, 3, 4]]
    maps[2] = [[0.0, 0.1, 0.9, 0.7], [0.0, 0.3, 0.4, 0.5], [0.9, 0.2, 0.6, 0.6], [0.1, 0.2, 0.4, 0.8]]
    made = uv_planes(maps[1], maps[2:4])
    _, (down, _), (right, _) = made
    np.testing.assert_allclose(right[0], [0.1, 0.1, -0.2, -0.2], atol=1e-6)
    np.testing.assert_allclose(right[1], [0.3, 0.2, 0.1, 0.0], atol=1e-6)
    np.testing.assert_allclose(right[3], [0.1, 0.15, 0.2, 0.0], atol=1e-6)
    np.testing.assert_allclose(down[:, 0], [0.0, 0.0, -0.8, -0.8], atol=1e-6)
    np.testing.assert_allclose(down[:, 1], [0.2, 0.05, -0.1, 0.0], atol=1e-6)
    rows, columns = np.mgrid[:4, :4]
    np.testing.assert_allclose(uv_at(made, rows, columns), maps[2:4], atol=1e-6)
    np.testing.assert_allclose(uv_at(made, rows, columns + 0.5)[0], np.clip(maps[2] + right / 2, 0, 1), atol=1e-6)


def test_silhouette_and_surface_have_equal_pixels_and_confidence() -> None:
    """To the bit, so that fitted boxes are equal: for a person, a box beyond the crop, and no person."""
    random = np.random.default_rng(1)
    maps = grid(80)
    maps[0] = cv2.GaussianBlur(random.normal(size=(80, 80)).astype(np.float32) * 20, (0, 0), 4)
    maps[4] = random.random((80, 80))
    region = np.array([3, 5, 163, 165], np.float32)
    for low in (0.0, -100.0):
        maps[0] += low
        for box in ((20.3, 11.7, 90.1, 150.9), (-9.0, -4.0, 60.0, 70.0), (9, 9, 9.5, 10)):
            box_4 = np.array(box)
            args = maps, region, box_4.astype(np.float32)
            whole, shape = resample_surface(*args), resample_silhouette(*args)
            assert (shape.x0, shape.y0) == (whole.x0, whole.y0)
            np.testing.assert_array_equal(shape.shown_hw, whole.labels_hw > 0)
            np.testing.assert_array_equal(shape.confidence_hw, whole.confidence_hw)
            assert shape.mean_confidence == whole.mean_confidence
            np.testing.assert_array_equal(fit_box(box_4, shape), fit_box(box_4, whole))


@pytest.mark.usefixtures("without_uv_stretch")
def test_uv_never_mixes_charts() -> None:
    maps = grid()
    maps[1, :, 10:] = 7
    maps[2] = np.where(maps[1] == 7, 0.9, 0.1)
    found = resample_surface(maps, np.array([0, 0, 160, 160], np.float32), np.array([0, 0, 160, 160], np.float32))
    assert set(np.unique(found.labels_hw)) == {2, 7}
    np.testing.assert_allclose(found.uv_2hw[0][found.labels_hw == 7], 0.9, atol=1e-5)
    np.testing.assert_allclose(found.uv_2hw[0][found.labels_hw == 2], 0.1, atol=1e-5)
    assert (found.labels_hw[:, :80] == 2).all()


def test_boxes_that_leave_the_frame_keep_their_grid() -> None:
    region, box = np.array([[-20, -20, 40, 40], [-15.5, -15.5, 35.0, 35.0]], np.float32)
    found = resample_surface(grid(), region, box)
    assert (found.x0, found.y0) == (-15, -15)
    assert found.labels_hw.shape == (50, 50)


def test_crop_region_is_the_scaled_box_with_a_bounded_aspect() -> None:
    wide = crop_region(np.array([100, 100, 200, 180], np.float32))
    np.testing.assert_allclose(wide, [150 - 50 * MARGIN, 140 - 40 * MARGIN, 150 + 50 * MARGIN, 140 + 40 * MARGIN])
    slim = crop_region(np.array([0, 0, 10, 200], np.float32))
    assert np.isclose((slim[2] - slim[0]) / (slim[3] - slim[1]), MIN_ASPECT)


def test_crop_is_grey_outside_of_the_frame_and_returns_its_region() -> None:
    rgb = np.full((50, 60, 3), 200, np.uint8)
    crop, region = crop_person(rgb, np.array([-30.2, 10.0, 30.0, 70.5], np.float32))
    assert region.tolist() == [-31, 10, 31, 72]  # whole pixels, even sides
    assert crop.shape == (CROP, CROP, 3)
    assert (crop[20, 10] == 114).all()
    assert (crop[20, -10] == 200).all()
    outside, _ = crop_person(rgb, np.array([200, 200, 240, 240], np.float32))
    assert (outside == 114).all()


def test_shrinking_by_halves_averages_like_a_direct_mean() -> None:
    """Against the mean over exact squares, and against OpenCV's area mean where sizes do not divide."""
    rgb = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    exact = rgb.reshape(24, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(resize_rgb(rgb, 32, 24) - exact).max() <= 1.01  # each half is rounded to bytes
    smooth = cv2.GaussianBlur(rgb, (0, 0), 4)
    area = cv2.resize(smooth, (37, 29), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(resize_rgb(smooth, 37, 29) - area).max() <= 3


def test_a_surface_extends_beyond_its_box_where_the_person_does() -> None:
    """A head 5 pixels above the box is kept; without a person the grid is the box's."""
    box_4, maps = np.array([40.0, 40, 80, 140], np.float32), grid(160)
    maps[0] = -3.0
    maps[0, 35:130, 50:70] = 3.0
    region_4 = np.array([0, 0, 160, 160], np.float32)
    expanded_4 = expanded_box(box_4, 200, 200)
    np.testing.assert_allclose(expanded_4, box_4 + np.array([-3, -8, 3, 8]))
    assert np.allclose(np.abs(expanded_4 - box_4), np.ceil(np.array([40, 100, 40, 100]) * EXPANSION))
    found = trim_surface(resample_surface(maps, region_4, expanded_4), box_4)
    assert (found.x0, found.y0, *found.labels_hw.shape) == (40, 35, 105, 40)
    assert (found.labels_hw[:95, 10:30] > 0).all()
    assert (found.labels_hw > 0).sum() == 95 * 20
    assert found.uv_2hw.shape == (2, 105, 40)
    assert found.confidence_hw is not None
    assert found.confidence_hw.shape == (105, 40)
    maps[0] = -3.0
    empty = trim_surface(resample_surface(maps, region_4, expanded_4), box_4)
    assert (empty.x0, empty.y0, *empty.labels_hw.shape) == (40, 40, 100, 40)


def test_a_fitted_box_moves_towards_the_bounds_of_its_surface() -> None:
    """Head above the box, feet above its lower side; without a person the box stays."""
    box_4, maps = np.array([40.0, 40, 80, 140], np.float32), grid(160)
    maps[0] = -3.0
    maps[0, 35:130, 50:70] = 3.0
    whole = resample_surface(maps, np.array([0, 0, 160, 160], np.float32), expanded_box(box_4, 200, 200))
    np.testing.assert_allclose(fit_box(box_4, whole), box_4 + FIT * (np.array([50, 35, 70, 130]) - box_4))
    maps[0] = -3.0
    empty = resample_surface(maps, np.array([0, 0, 160, 160], np.float32), expanded_box(box_4, 200, 200))
    np.testing.assert_array_equal(fit_box(box_4, empty), box_4)


def test_an_expanded_box_ends_at_the_frame() -> None:
    """Unless the box itself goes beyond it."""
    np.testing.assert_array_equal(expanded_box(np.array([0, 2, 50, 100]), 52, 100), [0, 0, 52, 100])
    np.testing.assert_array_equal(expanded_box(np.array([-9.0, 40, 50, 120]), 52, 100)[[0, 3]], [-9, 120])


@pytest.mark.parametrize("box", [(318.5, 4.2, 320, 9.1), (319, 0, 320, 9.3), (0, 239, 3.4, 240), (0.4, 0.3, 1.4, 1.3)])
def test_a_box_of_one_pixel_at_the_edge_keeps_its_pixel(box: tuple[float, ...]) -> None:
    """A person at the edge of the frame: the surface has a cell wherever the fitted box may start."""
    box_4, maps = np.array(box, np.float32), grid(160)
    maps[0] = -3.0
    maps[0, 80:, 80:] = 3.0
    expanded_4 = expanded_box(box_4, 320, 240)
    assert (expanded_4 >= 0).all() and expanded_4[2] <= 320 and expanded_4[3] <= 240
    whole = resample_surface(maps, np.array([*(expanded_4[:2] - 2), *(expanded_4[2:] + 2)], np.float32), expanded_4)
    for inner_4 in (box_4, fit_box(box_4, whole)):
        found = trim_surface(whole, inner_4)
        x0, y0, w, h = integer_box(inner_4)
        assert found.x0 <= x0 and x0 + w <= found.x0 + found.labels_hw.shape[1]
        assert found.y0 <= y0 and y0 + h <= found.y0 + found.labels_hw.shape[0]


def test_a_crop_and_its_flipped_copy_are_combined() -> None:
    """Equal predictions stay; where they differ, the more probable chart stays with its own U and V."""
    plain = grid()
    plain[1, :, 10:] = 4
    flipped = plain[:, :, ::-1].copy()
    chart = flipped[1].astype(np.uint8)
    flipped[2], flipped[3] = mirror_uv(chart, flipped[2], flipped[3])
    flipped[1] = MIRROR_CHART[chart]
    np.testing.assert_allclose(combine([plain, unflip(flipped)]), plain, atol=1e-6)

    flipped[:, 3, 0] = -1.0, 12, 0.25, 0.75, 0.95  # the last column of the crop
    both = combine([plain, unflip(flipped)])
    person = log_odds((logistic(plain[0, 3, -1]) + logistic(np.float32(-1))) / 2)
    np.testing.assert_allclose(both[:, 3, -1], [person, 11, 0.25, 0.75, 0.475], atol=0.003)  # heavier by a little
    both[:, 3, -1] = plain[:, 3, -1]
    np.testing.assert_allclose(both, plain, atol=1e-6)

"""Ratio of correct points and the area under it: closed forms, and numerical integration."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from models.errors import ModelError
from models.metrics.densepose_evaluator import similarities
from models.metrics.gps import KAPPA_REFERENCE_25
from models.metrics.instances import FoundInstance, TrueInstance, point_errors, points_of_annotation
from models.metrics.person_matching import image_errors, match_by_iou, match_people
from models.metrics.pointwise import area_under_curve, correct_ratio, measure_by_chart
from models.surface.distance_tables import TriangleTable
from models.surface.smpl_files import ReferenceGeometry
from tests.models.metrics.ruled_body import LineBody, RuledTable, image, moved, person

pytestmark = pytest.mark.quick


def test_truth_against_itself_is_perfect() -> None:
    true, found = person(1, 30, 40, 50, 120)
    error_M = point_errors(LineBody(), true, found)
    assert (error_M == 0).all() and len(error_M) == 60
    assert area_under_curve(error_M, 0.1) == area_under_curve(error_M, 0.3) == 1
    assert (correct_ratio(error_M, np.array([0.0, 0.1])) == 1).all()


@pytest.mark.parametrize("centimetres", [1, 4, 10, 25, 31, 55])
def test_a_constant_shift_has_a_closed_form(centimetres: int) -> None:
    true, found = person(2, 30, 40, 50, 120)
    error_M = point_errors(LineBody(), true, moved(found, centimetres))
    np.testing.assert_allclose(error_M, centimetres / 100, rtol=1e-6)
    assert area_under_curve(error_M, 0.1) == pytest.approx(max(0, 1 - centimetres / 10), abs=1e-6)
    assert area_under_curve(error_M, 0.3) == pytest.approx(max(0, 1 - centimetres / 30), abs=1e-6)


def test_auc_is_the_integral_of_the_curve() -> None:
    error_M = np.append(np.random.default_rng(0).gamma(2.0, 0.08, 500), [np.inf] * 50)
    step = 1e-5
    middle_T = np.arange(0, 0.3, step) + step / 2
    assert area_under_curve(error_M, 0.3) == pytest.approx(correct_ratio(error_M, middle_T).mean(), abs=1e-4)


def test_a_curve_of_known_values() -> None:
    error_M = np.array([1.0, 2.0, 2.0, np.inf])
    np.testing.assert_array_equal(correct_ratio(error_M, np.array([0.5, 1, 1.5, 2, 99])), [0, 0.25, 0.25, 0.75, 0.75])
    assert area_under_curve(error_M, 4) == (3 + 2 + 2) / 4 / 4
    assert np.isnan(area_under_curve(np.zeros(0), 4)) and np.isnan(correct_ratio(np.zeros(0), error_M)).all()


def test_points_of_missed_people_and_outside_the_found_box_are_wrong() -> None:
    true, found = person(3, 30, 40, 50, 120)
    assert np.isinf(point_errors(LineBody(), true, None)).all()
    left = FoundInstance(box_4=np.array([30.0, 40, 20, 120]), score=0.5, iuv_3hw=found.iuv_3hw[:, :, :20])
    assert true.points is not None
    in_left = true.points.x_M * 50 / 255 < 20
    error_M = point_errors(LineBody(), true, left)
    assert (error_M[in_left] == 0).all() and np.isinf(error_M[~in_left]).all() and 0 < in_left.sum() < 60
    blank = dataclasses.replace(found, iuv_3hw=np.zeros_like(found.iuv_3hw))
    assert np.isinf(point_errors(LineBody(), true, blank)).all()


def test_positions_are_truncated_as_in_the_reference() -> None:
    """A point up to one pixel left of the detected box is truncated into its first column."""
    true, found = person(4, 30, 40, 50, 120)
    assert true.points is not None
    points = dataclasses.replace(true.points, x_M=np.full(60, 0.0), y_M=np.full(60, 255 * 0.5 / 120))
    shifted = dataclasses.replace(true, points=points)
    near = dataclasses.replace(found, box_4=np.array([30.9, 40.0, 50, 120]))
    far = dataclasses.replace(found, box_4=np.array([31.1, 40.0, 50, 120]))
    assert (point_errors(LineBody(), shifted, near) < np.inf).all()
    assert np.isinf(point_errors(LineBody(), shifted, far)).all()


def test_measure_by_chart() -> None:
    error_M, chart_M = np.array([0.0, 0.1, 0.05]), np.array([2, 2, 24])
    value_25 = measure_by_chart(lambda errors: area_under_curve(errors, 0.1), error_M, chart_M)
    assert value_25[2] == 0.5 and value_25[24] == 0.5 and np.isnan(value_25[[0, 1, 3]]).all() and len(value_25) == 25


def test_damaged_points_and_maps_are_named() -> None:
    with pytest.raises(ModelError, match=r"annotation 7.*dp_U 1"):
        points = {"dp_x": [1, 2], "dp_y": [1, 2], "dp_I": [1, 1], "dp_U": [0.5], "dp_V": [0.5, 0.5]}
        points_of_annotation({"id": 7, **points})
    assert points_of_annotation({"id": 7}) is None
    with pytest.raises(ModelError, match=r"\(3, 20, 10\)"):
        FoundInstance(box_4=np.array([0, 0, 10.7, 20.2]), score=1, iuv_3hw=np.zeros((3, 21, 10), np.uint8))


def test_detections_match_in_the_order_of_scores() -> None:
    iou_DG = np.array([[0.9, 0.6], [0.8, 0.55], [0.2, 0.4]])
    np.testing.assert_array_equal(match_by_iou(iou_DG, np.array([0.5, 0.9, 0.7])), [1, 0])
    np.testing.assert_array_equal(match_by_iou(iou_DG, np.array([0.9, 0.2, 0.7])), [0, 1])
    np.testing.assert_array_equal(match_by_iou(iou_DG[2:], np.array([0.9])), [-1, -1])
    np.testing.assert_array_equal(match_by_iou(np.zeros((0, 2)), np.zeros(0)), [-1, -1])


def test_given_boxes_and_detected_boxes() -> None:
    """One person is detected among three detections, one is missed, one has no points."""
    pairs = [person(1, 10, 10, 40, 60), person(2, 100, 20, 60, 80), person(3, 200, 150, 120, 180)]
    pairs[2] = (dataclasses.replace(pairs[2][0], points=None), pairs[2][1])
    matched = image(pairs)
    error_M, chart_M = image_errors(LineBody(), matched, np.arange(3))
    assert len(error_M) == len(chart_M) == 120 and not error_M.any()
    elsewhere = dataclasses.replace(pairs[0][1], box_4=np.array([300.0, 10, 40, 60]))
    found = [elsewhere, moved(pairs[1][1], 6), pairs[2][1]]
    some = dataclasses.replace(matched, found=found)
    assert match_people(some).tolist() == [-1, 1, 2]
    error_M, _ = image_errors(LineBody(), some, match_people(some))
    assert np.isinf(error_M[:60]).all() and area_under_curve(error_M, 0.1) == pytest.approx(0.4 / 2)
    missed = dataclasses.replace(matched, found=[])
    assert np.isinf(image_errors(LineBody(), missed, match_people(missed))[0]).all()


@pytest.fixture
def embedded_pair() -> tuple[TrueInstance, FoundInstance]:
    """A person whose every pixel has a vertex of its own, annotated with vertices that are k too high at point k."""
    true, found = person(3, 40, 50, 60, 90)
    assert true.points is not None
    vertex_hw = np.arange(90 * 60, dtype=np.int32).reshape(90, 60)
    at_x, at_y = (true.points.x_M * 60 / 255).astype(int), (true.points.y_M * 90 / 255).astype(int)
    points = replace(true.points, vertex_M=vertex_hw[at_y, at_x] + np.arange(60), mesh="smpl_27554")
    return replace(true, points=points), replace(found, vertex_hw=vertex_hw, mesh="smpl_27554")


def line_of_vertices() -> ReferenceGeometry:
    """DensePose's mesh as a line of 3 m; its charts play no part."""
    none = np.zeros(1)
    return ReferenceGeometry(none.astype(int), none, none, none.astype(int), TriangleTable(RuledTable()))  # type: ignore[arg-type]


def test_embeddings_are_measured_between_vertices(embedded_pair: tuple[TrueInstance, FoundInstance]) -> None:
    true, found = embedded_pair
    error_M = point_errors(line_of_vertices(), true, found)
    assert error_M == pytest.approx(3.0 * np.arange(60) / 27554, rel=1e-6)
    # A pixel that does not show the person, a point outside of the box, and a point without a vertex have no distance.
    assert true.points is not None and true.points.vertex_M is not None and found.vertex_hw is not None
    hidden = replace(found, vertex_hw=np.where(found.vertex_hw % 2 == 0, found.vertex_hw, -1).astype(np.int32))
    shown_M = (true.points.vertex_M - np.arange(60)) % 2 == 0
    assert np.isfinite(point_errors(line_of_vertices(), true, hidden)).tolist() == shown_M.tolist()
    unknown = replace(true, points=replace(true.points, vertex_M=np.where(np.arange(60) == 7, -1, 5)))
    assert np.flatnonzero(np.isinf(point_errors(line_of_vertices(), unknown, found))).tolist() == [7]


def test_gps_of_embeddings_has_the_constant_of_the_annotated_chart(
    embedded_pair: tuple[TrueInstance, FoundInstance],
) -> None:
    true, _ = embedded_pair
    assert true.points is not None
    known = similarities(image([embedded_pair]), line_of_vertices())
    kappa_M = KAPPA_REFERENCE_25[true.points.chart_M]
    expected = np.exp(-((3.0 * np.arange(60) / 27554) ** 2) / (2 * kappa_M**2)).mean()
    assert known.gps_at(KAPPA_REFERENCE_25)[0, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("lacking", ["annotation", "network", "body"])
def test_without_vertices_of_one_mesh_charts_are_measured(
    lacking: str, embedded_pair: tuple[TrueInstance, FoundInstance]
) -> None:
    true, found = embedded_pair
    assert true.points is not None
    if lacking == "annotation":
        true = replace(true, points=replace(true.points, mesh="open_body"))
    if lacking == "network":
        found = replace(found, vertex_hw=None, mesh="")
    geometry = LineBody()
    if lacking != "body":
        geometry.mesh_name = "smpl_27554"
    assert (point_errors(geometry, true, found) == 0).all()

"""Cutting and flattening of sheets with known results."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from tools.baking.cut import HalfBody, cut_along, mesh_edges, mixture_matrix
from tools.baking.layout import undo_folds
from tools.baking.outline import OUTLINES, arc_share
from tools.baking.unfold import landmark_fit, oriented_unit, scaled_plane, signed_area

pytestmark = pytest.mark.quick


def grid(count, bend=0.0):
    """A sheet of 2 × 1 m, (2·count) × count squares of two triangles, rolled onto a cylinder of curvature `bend`."""
    x, y = np.meshgrid(np.linspace(0, 2, 2 * count + 1), np.linspace(0, 1, count + 1))
    flat = np.stack([x.ravel(), y.ravel()], axis=1)
    point = np.concatenate([flat, np.zeros((len(flat), 1))], axis=1)
    if bend:
        point = np.stack([np.sin(flat[:, 0] * bend) / bend, flat[:, 1], (1 - np.cos(flat[:, 0] * bend)) / bend], axis=1)
    index = np.arange(len(flat)).reshape(count + 1, 2 * count + 1)
    a, b, c, d = (index[i, j].ravel() for i, j in (
        (slice(0, -1), slice(0, -1)), (slice(0, -1), slice(1, None)), (slice(1, None), slice(1, None)),
        (slice(1, None), slice(0, -1)),
    ))
    return flat, point, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def sheet(count=4):
    flat, point, face = grid(count)
    own = np.stack([np.arange(len(point))] * 2, axis=1)
    return HalfBody(
        point_V3=point, face_F3=face, corner_uv_F32=flat[face] / [2, 1], part_F=np.full(len(face), "body"),
        mix_index_V2=own, mix_weight_V2=np.tile([1.0, 0.0], (len(point), 1)),
    )


def areas(body):
    a, b, c = (body.point_V3[body.face_F3[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def test_a_cut_keeps_the_surface_and_no_face_crosses_it():
    body = sheet()
    line = body.point_V3[:, 0] * 0.8 + body.point_V3[:, 1] - 0.93
    cut = cut_along(body, line, np.ones(len(body.face_F3), bool))
    assert areas(cut).sum() == pytest.approx(2.0, abs=1e-9) and areas(cut).min() > 1e-9
    side = cut.point_V3[:, 0] * 0.8 + cut.point_V3[:, 1] - 0.93
    reach = 0.04 * 0.56 * 1.3  # crossings within 4 % of an edge's end move to that end
    of_face = side[cut.face_F3]
    assert not ((of_face.min(axis=1) < -reach) & (of_face.max(axis=1) > reach)).any()
    edges, owner = mesh_edges(cut.face_F3)
    assert np.bincount(owner.ravel()).max() == 2  # still a manifold: no edge has three faces
    assert len(np.unique(cut.face_F3)) - len(edges) + len(cut.face_F3) == 1  # still a disc


def test_new_vertices_are_mixtures_also_in_uv():
    body = sheet()
    line = body.point_V3[:, 1] - 0.37 * body.point_V3[:, 0] - 0.2
    cut = cut_along(body, line, np.ones(len(body.face_F3), bool))
    again = cut_along(cut, cut.point_V3[:, 0] - 0.611, np.ones(len(cut.face_F3), bool))
    mixture = mixture_matrix(again, len(body.point_V3))
    assert np.abs(mixture @ body.point_V3 - again.point_V3).max() < 1e-12
    assert np.abs(mixture.sum(axis=1) - 1).max() < 1e-12
    assert np.abs(again.corner_uv_F32 * [2, 1] - again.point_V3[again.face_F3][..., :2]).max() < 1e-9


def test_a_rolled_sheet_is_flattened():
    """Geodesics of a cylinder are straight lines of the unrolled sheet; the scale of the plane is arbitrary."""
    flat, point, face = grid(8, bend=1.2)
    plane = scaled_plane(point, face)
    pairs = np.random.default_rng(0).integers(0, len(flat), (400, 2))
    true = np.linalg.norm(flat[pairs[:, 0]] - flat[pairs[:, 1]], axis=1)
    found = np.linalg.norm(plane[pairs[:, 0]] - plane[pairs[:, 1]], axis=1)
    size = (found @ true) / (found @ found)
    assert size == pytest.approx(1, abs=0.05)
    assert np.abs(size * found - true).mean() < 0.02  # a hundredth of the sheet: paths follow edges and chords
    assert (np.sign(signed_area(plane, face)) == np.sign(signed_area(plane, face)[0])).all()


@pytest.mark.parametrize(
    ("u_direction", "v_direction"), [((0, 1, 0), (1, 0, 0)), ((-1, 0, 0), (0, 1, 0)), ((0, -1, 0), (-1, 0, 0))]
)
def test_charts_are_rotated_to_the_given_axes(u_direction, v_direction):
    flat, point, face = grid(5)
    turn = np.array([[np.cos(2.0), np.sin(2.0)], [-np.sin(2.0), np.cos(2.0)]]) @ np.diag([1, -1])
    uv = oriented_unit(flat @ turn, point, face, np.array(u_direction), np.array(v_direction))
    assert uv.min() == 0 and uv.max() == 1
    for k, direction in enumerate((u_direction, v_direction)):
        along = point @ np.array(direction, float)
        assert np.abs(uv[:, k] - (along - along.min()) / np.ptp(along)).max() < 1e-9


def test_landmark_fit_meets_landmarks_and_is_exact_for_affine_maps():
    rng = np.random.default_rng(1)
    source, target = rng.random((9, 2)), rng.random((9, 2))
    assert np.abs(landmark_fit(source, source, target, stiffness=0.0) - target).max() < 1e-8
    matrix, points = rng.normal(0, 1, (2, 2)), rng.random((50, 2))
    bent = landmark_fit(points, source, source @ matrix + 0.3, stiffness=0.1)
    assert np.abs(bent - (points @ matrix + 0.3)).max() < 1e-8


def test_a_fold_is_removed():
    flat, _, face = grid(6)
    folded = flat / [2, 1]
    inner = np.flatnonzero((np.abs(folded - 0.5) < 0.01).all(axis=1))[0]
    folded[inner] += [0.35, 0.05]
    assert (signed_area(folded, face) < 0).any()
    assert (signed_area(undo_folds(folded, face), face) > 0).all()


@pytest.mark.parametrize("chart", sorted(OUTLINES))
def test_outlines_are_closed_loops_inside_the_square(chart):
    stretches = [points for _, points in OUTLINES[chart]]
    for here, following in zip(stretches, stretches[1:] + stretches[:1], strict=True):
        assert np.abs(np.subtract(here[-1], following[0])).max() <= 0.0101
        assert (np.array(here) >= 0).all() and (np.array(here) <= 1).all()
        assert (np.diff(arc_share(np.array(here))) > 0).all()

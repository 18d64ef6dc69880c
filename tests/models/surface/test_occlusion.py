"""Occlusion of points by faces, compared with ray casting of every face for every point."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.open_body import load_body
from models.surface.occlusion import occluded, occluders_of
from models.surface.raster import Camera, facing, rasterize

pytestmark = pytest.mark.quick


def camera(height=120, width=90):
    facing = np.diag([1, -1, -1]).astype(np.float32)
    return Camera(rotation_33=facing, shift_3=np.array([0, 0.9, 3], np.float32), focal=170.0,
                  center_2=(width / 2, height / 2), height=height, width=width)


def cast(view, camera_V3, face_F3, point_Q3):
    """Möller–Trumbore from the camera to each point: whether a front face is crossed before the point."""
    a, b, c = (camera_V3[face_F3[:, k]].astype(float) for k in range(3))
    result = []
    for point in point_Q3.astype(float):
        across = np.cross(np.broadcast_to(point, a.shape), c - a)
        scale = ((b - a) * across).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (-a * across).sum(1) / scale
            side = np.cross(-a, b - a)
            v = (point * side).sum(1) / scale
            at = ((c - a) * side).sum(1) / scale
        result.append(bool(((scale > 1e-12) & (u >= 0) & (v >= 0) & (u + v <= 1) & (at > 0) & (at < 0.999)).any()))
    return np.array(result)


def test_occlusion_equals_ray_casting():
    body, view, rng = load_body(), camera(), np.random.default_rng(0)
    vertex, _ = body.rest(body.score_SC[3])
    seen = view.to_camera(vertex)
    corner, share = rng.integers(len(body.face_F3), size=400), rng.dirichlet(np.ones(3), 400).astype(np.float32)
    point = (seen[body.face_F3[corner]] * share[..., None]).sum(1)
    point[::4, 2] += rng.uniform(-0.3, 0.3, 100).astype(np.float32)
    got = occluded(occluders_of(facing(view, seen, body.face_F3)), view.to_pixels(point), point[:, 2])
    expected = cast(view, seen, body.face_F3, point)
    assert 0.3 < expected.mean() < 0.8
    assert (got != expected).sum() <= 2  # rays along an edge


def test_rasterised_points_are_not_occluded():
    body, view = load_body(), camera()
    vertex, _ = body.rest(body.score_SC[3])
    seen = view.to_camera(vertex)
    hits = rasterize(view, seen, body.face_F3)
    point = (seen[body.face_F3[hits.face_P]] * hits.bary_P3[..., None]).sum(1)
    assert not occluded(occluders_of(facing(view, seen, body.face_F3)), view.to_pixels(point), point[:, 2]).any()
    assert facing(view, seen, body.face_F3).turned_F[hits.face_P].all()
    farther = point[:, 2] + np.float32(0.01)
    assert occluded(occluders_of(facing(view, seen, body.face_F3)), view.to_pixels(point), farther).all()

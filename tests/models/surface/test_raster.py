"""The z-buffer compared with closed forms and with ray casting of every pixel and face."""

from __future__ import annotations

import numpy as np
import pytest

from models.surface.raster import Camera, rasterize

pytestmark = pytest.mark.quick

FACING = np.diag([1, -1, -1]).astype(np.float32)


def camera(height=48, width=64, focal=80.0, away=4.0):
    return Camera(rotation_33=FACING, shift_3=np.array([0, 0, away], np.float32), focal=focal,
                  center_2=(width / 2, height / 2), height=height, width=width)


def rays(view):
    """Directions through the pixel centres in camera axes, unit depth."""
    column, row = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
    x, y = (column - view.center_2[0]) / view.focal, (row - view.center_2[1]) / view.focal
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def dense(view, hits):
    face, depth = np.full(view.height * view.width, -1), np.zeros(view.height * view.width)
    face[hits.pixel_P], depth[hits.pixel_P] = hits.face_P, hits.depth_P
    return face.reshape(view.height, view.width), depth.reshape(view.height, view.width)


def test_slanted_plane_has_the_depth_of_the_plane():
    """Plane n·x = d in camera axes: depth along the axis is d / (n · ray)."""
    view = camera()
    corner = np.array([[-9, -9, 2.0], [9, -9, 6.0], [9, 9, 6.0], [-9, 9, 2.0]], np.float32)
    face = np.array([[0, 1, 2], [0, 2, 3]])
    normal = np.cross(corner[1] - corner[0], corner[2] - corner[0])
    expected = (normal @ corner[0]) / (rays(view) @ normal)
    hits = rasterize(view, corner, face, cull=False)
    found, depth = dense(view, hits)
    assert (found >= 0).all()
    assert np.abs(depth - expected).max() < 1e-4
    point = (corner[face[hits.face_P]] * hits.bary_P3[..., None]).sum(axis=1)
    ray = rays(view).reshape(-1, 3)[hits.pixel_P]
    assert np.abs(point - ray * hits.depth_P[:, None]).max() < 1e-3  # barycentrics are perspective-correct


def test_sphere_has_the_silhouette_and_depth_of_a_sphere():
    """A finely triangulated sphere compared with the root of |t·ray − c|² = r²."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 161), np.linspace(0, 2 * np.pi, 321), indexing="ij")
    radius, center = 0.8, np.array([0.1, -0.05, 4.0])
    ball = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    index = np.arange(161 * 321).reshape(161, 321)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    face = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    view = camera()
    found, depth = dense(view, rasterize(view, (ball * radius + center).astype(np.float32), face, cull=False))
    ray = rays(view)
    along, square = ray @ center, (ray**2).sum(-1)
    inside = along**2 - square * (center @ center - radius**2)
    expected = (along - np.sqrt(np.maximum(inside, 0))) / square
    assert (found >= 0)[inside > 0.02].all() and not (found >= 0)[inside < 0].any()
    clear = inside > 0.05
    assert np.abs(depth - expected)[clear].max() < 2e-3


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_pixel_of_a_triangle_soup_equals_ray_casting(seed):
    rng = np.random.default_rng(seed)
    center = rng.uniform([-1.2, -0.9, 2.5], [1.2, 0.9, 6.0], (60, 3))
    corner = (center[:, None] + rng.normal(0, 0.35, (60, 3, 3))).reshape(-1, 3).astype(np.float32)
    face = np.arange(180).reshape(-1, 3)
    view = camera(height=36, width=48, focal=50.0)
    found, depth = dense(view, rasterize(view, corner, face, cull=False))
    expected, at = brute_force(view, corner.astype(np.float64), face)
    agree = found == expected
    # A centre on an edge may be on either side after rounding.
    assert agree.mean() > 0.999
    assert np.abs(depth - at)[agree & (found >= 0)].max() < 1e-3


def brute_force(view, corner, face):
    """Möller–Trumbore for every ray and face."""
    ray = rays(view).reshape(-1, 1, 3)
    a, b, c = (corner[face[:, k]][None] for k in range(3))
    p = np.cross(ray, c - a)
    determinant = (p * (b - a)).sum(-1)
    u = (-a * p).sum(-1) / determinant
    q = np.cross(-a, b - a)
    v = (ray * q).sum(-1) / determinant
    t = ((c - a) * q).sum(-1) / determinant
    t = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0.05), t, np.inf)
    nearest = t.argmin(axis=1)
    depth = t.min(axis=1)
    shape, hit = (view.height, view.width), np.isfinite(depth)
    return np.where(hit, nearest, -1).reshape(shape), np.where(hit, depth, 0).reshape(shape)


def test_culling_keeps_faces_toward_the_camera():
    view = camera()
    corner = np.array([[-1, -1, 4], [1, -1, 4], [0, 1, 4]], np.float32)
    # In the image (y down) this order is clockwise; from outside it is counter-clockwise.
    away, toward = np.array([[0, 1, 2]]), np.array([[0, 2, 1]])
    assert len(rasterize(view, corner, toward).pixel_P) > 0
    assert len(rasterize(view, corner, away).pixel_P) == 0


def test_nothing_is_drawn_behind_the_camera_or_outside_the_image():
    view = camera()
    behind = np.array([[-1, -1, -4], [1, -1, -4], [0, 1, 3]], np.float32)
    aside = np.array([[90, 0, 4], [91, 0, 4], [90, 1, 4]], np.float32)
    for corner in (behind, aside):
        assert len(rasterize(view, corner, np.array([[0, 1, 2]]), cull=False).pixel_P) == 0

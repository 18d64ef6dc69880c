"""The pinhole camera against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.camera import PinholeCamera, centred_camera, default_camera
from models.errors import ModelError

pytestmark = pytest.mark.quick


def test_a_point_is_projected_as_by_similar_triangles():
    camera = PinholeCamera(focal_px=800.0, center_2=np.array([320, 240], np.float32))
    point_N3 = np.array([[0, 0, 2], [0.5, -0.25, 4]], np.float32)
    np.testing.assert_allclose(camera.project(point_N3), [[320, 240], [420, 190]])


def test_rays_lead_through_their_pixels():
    camera = PinholeCamera(focal_px=731.0, center_2=np.array([300, 250], np.float32))
    xy_N2 = np.random.default_rng(0).uniform(0, 640, (50, 2)).astype(np.float32)
    ray_N3 = camera.rays(xy_N2)
    assert (ray_N3[:, 2] == 1).all()
    np.testing.assert_allclose(camera.project(ray_N3 * 3.7), xy_N2, atol=1e-3)


def test_a_point_behind_the_camera_has_a_finite_pixel():
    assert np.isfinite(default_camera(640, 480).project(np.array([[1.0, 1, -2], [0, 0, 0]]))).all()


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640)])
def test_the_default_camera_spans_sixty_degrees_over_the_larger_side(width, height):
    camera = default_camera(width, height)
    ends = camera.rays(np.array([[0, height / 2], [width, height / 2]] if width > height else [[width / 2, 0],
                                                                                                [width / 2, height]]))
    cosine = ends[0] @ ends[1] / np.linalg.norm(ends[0]) / np.linalg.norm(ends[1])
    assert np.degrees(np.arccos(cosine)) == pytest.approx(60, abs=1e-3)


@pytest.mark.parametrize("focal", [0.0, -3.0, float("nan"), float("inf")])
def test_an_impossible_focal_length_is_refused(focal):
    with pytest.raises(ModelError, match="focal length"):
        centred_camera(focal, 640, 480)

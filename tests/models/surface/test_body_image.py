"""A body in the picture: its pixels lie where its points are projected, at their depth, with their chart and UV."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.body_pose import posed_vertices
from models.body.open_body import load_body
from models.surface.body_image import body_image
from tests.stages.bodies.made_bodies import CAMERA, HEIGHT, WIDTH, made_body

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("place", [(0, 0, 3.0), (1.4, 0.3, 2.5)], ids=["whole", "cut by the edge"])
def test_each_pixel_shows_the_point_of_the_body_that_lies_on_its_ray(place: tuple[float, float, float]) -> None:
    """The point of a pixel's face is found again from chart, U and V, projected, and measured."""
    body, vertex_V3 = load_body(), posed_vertices(made_body(place, turn_deg=30, bend_deg=60).pose)
    image = body_image(vertex_V3, CAMERA, HEIGHT, WIDTH)
    assert image is not None
    labels_hw, uv_2hw = image.surface()
    depth_hw = image.depth_hw()
    assert np.array_equal(labels_hw > 0, depth_hw > 0)
    assert (labels_hw > 0).sum() > 1500
    hits = image.hits
    point_P3 = np.einsum("pk,pkx->px", hits.bary_P3, vertex_V3[body.face_F3[hits.face_P]])
    row_P, column_P = hits.pixel_P // image.width, hits.pixel_P % image.width
    centre_P2 = np.stack([column_P + image.x0, row_P + image.y0], axis=1) + 0.5
    assert np.abs(CAMERA.project(point_P3) - centre_P2).max() < 0.02
    assert np.abs(depth_hw[row_P, column_P] - point_P3[:, 2]).max() < 1e-3
    assert np.array_equal(labels_hw[row_P, column_P], body.chart_F[hits.face_P])
    uv_P2 = np.einsum("pk,pkx->px", hits.bary_P3, body.corner_uv_F32[hits.face_P])
    assert np.abs(uv_2hw[:, row_P, column_P].T - uv_P2).max() < 1e-5


def test_normals_point_outwards_and_to_the_camera() -> None:
    image = body_image(posed_vertices(made_body(bend_deg=20).pose), CAMERA, HEIGHT, WIDTH)
    assert image is not None
    normal_hw3, labels_hw = image.normal_hw3(), image.surface()[0]
    assert np.allclose(np.linalg.norm(normal_hw3[labels_hw > 0], axis=1), 1, atol=1e-4)
    assert (normal_hw3[labels_hw > 0, 2] < 0.2).mean() > 0.99
    torso_hw = labels_hw == 2  # its front, at whose middle the body faces the camera
    assert normal_hw3[torso_hw].mean(axis=0)[2] < -0.7


@pytest.mark.parametrize("place", [(0, 0, -3.0), (40.0, 0, 3.0)], ids=["behind", "beside"])
def test_a_body_out_of_sight_has_no_image(place: tuple[float, float, float]) -> None:
    assert body_image(posed_vertices(made_body(place).pose), CAMERA, HEIGHT, WIDTH) is None

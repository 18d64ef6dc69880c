"""The lift's inputs under wrong patches of a surface, and its placement under wrong image points."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.body_pose import posed_vertices
from models.body.camera import default_camera
from models.body.low_poly import load_low_poly
from models.body.reduced_pose import whole_pose
from models.fitting.initial_poses import pose_at_origin
from models.fitting.least_squares import library_prior
from models.lift.lifted_mesh import moved_onto_rays
from models.lift.seen_vertices import SeenVertices, seen_vertices
from models.structures import SurfaceMap
from models.surface.body_image import body_image

CAMERA = default_camera(320, 240)


@pytest.fixture(scope="module")
def body() -> np.ndarray:
    """The vertices of the mean pose, upright, 3 m in front of the camera."""
    pose = pose_at_origin(library_prior().mean_X)
    rotation_R33 = pose.rotation_R33.copy()
    rotation_R33[0] = np.diag([1.0, -1.0, -1.0])
    moved = type(pose)(rotation_R33=rotation_R33, root_3=np.array([0.0, 0.0, 3.0]), shape_C=pose.shape_C)
    return posed_vertices(whole_pose(moved))


def surface_of(body: np.ndarray, patch_confidence: float | None) -> SurfaceMap:
    """The surface of the body; its lowest rows show the torso with some confidence, if one is given."""
    image = body_image(body, CAMERA, 240, 320)
    assert image is not None
    labels_hw, uv_2hw = image.surface()
    labels_hw, uv_2hw = labels_hw.copy(), uv_2hw.copy()
    confidence_hw = np.ones(labels_hw.shape, np.float32)
    if patch_confidence is not None:
        row_M, column_M = np.nonzero(labels_hw == 2)
        source_M = np.random.default_rng(0).permutation(len(row_M))[:60]
        labels_hw[-2:, :30] = 2
        uv_2hw[:, -2:, :30] = uv_2hw[:, row_M[source_M], column_M[source_M]].reshape(2, 2, 30)
        confidence_hw[-2:, :30] = patch_confidence
    return SurfaceMap(
        x0=image.x0, y0=image.y0, labels_hw=labels_hw, uv_2hw=uv_2hw, confidence_hw=confidence_hw,
    )  # fmt: skip


def test_a_wrong_patch_moves_vertices_only_in_proportion_to_its_confidence(body: np.ndarray) -> None:
    clean = seen_vertices(surface_of(body, None))

    def largest_shift(confidence: float) -> float:
        wrong = seen_vertices(surface_of(body, confidence))
        both_L = clean.seen_L & wrong.seen_L
        return float(np.linalg.norm(wrong.pixel_L2[both_L] - clean.pixel_L2[both_L], axis=1).max())

    assert largest_shift(1.0) > 10, "the patch is wrong enough to be noticed"
    assert largest_shift(0.02) < 0.1 * largest_shift(1.0)


def test_one_wrong_image_point_does_not_move_the_body(body: np.ndarray) -> None:
    """Also the vertex itself keeps its depth."""
    point_L3 = body[load_low_poly().vertex_L].astype(np.float64)
    pixel_L2 = CAMERA.project(point_L3).astype(np.float64)
    pixel_L2[40] += 60
    seen = SeenVertices(seen_L=np.ones(len(point_L3), bool), pixel_L2=pixel_L2)
    found = moved_onto_rays(point_L3 + np.array([0.3, -0.2, 0.4]), seen, CAMERA, 150.0)
    assert found is not None
    error_L = np.linalg.norm(np.delete(found - point_L3, 40, axis=0), axis=1)
    assert error_L.max() < 0.01
    assert found[40, 2] == pytest.approx(point_L3[40, 2], abs=0.02)

"""The body in PyTorch against NumPy and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.body_pose import BodyPose, posed_bones, posed_keypoints, posed_vertices
from models.body.open_body import load_body

torch = pytest.importorskip("torch")
from models.body.torch_body import TorchBody  # noqa: E402


def poses(count: int) -> list[BodyPose]:
    rng = np.random.default_rng(5)
    return [
        BodyPose(
            rotation_B33=Rotation.from_rotvec(rng.normal(0, 0.4, (104, 3))).as_matrix().astype(np.float32),
            root_3=rng.normal(0, 1, 3).astype(np.float32), shape_C=rng.normal(0, 1, 16).astype(np.float32),
        )
        for _ in range(count)
    ]


def rows(some: list[BodyPose], dtype: torch.dtype) -> list[torch.Tensor]:
    fields = ("rotation_B33", "root_3", "shape_C")
    return [torch.tensor(np.stack([getattr(pose, name) for pose in some]), dtype=dtype) for name in fields]


def test_batches_equal_numpy():
    some, body = poses(3), TorchBody()
    given = rows(some, torch.float32)
    turned_NB33, placed_NB3 = body.bones(*given)
    vertex_NV3, keypoint_NJ3 = body.vertices(*given), body.keypoints(*given)
    for index, pose in enumerate(some):
        turned_B33, placed_B3 = posed_bones(pose)
        np.testing.assert_allclose(turned_NB33[index], turned_B33, atol=1e-5)
        np.testing.assert_allclose(placed_NB3[index], placed_B3, atol=1e-5)
        np.testing.assert_allclose(vertex_NV3[index], posed_vertices(pose), atol=1e-5)
        np.testing.assert_allclose(keypoint_NJ3[index], posed_keypoints(pose), atol=2e-5)


def test_points_lie_on_their_faces():
    some, rng = poses(2), np.random.default_rng(1)
    face_M, weight_M3 = rng.integers(0, len(load_body().face_F3), 30), rng.dirichlet(np.ones(3), 30)
    point_NM3 = TorchBody().points(*rows(some, torch.float32), face_M, weight_M3)
    for index, pose in enumerate(some):
        corner_M33 = posed_vertices(pose)[load_body().face_F3[face_M]]
        np.testing.assert_allclose(point_NM3[index], np.einsum("mk,mki->mi", weight_M3, corner_M33), atol=1e-5)


def test_gradients_equal_finite_differences():
    body, rng = TorchBody(torch.float64), np.random.default_rng(2)
    given = [row.requires_grad_() for row in rows(poses(1), torch.float64)]
    face_M, weight_M3 = rng.integers(0, len(load_body().face_F3), 12), rng.dirichlet(np.ones(3), 12)

    def score(rotation_NB33: torch.Tensor, root_N3: torch.Tensor, shape_NC: torch.Tensor) -> torch.Tensor:
        points = body.points(rotation_NB33, root_N3, shape_NC, face_M, weight_M3)
        return points.square().sum() + body.keypoints(rotation_NB33, root_N3, shape_NC).sin().sum()

    gradients = torch.autograd.grad(score(*given), given)
    for place, gradient in enumerate(gradients):
        way = torch.tensor(rng.normal(0, 1, tuple(gradient.shape)))
        ends = []
        for sign in (1, -1):
            moved = [row.detach() for row in given]
            moved[place] = moved[place] + sign * 1e-6 * way
            ends.append(float(score(*moved)))
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(float((gradient * way).sum()), rel=1e-6, abs=1e-5)

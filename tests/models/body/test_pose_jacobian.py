"""Points of reduced poses: values against skinning, derivatives against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.body_pose import posed_keypoints, posed_vertices
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.pose_jacobian import (
    PosedPoints,
    posed_points,
    posed_with_derivatives,
    projection_jacobian,
)
from models.body.reduced_pose import ROTATIONS, ReducedPose, driven_bones, reduced_pose, whole_pose
from models.body.rotation_vectors import left_jacobian, rotation_exponential, rotation_logarithm
from models.body.skinned_points import SkinnedPoints, keypoint_points, points_of_shape, points_on_faces, vertex_points
from models.surface.chart_lookup import ChartLookup
from models.surface.charted_mesh import open_body_mesh

pytestmark = pytest.mark.quick

STEP = 1e-5


def random_reduced(seed: int, spread: float = 0.6) -> ReducedPose:
    rng = np.random.default_rng(seed)
    vector_R3 = rng.normal(0, spread, (len(ROTATIONS), 3))
    return ReducedPose(
        rotation_R33=Rotation.from_rotvec(vector_R3).as_matrix(), root_3=rng.normal(0, 1, 3),
        shape_C=rng.normal(0, 1, 16),
    )


def random_face_points(count: int, seed: int) -> tuple[F64, F64]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, len(load_body().face_F3), count), rng.dirichlet(np.ones(3), count)


def finite_differences(points: SkinnedPoints, pose: ReducedPose) -> F64:
    columns = []
    for parameter in range(3 * len(ROTATIONS) + 3 + len(pose.shape_C)):
        step_X = np.zeros(3 * len(ROTATIONS) + 3 + len(pose.shape_C))
        step_X[parameter] = STEP
        ends = [posed_points(points, pose.moved(way_X)) for way_X in (step_X, -step_X)]
        columns.append((ends[0] - ends[1]) / 2 / STEP)
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("seed", [0, 1])
def test_points_are_those_of_skinning(seed):
    pose = random_reduced(seed)
    vertex_V3 = posed_vertices(whole_pose(pose))
    face_N, weight_N3 = random_face_points(200, seed)
    expected_N3 = np.einsum("nk,nki->ni", weight_N3, vertex_V3[load_body().face_F3[face_N]])
    found = posed_with_derivatives(points_on_faces(face_N, weight_N3), pose).point_N3
    np.testing.assert_allclose(found, expected_N3, atol=2e-6)
    some_N = np.arange(0, len(vertex_V3), 500)
    np.testing.assert_allclose(posed_points(vertex_points(some_N), pose), vertex_V3[some_N], atol=2e-6)


def test_keypoints_are_those_of_the_whole_pose():
    pose = random_reduced(2)
    found = posed_points(keypoint_points(), pose)
    assert found.shape == (len(KEYPOINT_NAMES), 3)
    np.testing.assert_allclose(found, posed_keypoints(whole_pose(pose)), atol=1e-5)


def test_chart_points_are_found_on_the_posed_surface():
    """The centre of a face, looked up by its chart, U and V, is the mean of the face's posed corners."""
    mesh, pose = open_body_mesh(), random_reduced(3)
    face_N = np.random.default_rng(3).integers(0, len(mesh.face_F3), 40)
    u_N, v_N = mesh.corner_uv_F32[face_N].mean(axis=1).T
    found = ChartLookup(mesh)(mesh.chart_F[face_N], u_N, v_N)
    point_N3 = posed_points(points_on_faces(found.face_M, found.weight_M3), pose)
    centre_N3 = posed_vertices(whole_pose(pose))[mesh.face_F3[face_N]].mean(axis=1)
    np.testing.assert_allclose(point_N3, centre_N3, atol=1e-4)


@pytest.mark.parametrize("spread", [1e-7, 0.6, 1.2])
def test_derivatives_equal_finite_differences(spread):
    pose = random_reduced(4, spread)
    points = points_on_faces(*random_face_points(60, 4))
    np.testing.assert_allclose(
        posed_with_derivatives(points, pose).jacobian_N3X, finite_differences(points, pose), atol=1e-6
    )


def test_derivatives_of_keypoints_equal_finite_differences():
    pose = random_reduced(5)
    np.testing.assert_allclose(
        posed_with_derivatives(keypoint_points(), pose).jacobian_N3X, finite_differences(keypoint_points(), pose),
        atol=1e-6,
    )


@pytest.mark.parametrize("known_shape", [False, True])
def test_projected_derivatives_equal_finite_differences(known_shape):
    pose, where = random_reduced(8), random_face_points(60, 8)
    pose = replace(pose, root_3=np.array([0.3, -0.2, 4.0]))
    points = points_on_faces(*where, pose.shape_C if known_shape else None)
    posed = PosedPoints(points, pose)
    scale_N = np.linspace(1, 2, 60)
    ray_2N = posed.positions[:2] / posed.positions[2]
    row_YL = projection_jacobian(posed.lever_arms, posed.shape_jacobian, scale_N / posed.positions[2], ray_2N)
    found_2NX = (row_YL.T @ posed.basis).reshape(2, 60, -1)
    moved_N3X = finite_differences(points_on_faces(*where), pose)[:, :, : found_2NX.shape[2]]
    expected_2NX = (moved_N3X[:, :2] - ray_2N.T[:, :, None] * moved_N3X[:, 2:]).transpose(1, 0, 2)
    np.testing.assert_allclose(found_2NX, expected_2NX * (scale_N / posed.positions[2])[:, None], atol=1e-6)


def test_points_of_a_known_shape_are_the_same_points():
    pose, where = random_reduced(9), random_face_points(50, 9)
    expected = posed_points(points_on_faces(*where), pose)
    np.testing.assert_allclose(posed_points(points_on_faces(*where, pose.shape_C), pose), expected, atol=1e-12)
    shaped = points_of_shape(points_on_faces(*where), pose.shape_C)
    np.testing.assert_allclose(posed_points(shaped, pose), expected, atol=1e-12)


def test_every_bone_of_the_spine_turns_by_a_fifth():
    pose = random_reduced(6)
    turn_33 = Rotation.from_rotvec([0.5, 0, 0]).as_matrix()
    rotation_R33 = pose.rotation_R33.copy()
    rotation_R33[ROTATIONS.index("spine")] = turn_33
    whole = whole_pose(ReducedPose(rotation_R33=rotation_R33, root_3=pose.root_3, shape_C=pose.shape_C))
    for bone in ("spine01", "spine05"):
        found = Rotation.from_matrix(whole.rotation_B33[load_body().bone(bone)]).as_rotvec()
        np.testing.assert_allclose(found, [0.1, 0, 0], atol=1e-6)


def test_a_reduced_pose_survives_the_way_to_the_whole_pose_and_back():
    pose = random_reduced(7)
    back = reduced_pose(whole_pose(pose))
    np.testing.assert_allclose(back.rotation_R33, pose.rotation_R33, atol=1e-5)
    np.testing.assert_allclose(back.root_3, pose.root_3, atol=1e-6)
    np.testing.assert_allclose(back.shape_C, pose.shape_C, atol=1e-6)


def test_hands_and_feet_move_with_wrist_and_ankle():
    driven, body = driven_bones(), load_body()
    for bone, carrier in (("finger3-2.L", "wrist.L"), ("toe1-1.R", "foot.R"), ("upperarm02.L", "upperarm01.L"),
                          ("pelvis.R", "root"), ("eye.L", "head")):
        assert body.bones[driven.bone_D[driven.carrier_B[body.bone(bone)]]] == carrier


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-5, 0.3, 3.1, np.pi - 1e-7])
def test_exponential_and_its_derivative(angle):
    vector_N3 = angle * np.array([[0.6, -0.64, 0.48]])
    rotation_N33 = rotation_exponential(vector_N3)
    np.testing.assert_allclose(rotation_N33, Rotation.from_rotvec(vector_N3).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotation_logarithm(rotation_N33), vector_N3, atol=1e-9)
    step_N3 = 1e-6 * np.array([[0.3, 0.5, -0.8]])
    moved_N33 = rotation_exponential(vector_N3 + step_N3) @ rotation_N33.transpose(0, 2, 1)
    turned_N3 = (left_jacobian(vector_N3) @ step_N3[..., None])[..., 0]
    np.testing.assert_allclose(rotation_logarithm(moved_N33), turned_N3, atol=1e-10)

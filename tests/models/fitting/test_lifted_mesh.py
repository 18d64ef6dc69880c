"""A surface tells where vertices are, a body is placed where they project, and a mesh gives back its pose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from posed_people import CAMERA, RenderedPerson, person

from models.body.body_pose import posed_keypoints
from models.body.low_poly import load_low_poly, low_poly_keypoints
from models.body.reduced_pose import whole_pose
from models.errors import ModelError
from models.fitting.least_squares import library_prior
from models.fitting.mesh_fit import pose_of_mesh
from models.fitting.surface_fit import fit_surface
from models.lift.lift_net import LiftNet
from models.lift.lift_weights import COMPONENTS, built_in_lift, lift_weights, read_lift
from models.lift.lifted_mesh import lifted_mesh, moved_onto_rays
from models.lift.mesh_view import MeshView
from models.lift.seen_vertices import SeenVertices, seen_vertices

LOW = load_low_poly().vertex_L


def made_net() -> LiftNet:
    torch.manual_seed(0)
    return LiftNet(torch.randn(3 * len(LOW), COMPONENTS), torch.randn(3 * len(LOW)))


@pytest.fixture(scope="module")
def walker() -> RenderedPerson:
    return person(3, 0.3)


def test_low_poly_keypoints_are_those_of_the_whole_body(walker: RenderedPerson) -> None:
    away_J = np.linalg.norm(low_poly_keypoints() @ walker.vertex_V3[LOW] - walker.keypoint_J3, axis=1)
    assert away_J[:17].max() < 0.004


def test_an_exact_surface_shows_vertices_at_their_places(walker: RenderedPerson) -> None:
    found = seen_vertices(walker)
    pixel_L2 = CAMERA.project(walker.vertex_V3[LOW])
    assert 0.25 < found.seen_L.mean() < 0.8
    away_K = np.linalg.norm(found.pixel_L2 - pixel_L2, axis=1)[found.seen_L]
    assert np.median(away_K) < 3
    assert np.quantile(away_K, 0.9) < 8
    # Of the vertices that are told, nearly all are on the near side.
    towards_L = walker.vertex_V3[LOW, 2] < walker.vertex_V3[LOW, 2].mean() + 0.1
    assert towards_L[found.seen_L].mean() > 0.85


@pytest.mark.quick
def test_a_body_stands_where_its_vertices_project(walker: RenderedPerson) -> None:
    true_L3 = walker.vertex_V3[LOW].astype(np.float64)
    seen_L = np.arange(len(LOW)) % 2 == 0
    pixel_L2 = CAMERA.project(true_L3).astype(np.float64)
    pixel_L2[:6] += 80  # some are far off
    pixel_L2[~seen_L] = 0
    places = SeenVertices(seen_L=seen_L, pixel_L2=pixel_L2)
    found_L3 = moved_onto_rays(true_L3 - true_L3.mean(axis=0), places, CAMERA, 300.0)
    assert found_L3 is not None
    assert np.linalg.norm(found_L3 - true_L3, axis=1)[6:].max() < 0.005


@pytest.mark.quick
def test_the_axes_of_a_view_look_along_the_middle_of_its_box() -> None:
    pixel_M2 = np.array([[300.0, 100.0], [380.0, 300.0]])
    view = MeshView.around(pixel_M2, CAMERA)
    ray_3 = CAMERA.rays(pixel_M2.mean(axis=0)[None])[0]
    assert np.allclose(view.turn_33 @ ray_3, [0, 0, np.linalg.norm(ray_3)], atol=1e-6)
    assert np.allclose(view.in_square(pixel_M2).mean(axis=0), 0)
    assert np.isclose(np.abs(view.in_square(pixel_M2)[:, 1]).max(), 0.5 / 1.15)


def test_a_mesh_gives_back_its_pose(walker: RenderedPerson) -> None:
    pose = pose_of_mesh(walker.vertex_V3[LOW].astype(np.float64), library_prior())
    away_J = np.linalg.norm(posed_keypoints(whole_pose(pose)) - walker.keypoint_J3, axis=1)
    assert away_J[:17].mean() < 0.03


@pytest.mark.quick
def test_weights_as_a_file_give_the_points_of_the_network(tmp_path: Path) -> None:
    net, random = made_net(), np.random.default_rng(0)
    seen_L, place_L2 = random.random(len(LOW)) < 0.5, random.normal(0, 0.3, (len(LOW), 2))
    number_2 = np.array([-0.5, -0.2], np.float32)
    path = tmp_path / "lift.npz"
    np.savez(path, **{name: value.numpy() for name, value in net.state_dict().items()})
    shown_L3 = np.concatenate([seen_L[:, None], place_L2 * seen_L[:, None]], axis=1).astype(np.float32)
    with torch.inference_mode():
        known_L3 = net(torch.from_numpy(shown_L3.T)[None], torch.from_numpy(number_2)[None])[0].numpy()
    found_L3 = read_lift(path).points(seen_L, place_L2, number_2)
    assert np.abs(found_L3 - known_L3).max() < 1e-4 * np.abs(known_L3).max()


@pytest.mark.quick
def test_too_little_of_a_person_gives_no_mesh(walker: RenderedPerson) -> None:
    lift = lift_weights({name: value.numpy() for name, value in made_net().state_dict().items()})
    hidden = replace(walker, labels_hw=np.zeros_like(walker.labels_hw))
    assert lifted_mesh(hidden, CAMERA, lift) is None


@pytest.mark.quick
def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, first=np.zeros(3))
    with pytest.raises(ModelError, match=r"other\.npz"):
        read_lift(path)
    with pytest.raises(ModelError, match=r"missing\.npz"):
        read_lift(tmp_path / "missing.npz")


@pytest.mark.parametrize(("pose", "yaw"), [(3, 0.3), (400, -0.8), (1500, 2.6), (2500, 0.0)])
def test_the_built_in_lift_tells_the_body_of_an_exact_surface(pose: int, yaw: float) -> None:
    true = person(pose, yaw)
    mesh_L3 = lifted_mesh(true, CAMERA, built_in_lift())
    assert mesh_L3 is not None
    found_J3, true_J3 = (low_poly_keypoints() @ mesh_L3)[:17], true.keypoint_J3[:17]
    away_J = np.linalg.norm((found_J3 - found_J3[11:13].mean(0)) - (true_J3 - true_J3[11:13].mean(0)), axis=1)
    assert away_J.mean() < 0.13
    fit = fit_surface(true, CAMERA)
    assert fit is not None
    fit_J3 = posed_keypoints(fit.pose)[:17]
    assert np.linalg.norm((fit_J3 - fit_J3[11:13].mean(0)) - (true_J3 - true_J3[11:13].mean(0)), axis=1).mean() < 0.09

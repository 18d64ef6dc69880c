"""Training views: the truth follows the picture through mirrors, sizes and cuts; fits err as much as they say."""

from __future__ import annotations

import numpy as np
import pytest

from stages.annotated_sets import SetConfig, prepared
from stages.augment import Augment, Sampler
from stages.synthesize import STILL_WORLDS, Synthesize
from stages.training.annotated_pictures import AnnotatedPictures
from stages.training.fitted import FitErrors, fitted_mesh
from stages.training.views import DensePoints, frame_view, mirrored, person_view
from stages.world.scene import cast_of

NO_POINTS = DensePoints(count=0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> AnnotatedPictures:
    folder = tmp_path_factory.mktemp("set") / "sparse"
    draw = Synthesize.Config(count=4, height=120, width=160)
    return AnnotatedPictures(prepared(SetConfig(folder=str(folder), draw=draw, dense="truth", noise=0)))


def test_points_lie_on_the_surface_they_name(pictures: AnnotatedPictures) -> None:
    """Annotated without error, each point's chart is the one that the renderer's truth has at its pixel."""
    right = []
    for index in range(len(pictures)):
        picture = pictures[index]
        view = frame_view(picture, picture.rgb_HW3.shape[:2], NO_POINTS, np.random.default_rng(0))
        assert picture.label_HW is not None
        for person in view.people:
            column, row = np.floor(person.point_xy_M2).astype(int).T
            right += (picture.label_HW[row, column] == person.chart_M).tolist()
    # dp_x spans the box in 256 steps in training and in 255 when annotated (facts §8): some slip over a border.
    assert len(right) > 100 and np.mean(right) > 0.93


def test_two_mirrors_give_the_picture_back(pictures: AnnotatedPictures) -> None:
    picture = pictures[0]
    back = mirrored(mirrored(picture))
    assert np.array_equal(back.rgb_HW3, picture.rgb_HW3)
    assert picture.label_HW is not None and np.array_equal(back.label_HW, picture.label_HW)
    for one, other in zip(picture.people, back.people, strict=True):
        assert np.array_equal(one.box_4, other.box_4) and np.array_equal(one.mask_HW, other.mask_HW)
        assert one.coarse_LL is not None and np.array_equal(one.coarse_LL, other.coarse_LL)
        assert np.allclose(one.keypoint_173, other.keypoint_173, atol=1e-3)
        assert one.points is not None and other.points is not None
        assert np.array_equal(one.points.chart_M, other.points.chart_M) and np.allclose(
            one.points.u_M, other.points.u_M
        )
    flipped = mirrored(picture)
    assert flipped.people[0].points is not None and picture.people[0].points is not None
    assert not np.array_equal(flipped.people[0].points.chart_M, picture.people[0].points.chart_M)


def test_a_cut_shows_the_person_where_the_truth_says(pictures: AnnotatedPictures) -> None:
    """The mask, the points and the pixels of a cut belong together: without ground, what is not masked is grey."""
    picture = pictures[0]
    box = picture.people[0].box_4
    square = np.array([box[0] - 8, box[1] - 8, box[0] - 8 + 128, box[1] - 8 + 128], np.float64)
    view = person_view(picture, 0, 128, square, DensePoints(count=60), np.random.default_rng(0), ground=False)
    (person,) = view.people
    assert np.allclose(person.box_4[:2], 8)
    outside = view.rgb_HW3[person.mask_HW == 0]
    assert np.abs(outside.astype(int) - outside[0]).max() == 0
    dense = person.weight_M < 1
    assert dense.sum() == 60
    column, row = np.floor(person.point_xy_M2[dense]).astype(int).T
    assert person.mask_HW[row, column].all()


def test_a_batch_is_the_same_however_it_is_shared(pictures: AnnotatedPictures) -> None:
    sampler = Sampler(Augment.Config(batch=4, least=64, most=96, longest=128), [pictures])
    whole, again = sampler.batch(3), sampler.batch(3)
    halves = [sampler.batch(3, worker, 2) for worker in range(2)]
    assert all(np.array_equal(one, other) for one, other in zip(whole, again, strict=True))
    for worker, half in enumerate(halves):
        assert np.array_equal(half.x_BHW3, whole.x_BHW3[worker::2])
        assert np.array_equal(half.seed_B3, whole.seed_B3[worker::2])
    assert not np.array_equal(sampler.batch(4).x_BHW3.mean(), whole.x_BHW3.mean())


def test_fits_err_as_they_say() -> None:
    """Without errors a fit's joints are the true ones; with them they are off by centimetres, not by metres."""
    exact = FitErrors(bone=0, facing=0, shape=0, shift=0, depth=0)
    off, none = [], []
    for index in range(12):
        _, people, meshes, camera = cast_of(STILL_WORLDS["train"], 0, index)
        if camera is None:
            continue
        for person, mesh in zip(people, meshes, strict=True):
            rng = np.random.default_rng(index)
            true = camera.to_camera(mesh.keypoint_K3[:17])
            none.append(np.abs(fitted_mesh(person, mesh, camera, exact, rng).keypoint_K3[:17] - mesh.keypoint_K3[:17]))
            found = camera.to_camera(fitted_mesh(person, mesh, camera, FitErrors(), rng).keypoint_K3[:17])
            aligned = (found - found.mean(axis=0)) - (true - true.mean(axis=0))
            off.append(np.linalg.norm(aligned, axis=1).mean())
    assert np.max(none) < 0.03, "clothes hide the skin by up to 3 cm; nothing else may differ"
    assert 0.03 < np.mean(off) < 0.15

"""Training views: the truth follows the picture through mirrors, sizes and cuts; fits err as much as they say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from models.metrics.annotator_errors import annotator_errors
from stages.evaluation.body_geometry import geometry_of
from stages.synthetic.synthesize import ALL_IMAGE_WORLDS, Synthesize
from stages.training.data.annotated_images import AnnotatedImages
from stages.training.data.annotated_sets import SetConfig, prepared
from stages.training.data.augment import Augment, Sampler
from stages.training.data.image_augmentation import DensePoints, flipped_image, frame_view, person_view
from stages.training.data.photometry import degrade
from stages.training.data.simulated_fits import FitErrors, simulated_fit
from stages.world.image_scenes import people_and_camera

pytestmark = pytest.mark.quick

NO_POINTS = DensePoints(count=0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> AnnotatedImages:
    folder = tmp_path_factory.mktemp("set") / "sparse"
    draw = Synthesize.Config(count=4, height=120, width=160)
    return AnnotatedImages(prepared(SetConfig(folder=str(folder), draw=draw, dense="truth", noise=0)))


def test_points_lie_on_the_surface_they_name(pictures: AnnotatedImages) -> None:
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


def test_two_mirrors_give_the_picture_back(pictures: AnnotatedImages) -> None:
    picture = pictures[0]
    back = flipped_image(flipped_image(picture))
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
    flipped = flipped_image(picture)
    assert flipped.people[0].points is not None and picture.people[0].points is not None
    assert not np.array_equal(flipped.people[0].points.chart_M, picture.people[0].points.chart_M)


def test_a_cut_shows_the_person_where_the_truth_says(pictures: AnnotatedImages) -> None:
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


def test_a_batch_is_the_same_however_it_is_shared(pictures: AnnotatedImages) -> None:
    sampler = Sampler(Augment.Config(batch=4, min_size=64, max_size=96, max_side=128), [pictures])
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
        _, people, meshes, camera = people_and_camera(ALL_IMAGE_WORLDS["train"], 0, index)
        if camera is None:
            continue
        for person, mesh in zip(people, meshes, strict=True):
            rng = np.random.default_rng(index)
            true = camera.to_camera(mesh.keypoint_K3[:17])
            same = simulated_fit(person, mesh, camera, exact, rng)
            none.append(np.abs(same.keypoint_K3[:17] - mesh.keypoint_K3[:17]))
            found = camera.to_camera(simulated_fit(person, mesh, camera, FitErrors(), rng).keypoint_K3[:17])
            aligned = (found - found.mean(axis=0)) - (true - true.mean(axis=0))
            off.append(np.linalg.norm(aligned, axis=1).mean())
    assert np.max(none) < 0.03, "clothes hide the skin by up to 3 cm; nothing else may differ"
    assert 0.03 < np.mean(off) < 0.15


def test_drawn_by_people_everybody_is_seen_as_often(pictures: AnnotatedImages) -> None:
    sampler = Sampler(Augment.Config(batch=8, min_size=64, max_size=64, max_side=96, sampling="people"), [pictures])
    plans = [sampler.plan(step, place) for step in range(500) for place in range(8)]
    seen = np.bincount([plan.index for plan in plans], minlength=len(pictures))
    people = np.array([pictures.count(index) for index in range(len(pictures))])
    assert people.max() > people.min(), "the set must hold pictures of one and of several people"
    # 4,000 draws: three deviations of a share of a tenth are 1.4 %.
    assert np.abs(seen / seen.sum() - people / people.sum()).max() < 0.03
    shown = sum(len(sampler.batch(step).box_N4) for step in range(3))
    assert sum(sampler.people(step) for step in range(3)) == shown


def test_crops_count_one_person_each(pictures: AnnotatedImages) -> None:
    sampler = Sampler(Augment.Config(kind="crops", batch=3, min_size=64, max_size=64, max_side=64), [pictures])
    assert sampler.people(0) == len(sampler.batch(0).x_BHW3) == 3


def test_few_points_are_always_the_same_of_those_there_are(tmp_path: Path) -> None:
    config = SetConfig(folder=str(tmp_path), draw=Synthesize.Config(count=2, height=120, width=160), noise=0)
    whole = AnnotatedImages(prepared(config))
    few = [AnnotatedImages(prepared(dataclasses.replace(config, most_points=7))) for _ in range(2)]
    for index in range(len(whole)):
        for one, other, full in zip(few[0][index].people, few[1][index].people, whole[index].people, strict=True):
            assert one.points is not None and other.points is not None and full.points is not None
            assert len(one.points) == 7 < len(full.points)
            assert np.array_equal(one.points.x_M, other.points.x_M)
            assert set(zip(one.points.x_M, one.points.y_M, one.points.u_M, strict=True)) <= set(
                zip(full.points.x_M, full.points.y_M, full.points.u_M, strict=True)
            )
            assert one.coarse_LL is not None and np.array_equal(one.coarse_LL, full.coarse_LL)


def test_another_annotator_marks_the_same_places_and_errs_as_said(tmp_path: Path) -> None:
    """A set annotated without error gives the truth back, at whoever's places; a worse annotator errs farther."""
    draw = Synthesize.Config(count=3, height=120, width=160)
    first = prepared(SetConfig(folder=str(tmp_path), draw=draw, noise=1))
    sets = {noise: prepared(SetConfig(folder=str(tmp_path), draw=draw, noise=noise)) for noise in (1.0, 0.0, 2.0)}
    assert first == sets[1.0] and len({one.annotations for one in sets.values()}) == 3
    body = geometry_of("")
    read = {noise: AnnotatedImages(one) for noise, one in sets.items()}
    errors: dict[float, list[float]] = {1.0: [], 2.0: []}
    for index in range(len(read[1.0])):
        truth = np.load(tmp_path / "truth" / f"{read[1.0].name(index)}.npz")
        for k, exact in enumerate(read[0.0][index].people):
            assert exact.points is not None
            column = (exact.box_4[0] + exact.points.x_M * (exact.box_4[2] - exact.box_4[0]) / 255).astype(int)
            row = (exact.box_4[1] + exact.points.y_M * (exact.box_4[3] - exact.box_4[1]) / 255).astype(int)
            assert np.array_equal(exact.points.chart_M, truth["label_HW"][row, column])
            assert np.allclose(exact.points.u_M, truth["uv_2HW"][0, row, column], atol=1e-4)
            for noise, found in errors.items():
                marked = read[noise][index].people[k].points
                assert marked is not None
                assert np.array_equal(marked.x_M, exact.points.x_M)
                found += annotator_errors(body, marked, exact.points)[1].tolist()
    # docs/annotations.md: 3.4 cm on average with the usual error. Edges of charts hold the larger errors back.
    assert 0.02 < np.mean(errors[1.0]) < 0.05
    assert 1.5 < np.mean(errors[2.0]) / np.mean(errors[1.0]) < 2.1


def test_pictures_of_any_size_get_grain() -> None:
    for height, width in ((64, 64), (600, 40), (30, 1400), (700, 1100)):
        grey = np.full((height, width, 3), 128, np.uint8)
        changed = [degrade(grey, np.random.default_rng(seed)) for seed in range(30)]
        assert all(one.shape == grey.shape for one in changed)
        assert any(not np.array_equal(one, grey) for one in changed)

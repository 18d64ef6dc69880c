"""Simulated annotators (places, number and errors of their points), and the written data set."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.surface.chart_lookup import ChartLookup, corner_mean
from models.surface.charted_mesh import open_body_mesh
from pipeline.stage import Job, StageError
from stages.annotations.coco_masks import decode_mask
from stages.annotations.densepose_coco import read_dense_set
from stages.annotations.point_picking import MAX_POINTS_PER_PART
from stages.synthetic.simulated_annotators import ERROR_OF_CHART, add_annotation_error, annotate_person
from stages.synthetic.sparse_set import SparseSet
from stages.synthetic.synthesize import Synthesize
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene


@cache
def people() -> list[tuple[Scene, int]]:
    """All people of six scenes: the scene, and the person's number in it."""
    scenes = [image_scene(IMAGE_WORLDS["train"], 4, index) for index in range(6)]
    return [(made, number) for made in scenes for number in range(1, len(made.box_N4) + 1)]


def pixels(person: Any) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of the points, as the reference evaluator computes them."""
    x, y, width, height = person.box_4
    column = (person.points.x_M * width / 255 + x).astype(int)
    return column, (person.points.y_M * height / 255 + y).astype(int)


def test_points_lie_on_the_person_and_have_its_exact_chart_and_uv() -> None:
    assert len(people()) >= 6
    for made, number in people():
        person = annotate_person(made, number, 1, 1, np.random.default_rng(0))
        column, row = pixels(person)
        assert (made.instance_HW[row, column] == number).all()
        assert np.array_equal(made.label_HW[row, column], person.points.chart_M)
        assert np.array_equal(made.uv_2HW[0, row, column].astype(float), person.points.u_M)
        assert np.array_equal(made.uv_2HW[1, row, column].astype(float), person.points.v_M)


def test_every_visible_part_has_between_1_and_14_points() -> None:
    for made, number in people():
        person = annotate_person(made, number, 1, 1, np.random.default_rng(0))
        seen = np.unique(COARSE_OF_CHART[made.label_HW[made.instance_HW == number]])
        count = np.bincount(COARSE_OF_CHART[person.points.chart_M], minlength=15)
        assert np.flatnonzero(count).tolist() == seen.tolist()
        assert count.max() <= MAX_POINTS_PER_PART
        assert len(set(zip(*(side.tolist() for side in pixels(person)), strict=True))) == len(person.points)
    assert max(len(annotate_person(made, n, 1, 1, np.random.default_rng(0)).points) for made, n in people()) > 50


def test_points_of_a_part_are_spread_out() -> None:
    """Points are farther from their nearest neighbours than the same number of random pixels."""
    made, number = max(people(), key=lambda one: (one[0].instance_HW == one[1]).sum())
    person = annotate_person(made, number, 1, 1, np.random.default_rng(0))
    column, row = pixels(person)
    torso = COARSE_OF_CHART[person.points.chart_M] == 1
    where = np.argwhere((made.instance_HW == number) & (COARSE_OF_CHART[made.label_HW] == 1))
    rng = np.random.default_rng(1)

    def gap(place: np.ndarray) -> float:
        apart = np.linalg.norm(place[:, None] - place[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        return float(apart.min(axis=1).mean())

    drawn = np.stack([row[torso], column[torso]], axis=1).astype(float)
    random = np.mean([gap(where[rng.choice(len(where), len(drawn), replace=False)].astype(float)) for _ in range(20)])
    assert len(drawn) == MAX_POINTS_PER_PART
    assert gap(drawn) > 1.4 * random


def test_part_masks_cover_the_parts() -> None:
    for made, number in people():
        person = annotate_person(made, number, 1, 1, np.random.default_rng(0))
        x, y, width, height = (int(side) for side in person.box_4)
        mine = (made.instance_HW == number)[y : y + height, x : x + width]
        coarse = np.where(mine, COARSE_OF_CHART[made.label_HW[y : y + height, x : x + width]], 0)
        assert person.part_masks is not None
        for part, mask in enumerate(person.part_masks, start=1):
            share = np.mean(coarse == part)
            drawn = 0.0 if mask is None else decode_mask(mask).mean()
            assert drawn == pytest.approx(share, abs=0.03 + 0.1 * share)
        assert np.array_equal(decode_mask(person.rest["segmentation"]), made.instance_HW == number)
        assert person.rest["area"] == (made.instance_HW == number).sum()


def test_the_error_has_its_stated_size_and_stays_in_the_chart() -> None:
    """Standard deviation on the skin in each direction, in the middle of a chart, where its edge stops no point."""
    mesh, lookup = open_body_mesh(), ChartLookup(open_body_mesh())
    for chart, u, v in ((1, 0.5, 0.5), (2, 0.5, 0.5), (13, 0.5, 0.5)):
        many = np.full(3000, chart)
        uv = np.tile([u, v], (3000, 1)).astype(np.float64)
        moved = add_annotation_error(many, uv, 0.5, np.random.default_rng(0))
        place = [corner_mean(mesh.vertex_V3, mesh, lookup(many, *points.T)) for points in (uv, moved)]
        error = np.linalg.norm(place[0] - place[1], axis=1)
        stated = 0.5 * ERROR_OF_CHART[chart] * 2**0.5  # two directions
        assert np.sqrt(np.mean(error**2)) == pytest.approx(stated, rel=0.2)
    rng = np.random.default_rng(1)
    chart = rng.integers(1, 25, 2000)
    moved = add_annotation_error(chart, rng.uniform(0, 1, (2000, 2)), 3.0, rng)
    found = lookup(chart, *moved.T)
    assert np.array_equal(mesh.chart_F[found.face_M], chart)
    assert 0 <= moved.min() <= moved.max() <= 1


def test_errors_are_larger_on_torso_back_and_hips() -> None:
    face_hands_feet = [3, 4, 5, 6, 23, 24]
    wide = [1, 2, 7, 8, 9, 10]
    assert min(ERROR_OF_CHART[wide]) > 2 * max(ERROR_OF_CHART[face_hands_feet])
    assert len(ERROR_OF_CHART) == 25


JOB = Job(index=0, input="train", output=None, stem="train")


def write(folder: Path, **settings: Any) -> None:
    source = Synthesize(Synthesize.Config(count=3, height=120, width=160, seed=4))
    sink = SparseSet(SparseSet.Config(folder=str(folder), **settings))
    for frames, _, _, made in source(JOB):
        assert list(sink(JOB, frames, made)) == []
    (receipt,) = sink.flush()
    assert receipt.path == str(folder / "annotations.json")
    assert receipt.frames == 3
    sink.close()


def test_the_written_set_is_read_back_with_its_ground_truth(tmp_path: Path) -> None:
    write(tmp_path)
    read = read_dense_set(tmp_path / "annotations.json", image_folder=tmp_path / "images")
    assert len(read.images) == 3
    assert read.people
    for person in read.people:
        name = read.images[person.image].file_name
        assert cv2.imread(str(tmp_path / "images" / name)).shape == (120, 160, 3)
        with np.load(tmp_path / "truth" / name.replace(".png", ".npz")) as truth:
            column, row = pixels(person)
            assert np.array_equal(truth["label_HW"][row, column], person.points.chart_M)
            assert np.array_equal(truth["uv_2HW"][:, row, column].astype(float), [person.points.u_M, person.points.v_M])


def test_two_annotators_annotate_the_same_images_differently(tmp_path: Path) -> None:
    write(tmp_path / "a", seed=1)
    write(tmp_path / "again", seed=1)
    write(tmp_path / "b", seed=2)
    write(tmp_path / "c", seed=1, noise=1.0)
    text = {name: (tmp_path / name / "annotations.json").read_text() for name in ("a", "again", "b", "c")}
    assert text["a"] == text["again"]
    assert text["a"] != text["b"]
    calm, noisy = (json.loads(text[name])["annotations"][0] for name in ("a", "c"))
    assert calm["dp_x"] == noisy["dp_x"]
    assert calm["dp_I"] == noisy["dp_I"]
    assert calm["dp_U"] != noisy["dp_U"]


def test_wrong_settings_are_errors(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"sparse_set\.noise"):
        SparseSet(SparseSet.Config(noise=-1.0))
    (tmp_path / "set").write_text("a file")
    with pytest.raises(StageError, match=r"set sparse_set\.folder"):
        write(tmp_path / "set")

"""Keypoints from surfaces, compared with the exact keypoints of synthetic people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.charts import mirror_maps
from models.body.open_body import COCO_KEYPOINTS
from models.structures import SurfaceMap
from models.surface.keypoints import (
    SHOWN_SCORE,
    neighbourhoods,
    person_keypoints,
    shown_keypoints,
    surface_keypoints,
)
from stages.synthetic.ground_truth import ground_truth_surfaces
from stages.synthetic.synthesize import Synthesize, scene_generator

pytestmark = pytest.mark.quick

SEEN = 2


@pytest.fixture(scope="module")
def people():
    """(surface, true keypoints, box) of everyone in a dozen scenes."""
    draw = scene_generator(Synthesize.Config(world="val", height=360, width=480, seed=11))
    scenes = [draw(index) for index in range(12)]
    truth = [(ground_truth_surfaces(made).people, made.keypoint_N173, made.box_N4) for made in scenes]
    return [item for parts in truth for item in zip(*parts, strict=True)]


def test_visible_joints_are_found_within_a_few_percent_of_the_person(people) -> None:
    errors: dict[str, list[float]] = {name: [] for name in COCO_KEYPOINTS}
    missed = seen = 0
    for surface, true_173, box_4 in people:
        found_173 = surface_keypoints(surface)
        size = np.sqrt((box_4[2] - box_4[0]) * (box_4[3] - box_4[1]))
        for name, found_3, true_3 in zip(COCO_KEYPOINTS[5:], found_173[5:], true_173[5:], strict=True):
            if true_3[2] == SEEN:
                seen += 1
                missed += found_3[2] == 0
                if found_3[2]:
                    errors[name].append(float(np.hypot(*(found_3[:2] - true_3[:2])) / size))
    assert seen > 100 and missed / seen < 0.1
    for name in COCO_KEYPOINTS[5:]:  # limbs
        assert np.median(errors[name]) < 0.035, (name, errors[name])


def test_invisible_joints_are_missing(people) -> None:
    surface = people[0][0]
    empty = SurfaceMap(x0=3, y0=4, labels_hw=np.zeros_like(surface.labels_hw), uv_2hw=np.zeros_like(surface.uv_2hw))
    assert not surface_keypoints(empty).any()
    head = np.isin(surface.labels_hw, (23, 24))
    only_head = SurfaceMap(
        x0=surface.x0,
        y0=surface.y0,
        labels_hw=np.where(head, surface.labels_hw, 0).astype(np.uint8),
        uv_2hw=surface.uv_2hw * head,
    )
    assert not surface_keypoints(only_head)[5:].any()


def test_keypoints_follow_shifts_and_horizontal_flips(people) -> None:
    surface = people[0][0]
    here_173 = surface_keypoints(surface)
    there_173 = surface_keypoints(replace(surface, x0=surface.x0 + 40, y0=surface.y0 - 7))
    visible = here_173[:, 2] > 0
    assert visible.any()
    assert np.allclose(there_173[visible, :2] - here_173[visible, :2], (40, -7), atol=1e-3)
    labels_hw, uv_2hw = mirror_maps(surface.labels_hw, surface.uv_2hw)
    mirrored_173 = surface_keypoints(SurfaceMap(x0=0, y0=0, labels_hw=labels_hw, uv_2hw=uv_2hw.astype(np.float32)))
    partner = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]
    both = visible & (mirrored_173[partner, 2] > 0)
    assert both.sum() > 6
    flipped_x = labels_hw.shape[1] - (here_173[both, 0] - surface.x0)
    assert np.abs(mirrored_173[partner][both, 0] - flipped_x).max() < 2


def test_the_neighbourhoods_are_symmetric_and_small() -> None:
    share_17 = neighbourhoods().share_17
    assert share_17.max() < 0.1 and share_17.min() > 0.001
    assert np.allclose(share_17[1::2], share_17[2::2], rtol=0.02)


def test_every_joint_that_the_surface_shows_is_drawn_and_of_a_head_only_the_sure_ones(people) -> None:
    partly = 0
    for surface, _, _ in people:
        found_173 = surface_keypoints(surface)
        assert np.array_equal(shown_keypoints(surface), found_173)
        assert np.array_equal(person_keypoints(surface), found_173)
        partly += ((found_173[:, 2] > 0) & (found_173[:, 2] < SHOWN_SCORE)).sum()
    assert partly > 0  # joints of which little is visible
    head_173 = np.ones((17, 3), np.float32)
    head_173[3, 2] = SHOWN_SCORE - 0.01
    person = replace(people[0][0], keypoint_K3=head_173)
    assert person_keypoints(person) is head_173
    assert np.flatnonzero(shown_keypoints(person)[:, 2] == 0).tolist() == [3]
    assert not shown_keypoints(person)[3].any()

"""Close groups and things before people in images; a share of 0 leaves the other worlds as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stages.world.backgrounds.things import random_thing
from stages.world.bodies.groups import GROUPS, child_before_parent, queue
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import image_scene, people_and_camera
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import VIDEO_WORLDS

pytestmark = pytest.mark.quick

DRESSED = IMAGE_WORLDS["dressed"]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("count", [2, 3, 6])
def test_a_group_places_all_but_the_first_within_reach_of_the_next(group, count):
    places = group(np.random.default_rng(1), count)
    assert len(places) == count - 1
    points = np.array([(0, 0), *((place.x, place.z) for place in places)])
    apart = np.linalg.norm(points[1:, None] - points[None], axis=2)
    assert all(0.1 < min(row[: k + 1]) < 2.2 for k, row in enumerate(apart))


def test_a_queue_looks_one_way_and_a_child_stands_before_its_parent():
    assert np.std([place.yaw for place in queue(np.random.default_rng(2), 6)]) < 0.5
    child, *others = child_before_parent(np.random.default_rng(3), 3)
    assert child.is_child and child.z > 0.2 and not any(place.is_child for place in others)


def test_people_of_a_group_hide_each_other_more_than_people_anywhere():
    def overlap(groups):
        world = replace(DRESSED, groups=groups, contact=0.0, people=(0.0, 0.0, 1.0), things=0.0, wardrobe=0.0)
        shares = []
        for index in range(24):
            _, _, meshes, camera = people_and_camera(world, 4, index)
            low, high = zip(
                *(
                    (p.min(axis=0), p.max(axis=0))
                    for p in (camera.to_pixels(camera.to_camera(m.vertex_V3)) for m in meshes)
                ),
                strict=True,
            )
            both = np.clip(np.minimum(*high) - np.maximum(*low), 0, None).prod()
            shares.append(both / min((high[k] - low[k]).prod() for k in (0, 1)))
        return np.mean(shares)

    assert overlap(1.0) > 2 * overlap(0.0)


def test_a_thing_is_background_and_changes_no_other_label():
    world = replace(DRESSED, people=(0.0, 1.0), person_height=(0.8, 0.9), occluded_share=0.0)
    covered = 0
    for index in range(8):
        without, held = (image_scene(replace(world, things=share), 1, index) for share in (0.0, 1.0))
        if len(held.box_N4) == len(without.box_N4):
            hidden = (without.label_HW > 0) & (held.label_HW == 0)
            assert np.array_equal(held.label_HW[~hidden], without.label_HW[~hidden])
            covered += int(hidden.sum())
    assert covered > 500


def test_a_thing_at_the_edge_is_cut_off():
    image = np.full((40, 60, 3), 0.5, np.float32)
    for seed, (column, row) in enumerate([(0, 0), (59, 39), (-30, 20), (30, 90), (500, 500)]):
        thing = random_thing(np.random.default_rng(seed), column, row, 80.0)
        rows, columns = thing.over(image)
        assert thing.alpha_hw.min() >= 0 and thing.alpha_hw.max() <= 1
        assert image[rows, columns].shape[:2] == thing.inside(thing.alpha_hw, rows, columns).shape
    assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1


# Boxes of people before the wardrobe was there.
BOXES = {
    "val": [[195, 99, 263, 230]],
    "far": [[122, 88, 209, 179]],
    "video": [[53, 30, 101, 136], [221, 56, 265, 170]],
    "crowd": [[282, 45, 310, 125], [117, 27, 174, 132]],
}


@pytest.mark.parametrize("name", BOXES)
def test_scoring_worlds_are_as_they_were(name):
    drawn = {"val": lambda: image_scene(IMAGE_WORLDS["val"], 3, 1), "far": lambda: far_scene(FarWorld(), 3, 1)}
    scene = drawn.get(name, lambda: video_scene(VIDEO_WORLDS[name], 3, 5))()
    assert np.abs(scene.box_N4[:2] - BOXES[name]).max() <= 1

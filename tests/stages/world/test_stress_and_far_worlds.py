"""Stress tests have the difficulty they are named for; `far` shares little with `train`; heights are human."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from equal_scenes import same_scenes

from models.body.open_body import load_body
from stages.world.bodies.body_shapes import human_shape, sample_heights
from stages.world.bodies.far_poses import far_pose
from stages.world.bodies.people import Person, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.camera.corruptions import CORRUPTIONS
from stages.world.clothes.garments import random_outfit
from stages.world.clothes.patterns import FAR_PATTERNS, PATTERNS
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import STRESS_IMAGE_WORLDS


def some(tag, count=10):
    return [image_scene(STRESS_IMAGE_WORLDS[f"stress_{tag}"], 4, index) for index in range(count)]


def shares(scenes):
    """Share of keypoints outside the image, and share of the others that are occluded, over all people."""
    joint = np.concatenate([made.keypoint_N173 for made in scenes])[..., 2]
    return (joint == 0).mean(), (joint == 1).sum() / max((joint > 0).sum(), 1)


@pytest.fixture(scope="module")
def plain():
    return some("plain")


def test_truncated_people_are_mostly_outside_and_occluded_ones_mostly_hidden(plain):
    assert shares(some("truncation"))[0] > shares(plain)[0] + 0.25
    assert shares(some("occlusion"))[1] > shares(plain)[1] + 0.05


def test_night_is_dark(plain):
    assert np.mean([made.rgb_HW3.mean() for made in some("low_light")]) < 0.6 * np.mean(
        [made.rgb_HW3.mean() for made in plain]
    )


@pytest.mark.parametrize("name", ["motion_blur", "unfocused"])
def test_blur_spreads_a_point_and_keeps_its_light(name):
    point = np.zeros((101, 101, 3), np.float32)
    point[50, 50] = 1
    for seed in range(5):
        blurred = CORRUPTIONS[name](*2 * [np.random.default_rng(seed)], point)
        assert blurred.sum() == pytest.approx(3, rel=1e-3) and blurred.max() < 0.5
        row, column = np.nonzero(blurred[..., 0] > 1e-4)
        assert abs(row.mean() - 50) < 0.6 and abs(column.mean() - 50) < 0.6  # nothing moves


def test_rain_lowers_contrast_and_has_vertical_streaks():
    board = np.kron(np.indices((6, 8)).sum(axis=0) % 2, np.ones((20, 20)))[..., None] * np.ones(3)
    for seed in range(4):
        wet = CORRUPTIONS["rain"](*2 * [np.random.default_rng(seed)], board.astype(np.float32))[..., 0]
        assert wet.std() < 0.9 * board.std()
        flat = CORRUPTIONS["rain"](*2 * [np.random.default_rng(seed)], np.full((120, 160, 3), 0.4, np.float32))[..., 0]
        assert np.abs(np.diff(flat, axis=0)).sum() < 0.8 * np.abs(np.diff(flat, axis=1)).sum()


def test_small_people_and_crowds(plain):
    tall = [box[3] - box[1] for made in some("small") for box in made.box_N4]
    assert np.median(tall) < 30 and len(tall) >= 8
    count = [len(made.box_N4) for made in some("crowd")]
    assert max(count) >= 6 and np.mean(count) > 3.5
    assert len(image_scene(STRESS_IMAGE_WORLDS["stress_crowd"], 4, 21).box_N4) == 10


@pytest.mark.parametrize(("pixels", "height", "width"), [(10, 240, 320), (600, 720, 960)])
def test_people_are_rendered_from_10_to_600_pixels_tall(pixels, height, width):
    """Standing people have the given height, up to perspective and raised arms."""
    world = replace(
        STRESS_IMAGE_WORLDS["stress_small"],
        height=height,
        width=width,
        people=(0, 1),
        person_height=(pixels / height,) * 2,
        poses=(("stand", 1.0),),
        child_share=0.0,
    )
    made = [image_scene(world, 1, index) for index in range(6)]
    tall = [box[3] - box[1] for one in made for box in one.box_N4]
    assert len(tall) >= 5 and np.median(tall) == pytest.approx(pixels, rel=0.15)
    assert all((one.instance_HW > 0).sum() >= 10 for one in made if len(one.box_N4))


def test_people_of_stress_back_show_their_backs():
    made = some("back")
    label = np.concatenate([one.label_HW.reshape(-1) for one in made])
    assert (label == 1).sum() > 1.5 * (label == 2).sum()


def test_people_lie_and_are_upside_down():
    def head_over_hips(scenes):
        joint = np.concatenate([made.keypoint_N173 for made in scenes])
        both = (joint[:, 0, 2] > 0) & (joint[:, 11, 2] > 0)
        return (joint[both, 11, 1] - joint[both, 0, 1]) / np.ptp(joint[both][..., 1], axis=1)

    assert np.mean(head_over_hips(some("upside_down")) < 0) > 0.7
    wide = [(box[2] - box[0]) / (box[3] - box[1]) for made in some("lying") for box in made.box_N4]
    assert np.median(wide) > 0.9


def test_legs_are_spread(plain):
    def ankles_apart(scenes):
        joint_N172 = np.concatenate([made.keypoint_N173 for made in scenes])[..., :2]
        tall_N = np.linalg.norm(joint_N172[:, 11:13].mean(axis=1) - joint_N172[:, 0], axis=1)
        return np.median(np.linalg.norm(joint_N172[:, 15] - joint_N172[:, 16], axis=1) / tall_N)

    assert ankles_apart(some("spread")) > 1.3 * ankles_apart(plain)


def test_people_on_their_hands_are_low_and_touch_the_floor_with_them():
    body = load_body()
    hand = np.unique(body.face_F3[np.isin(body.chart_F, (3, 4))])
    for seed in range(6):
        rng = np.random.default_rng(seed)
        person = Person(score_C=body.score_SC[1], outfit=random_outfit(rng))
        mesh = pose_person(person, RANDOM_POSES["on_hands"](rng), 0.0)
        height_V = mesh.vertex_V3[:, 1]
        assert height_V[hand].min() < 0.2 and height_V.max() < 1.2, (seed, height_V[hand].min(), height_V.max())


def test_children_are_of_the_bodies_of_children():
    body = load_body()
    world = STRESS_IMAGE_WORLDS["stress_children"]
    shapes = [human_shape(np.random.default_rng(k), *world.body_range, world.child_share) for k in range(20)]
    grown = body.score_SC[body.phenotype_SP[:, body.phenotypes.index("age")] >= 0.6]
    heights = [np.ptp(body.rest(shape_C)[0][:, 1]) for shape_C in (*shapes, *grown[:100])]
    assert np.median(heights[:20]) < np.median(heights[20:]) - 0.1


@pytest.mark.parametrize("name", sorted(STRESS_IMAGE_WORLDS))
def test_every_stress_test_is_deterministic(name):
    one, other = (image_scene(STRESS_IMAGE_WORLDS[name], 1, 2) for _ in range(2))
    assert same_scenes(one, other)
    assert np.array_equal(one.label_HW > 0, one.instance_HW > 0)


def test_the_far_world_is_exact_and_deterministic():
    world, people = FarWorld(height=120, width=160), 0
    for index in range(8):
        made, again = far_scene(world, 3, index), far_scene(world, 3, index)
        assert same_scenes(made, again)
        assert made.rgb_HW3.shape == (120, 160, 3)
        assert np.array_equal(made.label_HW > 0, made.instance_HW > 0)
        people += len(made.box_N4)
    assert people >= 8


def test_the_far_world_has_its_own_patterns_and_poses():
    assert not set(FAR_PATTERNS) & set(PATTERNS)
    place = np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)
    for painter in FAR_PATTERNS.values():
        share = painter(place, 0.05, 1.3)
        assert share.shape == (500,) and 0 <= share.min() < share.max() <= 1
    body, rng = load_body(), np.random.default_rng(1)
    for _ in range(12):
        person = Person(score_C=body.score_SC[3], outfit=random_outfit(rng))
        mesh = pose_person(person, far_pose(rng), 0.0)
        assert np.isfinite(mesh.vertex_V3).all() and np.ptp(mesh.vertex_V3, axis=0).max() < 3


def test_heights_of_adults_follow_the_population():
    """Men 1.75 ± 0.068 m, women 1.62 ± 0.068 m: the mixture's mean is 1.685, its standard deviation 0.094."""
    body, rng = load_body(), np.random.default_rng(0)
    up = [np.ptp(body.rest(human_shape(rng, 0.0, 1.0, 0.0))[0][:, 1]) for _ in range(300)]
    assert np.mean(up) == pytest.approx(1.685, abs=0.03)
    assert np.std(up) == pytest.approx(0.094, abs=0.025)
    assert np.ptp(sample_heights()) > 0.9  # the samples have a much wider range

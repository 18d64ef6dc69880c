"""Scenes of single images: equal arguments give equal scenes, and the ground truth is consistent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from equal_scenes import same_scenes

from models.body.body_pose import posed_keypoints
from models.body.open_body import load_body
from pipeline.stage import StageError
from stages.synthetic.synthesize import ALL_IMAGE_WORLDS
from stages.world.backgrounds.photos import random_crop_of
from stages.world.bodies.people import Person, dressed_rest_body, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.walking import gait_of, walking_mesh
from stages.world.camera.framing import framing_camera
from stages.world.camera.rendering import render_people
from stages.world.camera.shading import even_light, random_lights
from stages.world.clothes.garments import random_outfit
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import image_scene, people_and_camera
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import annotated_scene, mask_box


@pytest.fixture(scope="module")
def scenes():
    return [image_scene(IMAGE_WORLDS["train"], 3, index) for index in range(24)]


def test_a_scene_depends_on_world_seed_and_index_only(scenes):
    assert same_scenes(image_scene(IMAGE_WORLDS["train"], 3, 17), scenes[17])
    assert not same_scenes(image_scene(IMAGE_WORLDS["train"], 4, 17), scenes[17])
    assert not same_scenes(image_scene(IMAGE_WORLDS["val"], 3, 17), scenes[17])


@pytest.mark.parametrize(
    ("world", "seed", "index", "surface", "boxes", "mean"),
    [
        ("train", 3, 5, 2221, [[225, 50, 292, 169]], (31.02, 13.14, 39.22)),
        ("train", 8, 11, 16145, [[98, 61, 260, 186], [124, 27, 282, 204], [120, 0, 227, 240]], (126.9, 121.25, 115.79)),
        ("val", 9, 22, 12166, [[70, 0, 312, 150], [137, 0, 256, 167]], (71.24, 85.05, 92.72)),
    ],
)
def test_known_scenes_do_not_change(world, seed, index, surface, boxes, mean):
    """Shards and scores depend on these worlds. A change on purpose changes these numbers too."""
    made = image_scene(IMAGE_WORLDS[world], seed, index)
    assert abs(int((made.label_HW > 0).sum()) - surface) <= 3  # another machine may round an edge elsewhere
    assert np.abs(made.box_N4 - boxes).max() <= 1
    assert np.abs(made.rgb_HW3.reshape(-1, 3).mean(axis=0) - mean).max() < 0.2


def test_maps_agree_with_each_other(scenes):
    for made in scenes:
        assert made.rgb_HW3.shape == (240, 320, 3) and made.rgb_HW3.dtype == np.uint8
        assert np.array_equal(made.label_HW > 0, made.instance_HW > 0)
        assert made.label_HW.max() <= 24
        assert (made.uv_2HW[:, made.label_HW == 0] == 0).all()
        assert made.uv_2HW.min() >= 0 and made.uv_2HW.max() <= 1
        assert set(np.unique(made.instance_HW)) - {0} == set(range(1, len(made.box_N4) + 1))


def test_boxes_are_the_extents_of_the_visible_pixels(scenes):
    for made in scenes:
        for number, box in enumerate(made.box_N4, start=1):
            rows, columns = np.nonzero(made.instance_HW == number)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_visible_keypoints_lie_on_their_person_and_on_a_chart_of_the_joint(scenes):
    touching = {
        "nose": {23, 24},
        "left_wrist": {4, 19, 21},
        "right_wrist": {3, 20, 22},
        "left_knee": {8, 10, 12, 14},
        "right_knee": {7, 9, 11, 13},
        "left_elbow": {15, 17, 19, 21},
        "right_elbow": {16, 18, 20, 22},
    }
    names = {
        "nose": 0,
        "left_elbow": 7,
        "right_elbow": 8,
        "left_wrist": 9,
        "right_wrist": 10,
        "left_knee": 13,
        "right_knee": 14,
    }
    right, seen = 0, 0
    for made in scenes:
        for number, joints in enumerate(made.keypoint_N173, start=1):
            x, y, state = joints.T
            for column, row in np.floor(joints[state == 2][:, :2]).astype(int):
                assert made.instance_HW[row, column] == number
            assert (joints[state == 0] == 0).all()
            for name, k in names.items():
                if state[k] == 2:
                    seen += 1
                    right += int(made.label_HW[int(y[k]), int(x[k])]) in touching[name]
    assert seen > 60
    assert right / seen > 0.9  # a joint is inside the body: an arm before it may show instead


def test_there_are_empty_scenes_crowds_and_occluded_people():
    counts = np.array([len(image_scene(IMAGE_WORLDS["train"], 8, index).box_N4) for index in range(40)])
    assert counts.min() == 0 and counts.max() >= 3 and 1 <= np.median(counts) <= 2


def test_bodies_of_val_are_not_those_of_train():
    first, second = IMAGE_WORLDS["train"].body_range, IMAGE_WORLDS["val"].body_range
    assert first[1] <= second[0] or second[1] <= first[0]
    assert IMAGE_WORLDS["train"].procedural_backgrounds != IMAGE_WORLDS["val"].procedural_backgrounds


def standing(seed):
    rng = np.random.default_rng(seed)
    body = load_body()
    person = Person(score_C=body.score_SC[seed], outfit=random_outfit(rng))
    mesh = pose_person(person, RANDOM_POSES["stand"](rng), 0.0)
    view = framing_camera(rng, mesh, 200, 160, 150.0, (80.0, 100.0), (0.0, 0.0), 0.0)
    image = np.zeros((200, 160, 3), np.float32)
    return person, mesh, view, render_people(image, [person], [mesh], view, random_lights(rng))


def test_the_camera_frames_the_person_at_the_given_size_and_position():
    _, _, _, truth = standing(4)
    x0, y0, x1, y1 = mask_box(truth.instance_HW == 1)
    assert 120 < y1 - y0 < 190 and abs((y0 + y1) / 2 - 100) < 12 and abs((x0 + x1) / 2 - 80) < 12


def test_focal_length_is_in_its_range_and_does_not_change_the_persons_size():
    mesh = standing(4)[1]
    for lens in ((0.5, 0.52), (3.0, 3.1)):
        frame = (200, 160, 90.0, (80.0, 100.0), (0.0, 0.0), 0.0)
        view = framing_camera(np.random.default_rng(1), mesh, *frame, lens)
        assert lens[0] * 200 <= view.focal <= lens[1] * 200
        row_V = view.to_pixels(view.to_camera(mesh.vertex_V3))[:, 1]
        assert 75 < np.ptp(row_V) < 120


def test_broad_has_wider_ranges_than_wide():
    """Cameras beyond the ranges of `wide`, and people with one thigh raised."""
    broad, wide = IMAGE_WORLDS["broad"], IMAGE_WORLDS["wide"]
    assert broad.focal_range[0] < wide.focal_range[0] and wide.focal_range[1] < broad.focal_range[1]
    assert broad.pitch_range[0] < wide.pitch_range[0] and wide.pitch_range[1] < broad.pitch_range[1]
    assert sum(dict(broad.poses).values()) == pytest.approx(1)
    lifted = [
        abs(pose.left_leg.toward[2] - pose.right_leg.toward[2])
        for pose in map(RANDOM_POSES["random_joints"], rngs(200))
    ]
    assert np.mean(np.array(lifted) > 1) > 0.2


def test_agile_is_broad_with_fewer_standing_and_walking_people():
    agile, broad = IMAGE_WORLDS["agile"], IMAGE_WORLDS["broad"]
    assert replace(agile, name=broad.name, poses=broad.poses) == broad
    assert sum(dict(agile.poses).values()) == pytest.approx(1)
    assert all(dict(agile.poses)[pose] < dict(broad.poses)[pose] / 2 for pose in ("stand", "walk"))
    assert not np.array_equal(image_scene(agile, 0, 0).rgb_HW3, image_scene(broad, 0, 0).rgb_HW3)


def test_supple_has_people_bent_over_on_standing_legs():
    """A standing leg points down in the world, whatever the tilt of the trunk."""
    supple, agile = IMAGE_WORLDS["supple"], IMAGE_WORLDS["agile"]
    assert replace(supple, name=agile.name, poses=agile.poses) == agile
    assert sum(dict(supple.poses).values()) == pytest.approx(1)
    upright, stands = [], []
    for pose in map(RANDOM_POSES["bent_over"], rngs(200)):
        upright.append(pose.tilt_33[1, 1])
        left, right = np.array(pose.left_leg.toward), np.array(pose.right_leg.toward) * [-1, 1, 1]
        down = [-(pose.tilt_33 @ leg)[1] / np.linalg.norm(leg) for leg in (left, right)]
        stands.append(max(down))
    assert np.mean(np.array(upright) < 0.7) > 0.6
    assert np.mean(np.array(stands) > 0.85) > 0.9


def rngs(count):
    return [np.random.default_rng(seed) for seed in range(count)]


def test_a_person_facing_the_camera_shows_the_front_with_left_on_the_right():
    _, _, _, truth = standing(4)
    label = truth.label_HW
    assert (label == 2).sum() > 5 * (label == 1).sum()
    columns = np.arange(label.shape[1])
    left = np.isin(label, [10, 14, 24])
    right = np.isin(label, [9, 13, 23])
    assert (left.sum(axis=0) @ columns) / left.sum() > (right.sum(axis=0) @ columns) / right.sum()


def test_occluded_pixels_are_in_no_annotation():
    _, mesh, view, truth = standing(5)
    hidden = np.zeros(truth.label_HW.shape, bool)
    hidden[:110] = True
    made = annotated_scene(np.zeros((200, 160, 3), np.uint8), truth, hidden, [mesh], view)
    assert (made.label_HW[:110] == 0).all() and made.box_N4[0, 1] >= 110
    above = made.keypoint_N173[0][(made.keypoint_N173[0][:, 1] < 110)]
    assert (above[:, 2] <= 1).all()
    everything = np.ones(truth.label_HW.shape, bool)
    assert len(annotated_scene(np.zeros((200, 160, 3), np.uint8), truth, everything, [mesh], view).box_N4) == 0


@pytest.mark.parametrize("name", sorted(RANDOM_POSES))
def test_posed_bodies_touch_the_floor_and_keep_their_size(name):
    body = load_body()
    rng = np.random.default_rng(2)
    for _ in range(4):
        mesh = pose_person(Person(score_C=body.score_SC[1], outfit=random_outfit(rng)), RANDOM_POSES[name](rng), 1.0)
        assert abs(mesh.vertex_V3[:, 1].min()) < 1e-5
        assert np.isfinite(mesh.vertex_V3).all() and np.ptp(mesh.vertex_V3, axis=0).max() < 3.0
        assert np.abs(np.linalg.norm(mesh.normal_V3, axis=1) - 1).max() < 1e-3


def test_feet_do_not_slide_in_a_walk():
    """From 15 % to 40 % of the cycle the left foot is flat: it moves less than 1 cm, the body over 20 cm."""
    body = load_body()
    outfit = random_outfit(np.random.default_rng(1))
    person = Person(score_C=np.zeros(len(body.component_CV3), np.float32), outfit=outfit)
    gait = gait_of(person)
    sole = np.unique(body.face_F3[body.chart_F == 5])
    times = gait.period * np.linspace(0.15, 0.40, 6)
    moments = [walking_mesh(dressed_rest_body(person), gait, (0.0, 0.0), 0.7, t).vertex_V3 for t in times]
    low = moments[0][sole, 1] < moments[0][sole, 1].min() + 0.01
    places = np.stack([moment[sole][low] for moment in moments])
    assert np.linalg.norm(np.ptp(places, axis=0)[:, [0, 2]], axis=1).max() < 0.01
    crown = int(moments[0][:, 1].argmax())
    assert np.linalg.norm(moments[-1][crown] - moments[0][crown]) > 0.2


def test_images_have_depth_of_people_and_environment():
    """Inverse depth of a floor is affine in the image; people are nearer than what they hide; occluders have 0."""
    world = replace(
        IMAGE_WORLDS["train"],
        procedural_backgrounds=("floor_and_wall",),
        people=(0.0, 1.0),
        roll_std=0.0,
        pitch_range=(0.2, 0.3),
        person_height=(0.5, 0.6),
    )
    made = [image_scene(replace(world, occluded_share=0.0), 0, index) for index in range(3)]
    for one in made:
        floor = one.depth_HW[-20:, 2]
        assert (one.instance_HW[-20:, 2] == 0).all() and np.isfinite(floor).all()
        steps = np.diff(1 / floor)
        assert steps.min() > 0 and np.abs(steps / steps.mean() - 1).max() < 1e-3
        inside = one.depth_HW[one.label_HW > 0]
        assert inside.min() > 0.5 and np.ptp(inside) < 2.5
    hidden = image_scene(replace(world, occluded_share=1.0, procedural_backgrounds=("clouds",)), 0, 0)
    assert (hidden.depth_HW == 0).any() and (hidden.label_HW[hidden.depth_HW == 0] == 0).all()
    assert np.isinf(hidden.depth_HW).any()


def test_backgrounds_are_crops_of_given_images(tmp_path):
    red = np.zeros((50, 70, 3), np.uint8)
    red[..., 0] = 250
    world = replace(IMAGE_WORLDS["train"], background_images=(red,), image_share=1.0, people=(1.0,))
    made = image_scene(world, 0, 0)
    red_green_blue = made.rgb_HW3.reshape(-1, 3).mean(axis=0)
    assert red_green_blue[0] - red_green_blue[1:].max() > 40
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    with pytest.raises(StageError, match=r"bad\.jpg"):
        random_crop_of(np.random.default_rng(0), bad, 24, 32)


@pytest.mark.parametrize("scene", [lambda: image_scene(IMAGE_WORLDS["val"], 3, 1), lambda: far_scene(FarWorld(), 3, 1)])
def test_the_body_of_a_person_stands_where_the_joints_are(scene):
    made = scene()
    assert len(made.pose_N) == len(made.box_N4) > 0
    for pose, keypoint_173 in zip(made.pose_N, made.keypoint_N173, strict=True):
        pixel = made.camera.project(posed_keypoints(pose)[:17])
        inside = keypoint_173[:, 2] > 0
        size = np.ptp(made.box_N4[:, 1::2], axis=1).max()
        assert np.linalg.norm(pixel - keypoint_173[:, :2], axis=1)[inside].max() < 0.03 * size


def test_the_flat_world_has_neither_clothes_nor_shading():
    """All of a person but the face has one colour; in lamps' light it has many. No other world loses its clothes."""
    world = ALL_IMAGE_WORLDS["flat"]
    _, people, meshes, camera = people_and_camera(world, 0, 3)
    assert camera is not None and not any(person.outfit.garments for person in people)
    for lights, least, most in ((even_light(), 0.9, 1.0), (random_lights(np.random.default_rng(0)), 0.0, 0.1)):
        image = np.zeros((world.height, world.width, 3), np.float32)
        instance_HW = render_people(image, people, meshes, camera, lights).instance_HW
        shown = np.abs(image[instance_HW == 1] - 0.9 * people[0].outfit.skin_3).max(axis=1) < 1e-4
        assert len(shown) > 1000 and least <= shown.mean() <= most
    assert all(one.clothes and one.lamps for name, one in ALL_IMAGE_WORLDS.items() if name != "flat")

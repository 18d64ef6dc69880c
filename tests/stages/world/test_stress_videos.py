"""Clips with corruptions, occluders, background images, lying people and people in contact have exact ground truth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.body.open_body import KEYPOINT_NAMES, load_body
from models.surface.raster import Camera
from stages.evaluation.synthetic_truth import worlds_named
from stages.world.backgrounds.environment import OCCLUDER, environment_view
from stages.world.backgrounds.floor_and_wall import random_floor_and_wall
from stages.world.backgrounds.occluders import FlatOccluder, OccludedEnvironment
from stages.world.backgrounds.photos import photo_plane
from stages.world.bodies.body_shapes import human_shape
from stages.world.bodies.contact import CONTACTS, HAND_DISTANCE, ContactCycle, actors_in_contact, handshake
from stages.world.bodies.motions import random_actor
from stages.world.bodies.people import Person
from stages.world.clothes.garments import random_outfit
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS, VIDEO_WORLDS

SMALL = replace(VIDEO_WORLDS["video"], height=120, width=160, people=(2, 2), person_height=(0.8, 0.9))
FACING = np.diag([1, -1, -1]).astype(np.float32)


def random_test_person(seed=0):
    rng = np.random.default_rng(seed)
    return Person(score_C=human_shape(rng, 0.0, 1.0, 0.0), outfit=random_outfit(rng))


def eye_level(shift=0.0):
    return Camera(
        rotation_33=FACING,
        shift_3=np.array([shift, 1.0, 6], np.float32),
        focal=151.0,
        center_2=(80, 60),
        height=120,
        width=160,
    )


def test_occluders_hide_exactly_what_is_behind_them():
    """The same clip with and without occluders: a pixel of a person is lost exactly where an occluder is nearer."""
    lost = 0
    for index in (10, 130, 270):
        bare, behind = (video_scene(replace(SMALL, occluders=(n, n)), 5, index) for n in (0, 4))
        nearer = behind.depth_HW < bare.depth_HW - 1e-3
        assert np.array_equal(behind.depth_HW > bare.depth_HW + 1e-3, np.zeros_like(nearer))
        shown = {int(one) for one in np.unique(behind.instance_HW)} - {0}
        assert (behind.label_HW[nearer] == 0).all()
        if len(shown) == len(bare.box_N4):
            assert np.array_equal(behind.label_HW, np.where(nearer, 0, bare.label_HW))
        lost += int((nearer & (bare.label_HW > 0)).sum())
    assert lost > 300


def test_an_occluder_covers_the_pixels_between_its_projected_corners():
    board = FlatOccluder(
        left=-0.5,
        right=0.3,
        height=1.2,
        z=2.0,
        slat_spacing=0.1,
        fill=1.0,
        colors_33=np.eye(3, dtype=np.float32),
        tile_size=0.3,
    )
    place = random_floor_and_wall(np.random.default_rng(1))
    camera = eye_level()
    view = environment_view(
        OccludedEnvironment(environment=place, occluders=(board,), grain_GG=np.ones((8, 8), np.float32)), camera
    )
    corners = np.array([[-0.5, 1.2, 2.0], [0.3, 0.0, 2.0]], np.float32)
    (x0, y0), (x1, y1) = camera.to_pixels(camera.to_camera(corners))
    row, column = np.mgrid[:120, :160] + 0.5
    expected = (column > x0) & (column < x1) & (row > y0) & (row < y1)
    assert np.array_equal(view.part_HW == OCCLUDER, expected)
    assert np.allclose(view.depth_HW[expected], 4.0)


@pytest.mark.parametrize("changes", [{"occluders": (4, 4)}, {"occluders": (2, 2), "camera_motions": ("still",)}])
def test_flow_with_occluders_leads_to_the_same_depth_or_is_invisible(changes):
    """A point that stays visible has the depth of the next frame's depth map, occluders included."""
    world = replace(SMALL, **{"camera_motions": ("panning",), "people": (1, 1), **changes})
    here, there = video_scene(world, 2, 30), video_scene(world, 2, 31)
    place = (here.label_HW == 0) & here.moving.next_seen_HW & np.isfinite(here.depth_HW)
    row, column = np.nonzero(place)
    x, y = (column + 0.5 + here.moving.next_2HW[0, place], row + 0.5 + here.moving.next_2HW[1, place])
    found = there.depth_HW[np.floor(y).astype(int), np.floor(x).astype(int)]
    # A pan hardly changes depths; at an edge the pixel may show the other side of it.
    same = np.abs(found / here.depth_HW[place] - 1) < 0.05
    assert len(same) > 8000 and same.mean() > 0.97
    nearer = found < 0.9 * here.depth_HW[place]
    assert nearer.mean() < 0.02


def test_a_background_image_follows_the_flow_when_the_camera_turns(tmp_path):
    """Colours sampled along the exact flow are the colours of the next frame."""
    y, x = np.mgrid[:300, :400]
    waves = [127 + 100 * np.sin(x / 5 + k) * np.cos(y / 7 + 2 * k) for k in range(3)]
    path = tmp_path / "waves.png"
    cv2.imwrite(str(path), np.stack(waves, axis=-1).astype(np.uint8))
    world = replace(SMALL, camera_motions=("panning",), people=(1, 1), background_images=(str(path),), image_share=1.0)
    here, there = video_scene(world, 3, 40), video_scene(world, 3, 44)
    assert np.isfinite(here.depth_HW).all()  # a background image has depth
    way = sum(video_scene(world, 3, k).moving.next_2HW[:, 10, 80] for k in range(40, 44))
    assert np.abs(way).max() > 1
    drift = np.abs(there.rgb_HW3.astype(float) - here.rgb_HW3).mean()
    still = np.float32([[1, 0, way[0]], [0, 1, way[1]]])
    followed = cv2.warpAffine(here.rgb_HW3, still, (160, 120), borderMode=cv2.BORDER_REFLECT)
    assert np.abs(there.rgb_HW3.astype(float) - followed).mean() < 0.6 * drift


def test_a_background_image_fills_a_still_view_pixel_for_pixel():
    """Seen frontally its pixels are the camera's: the middle of a crop of 1.3 times the view."""
    rng, rows = np.random.default_rng(0), np.linspace(0, 255, 200)[:, None, None]
    image = np.broadcast_to(rows, (200, 300, 3)).astype(np.uint8)
    camera = eye_level()
    canvas = photo_plane(rng, image, camera, 5.0)
    seen = canvas.paint(environment_view(canvas, camera), 1.0)
    assert canvas.image_HW3.shape == (156, 208, 3)
    assert np.abs(seen - canvas.image_HW3[18:138, 24:184]).max() < 0.02


def test_corruptions_last_through_a_clip_and_do_not_change_the_ground_truth():
    for name, steady in (("night", 0.06), ("rain", 0.06), ("unfocused", 0.02)):
        dry, wet = (
            [
                video_scene(replace(SMALL, camera_motions=("still",), corruptions=weather), 4, index)
                for index in (20, 21, 22)
            ]
            for weather in ((), (name,))
        )
        for one, other in zip(dry, wet, strict=True):
            assert np.array_equal(one.label_HW, other.label_HW) and np.array_equal(one.depth_HW, other.depth_HW)
            assert not np.array_equal(one.rgb_HW3, other.rgb_HW3)
        light = [made.rgb_HW3.mean() for made in wet]
        assert np.ptp(light) < steady * np.mean(light)
    nights = [video_scene(replace(SMALL, corruptions=("night",)), 4, 100 * clip).rgb_HW3.mean() for clip in range(4)]
    days = [video_scene(SMALL, 4, 100 * clip).rgb_HW3.mean() for clip in range(4)]
    assert np.mean(nights) < 0.6 * np.mean(days)


def test_a_resting_person_stands_sits_lies_and_stands_again():
    person, half = random_test_person(3), 4.0
    mover = random_actor("rest", person, np.random.default_rng(2), (0.0, 0.0), 0.0, half)
    nose, hip = KEYPOINT_NAMES.index("nose"), KEYPOINT_NAMES.index("left_hip")
    heights = np.array([mover.mesh(float(t)).keypoint_K3[[nose, hip], 1] for t in np.arange(-half, half, 0.2)])
    tall = np.ptp(load_body().rest(person.score_C)[0][:, 1])
    assert heights[:, 0].max() > 0.85 * tall and heights[:, 0].min() < 0.25 * tall
    seated = (heights[:, 1] < 0.15 * tall) & (heights[:, 0] > 0.35 * tall)
    assert seated.any()


def test_a_cartwheel_goes_over_the_hands_and_ends_on_the_feet():
    person = random_test_person(4)
    mover = random_actor("cartwheel", person, np.random.default_rng(1), (0.0, 0.0), 0.0, 2.0)
    nose, ankle = KEYPOINT_NAMES.index("nose"), KEYPOINT_NAMES.index("left_ankle")
    up = np.array([np.diff(mover.mesh(float(t)).keypoint_K3[[ankle, nose], 1])[0] for t in np.arange(-2, 2, 0.1)])
    tall = np.ptp(load_body().rest(person.score_C)[0][:, 1])
    assert up.max() > 0.8 * tall and up.min() < -0.6 * tall


def test_people_in_contact_touch_in_time_and_their_feet_do_not_slide():
    soles = load_body().twin_V[::7]
    for seed in (0, 1, 6, 7):
        rng = np.random.default_rng(seed)
        two = actors_in_contact(
            rng, (random_test_person(2 * seed), random_test_person(2 * seed + 1)), (0.3, -0.2), 0.7, 1.0
        )
        together = [one.mesh(0.0) for one in two]
        apart = min(
            np.linalg.norm(together[0].vertex_V3[k::9, None] - together[1].vertex_V3[None, ::9], axis=2).min()
            for k in (0, 4)
        )
        assert apart < 0.06
        for one in two:
            early, late = (one.mesh(t).vertex_V3[soles] for t in (-0.9, 0.7))
            low = (early[:, 1] < 0.02) & (late[:, 1] < 0.02)
            assert low.any() and np.linalg.norm((early - late)[low], axis=1).max() < 0.03


def test_hands_touch_once_per_period():
    greeting = ContactCycle(period=3.0, shake=0.2, sway=0.0, rate=2.0)
    assert greeting.strength(0.0) == greeting.strength(3.0) == 1 and greeting.strength(1.5) == 0
    wrist = KEYPOINT_NAMES.index("right_wrist")
    shaking = [seed for seed in range(20) if CONTACTS[np.random.default_rng(seed).integers(len(CONTACTS))] is handshake]
    for seed in shaking[:2]:
        two = actors_in_contact(
            np.random.default_rng(seed), (random_test_person(1), random_test_person(2)), (0.0, 0.0), 0.0, 0.1
        )
        gap = [
            float(np.linalg.norm((two[0].mesh(t).keypoint_K3 - two[1].mesh(t).keypoint_K3)[wrist, [0, 2]]))
            for t in (0.0, 0.5 * 2.4, 0.5 * 4.5)
        ]
        assert gap[0] == pytest.approx(HAND_DISTANCE, abs=1e-3) and max(gap[1:]) > 0.4


@pytest.mark.parametrize("name", sorted(STRESS_VIDEO_WORLDS))
def test_every_stress_video_is_deterministic(name):
    world = replace(STRESS_VIDEO_WORLDS[name], height=120, width=160)
    one, other = video_scene(world, 1, 150), video_scene(replace(world), 1, 150)
    assert np.array_equal(one.rgb_HW3, other.rgb_HW3)
    assert np.array_equal(one.moving.next_2HW, other.moving.next_2HW)
    assert np.array_equal(one.label_HW > 0, one.instance_HW > 0)
    assert name in worlds_named("stress_video") and worlds_named(name) == (name,)


def test_stress_videos_show_the_same_people_as_the_plain_one():
    """Only the difficulty differs, so scores can be compared."""
    plain, rain, boards = (
        video_scene(replace(STRESS_VIDEO_WORLDS[f"stress_video_{tag}"], height=120, width=160), 2, 20)
        for tag in ("plain", "rain", "occlusion")
    )
    assert np.array_equal(plain.label_HW, rain.label_HW)
    assert np.array_equal(plain.moving.next_2HW, rain.moving.next_2HW)
    seen = boards.label_HW > 0
    assert seen.any() and np.array_equal(boards.label_HW[seen], plain.label_HW[seen])

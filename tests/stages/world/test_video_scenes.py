"""Frames of clips: flow leads every surface point to its position in the next frame, with exact visibility."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from equal_scenes import same_scenes

from models.body.open_body import load_body
from models.surface.occlusion import occluded
from models.surface.raster import Camera
from stages.world.backgrounds.floor_and_wall import random_floor_and_wall
from stages.world.bodies.motions import random_actor
from stages.world.bodies.people import Person
from stages.world.bodies.pose_interpolation import mean_pose, pose_on_spline, spline_weights
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.rotations import LEFT, axis_rotation, unit
from stages.world.camera.camera_motion import CAMERA_MOTIONS
from stages.world.camera.optical_flow import exact_flow, frame_geometry, visible_hits
from stages.world.clothes.garments import random_outfit
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import VIDEO_WORLDS

VIDEO = VIDEO_WORLDS["video"]
SMALL = replace(
    VIDEO,
    height=120,
    width=160,
    people=(2, 2),
    person_height=(0.8, 0.9),
    appearance=replace(VIDEO.appearance, skirts=0.15, bags=0.0, loose_clothing=0.0, hair_styles=0.0),
)
"""Without bags, so that every pixel without a label shows the environment."""


def small(**changes):
    return replace(SMALL, **changes)


def at(image, x, y):
    """Values of a map (H, W) or (2, H, W) at positions, from the pixel that contains each."""
    return image[..., np.floor(y).astype(int), np.floor(x).astype(int)]


def between(picture_HW, x, y):
    """Bilinear values, and the range of the four pixels around."""
    column, row = np.floor(x - 0.5).astype(int), np.floor(y - 0.5).astype(int)
    height, width = picture_HW.shape
    corners = np.stack(
        [picture_HW[np.clip(row + j, 0, height - 1), np.clip(column + i, 0, width - 1)] for j in (0, 1) for i in (0, 1)]
    )
    fx, fy = x - 0.5 - column, y - 0.5 - row
    weights = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
    return (corners * weights).sum(0), corners


def places(flow_2HW, visible_HW):
    """Rows and columns of the selected pixels, and the positions (x, y) to which they move."""
    row, column = np.nonzero(visible_HW)
    return row, column, column + 0.5 + flow_2HW[0, row, column], row + 0.5 + flow_2HW[1, row, column]


@pytest.mark.parametrize(
    ("cameras", "skirts", "loose"),
    [("still", 1.0, 0.0), ("panning", 0.0, 0.0), ("shaking", 0.0, 0.0), ("zooming", 1.0, 0.0), ("still", 0.0, 1.0)],
)
def test_flow_leads_to_the_same_surface_point_of_the_same_person(cameras, skirts, loose):
    clothes = replace(VIDEO.appearance, skirts=skirts, long_hair=skirts, loose_clothing=loose, hair_styles=loose)
    world = small(camera_motions=(cameras,), appearance=clothes)
    here, there = video_scene(world, 5, 40), video_scene(world, 5, 41)
    for one, other, way, seen in (
        (here, there, here.moving.next_2HW, here.moving.next_seen_HW),
        (there, here, there.moving.previous_2HW, there.moving.previous_seen_HW),
    ):
        row, column, x, y = places(way, seen & (one.label_HW > 0))
        assert len(row) > 300
        labels = between(other.label_HW.astype(float), x, y)[1]
        inner = (labels == one.label_HW[row, column]).all(axis=0)
        assert inner.sum() > 600
        for axis in (0, 1):
            value, corners = between(other.uv_2HW[axis].astype(float), x, y)
            smooth = inner & (np.ptp(corners, axis=0) < 0.06)  # not across a seam inside a chart
            error = np.abs(value - one.uv_2HW[axis][row, column].astype(float))[smooth]
            assert np.median(error) < 0.002 and np.quantile(error, 0.95) < 0.015
        mine, theirs = one.moving.track_N, other.moving.track_N
        same = mine[one.instance_HW[row, column] - 1] == theirs[at(other.instance_HW, x, y).astype(int) - 1]
        assert same[inner].mean() > 0.99


def test_forward_and_backward_flow_cancel():
    """To 0.01 pixels where the flow is smooth; the rest is bilinear interpolation."""
    world = small(camera_motions=("panning",))
    here, there = video_scene(world, 2, 30), video_scene(world, 2, 31)
    row, column, x, y = places(here.moving.next_2HW, here.moving.next_seen_HW & (here.label_HW == 0))
    for axis, start, end in ((0, column + 0.5, x), (1, row + 0.5, y)):
        back, corners = between(there.moving.previous_2HW[axis].astype(float), x, y)
        _, others = between(there.label_HW, x, y)
        smooth = (others == 0).all(axis=0) & (np.ptp(corners, axis=0) < 0.2)
        error = np.abs(end + back - start)[smooth]
        assert smooth.sum() > 5000 and np.quantile(error, 0.99) < 0.01


def test_a_zoom_moves_the_background_about_the_image_centre():
    """In closed form: the flow is an affine function of the position at any depth (up to the tremor)."""
    world = small(camera_motions=("zooming",), people=(1, 1))
    for index in range(0, 60, 20):
        here = video_scene(world, 3, index)
        way = here.moving.next_2HW[:, here.label_HW == 0]
        row, column = np.nonzero(here.label_HW == 0)
        design = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], axis=1)
        left = [np.abs(design @ np.linalg.lstsq(design, part, rcond=None)[0] - part).max() for part in way]
        assert max(left) < 0.3


def test_invisible_points_are_occluded_or_outside():
    """A visible point has the depth of the depth map; an invisible one inside the image has something nearer there."""
    world = small(camera_motions=("still",), motions=(("walk", 1.0),))
    hidden_points = 0
    for index in (40, 48, 56):
        here, there = video_scene(world, 7, index), video_scene(world, 7, index + 1)
        floor = here.label_HW == 0
        row, column, x, _ = places(here.moving.next_2HW, floor & here.moving.next_seen_HW)
        assert np.abs(x - column - 0.5).max() < 1e-3  # the camera stands still, and so does the floor
        assert (at(there.label_HW, column + 0.5, row + 0.5) == 0).all()
        lost = floor & ~here.moving.next_seen_HW
        hidden_points += int(lost.sum())
        assert (there.label_HW[lost] > 0).all()
        assert (there.depth_HW[lost] < here.depth_HW[lost]).all()
    assert hidden_points > 50


def test_depth_of_an_empty_floor_is_that_of_a_plane():
    world = small(camera_motions=("still",), people=(1, 1))
    made = video_scene(world, 4, 0)
    depth = made.depth_HW
    bottom = depth[-1][made.label_HW[-1] == 0]
    assert np.ptp(bottom) < 1e-3 * bottom.mean()  # no roll: a row of the floor is at one depth
    column = depth[-30:, 2]
    inverse = np.diff(1 / column)
    assert np.abs(inverse / inverse.mean() - 1).max() < 1e-3  # 1/depth is affine in the row


def test_identities_persist_and_differ_between_clips():
    crowd = replace(VIDEO_WORLDS["crowd"], height=120, width=160, frames=10, people=(6, 6))
    made = [video_scene(crowd, 1, index) for index in (0, 9, 10)]
    first = [set(one.moving.track_N.tolist()) for one in made[:2]]
    second = [set(one.moving.track_N.tolist()) for one in made[2:]]
    assert len(set.union(*first)) >= 4 and len(set.intersection(*first)) >= 3
    assert not set.union(*first) & set.union(*second)
    for one in made:
        assert len(one.moving.track_N) == len(one.box_N4) == len(set(one.moving.track_N.tolist()))


def test_random_access_gives_the_same_bytes():
    world = small(frames=20)
    ahead = [video_scene(world, 9, index) for index in (3, 4, 25)]
    back = [video_scene(world, 9, index) for index in (25, 4, 3)][::-1]
    for one, other in zip(ahead, back, strict=True):
        assert same_scenes(one, other)


@pytest.mark.parametrize("kind", ["run", "dance", "exercise", "turn", "idle", "rest", "cartwheel"])
def test_contacts_with_the_floor_do_not_slide_and_nothing_jumps(kind):
    body, rng = load_body(), np.random.default_rng(4)
    person = Person(score_C=body.score_SC[1], outfit=random_outfit(rng))
    someone = random_actor(kind, person, rng, (0.5, -1.0), 0.3, 1.0)
    times = np.arange(-10, 11) * 0.04
    meshes = [someone.mesh(float(t)).vertex_V3 for t in times]
    slips, steps = [], []
    for one, other in pairwise(meshes):
        assert abs(one[:, 1].min()) < (0.09 if kind == "run" else 0.02)
        low = (one[:, 1] < 0.006) & (other[:, 1] < 0.006)
        if low.any():
            slips.append(np.linalg.norm((other - one)[low][:, [0, 2]].mean(axis=0)))
        steps.append(np.linalg.norm(other - one, axis=1).max())
    assert np.median(slips) < 0.012
    assert max(steps) < 0.75  # metres in 40 ms: a hand of a dancer is fast, a jump would be more
    if kind == "run":
        way = meshes[-1].mean(axis=0) - meshes[0].mean(axis=0)
        speed = np.linalg.norm(way[[0, 2]]) / (times[-1] - times[0])
        assert 1.5 < speed < 6.5 and way[[0, 2]] @ [np.sin(0.3), np.cos(0.3)] > 0.9 * np.linalg.norm(way[[0, 2]])


def test_interpolated_poses_stay_within_the_angles_of_their_keys():
    rng = np.random.default_rng(0)
    keys = [RANDOM_POSES["dance"](rng) for _ in range(6)]
    knees = [key.left_leg.knee for key in keys]
    for t in np.linspace(0, 3, 31):
        first, weights = spline_weights(float(t), 6)
        assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
        pose = pose_on_spline(keys, float(t))
        near = knees[first : first + 4]
        assert min(near) - 1e-9 <= pose.left_leg.knee <= max(near) + 1e-9
        assert np.abs(pose.tilt_33 @ pose.tilt_33.T - np.eye(3)).max() < 1e-5 and np.linalg.det(pose.tilt_33) > 0
    alone = mean_pose(keys[:1], [1.0])
    assert alone.right_arm.elbow == keys[0].right_arm.elbow
    assert np.allclose(unit(alone.left_arm.toward), unit(keys[0].left_arm.toward), atol=1e-6)


def test_camera_motions_do_what_their_names_say():
    base = Camera(
        rotation_33=np.eye(3, dtype=np.float32),
        shift_3=np.array([0, 1, 5], np.float32),
        focal=300.0,
        center_2=(80.0, 60.0),
        height=120,
        width=160,
    )
    works = {
        name: [CAMERA_MOTIONS[name](np.random.default_rng(1), base).at(t) for t in np.linspace(0, 4, 40)]
        for name in CAMERA_MOTIONS
    }
    turns = {
        name: max(np.abs(c.rotation_33 - cameras[0].rotation_33).max() for c in cameras)
        for name, cameras in works.items()
    }
    focals = {name: np.ptp([c.focal for c in cameras]) for name, cameras in works.items()}
    assert turns["still"] == 0 and focals["still"] == 0
    assert turns["panning"] > 0.08 and turns["shaking"] > 0.003 and turns["zooming"] < 0.05
    assert focals["zooming"] > 40 and focals["panning"] == focals["shaking"] == 0


def test_a_moving_camera_sees_points_that_the_wall_hid_before():
    """A point of the environment is visible if the ray to it hits the environment there; checked at every pixel."""
    person = Person(score_C=load_body().score_SC[1], outfit=random_outfit(np.random.default_rng(0)))
    someone = random_actor("idle", person, np.random.default_rng(4), (0.0, 0.0), 0.0, 1.0)
    place = replace(random_floor_and_wall(np.random.default_rng(2)), wall_y=1.2, wall_z=4.0)
    high, low = (
        Camera(
            rotation_33=np.diag([1, -1, -1]).astype(np.float32) @ axis_rotation(LEFT, 0.15),
            focal=110.0,
            center_2=(80, 60),
            shift_3=(-np.diag([1, -1, -1]).astype(np.float32) @ axis_rotation(LEFT, 0.15) @ [0, y, 5]).astype(
                np.float32
            ),
            height=120,
            width=160,
        )
        for y in (2.3, 1.4)
    )
    here, there = (frame_geometry(place, (someone.mesh(0.0),), view) for view in (high, low))
    hits = visible_hits(here)
    seen = exact_flow(here, hits, there).visible_HW.reshape(-1)
    point = here.point_HW3.reshape(-1, 3).astype(float)
    at = low.to_camera(here.point_HW3.reshape(-1, 3))
    pixel = low.to_pixels(at)
    inside = (at[:, 2] > 0.1) & (pixel >= 0).all(axis=1) & (pixel < [160, 120]).all(axis=1)
    eye = (-low.rotation_33.T @ low.shift_3).astype(float)
    # Where the ray to the point crosses the plane of the wall, and how high.
    share = (-place.wall_z - eye[2]) / (point[:, 2] - eye[2])
    behind = (share > 0) & (share < 0.998) & (eye[1] + share * (point[:, 1] - eye[1]) < place.wall_y)
    free = np.ones(len(seen), bool)
    free[hits.pixel_P] = False
    assert (behind & inside & free).sum() > 1000
    assert not seen[behind & free].any()
    # The floor ends at 80 m: beyond it, below the horizon, is sky, which another view sees under the floor.
    alone = inside & free & ~behind & (point[:, 1] > -0.01) & ~occluded(there.occluders, pixel, at[:, 2])
    assert alone.sum() > 5000 and seen[alone].mean() > 0.999

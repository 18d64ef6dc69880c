"""Bags hide people, long hair is labelled head; both follow their part of the body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.open_body import load_body
from models.surface.raster import Camera
from stages.world.bodies.people import Person, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.rotations import UP, axis_rotation
from stages.world.camera.rendering import rasterize_people, surface_maps
from stages.world.clothes.bags import Bag, random_bag
from stages.world.clothes.garments import random_outfit
from stages.world.clothes.hair_and_hats import LongHair, random_long_hair
from stages.world.clothes.patterns import random_pattern
from stages.world.clothes.rest_body import rest_body
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)
CLOTH = random_pattern(RNG)
BARE = Person(score_C=load_body().score_SC[2], outfit=replace(random_outfit(RNG), garments=()))
BACKPACK = Bag(middle_3=(0.0, 1.27, -0.20), half_3=(0.15, 0.21, 0.09), bone="spine02", pattern=CLOTH)


def seen_from(mesh, yaw, height=200, width=150):
    facing = (np.diag([1, -1, -1]) @ axis_rotation(UP, yaw)).astype(np.float32)
    middle = (mesh.vertex_V3.min(axis=0) + mesh.vertex_V3.max(axis=0)) / 2
    camera = Camera(
        rotation_33=facing,
        shift_3=np.array([0, 0, 6], np.float32) - facing @ middle,
        focal=520.0,
        center_2=(width / 2, height / 2),
        height=height,
        width=width,
    )
    return surface_maps(rasterize_people([mesh], camera), [mesh], camera)


def pair(thing, kind="stand", seed=1):
    pose = RANDOM_POSES[kind](np.random.default_rng(seed))
    return pose_person(replace(BARE, attachments=(thing,)), pose, 0.0), pose_person(BARE, pose, 0.0)


def test_a_backpack_hides_the_back_and_not_the_front():
    with_bag, without = pair(BACKPACK)
    back, bare_back = seen_from(with_bag, np.pi), seen_from(without, np.pi)
    assert (back.label_HW == 1).sum() < 0.6 * (bare_back.label_HW == 1).sum()
    hidden = (back.label_HW == 0) & (bare_back.label_HW > 0)
    assert (back.instance_HW[hidden] == 0).all() and (back.uv_2HW[:, hidden] == 0).all()
    assert (back.depth_HW[hidden] < bare_back.depth_HW[hidden]).all()
    front, bare_front = seen_from(with_bag, 0.0), seen_from(without, 0.0)
    assert (front.label_HW != bare_front.label_HW).mean() < 0.002


def test_long_hair_is_labelled_head_and_falls_over_the_back():
    locks = random_long_hair(np.random.default_rng(0), np.full(3, 0.2, np.float32))
    assert isinstance(locks, LongHair)
    with_hair, without = pair(replace(locks, length=0.4))
    back, bare = seen_from(with_hair, np.pi), seen_from(without, np.pi)
    head = np.isin(back.label_HW, (23, 24))
    assert head.sum() > 1.25 * np.isin(bare.label_HW, (23, 24)).sum()
    assert (head & (bare.label_HW == 1)).sum() > 60
    columns = np.arange(head.shape[1])
    left, right = ((back.label_HW == chart).sum(axis=0) for chart in (24, 23))
    assert (left @ columns) / left.sum() < (right @ columns) / right.sum()  # from behind, left is left
    front, bare_front = seen_from(with_hair, 0.0), seen_from(without, 0.0)
    face = np.isin(bare_front.label_HW, (23, 24))
    assert (front.label_HW[face] == bare_front.label_HW[face]).mean() > 0.97


@pytest.mark.parametrize("kind", ["walk", "dance", "lie"])
def test_a_bag_keeps_its_position_on_the_body(kind):
    """The distance of a backpack's centre from the nearest skin is that at rest, up to the scale of the body."""
    at_rest = np.linalg.norm(rest_body().point_V3 - BACKPACK.middle_3, axis=1).min()
    for seed in range(3):
        mesh, _ = pair(BACKPACK, kind, seed)
        middle = mesh.attached_meshes[0].vertex_W3.mean(axis=0)
        assert abs(np.linalg.norm(mesh.vertex_V3 - middle, axis=1).min() - at_rest) < 0.06


def test_scenes_have_every_kind_of_bag():
    kinds = {random_bag(np.random.default_rng(seed), CLOTH).bone for seed in range(30)}
    assert kinds == {"spine02", "root", "wrist.L", "wrist.R"}
    world = replace(IMAGE_WORLDS["train"], name="carried", bags=1.0, long_hair=1.0, skirts=0.5)
    for index in range(8):
        made = image_scene(world, 1, index)
        assert np.array_equal(made.label_HW > 0, made.instance_HW > 0)
        assert (made.uv_2HW[:, made.label_HW == 0] == 0).all()

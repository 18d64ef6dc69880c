"""Skirts hide the legs beneath and have their labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.body.open_body import load_body
from models.surface.occlusion import occluded, occluders_of
from models.surface.raster import Camera, facing
from stages.world.bodies.people import Person, merged_mesh, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.rotations import UP, axis_rotation
from stages.world.camera.rendering import rasterize_people, surface_maps
from stages.world.clothes.garments import random_outfit
from stages.world.clothes.patterns import random_pattern
from stages.world.clothes.rest_body import rest_body
from stages.world.clothes.skirts import RING, WAIST_Y, Skirt
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS

pytestmark = pytest.mark.quick

PLAIN = IMAGE_WORLDS["train"]


def person(rings, *, flare=0.12):
    rng = np.random.default_rng(3)
    outfit = random_outfit(rng)
    skirt = Skirt(rings=rings, flare=flare, folds=7, phase=0.4, pattern=random_pattern(rng))
    return Person(score_C=load_body().score_SC[2], outfit=replace(outfit, garments=()), attachments=(skirt,))


def around(mesh, yaw, height=200, width=150):
    facing = (np.diag([1, -1, -1]) @ axis_rotation(UP, yaw)).astype(np.float32)
    middle = (mesh.vertex_V3.min(axis=0) + mesh.vertex_V3.max(axis=0)) / 2
    shift = np.array([0, 0, 6], np.float32) - facing @ middle
    return Camera(
        rotation_33=facing, shift_3=shift, focal=520.0, center_2=(width / 2, height / 2), height=height, width=width
    )


@pytest.mark.parametrize("kind", ["stand", "walk"])
def test_a_skirt_hides_what_is_beneath_from_all_sides(kind):
    place, rings = rest_body(), 20
    under = (place.leg_V > -0.5) & (place.point_V3[:, 1] > WAIST_Y - RING * (rings - 4)) & (place.point_V3[:, 1] < 1.0)
    under &= place.arm_V < -0.9
    bare = []
    for seed in range(4):
        mesh = pose_person(person(rings), RANDOM_POSES[kind](np.random.default_rng(seed)), 0.0)
        for yaw in np.arange(0, 6.28, 0.8):
            view, solids = around(mesh, float(yaw)), merged_mesh([mesh])
            seen = view.to_camera(solids.vertex_V3)
            point = seen[: len(under)][under]
            before = occluders_of(facing(view, seen, solids.face_F3))
            bare.append(1 - occluded(before, view.to_pixels(point), point[:, 2]).mean())
    assert np.mean(bare) < 0.01 and max(bare) < 0.08


def test_labels_are_those_of_the_skin_beneath():
    dressed = person(18, flare=0.02)
    pose = RANDOM_POSES["stand"](np.random.default_rng(5))
    with_skirt, without = pose_person(dressed, pose, 0.0), pose_person(replace(dressed, attachments=()), pose, 0.0)
    for yaw in (0.0, np.pi / 2, np.pi, -np.pi / 2):
        view = around(without, yaw)
        on, off = (surface_maps(rasterize_people([mesh], view), [mesh], view) for mesh in (with_skirt, without))
        both = (on.label_HW > 0) & (off.label_HW > 0) & (on.depth_HW < off.depth_HW - 0.005)
        assert both.sum() > 400
        agree = COARSE_OF_CHART[on.label_HW[both]] == COARSE_OF_CHART[off.label_HW[both]]
        if abs(np.cos(yaw)) > 0.5:
            assert agree.mean() > 0.93
        else:  # from the side the skirt also hides the further leg
            near = COARSE_OF_CHART[9 if yaw > 0 else 10]
            assert (agree | (COARSE_OF_CHART[on.label_HW[both]] == near)).mean() > 0.93
        same = both & (on.label_HW == off.label_HW)
        apart = np.abs(on.uv_2HW - off.uv_2HW)[:, same]
        assert np.median(apart) < 0.05


def test_a_skirt_covers_more_than_the_legs_and_all_maps_agree():
    world = replace(PLAIN, name="skirts", skirts=1.0, people=(0.0, 1.0), occluded_share=0.0)
    for index in range(6):
        made = image_scene(world, 2, index)
        assert np.array_equal(made.label_HW > 0, made.instance_HW > 0)
        assert made.uv_2HW.min() >= 0 and made.uv_2HW.max() <= 1
    mesh = pose_person(person(24), RANDOM_POSES["stand"](np.random.default_rng(1)), 0.0)
    bare = pose_person(replace(person(24), attachments=()), RANDOM_POSES["stand"](np.random.default_rng(1)), 0.0)
    view = around(bare, 0.0)
    assert (surface_maps(rasterize_people([mesh], view), [mesh], view).label_HW > 0).sum() > 1.1 * (
        surface_maps(rasterize_people([bare], view), [bare], view).label_HW > 0
    ).sum()

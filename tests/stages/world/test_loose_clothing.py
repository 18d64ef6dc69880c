"""Loose clothing is outside the body and has the labels of the skin beneath; hair is labelled head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.body.open_body import load_body
from models.surface.raster import Camera
from stages.world.bodies.costumes import COSTUMES, in_loose_clothes, with_hair_style
from stages.world.bodies.people import Person, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.rotations import UP, axis_rotation
from stages.world.camera.rendering import rasterize_people, surface_maps
from stages.world.clothes.garments import random_outfit
from stages.world.clothes.hair_and_hats import hat, random_hair_style
from stages.world.clothes.loose_clothing import Tube, body_part_rings
from stages.world.clothes.patterns import random_pattern
from stages.world.clothes.rest_body import rest_body
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS, STRESS_IMAGE_WORLDS

CLOTH = random_pattern(np.random.default_rng(0))
BARE = Person(score_C=load_body().score_SC[2], outfit=replace(random_outfit(np.random.default_rng(3)), garments=()))


def tube(part, rings, gap=0, flare=0.03):
    return Tube(part=part, rings=rings, flare=flare, folds=5, phase=0.3, gap=gap, pattern=CLOTH)


def seen_from(mesh, yaw, height=240, width=180):
    facing = (np.diag([1, -1, -1]) @ axis_rotation(UP, yaw)).astype(np.float32)
    middle = (mesh.vertex_V3.min(axis=0) + mesh.vertex_V3.max(axis=0)) / 2
    view = Camera(
        rotation_33=facing,
        shift_3=np.array([0, 0, 6], np.float32) - facing @ middle,
        focal=620.0,
        center_2=(width / 2, height / 2),
        height=height,
        width=width,
    )
    hits = rasterize_people([mesh], view)
    return surface_maps(hits, [mesh], view), hits


@pytest.mark.parametrize(("part", "rings"), [("trunk", 24), ("left leg", 22), ("right arm", 14)])
@pytest.mark.parametrize("kind", ["stand", "walk"])
def test_cloth_covers_its_part_of_the_body_from_all_sides(part, rings, kind):
    """Almost no skin between the fourth and the last but one ring is visible."""
    ours = body_part_rings(part)
    inner = np.zeros(len(rest_body().arm_V), bool)
    inner[ours.member_M[ours.start_R[5] : ours.start_R[rings - 2]]] = True
    faces = load_body().face_F3
    covered_F = inner[faces].all(axis=1)
    bare = clothed = 0
    for seed in range(3):
        pose = RANDOM_POSES[kind](np.random.default_rng(seed))
        for yaw in (0.3, 1.8, 3.4, 5.0):
            for person in (BARE, replace(BARE, attachments=(tube(part, rings),))):
                _, hits = seen_from(pose_person(person, pose, 0.0), yaw)
                skin = hits.face_P[hits.face_P < len(faces)]
                count = int(covered_F[skin].sum())
                if person is BARE:
                    bare += count
                else:
                    clothed += count
    assert bare > 1000
    assert clothed < 0.03 * bare


def test_an_open_coat_shows_what_is_beneath_only_in_front():
    pose = RANDOM_POSES["stand"](np.random.default_rng(5))
    faces = len(load_body().face_F3)
    shown = {}
    for gap in (0, 10):
        mesh = pose_person(replace(BARE, attachments=(tube("trunk", 30, gap),)), pose, 0.0)
        for yaw in (0.0, np.pi):
            _, hits = seen_from(mesh, yaw)
            shown[gap, yaw] = int((hits.face_P < faces).sum())
    assert shown[10, 0.0] > shown[0, 0.0] + 300
    assert abs(shown[10, np.pi] - shown[0, np.pi]) < 0.02 * shown[0, np.pi]


@pytest.mark.parametrize(
    ("part", "rings", "least"),
    [
        ("trunk", 17, 0.9),
        ("left leg", 20, 0.9),
        ("left arm", 15, 0.75),  # the elbow of this body is one ring away from the mean's
    ],
)
def test_labels_are_those_of_the_skin_beneath(part, rings, least):
    pose = RANDOM_POSES["stand"](np.random.default_rng(5))
    worn = pose_person(replace(BARE, attachments=(tube(part, rings, flare=0.0),)), pose, 0.0)
    bare = pose_person(BARE, pose, 0.0)
    (on, _), (off, _) = seen_from(worn, 0.0), seen_from(bare, 0.0)
    cloth = (on.label_HW > 0) & (off.label_HW > 0) & (on.depth_HW < off.depth_HW - 0.003)
    assert cloth.sum() > 300
    coarse = COARSE_OF_CHART[on.label_HW[cloth]] == COARSE_OF_CHART[off.label_HW[cloth]]
    same = cloth & (on.label_HW == off.label_HW)
    assert coarse.mean() > least and same.sum() > (least - 0.1) * cloth.sum()
    assert np.median(np.abs(on.uv_2HW - off.uv_2HW)[:, same]) < 0.06


def test_every_costume_and_hair_style_is_deterministic_and_finite():
    for dress in (*COSTUMES, with_hair_style):
        for seed in range(4):
            made = []
            for _ in range(2):
                rng = np.random.default_rng(seed)
                person = Person(score_C=BARE.score_C, outfit=random_outfit(rng))
                made.append(pose_person(dress(person, rng, ("plain",)), RANDOM_POSES["dance"](rng), 0.4))
            for one, other in zip(made[0].attached_meshes, made[1].attached_meshes, strict=True):
                assert np.array_equal(one.vertex_W3, other.vertex_W3) and np.isfinite(one.vertex_W3).all()
                # An open coat has points without faces, and crowns are points where many meet.
                length = np.linalg.norm(one.normal_W3, axis=1)
                assert (np.abs(length - 1) < 1e-3).mean() > 0.7 and length.max() < 1.001
                assert np.isin(one.surface.chart_G, range(1, 25)).all()


def test_hair_is_labelled_head_touches_it_and_leaves_the_face_free():
    pose = RANDOM_POSES["stand"](np.random.default_rng(1))
    bare, _ = seen_from(pose_person(BARE, pose, 0.0), 0.0)
    face = (bare.label_HW >= 23) & (np.arange(240) > 0)[:, None]
    for seed in range(12):
        rng = np.random.default_rng(seed)
        hair = random_hair_style(rng, np.zeros(3, np.float32)) if seed % 3 else hat(rng, CLOTH)[1:]
        worn = pose_person(replace(BARE, attachments=hair), pose, 0.0)
        for extra in worn.attached_meshes:
            assert np.isin(extra.surface.chart_G, (23, 24)).all()
            head = worn.vertex_V3[rest_body().head_V > 0]
            apart = np.linalg.norm(extra.vertex_W3[:, None] - head[None, ::7], axis=2).min()
            assert apart < 0.03
        front, hits = seen_from(worn, 0.0)
        skin = np.zeros(front.label_HW.shape, bool)
        skin.reshape(-1)[hits.pixel_P[hits.face_P < len(load_body().face_F3)]] = True
        assert skin[face].mean() > 0.7


def test_worlds_with_loose_clothing_have_it():
    world = replace(STRESS_IMAGE_WORLDS["stress_loose"], height=96, width=128)
    one, other = image_scene(world, 0, 1), image_scene(world, 0, 1)
    assert np.array_equal(one.rgb_HW3, other.rgb_HW3) and (one.label_HW > 0).sum() > 100
    rng = np.random.default_rng(0)
    counts = [len(in_loose_clothes(BARE_DRESSED, rng, ("plain",)).attachments) for _ in range(30)]
    assert min(counts) >= 1 and max(counts) >= 3
    assert IMAGE_WORLDS["train"].loose_clothing == IMAGE_WORLDS["val"].loose_clothing == 0


BARE_DRESSED = Person(score_C=BARE.score_C, outfit=random_outfit(np.random.default_rng(3)))

"""The wardrobe: MakeHuman's files are read, garments lie outside the skin, follow the body and keep its labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.body.open_body import load_body
from models.surface.raster import Camera
from pipeline.stage import StageError
from stages.world.bodies.costumes import in_wardrobe_clothes
from stages.world.bodies.people import Person, pose_at, pose_person
from stages.world.bodies.poses import AnglePose
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.camera.rendering import rasterize_people, surface_maps
from stages.world.clothes.garments import random_outfit
from stages.world.clothes.makehuman_files import read_mhclo, read_obj_faces
from stages.world.clothes.rest_body import mean_rest
from stages.world.clothes.wardrobe import OFFSET_UNIT, WARDROBE_FILE, WornMesh, wardrobe_names, wardrobe_piece
from tools.bake_wardrobe import Fitted, bound

pytestmark = pytest.mark.quick

RNG = np.random.default_rng(0)
BARE = Person(score_C=np.zeros(16, np.float32), outfit=replace(random_outfit(RNG), garments=()))
CLOTH = random_outfit(RNG).garments[0].pattern

MHCLO = """# a comment
name tiny
obj_file tiny.obj
x_scale 0 1 2.0
y_scale 0 2 1.0
z_scale 0 3 1.0
verts 0
material tiny.mhmat
1
0 1 2 0.5 0.25 0.25 1.0 2.0 3.0
delete_verts
4 - 9
"""


def every_piece():
    return [(kind, name) for kind, names in wardrobe_names().items() for name in names]


def test_a_binding_scales_its_offsets_axis_by_axis():
    binding = read_mhclo(MHCLO, "tiny.mhclo")
    assert binding.mesh == "tiny.obj"
    base = np.array([[0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 5.0]])
    # Twice, three and five times the size of the file; the second vertex is 0.5·a + 0.25·b + 0.25·c + offset.
    assert np.allclose(binding.fitted(base), [[4, 0, 0], [1 + 2, 0.75 + 6, 15]])


def test_a_binding_without_a_scale_or_with_a_short_row_is_refused_by_name():
    for text in (MHCLO.replace("z_scale 0 3 1.0\n", ""), MHCLO.replace("1\n0 1 2", "1 2\n0 1 2")):
        with pytest.raises(StageError, match=r"tiny\.mhclo"):
            read_mhclo(text, "tiny.mhclo")


def test_a_quadrangle_becomes_two_triangles():
    vertices, textures = read_obj_faces("v 0 0 0\nf 1/5 2/6 3/7 4/8\nf 1/1 2/2 3/3\n")
    assert vertices.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]
    assert textures.tolist() == [[4, 5, 6], [4, 6, 7], [0, 1, 2]]


def test_binding_pushes_cloth_out_of_the_skin():
    inside = np.array([[0.0, 1.2, 0.05], [0.02, 1.2, 0.05], [0.0, 1.22, 0.05]])
    cloth = Fitted(
        name="x", kind="upper", point_W3=inside, face_G3=np.array([[0, 1, 2]], np.int32), part_G=np.zeros(1, np.int32)
    )
    arrays = bound(cloth, 0.01)
    foot = np.einsum(
        "wk,wkc->wc", arrays["weight_W3"] / 255, mean_rest()[load_body().face_F3[arrays["triangle_W"].astype(int)]]
    )
    moved = foot + arrays["offset_W3"] * OFFSET_UNIT
    assert (moved[:, 2] > inside[:, 2] + 0.01).all()
    assert np.linalg.norm(moved - foot, axis=1) == pytest.approx(0.01, abs=0.002)


def test_the_file_is_small_and_its_notice_names_source_and_licence():
    assert WARDROBE_FILE.stat().st_size < 1_500_000
    notice = Path(WARDROBE_FILE).with_name("WARDROBE_NOTICE.md").read_text()
    assert "CC0 1.0" in notice and "makehumancommunity/makehuman-assets" in notice


def test_every_kind_is_there_and_covers_its_part_of_the_body():
    names = wardrobe_names()
    counts = {kind: len(names[kind]) for kind in ("upper", "lower", "shoes", "hair", "hat")}
    assert counts["upper"] >= 10 and counts["lower"] >= 6 and counts["shoes"] >= 3 and counts["hair"] == 10
    for kind, name in every_piece():
        charts = np.unique(np.concatenate([part.surface.chart_G for part in wardrobe_piece(kind, name).parts]))
        allowed = {"hair": {23, 24}, "hat": {23, 24}, "shoes": {5, 6, *range(11, 15)}}.get(kind, set(range(1, 25)))
        assert set(charts.tolist()) <= allowed, name


def test_cloth_lies_before_the_skin_and_moves_with_it_in_any_pose():
    worst = 0.0
    for number, (kind, name) in enumerate(every_piece()):
        piece = wardrobe_piece(kind, name)
        for part in piece.parts:
            assert ((part.offset_W3 * part.outward_W3).sum(axis=1) > -0.004).mean() > 0.98, name
            assert np.allclose(part.skin_WB.sum(axis=1), 1, atol=1e-4)
        worn = tuple(WornMesh(mesh=part, pattern=CLOTH) for part in piece.parts)
        pose = RANDOM_POSES["random_joints"](np.random.default_rng(number))
        mesh = pose_person(replace(BARE, worn=worn), pose, 0.0)
        for part, extra in zip(piece.parts, mesh.attached_meshes, strict=True):
            edge, rest = (
                np.linalg.norm(p[part.surface.face_G3[:, 0]] - p[part.surface.face_G3[:, 1]], axis=1)
                for p in (extra.vertex_W3, part.surface.rest_W3)
            )
            worst = max(worst, float((edge - rest).max()))
    assert worst < 0.2, "no edge becomes longer by 20 cm, as torn cloth would"


ROOT = np.array([0, 1.0, 0], np.float32)


def label_map(person):
    facing = np.diag([1, -1, -1]).astype(np.float32)
    camera = Camera(
        rotation_33=facing,
        shift_3=np.array([0, 0, 6], np.float32) - facing @ ROOT,
        focal=520.0,
        center_2=(75.0, 100.0),
        height=200,
        width=150,
    )
    mesh = pose_at(person, AnglePose(), 0.0, ROOT)
    return surface_maps(rasterize_people([mesh], camera), [mesh], camera)


def test_cloth_has_the_labels_of_the_skin_beneath_and_a_wider_outline():
    bare = label_map(BARE)
    body = (bare.label_HW > 0) & (bare.label_HW < 23)
    for seed in range(6):
        dressed = label_map(in_wardrobe_clothes(BARE, np.random.default_rng(seed), ("plain",)))
        both = body & (dressed.label_HW > 0)
        assert both.sum() > 0.99 * body.sum()
        same = both & (bare.label_HW == dressed.label_HW)
        assert same.sum() > 0.93 * both.sum()
        assert np.median(np.abs(bare.uv_2HW - dressed.uv_2HW)[:, same]) < 0.04
        assert (dressed.label_HW > 0).sum() > 1.02 * (bare.label_HW > 0).sum()


def test_people_stand_on_the_soles_of_their_shoes():
    for name in wardrobe_names()["shoes"]:
        worn = tuple(WornMesh(mesh=part, pattern=CLOTH, carries=True) for part in wardrobe_piece("shoes", name).parts)
        mesh = pose_person(replace(BARE, worn=worn), AnglePose(), 0.0)
        assert min(extra.vertex_W3[:, 1].min() for extra in mesh.attached_meshes) == pytest.approx(0, abs=1e-6)
        assert mesh.vertex_V3[:, 1].min() > 0

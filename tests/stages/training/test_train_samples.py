"""Training samples: pixels, labels, boxes and UV stay on each other through every random change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.body.charts import MIRROR_CHART, mirror_uv
from models.body.open_body import COCO_KEYPOINTS, MIRROR_JOINT
from models.light.architecture.preprocessing import CROP
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import GRID, SurfaceNet
from models.losses.light_surface import UNKNOWN_UV
from stages.training.data.backgrounds import over, random_background, shows_background
from stages.training.data.labelled_photos import IGNORE, LABELS, SIDE, mask_of_labels
from stages.training.data.photo_pool import PoolPerson, PoolPhoto
from stages.training.data.scene_pool import PoolScene
from stages.training.light import crops, other_people
from stages.training.light.canvases import CANVAS, Sheet, make_canvas, mirror_label
from stages.training.light.crop_geometry import box_crop_transform
from stages.training.light.crops import photo_crop, scene_crop, truncated_photo, truncated_scene
from stages.training.light.mixes import CropMix, SheetMix
from stages.training.light.occluders import (
    LEAST_VISIBLE,
    ellipse,
    occlude,
    placed_person,
    placed_real_person,
    post,
    put_in_front,
    slats,
)
from stages.training.light.surface_batches import SurfaceBatches, stack_crops, surface_loss
from tests.stages.training.plain_mix import PLAIN, plain_mix


@pytest.fixture(autouse=True)
def true_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels keep their values, so that they can be compared with labels."""
    for module in ("stages.training.light.crops", "stages.training.light.canvases"):
        for name in ("recolour", "degrade"):
            monkeypatch.setattr(f"{module}.{name}", lambda rgb, random: rgb)


def tiles(height: int, width: int) -> np.ndarray:
    """Labels in a coarse chequerboard of charts 1..24."""
    y, x = np.mgrid[:height, :width]
    return ((y * 4 // height) * 6 + x * 6 // width + 1).astype(np.uint8)


def grey(label_HW: np.ndarray) -> np.ndarray:
    """A picture whose value is ten times the label."""
    return np.repeat((label_HW * 10)[..., None], 3, 2).astype(np.uint8)


def agreement(crop: crops.Crop, flip: bool) -> float:
    """Share of labelled cells whose pixels show the label, borders aside."""
    label = mirror_label(crop.label_GG) if flip else crop.label_GG
    shown = crop.rgb_CC3[..., 0].reshape(GRID, 2, GRID, 2).mean((1, 3)) / 10
    known = (crop.label_GG != IGNORE) & (crop.label_GG > 0)
    return float((np.abs(shown - np.where(known, label, 0)) < 0.11)[known].mean())


def labelled_photo() -> tuple[PoolPhoto, PoolPerson]:
    label = tiles(LABELS, LABELS)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[100 : 100 + 2 * LABELS, 60 : 60 + 2 * LABELS] = np.kron(grey(label), np.ones((2, 2, 1), np.uint8))
    photo = PoolPhoto(
        name="x",
        natural=(480, 360),
        rgb_SS3=picture,
        box_M4=np.zeros((0, 4)),
        kind_M=np.zeros(0),
        dense_DD=np.zeros((52, 52), np.uint8),
    )
    region = np.array([60, 100, 60 + 2 * LABELS, 100 + 2 * LABELS], np.float32)
    person = PoolPerson(
        photo=0,
        box_4=region + np.array([10, 5, -10, -5], np.float32),
        region_4=region,
        label_LL=label,
        weight_LL=np.full_like(label, 255),
        mask_LL=mask_of_labels(label),
    )
    return photo, person


@pytest.mark.parametrize("seed", range(8))
def test_photo_labels_stay_on_their_pixels(seed: int) -> None:
    photo, person = labelled_photo()
    random, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    crop = photo_crop(photo, person, CROP, random, PLAIN)
    natural = np.asarray(person.box_4, float) * np.tile([480 / SIDE, 360 / SIDE], 2)
    view = box_crop_transform(natural, twin, PLAIN)
    assert agreement(crop, view.flip) > 0.75  # cells on borders between tiles mix
    assert (crop.label_GG == IGNORE).mean() < 0.65  # outside of what was labelled; a tumbled crop has more of it
    assert (crop.uv_2GG == UNKNOWN_UV).all()


def scene() -> PoolScene:
    label = np.zeros((120, 160), np.uint8)
    label[20:110, 30:80] = tiles(90, 50)
    label[30:100, 100:150] = 2
    instance = np.zeros_like(label)
    instance[20:110, 30:80], instance[30:100, 100:150] = 1, 2
    uv = np.stack([np.broadcast_to(np.arange(160), (120, 160)), np.broadcast_to(np.arange(120)[:, None], (120, 160))])
    boxes = np.array([[30, 20, 80, 110], [100, 30, 150, 100]], np.float32)
    joints = np.zeros((2, 17, 3), np.float32)
    joints[0] = [(30 + 2 * i, 25 + 5 * i, 2) for i in range(17)]
    return PoolScene(
        rgb_HW3=grey(label),
        label_HW=label,
        uv_2HW=uv.astype(np.uint8),
        instance_HW=instance,
        box_N4=boxes,
        joint_NJ3=joints,
    )


@pytest.mark.parametrize("seed", range(8))
def test_scene_labels_and_uv_stay_on_their_pixels(seed: int) -> None:
    world, twin = scene(), np.random.default_rng(seed)
    crop = scene_crop(world, 0, None, CROP, np.random.default_rng(seed), PLAIN)
    view = box_crop_transform(world.box_N4[0].astype(float), twin, PLAIN)
    assert agreement(crop, view.flip) > 0.7  # cells on borders between tiles mix
    matrix = view.matrix(GRID, np.ones(2), np.zeros(2))
    row, column = np.nonzero(crop.label_GG)
    x, y = matrix @ np.stack([column, row, np.ones(len(row))])
    before = MIRROR_CHART[crop.label_GG[row, column]] if view.flip else crop.label_GG[row, column]
    u, v = np.round(x) / 255, np.round(y) / 255
    if view.flip:
        u, v = mirror_uv(before, u, v)
    near = np.abs(crop.uv_2GG[:, row, column] - np.stack([u, v])).max(0) < 1.01 / 255
    assert near.mean() > 0.99


@pytest.mark.parametrize("seed", range(8))
def test_a_photo_cut_off_keeps_labels_on_their_pixels(seed: int) -> None:
    photo, person = labelled_photo()
    cut, left = truncated_photo(photo, person, np.random.default_rng(seed))
    whole, part = area(person.box_4), area(left.box_4)
    assert part < 0.9 * whole and cut.rgb_SS3.size < photo.rgb_SS3.size
    assert (left.box_4 >= -1.5).all() and (left.box_4[2:] <= np.array(cut.rgb_SS3.shape[1::-1]) + 1.5).all()
    crop = photo_crop(cut, left, CROP, np.random.default_rng(seed), PLAIN)
    natural = np.asarray(left.box_4, float) * np.tile([480 / SIDE, 360 / SIDE], 2)
    assert agreement(crop, box_crop_transform(natural, np.random.default_rng(seed), PLAIN).flip) > 0.7


JOINTS = len(COCO_KEYPOINTS)
TILE_OF_JOINT = np.arange(JOINTS) * 24 // JOINTS
"""All over the chequerboard."""


def with_joints(person: PoolPerson) -> PoolPerson:
    """Each in the middle of its tile; one in four is not known."""
    tile_J2 = np.stack([TILE_OF_JOINT % 6, TILE_OF_JOINT // 6], 1) + 0.5
    at_J2 = person.region_4[:2] + 2 * LABELS / np.array([6, 4]) * tile_J2
    known_J1 = (np.arange(JOINTS) % 4 != 1)[:, None]
    return dataclasses.replace(person, joint_J3=np.concatenate([at_J2, known_J1], 1).astype(np.float32))


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_joints_stay_on_their_pixels_and_change_sides_in_a_mirror(seed: int, cut: bool) -> None:
    photo, person = labelled_photo()
    person = whole = with_joints(person)
    if cut:
        photo, person = truncated_photo(photo, person, np.random.default_rng(seed))
        assert person.joint_J3[:, 2].sum() < whole.joint_J3[:, 2].sum()  # who is cut off lacks joints, too
    crop = photo_crop(photo, person, CROP, np.random.default_rng(seed), PLAIN)
    natural = np.asarray(person.box_4, float) * np.tile([480 / SIDE, 360 / SIDE], 2)
    flip = box_crop_transform(natural, np.random.default_rng(seed), PLAIN).flip
    joints = MIRROR_JOINT if flip else range(JOINTS)
    assert (crop.joint_J3[:, 2] == person.joint_J3[joints, 2]).all()
    seen = crop.joint_J3[((crop.joint_J3[:, :2] >= 0) & (crop.joint_J3[:, :2] < CROP)).all(1)]
    assert len(seen)
    for (x, y, known), was in zip(crop.joint_J3, joints, strict=True):
        if known and 0 <= x < CROP and 0 <= y < CROP:
            tile = TILE_OF_JOINT[was] + 1
            assert round(float(crop.rgb_CC3[int(y), int(x), 0]) / 10) == tile
            assert crop.label_GG[int(y / 2), int(x / 2)] == (MIRROR_CHART[tile] if flip else tile)


def test_joints_are_learnt_where_the_network_has_a_head_for_them() -> None:
    torch.manual_seed(1)
    photo, person = labelled_photo()
    joint_loss = {}
    for known in (with_joints(person), person):
        batch = stack_crops([photo_crop(photo, known, CROP, np.random.default_rng(seed), PLAIN) for seed in range(2)])
        net = SurfaceNet(SurfaceSizes(blocks=(1, 1, 1), joints=True))
        losses = surface_loss(net, batch)
        assert net.joints is not None
        (gradient,) = torch.autograd.grad(losses["joint"], [net.joints.weight])
        joint_loss[bool(gradient.any())] = losses["joint"]
    assert joint_loss[True] > 0 and joint_loss[False] == 0  # who is labelled without joints teaches none
    assert "joint" not in surface_loss(SurfaceNet(SurfaceSizes(blocks=(1, 1, 1))), batch)


@pytest.mark.parametrize("seed", range(8))
def test_a_scene_cut_off_keeps_labels_on_their_pixels(seed: int) -> None:
    world = scene()
    cut = truncated_scene(world, 0, np.random.default_rng(seed))
    assert area(cut.box_N4[0]) < 0.9 * area(world.box_N4[0])
    crop = scene_crop(cut, 0, None, CROP, np.random.default_rng(seed), PLAIN)
    view = box_crop_transform(cut.box_N4[0].astype(float), np.random.default_rng(seed), PLAIN)
    assert agreement(crop, view.flip) > 0.7


def test_a_cut_that_leaves_too_little_is_not_made() -> None:
    world = scene()
    small = dataclasses.replace(world, instance_HW=np.where(world.label_HW == 1, 1, 0).astype(np.uint8))
    assert any(truncated_scene(small, 0, np.random.default_rng(seed)) is small for seed in range(8))


def area(box_4: np.ndarray) -> float:
    """Of a box, in pixels."""
    return float(np.prod(box_4[2:] - box_4[:2]))


def test_a_scene_crop_shows_one_person_only() -> None:
    world = scene()
    whole = dataclasses.replace(world, box_N4=np.array([[0, 0, 160, 120]] * 2, np.float32))
    assert set(np.unique(scene_crop(whole, 1, None, CROP, np.random.default_rng(1), PLAIN).label_GG)) == {0, 2}
    assert len(np.unique(scene_crop(whole, 0, None, CROP, np.random.default_rng(1), PLAIN).label_GG)) > 20


def test_real_backgrounds_stay_behind_people() -> None:
    behind = np.full((50, 50, 3), 255, np.uint8)
    crop = scene_crop(scene(), 1, behind, CROP, np.random.default_rng(3), PLAIN)
    inside = crop.label_GG == 2
    shown = crop.rgb_CC3[..., 0].reshape(GRID, 2, GRID, 2).mean((1, 3))
    assert (shown[inside] < 60).mean() > 0.9
    assert (shown[0, 0], crop.rgb_CC3.shape) == (255, (CROP, CROP, 3))


def test_who_stands_before_somebody_is_background_and_covers_their_pixels_alone() -> None:
    """The person in front is white: where a cell is white its label is 0, and nothing else has changed."""
    photo, person = labelled_photo()
    crop = photo_crop(photo, person, CROP, np.random.default_rng(1), PLAIN)
    mine = np.zeros((120, 160), np.uint8)
    mine[20:100, 60:80] = 1
    front = dataclasses.replace(
        scene(),
        rgb_HW3=np.full((120, 160, 3), 255, np.uint8),
        instance_HW=mine,
        box_N4=np.array([[60, 20, 80, 100]], np.float32),
    )
    changed = 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        behind = put_in_front(crop, *placed_person(front, 0, CROP, random), random)
        white = (behind.rgb_CC3 > 250).all(axis=2).reshape(GRID, 2, GRID, 2)
        assert (behind.label_GG[white.all(axis=(1, 3))] == 0).all()
        elsewhere = ~(behind.rgb_CC3 != crop.rgb_CC3).any(axis=2).reshape(GRID, 2, GRID, 2).any(axis=(1, 3))
        edge = behind.label_GG[elsewhere] != crop.label_GG[elsewhere]
        assert edge.mean() < 0.01, "soft edges are drawn half a pixel inwards"
        changed += bool(white.any())
        body = (crop.label_GG > 0) & (crop.label_GG != IGNORE)
        assert (behind.label_GG[body] > 0).mean() >= LEAST_VISIBLE
    assert changed >= 4


@pytest.mark.parametrize("shape", [slats, post, ellipse])
def test_things_before_somebody_are_background_and_leave_enough_to_see(
    shape: Callable[[int, np.random.Generator], np.ndarray],
) -> None:
    """White things: where a cell is white its label is 0; they differ from draw to draw and never hide nearly all."""
    crop = photo_crop(*labelled_photo(), CROP, np.random.default_rng(1), PLAIN)
    body = (crop.label_GG > 0) & (crop.label_GG != IGNORE)
    white_CC3 = np.full(crop.rgb_CC3.shape, 255, np.uint8)
    shares = []
    for seed in range(12):
        behind = occlude(crop, shape(CROP, np.random.default_rng(seed)), white_CC3)
        white = (behind.rgb_CC3 > 250).all(axis=2).reshape(GRID, 2, GRID, 2).all(axis=(1, 3))
        assert (behind.label_GG[white] == 0).all() and (behind.weight_GG[white] == 1).all()
        assert (behind.label_GG[~white] == crop.label_GG[~white]).mean() > 0.85, "soft edges alone"
        shares.append((behind.label_GG[body] > 0).mean())
    assert min(shares) >= LEAST_VISIBLE and len(set(shares)) > 4 and min(shares) < 0.9


def test_a_mix_spreads_real_crops_evenly_and_refuses_what_is_no_share() -> None:
    assert [CropMix(real=0.5).is_real(index) for index in range(4)] == [True, False, True, False]
    assert sum(CropMix(real=0.7).is_real(index) for index in range(20)) == 14
    assert not CropMix(real=0).is_real(0) and all(CropMix(real=1).is_real(index) for index in range(5))
    with pytest.raises(ValueError, match=r"rotated_any is 1\.5; a share is between 0 and 1"):
        CropMix(rotated_any=1.5)
    with pytest.raises(ValueError, match=r"mosaic is -1; a share is between 0 and 1"):
        SheetMix(mosaic=-1)


def test_over_keeps_the_inside_and_the_outside() -> None:
    people = np.array([[0, 128, 255]], np.uint8)
    shown = over(np.full((1, 3, 3), 200, np.uint8), people, np.zeros((1, 3, 3), np.uint8))
    assert shown[0, :2, 0].tolist() == [0, 0]
    assert shown[0, 2, 0] >= 198


def test_backgrounds_show_nobody() -> None:
    dense = np.zeros((52, 52), np.uint8)
    dense[:, :26] = 2
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[:, : SIDE // 2] = 255
    photo = PoolPhoto(
        name="x",
        natural=(SIDE, SIDE),
        rgb_SS3=rgb,
        box_M4=np.array([[300, 300, 400, 400]], np.float32),
        kind_M=np.zeros(1),
        dense_DD=dense,
    )
    assert shows_background(photo, np.array([220, 10, 370, 160]))
    assert not shows_background(photo, np.array([100, 10, 250, 160]))  # the teacher sees a person
    assert not shows_background(photo, np.array([250, 200, 400, 350]))  # a box

    class Pool:
        photos = (photo,)

    for seed in range(20):
        window = random_background(Pool(), np.random.default_rng(seed))
        assert window is None or (window > 0).mean() < 0.05


def test_crops_are_of_the_sizes_asked_and_of_nobody_as_many_as_asked_and_background_alone() -> None:
    dense = np.zeros((52, 52), np.uint8)
    dense[:, :26] = 2
    rgb = np.full((SIDE, SIDE, 3), 60, np.uint8)
    rgb[:, : SIDE // 2] = 255
    photo = PoolPhoto(
        name="x", natural=(SIDE, SIDE), rgb_SS3=rgb, box_M4=np.zeros((0, 4)), kind_M=np.zeros(0), dense_DD=dense
    )
    body = np.full((LABELS, LABELS), 2, np.uint8)
    box_4 = np.array([10, 20, 110, 300], np.float32)
    person = PoolPerson(photo=0, box_4=box_4, region_4=box_4, label_LL=body, weight_LL=body, mask_LL=body)

    class Pool:
        photos = (photo,)
        people = (person,)

    sides = [
        SurfaceBatches(Pool(), None, indices=range(1), seed=1, sides=(CROP, 192), mix=PLAIN)(step)[0].shape[-1]  # type: ignore
        for step in range(20)
    ]
    assert 4 <= sides.count(192) <= 16 and {*sides} == {CROP, 192}
    # Workers that make parts of a batch make the crops that one would make, of one size.
    whole, *parts = [
        SurfaceBatches(Pool(), None, indices=indices, seed=1, sides=(CROP, 192), mix=PLAIN)(3)[0]  # type: ignore[arg-type]
        for indices in (range(4), range(0, 4, 2), range(1, 4, 2))
    ]
    assert torch.equal(whole[::2], parts[0]) and torch.equal(whole[1::2], parts[1])

    def nobodies(share: float) -> int:
        mix = plain_mix(background=share, truncated=0, rotated_any=0, rotated=0, degraded=0)
        batches = SurfaceBatches(Pool(), None, indices=range(100), seed=1, mix=mix)  # type: ignore[arg-type]
        rgb_NCHW, label_NGG, *_ = batches(0)
        body_N = ((label_NGG > 0) & (label_NGG != 255)).any(2).any(1)
        shown_N = rgb_NCHW[:, :, 80, 80].float().mean(1)
        assert (label_NGG[~body_N] == 0).any(2).any(1).all() and (shown_N[~body_N] < 150).all()
        assert (shown_N[body_N] > 150).all()
        return int((~body_N).sum())

    assert nobodies(0.0) == 0
    assert 5 <= nobodies(0.3) <= 40


def bright_sheet() -> Sheet:
    """A bright person on black."""
    rgb = np.zeros((200, 300, 3), np.uint8)
    rgb[50:150, 100:160] = 250
    part = np.zeros((50, 75), np.uint8)
    part[13:37, 25:40] = 3
    return Sheet(
        rgb_HW3=rgb,
        natural=(300, 200),
        box_M4=np.array([[100, 50, 160, 150]], np.float32),
        kind_M=np.zeros(1, np.uint8),
        part_hw=part,
        real=True,
    )


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_boxes_stay_around_their_people(mosaic: float) -> None:
    sheet = bright_sheet()
    for seed in range(10):
        canvas = make_canvas(lambda random: sheet, np.random.default_rng(seed), mosaic=mosaic)
        assert canvas.rgb_HW3.shape == (CANVAS, CANVAS, 3)
        bright = canvas.rgb_HW3[..., 0] > 180
        boxed = np.zeros_like(bright)
        for box, kind in zip(canvas.box_M4, canvas.kind_M, strict=True):
            if kind >= 0:
                x0, y0, x1, y1 = np.round(box).astype(int)
                boxed[y0:y1, x0:x1] = True
                assert bright[y0:y1, x0:x1].mean() > 0.85
        assert (bright & ~boxed).sum() <= 0.06 * bright.sum()
        cells = canvas.rgb_HW3[4::8, 4::8, 0] > 180
        labelled = np.isin(canvas.part_hw, (3, 4))
        assert (cells != labelled).mean() < 0.05


@pytest.mark.parametrize("seed", range(8))
def test_joints_and_silhouette_of_a_scene_stay_on_their_pixels(seed: int) -> None:
    world, twin = scene(), np.random.default_rng(seed)
    crop = scene_crop(world, 0, None, CROP, np.random.default_rng(seed), PLAIN)
    view = box_crop_transform(world.box_N4[0].astype(float), twin, PLAIN)
    assert ((crop.mask_GG == 1) == (crop.label_GG > 0)).all()
    index = np.linalg.inv(np.vstack([view.matrix(CROP, np.ones(2), np.zeros(2)), (0, 0, 1)]))
    at = (index @ np.column_stack([world.joint_NJ3[0, :, :2] - 0.5, np.ones(17)]).T)[:2].T + 0.5
    order = MIRROR_JOINT if view.flip else np.arange(17)
    assert np.allclose(crop.joint_J3[:, :2], at[order], atol=0.01)
    assert (crop.joint_J3[:, 2] == 2).all()


def test_a_covered_joint_is_hidden_and_its_cell_is_outside_the_silhouette() -> None:
    crop = scene_crop(scene(), 0, None, CROP, np.random.default_rng(3), PLAIN)
    cover = np.zeros((CROP, CROP), np.uint8)
    cover[: CROP // 2] = 255
    made = occlude(crop, cover, np.zeros((CROP, CROP, 3), np.uint8))
    above = crop.joint_J3[:, 1] < CROP // 2
    inside = (crop.joint_J3[:, :2] >= 0).all(1) & (crop.joint_J3[:, :2] < CROP).all(1)
    assert (made.joint_J3[:, 2] == np.where(above & inside, 1, 2)).all() and 0 < (above & inside).sum() < 17
    assert not made.mask_GG[: GRID // 2].any() and (made.mask_GG[GRID // 2 :] == crop.mask_GG[GRID // 2 :]).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_crop_shows_where_the_others_are(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("UNKNOWN", 0), ("MISSED", 0), ("FALSE", 0), ("JITTER", 0), ("WITH_SILHOUETTES", 1)):
        monkeypatch.setattr(other_people, name, value)
    world = dataclasses.replace(scene(), box_N4=np.array([[30, 20, 80, 110], [60, 30, 150, 100]], np.float32))
    crop = scene_crop(world, 0, None, CROP, np.random.default_rng(seed), PLAIN)
    view = box_crop_transform(world.box_N4[0].astype(float), np.random.default_rng(seed), PLAIN)
    x, y = view.matrix(CROP, np.ones(2), np.zeros(2)) @ np.stack(
        [*np.meshgrid(np.arange(CROP), np.arange(CROP)), np.ones((CROP, CROP))]
    ).reshape(3, -1)
    inside = ((x + 0.5 > 61) & (x + 0.5 < 149) & (y + 0.5 > 31) & (y + 0.5 < 99)).reshape(CROP, CROP)
    clear = ((x + 0.5 < 59) | (y + 0.5 < 29) | (y + 0.5 > 101)).reshape(CROP, CROP)
    box_CC, silhouette_CC = np.moveaxis(crop.others_CC2, 2, 0)
    assert (box_CC[inside] > 0).all() and not box_CC[clear].any() and inside.any() and clear.any()
    person_CC = np.kron(crop.label_GG > 0, np.ones((2, 2), bool))
    assert silhouette_CC[person_CC].mean() < 12 and (silhouette_CC.max() > 128) == (x.max() > 104)


def test_a_person_in_front_is_shown_by_a_box() -> None:
    crop = scene_crop(scene(), 0, None, CROP, np.random.default_rng(3), PLAIN)
    crop = dataclasses.replace(crop, others_CC2=np.full((CROP, CROP, 2), 5, np.uint8))
    cover = np.zeros((CROP, CROP), np.uint8)
    cover[40:90, 20:60] = 255
    made = other_people.with_box_in_front(crop.others_CC2, cover, np.random.default_rng(0))
    changed = made != crop.others_CC2
    assert changed[40:90, 20:60, 0].all() and changed.sum() == 50 * 40


@pytest.mark.parametrize("seed", range(4))
def test_a_real_person_in_front_hides_what_is_behind_with_their_own_pixels(seed: int) -> None:
    photo, person = labelled_photo()
    front = dataclasses.replace(photo, rgb_SS3=np.where(photo.rgb_SS3 > 0, np.uint8(250), np.uint8(0)))
    crop = scene_crop(scene(), 0, None, CROP, np.random.default_rng(seed), PLAIN)
    random = np.random.default_rng(seed)
    made = put_in_front(crop, *placed_real_person(front, person, CROP, random), random)
    if made is crop:  # too much would be hidden
        return
    gone = (crop.mask_GG == 1) & (made.mask_GG == 0)
    assert gone.any() and not made.label_GG[gone].any()
    assert (made.rgb_CC3[::2, ::2][gone] > 125).mean() > 0.9
    kept = made.mask_GG == 1
    assert (np.abs(made.rgb_CC3[::2, ::2].astype(int) - crop.rgb_CC3[::2, ::2])[kept] < 60).all(1).mean() > 0.9
    assert made.others_CC2[..., 0].any()

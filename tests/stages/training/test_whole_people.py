"""Crops that show whole people: boxes that cut, regions that are larger, other people behind, things in boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.body.open_body import COCO_KEYPOINTS
from models.losses.light_surface import THING_WEIGHT, thing_loss
from pipeline.stage import StageError
from stages.training.data.labelled_photos import FALSE, IGNORE, LABELS, PERSON, SIDE, LabelledPhoto, write_shard
from stages.training.data.photo_pool import PhotoPool
from stages.training.data.scene_pool import PoolScene
from stages.training.data.use_shards import UsePhotos, UseScenes
from stages.training.light.crops import Crop, scene_crop
from stages.training.light.mixes import CropMix
from stages.training.light.occluders import put_behind
from stages.training.light.surface_batches import SurfaceBatches
from stages.training.payloads import Round
from tests.stages.training.plain_mix import plain_mix

pytestmark = pytest.mark.quick

CROP = 96
ROUND = Round(index=0, count=1)


def tall_person() -> PoolScene:
    """A scene of a person of 40 by 90 pixels with a hand at the very left, 20 pixels from the trunk."""
    label = np.zeros((160, 160), np.uint8)
    label[40:130, 70:90] = 2
    label[60:66, 50:70] = 4
    boxes = np.array([[50, 40, 90, 130]], np.float32)
    return PoolScene(
        rgb_HW3=np.repeat((label * 40)[..., None], 3, 2),
        label_HW=label,
        uv_2HW=np.zeros((2, 160, 160), np.uint8),
        instance_HW=(label > 0).astype(np.uint8),
        box_N4=boxes,
        joint_NJ3=np.zeros((1, len(COCO_KEYPOINTS), 3), np.float32),
    )


def upright(**shares: float) -> CropMix:
    """Crops that are not rotated and keep their colours."""
    return plain_mix(**{"rotated": 0.0, "rotated_any": 0.0, "degraded": 0.0, "composited": 0.0, **shares})


def made(seed: int, mix: CropMix) -> Crop:
    """A crop of the person."""
    return scene_crop(tall_person(), 0, None, CROP, np.random.default_rng(seed), mix)


def body_outside(crop: Crop) -> float:
    """The share of the person's labelled cells that lie outside of the plane of their own box."""
    own_GG = cv2.resize(crop.own_CC, (CROP // 2, CROP // 2), interpolation=cv2.INTER_AREA) > 127
    body_GG = crop.label_GG > 0
    return float((body_GG & ~own_GG).sum() / body_GG.sum())


def test_the_own_box_is_shown_and_holds_the_person() -> None:
    for seed in range(20):
        crop = made(seed, upright())
        assert set(np.unique(crop.own_CC)) == {0, 255} and body_outside(crop) < 0.3
    assert np.median([body_outside(made(seed, upright())) for seed in range(20)]) < 0.08


def test_boxes_are_cut_and_what_lies_outside_is_labelled_all_the_same() -> None:
    """Of a wider region around a box that cuts, the network learns the parts outside of the box, too."""
    whole = [body_outside(made(seed, upright())) for seed in range(60)]
    cut = [body_outside(made(seed, upright(cut_boxes=1.0, wider_regions=1.0))) for seed in range(60)]
    assert np.mean(cut) > np.mean(whole) + 0.05


WIDE = upright(wider_regions=1.0)


def test_a_wider_region_shows_the_person_smaller() -> None:
    shares = [np.mean([(made(seed, mix).label_GG > 0).mean() for seed in range(40)]) for mix in (upright(), WIDE)]
    assert shares[1] < 0.8 * shares[0]


def test_a_share_of_zero_leaves_every_crop_as_it_was() -> None:
    """Crops of the earlier recipes do not depend on the new shares, so they can be made again."""
    before, after = made(3, upright()), made(3, upright(cut_boxes=0.0, wider_regions=0.0))
    assert np.array_equal(before.rgb_CC3, after.rgb_CC3)
    assert not np.array_equal(before.rgb_CC3, made(3, upright(wider_regions=1.0)).rgb_CC3)


def test_another_person_behind_covers_background_alone() -> None:
    crop = made(5, upright())
    cover, white = np.full((CROP, CROP), 255, np.uint8), np.full((CROP, CROP, 3), 255, np.uint8)
    behind = put_behind(crop, cover, white, np.random.default_rng(0))
    person_CC = cv2.resize(crop.mask_GG, (CROP, CROP), interpolation=cv2.INTER_NEAREST) > 0
    inside_CC = cv2.erode(person_CC.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    outside_CC = cv2.dilate(person_CC.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
    assert (behind.rgb_CC3[inside_CC] == crop.rgb_CC3[inside_CC]).all() and (behind.rgb_CC3[outside_CC] > 250).all()
    assert np.array_equal(behind.label_GG, crop.label_GG) and np.array_equal(behind.mask_GG, crop.mask_GG)
    assert behind.others_CC2[..., 0].any()


def test_nobody_is_put_behind_a_person_whose_outline_is_unknown() -> None:
    crop = made(5, upright())
    crop.mask_GG[:10] = IGNORE
    assert put_behind(crop, np.full((CROP, CROP), 255, np.uint8), crop.rgb_CC3, np.random.default_rng(0)) is crop


def photo_with_a_thing(folder: Path) -> Path:
    """A shard of one photo in which a box teacher took a thing for a person."""
    photo = LabelledPhoto(
        name="things/umbrella.jpg",
        aspect=1.0,
        rgb_SS3=np.full((SIDE, SIDE, 3), 90, np.uint8),
        box_M4=np.array([[100, 100, 200, 300]], np.float32),
        kind_M=np.array([FALSE], np.uint8),
        dense_DD=np.zeros((52, 52), np.uint8),
        people=(),
    )
    folder.mkdir()
    write_shard(folder / "0000.npz", [photo])
    return folder


def test_boxes_on_things_are_nobody(tmp_path: Path) -> None:
    pool = PhotoPool([photo_with_a_thing(tmp_path / "a") / "0000.npz"])
    assert len(pool.false) == 1 and not len(pool.photos[0].box_M4), "nothing there counts as a person elsewhere"
    batches = SurfaceBatches(pool, Scenes(), indices=range(4), seed=1, sides=(CROP,), mix=upright(things=1.0))  # type: ignore
    _, label, mask, _, _, _, person, *_ = batches(0)
    assert not person.any() and not (label == 1).any() and (mask == 0).any() and not (mask == 1).any()
    people = SurfaceBatches(pool, Scenes(), indices=range(4), seed=1, sides=(CROP,), mix=upright())(0)  # type: ignore
    assert people[6].all()


class Scenes:
    """A pool of one scene."""

    scenes = (tall_person(),)
    people = ((0, 0),)


def test_the_loss_of_things_is_a_binary_cross_entropy() -> None:
    logit, person = torch.tensor([2.0, -1.0]), torch.tensor([True, False])
    wanted = (np.log1p(np.exp(-2)) + np.log1p(np.exp(-1))) / 2
    assert thing_loss(logit, person).item() == pytest.approx(THING_WEIGHT * wanted)


def test_shards_of_several_folders_are_used(tmp_path: Path) -> None:
    folders = [str(photo_with_a_thing(tmp_path / name)) for name in "ba"]
    (found,) = UsePhotos(UsePhotos.Config(folders=tuple(folders)))(ROUND)
    assert found.paths == tuple(f"{folder}/0000.npz" for folder in folders)
    with pytest.raises(StageError, match=r"use_scenes\.folders"):
        next(iter(UseScenes(UseScenes.Config())(ROUND)))
    with pytest.raises(StageError, match="holds no shard"):
        next(iter(UsePhotos(UsePhotos.Config(folders=(str(tmp_path),)))(ROUND)))


def test_label_maps_have_the_cells_of_a_large_crop() -> None:
    """A label map covers at most 1.35 times a box's longer side, the grid of a crop of 192 pixels 1.15 times."""
    assert LABELS / 1.35 >= 96 / 1.15 * 0.99 and PERSON != FALSE

"""Human Dataset v2's kept-out photos: as annotated, and of people alone at their own aspect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.light.architecture.weight_paths import TRAINING_PHOTOS
from models.metrics.instances import TrueInstance
from pipeline.stage import StageError
from stages.annotations.image_collections import held_out
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.human_dataset_v2 import (
    AS_ANNOTATED,
    COCO,
    PEOPLE,
    Correction,
    Listings,
    corrected,
    human_v2_sets,
    read_corrections,
)
from stages.evaluation.set_lookup import HUMAN_V2, sets_at_path
from stages.evaluation.synthetic_truth import Worlds
from stages.evaluation.true_images import TrueImage, TruePerson

pytestmark = pytest.mark.quick

BOXES = ((10.0, 20.0, 30.0, 60.0), (50.0, 5.0, 20.0, 80.0), (0.0, 0.0, 100.0, 90.0))


def identity_kept_out() -> str:
    return next(name for i in range(10_000) if held_out(f"human_v2/{(name := f'{i:016x}')}_jpg.rf.1.jpg"))


def test_the_list_has_exactly_the_held_out_photos() -> None:
    listed = [line.split(" ")[1] for line in TRAINING_PHOTOS.read_text().splitlines()]
    known = read_corrections(HUMAN_V2.corrections)
    assert set(known) == {identity for identity in listed if held_out(identity)}
    assert {one.aspect for one in known.values()} <= {4 / 3, 3 / 2, 3 / 4, 2 / 3}
    assert all(not one.group & one.depiction for one in known.values())


def test_a_corrected_photo_has_its_aspect_and_its_groups_as_crowds() -> None:
    image = TrueImage(
        set_name=AS_ANNOTATED,
        name="photo",
        rgb_HW3=np.zeros((100, 100, 3), np.uint8),
        people=tuple(TruePerson(instance=TrueInstance(box_4=np.array(box), area=1.0)) for box in BOXES),
    )
    kept = Correction(aspect=1.5, group=frozenset({2}), depiction=frozenset({0}))
    alone = corrected(image, kept)
    assert alone.rgb_HW3.shape == (100, 150, 3)
    assert [one.instance.box_4.tolist() for one in alone.people] == [[75, 5, 30, 80]]
    assert [one.box_4.tolist() for one in alone.crowds] == [[15, 20, 45, 60], [0, 0, 150, 90]]
    assert [one.area for one in alone.crowds] == [45 * 60, 150 * 90]


def write_photo(folder: Path, identity: str) -> Path:
    for kind in ("images", "labels"):
        (folder / "train" / kind).mkdir(parents=True, exist_ok=True)
    name = f"{identity}_jpg.rf.abcdef12"
    cv2.imwrite(str(folder / "train" / "images" / f"{name}.jpg"), np.full((416, 416, 3), 90, np.uint8))
    (folder / "train" / "labels" / f"{name}.txt").write_text("0 0.5 0.5 0.25 0.5\n0 0.25 0.5 0.5 1\n")
    listing = folder / "listing.txt"
    listing.write_text(f"train {identity} abcdef12\n")
    return listing


def test_both_sets_have_the_same_photos(tmp_path: Path) -> None:
    identity = identity_kept_out()
    listing, kept = write_photo(tmp_path, identity), tmp_path / "kept.txt"
    kept.write_text(f"{identity} 3:4 1 -\n")
    listings = replace(HUMAN_V2, photos=listing, corrections=kept)
    as_annotated, people = (list(one.images) for one in human_v2_sets(tmp_path, listings))
    assert [len(one.people) for one in (*as_annotated, *people)] == [2, 1]
    assert [one.set_name for one in (*as_annotated, *people)] == [AS_ANNOTATED, PEOPLE]
    np.testing.assert_allclose(as_annotated[0].boxes, [[156, 104, 260, 312], [0, 0, 208, 416]])
    np.testing.assert_allclose(people[0].boxes, [[117, 104, 195, 312]])
    np.testing.assert_allclose(people[0].crowds[0].box_4, [0, 0, 156, 416])


def test_a_photo_that_is_not_listed_is_named(tmp_path: Path) -> None:
    listing, kept = write_photo(tmp_path, identity_kept_out()), tmp_path / "kept.txt"
    kept.write_text("")
    with pytest.raises(StageError, match="is not in the list"):
        list(human_v2_sets(tmp_path, replace(HUMAN_V2, photos=listing, corrections=kept))[1].images)


def test_a_checkout_is_two_sets(tmp_path: Path) -> None:
    (tmp_path / "train" / "labels").mkdir(parents=True)
    reading = FileOptions(images="", annotators=(), damage=lambda error: None)
    found = sets_at_path(str(tmp_path), Worlds(seed=0, scenes=1, frames=1), reading)
    assert [one.name for one in found] == [AS_ANNOTATED, PEOPLE]


def test_photos_of_coco_are_a_third_set_without_those_of_training(tmp_path: Path) -> None:
    trained, identity = tmp_path / "trained.json", identity_kept_out()
    trained.write_text('{"000000000030.jpg": 5}')
    for name in ("000000000030", "000000000034", identity):
        listing = write_photo(tmp_path, name)
    (tmp_path / "valid" / "images").mkdir(parents=True)
    (tmp_path / "valid" / "images" / "000000000034_jpg.rf.fedcba98.jpg").write_bytes(b"the same photo once more")
    (groups := tmp_path / "groups.txt").write_text("000000000034 1:1 1 -\n")
    listings = Listings(photos=listing, corrections=HUMAN_V2.corrections, coco_corrections=groups, trained_coco=trained)
    *_, coco = human_v2_sets(tmp_path, listings)
    (image,) = coco.images
    assert (coco.name, coco.count, image.set_name) == (COCO, 1, COCO)
    assert image.name == "human_v2/000000000034_jpg.rf.abcdef12.jpg"
    np.testing.assert_allclose(image.boxes, [[156, 104, 260, 312]])
    np.testing.assert_allclose(image.crowds[0].box_4, [0, 0, 208, 416])


def test_training_uses_no_photo_of_human_v2_with_a_name_of_coco() -> None:
    assert not any(len(line.split(" ")[1]) == 12 for line in TRAINING_PHOTOS.read_text().splitlines())


def test_a_photo_without_the_file_of_its_boxes_is_named(tmp_path: Path) -> None:
    listing = write_photo(tmp_path, "000000000034")
    for boxes in (tmp_path / "train" / "labels").iterdir():
        boxes.unlink()
    *_, coco = human_v2_sets(tmp_path, replace(HUMAN_V2, photos=listing))
    with pytest.raises(StageError, match="boxes are missing"):
        list(coco.images)

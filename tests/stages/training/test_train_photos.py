"""Labelled photos: boxes of people and teacher merged, held-out rule, label geometry, shards, licences."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from models.body.open_body import COCO_KEYPOINTS
from models.box_overlap import iou
from models.light.architecture.weight_paths import TRAINING_PHOTOS
from pipeline.stage import StageError
from stages.annotations.image_collections import (
    COMMERCIAL_LICENCES,
    NamedFrame,
    coco_images,
    folder_images,
    held_out,
    human_v2,
    sampled_frames,
)
from stages.training.data.label_photos import LabelPhotos, all_pictures
from stages.training.data.labelled_photos import (
    IGNORED,
    LABELS,
    PERSON,
    SIDE,
    LabelledPhoto,
    PersonLabels,
    mask_of_labels,
    natural_size,
    write_shard,
)
from stages.training.data.labels_from_teachers import merge_boxes
from stages.training.data.photo_pool import PhotoPool
from stages.training.data.shards import map_shard
from stages.training.payloads import Round

pytestmark = pytest.mark.quick


def array(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_iou_closed_forms() -> None:
    found = iou(array((0, 0, 10, 10)), array((5, 0, 15, 10), (20, 20, 30, 30), (0, 0, 10, 10)))
    np.testing.assert_allclose(found, [[50 / 150, 0, 1]], atol=1e-6)


def test_teacher_adds_people_that_nobody_labelled() -> None:
    labelled, teacher = array((0, 0, 50, 100)), array((2, 0, 50, 100), (100, 0, 150, 100), (200, 0, 250, 100))
    boxes, kinds = merge_boxes(labelled, teacher, np.array([0.9, 0.8, 0.4]))
    np.testing.assert_array_equal(boxes, np.concatenate([labelled, teacher[1:]]))
    assert kinds.tolist() == [PERSON, PERSON, IGNORED]


def test_a_label_around_many_people_is_unsure() -> None:
    inner = array((0, 0, 30, 100), (35, 0, 65, 100), (70, 0, 100, 100))
    _, kinds = merge_boxes(array((0, 0, 100, 100)), inner, np.full(3, 0.9))
    assert kinds[0] == IGNORED


def test_without_annotations_the_teacher_decides() -> None:
    _, kinds = merge_boxes(None, array((0, 0, 9, 9), (20, 0, 29, 9)), np.array([0.7, 0.3]))
    assert kinds.tolist() == [PERSON, IGNORED]


def test_held_out_goes_by_the_photo_not_the_copy() -> None:
    names = [f"human_v2/{i:016x}_jpg.rf.{i}.jpg" for i in range(4000)]
    kept = [held_out(name) for name in names]
    assert 0.05 < np.mean(kept) < 0.075  # one in sixteen
    assert all(held_out(f"train/images/{i:016x}_jpg.rf.other.jpg") == kept[i] for i in range(200))


def test_shards_round_trip_without_the_held_out(tmp_path: Path) -> None:
    every = [f"{i}.jpg" for i in range(300)]
    names = [name for name in every if held_out(name)][:2] + [name for name in every if not held_out(name)][:8]
    label = np.zeros((LABELS, LABELS), np.uint8)
    label[:20] = 2
    person = PersonLabels(
        box_4=array((1, 2, 3, 4))[0],
        region_4=array((0, 0, 8, 8))[0],
        label_LL=label,
        weight_LL=label,
        mask_LL=mask_of_labels(label),
        joint_J3=np.arange(3 * len(COCO_KEYPOINTS), dtype=np.float32).reshape(-1, 3),
    )
    photos = [
        LabelledPhoto(
            name=name,
            aspect=1.5,
            rgb_SS3=np.full((SIDE, SIDE, 3), i, np.uint8),
            box_M4=array((i, 0, 99, 99)),
            kind_M=np.zeros(1, np.uint8),
            dense_DD=np.zeros((52, 52), np.uint8),
            people=(person,) * (i % 3),
        )
        for i, name in enumerate(names)
    ]
    write_shard(tmp_path / "0000.npz", photos)
    assert [path.name for path in tmp_path.iterdir()] == ["0000.npz"]
    pool = PhotoPool([tmp_path / "0000.npz"])
    kept = [i for i, name in enumerate(names) if not held_out(name)]
    assert [photo.name for photo in pool.photos] == [names[i] for i in kept]
    assert [photo.box_M4[0, 0] for photo in pool.photos] == kept
    assert all(photo.rgb_SS3[0, 0, 0] == i for photo, i in zip(pool.photos, kept, strict=True))
    assert pool.photos[0].natural == natural_size(1.5)
    assert len(pool.people) == sum(i % 3 for i in kept)
    assert all(pool.photos[one.photo].rgb_SS3[0, 0, 0] % 3 for one in pool.people)
    assert all((one.joint_J3 == person.joint_J3).all() for one in pool.people)
    assert all((one.mask_LL == (label > 0)).all() for one in pool.people)


def test_shards_of_before_joints_and_masks_were_kept_have_the_labels_alone(tmp_path: Path) -> None:
    name = next(f"{i}.jpg" for i in range(9) if not held_out(f"{i}.jpg"))
    label = np.ones((LABELS, LABELS), np.uint8)
    person = PersonLabels(box_4=np.ones(4), region_4=np.ones(4), label_LL=label, weight_LL=label, mask_LL=label)
    photo = LabelledPhoto(
        name=name,
        aspect=1.0,
        rgb_SS3=np.zeros((SIDE, SIDE, 3), np.uint8),
        box_M4=array((0, 0, 9, 9)),
        kind_M=np.zeros(1, np.uint8),
        dense_DD=np.zeros((52, 52), np.uint8),
        people=(person,),
    )
    write_shard(tmp_path / "0000.npz", [photo])
    with np.load(tmp_path / "0000.npz") as shard:
        before = {key: shard[key] for key in shard if key not in ("person_joint", "person_mask")}
    np.savez(tmp_path / "0001.npz", **before)
    people = PhotoPool([tmp_path / "0000.npz", tmp_path / "0001.npz"]).people
    assert len(people) == 2 and not any(one.joint_J3.any() for one in people)
    assert all((one.mask_LL == label).all() for one in people)


def test_an_empty_pool_says_what_to_run() -> None:
    with pytest.raises(StageError, match="label_photos"):
        PhotoPool([])


def test_missing_paths_name_their_key(tmp_path: Path) -> None:
    stage = LabelPhotos(LabelPhotos.Config(folder=str(tmp_path), part_teacher=str(tmp_path / "absent.onnx")))
    with pytest.raises(StageError, match=r"label_photos\.part_teacher"):
        list(stage(Round(index=0, count=1)))


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("train 0123456789abcdef 01234567\n")
    with pytest.raises(StageError, match="no photo 0123456789abcdef"):
        list(human_v2(tmp_path, listing))


def test_photos_below_a_folder_are_read_in_order_and_need_no_annotation(tmp_path: Path) -> None:
    (tmp_path / "things" / "cups").mkdir(parents=True)
    for name, red in (("b.PNG", 2), ("cups/a.jpg", 9), ("a.jpeg", 1), ("notes.txt", None)):
        path = tmp_path / "things" / name
        if red is None:
            path.write_text("no photo")
        else:
            assert cv2.imwrite(str(path), np.full((8, 6, 3), (0, 0, 20 * red), np.uint8))
    found = list(folder_images(tmp_path / "things"))
    assert [picture.name for picture in found] == ["things/a.jpeg", "things/b.PNG", "things/cups/a.jpg"]
    assert [round(picture.rgb_HW3[..., 0].mean() / 20) for picture in found] == [1, 2, 9]
    assert all(picture.box_M4 is None and not picture.stretched for picture in found)


def test_a_folder_without_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="holds no images"):
        list(folder_images(tmp_path))
    with pytest.raises(StageError, match=r"label_photos\.photos"):
        list(all_pictures(LabelPhotos.Config(photos=(str(tmp_path / "absent"),))))


def test_only_commercial_licences_trained_the_shipped_weights(root: Path, shared: Path) -> None:
    card = json.loads((root / "models" / "weights" / "light_coco.json").read_text())
    assert card
    assert set(card.values()) <= COMMERCIAL_LICENCES == {4, 5, 7, 8}
    folder = shared / "assets" / "images" / "coco_mini"
    document = json.loads((folder / "annotations" / "instances_train2017.json").read_text())
    near = {image["file_name"]: image["license"] for image in document["images"]}
    assert {name: licence for name, licence in card.items() if name in near}.items() <= near.items()
    read = [picture.name for picture in coco_images(folder, "train2017", COMMERCIAL_LICENCES)]
    assert read
    assert {name.removeprefix("coco_train2017/") for name in read} <= set(card)
    scored = json.loads((folder / "annotations" / "instances_val2017.json").read_text())
    assert not set(card) & {image["file_name"] for image in scored["images"]}


def test_the_photo_list_holds_what_the_card_says() -> None:
    rows = [line.split(" ") for line in TRAINING_PHOTOS.read_text().split("\n") if line]
    assert len(rows) == len({tuple(row) for row in rows}) == 3138
    assert {row[0] for row in rows} <= {"train", "valid", "test"}
    things = [
        line.split(" ", 1)[0] for line in TRAINING_PHOTOS.with_name("light_things.txt").read_text().split("\n") if line
    ]
    shown = {"GroceryStoreDataset": 120, "flower_photos": 120, "Packt": 60}
    assert Counter(things) == shown | {"clothes": 696, "flowers": 268, "openimages": 37, "bottles": 25}


def test_coco_boxes_are_corners(shared: Path) -> None:
    picture = next(coco_images(shared / "assets" / "images" / "coco_mini", "val2017", None))
    assert picture.name == "coco_val2017/000000397133.jpg"
    first = next(box for box in picture.box_M4 if abs(box[0] - 388.66) < 0.01)
    np.testing.assert_allclose(first, [388.66, 69.92, 388.66 + 109.41, 69.92 + 277.62], atol=1e-2)
    assert picture.keypoint_M173.shape == (len(picture.box_M4), 17, 3)


def test_people_annotated_without_keypoints_have_their_boxes(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    cv2.imwrite(str(tmp_path / "train2017" / "a.jpg"), np.zeros((40, 30, 3), np.uint8))
    people = [{"image_id": 1, "iscrowd": 0, "bbox": [1, 2, 3, 4]}, {"image_id": 1, "iscrowd": 0, "bbox": [5, 6, 7, 8]}]
    people[1]["keypoints"] = [1, 2, 2] * 17
    document = {"images": [{"id": 1, "file_name": "a.jpg", "license": 4}], "annotations": people}
    (tmp_path / "annotations" / "person_keypoints_train2017.json").write_text(json.dumps(document))
    (picture,) = coco_images(tmp_path, "train2017", COMMERCIAL_LICENCES)
    assert picture.box_M4.tolist() == [[1, 2, 4, 6], [5, 6, 12, 14]]
    assert picture.keypoint_M173.tolist() == [[[0, 0, 0]] * 17, [[1, 2, 2]] * 17]
    assert picture.mask_M == (None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": None}, "annotation 1: has no 'bbox'"), ({"bbox": [1, 2, float("nan"), 4]}, "not finite"),
        ({"keypoints": [1, 2, 2]}, "cannot reshape"), ({"image_id": [1]}, "unhashable"),
        ({"segmentation": [[1, 2, 1e7, 4, 5, 6]]}, "reaches far outside"),
        ({"segmentation": 5}, "has no size and counts"),
    ],
)  # fmt: skip
def test_a_damaged_record_of_coco_is_named(tmp_path: Path, change: dict, message: str) -> None:
    """pycocotools would need all memory for an outline of 1e7 pixels."""
    (tmp_path / "annotations").mkdir()
    people = [{"id": 1, "image_id": 1, "iscrowd": 0, "bbox": [1, 2, 3, 4], **change}]
    document = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": people}
    (tmp_path / "annotations" / "person_keypoints_train2017.json").write_text(json.dumps(document))
    with pytest.raises(StageError, match=message):
        list(coco_images(tmp_path, "train2017", None))
    document["annotations"] = []
    (tmp_path / "annotations" / "person_keypoints_train2017.json").write_text(json.dumps(document))
    with pytest.raises(StageError, match="image 1 has no license"):
        list(coco_images(tmp_path, "train2017", COMMERCIAL_LICENCES))


def test_masks_of_coco_are_those_of_its_polygons(shared: Path) -> None:
    """Areas are those that COCO states; crowds have masks of their own."""
    folder = shared / "assets" / "images" / "coco_mini"
    document = json.loads((folder / "annotations" / "person_keypoints_val2017.json").read_text())
    area_of = {(row["image_id"], *np.round(row["bbox"])): row["area"] for row in document["annotations"]}
    crowds = 0
    for picture in coco_images(folder, "val2017", None):
        image = int(picture.name.split("/")[1].split(".")[0])
        for box_4, mask in zip(picture.box_M4, picture.mask_M, strict=True):
            box = (*box_4[:2], *(box_4[2:] - box_4[:2]))
            assert int(coco_mask.area(mask)) == pytest.approx(area_of[(image, *np.round(box))], rel=0.1, abs=30)
        assert len(picture.crowd_mask_K) == len(picture.crowd_K4)
        crowds += len(picture.crowd_mask_K)
    assert crowds > 0


def test_shards_are_mapped_as_they_were_saved(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "b": np.zeros((0, 4), np.float32),
        "c": np.array(["x", "yz"]),
    }
    np.savez(tmp_path / "one.npz", **arrays)
    found = map_shard(tmp_path / "one.npz")
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype
    np.savez_compressed(tmp_path / "two.npz", **arrays)
    (tmp_path / "three.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:300])
    for name in ("two", "three", "none"):
        with pytest.raises(StageError, match=f"{name}.npz.*made again"):
            map_shard(tmp_path / f"{name}.npz")


def test_every_fourth_frame_of_a_video_is_taken() -> None:
    frames: list[NamedFrame] = [(f"clip/{i}", partial(np.full, (2, 2, 3), i, np.uint8)) for i in range(10)]
    taken = list(sampled_frames(frames, every=4))
    assert [(one.name, one.rgb_HW3[0, 0, 0]) for one in taken] == [(f"clip/{i}", i) for i in (0, 4, 8)]

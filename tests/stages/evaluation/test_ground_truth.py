"""Data sets of every kind from files: they are read as written, and damage is named or counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.errors import ModelError
from pipeline.stage import StageError
from stages.annotations.coco_masks import check_segmentation
from stages.evaluation.body_geometry import open_geometry, prepare_body
from stages.evaluation.ground_truth import GroundTruth
from stages.evaluation.set_lookup import HUMAN_V2
from stages.evaluation.true_images import TrueImage
from stages.synthetic.sparse_set import SparseSet
from stages.synthetic.synthesize import Synthesize
from tests.models.metrics.ruled_body import LineBody
from tests.stages.evaluation.scored_people import JOB, Oracle, scored

Spoil = Callable[[Any], None]


def read(**settings: Any) -> tuple[list[TrueImage], dict[str, Any]]:
    """All images of a run's sets, and the stage's report."""
    source = GroundTruth(GroundTruth.Config(**settings))
    return [image for _, image in source(JOB)], dict(source.summary())


def chequered(height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A photo, and an IUV (chart, U, V as uint8) of two people side by side with all 24 charts."""
    rng = np.random.default_rng(1)
    iuv = np.zeros((height, width, 3), np.uint8)
    for left in (5, 50):
        iuv[10:50, left : left + 24, 0] = np.arange(1, 25)
        iuv[10:50, left : left + 24, 1:] = rng.integers(0, 256, (40, 24, 2))
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8), iuv


@pytest.mark.parametrize("order", ["IUV as BGR", "IUV as RGB"])
def test_iuv_images_are_read_in_either_order(tmp_path: Path, order: str) -> None:
    photo, iuv = chequered()
    cv2.imwrite(str(tmp_path / "dance.png"), photo)
    cv2.imwrite(str(tmp_path / "dance_IUV.png"), iuv if order == "IUV as BGR" else iuv[..., ::-1])
    (image,), facts = read(data=str(tmp_path))
    assert image.dense is not None and facts["frames_in"] == 1
    assert np.array_equal(image.dense.label_HW, iuv[..., 0])
    assert np.array_equal(np.rint(image.dense.uv_2HW * 255).astype(int), np.moveaxis(iuv[..., 1:], -1, 0))
    assert np.array_equal(image.rgb_HW3, photo[..., ::-1])
    assert sorted(map(tuple, image.boxes.tolist())) == [(5, 10, 29, 50), (50, 10, 74, 50)]


def test_folders_of_iuv_images_are_one_set(tmp_path: Path) -> None:
    photo, iuv = chequered()
    for folder in ("street", "park/far"):
        (tmp_path / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / "a.png"), photo)
        cv2.imwrite(str(tmp_path / folder / "a_IUV.png"), iuv)
    images, facts = read(data=str(tmp_path))
    assert [one.name for one in images] == ["park/far/a.png", "street/a.png"] and facts["frames_in"] == 2


def test_an_image_of_instance_numbers_separates_people(tmp_path: Path) -> None:
    photo, iuv = chequered()
    number = np.where(iuv[..., 0] > 12, 7, 3).astype(np.uint8) * (iuv[..., 0] > 0)
    for name, image in (("a.jpg", photo), ("a_iuv.png", iuv), ("a_INDS.png", number)):
        cv2.imwrite(str(tmp_path / name), image)
    (image,), _ = read(data=str(tmp_path))
    assert image.dense is not None and len(image.people) == 2
    assert np.array_equal(image.dense.instance_HW == 1, number == 3)
    assert image.people[1].instance.area == (number == 7).sum()


def test_agreement_with_an_iuv_image_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, iuv = chequered()
    cv2.imwrite(str(tmp_path / "a.png"), photo)
    cv2.imwrite(str(tmp_path / "a_IUV.png"), np.minimum(iuv, [255, 200, 255]))
    images, _ = read(data=str(tmp_path))
    found = scored(monkeypatch, tmp_path / "out", Oracle(images, shift=9), images, LineBody()).flat()
    assert found["part_accuracy"] == found["mask_iou"] == found["box_AP50"] == 1
    assert found["median_dU"] == pytest.approx(9 / 255) and found["median_dV"] == 0
    assert "AUC10" not in found and "GPS_AP" not in found, "an IUV image has no annotated points"


def spoil_channels(folder: Path) -> None:
    cv2.imwrite(str(folder / "b_IUV.png"), np.full((60, 80, 3), 99, np.uint8))


def spoil_size(folder: Path) -> None:
    cv2.imwrite(str(folder / "b_IUV.png"), np.zeros((30, 80, 3), np.uint8))


def spoil_file(folder: Path) -> None:
    (folder / "b_IUV.png").write_bytes(b"no image")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [(spoil_channels, "charts 0..24"), (spoil_size, "differ in size"), (spoil_file, "cannot be read")],
)
def test_a_damaged_iuv_image_is_named_or_counted(tmp_path: Path, spoil: Spoil, complaint: str) -> None:
    photo, iuv = chequered()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), photo)
        cv2.imwrite(str(tmp_path / f"{name}_IUV.png"), iuv)
    spoil(tmp_path)
    with pytest.raises(StageError, match=rf"b_IUV.png.*{complaint}"):
        read(data=str(tmp_path))
    images, facts = read(data=str(tmp_path), damaged="skip")
    assert [one.name for one in images] == ["a.png"] and facts["skipped"] == 1
    assert complaint in facts["warnings"][0]


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """Four scenes as a DensePose-COCO set."""
    sink = SparseSet(SparseSet.Config(folder=str(tmp_path / "set")))
    for frame, _, _, made in Synthesize(Synthesize.Config(world="val", count=4))(JOB):
        list(sink(JOB, frame, made))
    list(sink.flush())
    return tmp_path / "set" / "annotations.json"


def test_a_densepose_coco_file_is_scored_on_its_points(sparse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the set's dense truth as prediction every point is right."""
    images, facts = read(data=str(sparse))
    (exact, _) = read(data="val", scenes=4)
    assert facts == {"frames_in": 4, "skipped": 0}
    assert [len(one.people) for one in images] == [len(one.people) for one in exact]
    found = scored(monkeypatch, sparse.parent / "out", Oracle(exact), images).flat()
    assert found["AUC10"] == pytest.approx(1) and found["GPS_AP"] == pytest.approx(1)
    assert found["box_AP50"] == found["part_of_joint"] / found["part_of_joint_given"] == 1
    assert "part_accuracy" not in found, "no pixel but the points is known"


def test_images_are_found_in_any_folder_beside_the_file(sparse: Path) -> None:
    before, _ = read(data=str(sparse))
    (sparse.parent / "images").rename(sparse.parent / "photos")
    found, _ = read(data=str(sparse))
    assert [one.name for one in found] == [one.name for one in before]


def test_other_annotators_are_scored_against_the_file(
    sparse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same points with U moved by four 255ths: 4 cm on a body of rulers, whatever the network predicts."""
    document = json.loads(sparse.read_text())
    for person in document["annotations"]:
        person["dp_U"] = [round(u * 200) / 255 for u in person["dp_U"]]
    sparse.write_text(json.dumps(document))
    for person in document["annotations"]:
        person["dp_U"] = [u + 4 / 255 for u in person["dp_U"]]
    (tmp_path / "other.json").write_text(json.dumps(document))
    settings = {"data": str(sparse), "annotators": (str(tmp_path / "other.json"),)}
    images, _ = read(**settings)
    exact, _ = read(data="val", scenes=4)
    found = scored(monkeypatch, tmp_path / "out", Oracle(exact), images, LineBody()).flat()
    assert found["AUC10_annotators"] == pytest.approx(0.6, abs=1e-6)
    change(tmp_path / "other.json", lambda other: other["annotations"][0]["dp_x"].reverse())
    with pytest.raises(StageError, match="annotation 1: another annotator marked other pixels"):
        read(**settings)
    assert read(**settings, damaged="skip")[1]["skipped"] == 1


def change(path: Path, spoil: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads(path.read_text())
    spoil(document)
    path.write_text(json.dumps(document))


def lose_points(document: dict[str, Any]) -> None:
    document["annotations"][0]["dp_U"].pop()


def lose_keypoints(document: dict[str, Any]) -> None:
    document["annotations"][0]["keypoints"] = [1, 2]


def break_polygon(document: dict[str, Any]) -> None:
    document["annotations"][0]["segmentation"] = [[1.0, 2.0, 3.0, 4.0]]


def lose_picture(document: dict[str, Any]) -> None:
    document["images"][1]["file_name"] = "gone.png"


def change_size(document: dict[str, Any]) -> None:
    document["images"][1]["height"] = 241


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lose_points, "different lengths"),
        (lose_keypoints, "2 values instead of 51"),
        (break_polygon, "polygon 1"),
        (lose_picture, "file is missing"),
        (change_size, "320×240 pixels, not the 320×241"),
    ],
)
def test_damaged_annotations_are_named_or_counted(
    sparse: Path, spoil: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    whole, _ = read(data=str(sparse))
    change(sparse, spoil)
    with pytest.raises(StageError, match=complaint):
        read(data=str(sparse))
    images, facts = read(data=str(sparse), damaged="skip")
    assert facts["skipped"] == 1 and complaint.split(",")[0] in facts["warnings"][0]
    people = [sum(len(one.people) for one in side) for side in (whole, images)]
    lost = len(whole[1].people) if spoil in (lose_picture, change_size) else 1
    assert people[0] - people[1] == lost


def test_a_coco_folder_has_boxes_keypoints_and_crowds(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "val2017").mkdir()
    cv2.imwrite(str(tmp_path / "val2017" / "7.png"), np.zeros((50, 60, 3), np.uint8))
    keypoints = [value for number in range(17) for value in (number, number, 2 if number < 4 else 0)]
    person = {
        "image_id": 7,
        "category_id": 1,
        "bbox": [2.5, 3, 20, 30],
        "area": 400,
        "keypoints": keypoints,
        "segmentation": [[3, 3, 20, 3, 20, 30]],
        "iscrowd": 0,
        "id": 1,
    }
    crowd = {
        "image_id": 7,
        "category_id": 1,
        "bbox": [30, 3, 20, 30],
        "area": 500,
        "iscrowd": 1,
        "id": 2,
        "segmentation": {"size": [50, 60], "counts": [1500, 30, 1470]},
    }
    document = {
        "images": [{"id": 7, "file_name": "7.png", "height": 50, "width": 60}],
        "annotations": [person, crowd],
        "categories": [{"id": 1, "name": "person"}],
    }
    for split in ("train2017", "val2017"):
        (tmp_path / "annotations" / f"person_keypoints_{split}.json").write_text(json.dumps(document))
    (image,), _ = read(data=str(tmp_path))
    assert image.set_name == "person_keypoints_val2017"
    assert image.boxes.tolist() == [[2.5, 3, 22.5, 33]] and len(image.crowds) == 1 and image.crowds[0].crowd
    assert image.people[0].visible_share == pytest.approx(4 / 17) and image.people[0].instance.points is None


def test_held_out_photos_are_two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stages.annotations.image_collections import held_out

    names = [f"{number:016d}" for number in range(60)]
    kept = [name for name in names if held_out(name)]
    assert 0 < len(kept) < 20
    for part in ("images", "labels"):
        (tmp_path / "train" / part).mkdir(parents=True)
    for name in kept:
        cv2.imwrite(str(tmp_path / f"train/images/{name}_jpg.rf.abcd12.jpg"), np.zeros((40, 40, 3), np.uint8))
        (tmp_path / f"train/labels/{name}_jpg.rf.abcd12.txt").write_text("0 0.5 0.5 0.5 0.25\n")
    listing = tmp_path / "listing.txt"
    listing.write_text("".join(f"train {name} abcd12\n" for name in kept))
    marks = tmp_path / "marks.txt"
    marks.write_text("".join(f"{name} 3:2 - -\n" for name in kept))
    monkeypatch.setattr("stages.evaluation.set_lookup.HUMAN_V2", replace(HUMAN_V2, photos=listing, corrections=marks))
    images, _ = read(data=str(tmp_path))
    assert len(images) == 2 * len(kept)
    assert all(one.boxes.tolist() == [[10, 15, 30, 25]] for one in images[: len(kept)])
    assert all(one.boxes.tolist() == [[15, 15, 45, 25]] for one in images[len(kept) :])


def test_two_sets_of_one_name_are_refused() -> None:
    with pytest.raises(StageError, match="two sets are called val"):
        read(data=("val", "val"), scenes=1)


def test_a_missing_body_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot include it"):
        open_geometry(str(tmp_path))
    (tmp_path / "UV_Processed.mat").write_bytes(b"")
    with pytest.raises(ModelError, match="put one SMPL body there"):
        open_geometry(str(tmp_path))


def test_preparing_the_body_writes_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    def computing(progress: Callable[[float], None]) -> None:
        for share in (0.0, 0.5, 1.0):
            progress(share)

    monkeypatch.setattr("stages.evaluation.body_geometry.open_body_geometry", computing)
    stream = io.StringIO()
    prepare_body("", stream)
    assert stream.getvalue().split("\r")[1:] == [
        f"distances on the body, computed once and kept: {share}" for share in ("  0%", " 50%", "100%\n")
    ]


@pytest.mark.parametrize(
    ("drawn", "complaint"),
    [
        ([[1, 2, 3, 4]], "4 numbers"),
        ([["a"] * 6], "not a list of numbers"),
        ("text", "size and counts"),
        ({"size": [2, 2], "counts": [3]}, "3 pixels"),
        ({"size": [2], "counts": [4]}, "the size"),
        ({"size": [2, 2], "counts": [-1, 5]}, "whole numbers"),
    ],
)
def test_damaged_masks_are_refused(drawn: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_segmentation(drawn)

"""People are the annotations of the category "person"; no other annotation is scored or trained as a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.open_body import COCO_KEYPOINTS
from pipeline.stage import Job, StageError
from stages.annotations.coco_people import read_people
from stages.annotations.image_collections import coco_images
from stages.evaluation.ground_truth import GroundTruth
from stages.evaluation.true_images import TrueImage
from stages.training.data.annotated_images import AnnotatedImages
from stages.training.payloads import AnnotatedSet

pytestmark = pytest.mark.quick

HEIGHT, WIDTH = 50, 60
PERSON_BOX, DOOR_BOX = [2, 3, 20, 30], [30, 3, 20, 40]
Document = dict[str, Any]


def labelled(person: int = 1, door: int = 2, **more: Any) -> Document:
    """Two images, each with a person and a door; `more` is added to the records of people."""
    kinds = ((person, PERSON_BOX, more), (door, DOOR_BOX, {}))
    records = [
        {
            "id": 2 * image + which,
            "image_id": image,
            "category_id": number,
            "bbox": box,
            "area": 600,
            "iscrowd": 0,
            **keys,
        }
        for image in (1, 2)
        for which, (number, box, keys) in enumerate(kinds)
    ]
    return {
        "images": [{"id": n, "file_name": f"{n}.png", "height": HEIGHT, "width": WIDTH} for n in (1, 2)],
        "categories": [{"id": door, "name": "door"}, {"id": person, "name": "person"}],
        "annotations": records,
    }


def stored(folder: Path, document: Document) -> Path:
    for number in (1, 2):
        cv2.imwrite(str(folder / f"{number}.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    path = folder / "own.json"
    path.write_text(json.dumps(document))
    return path


def scored(path: Path, **keys: Any) -> tuple[list[TrueImage], dict[str, Any]]:
    """The scored images, and the facts of the stage."""
    stage = GroundTruth(GroundTruth.Config(data=str(path), **keys))
    images = [image for _, image in stage(Job(index=0, input="", output=None, stem=""))]
    return images, dict(stage.summary())


def only_people(path: Path) -> None:
    """Raises AssertionError unless each image has its person, in evaluation and in training."""
    images, _ = scored(path)
    corners = [[2, 3, 22, 33]]
    assert [one.boxes.tolist() for one in images] == [corners] * 2 and not any(one.crowds for one in images)
    trained = AnnotatedImages(AnnotatedSet(annotations=str(path), images=str(path.parent)))
    assert [[one.box_4.tolist() for one in trained[k].people] for k in range(2)] == [corners] * 2


@pytest.mark.parametrize(("person", "door"), [(1, 2), (0, 1), (2, 1), (7, 0), (1, 0)])
def test_the_name_of_a_category_decides_and_not_its_id(tmp_path: Path, person: int, door: int) -> None:
    only_people(stored(tmp_path, labelled(person, door)))


@pytest.mark.parametrize("name", ["Person", "PERSON", " person "])
def test_case_does_not_matter_and_the_name_is_reported(tmp_path: Path, name: str) -> None:
    document = labelled(0, 1)
    document["categories"][1]["name"] = name
    path = stored(tmp_path, document)
    only_people(path)
    (note,) = scored(path)[1]["notes"]
    assert f"{name!r} (2)" in note and "left out: 'door' (2)" in note


@pytest.mark.parametrize("written", [str, float])
def test_ids_of_any_json_type_are_equal(tmp_path: Path, written: Callable[[int], object]) -> None:
    document = labelled(0, 1)
    for record in document["annotations"]:
        record["category_id"] = written(record["category_id"])
    only_people(stored(tmp_path, document))


def test_a_folder_of_instances_is_a_coco_folder(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    path = stored(tmp_path, labelled(2, 1))
    path.rename(tmp_path / "annotations" / "instances_default.json")
    images, _ = scored(tmp_path)
    assert [len(one.people) for one in images] == [1, 1]


def test_a_file_without_categories_annotates_people(tmp_path: Path) -> None:
    document = labelled()
    del document["categories"]
    document["annotations"] = document["annotations"][::2]
    for record in document["annotations"]:
        del record["category_id"]
    only_people(stored(tmp_path, document))


def of_doors(document: Document) -> None:
    document["categories"] = [{"id": 1, "name": "door"}, {"id": 2, "name": "tree"}]


def unnamed(document: Document) -> None:
    del document["categories"]


def all_crowds(document: Document) -> None:
    for record in document["annotations"]:
        record["iscrowd"] = 1


def two_with_one_id(document: Document) -> None:
    for category in document["categories"]:
        category["id"] = 1


def empty(document: Document) -> None:
    document["annotations"] = []


def doors_alone(document: Document) -> None:
    document["annotations"] = document["annotations"][1::2]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (of_doors, r"no category with the name 'person'; its categories are 'door', 'tree'; rename"),
        (unnamed, "no list of categories.*add"),
        (all_crowds, "marks all 2 people as crowds.*set iscrowd to 0"),
        (empty, "no annotated person"),
        (two_with_one_id, r"gives the category id 1 to 'person' and to 'door'; give each"),
        (doors_alone, r"no annotated person.*'door' \(2\)"),
    ],
)
def test_an_error_states_why_no_person_can_be_scored(
    tmp_path: Path, damage: Callable[[Document], None], expected: str
) -> None:
    document = labelled()
    damage(document)
    path = stored(tmp_path, document)
    for damaged in ("refuse", "skip"):
        with pytest.raises(StageError, match=expected) as caught:
            scored(path, damaged=damaged)
        assert caught.value.where == str(path)
    with pytest.raises(StageError, match=expected):
        AnnotatedImages(AnnotatedSet(annotations=str(path), images=str(tmp_path)))


def test_missing_images_of_all_people_are_one_error(tmp_path: Path) -> None:
    document = labelled()
    document["annotations"] = document["annotations"][:1]
    path = stored(tmp_path, document)
    (tmp_path / "1.png").unlink()
    with pytest.raises(StageError, match="the images that exist have no people"):
        scored(path, damaged="skip", images=str(tmp_path))


def test_people_without_a_category_are_reported(tmp_path: Path) -> None:
    document = labelled()
    document["categories"] = [{"id": 1, "name": "person"}]
    document["annotations"] = document["annotations"][::2]
    document["annotations"][0]["category_id"] = None
    images, facts = scored(stored(tmp_path, document))
    assert sum(len(image.people) for image in images) == 1
    assert "'person' (1); left out: 'id None' (1)" in " ".join(facts["notes"])


def test_a_list_of_results_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(labelled()["annotations"]))
    with pytest.raises(StageError, match="list of results"):
        scored(path)


def test_damage_of_other_categories_does_not_matter(tmp_path: Path) -> None:
    document = labelled()
    for record in document["annotations"][1::2]:
        record.update(bbox=[0, 0, 0, 0], keypoints=[1] * 63, segmentation="no mask")
        del record["id"]
    only_people(stored(tmp_path, document))


def test_missing_fields_have_default_values(tmp_path: Path) -> None:
    document = labelled()
    for record in document["annotations"]:
        for key in ("id", "iscrowd"):
            del record[key]
        record.update(area=None, segmentation=None, keypoints=[])
    path = stored(tmp_path, document)
    only_people(path)
    assert [one.id for one in read_people(path).people] == [1, 2]


def test_people_with_one_id_are_two(tmp_path: Path) -> None:
    document = labelled()
    for record in document["annotations"]:
        record["id"] = 5
    path = stored(tmp_path, document)
    only_people(path)
    assert [one.id for one in read_people(path).people] == [5, 6]


def test_images_with_one_id_are_refused(tmp_path: Path) -> None:
    document = labelled()
    document["images"][1]["id"] = 1
    with pytest.raises(StageError, match="image 1: another image has the same id"):
        read_people(stored(tmp_path, document))


@pytest.mark.parametrize("value", ["0", 2, [1]])
def test_iscrowd_is_0_or_1(tmp_path: Path, value: object) -> None:
    with pytest.raises(StageError, match=r"iscrowd.*neither 0 nor 1"):
        read_people(stored(tmp_path, labelled(iscrowd=value)))


def keypoints(names: list[str], **where: tuple[int, int]) -> tuple[list[str], list[int]]:
    """Names of a category, and the numbers of a record; keypoints without a place are invisible."""
    return names, [number for name in names for number in ((*where[name], 2) if name in where else (0, 0, 0))]


@pytest.mark.parametrize(
    "written",
    [
        str.title,
        lambda name: name.replace("_", "-"),
        lambda name: name.replace("left_", "L"),
        lambda name: "_".join(name.split("_")[::-1]),
    ],
)
def test_keypoints_are_found_by_their_names(tmp_path: Path, written: Callable[[str], str]) -> None:
    names, values = keypoints(
        ["pelvis", *reversed(COCO_KEYPOINTS), "crown"], nose=(5, 6), left_knee=(7, 8), pelvis=(9, 9), crown=(1, 1)
    )
    document = labelled(keypoints=values)
    document["categories"][1]["keypoints"] = [written(name) for name in names]
    path = stored(tmp_path, document)
    expected = np.zeros((17, 3))
    expected[COCO_KEYPOINTS.index("nose")], expected[COCO_KEYPOINTS.index("left_knee")] = (5, 6, 2), (7, 8, 2)
    person = scored(path)[0][0].people[0]
    assert person.keypoint_173 is not None and (person.keypoint_173 == expected).all()
    trained = AnnotatedImages(AnnotatedSet(annotations=str(path), images=str(tmp_path)))
    assert (trained[0].people[0].keypoint_173 == expected).all()


def test_a_wrong_number_of_keypoints_is_damage(tmp_path: Path) -> None:
    document = labelled(keypoints=[1, 1, 2] * 17)
    document["categories"][1]["keypoints"] = ["pelvis", *COCO_KEYPOINTS]
    path = stored(tmp_path, document)
    expected = "annotation 2: its keypoints have 51 values, but its category names 18 keypoints"
    with pytest.raises(StageError, match=expected):
        scored(path)


def test_keypoints_unknown_to_coco_are_left_out(tmp_path: Path) -> None:
    names, values = keypoints(["head", "foot"], head=(5, 6), foot=(7, 8))
    document = labelled(keypoints=values, num_keypoints=2)
    document["categories"][1]["keypoints"] = names
    path = stored(tmp_path, document)
    only_people(path)
    (image, _), facts = scored(path)
    assert image.people[0].keypoint_173 is None and "keypoints are none of COCO's 17" in facts["notes"][0]


def test_a_mask_of_another_size_is_damage_that_names_the_file(tmp_path: Path) -> None:
    path = stored(tmp_path, labelled(segmentation={"size": [10, 10], "counts": [50, 50]}))
    with pytest.raises(StageError, match=r"own.json: image 1: a mask has 10×10 pixels, its image 60×50"):
        scored(path)
    with pytest.raises(StageError, match=r"own.json: image 1: a mask has 10×10"):
        AnnotatedImages(AnnotatedSet(annotations=str(path), images=str(tmp_path)))[0]


@pytest.mark.parametrize("name", ["upload/{}.png", "C:\\data\\{}.png", "/data/local/{}.png", "upload\\{}.png"])
def test_images_are_found_without_the_folders_of_another_machine(tmp_path: Path, name: str) -> None:
    document = labelled()
    for image in document["images"]:
        image["file_name"] = name.format(image["id"])
    only_people(stored(tmp_path, document))


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = stored(tmp_path, labelled())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    only_people(path)


def test_photos_labelled_for_training_have_people_alone(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    path = stored(tmp_path / "train2017", labelled(0, 1))
    path.rename(tmp_path / "annotations" / "person_keypoints_train2017.json")
    images = list(coco_images(tmp_path, "train2017", None))
    assert [one.box_M4.tolist() for one in images if one.box_M4 is not None] == [[[2, 3, 22, 33]]] * 2

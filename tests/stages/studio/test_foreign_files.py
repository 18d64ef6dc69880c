"""Work on somebody's COCO file: what nobody changed comes out as it came in, whatever fields its makers use."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.open_body import COCO_KEYPOINTS
from stages.annotations.coco_masks import encode_mask
from stages.annotations.coco_people import read_people
from stages.studio.given_images import given_images
from stages.studio.given_people import with_given_people
from stages.studio.people_file import BODY
from stages.studio.work.actions import ChangeGroup, Paint, SetBox, SetKeypoint, SetKind, SetOutline, action_record
from stages.studio.workplace import Workplace
from tests.stages.studio.random_work import IMAGES, Rng, random_action

pytestmark = pytest.mark.quick

Json = dict[str, Any]
PLACE = {"bbox", "dp_x", "dp_y", "dp_I", "dp_U", "dp_V", "dp_masks"}
GROUPS = {
    SetBox: PLACE, Paint: PLACE | {"segmentation", "area"}, SetOutline: {"segmentation", "area"},
    SetKeypoint: {"keypoints", "num_keypoints"}, SetKind: PLACE | {"segmentation", "area", "iscrowd"},
}  # fmt: skip


def foreign(rng: Rng, depth: int = 0) -> Any:
    """Any JSON value."""
    match int(rng.integers(7 if depth < 2 else 5)):
        case 0:
            return None
        case 1:
            return bool(rng.integers(2))
        case 2:
            return int(rng.integers(-9, 10**12))
        case 3:
            return float(rng.choice([rng.normal(), np.inf]))  # other programs write NaN and Infinity
        case 4:
            return "".join(chr(int(code)) for code in rng.integers(32, 0x2FF, 5))
        case 5:
            return [foreign(rng, depth + 1) for _ in range(int(rng.integers(4)))]
        case _:
            return foreign_fields(rng, depth + 1)


def foreign_fields(rng: Rng, depth: int = 0) -> Json:
    return {f"x_{int(rng.integers(10**6))}": foreign(rng, depth) for _ in range(int(rng.integers(4)))}


def foreign_document(rng: Rng) -> Json:
    """Two images of the task and others, with people, dogs and unknown fields everywhere, under random ids."""
    names = ["other.png", *(f"photos/{one.name}" for one in IMAGES), "more.png"]
    sizes = {f"photos/{one.name}": (one.height, one.width) for one in IMAGES}
    ids = [int(one) for one in rng.choice(10**6, len(names), replace=False)]
    images = [
        {**foreign_fields(rng), "id": number, "file_name": name, "height": sizes.get(name, (50, 50))[0],
         "width": sizes.get(name, (50, 50))[1], "license": 2, "coco_url": "u", "date_captured": foreign(rng)}
        for number, name in zip(ids, names, strict=True)
    ]  # fmt: skip
    person, dog = (int(one) for one in rng.choice(90, 2, replace=False))
    joints = [*COCO_KEYPOINTS, "tail"]
    rng.shuffle(joints)
    annotations = []
    for number in rng.choice(10**9, 12, replace=False).tolist():
        image, is_person = images[int(rng.integers(len(images)))], rng.random() < 0.7 or not annotations
        image = image if annotations else images[1]
        annotations.append(foreign_annotation(rng, int(number), image, person if is_person else dog))
    categories = [
        {"id": dog, "name": "dog", **foreign_fields(rng)},
        {"id": person, "name": "person", "keypoints": joints, "skeleton": [[1, 2]], **foreign_fields(rng)},
    ]
    info = {"body": BODY, "description": "theirs", "year": 2031, **foreign_fields(rng)}
    rest = {"info": info, "licenses": [{"id": 2, "name": "l"}], "categories": categories, **foreign_fields(rng)}
    return {**rest, "images": images, "annotations": annotations}


def foreign_annotation(rng: Rng, number: int, image: Json, category: int) -> Json:
    x, y = (round(float(one), 3) for one in rng.uniform(0, 15, 2))
    wide, high = (round(float(one), 3) for one in rng.uniform(5, 20, 2))
    made: Json = {**foreign_fields(rng), "id": number, "image_id": image["id"], "category_id": category}
    made["bbox"] = [x, y, wide, high]
    if rng.random() < 0.6:
        made["segmentation"] = [[x, y, x + wide, y, x + wide, y + high, x, y + high]]
        if rng.random() < 0.5:
            mask_HW = np.zeros((image["height"], image["width"]), np.uint8)
            mask_HW[3:9, 4:14] = 1
            made["segmentation"] = encode_mask(mask_HW)
        made |= {"area": float(rng.uniform(1, 99)), "iscrowd": 0}
    if rng.random() < 0.5:
        made["keypoints"] = [round(float(one), 3) for one in rng.uniform(0, 30, 54)]
        made["keypoints"][2::3] = rng.integers(0, 3, 18).tolist()
        made["num_keypoints"] = sum(1 for one in made["keypoints"][2::3] if one)
    if rng.random() < 0.4:
        made |= {"dp_x": [100.5, 20], "dp_y": [30.0, 200.0], "dp_I": [2, 1], "dp_U": [0.3, 0.1], "dp_V": [0.7, 0.9]}
    return made


def did_random_work(rng: Rng, work: Workplace, tasks_of: Any) -> tuple[dict[tuple[str, int], set[str]], dict[str, str]]:
    """Random actions of an annotator; returns the fields that each person's concern, and the status of each image."""
    changed: dict[tuple[str, int], set[str]] = defaultdict(set)
    status: dict[str, str] = {}
    for image in IMAGES[: int(rng.integers(3))]:
        work.open_image({"who": "ann", "image": image.name})
        for _ in range(int(rng.integers(8))):
            action = random_action(rng, image, tasks_of(image.name))
            work.act({"who": "ann", "image": image.name, "action": action_record(action)})
            for one in action.actions if isinstance(action, ChangeGroup) else (action,):
                if hasattr(one, "person"):
                    changed[image.name, one.person] |= GROUPS.get(type(one), PLACE)
            status[image.name] = tasks_of(image.name).status
        if rng.random() < 0.5:
            status[image.name] = str(rng.choice(["finished", "skipped"]))
            work.act({"who": "ann", "image": image.name, "action": {"do": "status", "status": status[image.name]}})
    return changed, status


@pytest.mark.parametrize("seed", range(40))
def test_what_nobody_changed_comes_out_as_it_came_in(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    given, output = foreign_document(rng), tmp_path / "result" / "people.json"
    output.parent.mkdir()
    (tmp_path / "given.json").write_text(json.dumps(given))
    for one in IMAGES:
        cv2.imwrite(str(tmp_path / one.name), np.zeros((one.height, one.width, 3), np.uint8))
    person = given["categories"][1]["id"]
    files = {one["id"]: one["file_name"].removeprefix("photos/") for one in given["images"]}
    numbers: dict[tuple[str, int], Json] = {}
    for one in given["annotations"]:
        if one["category_id"] == person:
            name = files[one["image_id"]]
            numbers[name, 1 + sum(known == name for known, _ in numbers)] = one
    assert any(name in [one.name for one in IMAGES] for name, _ in numbers)
    images = given_images([tmp_path / one.name for one in IMAGES], tmp_path / "frames", every=1)
    found = with_given_people(images, str(tmp_path / "given.json"), output, points=True)
    work = Workplace(found, output, copies=1, propose=None)
    changed, status = did_random_work(rng, work, lambda name: work.sheet(name, "ann"))
    sheets = {one.name: work.sheet(one.name, "ann") for one in IMAGES}
    work.write()
    work.close()
    check_document(given, json.loads(output.read_text()), numbers, changed, status, sheets)
    assert read_people(output, unfinished=True).people


def check_document(
    given: Json, made: Json, numbers: dict[tuple[str, int], Json], changed: dict[tuple[str, int], set[str]],
    status: dict[str, str], sheets: dict[str, Any],
) -> None:
    assert {key: made[key] for key in given if key not in ("info", "images", "annotations")} == {
        key: given[key] for key in given if key not in ("info", "images", "annotations")
    }
    assert given["info"].items() <= made["info"].items()
    for before, after in zip(given["images"], made["images"], strict=True):
        state = status.get(before["file_name"].removeprefix("photos/"), "finished")
        assert after == (before if state == "finished" else {**before, "complete": False})
    after = {one["id"]: one for one in made["annotations"]}
    assert len(after) == len(made["annotations"])
    person_of = {one["id"]: key for key, one in numbers.items()}
    for before in given["annotations"]:
        key = person_of.get(before["id"])
        if key is None or not changed[key] or status.get(key[0]) == "skipped":
            assert after.pop(before["id"]) == before
        elif key[1] not in sheets[key[0]].people or sheets[key[0]].people[key[1]].kind == "not_person":
            assert before["id"] not in after
        else:
            touched = {*changed[key], "dp_annotation"}
            one = after.pop(before["id"])
            assert {k: v for k, v in one.items() if k not in touched} == {
                k: v for k, v in before.items() if k not in touched
            }
    assert all(number > max(one["id"] for one in given["annotations"]) for number in after)  # what is left is new

"""Work that goes on with an annotation file: what is found in the images, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.open_body import COCO_KEYPOINTS
from pipeline.stage import StageError
from stages.annotations.densepose_coco import person_record, read_dense_set, write_dense_set
from stages.studio import given_people
from stages.studio.given_images import given_images
from stages.studio.given_people import given_path, with_given_people
from stages.studio.people_file import BODY, people_file
from stages.studio.studio_files import GivenImage
from stages.studio.workplace import Workplace
from tests.stages.studio.random_work import IMAGES, folded, random_entries

pytestmark = pytest.mark.quick


@pytest.fixture
def images(tmp_path: Path) -> list[GivenImage]:
    for one in IMAGES:
        cv2.imwrite(str(tmp_path / one.name), np.zeros((one.height, one.width, 3), np.uint8))
    return given_images([tmp_path / one.name for one in IMAGES], tmp_path / "frames", every=1)


def studio_file(path: Path) -> None:
    """A file that a studio wrote, with all that people can have."""
    did, _ = random_entries(np.random.default_rng(12), 150, undo_share=0.1)
    write_dense_set(path, people_file(folded(did)))


def coco_file(path: Path, **info: str) -> None:
    """A COCO file with a polygon, keypoints and, by another tool, another category and id; and one point."""
    person = {
        "id": 41, "image_id": 7, "category_id": 3, "bbox": [4, 6, 20, 24], "iscrowd": 0, "area": 480.0,
        "segmentation": [[4, 6, 24, 6, 24, 30, 4, 30]], "dp_x": [127.5], "dp_y": [51.0], "dp_I": [2], "dp_U": [0.3],
        "dp_V": [0.7], "keypoints": [*[0] * 15, 10, 12, 2, *[0] * 33], "num_keypoints": 1,
    }  # fmt: skip
    dog = {**person, "id": 42, "category_id": 1}
    document = {
        "info": info, "images": [{"id": 7, "file_name": "photos\\a.png", "height": 40, "width": 60}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 3, "name": "Person", "keypoints": list(COCO_KEYPOINTS)}],
        "annotations": [dog, person],
    }  # fmt: skip
    path.write_text(json.dumps(document))


def workplace(images: list[GivenImage], output: Path) -> Workplace:
    return Workplace(images, output, copies=1, propose=None)


def annotations(output: Path) -> list[dict[str, Any]]:
    return [{**person_record(one), "id": 0} for one in read_dense_set(output).people]


def test_whom_nobody_changes_stays_as_in_the_file(images: list[GivenImage], tmp_path: Path) -> None:
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    studio_file(source)
    before = annotations(source)
    assert len(before) > 2 and any("dp_I" in one for one in before) and any("dp_masks" in one for one in before)
    work = workplace(with_given_people(images, str(source), output, points=True), output)
    work.write()
    assert annotations(output) == before  # nobody has opened an image
    sheet = work.open_image({"who": "ann", "image": "a.png"})["sheet"]
    work.write()
    assert annotations(output) == before and sheet["undo"] == 0
    first = next(iter(sheet["people"].values()))
    work.act({"who": "ann", "image": "a.png", "action": {"do": "kind", "person": 1, "kind": "person"}})
    work.act({"who": "ann", "image": "a.png", "action": {"do": "box", "person": 1, "box_4": [0, 0, 60, 40]}})
    work.close()
    source.unlink()
    again = workplace(with_given_people(images, "", output, points=True), output)  # the copy is enough
    again.write()
    after = annotations(output)
    assert after[1:] == before[1:] and after[0]["bbox"] == [0, 0, 60, 40]
    assert after[0]["dp_annotation"]["annotator"] == "ann" and first["box"] != (0, 0, 60, 40)
    for key in ("dp_I", "dp_U", "dp_V", "keypoints"):
        assert after[0].get(key) == before[0].get(key)
    again.close()


def test_whom_a_reviewer_accepts_unchanged_stays_as_in_the_file(images: list[GivenImage], tmp_path: Path) -> None:
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    studio_file(source)
    before = annotations(source)
    work = workplace(with_given_people(images, str(source), output, points=True), output)
    for message in ({"who": "ann"}, {"who": "lea", "review": True}):
        work.open_image({**message, "image": "a.png"})
        work.act({**message, "image": "a.png", "action": {"do": "status", "status": "finished"}})
    work.write()
    after = annotations(output)
    reviewed = [one["dp_annotation"].pop("review") for one in after if "review" in one["dp_annotation"]]
    assert after == before and reviewed and {one["outcome"] for one in reviewed} == {"accepted"}
    work.close()


def test_a_coco_file_of_another_tool(images: list[GivenImage], tmp_path: Path) -> None:
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    coco_file(source, body=BODY)
    work = workplace(with_given_people(images, str(source), output, points=True), output)
    sheet = work.open_image({"who": "ann", "image": "a.png"})["sheet"]
    (one,) = sheet["people"].values()
    assert one["box"] == (4, 6, 24, 30) and one["keypoints"] == {5: (10, 12, 2)} and one["outline"]["width"] == 20
    ((point,),) = one["asked"].values()
    assert (point["x"], point["y"], point["verdict"]) == (14, 10, "surface")
    work.act({"who": "ann", "image": "a.png", "action": {"do": "box", "person": 1, "box_4": [4, 6, 25, 30]}})
    work.write()
    dog, record = json.loads(output.read_text())["annotations"]
    given = json.loads(source.read_text())["annotations"]
    assert dog == given[0] and {key: record[key] for key in ("id", "category_id", "segmentation", "area")} == {
        "id": 41, "category_id": 3, "segmentation": given[1]["segmentation"], "area": 480.0
    }
    assert record["bbox"] == [4, 6, 21, 24] and record["dp_U"] == [0.3] and record["dp_I"] == [2]
    work.close()


def test_points_of_densepose_are_converted(images: list[GivenImage], tmp_path: Path) -> None:
    """A point inside of both bodies' charts keeps its chart, U and V; the result is on the open body."""
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    coco_file(source)
    document = json.loads(source.read_text())
    document["categories"][1]["keypoints"].reverse()  # the file has another order of keypoints
    document["annotations"][1]["keypoints"] = [*[0] * 33, 10, 12, 2, *[0] * 15]
    source.write_text(json.dumps(document))
    found = with_given_people(images, str(source), output, points=True, body="densepose")
    again = with_given_people(images, "", output, points=True)  # a later run does not need to know the body
    assert again[0].start == found[0].start
    work = workplace(found, output)
    work.write()
    record = json.loads(output.read_text())["annotations"][1]
    assert record["keypoints"] == document["annotations"][1]["keypoints"]
    assert record["dp_I"] == [2] and np.allclose([record["dp_U"], record["dp_V"]], [[0.3], [0.7]], atol=1e-4)
    info = read_dense_set(output).rest["info"]
    assert isinstance(info, dict) and info["body"] == BODY
    work.close()
    coco_file(source, body="another body")
    given_path(output).unlink()
    output.with_name("people.given.converted.json").unlink()
    with pytest.raises(StageError, match="its points are on another body"):
        with_given_people(images, str(source), output, points=True, body="densepose")


def test_what_does_not_fit_is_refused(images: list[GivenImage], tmp_path: Path) -> None:
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    coco_file(source)
    with pytest.raises(StageError, match="its points are on the body of DensePose-COCO, not on the open body"):
        with_given_people(images, str(source), output, points=True)
    with pytest.raises(StageError, match=r"set annotate\.body to densepose to convert them"):
        with_given_people(images, str(source), output, points=True)
    (one, _) = with_given_people(images, str(source), output, points=False)
    assert one.file is not None and one.file.people[0][0].person.points is None
    coco_file(source, body="other")
    with pytest.raises(StageError, match="the work began with other annotations"):
        with_given_people(images, str(source), output, points=False)
    given_path(output).unlink()
    with pytest.raises(StageError, match="names none of the given images"):
        with_given_people(images[1:], str(source), output, points=False)
    with pytest.raises(StageError, match="missing"):
        with_given_people(images, str(tmp_path / "no.json"), tmp_path / "other.json", points=True)
    source.write_text(source.read_text().replace('"height": 40', '"height": 41'))
    with pytest.raises(StageError, match="the file says 60×41 pixels, the image has 60×40"):
        with_given_people(images, str(source), tmp_path / "other.json", points=False)


def test_tiny_boxes_and_many_points_of_a_file_can_be_read_again(images: list[GivenImage], tmp_path: Path) -> None:
    """The first sheet is in the journal, which the next start reads; a sheet that cannot be read is not written."""
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    coco_file(source, body=BODY)
    document = json.loads(source.read_text())
    person = document["annotations"][1]
    points = {key: person[key] * 300 for key in ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")}
    tiny = {**person, "id": 43, "bbox": [1.3, 6, 0.5, 24], "keypoints": [10, 12, 3, 9, 9, -1, *[0] * 45]}
    document["annotations"] = [{**person, **points}, tiny]
    source.write_text(json.dumps(document))
    for _ in range(2):
        work = workplace(with_given_people(images, str(source), output, points=True), output)
        found = work.open_image({"who": "ann", "image": "a.png"})["sheet"]["people"]
        work.close()
    assert found[2]["keypoints"] == {0: (10, 12, 2)} and [len(asked) for asked in found[1]["asked"].values()] == [300]
    document["annotations"] = [{**person, **{key: values * 4 for key, values in points.items()}}]
    source.write_text(json.dumps(document))
    for _ in range(2):
        other = workplace(with_given_people(images, str(source), tmp_path / "b.json", points=True), tmp_path / "b.json")
        with pytest.raises(StageError, match="is not 1 to 1000 pixels"):
            other.open_image({"who": "ann", "image": "a.png"})
        other.close()


def test_an_image_of_the_file_is_one_image_of_the_task(images: list[GivenImage], tmp_path: Path) -> None:
    """Frames of two films have the same file names: only those of the annotated film begin with its people."""
    source, output = tmp_path / "source.json", tmp_path / "people.json"
    coco_file(source, body=BODY)
    source.write_text(source.read_text().replace("photos\\\\a.png", "film.mp4.every25/a.png"))

    def named(*names: str) -> list[GivenImage]:
        return [replace(images[0], task=replace(images[0].task, name=name)) for name in names]

    films = named("film.mp4.every25/a.png", "other.mp4.every25/a.png")
    found = with_given_people(films, str(source), output, points=True)
    assert found[0].start is not None and found[1].start is None
    source.write_text(source.read_text().replace("film.mp4.every25/a.png", "a.png"))
    with pytest.raises(StageError, match="2 of the given images have this file name"):
        with_given_people(named("x/a.png", "y/a.png"), str(source), tmp_path / "b.json", points=True)


def test_each_name_is_looked_up_once(images: list[GivenImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """COCO has 118,000 images: the time grows with their number plus that of the task's images, not their product."""
    source, calls = tmp_path / "source.json", []
    tasks = [replace(images[0], task=replace(images[0].task, name=f"{number}.png")) for number in range(60)]
    coco_file(source, body=BODY)
    document = json.loads(source.read_text())
    document["images"] = [{**document["images"][0], "id": 7 + k, "file_name": f"{k}.png"} for k in range(60)]
    source.write_text(json.dumps(document))
    monkeypatch.setattr(given_people, "_is_end", lambda parts, others: bool(calls.append(0)) or parts == others)
    with_given_people(tasks, str(source), tmp_path / "people.json", points=True)
    assert 60 <= len(calls) <= 120

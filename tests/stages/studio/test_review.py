"""Review: where annotators disagree, what a reviewer decides, what goes back, and what is in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.stage import StageError
from stages.annotations.coco_masks import decode_mask
from stages.annotations.densepose_coco import person_record, read_dense_set
from stages.studio.disagreements import disagreements, matched_people
from stages.studio.given_images import given_images
from stages.studio.work.part_map import PixelMask
from stages.studio.work.sheet import PersonWork, WorkSheet
from stages.studio.workplace import Workplace

pytestmark = pytest.mark.quick

HEIGHT, WIDTH = 80, 120
BOX = [10.0, 10.0, 50.0, 70.0]
FAR_BOX = [70.0, 10.0, 110.0, 70.0]
PIXELS = [[20, 20], [30, 30], [40, 40]]
TORSO_FRONT, TORSO_BACK = 2, 1


class Desk:
    """A studio on two images for two annotators; messages are sent to it as the page does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("a.png", "b.png"):
            cv2.imwrite(str(folder / name), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        self.now = 1000.0
        self.open()

    def open(self) -> None:
        """Start the program, as it were."""
        images = given_images([self.folder / "a.png", self.folder / "b.png"], self.folder / "frames", every=1)
        output = self.folder / "people.json"
        self.work = Workplace(images, output, copies=2, propose=None, clock=self._clock)

    def _clock(self) -> float:
        self.now += 1
        return self.now

    def act(self, who: str, action: Any, **more: Any) -> dict[str, Any]:
        """An action on the first image."""
        return self.work.act({"who": who, "image": "a.png", "action": action, **more})

    def review(self, path: str, **fields: Any) -> dict[str, Any]:
        """A message of the reviewer about the first image."""
        message = {"who": "lea", "image": "a.png", "review": True, **fields}
        if path == "take":
            return self.work.open_image(message)
        found: dict[str, Any] = getattr(self.work.reviews, path)(message)
        return found

    def people(self, name: str = "people.json") -> list[Any]:
        """The people of the first image in the file."""
        self.work.write()
        return [one for one in read_dense_set(self.folder / name).people if one.image == 1]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.work.close()


def square(x: int, y: int, side: int) -> dict[str, Any]:
    return asdict(PixelMask.of_array(np.ones((side, side), bool), x, y))


def answered(desk: Desk, who: str, number: int, chart: int, u: float, v: float) -> None:
    desk.act(who, {
        "do": "answer", "person": 1, "part": 1, "number": number, "verdict": "surface", "chart": chart, "u": u, "v": v,
    })


def both_annotate(desk: Desk) -> None:
    """Two annotators disagree about a part, about one of three points, and about a second person."""
    for who in ("ann", "bob"):
        desk.work.open_image({"who": who, "image": "a.png"})
        desk.act(who, {"do": "box", "person": 1, "box_4": BOX})
        desk.act(who, {"do": "paint", "person": 1, "part": 1, "mask": square(15, 15, 30)})
        left_hand = square(12, 50, 8) if who == "ann" else square(15, 50, 8)
        desk.act(who, {"do": "paint", "person": 1, "part": 3, "mask": left_hand})
        desk.act(who, {"do": "ask", "person": 1, "part": 1, "pixels": PIXELS})
        answered(desk, who, 0, TORSO_FRONT, 0.4, 0.5)
        answered(desk, who, 1, TORSO_FRONT, 0.5, 0.5 if who == "ann" else 0.52)
    answered(desk, "ann", 2, TORSO_FRONT, 0.2, 0.5)
    answered(desk, "bob", 2, TORSO_BACK, 0.2, 0.5)
    desk.act("bob", {"do": "box", "person": 2, "box_4": FAR_BOX})
    for who in ("ann", "bob"):
        desk.act(who, {"do": "status", "status": "finished"})


def items(taken: dict[str, Any]) -> dict[str, Any]:
    return {f"{one['person']} {one['item']}": one for one in taken["review"]["items"]}


def test_disagreements_are_found_and_sorted(desk: Desk) -> None:
    both_annotate(desk)
    taken = desk.review("take")
    found = items(taken)
    assert set(found) == {"2 person", "1 part 3", "1 point 1 2"}
    sizes = [one["size"] for one in taken["review"]["items"]]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == 1
    # 8 × 8 pixels, three columns apart: 5 of 11 columns are common.
    assert found["1 part 3"]["size"] == pytest.approx(1 - 5 / 11, abs=1e-3)
    assert "on two charts" in found["1 point 1 2"]["what"] and found["2 person"]["what"] == "not marked by ann"
    assert list(found["1 point 1 2"]["answers"]) == ["ann", "bob"] and list(found["2 person"]["answers"]) == ["bob"]


def test_decisions_are_in_the_file_and_can_be_undone(desk: Desk) -> None:
    both_annotate(desk)
    desk.review("take")
    before = person_record(desk.people()[0])
    desk.review("decide", person=1, item="part 3", choice="bob")
    desk.review("decide", person=1, item="point 1 2", choice="ann")
    desk.review("decide", person=1, item="point 1 2", choice="bob")
    desk.act("lea", "undo", review=True)
    answer = {"do": "answer", "person": 1, "part": 1, "number": 1, "verdict": "hidden"}
    desk.act("lea", answer, review=True)
    desk.act("lea", {"do": "kind", "person": 2, "kind": "not_person"}, review=True)
    assert person_record(desk.people()[0]) == before  # a review that is not finished changes nothing
    desk.act("lea", {"do": "status", "status": "finished"}, review=True)
    (one,) = desk.people()
    assert one.points is not None and one.points.chart_M.tolist() == [TORSO_FRONT, TORSO_FRONT]
    about = one.rest["dp_annotation"]
    assert about["annotator"] == "ann+bob" and about["hidden"] == 1
    review = about["review"]
    assert (review["reviewer"], review["outcome"]) == ("lea", "corrected")
    assert review["decided"] == {"part 3": "bob", "point 1 2": "ann", "point 1 1": ""}
    x0, width = one.box_4[0], one.box_4[2]
    assert one.part_masks is not None and one.part_masks[2] is not None
    hand = decode_mask(one.part_masks[2])
    columns = np.flatnonzero(hand.any(axis=0))
    assert abs(columns[0] / 256 * width + x0 - 15) < 1 and abs((columns[-1] + 1) / 256 * width + x0 - 23) < 1
    names = [[one.rest["dp_annotation"]["annotator"] for one in desk.people(name)] for name in (
        "people.1.json", "people.2.json")]
    assert names == [["ann"], ["bob", "bob"]]
    with pytest.raises(StageError, match="the review of this image is finished"):
        desk.act("ann", {"do": "box", "person": 1, "box_4": BOX})


def test_exchanged_sides_are_decided(desk: Desk) -> None:
    """Both parts with their answered points, and with the whole person the keypoints; all else stays open."""
    both_annotate(desk)
    desk.review("take")
    people = desk.act("lea", {"do": "swap", "person": 1, "part": 2}, review=True)["sheet"]["people"]
    assert people[1]["decided"] == {"part 2": "", "part 3": ""}
    assert not desk.act("lea", "undo", review=True)["sheet"]["people"][1]["decided"]
    desk.act("lea", {"do": "ask", "person": 1, "part": 3, "pixels": [[20, 55], [18, 52]]}, review=True)
    desk.act("lea", {"do": "answer", "person": 1, "part": 3, "number": 1, "verdict": "hidden"}, review=True)
    desk.act("lea", {"do": "keypoint", "person": 1, "joint": 0, "x": 20, "y": 12, "visibility": 2}, review=True)
    desk.act("lea", {"do": "keypoint", "person": 1, "joint": 9, "x": 20, "y": 52, "visibility": 2}, review=True)
    known = {"point 3 1", "joint 0", "joint 9"}
    people = desk.act("lea", {"do": "swap", "person": 1, "part": 0}, review=True)["sheet"]["people"]
    assert set(people[1]["decided"]) == known | {"part 2", "part 3", "point 2 1", "joint 10"}


def test_the_whole_person_of_one_annotator(desk: Desk) -> None:
    both_annotate(desk)
    desk.review("take")
    desk.review("decide", person=1, item="person", choice="bob")
    desk.act("lea", {"do": "status", "status": "finished"}, review=True)
    one, second = desk.people()
    assert one.points is not None and one.points.chart_M.tolist() == [TORSO_FRONT, TORSO_FRONT, TORSO_BACK]
    assert one.rest["dp_annotation"]["review"]["outcome"] == "decided"
    assert second.rest["dp_annotation"]["review"]["outcome"] == "accepted"


def test_what_is_sent_back_comes_again(desk: Desk) -> None:
    both_annotate(desk)
    desk.review("take")
    desk.review("decide", person=2, item="person", choice="bob")
    desk.review("send_back", person=1, annotator="bob", note="the hand is further left")
    with pytest.raises(StageError, match="sent back to bob"):
        desk.act("lea", {"do": "status", "status": "finished"}, review=True)
    taken = desk.work.open_image({"who": "bob"})
    assert taken["image"]["name"] == "a.png"
    assert taken["notes"] == [{"reviewer": "lea", "person": 1, "note": "the hand is further left"}]
    assert desk.work.open_image({"who": "lea", "review": True})["image"] is None
    states = [one["state"] for one in desk.work.images({"who": "lea", "review": True})["images"]]
    assert states == ["returned", "waiting"]
    desk.work.close()
    desk.open()  # all of it is in the journal
    taken = desk.work.open_image({"who": "bob"})
    assert taken["image"]["name"] == "a.png" and taken["notes"]
    desk.act("bob", {"do": "paint", "person": 1, "part": 0, "mask": square(15, 50, 8)})
    desk.act("bob", {"do": "paint", "person": 1, "part": 3, "mask": square(12, 50, 8)})
    assert not desk.act("bob", {"do": "status", "status": "finished"})["notes"]
    taken = desk.review("take")
    assert set(items(taken)) == {"2 person", "1 point 1 2"}
    people = taken["sheet"]["people"]
    assert people[2]["decided"] == {"person": "bob"} and not people[1]["decided"]


def test_whom_a_reviewer_removed_stays_out_of_the_result(desk: Desk) -> None:
    """Also after an annotator has corrected somebody else, twice; a change of the person is reviewed anew."""
    both_annotate(desk)
    desk.review("take")
    desk.act("lea", {"do": "remove", "person": 2}, review=True)
    for x in (12, 13):
        desk.act("bob", {"do": "box", "person": 1, "box_4": [x, *BOX[1:]]})
        desk.act("bob", {"do": "status", "status": "finished"})
        assert desk.review("take")["sheet"]["people"][2]["kind"] == "not_person"
    desk.act("lea", {"do": "status", "status": "finished"}, review=True)
    assert len(desk.people()) == 1
    desk.act("lea", "undo", review=True)
    desk.act("bob", {"do": "box", "person": 2, "box_4": [71, *FAR_BOX[1:]]})
    desk.act("bob", {"do": "status", "status": "finished"})
    assert desk.review("take")["sheet"]["people"][2]["kind"] == "person"


def test_a_note_that_is_undone_gives_nothing_back(desk: Desk) -> None:
    both_annotate(desk)
    desk.review("take")
    desk.review("send_back", person=1, annotator="bob", note="look again")
    desk.act("lea", "undo", review=True)
    assert desk.work.open_image({"who": "bob"})["image"]["name"] == "b.png"
    desk.act("lea", {"do": "status", "status": "finished"}, review=True)
    assert desk.people()[0].rest["dp_annotation"]["review"]["sent_back"] == []


def test_an_annotator_who_changes_the_image_meanwhile(desk: Desk) -> None:
    both_annotate(desk)
    desk.review("take")
    answered(desk, "bob", 2, TORSO_FRONT, 0.2, 0.5)
    desk.act("bob", {"do": "status", "status": "finished"})
    with pytest.raises(StageError, match="an annotator has changed this image"):
        desk.act("lea", {"do": "status", "status": "finished"}, review=True)
    assert "1 point 1 2" not in items(desk.review("take"))


def test_one_reviewer_at_a_time(desk: Desk) -> None:
    both_annotate(desk)
    desk.review("take")
    with pytest.raises(StageError, match="another annotator has this image"):
        desk.review("take", who="max")
    with pytest.raises(StageError, match="no annotator has finished"):
        desk.review("take", who="max", image="b.png")


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("decide", {"person": 1, "item": "part 3", "choice": "cyd"}, "cyd has no answer to this"),
        ("decide", {"person": 1, "item": "part 3", "choice": ""}, "nobody has no answer to this"),
        ("decide", {"person": 1, "item": "part 99", "choice": "ann"}, "ann has no answer to this"),
        ("decide", {"person": 1, "item": "point 14 3", "choice": "ann"}, "ann has no answer to this"),
        ("decide", {"person": 1, "item": "joint 40", "choice": "ann"}, "ann has no answer to this"),
        ("decide", {"person": 9, "item": "box", "choice": "ann"}, "there is no person 9"),
        ("send_back", {"person": 1, "annotator": "cyd", "note": "n"}, "has not finished this image"),
        ("send_back", {"person": 9, "annotator": "ann", "note": "n"}, "there is no person 9"),
    ],
)
def test_what_cannot_be_decided(desk: Desk, path: str, fields: dict[str, Any], message: str) -> None:
    both_annotate(desk)
    desk.review("take")
    with pytest.raises(StageError, match=message):
        desk.review(path, **fields)


def test_the_same_person_has_boxes_that_overlap_most() -> None:
    def sheet(*boxes: tuple[float, float, float, float]) -> WorkSheet:
        return WorkSheet(people={number: PersonWork(box_4=box) for number, box in enumerate(boxes, start=1)})

    ann = sheet((0, 0, 10, 10), (20, 0, 30, 10))
    bob = sheet((21, 0, 30, 10), (1, 0, 10, 10), (50, 0, 60, 10))
    cyd = sheet((50, 1, 60, 10))
    found = matched_people([("ann", ann), ("bob", bob), ("cyd", cyd)])
    assert found == [(("ann", 1), ("bob", 2)), (("ann", 2), ("bob", 1)), (("bob", 3), ("cyd", 1))]
    assert disagreements({"ann": ann.people[1]}, ["ann"]) == []

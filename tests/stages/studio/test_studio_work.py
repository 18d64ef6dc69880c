"""The studio's core: what actions, undo and redo, locks and the journal make of the work, and the file that results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from models.errors import ModelError
from pipeline.stage import StageError
from stages.annotations.coco_masks import decode_mask
from stages.annotations.coco_people import read_people
from stages.annotations.densepose_coco import person_record, read_dense_set, write_dense_set
from stages.studio.adjudication import decision
from stages.studio.image_results import image_result, left_out
from stages.studio.people_file import people_file
from stages.studio.sheet_records import history_record
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import (
    Answer,
    Ask,
    ChangeGroup,
    Decide,
    HandOn,
    Paint,
    Remove,
    SetBox,
    SetKeypoint,
    SetKind,
    SetOutline,
    SetStatus,
    Start,
    action_record,
)
from stages.studio.work.part_map import PixelMask, painted
from stages.studio.work.sheet import PersonWork, WorkSheet, after_action
from stages.studio.work.task_list import (
    CLAIM_S,
    IDLE_S,
    TaskImage,
    TaskList,
    active_seconds,
    after_entry,
    claimed,
    is_open_to,
    next_image,
    released,
    with_images,
)
from stages.studio.work.undo_history import History, WorkEntry
from stages.studio.work.work_journal import after_record, entry_record
from tests.stages.studio.random_work import IMAGES, folded, random_entries, random_mask, records

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("seed", range(12))
def test_the_file_is_that_of_the_actions_that_remain(seed: int) -> None:
    did, remain = random_entries(np.random.default_rng(seed), 150, undo_share=0.25)
    assert len(remain) < len(did) and records(folded(did)) == records(folded(remain))


def test_the_file_of_a_review_is_that_of_the_actions_that_remain() -> None:
    outcomes: set[str] = set()
    for seed in range(16):
        did, remain = random_entries(np.random.default_rng(seed), 260, undo_share=0.2, review_share=0.4)
        found = records(folded(did))
        assert len(remain) < len(did) and found == records(folded(remain))
        outcomes |= {one["dp_annotation"]["review"]["outcome"] for one in found if "review" in one["dp_annotation"]}
    assert outcomes >= {"accepted", "decided", "corrected"}


def test_all_can_be_undone_and_done_again() -> None:
    did, _ = random_entries(np.random.default_rng(5), 60, undo_share=0.0)
    mine = [entry for entry in did if (entry.image, entry.annotator) == ("a.png", "ann")]
    undo, redo = (
        WorkEntry(annotator="ann", image="a.png", at=2000.0, seconds=0, action=step) for step in ("undo", "redo")
    )
    back, again = ([replace(step, at=step.at + k) for k in range(len(mine) + 3)] for step in (undo, redo))
    assert records(folded(mine)) and folded(mine + back).sheet("a.png", "ann") == WorkSheet()
    assert records(folded(mine + back + again)) == records(folded(mine))


def test_paint_covers_and_erases() -> None:
    rng = np.random.default_rng(1)
    truth_HW, parts = np.zeros((40, 60), np.uint8), None
    for _ in range(30):
        mask, part = random_mask(rng, IMAGES[0]), int(rng.integers(15))
        high, wide = mask.size
        truth_HW[mask.y : mask.y + high, mask.x : mask.x + wide][mask.inside_hw] = part
        parts = painted(parts, mask, part)
        found_HW = np.zeros_like(truth_HW) if parts is None else parts.labels_in(0, 0, 60, 40)
        assert (found_HW == truth_HW).all()
    everything = PixelMask.of_array(np.ones((40, 60), bool), 0, 0)
    assert painted(parts, everything, 0) is None


def test_what_is_painted_over_is_not_as_proposed() -> None:
    def paint(part: int, x: int, side: int, origin: str) -> Paint:
        mask = PixelMask.of_array(np.ones((side, side), bool), x, 5)
        return Paint(person=1, part=part, mask=mask, origin=origin)  # type: ignore[arg-type]

    sheet = WorkSheet()
    steps: list[tuple[Any, set[str]]] = [
        (SetBox(person=1, box_4=(0.0, 0.0, 60.0, 40.0)), set()),
        (paint(1, 5, 8, "proposed"), {"part 1"}), (paint(2, 20, 8, "proposed"), {"part 1", "part 2"}),
        (paint(3, 40, 8, "drawn"), {"part 1", "part 2"}), (paint(3, 24, 8, "drawn"), {"part 1"}),
        (paint(0, 30, 2, "drawn"), {"part 1"}), (paint(0, 5, 2, "drawn"), set()),
    ]
    for action, proposed in steps:
        sheet = after_action(sheet, action, 1.0, 1.0)
        assert sheet.people[1].proposed == proposed


def test_images_are_added_and_none_may_change() -> None:
    more = with_images(TaskList(images=IMAGES), [TaskImage(name="c.png", height=9, width=9), IMAGES[0]])
    assert [one.name for one in more.images] == ["c.png", "a.png", "b.png"]
    with pytest.raises(StageError, match="60×40 pixels when its annotation began, and has 60×41"):
        with_images(more, [TaskImage(name="a.png", height=41, width=60)])


def box_entry(who: str, at: float, image: str = "a.png") -> WorkEntry:
    return WorkEntry(annotator=who, image=image, at=at, seconds=2, action=SetBox(person=1, box_4=(1, 2, 30, 31)))


def test_an_image_is_locked_and_the_lock_expires() -> None:
    tasks = claimed(TaskList(images=IMAGES), "a.png", "ann", 0)
    assert next_image(tasks, "bob", 1) == "b.png" and next_image(tasks, "ann", 1) == "a.png"
    with pytest.raises(StageError, match="another annotator has this image"):
        claimed(tasks, "a.png", "bob", 1)
    assert is_open_to(tasks, "a.png", "bob", CLAIM_S + 1)
    assert is_open_to(released(tasks, "ann"), "a.png", "bob", 1)


def done_by(who: str, at: float, do: Any) -> WorkEntry:
    return WorkEntry(annotator=who, image="a.png", at=at, seconds=1, action=do)


def test_what_somebody_began_is_not_handed_on_unasked() -> None:
    tasks = after_entry(TaskList(images=IMAGES), box_entry("ann", 100))
    late = 100 + 1000 * CLAIM_S
    assert not is_open_to(released(tasks, "ann"), "a.png", "bob", late)
    assert next_image(tasks, "bob", late) == "b.png" and next_image(tasks, "ann", late) == "a.png"
    given = after_entry(tasks, done_by("ann", 200, HandOn(by="lea")))
    assert next_image(given, "bob", 201) == "a.png" and next_image(given, "ann", 201) == "b.png"
    back = after_entry(given, box_entry("ann", 202))  # who goes on before another begins has it again
    assert not is_open_to(back, "a.png", "bob", late)
    given = after_entry(claimed(given, "a.png", "bob", 203), box_entry("bob", 203))
    with pytest.raises(StageError, match="another annotator has this image"):
        claimed(given, "a.png", "ann", 204)
    assert given.sheet("a.png", "ann").people[1].box_4 == (1, 2, 30, 31)  # nobody overwrites another's work
    undone = after_entry(tasks, done_by("ann", 101, "undo"))
    assert is_open_to(undone, "a.png", "bob", 101 + CLAIM_S)  # nothing is left that could be lost


def test_less_work_never_replaces_more() -> None:
    """Of two sheets for one place the later one is in the file, unless it has less of everything."""
    tasks = after_entry(person_with_points(), done_by("ann", 60, SetStatus(status="open")))
    tasks = after_entry(tasks, done_by("ann", 61, HandOn(by="ann")))
    empty = after_entry(tasks, done_by("bob", 62, SetStatus(status="finished")))
    (kept,) = records(empty)
    assert kept["dp_annotation"]["annotator"] == "ann" and len(kept["dp_I"]) == 2
    assert [str(one) for one in left_out(empty)] == [
        "not in the file: a.png, bob: 0 people, 0 parts, 0 points, 0 keypoints"
    ]
    less = after_entry(after_entry(tasks, box_entry("bob", 63)), done_by("bob", 64, SetStatus(status="finished")))
    assert records(less)[0]["dp_annotation"]["annotator"] == "ann"
    other = after_entry(tasks, box_entry("bob", 65))
    other = after_entry(other, done_by("bob", 66, SetBox(person=2, box_4=(5, 5, 9, 9))))
    other = after_entry(other, done_by("bob", 67, SetStatus(status="finished")))  # more people, fewer points
    assert [one["dp_annotation"]["annotator"] for one in records(other)] == ["bob", "bob"]
    assert str(left_out(other)[0]) == "not in the file: a.png, ann: 1 people, 2 parts, 3 points, 1 keypoints"
    assert not left_out(replace(other, copies=2)) and len(people_file(replace(other, copies=2), 1).people) == 1


def test_an_image_for_two_annotators_is_given_to_two() -> None:
    tasks = TaskList(images=IMAGES, copies=2)
    tasks = claimed(claimed(tasks, "a.png", "ann", 0), "a.png", "bob", 0)
    assert not is_open_to(tasks, "a.png", "cyd", 1) and next_image(tasks, "cyd", 1) == "b.png"
    for who, at in (("bob", 5.0), ("ann", 6.0)):
        tasks = after_entry(tasks, box_entry(who, at))
        finish = SetStatus(status="finished")
        tasks = after_entry(tasks, WorkEntry(annotator=who, image="a.png", at=at, seconds=0, action=finish))
    names = [[one.rest["dp_annotation"]["annotator"] for one in people_file(tasks, rank).people] for rank in (0, 1, 2)]
    assert names == [["bob"], ["ann"], []]


def test_idle_time_is_left_out() -> None:
    tasks = after_entry(TaskList(images=IMAGES), box_entry("ann", 100))
    assert active_seconds(tasks, "ann", 107) == 7 and active_seconds(tasks, "ann", 101 + IDLE_S) == 0
    assert active_seconds(tasks, "bob", 107) == 0 and active_seconds(tasks, "ann", 90) == 0
    assert records(after_entry(tasks, box_entry("ann", 105)))[0]["dp_annotation"]["seconds"] == 4


def person_with_points() -> TaskList:
    """One person with two parts, three asked points and a keypoint."""
    arm_hw = np.zeros((20, 10), bool)
    arm_hw[2:18, 3:8] = True
    did = [
        SetBox(person=1, box_4=(10.4, 4.6, 30.2, 35.0)),
        Paint(person=1, part=1, mask=PixelMask.of_array(np.ones((20, 12), bool), 12, 10)),
        Paint(person=1, part=10, mask=PixelMask.of_array(arm_hw, 24, 6)),
        Ask(person=1, part=1, pixels=((14, 12), (20, 25))),
        Ask(person=1, part=10, pixels=((28, 15),)),
        Answer(person=1, part=1, number=0, verdict="surface", chart=2, u=0.25, v=0.5, view=0),
        Answer(person=1, part=1, number=1, verdict="hidden"),
        Answer(person=1, part=10, number=0, verdict="surface", chart=15, u=0.75, v=0.125, view=3, hint=True),
        SetKeypoint(person=1, joint=5, x=25.5, y=9.25, visibility=2, origin="proposed"),
        SetStatus(status="finished"),
    ]
    entries = [WorkEntry(annotator="ann", image="a.png", at=10.0 + k, seconds=1, action=do) for k, do in enumerate(did)]
    return folded(entries)


def test_the_file_is_densepose_coco(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    write_dense_set(path, people_file(person_with_points()))
    coco = COCO(str(path))
    (record,) = coco.loadAnns(coco.getAnnIds())
    assert record["bbox"] == [10, 4, 22, 31]  # whole pixels, widened by the arm at the right
    mask_HW = coco.annToMask(record)
    assert mask_HW.shape == (40, 60) and mask_HW.sum() == record["area"] == 20 * 12 + 16 * 5
    assert record["num_keypoints"] == 1 and record["keypoints"][15:18] == [25.5, 9.25, 2]
    assert coco.loadCats(1)[0]["keypoints"][5] == "left_shoulder"
    assert (record["dp_I"], record["dp_U"], record["dp_V"]) == ([2, 15], [0.25, 0.75], [0.5, 0.125])
    # The reference evaluator finds the pixel by x · width / 255 + left.
    column = [int(x * 22 / 255 + 10) for x in record["dp_x"]]
    row = [int(y * 31 / 255 + 4) for y in record["dp_y"]]
    assert list(zip(column, row, strict=True)) == [(14, 12), (28, 15)]
    about = record["dp_annotation"]
    assert about["hidden"] == 1 and about["hints"] and about["finished"] and about["proposed"] == ["joint 5"]
    masks = record["dp_masks"]
    assert len(masks) == 14 and [k + 1 for k, mask in enumerate(masks) if mask] == [1, 10]
    arm_GG = decode_mask(masks[9])
    rows, columns = np.flatnonzero(arm_GG.any(axis=1)), np.flatnonzero(arm_GG.any(axis=0))
    assert arm_GG.shape == (256, 256)
    assert np.abs(np.array([rows[0], rows[-1] + 1]) / 256 * 31 + 4 - (8, 24)).max() < 0.1
    assert np.abs(np.array([columns[0], columns[-1] + 1]) / 256 * 22 + 10 - (27, 32)).max() < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_any_file_is_read_by_the_project_and_by_pycocotools(seed: int, tmp_path: Path) -> None:
    did, _ = random_entries(np.random.default_rng(100 + seed), 120, undo_share=0.1)
    made = people_file(folded(did))
    path = tmp_path / "people.json"
    write_dense_set(path, made)
    found = read_dense_set(path)
    assert [person_record(one) for one in found.people] == [person_record(one) for one in made.people]
    coco = COCO(str(path))
    masked = [one for one in found.people if "segmentation" in one.rest]
    assert masked and all(coco.annToMask(coco.anns[one.id]).sum() == one.rest["area"] for one in masked)


def test_a_box_alone_has_no_mask() -> None:
    """Fine-tuning would read a rectangle as the person's mask; of a crowd the rectangle is what is annotated."""
    tasks = after_entry(TaskList(images=IMAGES), box_entry("ann", 100))
    (record,) = records(tasks)
    assert "segmentation" not in record and record["area"] == 29 * 29
    (crowd,) = records(after_entry(tasks, done_by("ann", 101, SetKind(person=1, kind="crowd"))))
    assert decode_mask(crowd["segmentation"]).sum() == 29 * 29


def test_only_what_was_annotated_is_in_the_file(tmp_path: Path) -> None:
    """Images that nobody began or that were left out are no images without people; unfinished ones are marked."""
    tasks = with_images(TaskList(images=IMAGES), [TaskImage(name="c.png", height=9, width=9)])
    assert people_file(tasks).images == ()
    begun = after_entry(tasks, box_entry("ann", 100))
    left = after_entry(begun, replace(done_by("ann", 101, SetStatus(status="skipped")), image="b.png"))
    assert [(one.file_name, one.complete) for one in people_file(left).images] == [("a.png", False)]
    done = after_entry(left, done_by("ann", 102, SetStatus(status="finished")))
    nobody = after_entry(done, replace(done_by("ann", 103, SetStatus(status="finished")), image="c.png"))
    found = [(one.file_name, one.complete, one.rest) for one in people_file(nobody).images]
    assert found == [("c.png", True, {}), ("a.png", True, {})]
    path = tmp_path / "people.json"
    write_dense_set(path, people_file(after_entry(nobody, replace(box_entry("ann", 104), image="b.png"))))
    found = read_people(path)  # as evaluation and training do
    assert [one.file_name for one in found.images] == ["c.png", "a.png"] and len(found.people) == 1
    assert "1 of 3 images are not finished (complete: false) and are left out" in found.note
    assert len(read_people(path, unfinished=True).people) == 2


def test_a_removed_person_gives_the_number_to_nobody() -> None:
    """A file to go on with has its own record for each number."""
    sheet = person_with_points().sheet("a.png", "ann")
    gone = after_action(sheet, Remove(person=1), 60, 1)
    assert gone.people == {} and history_record(History(past=(sheet, gone)))["next"] == 2
    for action in (SetBox(person=1, box_4=(1, 2, 30, 31)), Remove(person=1)):
        with pytest.raises(StageError, match="person 1 was removed"):
            after_action(gone, action, 61, 1)
    tasks = after_entry(person_with_points(), done_by("ann", 60, Remove(person=1)))
    assert records(tasks) == []
    assert records(after_entry(tasks, done_by("ann", 61, "undo"))) == records(person_with_points())


def test_an_undo_takes_back_what_somebody_did() -> None:
    """The program's own choice of points is no step, and does not end what can be done again."""
    ask = Ask(person=1, part=10, pixels=((27, 12),), auto=True)
    tasks = after_entry(person_with_points(), done_by("ann", 60, "undo"))
    steps = len(tasks.history("a.png", "ann").past)
    asked = after_entry(tasks, done_by("ann", 61, ask))
    found = asked.history("a.png", "ann")
    assert (len(found.past), len(found.undone)) == (steps, 1)
    assert [(one.x, one.y) for one in found.sheet.people[1].asked[10]] == [(27, 12)]
    back = after_entry(asked, done_by("ann", 62, "undo")).sheet("a.png", "ann")
    assert 5 not in back.people[1].keypoints  # the keypoint, which was set last


def test_kinds_in_the_file() -> None:
    def kinds_made(kind: str) -> list[dict[str, Any]]:
        change = WorkEntry(annotator="ann", image="a.png", at=99, seconds=1, action=SetKind(person=1, kind=kind))  # type: ignore[arg-type]
        return records(after_entry(person_with_points(), change))

    assert kinds_made("not_person") == []
    for kind in ("crowd", "skipped"):
        (record,) = kinds_made(kind)
        assert record["iscrowd"] == (kind == "crowd") and "dp_I" not in record and "dp_masks" not in record


def test_an_outline_is_the_segmentation() -> None:
    outline = SetOutline(person=1, mask=PixelMask.of_array(np.ones((30, 20), bool), 20, 5))
    entry = WorkEntry(annotator="ann", image="a.png", at=99, seconds=1, action=outline)
    tasks = after_entry(person_with_points(), entry)
    (record,) = records(tasks)
    assert record["area"] == 600 and decode_mask(record["segmentation"])[5:35, 20:40].all()
    assert record["bbox"] == [10, 4, 30, 31]


def test_a_changed_part_is_asked_anew() -> None:
    sheet = person_with_points().sheet("a.png", "ann")
    asked = after_action(sheet, Ask(person=1, part=1, pixels=((15, 15),)), 50, 1).people[1].asked
    assert [one.answer for one in asked[1]] == [None] and asked[10] == sheet.people[1].asked[10]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (SetKind(person=7, kind="crowd"), "no person 7"),
        (Answer(person=1, part=2, number=0, verdict="hidden"), "point 0 of this part was not asked"),
        (Answer(person=1, part=1, number=2, verdict="hidden"), "point 2 of this part was not asked"),
        (Answer(person=1, part=1, number=0, verdict="surface", chart=15), "chart 15 is not of the part torso"),
        (Ask(person=1, part=0, pixels=((1, 1),)), "not on the background"),
    ],
)
def test_actions_that_do_not_fit_are_refused(action: Any, message: str) -> None:
    tasks = person_with_points()
    with pytest.raises(StageError, match=message):
        after_entry(tasks, WorkEntry(annotator="ann", image="a.png", at=60, seconds=1, action=action))


def test_actions_survive_json() -> None:
    did, _ = random_entries(np.random.default_rng(11), 200, undo_share=0.1, review_share=0.4)
    did.append(WorkEntry(annotator="ann", image="a.png", at=5000, seconds=0, action=HandOn(by="lea")))
    tasks = TaskList(images=IMAGES)
    for entry in did:
        tasks = after_record(tasks, json.loads(json.dumps(entry_record(entry))))
    assert records(tasks) == records(folded(did)) and tasks.history("a.png", "ann").handed_on
    for entry in did:
        if not isinstance(entry.action, str | HandOn | Start):
            image = tasks.image(entry.image)
            message = json.loads(json.dumps(action_record(entry.action)))
            assert action_of(message, (image.height, image.width)) == entry.action


MASK = {"x": 0, "y": 0, "size": [2, 2], "counts": "04"}
BAD_MESSAGES = [
    None, [], "box", {}, {"do": "fly"}, {"do": ["box"]},
    {"do": "box", "person": 1},
    {"do": "box", "person": 0, "box_4": [1, 1, 5, 5]},
    {"do": "box", "person": True, "box_4": [1, 1, 5, 5]},
    {"do": "box", "person": 1, "box_4": [1, 1, 5, 5], "more": 1},
    {"do": "box", "person": 1, "box_4": [5, 1, 1, 5]},
    {"do": "box", "person": 1, "box_4": [1, 1, 61, 5]},
    {"do": "box", "person": 1, "box_4": [1, 1, float("nan"), 5]},
    {"do": "box", "person": 1, "box_4": [1, 1, 10**400, 5]},
    {"do": "box", "person": 1, "box_4": "1234"},
    {"do": "kind", "person": 1, "kind": ["person"]},
    {"do": "paint", "person": 1, "part": 15, "mask": MASK},
    {"do": "paint", "person": 1, "part": 1, "mask": {**MASK, "size": [41, 2]}},
    {"do": "paint", "person": 1, "part": 1, "mask": {**MASK, "size": [2.0, 2]}},
    {"do": "paint", "person": 1, "part": 1, "mask": {**MASK, "counts": "05"}},
    {"do": "paint", "person": 1, "part": 1, "mask": {**MASK, "counts": "4"}},
    {"do": "paint", "person": 1, "part": 1, "mask": {**MASK, "counts": "é"}},
    {"do": "paint", "person": 1, "part": 1, "mask": {**MASK, "x": 59}},
    {"do": "box", "person": 1, "box_4": [1, 5, 9, 5.5]},
    {"do": "ask", "person": 1, "part": 1, "pixels": []},
    {"do": "ask", "person": 1, "part": 1, "pixels": [[1, 1]] * 1001},
    {"do": "ask", "person": 1, "part": 1, "pixels": [[60, 1]]},
    {"do": "ask", "person": 1, "part": 1, "pixels": [5]},
    {"do": "answer", "person": 1, "part": 1, "number": 0, "verdict": "surface", "chart": 2, "u": 1.1, "v": 0},
    {"do": "answer", "person": 1, "part": 1, "number": 0, "verdict": "surface", "hint": 1},
    {"do": "keypoint", "person": 1, "joint": 17, "x": 1, "y": 1, "visibility": 2},
    {"do": "decide", "person": 1, "item": "point 1", "choice": "ann"},
    {"do": "decide", "person": 1, "item": "point ١ ٢", "choice": "ann"},
    {"do": "decide", "person": 1, "item": ["box"], "choice": "ann"},
    {"do": "decide", "person": 1, "item": "box", "choice": "a" * 65},
    {"do": "decide", "person": 1, "item": "box", "choice": None},
    {"do": "send_back", "person": 1, "annotator": "ann", "note": "", "at": 1},
    {"do": "send_back", "person": 1, "annotator": "ann", "note": "a" * 501, "at": 1},
    {"do": "send_back", "person": 1, "annotator": "ann", "note": "two\nlines", "at": 1},
    {"do": "send_back", "person": 1, "annotator": "", "note": "a", "at": 1},
    {"do": "send_back", "person": 1, "annotator": "ann", "note": "a", "at": float("nan")},
    {"do": "sources", "person": 1, "people": [["ann", 0]]},
    {"do": "sources", "person": 1, "people": [["ann"]]},
    {"do": "sources", "person": 1, "people": "ann"},
    {"do": "status", "status": None},
    {"do": "together", "actions": []},
    {"do": "together", "actions": [{"do": "status", "status": "open"}]},
    {"do": "together", "actions": [{"do": "together", "actions": [{"do": "kind", "person": 1, "kind": "crowd"}]}]},
    {"do": "together", "actions": [{"do": "kind", "person": 1, "kind": "crowd"}] * 10_001},
    {"do": "together", "actions": [{"do": "box", "person": 1, "box_4": [5, 1, 1, 5]}]},
]  # fmt: skip


@pytest.mark.parametrize("message", BAD_MESSAGES, ids=[str(k) for k in range(len(BAD_MESSAGES))])
def test_malformed_messages_are_refused(message: Any) -> None:
    with pytest.raises((StageError, ModelError)):
        action_of(message, (40, 60))


def test_the_message_of_a_bad_field_names_it() -> None:
    with pytest.raises(StageError, match="box_4: is no number from 0 to 60"):
        action_of({"do": "box", "person": 1, "box_4": [1, 1, 61, 5]}, (40, 60))


def test_a_result_knows_the_person_of_the_given_file() -> None:
    """What the file stated is the start, however often the annotator changes it."""
    boxes = [(1.0, 1.0, 9.0, 9.0), (2.0, 2.0, 9.0, 9.0), (3.0, 3.0, 9.0, 9.0)]
    given, *later = (SetBox(person=1, box_4=box_4) for box_4 in boxes)
    tasks = TaskList(images=(TaskImage(name="a.png", height=40, width=60),))
    for at, action in enumerate((Start(actions=(given,)), *later)):
        tasks = after_entry(tasks, WorkEntry(annotator="ann", image="a.png", at=at, seconds=1, action=action))
    (person,) = image_result(tasks, "a.png", 0).people
    assert person.start is not None and (person.start.box_4, person.work.box_4) == (boxes[0], boxes[2])


def test_a_reviewer_takes_the_outline_of_an_annotator() -> None:
    mask = PixelMask.of_array(np.ones((3, 2), bool), 20, 5)
    works = {"ann": PersonWork(box_4=(1, 1, 30, 30), outline=mask), "bob": PersonWork(box_4=(1, 1, 30, 30))}
    taken = decision(1, works["bob"], works, Decide(person=1, item="outline", choice="ann"))
    assert isinstance(taken, ChangeGroup) and taken.actions[0] == SetOutline(person=1, mask=mask)
    with pytest.raises(StageError, match="bob has no answer to this"):
        decision(1, works["ann"], works, Decide(person=1, item="outline", choice="bob"))

"""The progress of a task: who did how much in which time, and how far two agree about the same people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stages.studio.answer_preview import rest_points
from stages.studio.progress import task_progress
from stages.studio.work.actions import Answer, Ask, ChangeGroup, Paint, SetBox, SetKeypoint, SetStatus
from stages.studio.work.part_map import PixelMask
from stages.studio.work.task_list import TaskImage, TaskList, after_entry
from stages.studio.work.undo_history import WorkEntry
from tests.stages.studio.annotating_browser import AnnotatingBrowser
from tests.stages.studio.test_review_browser import both_annotate
from tests.stages.studio.workplaces import Studio, scene_of_a_person

TORSO, FRONT = 1, 2


def worked(shift: int, u: float) -> TaskList:
    """Two annotators of one image; the second's box and torso are moved, and their point is elsewhere."""
    tasks = TaskList(images=tuple(TaskImage(name=name, height=100, width=100) for name in ("a", "b", "c")), copies=2)
    for who, off, at in (("ann", 0, 0.5), ("bob", shift, u)):
        mask = PixelMask.of_array(np.ones((20, 10), bool), 20 + off, 20)
        actions = (
            SetBox(person=1, box_4=(10.0 + off, 10, 50.0 + off, 90)), Paint(person=1, part=TORSO, mask=mask),
            Ask(person=1, part=TORSO, pixels=((25, 25), (26, 30))),
            Answer(person=1, part=TORSO, number=0, verdict="surface", chart=FRONT, u=at, v=0.5),
            Answer(person=1, part=TORSO, number=1, verdict="hidden"),
            SetKeypoint(person=1, joint=0, x=30, y=12, visibility=2),
        )
        for do, seconds in ((ChangeGroup(actions=actions), 90.0), (SetStatus(status="finished"), 3.0)):
            tasks = after_entry(tasks, WorkEntry(annotator=who, image="a", at=10, seconds=seconds, action=do))
    begun = SetBox(person=1, box_4=(1, 1, 9, 9))
    return after_entry(tasks, WorkEntry(annotator="ann", image="b", at=11, seconds=30, action=begun))


def test_hours_amounts_and_agreement() -> None:
    found = task_progress(worked(shift=10, u=0.6))
    assert found["images"] == {"all": 3, "begun": 2, "finished": 1, "reviewed": 0}
    ann, bob = found["annotators"]
    assert ann == {
        "who": "ann", "review": False, "images": 1, "people": 2, "parts": 1, "points": 2, "keypoints": 1,
        "hours": round(120 / 3600, 2), "seconds_a_person": 60.0,
    }
    assert bob["people"] == 1 and bob["seconds_a_person"] == 90
    (pair,) = found["agreement"]
    ends_23 = rest_points(np.array([FRONT, FRONT]), np.array([0.5, 0.6]), np.array([0.5, 0.5]))
    assert pair == {
        "annotators": ["ann", "bob"], "people": 1, "box_iou": 0.6, "part_iou": 0.0, "points": 1,
        "points_cm": pytest.approx(100 * np.linalg.norm(ends_23[0] - ends_23[1]), abs=0.01),
    }


def test_equal_work_agrees_and_gold_is_not_counted() -> None:
    tasks = worked(shift=0, u=0.5)
    (pair,) = task_progress(tasks)["agreement"]
    assert (pair["box_iou"], pair["part_iou"], pair["points_cm"]) == (1.0, 1.0, 0.0)
    hidden = TaskList(
        images=tuple(TaskImage(name=one.name, height=100, width=100, gold=True) for one in tasks.images), copies=2,
        histories=tasks.histories,
    )
    assert task_progress(hidden) == {
        "images": {"all": 0, "begun": 0, "finished": 0, "reviewed": 0}, "annotators": [], "agreement": [],
    }


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path, scene_of_a_person(), images=1, copies=2)
    yield made
    made.close()


def test_the_lead_sees_the_tables(studio: Studio, browser: AnnotatingBrowser) -> None:
    both_annotate(studio)
    browser.log_in(f"{studio.address}/review", "lea")
    browser.wait("document.body.dataset.ready")
    browser.key("g")
    text = browser.wait("document.getElementById('howfar').open && document.getElementById('tables').innerText")
    assert "1 of 1 images are finished" in text and "ann, bob" in text
    rows = browser.run(
        "[...document.querySelectorAll('#tables tr')].map(one => [...one.children].map(cell => cell.textContent))"
    )
    assert rows[1][:6] == ["ann", "1", "1", "2", "5", "1"] and rows[-1][:2] == ["ann, bob", "1"]

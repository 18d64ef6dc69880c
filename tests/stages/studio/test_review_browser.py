"""The review page in a real browser: what two annotators see differently is decided, and one person goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from stages.annotations.densepose_coco import read_dense_set
from stages.studio.work.actions import Answer, Ask, ChangeGroup, Paint, SetBox, SetKeypoint, SetStatus, action_record
from stages.studio.work.part_map import PixelMask
from tests.stages.studio.annotating_browser import AnnotatingBrowser
from tests.stages.studio.test_studio_browser import FITS
from tests.stages.studio.workplaces import Studio, scene_of_a_person

DECIDED = "Object.keys(studio.work.sheet.people[1].decided).length"
TORSO, FRONT, BACK = 1, 2, 1
SHIFTED = 20
"""Pixels by which the second annotator's upper leg is painted beside the first one's."""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path, scene_of_a_person(), images=1, copies=2)
    yield made
    made.close()


def both_annotate(studio: Studio) -> None:
    """Two annotators finish the image; they differ in a part, in two of four points, and in a keypoint."""
    scene = studio.scene
    coarse_HW = np.where(scene.instance_HW == 1, COARSE_OF_CHART[scene.label_HW], 0)
    x0, y0, x1, y1 = (float(side) for side in scene.box_N4[0])
    row_M, column_M = (at[:: len(at) // 4][:4] for at in np.nonzero(coarse_HW == TORSO))
    part = int(np.argmax(np.bincount(coarse_HW.ravel(), minlength=15)[2:])) + 2
    for who, chart, shift in (("ann", FRONT, 0), ("bob", BACK, SHIFTED)):
        did: list[SetBox | Paint | Ask | Answer | SetKeypoint] = [SetBox(person=1, box_4=(x0, y0, x1, y1))]
        for one, moved in ((TORSO, 0), (part, shift)):
            inside_HW = np.roll(coarse_HW == one, moved, axis=1)
            did.append(Paint(person=1, part=one, mask=PixelMask.of_array(inside_HW, 0, 0)))
        rows, columns = np.nonzero(coarse_HW == part)
        did.append(Ask(person=1, part=part, pixels=((int(columns[0]), int(rows[0])),)))
        did.append(Answer(person=1, part=part, number=0, verdict="skipped"))
        pixels = tuple((int(x), int(y)) for y, x in zip(row_M, column_M, strict=True))
        did.append(Ask(person=1, part=TORSO, pixels=pixels))
        for number in range(len(pixels)):
            where = {"chart": chart if number > 1 else FRONT, "u": 0.2 + 0.2 * number, "v": 0.5}
            did.append(Answer(person=1, part=TORSO, number=number, verdict="surface", **where))  # type: ignore[arg-type]
        did.append(SetKeypoint(person=1, joint=9, x=x0 + shift, y=y0, visibility=2))
        for do in (ChangeGroup(actions=tuple(did)), SetStatus(status="finished")):
            studio.workplace.act({"who": who, "image": "image0.png", "action": action_record(do)})


def items(browser: AnnotatingBrowser) -> list[str]:
    found: list[str] = browser.run("studio.work.found.items.map(one => one.item)")
    return found


def choose(browser: AnnotatingBrowser, item: str) -> None:
    """Click an item of the list."""
    index = items(browser).index(item)
    browser.wait(f"document.querySelectorAll('#found button').length > {index}")
    browser.run(f"document.querySelectorAll('#found button')[{index}].click()")
    browser.wait(f"studio.work.item === {index}")


def test_a_review_from_the_list_to_the_file(studio: Studio, browser: AnnotatingBrowser) -> None:
    both_annotate(studio)
    browser.log_in(f"{studio.address}/review", "lea")
    browser.wait("Boolean(studio.picture.image && studio.work.found)", 60)
    found = items(browser)
    assert {"point 1 2", "point 1 3", "joint 9"} <= set(found) and any(one.startswith("part ") for one in found)
    assert "person" not in found and "point 1 0" not in found

    choose(browser, "point 1 2")
    assert browser.run(FITS)
    browser.key("2")  # takes the second annotator's answer, and goes on
    browser.wait(f"{DECIDED} === 1 && studio.work.item !== {found.index('point 1 2')}")
    browser.key("z")
    browser.wait(f"{DECIDED} === 0")
    browser.key("y")
    browser.wait(f"{DECIDED} === 1")

    choose(browser, "point 1 3")
    browser.wait("document.getElementById('viewcanvas').dataset.part === '1'")
    browser.click(browser.on_view(0, 180, 180))  # a new answer, on the front
    browser.wait("studio.work.sheet.people[1].decided['point 1 3'] === ''")
    choose(browser, "joint 9")
    browser.click(browser.on_image(float(studio.scene.box_N4[0][0]) + 9, float(studio.scene.box_N4[0][1]) + 9))
    browser.wait("studio.work.sheet.people[1].decided['joint 9'] === ''")
    send_back(browser)

    annotator = "studio.work.notes.length"
    browser.run("sessionStorage.removeItem('who')")
    browser.log_in(studio.address, "bob")
    assert browser.wait(annotator, 60) == 1
    assert "the leg is too far right" in browser.wait("document.getElementById('notes').textContent")
    browser.key("f")
    browser.wait("studio.work.sheet === null")

    browser.run("sessionStorage.removeItem('who')")
    browser.log_in(f"{studio.address}/review", "lea")
    browser.wait("Boolean(studio.work.found) && studio.work.sheet", 60)
    assert browser.run(DECIDED) == 3  # bob changed nothing, so the decisions remain
    browser.key("f")
    assert "not decided" in browser.wait("document.getElementById('leftopen').textContent")
    browser.key("f")
    browser.wait("studio.work.sheet === null")
    assert studio.workplace.settled()
    (person,) = read_dense_set(studio.output).people
    assert person.points is not None and person.points.chart_M.tolist() == [FRONT, FRONT, BACK, FRONT]
    review = person.rest["dp_annotation"]["review"]
    assert (review["reviewer"], review["outcome"]) == ("lea", "corrected")
    assert review["decided"] == {"point 1 2": "bob", "point 1 3": "", "joint 9": ""}
    assert [one["annotator"] for one in review["sent_back"]] == ["bob"]


def send_back(browser: AnnotatingBrowser) -> None:
    """The person goes back to the second annotator with a note; the image cannot be finished meanwhile."""
    browser.key("r")
    browser.wait("document.getElementById('sendback').open")
    browser.run(
        "document.getElementById('backto').value = 'bob';"
        "document.getElementById('note').value = 'the leg is too far right';"
        "document.querySelector('#sendback [value=send]').click()"
    )
    browser.wait("studio.work.sheet.people[1].notes.length === 1")
    browser.key("f")
    browser.wait("document.getElementById('finish').open")
    browser.key("f")
    browser.wait("document.getElementById('trouble').textContent.includes('sent back to bob')")

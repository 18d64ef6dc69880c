"""The studio when annotators are faster than the program, and when the program is slow, busy or gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from pipeline.stage import StageError
from stages.live.page_server import MAX_REQUESTS
from stages.studio.work.actions import Ask, Paint, SetBox, action_record
from stages.studio.work.part_map import PixelMask
from tests.stages.studio.annotating_browser import AnnotatingBrowser
from tests.stages.studio.workplaces import Studio, scene_of_a_person

ANSWERED = "studio.work.sheet.people[1].asked[1].filter(one => one.verdict !== 'open').length"
PAINTED = "studio.work.maps[1].label.filter(Boolean).length"
SIDE = 8
PLACES = [(180.0, 180.0), (150.0, 150.0), (200.0, 200.0)]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """One person whose torso is painted; eight points of it are asked."""
    made = Studio(tmp_path, scene_of_a_person())
    torso_HW = COARSE_OF_CHART[made.scene.label_HW] == 1
    at_M2 = np.argwhere(torso_HW)[:: torso_HW.sum() // 8][:8]
    x0, y0, x1, y1 = (float(side) for side in made.scene.box_N4[0])
    for do in (
        SetBox(person=1, box_4=(x0, y0, x1, y1)),
        Paint(person=1, part=1, mask=PixelMask.of_array(torso_HW, 0, 0)),
        Ask(person=1, part=1, pixels=tuple((int(column), int(row)) for row, column in at_M2)),
    ):
        made.workplace.act({"who": "ann", "image": "image0.png", "action": action_record(do)})
    yield made
    made.close()


def held(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """From now on each action waits for the event that is returned."""
    go, add = threading.Event(), studio.workplace._desk.add

    def slow(*words: Any) -> dict[str, Any]:
        go.wait(60)
        return add(*words)

    monkeypatch.setattr(studio.workplace._desk, "add", slow)
    return go


def points(studio: Studio) -> list[Any]:
    work = studio.workplace.sheet("image0.png", "ann").people[1]
    return [one.answer for one in work.asked[1] if one.answer is not None]


def test_a_click_belongs_to_the_point_that_blinks(
    studio: Studio, browser: AnnotatingBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.begin(studio.address, "ann")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '1'")
    go = held(studio, monkeypatch)
    for place in PLACES:  # the first is on its way, the others come before the next point blinks
        browser.click(browser.on_view(0, *place))
    browser.key("h")
    go.set()
    browser.wait(f"{ANSWERED} === 1 && studio.work.number === 1 && !document.querySelector('canvas.busy')")
    assert browser.run("studio.work.sheet.undo") == 4
    first, where = points(studio), browser.on_view(0, *PLACES[1])
    assert [one.verdict for one in first] == ["surface"]
    for count in (1, 2):  # a double click
        for kind in ("mousePressed", "mouseReleased"):
            call = {"type": kind, "x": where[0], "y": where[1], "button": "left", "clickCount": count}
            browser.call("Input.dispatchMouseEvent", **call)
    where = browser.on_view(0, *PLACES[2])
    browser.wait(f"{ANSWERED} === 2")
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    for _ in range(2):  # a double tap
        browser.touch([[where]])
    browser.wait(f"{ANSWERED} === 3")
    studio.close()
    for place in PLACES:
        browser.touch([[browser.on_view(3, *place)]])
    browser.wait("document.getElementById('notice').textContent.includes('1 of your actions wait')")
    studio.open()
    browser.wait(f"{ANSWERED} === 4 && !document.getElementById('notice').textContent", 30)
    browser.key("h")  # whatever was still on its way is before this
    browser.wait(f"{ANSWERED} === 5")
    assert [one.verdict for one in points(studio)] == ["surface"] * 4 + ["hidden"]


def stroke(studio: Studio, browser: AnnotatingBrowser, row: float) -> None:
    x0, y0, x1, _ = (float(side) for side in studio.scene.box_N4[0])
    browser.drag([browser.on_image(x0 + 3, y0 + row), browser.on_image(x1 - 3, y0 + row)])


def test_no_stroke_is_lost(studio: Studio, browser: AnnotatingBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy program, a lost connection and a refusal: strokes arrive in order, and the annotator stays in the step."""
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('parts'); 0")
    browser.key("g")
    for corner in ((30, 30), (60, 30), (60, 60)):
        browser.click(browser.on_image(*(float(studio.scene.box_N4[0][side]) + corner[side] for side in (0, 1))))
    browser.wait("studio.work.path?.length === 3")
    browser.key("z")  # takes the last corner back, and no stroke
    browser.wait("studio.work.path.length === 2")
    browser.key("Escape")
    browser.wait("studio.work.path === null && studio.work.sheet.undo === 3")
    browser.key("b")
    box, before = studio.workplace.sheet("image0.png", "ann").people[1].box_4, browser.run(PAINTED)
    monkeypatch.setattr(studio.page, "_requests", MAX_REQUESTS)  # all others scroll
    for row in (10, 30):
        stroke(studio, browser, row)
    browser.wait("document.getElementById('notice').textContent.includes('busy; 2 of your actions wait')")
    browser.key("z")  # takes the second stroke back, when its turn comes
    stroke(studio, browser, 50)
    monkeypatch.setattr(studio.page, "_requests", 0)
    browser.wait("studio.waiting() === 0 && studio.work.sheet.undo === 5")
    check_map(studio, browser)
    studio.close()
    stroke(studio, browser, 70)
    browser.wait("document.getElementById('notice').textContent.includes('no connection')")
    studio.open()
    browser.wait("studio.waiting() === 0 && studio.work.sheet.undo === 6", 30)
    check_map(studio, browser)
    painted = browser.run(PAINTED)

    def full(*words: Any) -> None:
        raise StageError("the journal cannot be written (disk is full)", "people.journal.sqlite", "make room")

    with monkeypatch.context() as only:
        only.setattr(studio.workplace._journal, "add", full)
        stroke(studio, browser, 90)
        browser.wait("document.getElementById('trouble').textContent.includes('refused: people.journal.sqlite')")
    assert browser.run(PAINTED) == painted > before and browser.run("studio.work.stage") == "parts"
    stroke(studio, browser, 90)
    browser.wait(f"studio.work.sheet.undo === 7 && {PAINTED} > {painted}")
    check_map(studio, browser)
    assert studio.workplace.sheet("image0.png", "ann").people[1].box_4 == box


def check_map(studio: Studio, browser: AnnotatingBrowser) -> None:
    """The page shows the parts that the journal has."""
    parts = studio.workplace.sheet("image0.png", "ann").people[1].parts
    assert parts is not None
    assert browser.wait(PAINTED) == int((parts.label_hw > 0).sum())


def test_boxes_that_wait_are_of_two_people(studio: Studio, browser: AnnotatingBrowser) -> None:
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('people'); studio.picture.show([0, 0, 100, 100]); 0")
    studio.close()
    for top in (2, 40):
        browser.drag([browser.on_image(2, top), browser.on_image(15, top + 20)])
    browser.wait("document.getElementById('notice').textContent.includes('2 of your actions wait')")
    studio.open()
    browser.wait("Object.keys(studio.work.sheet.people).length === 3", 30)


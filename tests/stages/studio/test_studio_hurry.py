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
from stages.studio.work.actions import Ask, Paint, SetBox
from stages.studio.work.part_map import PixelMask
from tests.stages.studio.annotating_browser import DRAWN, AnnotatingBrowser
from tests.stages.studio.workplaces import Studio, act, scene_of_a_person, with_parts

ANSWERED = "studio.work.sheet.people[1].asked[1].filter(one => one.verdict !== 'open').length"
PAINTED = "studio.work.maps[1].label.filter(Boolean).length"
LEFT, RIGHT = 9, 8
"""The lower legs."""
PLACES = [(180.0, 180.0), (150.0, 150.0), (200.0, 200.0)]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """One person whose torso is painted; eight points of it are asked."""
    made = Studio(tmp_path, scene_of_a_person())
    torso_HW = COARSE_OF_CHART[made.scene.label_HW] == 1
    at_M2 = np.argwhere(torso_HW)[:: torso_HW.sum() // 8][:8]
    x0, y0, x1, y1 = (float(side) for side in made.scene.box_N4[0])
    act(
        made, SetBox(person=1, box_4=(x0, y0, x1, y1)),
        Paint(person=1, part=1, mask=PixelMask.of_array(torso_HW, 0, 0)),
        Ask(person=1, part=1, pixels=tuple((int(column), int(row)) for row, column in at_M2)),
    )
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


def test_the_network_is_asked_about_the_box_as_it_is_then(
    studio: Studio, browser: AnnotatingBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`R` before the corrected box is confirmed, twice, and again without a connection."""
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('people'); 0")
    browser.run(DRAWN)
    x0, y0, x1, y1 = (float(side) for side in studio.scene.box_N4[0])
    go = held(studio, monkeypatch)
    browser.drag([browser.on_image(x1, y1), browser.on_image(x1 - 5, y1 - 10), browser.on_image(x1 - 10, y1 - 20)])
    browser.key("r")
    browser.key("r")
    assert studio.boxes_asked == []
    go.set()
    browser.wait("Boolean(studio.work.again[1])")
    assert np.allclose(studio.boxes_asked, [[x0, y0, x1 - 10, y1 - 20]], atol=1)
    browser.run("studio.work.again = {}; 0")
    studio.close()
    browser.key("r")
    browser.wait("document.getElementById('notice').textContent.includes('no connection')")
    studio.open()
    browser.wait("Boolean(studio.work.again[1]) && !document.getElementById('notice').textContent", 30)
    assert len(studio.boxes_asked) == 1 and browser.run("studio.work.sheet.undo") == 4


def test_sides_are_exchanged_once_for_each_press(
    studio: Studio, browser: AnnotatingBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`L` with a stroke in between, on a slow program; `L` and `Shift L` without a connection."""
    with_parts(studio, LEFT)
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('parts'); studio.work.part = 1; 0")
    steps, before = browser.run("studio.work.sheet.undo"), studio.workplace.sheet("image0.png", "ann").people[1]
    go = held(studio, monkeypatch)
    browser.key("9")
    browser.key("l")
    stroke(studio, browser, 5)  # of the left leg, after the exchange
    browser.key("l")
    go.set()
    browser.wait(f"studio.waiting() === 0 && studio.work.sheet.undo === {steps + 3}")
    check_map(studio, browser)
    now = studio.workplace.sheet("image0.png", "ann").people[1]
    assert now.asked == before.asked and now.parts is not None and before.parts is not None
    count = {part: (now.parts.label_hw == part).sum() - (before.parts.label_hw == part).sum() for part in (LEFT, RIGHT)}
    assert count[RIGHT] > 100 >= abs(count[LEFT])
    studio.close()
    for key in ("l", "L"):
        browser.key(key)
    browser.wait("document.getElementById('notice').textContent.includes('2 of your actions wait')")
    studio.open()
    browser.wait(f"studio.waiting() === 0 && studio.work.sheet.undo === {steps + 5}", 30)
    check_map(studio, browser)
    last = studio.workplace.sheet("image0.png", "ann").people[1]  # the leg twice, all others once
    assert last.asked[LEFT] == now.asked[LEFT] and last.parts is not None
    assert ((last.parts.label_hw == LEFT) == (now.parts.label_hw == LEFT)).all()


@pytest.mark.parametrize("lost", [False, True], ids=["slow", "lost"])
def test_the_network_answers_points_once(
    studio: Studio, browser: AnnotatingBrowser, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    """`J`: until its answers are shown, clicks and keys answer nothing."""
    browser.begin(studio.address, "ann")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '1'")
    if lost:
        studio.close()
    else:
        go = held(studio, monkeypatch)
    browser.key("j")
    browser.key("j")
    browser.click(browser.on_view(0, 180, 180))
    browser.key("h")
    if lost:
        browser.wait("document.getElementById('notice').textContent.includes('1 of your actions wait')")
        studio.open()
    else:
        go.set()
    browser.wait(f"{ANSWERED} === 8 && studio.waiting() === 0", 30)
    assert browser.run("studio.work.sheet.undo") == 4
    assert {one.origin for one in points(studio)} == {"proposed"}

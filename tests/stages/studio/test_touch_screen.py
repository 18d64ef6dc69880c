"""The page under fingers, on a tablet and on a telephone: what they reach, what covers the image, what they move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.studio.work.actions import SetBox, SetKeypoint
from tests.stages.studio.annotating_browser import DRAWN, AnnotatingBrowser, Place
from tests.stages.studio.workplaces import Studio, act, scene_of_a_person, with_parts

SIZES = [(1024, 768), (390, 844)]
LEAST = 40
"""Pixels of a target that a finger meets."""
TARGETS = (
    "[...document.querySelectorAll('button, select, label:has(input[type=range])')]"
    ".filter(e => e.getClientRects().length).map(e => { const r = e.getBoundingClientRect();"
    "return [e.textContent, r.width, r.height, r.left, r.right, r.bottom]; })"
)
SIDEWAYS = ("#partrow", "#panel:has(#views) > div:not([id])")
"""Rows that a telephone moves sideways."""
WRIST, ELBOW, HIP = 9, 7, 11


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path, scene_of_a_person())
    yield made
    made.close()


def begin(studio: Studio, browser: AnnotatingBrowser, size: tuple[int, int]) -> None:
    wide, high = size
    browser.call("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=2, mobile=True)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    browser.begin(studio.address, "ann")


def joint(studio: Studio, number: int) -> tuple[float, float]:
    one = studio.workplace.sheet("image0.png", "ann").people[1].keypoints[number]
    return one.x, one.y


def besides(place: Place, dx: float, dy: float) -> Place:
    return place[0] + dx, place[1] + dy


@pytest.mark.parametrize("size", SIZES, ids=["tablet", "telephone"])
def test_a_finger_reaches_everything(studio: Studio, browser: AnnotatingBrowser, size: tuple[int, int]) -> None:
    """In each step buttons have 40 pixels and are in the window; nothing stands over the image."""
    with_parts(studio, 1)
    begin(studio, browser, size)
    for stage in ("people", "parts", "points", "keypoints"):
        browser.run(f"studio.setStage('{stage}'); 0")
        browser.run(DRAWN)
        targets = browser.run(TARGETS)
        assert len(targets) > 10
        assert [one for one in targets if min(one[1:3]) < LEAST] == []
        moved = [text for row in SIDEWAYS for text in browser.run(
            f"[...document.querySelectorAll('{row} > button')].map(e => e.textContent)")]
        outside = [one for one in targets if one[3] < 0 or one[4] > size[0] or one[5] > size[1]]
        assert [one for one in outside if one[0] not in moved] == []
        covered = browser.run(
            "(() => { const p = document.getElementById('picture'), r = p.getBoundingClientRect(); let over = 0;"
            "for (let x = 4; x < r.width; x += 8) for (let y = 4; y < r.height; y += 8)"
            "over += document.elementFromPoint(r.left + x, r.top + y) !== p; return over; })()"
        )
        assert covered == 0
    shown = browser.run("[...document.querySelectorAll('.key')].filter(e => e.getClientRects().length).length")
    assert shown == 0


def with_keypoints(studio: Studio) -> None:
    """A wrist, an elbow and a hip in a row, 30 pixels apart."""
    act(studio, SetBox(person=1, box_4=(100, 20, 210, 230)))
    for number, x in ((WRIST, 110), (ELBOW, 150), (HIP, 190)):
        act(studio, SetKeypoint(person=1, joint=number, x=x, y=100, visibility=2))


@pytest.mark.parametrize("size", SIZES, ids=["tablet", "telephone"])
def test_a_finger_beside_a_keypoint_does_not_move_it(
    studio: Studio, browser: AnnotatingBrowser, size: tuple[int, int]
) -> None:
    """A tap chooses the nearest; a drag moves it by as much as the finger; the place of a waiting keypoint is free."""
    with_keypoints(studio)
    begin(studio, browser, size)
    browser.run(f"studio.setStage('keypoints'); studio.work.joint = {ELBOW}; 0")
    browser.run(DRAWN)
    beside = besides(browser.on_image(*joint(studio, WRIST)), -9, 8)
    steps = browser.run("studio.work.sheet.undo")
    browser.touch([[beside]])
    browser.wait(f"studio.work.joint === {WRIST}")
    assert browser.run("studio.waiting()") == 0 and browser.run("studio.work.sheet.undo") == steps
    scale, before = browser.run("studio.picture.scale"), joint(studio, WRIST)
    browser.touch([[beside], [besides(beside, -10, 15)], [besides(beside, -20, 30)]])
    browser.wait(f"studio.waiting() === 0 && studio.work.sheet.undo === {steps + 1}")
    assert np.allclose(np.subtract(joint(studio, WRIST), before) * scale, (-20, 30), atol=1)
    browser.run("studio.work.joint = 0; 0")  # the nose has no place yet: a tap beside the hip is its place
    place = besides(browser.on_image(*joint(studio, HIP)), 4, 4)
    browser.touch([[place]])
    browser.wait("Boolean(studio.work.sheet.people[1].keypoints[0])")
    assert np.allclose(browser.on_image(*joint(studio, 0)), place, atol=1)
    assert joint(studio, HIP) == (190, 100)


def test_a_corner_follows_a_finger_beside_it(studio: Studio, browser: AnnotatingBrowser) -> None:
    act(studio, SetBox(person=1, box_4=(100, 20, 210, 230)))
    begin(studio, browser, SIZES[1])
    browser.run("studio.setStage('parts'); studio.work.polygon = true; 0")
    browser.run(DRAWN)
    for number, corner in enumerate([(120, 40), (180, 40), (180, 200)], start=1):
        browser.touch([[browser.on_image(*corner)]])
        browser.wait(f"studio.work.path?.length === {number}")
    browser.touch([[browser.on_image(120, 40)]])
    browser.wait("studio.work.polygonDone?.path.length === 3 && studio.waiting() === 0")
    beside, scale = besides(browser.on_image(180, 200), 8, -7), browser.run("studio.picture.scale")
    browser.touch([[beside], [besides(beside, -10, -10)], [besides(beside, -20, -30)]])
    browser.wait("studio.waiting() === 0 && studio.work.polygonDone?.path[2][1] < 198")
    assert np.allclose(browser.run("studio.work.polygonDone.path[2]"), (180 - 20 / scale, 200 - 30 / scale), atol=1)


def test_the_slider_of_the_brush_shows_its_size(studio: Studio, browser: AnnotatingBrowser) -> None:
    """A finger has no pointer whose outline would show it."""
    act(studio, SetBox(person=1, box_4=(100, 20, 210, 230)))
    begin(studio, browser, SIZES[0])
    browser.run("studio.setStage('parts'); 0")
    browser.run(DRAWN)
    pointer = "studio.picture.pointer"
    assert browser.run(pointer) is None
    place: Any = browser.run(
        "(() => { const r = document.querySelector('#sliders input').getBoundingClientRect();"
        "return [r.left + r.width / 2, r.top + r.height / 2]; })()"
    )
    browser.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": place[0], "y": place[1]}])
    browser.wait(f"{pointer} && studio.work.radius > 20")
    middle = browser.run("[studio.picture.canvas.clientWidth / 2, studio.picture.canvas.clientHeight / 2]")
    assert np.allclose(browser.run(f"studio.picture.toImage({middle[0]}, {middle[1]})"), browser.run(pointer))
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    browser.wait(f"{pointer} === null")

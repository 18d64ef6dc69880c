"""The studio in a real browser, from boxes to the file: mouse, keys and fingers; reloads and restarts in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.surface.chart_lookup import ChartLookup, corner_mean
from models.surface.charted_mesh import open_body_mesh
from stages.annotations.coco_masks import decode_mask
from stages.annotations.densepose_coco import AnnotatedPerson, read_dense_set
from stages.annotations.point_picking import resample_to_box_grid
from stages.studio.views.view_clicks import ChartPoint, views_of_point
from stages.studio.work.actions import Ask, Paint, SetBox, action_record
from stages.studio.work.part_map import PixelMask
from stages.world.scene import Scene
from tests.stages.live.browser import browser_program
from tests.stages.studio.annotating_browser import AnnotatingBrowser, Place
from tests.stages.studio.workplaces import Studio, scene_of_a_person

CLICKS = 12
FLOOR_M = 0.005
"""Median error on the skin that the way from a click to the file may add."""
FITS = "(() => { const p = document.querySelector('aside'); return p.scrollHeight <= p.clientHeight; })()"
"""The panel beside the image does not scroll."""
PEOPLE = "Object.keys(studio.work.sheet.people).length"
ANSWERED = "studio.work.sheet.people[1].asked[studio.work.part].filter(one => one.verdict !== 'open').length"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path, scene_of_a_person())
    yield made
    made.close()


def test_from_boxes_to_a_file(studio: Studio, browser: AnnotatingBrowser) -> None:
    browser.begin(studio.address, "ann")
    mark_people(browser)
    paint_parts(studio, browser)
    assert browser.run(FITS)
    answer_points(studio, browser)
    assert browser.run(FITS)
    browser.key("Tab")
    browser.key("a")
    seen = int((studio.scene.keypoint_N173[0, :, 2] > 0).sum())
    browser.wait(f"Object.keys(studio.work.sheet.people[1].keypoints).length === {seen}")
    browser.key("f")
    assert "have no answer" in browser.wait("document.getElementById('leftopen').textContent")
    browser.key("f")
    browser.wait("studio.work.image && studio.work.image.name === 'image1.png'")
    check_file(studio)
    go_back(browser)


def go_back(browser: AnnotatingBrowser) -> None:
    """The finished image is opened from the list, with all that was done."""
    browser.key("i")
    browser.wait("document.querySelector('#imagelist [data-name=finished] img').naturalWidth > 0")
    browser.run("document.querySelector('#imagelist [data-name=finished]').click()")
    browser.wait("studio.work.image.name === 'image0.png' && studio.work.sheet.status === 'finished'")
    assert browser.run(PEOPLE) == 1


def mark_people(browser: AnnotatingBrowser) -> None:
    """The proposed box is corrected and removed; a drawn one is undone, done again, corrected and undone."""
    browser.key("a")
    browser.wait(f"{PEOPLE} === 1")
    x0, y0 = browser.run("studio.work.sheet.people[1].box.slice(0, 2)")
    browser.drag([browser.on_image(*at) for at in ((x0, y0), (x0 - 4, y0 - 4), (x0 - 5, y0 - 5))])
    browser.wait("studio.work.sheet.undo === 2")
    browser.wait("document.querySelector('#panel small').textContent === 'no proposed box is left'")
    browser.key("Delete")
    browser.wait(f"{PEOPLE} === 0 && Boolean(document.querySelector('[data-name=accept]'))")
    for steps in (2, 1):
        browser.key("z")
        browser.wait(f"{PEOPLE} === 1 && studio.work.sheet.undo === {steps}")
    browser.drag([browser.on_image(*at) for at in ((2, 2), (10, 10), (30, 40))])
    browser.wait(f"{PEOPLE} === 2")
    assert np.allclose(browser.run("studio.work.sheet.people[2].box"), [2, 2, 30, 40], atol=1.5)
    browser.key("z")
    browser.wait(f"{PEOPLE} === 1")
    browser.key("y")
    browser.wait(f"{PEOPLE} === 2")
    browser.run("studio.work.person = 2; 0")
    browser.drag([browser.on_image(*at) for at in ((30, 40), (35, 45), (40, 50))])
    browser.wait("studio.work.sheet.people[2].box[2] > 38")
    for people in (2, 1):
        browser.key("z")
        browser.wait(f"{PEOPLE} === {people}")


def paint_parts(studio: Studio, browser: AnnotatingBrowser) -> None:
    """All proposed parts, and a stroke that is drawn and undone; the labels on the page are the truth's."""
    coarse_HW = COARSE_OF_CHART[studio.scene.label_HW]
    parts = np.unique(coarse_HW[coarse_HW > 0])
    browser.key("Tab")
    browser.key("A")
    browser.wait("Boolean(studio.work.outlines[1])", 60)
    assert pixels_of_parts(browser) == np.bincount(coarse_HW.ravel(), minlength=15)[1:].tolist()
    x0, y0, x1, y1 = studio.scene.box_N4[0].tolist()
    steps = browser.run("studio.work.sheet.undo")
    browser.key("z")  # all that was accepted at once is undone at once
    browser.wait("!studio.work.maps[1] && !studio.work.outlines[1]")
    browser.key("y")
    browser.wait("Boolean(studio.work.outlines[1])")
    browser.key("7")
    browser.drag([browser.on_image(*at) for at in (((x0 + x1) / 2, (y0 + y1) / 2), (x0 + 5, y0 + 5), (x0 + 9, y1))])
    browser.wait(f"studio.work.sheet.undo === {steps + 1}")
    assert pixels_of_parts(browser) != np.bincount(coarse_HW.ravel(), minlength=15)[1:].tolist()
    browser.key("z")
    browser.wait(f"studio.work.sheet.undo === {steps}")
    assert pixels_of_parts(browser) == np.bincount(coarse_HW.ravel(), minlength=15)[1:].tolist()
    assert len(parts) > 5
    paint_outline(studio, browser)


def paint_outline(studio: Studio, browser: AnnotatingBrowser) -> None:
    """A stroke widens the outline, and leaves the parts as they are; undo takes it back."""
    count = "(studio.work.outlines[1]?.label || []).filter(Boolean).length"
    before, steps = browser.run(count), browser.run("studio.work.sheet.undo")
    assert before == (studio.scene.label_HW > 0).sum()
    browser.key("o")
    x0, y0, x1, _ = studio.scene.box_N4[0].tolist()
    browser.drag([browser.on_image(*at) for at in ((x0 + 3, y0 + 3), (x1 - 3, y0 + 3))])
    browser.wait(f"studio.work.sheet.undo === {steps + 1}")
    assert browser.run(count) > before + 20
    browser.key("z")
    browser.wait(f"studio.work.sheet.undo === {steps}")
    assert browser.run(count) == before


def pixels_of_parts(browser: AnnotatingBrowser) -> list[int]:
    """Number of pixels of each part 1..14 on the page."""
    found: list[int] = browser.run(
        "(() => { const n = Array(15).fill(0); for (const part of studio.work.maps[1].label) n[part]++; "
        "return n.slice(1); })()"
    )
    return found


def answer_points(studio: Studio, browser: AnnotatingBrowser) -> None:
    """An annotator who knows the truth clicks it; the page is reloaded, and the program restarted, in between."""
    browser.key("Tab")
    for done in range(CLICKS):
        if done == 4:
            browser.begin(studio.address, "ann")
            assert browser.run(PEOPLE) == 1
            browser.run("studio.setStage('points'); 0")
        point = browser.wait(
            "(() => { const w = studio.work, a = w.sheet.people[1].asked[w.part]; return a && a[w.number] && "
            "a[w.number].verdict === 'open' && "
            "document.getElementById('viewcanvas').dataset.part === String(w.part) && "
            "{part: w.part, x: a[w.number].x, y: a[w.number].y, undo: w.sheet.undo}; })()", 60,
        )  # fmt: skip
        if done == 8:
            studio.close()
        click_truth(studio.scene, browser, point)
        if done == 8:
            browser.wait("document.getElementById('notice').textContent.includes('no connection')")
            studio.open()
        browser.wait(f"studio.work.sheet.undo >= {point['undo'] + 1}", 30)


def click_truth(scene: Scene, browser: AnnotatingBrowser, point: dict[str, Any]) -> None:
    """Click the truth of a pixel on the view in which it is seen from the front; `hidden` where no view sees it."""
    u, v = (float(one) for one in scene.uv_2HW[:, point["y"], point["x"]])
    place = ChartPoint(chart=int(scene.label_HW[point["y"], point["x"]]), u=u, v=v)
    seen = views_of_point(point["part"], place)
    if not seen:
        browser.key("h")
        return
    browser.click(browser.on_view(*seen[0]))


def check_file(studio: Studio) -> None:
    scene = studio.scene
    assert studio.workplace.settled()
    (person,) = read_dense_set(studio.output).people
    about = person.rest["dp_annotation"]
    assert about["annotator"] == "ann" and about["finished"] and not about["hints"] and about["seconds"] > 0
    assert person.points is not None and len(person.points.x_M) + about["hidden"] >= CLICKS
    assert np.median(click_errors_m(scene, person)) <= FLOOR_M
    x0, y0, width, height = (int(side) for side in person.box_4)
    truth_GG = resample_to_box_grid(COARSE_OF_CHART[scene.label_HW[y0 : y0 + height, x0 : x0 + width]])
    assert person.part_masks is not None
    for part, mask in enumerate(person.part_masks, start=1):
        found_GG = np.zeros_like(truth_GG) if mask is None else decode_mask(mask)
        assert (found_GG == (truth_GG == part)).all()
    truth_173 = scene.keypoint_N173[0]
    found_173 = np.array(person.rest["keypoints"]).reshape(17, 3)
    assert np.allclose(found_173[truth_173[:, 2] > 0, :2], truth_173[truth_173[:, 2] > 0, :2], atol=0.1)


def click_errors_m(scene: Scene, person: AnnotatedPerson) -> np.ndarray:
    """Metres on the rest body between the clicked and the true place of each point."""
    mesh, points = open_body_mesh(), person.points
    assert points is not None
    lookup = ChartLookup(mesh)
    column = (points.x_M * person.box_4[2] / 255 + person.box_4[0]).astype(int)
    row = (points.y_M * person.box_4[3] / 255 + person.box_4[1]).astype(int)
    u, v = scene.uv_2HW[:, row, column].astype(np.float64)
    found = corner_mean(mesh.vertex_V3, mesh, lookup(points.chart_M, points.u_M, points.v_M))
    truth = corner_mean(mesh.vertex_V3, mesh, lookup(scene.label_HW[row, column], u, v))
    return np.asarray(np.linalg.norm(found - truth, axis=1))


def test_a_click_counts_when_the_panel_is_made_anew_meanwhile(studio: Studio, browser: AnnotatingBrowser) -> None:
    """An answer of the program may arrive between press and release."""
    x0, y0, x1, y1 = (float(side) for side in studio.scene.box_N4[0])
    torso_HW = COARSE_OF_CHART[studio.scene.label_HW] == 1
    row, column = (int(at) for at in np.argwhere(torso_HW)[0])
    for do in (
        SetBox(person=1, box_4=(x0, y0, x1, y1)),
        Paint(person=1, part=1, mask=PixelMask.of_array(torso_HW, 0, 0)),
        Ask(person=1, part=1, pixels=((column, row),)),
    ):
        studio.workplace.act({"who": "ann", "image": "image0.png", "action": action_record(do)})
    browser.begin(studio.address, "ann")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '1'")
    place = browser.on_view(0, 180, 180)
    browser.mouse("mousePressed", place, True)
    drawn = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    browser.run(f"studio.setStage('points'); {drawn}")
    browser.mouse("mouseReleased", place, False)
    browser.wait("studio.work.sheet.people[1].asked[1][0].verdict === 'surface'")


def test_fingers(studio: Studio, browser: AnnotatingBrowser) -> None:
    """One finger draws a box; two fingers zoom and draw nothing."""
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    browser.begin(studio.address, "tip")
    (x0, y0), (x1, y1) = browser.on_image(3, 3), browser.on_image(40, 60)
    browser.touch([[(x0, y0)], [((x0 + x1) / 2, (y0 + y1) / 2)], [(x1, y1)]])
    browser.wait(f"{PEOPLE} === 1")
    assert np.allclose(browser.run("studio.work.sheet.people[1].box"), [3, 3, 40, 60], atol=1.5)
    scale = browser.run("studio.picture.scale")
    browser.touch([[(300, 300)], [(300, 300), (400, 300)], [(250, 300), (450, 300)]])
    browser.wait(f"studio.picture.scale > {1.5 * scale}")
    scale, left = browser.run("[studio.picture.scale, studio.picture.left]")
    browser.touch([[(300, 300)], [(300, 300), (400, 300)], [(340, 300), (440, 300)]])  # both move: the image is panned
    browser.wait(f"Math.abs(studio.picture.left - {left} - 40) < 2")
    assert abs(browser.run("studio.picture.scale") / scale - 1) < 0.02
    assert browser.run(PEOPLE) == 1


def test_a_tablet_needs_no_keyboard(studio: Studio, browser: AnnotatingBrowser) -> None:
    """By fingers alone: a proposed box, a polygon, a stroke, an answer on a view, a keypoint, and the end."""
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
    browser.begin(studio.address, "tip")
    x0, y0, x1, y1 = studio.scene.box_N4[0].tolist()
    tap(browser, browser.on_image((x0 + x1) / 2, (y0 + y1) / 2))
    browser.wait(f"{PEOPLE} === 1")
    tap_stage(browser, "parts")
    draw_by_fingers(browser, (x0, y0, x1, y1))
    tap_stage(browser, "points")
    browser.wait("studio.work.sheet.people[1].asked[1]?.length > 0")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '1'")
    tap(browser, browser.on_view(0, 180, 180))
    browser.wait("studio.work.sheet.people[1].asked[1][0].verdict === 'surface'")
    tap_stage(browser, "keypoints")
    tap(browser, browser.on_image((x0 + x1) / 2, y0 + 9))
    browser.wait("Boolean(studio.work.sheet.people[1].keypoints[0])")
    tap(browser, button_place(browser, "[data-name=finish]"))
    browser.wait("document.getElementById('finish').open")
    tap(browser, button_place(browser, "#finish [value=finish]"))
    browser.wait("studio.work.image && studio.work.image.name === 'image1.png'")


def draw_by_fingers(browser: AnnotatingBrowser, box: tuple[float, float, float, float]) -> None:
    """A polygon whose corners are taps, with a zoom of two fingers in between; then a stroke of the brush."""
    x0, y0, x1, y1 = box
    tap(browser, button_place(browser, "#panel button", "polygon (G)"))
    browser.wait("studio.work.polygon")
    middle = browser.on_image((x0 + x1) / 2, (y0 + y1) / 2)
    corners = [(x0 + 5, y0 + 5), (x1 - 5, y0 + 5), (x1 - 5, y1 - 5)]
    for number, corner in enumerate(corners, start=1):
        tap(browser, browser.on_image(*corner))
        browser.wait(f"studio.work.path.length === {number}")
        if number == 2:
            far = middle[0] + 60, middle[1]
            browser.touch([[middle], [middle, far], [middle, (far[0] - 8, far[1])]])
            assert browser.run("studio.work.path.length") == 2
    tap(browser, browser.on_image(*corners[0]))
    browser.wait("Boolean(studio.work.maps[1]) && studio.work.path === null")
    area = browser.wait("studio.work.maps[1].label.filter(Boolean).length")
    assert abs(area / ((x1 - x0 - 10) * (y1 - y0 - 10) / 2) - 1) < 0.1
    tap(browser, button_place(browser, "#panel button", "brush (B)"))
    browser.wait("!studio.work.polygon")
    left, low = browser.on_image(x0 + 15, y1 - 15), browser.on_image(x0 + 25, y1 - 15)
    browser.touch([[left], [low]])
    browser.wait(f"studio.work.maps[1].label.filter(Boolean).length > {area} + 50")


def tap_stage(browser: AnnotatingBrowser, stage: str) -> None:
    """Tap a stage until it is open: Chromium takes a tap right after a stroke for the end of a fling."""
    for _ in range(5):
        tap(browser, button_place(browser, f"#stages [data-stage={stage}]"))
        with suppress(AssertionError):
            browser.wait(f"studio.work.stage === '{stage}'", 2)
            return
    raise AssertionError(f"taps do not open {stage}")


def tap(browser: AnnotatingBrowser, place: Place) -> None:
    """One finger, down and up."""
    browser.touch([[place]])


def button_place(browser: AnnotatingBrowser, selector: str, text: str = "") -> Place:
    """The middle of the first element of a selector whose text begins so."""
    found = browser.wait(
        f"(() => {{ const all = [...document.querySelectorAll('{selector}')];"
        f"const one = all.find(b => b.textContent.startsWith('{text}')), r = one && one.getBoundingClientRect();"
        "return r && r.width && [r.left + r.width / 2, r.top + r.height / 2]; })()"
    )
    return float(found[0]), float(found[1])


def test_two_annotators_in_two_browsers(studio: Studio, browser: AnnotatingBrowser, tmp_path: Path) -> None:
    """Each has an image; the other's is locked in the list, until they give it to others. Both are in the file."""
    browser.begin(studio.address, "ann")
    other = AnnotatingBrowser(str(browser_program()), tmp_path / "other")
    try:
        other.begin(studio.address, "bob")
        assert [one.run("studio.work.image.name") for one in (browser, other)] == ["image0.png", "image1.png"]
        for one in (browser, other):
            one.key("a")
        for one in (browser, other):
            one.wait(f"{PEOPLE} === 1")
        other.key("i")
        taken = "document.querySelectorAll('#imagelist button:disabled').length"
        assert other.wait(taken) == 1
        other.run("document.getElementById('images').close()")
        browser.key("i")
        browser.wait("document.getElementById('images').open")
        browser.run("document.querySelector('#imagelist [data-name=hand_on]').click(); 0")
        browser.wait("document.body.dataset.ready === 'none'")
        other.key("i")
        other.wait(f"document.getElementById('images').open && {taken} === 0")
        browser.run("document.getElementById('images').close(); document.getElementById('leave').click(); 0")
        browser.wait("document.getElementById('login')?.open")
    finally:
        other.close()
    studio.workplace.write()
    assert studio.workplace.settled()
    names = [one.rest["dp_annotation"]["annotator"] for one in read_dense_set(studio.output).people]
    assert names == ["ann", "bob"]


def test_a_name_and_its_personal_link(browser: AnnotatingBrowser, tmp_path: Path) -> None:
    """Another browser does not get the name, but with the link that the lead's page makes."""
    shared = Studio(tmp_path, scene_of_a_person(), token="t", review_token="r")
    other = AnnotatingBrowser(str(browser_program()), tmp_path / "other")
    try:
        browser.begin(f"{shared.address}/?token=t", "ann")
        browser.key("a")
        browser.wait(f"{PEOPLE} === 1")
        other.log_in(f"{shared.address}/?token=t", "ann")
        assert "belongs to another browser" in other.wait("document.getElementById('notyours').textContent")
        browser.log_in(f"{shared.address}/review?token=r", "lea")
        browser.wait("document.body.dataset.ready")
        browser.key("i")
        browser.run("document.getElementById('linkof').value = 'ann'; document.getElementById('makelink').click()")
        link = browser.wait("document.getElementById('link').value")
        assert "1 people" in browser.run("document.getElementById('imagelist').textContent")
        other.open(link)
        assert other.wait(f"studio.work.who === 'ann' && {PEOPLE} === 1", 30)
        assert other.run("location.search") == "?token=t"  # no key in the address that is shown
        browser.run("sessionStorage.removeItem('who')")
    finally:
        other.close()
        shared.close()

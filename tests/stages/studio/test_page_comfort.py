"""The page as annotators work on it: what fills the window, what stays where it is, and what saves them clicks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.structures import SurfaceMap
from stages.studio.proposals import proposed_person
from stages.studio.work.actions import Paint, SetBox
from stages.studio.work.part_map import PixelMask
from tests.stages.studio.annotating_browser import DRAWN, AnnotatingBrowser
from tests.stages.studio.workplaces import Studio, act, scene_of_a_person, with_parts

LEAST_LETTERS = 11
PAINTED = "(studio.work.maps[1]?.counts.slice(1).reduce((a, b) => a + b, 0) || 0)"
LEFT, RIGHT = 9, 8
"""The lower legs."""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path, scene_of_a_person())
    yield made
    made.close()


def work(studio: Studio) -> Any:
    return studio.workplace.sheet("image0.png", "ann").people[1]


def test_views_fill_the_window_and_are_read(studio: Studio, browser: AnnotatingBrowser) -> None:
    """Half of the window is views; all letters have 11 pixels; the wheel zooms the views, a drag moves them."""
    with_parts(studio, 1)
    browser.begin(studio.address, "ann")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '1'")
    canvas = "(() => { const r = studio.views.canvas.getBoundingClientRect(); return [r.width, r.height]; })()"
    wide, high = browser.run(canvas)
    assert wide >= 640 and high >= 430
    letters = browser.run("parseFloat(studio.views.context.font) * studio.views.scale")
    small = browser.run(
        "[...document.querySelectorAll('aside *, #tools *')].filter(e => e.getClientRects().length && e.textContent)"
        f".filter(e => parseFloat(getComputedStyle(e).fontSize) < {LEAST_LETTERS}).map(e => e.outerHTML)"
    )
    assert letters >= LEAST_LETTERS and small == []
    scale, place = browser.run("studio.views.scale"), browser.on_view(0, 180, 180)
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=place[0], y=place[1], deltaX=0, deltaY=-400)
    browser.wait(f"studio.views.scale > 2 * {scale}")
    assert np.allclose(browser.on_view(0, 180, 180), place, atol=3)  # zoomed about the pointer
    browser.drag([place, (place[0] + 30, place[1]), (place[0] + 60, place[1] + 10)])
    assert np.allclose(browser.on_view(0, 180, 180), (place[0] + 60, place[1] + 10), atol=2)
    assert not [one for one in work(studio).asked[1] if one.answer]  # a drag is no click
    browser.click(browser.on_view(0, 180, 180))
    browser.wait("studio.work.sheet.people[1].asked[1][0].verdict === 'surface'")
    view, x, y = browser.run("studio.work.sheet.people[1].asked[1][0].places.find(one => one[0] === 0)")
    assert view == 0 and abs(x - 180) < 1.5 and abs(y - 180) < 1.5
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=place[0], y=place[1], deltaX=0, deltaY=4000)
    browser.wait(f"Math.abs(studio.views.scale - {scale}) < 1e-3")  # never smaller than the window


def test_zoom_and_place_are_kept_and_the_asked_point_is_shown(studio: Studio, browser: AnnotatingBrowser) -> None:
    with_parts(studio, 1)
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('parts'); 0")
    x0, y0, x1, y1 = studio.scene.box_N4[0].tolist()
    near = browser.on_image(x0 + 5, y1 - 5)
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=near[0], y=near[1], deltaX=0, deltaY=-500)
    browser.run(DRAWN)
    state = "[studio.picture.scale, studio.picture.left, studio.picture.top]"
    kept = browser.run(state)
    browser.run("studio.setStage('keypoints'); 0")
    browser.run(DRAWN)
    assert browser.run(state) == kept
    browser.run("studio.setStage('points'); 0")
    browser.run(DRAWN)
    assert browser.run("studio.picture.scale") == kept[0]
    for _ in range(8):  # each asked point is in the window, though the window shows a fraction of the person
        x, y, wide, high = browser.run(
            "(() => { const one = studio.work.sheet.people[1].asked[1][studio.work.number], p = studio.picture;"
            "return [p.left + p.scale * one.x, p.top + p.scale * one.y, p.canvas.clientWidth, p.canvas.clientHeight];"
            "})()"
        )
        assert 5 < x < wide - 5 and 5 < y < high - 5
        browser.key("Enter")
        browser.run(DRAWN)
    assert browser.run("studio.picture.scale") == kept[0]
    browser.key("w")
    middle, person = browser.on_image((x0 + x1) / 2, (y0 + y1) / 2), browser.run("studio.picture.scale")
    assert person < kept[0] and abs(2 * middle[0] - browser.run("studio.picture.canvas.clientWidth")) < 2
    browser.key("w")  # once more: the whole image
    assert browser.run("studio.picture.scale") < person


def pixel(browser: AnnotatingBrowser, x: float, y: float) -> list[int]:
    """RGB of the canvas at a place of the image."""
    browser.run(DRAWN)
    found: list[int] = browser.run(
        f"(() => {{ const p = studio.picture, at = [p.left + p.scale * {x}, p.top + p.scale * {y}];"
        "return [...p.context.getImageData(Math.round(at[0]), Math.round(at[1]), 1, 1).data].slice(0, 3); })()"
    )
    return found


def test_overlays_can_be_hidden_and_the_image_made_brighter(studio: Studio, browser: AnnotatingBrowser) -> None:
    """`D` and the slider change what is seen, and nothing else; the brush shows where it would paint."""
    coarse_HW = COARSE_OF_CHART[studio.scene.label_HW]
    y, x = (int(at) for at in np.argwhere(coarse_HW == 1)[(coarse_HW == 1).sum() // 2])
    with_parts(studio)
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('parts'); 0")
    painted = pixel(browser, x + 0.5, y + 0.5)
    browser.key("d")
    bare = pixel(browser, x + 0.5, y + 0.5)
    truth = studio.scene.rgb_HW3[y, x].astype(int)
    assert np.abs(np.array(bare) - truth).max() < 40 < np.abs(np.array(painted) - bare).max()
    browser.run("(() => { const b = document.getElementById('bright'); b.value = 50; b.oninput(); })()")
    bright = pixel(browser, x + 0.5, y + 0.5)
    assert np.allclose(bright, np.minimum(2 * np.array(bare), 255), atol=8)
    browser.run("(() => { const b = document.getElementById('bright'); b.value = -50; b.oninput(); })()")
    assert np.allclose(pixel(browser, x + 0.5, y + 0.5), np.array(bare) / 2, atol=5)
    browser.run("(() => { const b = document.getElementById('bright'); b.value = 0; b.oninput(); })()")
    browser.key("d")
    assert pixel(browser, x + 0.5, y + 0.5) == painted
    radius = browser.run("studio.work.radius")
    rim = pixel(browser, x + radius, y)
    browser.mouse("mouseMoved", browser.on_image(x, y), False)
    assert pixel(browser, x + radius, y) != rim
    assert browser.run("studio.work.sheet.undo") == len(np.unique(coarse_HW[coarse_HW > 0])) + 1


def test_the_network_is_asked_again_for_a_corrected_box(studio: Studio, browser: AnnotatingBrowser) -> None:
    """Parts and keypoints are proposed for the box that somebody drew; the place in the file is the annotator's."""
    browser.begin(studio.address, "ann")
    browser.drag([browser.on_image(*at) for at in ((2, 2), (20, 20), (30, 40))])
    browser.wait("Boolean(studio.work.sheet.people[1])")
    browser.key("Tab")
    browser.key("a")
    browser.wait("document.getElementById('trouble').textContent.includes('proposes nothing')")
    browser.key("r")
    browser.wait("Boolean(studio.work.again[1]) && !document.getElementById('trouble').textContent")
    assert np.allclose(studio.boxes_asked, [[2, 2, 30, 40]], atol=1.5)
    browser.key("A")
    browser.wait("Boolean(studio.work.maps[1])")
    assert browser.run("[...studio.work.maps[1].counts.slice(1)].filter(Boolean).length") > 5


def test_keypoints_are_hidden_where_the_surface_does_not_show_them(
    studio: Studio, browser: AnnotatingBrowser
) -> None:
    """A box covers the left ankle: the annotator has not painted it. The others are seen as the truth is."""
    with_parts(studio)
    x, y = studio.scene.keypoint_N173[0, 15, :2].tolist()
    inside = np.zeros(studio.scene.label_HW.shape, bool)
    inside[max(0, int(y) - 25) : int(y) + 25, max(0, int(x) - 25) : int(x) + 25] = True
    act(studio, Paint(person=1, part=0, mask=PixelMask.of_array(inside, 0, 0)))
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('keypoints'); 0")
    browser.key("a")
    browser.wait("Object.keys(studio.work.sheet.people[1].keypoints).length > 10")
    found = {joint: one.visibility for joint, one in work(studio).keypoints.items()}
    assert found[15] == 1 and found[5] == found[6] == 2


def test_an_ear_on_the_far_side_of_the_head_is_proposed_as_hidden() -> None:
    """Both sides of the head are one part: the charts tell which is seen."""
    labels_hw = np.zeros((100, 60), np.uint8)
    labels_hw[10:30, 20:40] = 24  # the left side of the head alone
    keypoint_173 = np.zeros((17, 3), np.float32)
    keypoint_173[:5] = (30, 20, 1)
    surface = SurfaceMap(
        x0=0, y0=0, labels_hw=labels_hw, uv_2hw=np.zeros((2, 100, 60), np.float32), keypoint_K3=keypoint_173
    )
    found = proposed_person(surface, [0, 0, 60, 100], 0.9, (100, 60))
    assert set(found.keypoints) == set(range(5))
    assert found.hidden_joints == (2, 4)  # the right eye and ear
    assert found.record()["turned_away"] == (2, 4)


def test_left_and_right_are_exchanged(studio: Studio, browser: AnnotatingBrowser) -> None:
    """`L` of a part, and of all with points and keypoints; twice is as before, and undo is one step."""
    with_parts(studio, LEFT)
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('points'); studio.work.part = 9; studio.setStage('points'); 0")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '9'")
    browser.click(browser.on_view(0, 180, 180))
    browser.wait("studio.work.sheet.people[1].asked[9][0].verdict === 'surface'")
    before = work(studio)
    browser.run("studio.setStage('parts'); 0")
    browser.key("9")
    browser.key("l")
    browser.wait("studio.work.sheet.people[1].asked[8]?.[0].verdict === 'surface'")
    left, right, swapped = (one.parts.label_hw for one in (before, before, work(studio)))
    assert ((left == LEFT) == (swapped == RIGHT)).all() and ((right == RIGHT) == (swapped == LEFT)).all()
    answer, mirrored = before.asked[LEFT][0].answer, work(studio).asked[RIGHT][0].answer
    assert COARSE_OF_CHART[mirrored.chart] == RIGHT and (mirrored.u, mirrored.v) == (answer.u, answer.v)
    browser.key("l")
    browser.wait("studio.work.sheet.people[1].asked[9]?.[0].verdict === 'surface'")
    assert work(studio).asked == before.asked and work(studio).parts == before.parts
    browser.run("studio.setStage('keypoints'); 0")
    browser.key("a")
    browser.wait("Object.keys(studio.work.sheet.people[1].keypoints).length > 10")
    keypoints = work(studio).keypoints
    browser.key("L")
    browser.wait("Boolean(studio.work.sheet.people[1].asked[8])")
    assert (work(studio).keypoints[6].x, work(studio).keypoints[6].y) == (keypoints[5].x, keypoints[5].y)
    browser.key("z")
    browser.wait("Boolean(studio.work.sheet.people[1].asked[9])")
    assert work(studio).keypoints == keypoints


def test_corners_of_a_painted_polygon_are_moved_made_and_deleted(studio: Studio, browser: AnnotatingBrowser) -> None:
    """Each correction replaces the polygon: what it covered before comes back, and undo is one step."""
    x0, y0, x1, y1 = (float(side) for side in studio.scene.box_N4[0])
    act(studio, SetBox(person=1, box_4=(x0, y0, x1, y1)))
    browser.begin(studio.address, "ann")
    browser.run("studio.setStage('parts'); 0")
    browser.key("g")
    corners = [(x0 + 10, y0 + 10), (x0 + 50, y0 + 10), (x0 + 50, y0 + 70), (x0 + 10, y0 + 70)]
    for corner in corners:
        browser.click(browser.on_image(*corner))
    browser.wait("studio.work.path?.length === 4")
    browser.key("Enter")
    browser.wait(f"studio.work.sheet.undo === 2 && {PAINTED} > 0")
    assert abs(browser.run(PAINTED) - 40 * 60) < 120
    moved = (x0 + 70, y0 + 90)
    browser.drag([browser.on_image(*at) for at in (corners[2], (x0 + 60, y0 + 80), moved)])
    browser.wait(f"studio.waiting() === 0 && {PAINTED} > 3000")
    bigger = 0.5 * abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs([*corners[:2], moved, corners[3]])))
    assert abs(browser.run(PAINTED) - bigger) < 150 and browser.run("studio.work.sheet.undo") == 2
    top = (x0 + 30, y0 + 10)
    browser.drag([browser.on_image(*at) for at in (top, (x0 + 30, y0 + 30), (x0 + 30, y0 + 40))])  # a new corner
    browser.wait(f"studio.waiting() === 0 && studio.work.polygonDone?.path.length === 5 && {PAINTED} < {bigger} - 400")
    browser.key("Delete")
    browser.wait(f"studio.waiting() === 0 && studio.work.polygonDone?.path.length === 4 && {PAINTED} > {bigger} - 150")
    assert browser.run("studio.work.sheet.undo") == 2
    parts = work(studio).parts
    assert int((parts.label_hw > 0).sum()) == browser.run(PAINTED)
    browser.key("z")
    browser.wait(f"{PAINTED} === 0 && studio.work.polygonDone === null")


def pairs(path: list[tuple[float, float]]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(zip(path, [*path[1:], path[0]], strict=True))


def test_the_network_answers_points_that_are_then_corrected(studio: Studio, browser: AnnotatingBrowser) -> None:
    """Nothing is proposed unasked; one key answers all; the file says which answers are as proposed."""
    with_parts(studio, 1)
    browser.begin(studio.address, "ann")
    browser.wait("document.getElementById('viewcanvas')?.dataset.part === '1'")
    assert browser.run("Object.values(studio.work.sheet.people[1].asked).flat().some(one => one.proposed)") is False
    browser.click(browser.on_view(0, 180, 180))
    browser.wait("studio.work.sheet.people[1].asked[1][0].verdict === 'surface'")
    steps = browser.run("studio.work.sheet.undo")
    browser.key("j")
    browser.wait(f"studio.work.sheet.undo === {steps + 1}")
    points = [one for asked in work(studio).asked.values() for one in asked]
    given = [one.answer for one in points if one.answer is not None]
    assert len(given) > 60 and len(given) == len(points)
    assert [one.origin for one in given].count("drawn") == 1
    assert all(one.hint for one in given if one.origin == "proposed")
    truth = studio.scene
    for one in points:
        if one.answer.origin == "proposed":
            assert one.answer.chart == truth.label_HW[one.y, one.x]
    browser.run("studio.work.number = 1; 0")
    browser.click(browser.on_view(0, 150, 150))
    browser.wait("!studio.work.sheet.people[1].asked[1][1].proposed")
    studio.workplace.act({"who": "ann", "image": "image0.png", "action": {"do": "status", "status": "finished"}})
    studio.workplace.write()
    (person,) = studio.people()
    assert person.rest["dp_annotation"]["proposed_points"] == len(given) - 2 and person.rest["dp_annotation"]["hints"]


def test_a_painted_picture_is_as_one_that_is_made_anew(studio: Studio, browser: AnnotatingBrowser) -> None:
    """Random strokes on growing maps at all sizes of cells: what is repainted equals the whole picture."""
    browser.begin(studio.address, "ann")
    different = browser.run(
        """(async () => {
          const pictures = await import('/page/map_pictures.js'), masks = await import('/page/masks.js');
          let different = 0, seed = 1;
          const random = most => { seed = seed * 48271 % 2147483647; return seed % most; };
          const bytes = ({ canvas }) => (
            canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
          for (const scale of [2, 0.7, 0.3, 0.11]) {
            let map = null;
            for (let stroke = 0; stroke < 25; stroke++) {
              const at = [random(300), random(200)];
              const shape = masks.shapeOfPath([at, [at[0] + random(60), at[1] + random(60)]], 1 + random(20), 400, 300);
              const next = masks.paintedMap(map, shape, random(16));
              pictures.repaint(map, next, shape, scale);
              map = next;
              const level = pictures.levelOf(scale), fresh = { ...map };
              const one = pictures.layerOf(map, level), other = pictures.layerOf(fresh, level);
              if (one.column !== other.column || one.row !== other.row) different++;
              if (String(bytes(one)) !== String(bytes(other))) different++;
              const counts = new Uint32Array(16);
              for (const label of map.label) counts[label]++;
              if (String(counts) !== String(map.counts)) different++;
            }
          }
          return different;
        })()"""
    )
    assert different == 0

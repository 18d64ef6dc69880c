"""Screenshots of the annotation studio: `python -m tools.pictures.annotate_pictures docs/pictures` (needs Chromium).

The image is a scene of the synthetic world, and the proposals are its truth. The points are answered by the truth, too.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import cv2

from models.arrays import U8
from stages.studio.annotation_check import findings, person_picture
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene
from tests.stages.live.browser import browser_program
from tests.stages.studio.annotating_browser import AnnotatingBrowser
from tests.stages.studio.test_annotation_check import truth_file, with_mistake
from tests.stages.studio.test_review_browser import both_annotate, choose, items
from tests.stages.studio.test_studio_browser import click_truth
from tests.stages.studio.workplaces import Studio

SEED, SCENE, ANSWERS = 7, 22, 9
MISTAKE = 5
POINT = (
    "(() => { const w = studio.work, a = w.sheet.people[1].asked[w.part]; return a && a[w.number] && "
    "a[w.number].verdict === 'open' && document.getElementById('viewcanvas').dataset.part === String(w.part) && "
    "{part: w.part, x: a[w.number].x, y: a[w.number].y, undo: w.sheet.undo}; })()"
)


def main() -> int:
    """Go through the stages, and take a screenshot of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    target, program = parser.parse_args().target, browser_program()
    if program is None:
        print("there is no Chromium on this machine")
        return 1
    scene = image_scene(dataclasses.replace(IMAGE_WORLDS["dressed"], height=720, width=760), SEED, SCENE)
    with tempfile.TemporaryDirectory() as kept:
        studio = Studio(Path(kept), scene)
        browser = AnnotatingBrowser(program, Path(kept) / "profile")
        try:
            browser.begin(studio.address, "ann")
            take(browser, target / "annotate_people.jpg")
            browser.key("a")
            browser.wait(f"Object.keys(studio.work.sheet.people).length === {len(scene.box_N4)}")
            browser.key("Tab")
            browser.key("A")
            browser.wait("Boolean(studio.work.outlines[1])", 60)
            take(browser, target / "annotate_parts.jpg")
            browser.key("Tab")
            for _ in range(ANSWERS):
                point = browser.wait(POINT, 60)
                click_truth(scene, browser, point)
                browser.wait(f"studio.work.sheet.undo > {point['undo']}", 30)
            take(browser, target / "annotate_points.jpg")
            browser.key("Tab")
            browser.key("a")
            browser.wait("Object.keys(studio.work.sheet.people[1].keypoints).length > 5")
            take(browser, target / "annotate_keypoints.jpg")
        finally:
            browser.close()
            studio.close()
    review(program, scene, target)
    cv2.imwrite(str(target / "annotate_check.jpg"), checked(scene)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    return 0


def review(program: str, scene: Scene, target: Path) -> None:
    """Two annotators disagree; a point, a part, and the note with which the person goes back."""
    with tempfile.TemporaryDirectory() as kept:
        studio = Studio(Path(kept), scene, images=1, copies=2)
        both_annotate(studio)
        browser = AnnotatingBrowser(program, Path(kept) / "profile")
        try:
            browser.log_in(f"{studio.address}/review", "lea")
            browser.wait("Boolean(studio.picture.image && studio.work.found)", 60)
            choose(browser, "point 1 2")
            take(browser, target / "annotate_review_point.jpg")
            choose(browser, next(one for one in items(browser) if one.startswith("part ")))
            take(browser, target / "annotate_review_part.jpg")
            browser.key("r")
            take(browser, target / "annotate_review_back.jpg")
        finally:
            browser.close()
            studio.close()


def checked(scene: Scene) -> U8:
    """The picture of annotations with one mistake."""
    (person,) = truth_file(scene).people
    assert person.points is not None
    person = dataclasses.replace(person, points=with_mistake(person.points, MISTAKE))
    return person_picture(scene.rgb_HW3, person, findings(person))


def take(browser: AnnotatingBrowser, target: Path) -> None:
    """Save a screenshot as JPEG."""
    browser.run("new Promise(done => setTimeout(done, 2500))")  # the preview of the answers is drawn
    raw = target.with_suffix(".png")
    browser.screenshot(raw)
    cv2.imwrite(str(target), cv2.imread(str(raw)), [cv2.IMWRITE_JPEG_QUALITY, 82])
    raw.unlink()


if __name__ == "__main__":
    sys.exit(main())

"""How soon the annotation page answers at 12 MP: `python -m tests.benchmarks.speed.studio_latency` (needs Chromium).

A stroke is drawn when the canvas was painted anew after the brush was lifted. A click on a view is answered when the
page has the new sheet.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import numpy as np

from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from tests.stages.live.browser import browser_program
from tests.stages.studio.annotating_browser import AnnotatingBrowser
from tests.stages.studio.workplaces import Studio

SEED, SCENE, HEIGHT, WIDTH = 7, 22, 3000, 4000
STROKE = """new Promise(done => {
  const canvas = studio.picture.canvas, frame = canvas.getBoundingClientRect();
  const event = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, button: 0, buttons: 1, clientX: frame.left + x, clientY: frame.top + y, bubbles: true }));
  canvas.setPointerCapture = () => {};
  const x = 100 + 400 * Math.random(), y = 100 + 400 * Math.random();
  event("pointerdown", x, y);
  for (let k = 1; k < 20; k++) event("pointermove", x + 4 * k, y + 3 * k);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const begun = performance.now(), drawn = canvas.dataset.drawn;
    event("pointerup", x + 80, y + 60);
    const look = () => (canvas.dataset.drawn === drawn ? requestAnimationFrame(look) : done(performance.now() - begun));
    look();
  }));
})"""
CLICK = """new Promise(done => {
  const { canvas, scale, left, top } = studio.views, frame = canvas.getBoundingClientRect(), side = studio.work.side;
  const undo = studio.work.sheet.undo, begun = performance.now();
  const y = frame.top + top + scale * side * (0.4 + 0.2 * Math.random());
  const at = { clientX: frame.left + left + scale * side / 2, clientY: y };
  canvas.dispatchEvent(new MouseEvent("click", { ...at, bubbles: true }));
  const look = () => (studio.work.sheet.undo === undo ? setTimeout(look, 1) : done(performance.now() - begun));
  look();
})"""


def main() -> int:
    """Paint and click, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=60)
    times, program = parser.parse_args().times, browser_program()
    if program is None:
        print("there is no Chromium on this machine")
        return 1
    scene = image_scene(dataclasses.replace(IMAGE_WORLDS["val"], height=HEIGHT, width=WIDTH), SEED, SCENE)
    with tempfile.TemporaryDirectory() as kept:
        studio = Studio(Path(kept), scene, images=1)
        boxes = [round(float(box_4[3] - box_4[1])) for box_4 in scene.box_N4]
        print(f"people {boxes} pixels high, image {(HEIGHT, WIDTH)}")
        browser = AnnotatingBrowser(program, Path(kept) / "profile")
        try:
            browser.begin(studio.address, "ann")
            browser.key("a")
            browser.wait("Boolean(studio.work.sheet.people[1])")
            browser.key("Tab")
            browser.key("A")
            browser.wait("Boolean(studio.work.outlines[1])", 60)
            print_times("stroke", measured(browser, STROKE, times))
            browser.key("Tab")
            browser.wait("document.getElementById('viewcanvas')?.dataset.part && studio.work.sheet.people[1].asked[1]")
            browser.run("new Promise(done => setTimeout(done, 5000))")  # the views of all parts are loaded
            print_times("click", measured(browser, CLICK, min(times, 14)))
        finally:
            browser.close()
            studio.close()
    return 0


def measured(browser: AnnotatingBrowser, script: str, times: int) -> list[float]:
    """Milliseconds of each run of a script; like a person, it pauses in between."""
    found = []
    for _ in range(times):
        browser.run("new Promise(done => setTimeout(done, 500))")
        found.append(browser.run(script))
    return found


def print_times(name: str, times_ms: list[float]) -> None:
    """Print the median, and what 95 % are faster than."""
    middle, most = np.quantile(times_ms, (0.5, 0.95))
    print(f"{name}: median {middle:.0f} ms, p95 {most:.0f} ms, {len(times_ms)} times")


if __name__ == "__main__":
    sys.exit(main())

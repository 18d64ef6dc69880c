"""What the studio itself adds to annotators' errors: a script that knows the truth clicks it on the real page.

    run_pipeline.py -c annotate --set task=synthetic --set annotate.propose=false -o floor.json
    python -m tests.benchmarks.quality.annotation_floor floor.json          meanwhile (needs Chromium)
    run_pipeline.py floor.json -c annotation_errors

The page is 1280 × 720, and clicks are at whole pixels of the screen, as those of a mouse are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from stages.annotations.densepose_coco import read_dense_set
from stages.evaluation.annotators.annotator_scores import AnsweredPerson, answered_people
from stages.studio.synthetic_task import truth_path
from stages.studio.views.part_views import part_views
from stages.studio.views.view_clicks import ChartPoint, views_of_point
from stages.synthetic.simulated_annotators import add_annotation_error
from tests.stages.live.browser import browser_program
from tests.stages.studio.annotating_browser import AnnotatingBrowser

READY = (
    "(() => { const w = studio.work; if (document.body.dataset.ready === 'none') return 'none';"
    "const a = w.stage === 'points' && w.sheet && w.sheet.people[1].asked[w.part];"
    "return a && a[w.number] && document.getElementById('viewcanvas').dataset.part === String(w.part) &&"
    "{image: w.image.name, part: w.part, x: a[w.number].x, y: a[w.number].y, undo: w.sheet.undo,"
    " left: Object.values(w.sheet.people[1].asked).flat().filter(one => one.verdict === 'open').length}; })()"
)
"""The point that blinks, once the views of its part are drawn; `none` when no image is left."""
ANSWER_S = 20.0
Places = dict[tuple[str, int, int], ChartPoint]


def main() -> int:
    """Answer all points of the task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, help="the result of the running studio")
    parser.add_argument("--noise", type=float, default=0.0, help="error in multiples of the simulated annotator's")
    parser.add_argument("--address", default="http://127.0.0.1:8766")
    parser.add_argument("--who", default="script")
    options, program = parser.parse_args(), browser_program()
    if program is None:
        print("there is no Chromium on this machine")
        return 1
    truth = answered_people(read_dense_set(truth_path(options.result)))
    with tempfile.TemporaryDirectory() as kept:
        browser = AnnotatingBrowser(program, Path(kept) / "profile")
        try:
            log_in(browser, options.address, options.who)
            answer_all(browser, places_of(truth, options.noise))
        finally:
            browser.close()
    return 0


def log_in(browser: AnnotatingBrowser, address: str, who: str) -> None:
    """Open the page under a name."""
    browser.open(address)
    browser.wait("document.getElementById('login').open", 60)
    browser.run(f"document.getElementById('who').value = '{who}'; document.querySelector('#login button').click()")


def places_of(truth: list[AnsweredPerson], noise: float) -> Places:
    """Where the script will click each asked pixel."""
    found, rng = {}, np.random.default_rng(0)
    for one in truth:
        uv_M2 = np.stack([one.u_M, one.v_M], axis=1)
        if noise > 0:
            uv_M2 = add_annotation_error(one.chart_M, uv_M2, noise, rng)
        for pixel, chart, (u, v) in zip(one.pixels, one.chart_M.tolist(), uv_M2.tolist(), strict=True):
            found[pixel] = ChartPoint(chart=chart, u=u, v=v)
    return found


def answer_all(browser: AnnotatingBrowser, places: Places) -> None:
    """Click the points in the order of the page, and finish every image."""
    while (point := browser.wait(READY, 60)) != "none":
        if not point["left"]:
            browser.key("f")
            browser.wait(f"studio.work.image === null || studio.work.image.name !== '{point['image']}'", 30)
            continue
        click(browser, point, places[point["image"], point["x"], point["y"]])
        try:
            browser.wait(f"studio.work.sheet.undo > {point['undo']}", ANSWER_S)
        except AssertionError:
            continue  # the layout changed under the click: the same point is clicked once more


def click(browser: AnnotatingBrowser, point: dict[str, Any], place: ChartPoint) -> None:
    """Click a place on the view that sees it most from the front; `hidden` where no view sees it."""
    seen = views_of_point(point["part"], place)
    if not seen:
        browser.key("h")
        return
    views = part_views(point["part"])
    view, x, y = min(seen, key=lambda at: float(views[at[0]].normal_SS3[int(at[2]), int(at[1]), 2]))
    at_x, at_y = browser.on_view(view, x, y)
    browser.click((round(at_x), round(at_y)))


if __name__ == "__main__":
    sys.exit(main())

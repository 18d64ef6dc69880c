"""A task of people whose truth is known: what is asked, what annotators find, and how their answers are scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.surface.geometry import open_body_geometry
from pipeline.stage import StageError
from stages.annotations.densepose_coco import DenseSet, read_dense_set
from stages.evaluation.annotators.annotator_scores import (
    AnsweredPerson,
    agreement_rows,
    annotator_rows,
    answer_errors,
    answered_people,
    part_rows,
)
from stages.studio.studio_page import StudioPage
from stages.studio.synthetic_task import SyntheticTask, asked_on_surface, synthetic_images, truth_path
from stages.studio.views.part_views import part_views
from stages.studio.views.view_clicks import ChartPoint, views_of_point
from stages.studio.workplace import Workplace
from tests.benchmarks.quality.annotation_floor import answer_all, log_in, places_of
from tests.stages.live.browser import browser_program
from tests.stages.live.clock_video import free_port
from tests.stages.studio.annotating_browser import AnnotatingBrowser

TASK = SyntheticTask(world="val", people=2, points=20, height=300, width=320)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task whose points two annotators have answered: one clicks the truth, the other hides every fourth point."""
    output = tmp_path_factory.mktemp("task") / "test.json"
    desk = Workplace(synthetic_images(TASK, output), output, copies=2, propose=None)
    truth = places(output)
    for who in ("exact", "hides"):
        while (taken := desk.open_image({"who": who}))["image"] is not None:
            answer_image(desk, who, taken, truth)
    desk.write()
    desk.close()
    return output


def places(output: Path) -> dict[tuple[str, int, int], ChartPoint]:
    return {
        pixel: ChartPoint(chart=int(chart), u=float(u), v=float(v))
        for one in answered_people(read_dense_set(truth_path(output)))
        for pixel, chart, u, v in zip(one.pixels, one.chart_M, one.u_M, one.v_M, strict=True)
    }


def answer_image(desk: Workplace, who: str, taken: dict, truth: dict[tuple[str, int, int], ChartPoint]) -> None:
    """Answer all points as messages of the page would."""
    image = taken["image"]["name"]
    common = {"who": who, "image": image}
    for part, points in taken["sheet"]["people"][1]["asked"].items():
        for number, point in enumerate(points):
            fields = {"person": 1, "part": part, "number": number, "hint": False}
            place = truth[image, point["x"], point["y"]]
            seen = views_of_point(part, place)
            if not seen or (who == "hides" and number % 4 == 3):
                desk.act({**common, "action": {"do": "answer", "verdict": "hidden", **fields}})
            else:
                view, x, y = min(seen, key=lambda at: part_views(part)[at[0]].normal_SS3[int(at[2]), int(at[1]), 2])
                desk.points.click({**common, **fields, "view": view, "click": [x, y]})
    desk.act({**common, "action": {"do": "status", "status": "finished"}})


def test_points_are_on_the_visible_surface_of_every_part() -> None:
    coarse_HW = np.zeros((40, 60), np.uint8)
    coarse_HW[:, :30], coarse_HW[:20, 30:40], coarse_HW[:2, 50:] = 1, 7, 9
    asked = asked_on_surface(coarse_HW, 12, np.random.default_rng(0))
    assert set(asked) == {1, 7}  # part 9 is too small
    assert all((coarse_HW[pixel_M2[:, 0], pixel_M2[:, 1]] == part).all() for part, pixel_M2 in asked.items())
    # 1200 and 200 pixels share 12 points as seats are shared by the divisors 1, 3, 5 …: 10 and 2.
    assert [len(asked[part]) for part in (1, 7)] == [10, 2]


def test_a_task_is_the_same_again_and_with_other_settings_refused(output: Path) -> None:
    again = synthetic_images(TASK, output)
    assert [one.task.name for one in again] == ["0001.png", "0002.png"]
    points = [sum(len(a.pixels) for a in one.start.actions if a.tag == "ask") for one in again if one.start]
    assert points == [20, 20]
    with pytest.raises(StageError, match="other settings"):
        synthetic_images(replace(TASK, seed=1), output)


def test_the_truth_is_on_the_part_that_is_asked(output: Path) -> None:
    truth = places(output)
    for image in synthetic_images(TASK, output):
        assert image.start is not None
        for action in image.start.actions:
            if action.tag == "ask":
                assert all(COARSE_OF_CHART[truth[image.task.name, x, y].chart] == action.part for x, y in action.pixels)


def test_what_is_given_cannot_be_undone(tmp_path: Path) -> None:
    output = tmp_path / "test.json"
    desk = Workplace(synthetic_images(TASK, output), output, copies=1, propose=None)
    taken = desk.open_image({"who": "ann"})
    assert taken["sheet"]["undo"] == 0 and sum(map(len, taken["sheet"]["people"][1]["asked"].values())) == 20
    after = desk.act({"who": "ann", "image": taken["image"]["name"], "action": "undo"})
    assert after["sheet"]["people"][1]["asked"]
    desk.close()
    # The journal alone gives the sheet again, also to a program that does not know the task.
    plain = [replace(one, start=None) for one in synthetic_images(TASK, output)]
    desk = Workplace(plain, output, copies=1, propose=None)
    assert desk.open_image({"who": "ann"})["sheet"]["people"] == taken["sheet"]["people"]
    desk.close()


def test_an_annotator_who_knows_the_truth_has_the_floor_of_the_tool(output: Path) -> None:
    geometry, truth = open_body_geometry(), answered_people(read_dense_set(truth_path(output)))
    first, second = (read_dense_set(output.with_name(name)) for name in ("test.json", "test.2.json"))
    people = [*named(first, "exact"), *named(second, "exact")]
    errors = answer_errors(geometry, people, truth)
    hidden = sum(one.hidden for one in people)
    assert len(people) == 2 and len(errors.error_M) == 40 - hidden and hidden <= 1
    assert np.median(errors.error_M) <= 0.003
    rows = part_rows(errors)
    assert rows["all"]["points"] == len(errors.error_M)
    assert rows["all"]["low"] <= rows["all"]["mean"] <= rows["all"]["high"]
    # The stated errors of the simulated annotator: the torso's is larger than the hands'.
    assert rows["torso"]["simulated"] > 2 * rows["hand"]["simulated"]


def test_the_real_page_adds_less_than_half_a_centimetre(tmp_path: Path) -> None:
    """A script that knows the truth clicks whole pixels of a window of 1280 × 720; the page begins with the points."""
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium on this machine")
    output, port = tmp_path / "test.json", free_port()
    task = replace(TASK, people=1, points=14)
    desk = Workplace(synthetic_images(task, output), output, copies=1, propose=None)
    page, browser = StudioPage("127.0.0.1", port, None, desk), AnnotatingBrowser(program, tmp_path / "profile")
    truth = answered_people(read_dense_set(truth_path(output)))
    try:
        log_in(browser, f"http://127.0.0.1:{port}", "script")
        answer_all(browser, places_of(truth, noise=0.0))
    finally:
        browser.close()
        page.close()
        desk.close()
    people = answered_people(read_dense_set(output))
    errors = answer_errors(open_body_geometry(), people, truth)
    assert len(errors.error_M) + people[0].hidden == 14
    assert np.median(errors.error_M) <= 0.005


def named(dense_set: DenseSet, who: str) -> list[AnsweredPerson]:
    return [one for one in answered_people(dense_set) if one.annotator == who]


def test_two_annotators_agree_at_the_pixels_of_both(output: Path) -> None:
    geometry, truth = open_body_geometry(), answered_people(read_dense_set(truth_path(output)))
    people = [
        one for name in ("test.json", "test.2.json") for one in answered_people(read_dense_set(output.with_name(name)))
    ]
    rows = annotator_rows(people, answer_errors(geometry, people, truth))
    assert rows["exact"]["people"] == rows["hides"]["people"] == 2
    assert rows["hides"]["hidden"] > rows["exact"]["hidden"]
    (both,) = agreement_rows(geometry, people).items()
    assert both[0] == "exact, hides" and both[1]["points"] == rows["hides"]["points"] and both[1]["mean"] == 0


def test_errors_are_geodesic_and_never_mixed_in_uv() -> None:
    """A point on the upper arm moved by 0.1 of V has the error of that distance; other pixels do not count."""
    geometry = open_body_geometry()
    chart_M, u_M, v_M = np.array([15, 15]), np.array([0.5, 0.5]), np.array([0.4, 0.6])
    truth = person("truth", (("a", 1, 1), ("a", 2, 2)), chart_M, u_M, v_M)
    moved = person("ann", (("a", 1, 1), ("a", 9, 9)), chart_M, u_M, v_M + 0.1)
    errors = answer_errors(geometry, [moved], [truth])
    ends = [geometry.points(chart_M[:1], u_M[:1], at_M) for at_M in (v_M[:1], v_M[:1] + 0.1)]
    assert errors.error_M.tolist() == pytest.approx(geometry.between(*ends).tolist()) and errors.error_M[0] > 0.01


def person(who: str, pixels: tuple, chart_M: np.ndarray, u_M: np.ndarray, v_M: np.ndarray) -> AnsweredPerson:
    return AnsweredPerson(
        annotator=who, image="a", pixels=pixels, chart_M=chart_M, u_M=u_M, v_M=v_M, seconds=1.0, hidden=0, skipped=0
    )

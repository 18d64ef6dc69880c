"""Hidden gold items and hints by chance: what annotators see, what stays out of the file, and what the leader reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.structures import SurfaceMap
from pipeline.stage import Job, StageError
from stages.annotations.densepose_coco import read_dense_set
from stages.evaluation.annotators.annotator_scores import AnsweredPerson, PointErrors, drift_rows, hint_row
from stages.evaluation.annotators.score_annotators import ScoreAnnotators
from stages.studio.annotate import Annotate
from stages.studio.given_images import given_images
from stages.studio.gold_items import gold_folder, gold_truth, with_gold
from stages.studio.proposals import ProposedPerson
from stages.studio.studio_files import GivenImage
from stages.studio.synthetic_task import SyntheticTask
from stages.studio.views.part_views import part_views
from stages.studio.views.view_clicks import ChartPoint, views_of_point
from stages.studio.work.actions import Paint, SetBox, action_record
from stages.studio.work.part_map import PixelMask
from stages.studio.work.task_list import TaskList, has_hint
from stages.studio.workplace import Workplace

TASK = SyntheticTask(world="val", height=300, width=320)
PHOTOS = 6
SIZE = TASK.height, TASK.width


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, and two hidden images, which are a quarter of all."""
    folder = tmp_path_factory.mktemp("gold")
    for number in range(PHOTOS):
        cv2.imwrite(str(folder / f"IMG_{number}.png"), np.full((*SIZE, 3), 90, np.uint8))
    images(folder, 0.25)
    return folder


def images(folder: Path, share: float) -> list[GivenImage]:
    photos = given_images(sorted(folder.glob("IMG_*.png")), folder / "people.frames", every=1)
    return with_gold(photos, share, TASK, folder / "people.json")


def test_hidden_images_are_spread_and_stay(folder: Path) -> None:
    first, again = images(folder, 0.25), images(folder, 0.0)
    assert [one.task for one in first] == [one.task for one in again]
    hidden = [one.task.gold for one in first]
    assert len(first) == PHOTOS + 2 and sum(hidden[:4]) == sum(hidden[4:]) == 1
    assert [one.task.name for one in first if not one.task.gold] == [f"IMG_{k}.png" for k in range(PHOTOS)]
    assert all(cv2.imread(str(one.path)).shape[:2] == SIZE for one in first)


def test_more_images_bring_more_hidden_ones_and_keep_the_old(folder: Path, tmp_path: Path) -> None:
    photos = [one for one in images(folder, 0.0) if not one.task.gold]
    few = with_gold(photos[:1], 0.25, TASK, tmp_path / "people.json")
    kept = {path.name: path.read_bytes() for path in gold_folder(tmp_path / "people.json").glob("*.npz")}
    many = with_gold(photos, 0.25, TASK, tmp_path / "people.json")
    assert [sum(one.task.gold for one in found) for found in (few, many)] == [1, 2]
    assert list(kept) == ["0001.npz"]
    assert all((gold_folder(tmp_path / "people.json") / name).read_bytes() == held for name, held in kept.items())


def test_damaged_truth_is_named(folder: Path, tmp_path: Path) -> None:
    photos = [one for one in images(folder, 0.0) if not one.task.gold]
    with_gold(photos, 0.1, TASK, tmp_path / "people.json")
    (gold_folder(tmp_path / "people.json") / "0001.npz").write_bytes(b"no arrays")
    with pytest.raises(StageError, match="truth of a hidden image is missing or damaged"):
        with_gold(photos, 0.1, TASK, tmp_path / "people.json")


def guesses(name: str, read: Any, box_4: Any = None) -> list[ProposedPerson]:
    """The network sees the same place of the torso everywhere."""
    surface = SurfaceMap(
        x0=0, y0=0, labels_hw=np.full(SIZE, 2, np.uint8), uv_2hw=np.full((2, *SIZE), 0.5, np.float32)
    )
    box_4 = (0.0, 0.0, float(SIZE[1]), float(SIZE[0]))
    return [ProposedPerson(box_4=box_4, score=0.9, parts=None, outline=None, keypoints={}, surface=surface)]


class Annotator:
    """Works through all images as the messages of a page would; knows the truth of the hidden ones."""

    def __init__(self, desk: Workplace, folder: Path, who: str) -> None:
        self.desk, self.folder, self.who, self.seen = desk, folder, who, []

    def work(self, moved: float = 0.0) -> None:
        """Answer everything; `moved`: all places are so far off in V."""
        listed = images(self.folder, 0.0)
        while (about := self.desk.open_image({"who": self.who})["image"]) is not None:
            self.seen.append(about["name"])
            task = listed[about["number"]].task
            label_HW = np.full(SIZE, 2)
            uv_2HW = np.full((2, *SIZE), 0.4)
            if task.gold:
                label_HW, uv_2HW = gold_truth(gold_folder(self.folder / "people.json"), task.name)
            self.annotate({"who": self.who, "image": about["name"]}, label_HW, uv_2HW, moved)

    def annotate(self, common: dict[str, Any], label_HW: np.ndarray, uv_2HW: np.ndarray, moved: float) -> None:
        whole = SetBox(person=1, box_4=(0.0, 0.0, float(SIZE[1]), float(SIZE[0])))
        self.desk.act({**common, "action": action_record(whole)})
        coarse_HW = COARSE_OF_CHART[label_HW]
        for part in [part for part in np.unique(coarse_HW).tolist() if part]:
            mask = PixelMask.of_array(coarse_HW == part, 0, 0)
            self.desk.act({**common, "action": action_record(Paint(person=1, part=part, mask=mask))})
            asked = self.desk.points.ask({**common, "person": 1, "part": part})["sheet"]["people"][1]["asked"][part]
            for number, point in enumerate(asked):
                u, v = uv_2HW[:, point["y"], point["x"]]
                chart = int(label_HW[point["y"], point["x"]])
                place = ChartPoint(chart=chart, u=float(u), v=float(np.clip(v + moved, 0, 1)))
                self.answer({**common, "person": 1, "part": part, "number": number, "hint": False}, place)
        self.desk.act({**common, "action": {"do": "status", "status": "finished"}})

    def answer(self, fields: dict[str, Any], place: ChartPoint) -> None:
        seen = views_of_point(fields["part"], place)
        if not seen:
            about = {key: fields[key] for key in ("person", "part", "number", "hint")}
            hidden = {"do": "answer", "verdict": "hidden", **about}
            self.desk.act({"who": fields["who"], "image": fields["image"], "action": hidden})
            return
        view, x, y = min(seen, key=lambda at: part_views(fields["part"])[at[0]].normal_SS3[int(at[2]), int(at[1]), 2])
        self.desk.points.click({**fields, "view": view, "click": [x, y]})


@pytest.fixture(scope="module")
def work(folder: Path) -> tuple[Path, list[str]]:
    """Two annotators did all: one clicks the truth, the other is off by 0.1 of V. Hints are shown by chance."""
    desk = Workplace(images(folder, 0.25), folder / "people.json", copies=2, propose=guesses, hints="half")
    exact = Annotator(desk, folder, "exact")
    exact.work()
    Annotator(desk, folder, "off").work(moved=0.1)
    desk.write()
    desk.close()
    return folder / "people.json", exact.seen


def test_names_and_order_do_not_tell(work: tuple[Path, list[str]]) -> None:
    output, seen = work
    assert seen == [f"image {number}" for number in range(1, PHOTOS + 3)]
    desk = Workplace(images(output.parent, 0.25), output, copies=2, propose=guesses, hints="half")
    sent = json.dumps([desk.images({"who": "cyd"}), desk.open_image({"who": "exact", "image": seen[0]})])
    desk.close()
    assert "gold" not in sent and "IMG" not in sent and "image 8" in sent


def test_hidden_people_never_enter_the_file(work: tuple[Path, list[str]]) -> None:
    output, _ = work
    for name in ("people.json", "people.2.json"):
        made = read_dense_set(output.with_name(name))
        assert [one.file_name for one in made.images] == [f"IMG_{k}.png" for k in range(PHOTOS)]
        assert [one.image for one in made.people] == [1, 2, 3, 4, 5, 6]
    # Nor do they where a later run asks for none, or does not know of them.
    for kept in (images(output.parent, 0.0), [one for one in images(output.parent, 0.0) if not one.task.gold]):
        desk = Workplace(kept, output, copies=2, propose=guesses, hints="half")
        assert desk.write() == PHOTOS
        desk.close()


def test_the_leader_reads_error_and_hints(work: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    output, _ = work
    scores = output.with_name("errors.json")
    stage = ScoreAnnotators(ScoreAnnotators.Config())
    job = Job(index=0, input=str(output), output=str(scores), stem="people", together=(str(output),))
    list(stage(job))
    tables = json.loads(scores.read_text())
    exact, off = (tables["annotators"][name] for name in ("exact", "off"))
    assert exact["people"] == off["people"] == 2 and exact["off part"] == 0
    assert exact["median"] <= 0.3 and off["median"] > 1
    assert set(tables["hints in cm"]["to the guess"]) >= {"no hint", "hint", "change", "low", "high"}
    assert "hints in cm" in capsys.readouterr().out and output.with_name("errors_body.png").exists()
    ScoreAnnotators.check(stage.config, job)  # an earlier result is replaced, annotations are not
    with pytest.raises(StageError, match="the output exists already"):
        ScoreAnnotators.check(stage.config, replace(job, output=str(output.with_name("people.2.json"))))


def test_hints_are_those_of_the_coin(work: tuple[Path, list[str]]) -> None:
    output, _ = work
    tasks = TaskList(images=(), hints="half")
    people = read_dense_set(output).people
    names = [one.rest["dp_annotation"]["annotator"] for one in people]
    shown = [has_hint(tasks, f"IMG_{k}.png", name, 1) for k, name in enumerate(names)]
    # The messages said that none was shown: the program knows better.
    assert [one.rest["dp_annotation"]["hints"] for one in people] == shown and len(set(shown)) == 2
    assert read_dense_set(output).rest["info"]["hints"] == "half"
    coins = [has_hint(tasks, f"{k}.png", "ann", person) for k in range(200) for person in (1, 2)]
    assert 0.4 < np.mean(np.array(coins, float)) < 0.6
    # The coin of a half-finished study must not change with the program.
    fixed = [has_hint(tasks, f"{k}.png", "ann", 1) for k in range(8)]
    assert fixed == [False, True, True, True, False, True, False, True]
    assert has_hint(TaskList(images=()), "a.png", "ann", 1) is None


def test_the_guess_is_shown_for_the_shown_half_alone(tmp_path: Path, folder: Path) -> None:
    photos = [one for one in images(folder, 0.0) if not one.task.gold]
    desk = Workplace(photos, tmp_path / "people.json", copies=1, propose=guesses, hints="half")
    for one in photos:
        common = {"who": "ann", "image": one.task.name, "person": 1}
        desk.act({**common, "action": action_record(SetBox(person=1, box_4=(0.0, 0.0, 300.0, 300.0)))})
        paint = Paint(person=1, part=1, mask=PixelMask.of_array(np.ones((90, 90), bool), 9, 9))
        desk.act({**common, "action": action_record(paint)})
        shown = desk.points.ask({**common, "part": 1})["sheet"]["people"][1]["hint"]
        assert shown is has_hint(TaskList(images=(), hints="half"), one.task.name, "ann", 1)
        assert bool(desk.points.guess({**common, "part": 1})["guesses"]) is shown
        if shown:
            points = desk.points.propose_points(common)["sheet"]["people"][1]["asked"][1]
            assert points and all(point["proposed"] for point in points)
        else:
            with pytest.raises(StageError, match="are not shown for this person"):
                desk.points.propose_points(common)
    desk.close()
    with pytest.raises(StageError, match=r"began with annotate\.hints=half"):
        Workplace(photos, tmp_path / "people.json", copies=1, propose=guesses)


def answered(who: str, at: float, hint: bool = False) -> AnsweredPerson:
    none = np.zeros(0)
    return AnsweredPerson(
        annotator=who, image="a", pixels=(), chart_M=none.astype(int), u_M=none, v_M=none, seconds=1, hidden=0,
        skipped=0, at=at, hint=hint,
    )


def test_drift_is_the_last_third_against_the_first() -> None:
    """Nine people in another order than that of time, with 2 points each; the later, the worse, by 1 cm each."""
    order = [4, 0, 8, 2, 6, 1, 7, 3, 5]
    people = [*(answered("ann", float(at)) for at in order), answered("bob", 0.0)]
    person_M = np.repeat(np.arange(10), 2)
    error_M = np.repeat(np.array([*order, 5]) / 100, 2)
    errors = PointErrors(
        person_M=person_M, part_M=person_M, vertex_M=person_M, error_M=error_M, simulated_SM=np.zeros((1, 20))
    )
    rows = drift_rows(people, errors)
    assert set(rows) == {"ann"}  # bob has too few people
    assert rows["ann"]["first third"] == pytest.approx(1) and rows["ann"]["last third"] == pytest.approx(7)
    assert rows["ann"]["change"] == pytest.approx(6) and 4 <= rows["ann"]["low"] < 6 < rows["ann"]["high"] <= 8


def test_bias_of_hints_is_between_both_halves() -> None:
    rng = np.random.default_rng(0)
    people = [answered("ann", 0.0, hint=bool(k % 2)) for k in range(40)]
    person_M = np.repeat(np.arange(40), 10)
    value_M = np.where(person_M % 2 == 1, 0.02, 0.05) + rng.normal(0, 0.005, 400)
    row = hint_row(value_M, person_M, people)
    assert row is not None and row["change"] == pytest.approx(-3, abs=0.2)
    assert row["low"] < row["change"] < row["high"] < -2
    assert hint_row(value_M[person_M % 2 == 0], person_M[person_M % 2 == 0], people) is None


@pytest.mark.parametrize(
    "settings", [{"gold": 0.6}, {"gold": -0.1}, {"gold": 0.1, "task": "synthetic"}, {"hints": "half", "propose": False}]
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"gold is|hints is half"):
        Annotate.Config(**settings)

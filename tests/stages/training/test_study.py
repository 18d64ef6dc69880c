"""The study runs row by row from one command, goes on where it stopped, and says what every row was worth and cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration.config import read_config, validate
from stages import STAGES
from tests.benchmarks.training import study, study_tables

SMALL = {
    "rounds.count": 1,
    "augment.batch": 2,
    "train_network.fit.steps": 4,
    "train_network.fit.lr_schedule.warmup": 1,
    "annotated_sets.sets.sparse.draw.count": 3,
    "annotated_sets.sets.sparse.draw.height": 120,
    "annotated_sets.sets.sparse.draw.width": 160,
    "score_training.scenes": 2,
    "score_training.worlds": '["val"]',
}


def go(folder: Path, only: str) -> int:
    settings = {**SMALL, "annotated_sets.sets.sparse.folder": folder / "sparse"}
    words = ["--only", only, "--seeds", "0", "--record", str(folder / "study.jsonl"), "--folder", str(folder / "rows")]
    return study.main([*words, *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))])


def lines(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "study.jsonl").read_text().splitlines()]
    return {line["row"]: line for line in found}


def test_rows_are_trained_and_scored_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert go(tmp_path, "teacher,person_distilled") == 0
    found = lines(tmp_path)
    assert list(found) == ["teacher", "person_distilled"]
    teacher, student = found.values()
    # Crops show one person each, as many as steps times batch.
    assert teacher["steps"] == 4 and teacher["pictures"] == teacher["people"] == 8
    assert student["kind"] == "crops" and student["cpu_minutes"] > 0
    assert set(student["losses"]) == {"chart", "uv", "coarse"}
    assert all(first > 0 and last > 0 for first, last in student["losses"].values())
    assert {"given", "cut_out", "annotators"} <= set(teacher["scores"]["val"])
    assert "cut_out" not in student["scores"]["val"]
    for value, low, high in teacher["scores"]["val"]["given"].values():
        assert low <= value <= high
    # A second call trains nothing more.
    capsys.readouterr()
    assert go(tmp_path, "teacher,person_distilled") == 0
    assert "-c" not in capsys.readouterr().out
    assert len((tmp_path / "study.jsonl").read_text().splitlines()) == 2


def test_a_teacher_whose_weights_are_gone_is_trained_again_before_its_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train(words: list[str]) -> int:
        changes = dict(word.split("=", 1) for word in words[3::2])
        weights = Path(changes["export_network.weights"])
        weights.parent.mkdir(parents=True)
        weights.touch()
        trained.append(changes["row"])
        return study.DONE

    monkeypatch.setattr(study, "run", train)
    (tmp_path / "study.jsonl").write_text('{"row": "teacher", "seed": 0}\n')
    row = study.rows_listed()["person_distilled"]
    assert study.needed(row, 0, tmp_path / "rows") == "teacher"
    assert study.needed(study.rows_listed()["rcnn"], 0, tmp_path / "rows") is None
    assert go(tmp_path, "person_distilled") == 0
    assert trained == ["teacher", "person_distilled"]
    assert study.needed(row, 0, tmp_path / "rows") is None


def test_whole_images_show_several_people_and_networks_are_read_at_several_scales(tmp_path: Path) -> None:
    assert go(tmp_path, "rcnn,star") == 0
    found = lines(tmp_path)
    assert found["rcnn"]["people"] > found["rcnn"]["pictures"] == 8
    assert {"detected", "given"} <= set(found["rcnn"]["scores"]["val"])
    assert {"given_at_0.8_1_1.2", "cut_out_at_0.8_1_1.2"} <= set(found["star"]["scores"]["val"])
    assert not list((tmp_path / "rows" / "star-0").glob("*_at_*"))


def test_the_trainings_that_ship_are_run_as_they_are(tmp_path: Path) -> None:
    """Their rows change nothing but where files go, what comes after the training, and whom it is scored on."""
    rows = study.rows_listed("trainings")
    for name, row in rows.items():
        assert row["config"] == f"train_{name}"
        changed = {key.split(".")[0] for key in row["set"]} - {"lanes", "score_training"}
        assert changed <= ({"densify"} if "needs" in row else set())
        raw = read_config(row["config"])
        for change in study.words_of(name, row, 0, tmp_path, tmp_path / "record.jsonl")[3::2]:
            key, value = change.split("=", 1)
            raw.change(tuple(key.split(".")), read_value(value), "--set")
        config = validate(raw, STAGES)
        shown = config.stages["augment"].batch * config.stages["train_network"].fit.steps
        assert shown * (1 if config.stages["augment"].kind == "crops" else 2) == 104_000
    assert {row["row"] for table in study_tables.tables_listed("trainings") for row in table.rows} == set(rows)


@pytest.mark.parametrize("name", [name for name, row in study.rows_listed().items() if "config" in row])
def test_every_row_is_a_configuration_that_can_run(name: str, tmp_path: Path) -> None:
    row = study.rows_listed()[name]
    words = study.words_of(name, row, 1, tmp_path, tmp_path / "study.jsonl")
    raw = read_config(words[1])
    for change in words[3::2]:
        key, value = change.split("=", 1)
        raw.change(tuple(key.split(".")), read_value(value), "--set")
    config = validate(raw, STAGES)
    assert config.stages["score_training"].row == name
    assert config.stages["augment"].seed == config.stages["train_network"].seed == 1
    assert config.stages["train_network"].folder in config.stages["score_training"].weights
    # About 100,000 people: one a crop; 2.5 a picture, where pictures are drawn by their people (docs/study.md).
    # Rows from ImageNet show 19,200.
    shown = config.stages["augment"].batch * config.stages["train_network"].fit.steps
    people = 19_200 if row["config"] == "study_lite" else 100_000
    assert shown * (1 if config.stages["augment"].kind == "crops" else 2.5) == pytest.approx(people, rel=0.01)
    if "densify" in config.stages:
        assert config.stages["densify"].teacher == str(tmp_path / f"{row['needs']}-1" / "weights.safetensors")


def test_the_human_row_needs_no_network_and_errs_as_annotators_do() -> None:
    """docs/annotations.md: the usual annotator is 3.4 cm off on average; AUC10 of errors of e cm each is 1 - e / 10."""
    scores = study.human_line("human", 0, ["val"], 6)["scores"]["val"]["annotators"]
    assert 0.5 < scores["AUC10"][0] < scores["AUC30"][0] < 1
    assert scores["AUC30"][0] == pytest.approx(1 - 3.4 / 30, abs=0.04)


def test_what_stands_in_the_record_is_not_done_again() -> None:
    rows = {"human": {}, "one": {"config": "study"}, "two": {"config": "study"}}
    assert list(study.missing_runs(rows, (3, 5), set())) == [
        ("human", 3), ("one", 3), ("two", 3), ("one", 5), ("two", 5),
    ]  # fmt: skip
    assert list(study.missing_runs(rows, (3, 5), {("human", 3), ("two", 3), ("one", 5)})) == [("one", 3), ("two", 5)]


def test_tables_stand_beside_the_papers_and_say_what_is_not_there(tmp_path: Path) -> None:
    """Two seeds are a mean with half of their difference where that is large, one its interval, none a dash."""

    def line(row: str, seed: int, value: float) -> str:
        scores = {"val": {"given": {"AUC10": [value, value - 0.01, value + 0.02]}}}
        return json.dumps({"row": row, "seed": seed, "cpu_minutes": 8.0, "scores": scores})

    record = tmp_path / "study.jsonl"
    runs = [("person", 0, 0.9), ("person", 0, 0.3), ("person", 1, 0.4), ("sr", 0, 0.1)]
    runs += [("sr_up", 0, 0.2), ("sr_up", 1, 0.204)]
    record.write_text("\n".join(line(*run) for run in runs))
    page = tmp_path / "study.md"
    page.write_text(f"before\n{study_tables.BEGIN}\nold\n{study_tables.END}\nafter\n")
    assert study_tables.main(["--record", str(record), "--page", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]]
        for cells in (one.split("|") for one in text.splitlines() if one.startswith("| "))
    }
    assert rows["sparse points"] == [".350 ± .050, –", "–", ".378, .614", "8"]
    assert rows["SR: renderings"][0] == ".100 [.090, .120], –"
    assert rows["SR + UP"][0] == ".202, –"
    assert rows["UP: fitted bodies"] == ["–, –", "–", ".146, .319", "–"]


def test_every_table_shows_rows_that_are_trained() -> None:
    known = study.rows_listed()
    for table in study_tables.tables_listed():
        for row in table.rows:
            assert row["row"] in known and len(row.get("paper", table.paper)) == len(table.paper)


def read_value(text: str) -> Any:
    import yaml

    return yaml.safe_load(text)

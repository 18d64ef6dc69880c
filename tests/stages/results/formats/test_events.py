"""The table of events: rows and lines of the log of somebody who raises the arms and is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.body.fitted_body import FittedBody
from pipeline.configuration.config import read_config, validate
from pipeline.observe.event_log import EventLog
from pipeline.packet import Step
from pipeline.stage import Job
from stages import STAGES
from stages.payloads import Bodies
from stages.results.export import Export
from stages.results.formats.writer import EventSettings
from tests.stages.bodies.made_bodies import grey_frames, made_body, raised, shown

JOB = Job(index=0, input="walk.mp4", output="out.mp4", stem="walk")


def stage_of(folder: Path) -> Export:
    return Export(Export.Config(to={"events": str(folder / "events.csv")}))


def show(stage: Export, bodies: list[FittedBody | None], first: int = 0) -> list[dict]:
    """The stage's lines of the log for a frame of each body, 25 a second."""
    people = [[] if body is None else [(3, body)] for body in bodies]
    surfaces = shown([[(3, made_body())] if body else [] for body in bodies])
    fitted = Bodies.joined([Bodies.of_frame(one) for one in people])
    stage(JOB, grey_frames(len(bodies), first), *surfaces, None, fitted)
    return [dict(one) for one in stage.new_events()]


def test_rows_and_lines_of_the_log(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    news = show(stage, [made_body()] * 25 + [raised()] * 25)
    assert news == [{"event": "state", "id": 3, "state": "arms_raised", "change": "begins", "second": 1.0}]
    news = show(stage, [made_body()] * 25, 50)
    assert news == [{"event": "state", "id": 3, "state": "arms_raised", "change": "ends", "second": 2.0}]
    assert show(stage, [raised()] * 15 + [None] * 60, 75)[-1]["change"] == "ends"  # lost
    assert show(stage, [raised()] * 20, 150)[0]["change"] == "begins"
    list(stage.flush())
    assert (tmp_path / "events.csv").read_text().splitlines() == [
        "id,state,begin,end,seconds,ended", "3,arms_raised,1.000,2.000,1.000,1", "3,arms_raised,3.000,3.560,0.560,1",
        "3,arms_raised,6.000,6.760,0.760,0",
    ]  # fmt: skip


def test_frames_two_seconds_apart_show_states(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)
    news = [line for n in range(6) for line in show(stage, [made_body() if n < 2 else raised()], 50 * n)]
    assert [(line["state"], line["change"], line["second"]) for line in news] == [("arms_raised", "begins", 4.0)]
    news = show(stage, [None], 300)
    assert [(line["change"], line["second"]) for line in news] == [("ends", 10.0)]


def test_a_resumed_run_writes_the_same_table(tmp_path: Path) -> None:
    texts = []
    for folder, cut in ((tmp_path / "one", False), (tmp_path / "two", True)):
        stage = stage_of(folder)
        show(stage, [made_body()] * 5 + [raised()] * 8)
        if cut:
            state = stage.state()
            stage.close()
            stage = stage_of(folder)
            stage.restore(state)
        show(stage, [raised()] * 12 + [made_body()] * 20, 13)
        list(stage.flush())
        stage.close()
        texts.append((folder / "events.csv").read_text())
    assert texts[0] == texts[1] and "0.200,1.000" in texts[0]


def test_the_log_has_what_stages_notice(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path / "run.jsonl"))
    log.step("out", 2, Step(events=({"event": "state", "id": 3, "state": "fallen", "change": "begins"},)))
    line = json.loads((tmp_path / "run.jsonl").read_text())  # before the run ends
    assert (line["event"], line["stream"], line["state"]) == ("state", 2, "fallen")


@pytest.mark.parametrize("name", ["video", "live", "render"])
def test_events_place_a_fit_in_every_run(name: str, tmp_path: Path) -> None:
    raw = read_config(name)
    raw.change(("export", "to", "events"), str(tmp_path / "day.csv"), "test")
    stages = [node.name for lane in validate(raw, STAGES).graph.lanes for node in lane.nodes]
    assert stages.index("fit") < stages.index("export")


def test_an_impossible_tilt_is_refused() -> None:
    with pytest.raises(ValueError, match="from -80 to 80"):
        EventSettings(tilt_deg=90)
    with pytest.raises(ValueError, match="add --export events=FILE"):
        Export.Config(events=EventSettings(tilt_deg=20))

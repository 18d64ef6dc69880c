"""A run that stopped goes on with `resume` where its journal says: the same bytes, and nothing done twice."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import toy_stages
from toy_runs import Run

from pipeline.graph import build_graph, stage_class
from pipeline.journal import Journal
from pipeline.recovery import one_lane_has_all_states
from pipeline.stage import Job

QUIET = {"count": {"chunk": 1}, "smooth": {"delay": 0}, "save": {"part": 3}}


def again(jobs: list[Job]) -> list[Job]:
    """The same jobs, to go on."""
    return [dataclasses.replace(job, resume=True) for job in jobs]


def stopped(toy_config, jobs: list[Job], run: Run, flag: Path, at: int, **keys):
    """A run that an error ends before number `at`, once; its configuration."""
    config = toy_config(square={"at": at, "do": "raise_once", "flag": str(flag)}, **{**QUIET, **keys})
    run(config, jobs)
    return config


@pytest.mark.parametrize(("at", "first"), [(1, 0), (3, 3), (7, 6), (11, 9)])
def test_a_run_goes_on_after_what_stands(toy_config, toy_jobs, tmp_path, serially: Run, at: int, first: int) -> None:
    calm = toy_jobs("12", folder="calm")
    expected, _ = serially(toy_config(**QUIET), calm)
    jobs = toy_jobs("12")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", at)
    assert not Path(jobs[0].output).exists()
    metrics, receipts = serially(config, again(jobs))
    assert Path(jobs[0].output).read_bytes() == Path(calm[0].output).read_bytes()
    assert metrics.stages["save"].items == 12 - first
    assert metrics.streams[0].facts == expected.streams[0].facts
    assert (metrics.streams[0].frames_done, receipts[-1][1].frames) == (12, 12)
    assert not Path(f"{jobs[0].output}.partial").exists()


def test_a_run_goes_on_under_the_other_runner(toy_config, toy_jobs, tmp_path, serially: Run, under_ray: Run) -> None:
    calm = toy_jobs("12", "5", folder="calm")
    serially(toy_config(**QUIET), calm)
    jobs = toy_jobs("12", "5")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    metrics, _ = under_ray(config, again(jobs))
    assert [Path(job.output).read_bytes() for job in jobs] == [Path(job.output).read_bytes() for job in calm]
    assert metrics.stages["save"].items == 12 - 6 + 5


@pytest.mark.parametrize("ray", [False, True])
def test_when_all_packets_stand_the_last_part_is_made_again(
    toy_config, toy_jobs, tmp_path, request: pytest.FixtureRequest, ray: bool
) -> None:
    run: Run = request.getfixturevalue("under_ray" if ray else "serially")
    calm, jobs = toy_jobs("6", folder="calm"), toy_jobs("6")
    run(toy_config(**QUIET), calm)
    config = toy_config(**QUIET)
    whole = Journal.remove
    with pytest.MonkeyPatch.context() as patch:  # the journal of a run that was killed just before its end
        patch.setattr(Journal, "remove", lambda journal: None)
        run(config, jobs)
    assert Journal.remove is whole
    assert [record.accepted for record in Journal.of(jobs[0]).read()] == [3, 6]
    Path(jobs[0].output).unlink()
    metrics, _ = run(config, again(jobs))
    assert Path(jobs[0].output).read_bytes() == Path(calm[0].output).read_bytes()
    assert metrics.stages["save"].items == 3


def test_parts_of_other_settings_are_refused_and_kept(toy_config, toy_jobs, tmp_path, serially: Run) -> None:
    jobs = toy_jobs("12")
    stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    before = Journal.of(jobs[0]).path.read_bytes()
    metrics, _ = serially(toy_config(**QUIET), again(jobs))
    said = str(metrics.streams[0].failure.error())
    assert "come from another input or from other settings" in said and "leave out --resume" in said
    assert Journal.of(jobs[0]).path.read_bytes() == before


def test_without_resume_a_run_starts_anew(toy_config, toy_jobs, tmp_path, serially: Run) -> None:
    jobs = toy_jobs("12")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    metrics, _ = serially(config, jobs)
    assert metrics.stages["save"].items == 12


def test_nothing_to_go_on_from_is_a_start(toy_config, toy_jobs, serially: Run) -> None:
    jobs = again(toy_jobs("7"))
    serially(toy_config(**QUIET), jobs)
    assert [row[0] for row in json.loads(Path(jobs[0].output).read_text())] == list(range(7))


def test_held_back_packets_are_never_committed(toy_config, toy_jobs, tmp_path, serially: Run) -> None:
    jobs = toy_jobs("12")
    stopped(toy_config, jobs, serially, tmp_path / "flag", 9, smooth={"delay": 2})
    assert Journal.of(jobs[0]).read() == []


def test_states_in_two_lanes_are_no_point_to_go_on_from() -> None:
    stages = ["count", "square", "use_local", "smooth", "watch", "save"]
    classes = {name: stage_class(name, toy_stages.TABLE) for name in stages}
    together = build_graph([("a", stages[:1]), ("b", stages[1:3]), ("c", stages[3:])], classes, "")
    apart = build_graph([("a", stages[:1]), ("b", stages[1:4]), ("c", stages[4:])], classes, "")
    assert one_lane_has_all_states(together) and not one_lane_has_all_states(apart)


def test_an_ordered_stage_that_tells_no_state_is_no_point_to_go_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = ["count", "watch", "save"]
    classes = {name: stage_class(name, toy_stages.TABLE) for name in ["square", *stages]}
    graph = build_graph([("a", ["count"]), ("b", ["square", "watch"])], classes, "")
    assert one_lane_has_all_states(graph)
    monkeypatch.delattr(toy_stages.Watch, "state")
    assert not one_lane_has_all_states(graph)


def test_the_products_own_tails_can_be_gone_on_from() -> None:
    from pipeline.batch.parts import split
    from pipeline.config import load_config
    from stages import STAGES

    config = load_config("batch", [], STAGES)
    parts = split(config, STAGES)
    assert one_lane_has_all_states(config.graph)
    assert parts.tail is not None and one_lane_has_all_states(parts.tail.graph)

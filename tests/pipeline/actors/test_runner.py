"""The graph as Ray actors: the same results as in one process, and no hang whatever dies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from toy_runs import MACHINE, Run

from pipeline.command.report import make_report
from pipeline.configuration.plan import make_plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.recovery.journal import Journal


def digest(path: str | None) -> str:
    return hashlib.sha256(Path(path or "").read_bytes()).hexdigest()


@pytest.mark.parametrize(("credits", "replicas"), [(1, 1), (2, 3), (9, 2)])
def test_same_bytes_as_the_serial_runner(toy_config, toy_jobs, serially: Run, under_ray: Run, credits, replicas):
    names = ("20", "3", "1", "7")
    expected = toy_jobs(*names, folder="serial")
    serially(toy_config(), expected)
    jobs = toy_jobs(*names, folder="ray")
    config = toy_config(f"lanes.compute.replicas={replicas}", credits=credits)
    metrics, receipts = under_ray(config, jobs)
    assert [digest(job.output) for job in jobs] == [digest(job.output) for job in expected]
    assert sorted((job.index, receipt.frames) for job, receipt in receipts) == [(0, 20), (1, 3), (2, 1), (3, 7)]
    assert [stream.state for stream in metrics.streams.values()] == ["done"] * 4


def test_same_bytes_whatever_the_chunk(toy_config, toy_jobs, serially: Run, under_ray: Run) -> None:
    expected = toy_jobs("20", folder="serial")
    serially(toy_config(count={"chunk": 5}), expected)
    jobs = toy_jobs("20", folder="ray")
    under_ray(toy_config(count={"chunk": 2}, smooth={"delay": 50}), jobs)
    assert digest(jobs[0].output) == digest(expected[0].output)


def test_same_report_as_the_serial_runner(toy_config, toy_jobs, serially: Run, under_ray: Run) -> None:
    reports = [make_report(run(toy_config(), toy_jobs("20", "3"))[0]) for run in (serially, under_ray)]
    assert reports[0]["inputs"] == reports[1]["inputs"]
    assert reports[0]["weights"] == reports[1]["weights"]
    for key in ("packets", "restarts"):
        lanes = [{name: lane[key] for name, lane in report["lanes"].items()} for report in reports]
        assert lanes[0] == lanes[1]


def test_every_lane_gets_its_own_threads(toy_config, toy_jobs, under_ray: Run) -> None:
    metrics, _ = under_ray(toy_config("lanes.compute.threads=3"), toy_jobs("4"))
    assert metrics.facts["threads"] == "3 3"  # what the stage is told, and what numeric libraries read


def test_one_bad_input_does_not_stop_the_others(toy_config, toy_jobs, under_ray: Run) -> None:
    metrics, _ = under_ray(toy_config(), toy_jobs("nonsense", "4"))
    assert str(metrics.streams[0].failure.error()) == "nonsense: not a number; name a number"
    assert metrics.streams[1].state == "done"


def test_an_unexpected_error_is_one_sentence(toy_config, toy_jobs, under_ray: Run) -> None:
    metrics, _ = under_ray(toy_config(count={"chunk": 2}, square={"at": 5}), toy_jobs("9", "4"))
    assert "9, frames 4..5: stage 'square' failed (ZeroDivisionError" in str(metrics.streams[0].failure.error())
    assert metrics.streams[1].state == "done"


def test_a_lane_that_dies_once_is_restarted_and_loses_nothing(
    toy_config, toy_jobs, tmp_path, serially: Run, under_ray: Run
) -> None:
    expected = toy_jobs("20", folder="serial")
    serially(toy_config(), expected)
    jobs = toy_jobs("20", folder="ray")
    square = {"at": 10, "do": "die_once", "flag": str(tmp_path / "died")}
    metrics, _ = under_ray(toy_config(square=square), jobs)
    assert metrics.lanes["compute"].restarts == 1
    assert digest(jobs[0].output) == digest(expected[0].output)


def test_a_packet_that_kills_twice_ends_its_input_alone(toy_config, toy_jobs, under_ray: Run) -> None:
    metrics, _ = under_ray(toy_config(square={"at": 10, "do": "die"}), toy_jobs("20", "4"))
    assert str(metrics.streams[0].failure.error()).startswith("20, frames 9..11: the process of lane 'compute' died")
    assert metrics.streams[1].state == "done"
    assert metrics.lanes["compute"].restarts == 2


def test_poison_goes_through_unprocessed_where_allowed(toy_config, toy_jobs, under_ray: Run) -> None:
    config = toy_config(square={"at": 10, "do": "die"}, on_error="pass")
    jobs = toy_jobs("20")
    metrics, _ = under_ray(config, jobs)
    assert metrics.streams[0].state == "done"
    assert len(metrics.streams[0].poisoned) == 1
    assert metrics.streams[0].facts["people"] == sum(i * i for i in range(20) if i not in (9, 10, 11))
    assert len(json.loads(Path(jobs[0].output).read_text())) == 20


def test_what_kills_an_ordered_lane_twice_ends_its_input_alone(toy_config, toy_jobs, under_ray: Run) -> None:
    metrics, _ = under_ray(toy_config(smooth={"die_at": 10}), toy_jobs("20", "4"))
    assert "the process of lane 'out' died" in str(metrics.streams[0].failure.error())
    assert metrics.lanes["out"].restarts == 2
    assert metrics.streams[1].state == "done"


@pytest.mark.parametrize("delay", [0, 2])
def test_an_ordered_lane_that_dies_resumes_after_its_last_commit(
    toy_config, toy_jobs, tmp_path, serially: Run, under_ray: Run, delay: int
) -> None:
    save = {"part": 3}
    expected = toy_jobs("20", "4", folder="serial")
    calm, _ = serially(toy_config(smooth={"delay": delay}, save=save), expected)
    jobs = toy_jobs("20", "4", folder="ray")
    smooth = {"delay": delay, "die_at": 10, "flag": str(tmp_path / "died")}
    metrics, _ = under_ray(toy_config(smooth=smooth, save=save), jobs)
    assert [digest(job.output) for job in jobs] == [digest(job.output) for job in expected]
    assert metrics.lanes["out"].restarts == 1
    # What was saved of the first input before is not saved again: with a delay, what is held back comes again instead.
    assert metrics.stages["save"].items == 24
    for index in (0, 1):
        assert metrics.streams[index].facts == calm.streams[index].facts
        assert metrics.streams[index].frames_done == calm.streams[index].frames_done


def test_an_interrupt_saves_the_partial_result(toy_config, toy_jobs, ray_started) -> None:
    from pipeline.actors.runner import run_ray

    config, jobs, interrupt = toy_config(count={"chunk": 1}, smooth={"delay": 0}), toy_jobs("500"), Interrupt()
    metrics = Metrics(config.graph, jobs)
    metrics.listen(lambda: interrupt.request() if metrics.streams[0].frames_done == 5 else None)
    plan = make_plan(config.graph, config.settings, MACHINE)
    receipts = list(run_ray(config, plan, jobs, metrics, interrupt))
    rows = json.loads(Path(receipts[0][1].path).read_text())
    assert receipts[0][1].path.endswith(".partial.json")
    assert 5 <= len(rows) < 500 and [row[0] for row in rows] == list(range(len(rows)))
    assert metrics.streams[0].state == "interrupted"


def test_commits_reach_the_journal(toy_config, toy_jobs, under_ray: Run) -> None:
    jobs = toy_jobs("9", "9")
    config = toy_config(count={"chunk": 1, "fail_at": 7}, smooth={"delay": 0}, save={"part": 3}, credits=1)
    under_ray(config, jobs)
    assert [record.receipt["first"] for record in Journal.of(jobs[0]).read()] == [0, 3]

"""The graph in one process: every role, alignment, and every way to go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import toy_stages
from toy_runs import MACHINE, Run

from pipeline.command.report import make_report
from pipeline.configuration.plan import make_plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.recovery.journal import Journal
from pipeline.scheduling.serial import run_serial

pytestmark = pytest.mark.quick


def closed_form(count: int) -> list[list[float]]:
    """What `Save` writes for 0..count-1, from the definition: the mean of each square and its neighbours."""
    squares = np.arange(count, dtype=np.float64) ** 2
    line = np.concatenate([[0.0], squares, squares[-1:]])
    return [[i, value] for i, value in enumerate(((line[:-2] + line[1:-1] + line[2:]) / 3).tolist())]


def read(path: Path | str) -> list[list[float]]:
    return json.loads(Path(path).read_text())


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("delay", [1, 4, 50])
def test_look_ahead_stays_aligned_whatever_the_chunk(toy_config, toy_jobs, serially: Run, chunk, delay) -> None:
    jobs = toy_jobs("10")
    serially(toy_config(count={"chunk": chunk}, smooth={"delay": delay}), jobs)
    assert read(jobs[0].output) == closed_form(10)


def test_every_input_is_its_own_stream(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("10", "1", "5")
    metrics, receipts = serially(toy_config(), jobs)
    assert [read(job.output) for job in jobs] == [closed_form(10), closed_form(1), closed_form(5)]
    assert [(job.index, receipt.frames) for job, receipt in receipts] == [(0, 10), (1, 1), (2, 5)]
    assert all(stream.state == "done" for stream in metrics.streams.values())


def test_report_has_every_key_of_the_contract(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("7")
    metrics, _ = serially(toy_config(count={"chunk": 3}), jobs)
    report = make_report(metrics)
    entry = report["inputs"][0]
    keys = {"path", "output", "frames_in", "frames_out", "dropped", "repaired_pts", "people", "truncated", "audio"}
    assert keys <= set(entry)
    assert (entry["path"], entry["output"]) == ("7", jobs[0].output)
    assert (entry["frames_in"], entry["frames_out"], entry["dropped"]) == (7, 7, 0)
    assert entry["people"] == sum(i * i for i in range(7))
    assert entry["warnings"] == ["counted to 7", "watched"]
    assert entry["audio"] == "none"
    assert report["weights"] == {"name": "toy", "sha256": "0" * 64}
    assert {name: lane["packets"] for name, lane in report["lanes"].items()} == {"read": 3, "compute": 3, "out": 3}
    assert report["stages"]["count"]["items"] == 7
    assert set(report["stages"]["square"]) == {"busy_s", "cpu_s", "items"}
    assert json.loads(json.dumps(report)) == report


def test_one_bad_input_does_not_stop_the_others(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("nonsense", "4")
    metrics, _ = serially(toy_config(), jobs)
    assert str(metrics.streams[0].failure.error()) == "nonsense: not a number; name a number"
    assert metrics.streams[1].failure is None
    assert read(jobs[1].output) == closed_form(4)


def test_a_source_that_breaks_ends_its_input(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("9")
    metrics, receipts = serially(toy_config(count={"chunk": 2, "fail_at": 4}), jobs)
    assert "broken after 4 numbers" in metrics.streams[0].failure.what
    assert receipts == []
    assert not Path(jobs[0].output).exists()


def test_an_unexpected_error_names_stage_input_and_frames(toy_config, toy_jobs, serially: Run) -> None:
    metrics, _ = serially(toy_config(count={"chunk": 2}, square={"at": 5}), toy_jobs("9"))
    failure = metrics.streams[0].failure
    assert str(failure.error()) == (
        "9, frames 4..5: stage 'square' failed (ZeroDivisionError: a toy breaks); "
        "run again with --debug for the traceback"
    )
    assert "a toy breaks" in failure.trace


def test_on_error_pass_lets_the_frame_through_and_counts_it(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("9")
    config = toy_config(count={"chunk": 3}, square={"at": 4}, smooth={"delay": 0}, on_error="pass")
    metrics, _ = serially(config, jobs)
    squares = [0, 1, 4, 9, 0, 25, 36, 49, 64]  # of the packet 3, 4, 5 only the frame at fault is unprocessed
    assert metrics.streams[0].facts["people"] == sum(squares)
    assert [row[0] for row in read(jobs[0].output)] == list(range(9))
    assert len(metrics.streams[0].poisoned) == 1 and "9, frame 4: stage" in metrics.streams[0].poisoned[0]


def test_payloads_that_cannot_be_cut_go_through_as_a_packet(
    toy_config, toy_jobs, serially: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(toy_stages.Numbers, "frame")
    config = toy_config(count={"chunk": 3}, square={"at": 4}, smooth={"delay": 0}, on_error="pass")
    metrics, _ = serially(config, toy_jobs("9"))
    assert metrics.streams[0].facts["people"] == sum([0, 1, 4, 0, 0, 0, 36, 49, 64])
    assert len(metrics.streams[0].poisoned) == 1 and "frames 3..5" in metrics.streams[0].poisoned[0]


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        ("silent", "stage 'silent' yielded nothing for a packet"),
        ("doubling", "stage 'doubling' yielded more items than it got packets"),
        ("forgetful", "stage 'forgetful' ended with 2 packets unanswered"),
        ("scribble", "stage 'scribble' failed (ValueError: assignment destination is read-only)"),
    ],
)
def test_a_stage_that_breaks_the_contract_is_named(toy_config, toy_jobs, serially: Run, stage, sentence) -> None:
    lanes = {"all": {"stages": ["count", "square", stage, "smooth", "save"]}}
    metrics, _ = serially(toy_config(lanes=lanes), toy_jobs("9"))
    assert metrics.streams[0].failure.what == sentence


def test_the_cut_into_lanes_changes_nothing(toy_config, toy_jobs, serially: Run) -> None:
    stages = ["count", "square", "use_local", "watch", "smooth", "save"]
    for cut in ([stages], [stages[:1], stages[1:]], [stages[:3], stages[3:4], stages[4:5], stages[5:]]):
        jobs = toy_jobs("11")
        serially(toy_config(lanes={f"lane{i}": {"stages": part} for i, part in enumerate(cut)}), jobs)
        assert read(jobs[0].output) == closed_form(11)


def test_a_task_needs_no_packets(toy_config, toy_jobs, serially: Run) -> None:
    metrics, receipts = serially(toy_config(lanes={"only": {"stages": ["task"]}}), toy_jobs("x"))
    assert receipts[0][1].facts == {"stem": "0"}
    assert metrics.streams[0].state == "done"


def test_the_first_payload_of_a_source_counts_the_frames(toy_config, toy_jobs, serially: Run) -> None:
    metrics, _ = serially(toy_config(lanes={"only": {"stages": ["count_with_truth", "save"]}}), toy_jobs("x"))
    assert metrics.streams[0].frames_done == 5


def test_an_absent_optional_payload_is_none(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("3")
    serially(toy_config(lanes={"only": {"stages": ["count", "save"]}}), jobs)
    assert read(jobs[0].output) == [[0, 0.0], [1, 0.0], [2, 0.0]]


def test_a_stage_that_needs_order_lets_poison_through_where_allowed(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("6")
    config = toy_config(count={"chunk": 1}, smooth={"delay": 0, "fail_at": 4}, on_error="pass")
    metrics, _ = serially(config, jobs)
    assert metrics.streams[0].state == "done"
    assert [sentence.partition(" (")[0] for sentence in metrics.streams[0].poisoned] == [
        "6, frame 4: stage 'smooth' failed"
    ]
    rows = read(jobs[0].output)
    assert [row[0] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert rows[4][1] == 16.0  # as it came; its neighbours are smoothed
    assert rows[3][1] == (4 + 9 + 9) / 3


@pytest.mark.parametrize(("delay", "on_error"), [(0, "stop"), (2, "pass")])
def test_poison_where_order_matters_ends_the_input_otherwise(toy_config, toy_jobs, serially: Run, delay, on_error):
    config = toy_config(count={"chunk": 1}, smooth={"delay": delay, "fail_at": 4}, on_error=on_error)
    metrics, _ = serially(config, toy_jobs("6"))
    assert "frame 4: stage 'smooth' failed" in str(metrics.streams[0].failure.error())


def test_an_interrupt_saves_the_partial_result(toy_config, toy_jobs) -> None:
    config, jobs, interrupt = toy_config(count={"chunk": 1}, smooth={"delay": 0}), toy_jobs("100", "100"), Interrupt()
    metrics = Metrics(config.graph, jobs)
    metrics.listen(lambda: interrupt.request() if metrics.streams[0].frames_done == 5 else None)
    plan = make_plan(config.graph, config.settings, MACHINE)
    receipts = list(run_serial(config, plan, jobs, metrics, interrupt))
    assert [receipt.frames for _, receipt in receipts] == [5]
    assert receipts[0][1].path.endswith(".partial.json")
    assert [row[0] for row in read(receipts[0][1].path)] == [0, 1, 2, 3, 4]
    assert not Path(jobs[0].output).exists()
    assert [stream.state for stream in metrics.streams.values()] == ["interrupted", "not finished"]


def test_commits_reach_the_journal_with_the_states_after_them(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("9")
    serially(toy_config(count={"chunk": 1, "fail_at": 7}, smooth={"delay": 0}, save={"part": 3}), jobs)
    records = Journal.of(jobs[0]).read()
    assert [record.receipt for record in records] == [{"first": 0, "frames": 3}, {"first": 3, "frames": 3}]
    assert [record.packets for record in records] == [3, 6]
    assert [row[0] for row in json.loads(records[1].states["save"])[1]] == [0, 1, 2, 3, 4, 5]


def test_the_journal_ends_with_the_stream(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("9")
    serially(toy_config(save={"part": 3}), jobs)
    assert not Path(f"{jobs[0].output}.partial").exists()


def test_a_truncated_journal_is_read_up_to_its_last_complete_line(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("9")
    serially(toy_config(count={"chunk": 1, "fail_at": 7}, smooth={"delay": 0}, save={"part": 3}), jobs)
    journal = Journal.of(jobs[0])
    text = journal.path.read_text()
    journal.path.write_text(text[: len(text) - 20])
    assert [record.packets for record in journal.read()] == [3]
    journal.path.write_text(text.replace("packets", "pockets", 1))
    assert journal.read() == []


def test_stages_get_their_lanes_threads(toy_config, serially: Run) -> None:
    plan = make_plan(toy_config("lanes.compute.threads=3").graph, toy_config().settings, MACHINE)
    assert plan.lane("compute").threads == 1
    changed = toy_config("lanes.compute.threads=3")
    assert make_plan(changed.graph, changed.settings, MACHINE).lane("compute").threads == 3


def test_serial_runner_imports_no_ray() -> None:
    import subprocess
    import sys

    code = (
        "import sys, pipeline.scheduling.serial, pipeline.command.cli; "
        "sys.exit('ray' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(toy_stages.__file__).parents[2]).returncode == 0

"""A run that stopped goes on with `resume` where its journal says: the same bytes, and nothing done twice."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import toy_stages
from toy_runs import MACHINE, Run

from pipeline.actors.runner import run_ray
from pipeline.configuration.config import RunConfig
from pipeline.configuration.graph import build_graph, stage_class
from pipeline.configuration.plan import Plan, make_plan
from pipeline.files.file_lock import lock_file, unlock_file
from pipeline.interrupts import Interrupt
from pipeline.lane.worker import LaneWorker
from pipeline.observe.metrics import Metrics
from pipeline.recovery import recovery
from pipeline.recovery.ending import saved_at_the_end
from pipeline.recovery.journal import Journal
from pipeline.recovery.recovery import Recovery, one_lane_has_all_states
from pipeline.scheduling.serial import run_serial
from pipeline.stage import CLAIM, Job, PlainError

QUIET = {"count": {"chunk": 1}, "smooth": {"delay": 0}, "save": {"part": 3}}


@pytest.fixture
def run(request: pytest.FixtureRequest, ray: bool) -> Run:
    """The runner that a test's `ray` names."""
    chosen: Run = request.getfixturevalue("under_ray" if ray else "serially")
    return chosen


def plan_of(config: RunConfig) -> Plan:
    """The plan on the toys' machine."""
    return make_plan(config.graph, config.settings, MACHINE)


def again(jobs: list[Job]) -> list[Job]:
    """The same jobs, to go on."""
    return [dataclasses.replace(job, resume=True) for job in jobs]


def stopped(toy_config, jobs: list[Job], run: Run, flag: Path, at: int, **keys):
    """A run that an error ends before number `at`, once; its configuration."""
    config = toy_config(square={"at": at, "do": "raise_once", "flag": str(flag)}, **{**QUIET, **keys})
    run(config, jobs)
    return config


@pytest.mark.parametrize(("at", "first"), [(1, 0), (3, 3), (7, 6), (11, 9)])
def test_a_run_resumes_after_its_last_commit(
    toy_config, toy_jobs, tmp_path, serially: Run, at: int, first: int
) -> None:
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


def test_a_run_resumes_under_the_other_runner(toy_config, toy_jobs, tmp_path, serially: Run, under_ray: Run) -> None:
    calm = toy_jobs("12", "5", folder="calm")
    serially(toy_config(**QUIET), calm)
    jobs = toy_jobs("12", "5")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    metrics, _ = under_ray(config, again(jobs))
    assert [Path(job.output).read_bytes() for job in jobs] == [Path(job.output).read_bytes() for job in calm]
    assert metrics.stages["save"].items == 12 - 6 + 5


@pytest.mark.parametrize("ray", [False, True])
def test_when_all_packets_stand_the_last_part_is_made_again(
    toy_config, toy_jobs, tmp_path, ray: bool, run: Run
) -> None:
    calm, jobs = toy_jobs("6", folder="calm"), toy_jobs("6")
    run(toy_config(**QUIET), calm)
    config = toy_config(**QUIET)
    whole = Journal.remove
    with pytest.MonkeyPatch.context() as patch:  # the journal of a run that was killed just before its end
        patch.setattr(Journal, "remove", lambda journal: None)
        run(config, jobs)
    assert Journal.remove is whole
    assert [record.packets for record in Journal.of(jobs[0]).read()] == [3, 6]
    Path(jobs[0].output).unlink()
    metrics, _ = run(config, again(jobs))
    assert Path(jobs[0].output).read_bytes() == Path(calm[0].output).read_bytes()
    assert metrics.stages["save"].items == 3


@pytest.mark.parametrize("wish", [{}, {"resume": True}, {"overwrite": True}, {"resume": True, "overwrite": True}])
def test_a_result_that_another_run_is_writing_is_left_alone(
    toy_config, toy_jobs, tmp_path, serially: Run, wish: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = toy_jobs("12")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    before = Journal.of(jobs[0]).path.read_bytes()
    monkeypatch.setattr(recovery, "PATIENCE_S", 0.0)
    second = [dataclasses.replace(job, **wish) for job in jobs]
    lock = lock_file(Journal.of(jobs[0]).path.with_name(CLAIM), 0)
    metrics, _ = serially(config, second)
    assert str(metrics.streams[0].failure.error()).endswith(
        "another run is writing this output; wait until it ends, or name another output with -o"
    )
    assert Journal.of(jobs[0]).path.read_bytes() == before
    unlock_file(lock)
    metrics, _ = serially(config, second)
    assert metrics.streams[0].failure is None if wish else "add --resume" in str(metrics.streams[0].failure.error())


def test_parts_of_other_settings_are_refused_and_kept(toy_config, toy_jobs, tmp_path, serially: Run) -> None:
    jobs = toy_jobs("12")
    stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    before = Journal.of(jobs[0]).path.read_bytes()
    metrics, _ = serially(toy_config(**QUIET), again(jobs))
    said = str(metrics.streams[0].failure.error())
    assert "come from another input or from other settings" in said and "--overwrite" in said
    assert Journal.of(jobs[0]).path.read_bytes() == before
    anew = [dataclasses.replace(job, overwrite=True) for job in again(jobs)]
    metrics, _ = serially(toy_config(**QUIET), anew)
    assert metrics.streams[0].failure is None and metrics.stages["save"].items == 12


def test_parts_of_an_older_version_are_refused_and_kept(toy_config, toy_jobs, tmp_path, serially: Run) -> None:
    jobs = toy_jobs("12")
    with pytest.MonkeyPatch.context() as patch:  # an older version wrote a bare hash
        patch.setattr(recovery, "NAMES", "")
        config = stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    before = Journal.of(jobs[0]).path.read_bytes()
    metrics, _ = serially(config, again(jobs))
    said = str(metrics.streams[0].failure.error())
    assert "come from an older version of this program" in said
    assert "resume with that version, or give --overwrite" in said
    assert Journal.of(jobs[0]).path.read_bytes() == before
    metrics, _ = serially(config, [dataclasses.replace(job, overwrite=True) for job in again(jobs)])
    assert metrics.streams[0].failure is None and metrics.stages["save"].items == 12


@pytest.mark.parametrize("ray", [False, True])
def test_an_unfinished_result_is_not_deleted_without_overwrite(
    toy_config, toy_jobs, tmp_path, ray: bool, run: Run, serially: Run
) -> None:
    jobs = toy_jobs("12")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 7)
    before = Journal.of(jobs[0]).path.read_bytes()
    metrics, _ = run(config, jobs)
    said = str(metrics.streams[0].failure.error())
    assert "6 frames of an unfinished result" in said and "--resume" in said and "--overwrite" in said
    assert Journal.of(jobs[0]).path.read_bytes() == before
    metrics, _ = run(config, [dataclasses.replace(job, overwrite=True) for job in jobs])
    assert metrics.stages["save"].items == 12


def test_resume_without_a_journal_starts_anew(toy_config, toy_jobs, serially: Run) -> None:
    jobs = again(toy_jobs("7"))
    serially(toy_config(**QUIET), jobs)
    assert [row[0] for row in json.loads(Path(jobs[0].output).read_text())] == list(range(7))


LANES: dict[str, list[list[str]]] = {
    "one holds": [["count"], ["square"], ["watch", "total", "smooth", "save_totals"]],
    "two hold": [["count"], ["square"], ["total", "smooth", "watch", "later", "save_totals"]],
    "with the source": [["count", "square", "total", "smooth", "save_totals"]],
}


def lanes(name: str) -> dict[str, dict[str, list[str]]]:
    """Graphs in which stages after a look-ahead take what stages before it made."""
    return {f"lane{position}": {"stages": stages} for position, stages in enumerate(LANES[name])}


@pytest.mark.parametrize(
    ("graph", "delay", "at", "ray"),
    [
        *((graph, delay, at, False) for graph in LANES for delay, at in ((1, 7), (2, 9), (2, 11), (5, 10))),
        *((graph, 2, 9, True) for graph in LANES),
    ],
)
def test_a_run_resumes_with_its_held_packets(
    toy_config, toy_jobs, tmp_path, run: Run, graph: str, delay: int, at: int, ray: bool
) -> None:
    keys = {"lanes": lanes(graph), "count": {"chunk": 1}, "smooth": {"delay": delay}, "save_totals": {"part": 3}}
    calm, jobs = toy_jobs("12", folder="calm"), toy_jobs("12")
    expected, _ = run(toy_config(**keys), calm)
    config = toy_config(square={"at": at, "do": "raise_once", "flag": str(tmp_path / "flag")}, **keys)
    run(config, jobs)
    last = Journal.of(jobs[0]).read()[-1]
    held = delay + (graph == "two hold")
    assert last.packets % 3 == 0 and sorted(last.waiting) == list(range(last.packets, last.packets + held))
    metrics, _ = run(config, again(jobs))
    assert Path(jobs[0].output).read_bytes() == Path(calm[0].output).read_bytes()
    assert metrics.stages["save_totals"].items == 12 - last.packets
    assert metrics.stages["total"].items == 12 - last.packets - held
    assert metrics.streams[0].facts == expected.streams[0].facts
    assert (metrics.streams[0].frames_in, metrics.streams[0].frames_done) == (12, 12)
    assert not Path(f"{jobs[0].output}.partial").exists()


def test_a_crash_while_packets_that_waited_come_again_loses_nothing(
    toy_config, toy_jobs, tmp_path, serially: Run
) -> None:
    keys = {"smooth": {"delay": 4}}
    calm, jobs = toy_jobs("12", folder="calm"), toy_jobs("12")
    serially(toy_config(**{**QUIET, **keys}), calm)
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 8, **keys)
    before = Journal.of(jobs[0]).path.read_bytes()
    (tmp_path / "flag").unlink()
    whole = toy_stages.Count.__call__

    def cut_short(stage: toy_stages.Count, job: Job):
        yield from list(whole(stage, job))[:5]
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:  # packets 3 and 4 of those that wait, 3 to 6, have come again
        patch.setattr(toy_stages.Count, "__call__", cut_short)
        metrics, _ = serially(config, again(jobs))
    assert metrics.streams[0].failure is not None
    assert Journal.of(jobs[0]).path.read_bytes() == before
    (tmp_path / "flag").touch()
    serially(config, again(jobs))
    assert Path(jobs[0].output).read_bytes() == Path(calm[0].output).read_bytes()


@pytest.mark.parametrize("ray", [False, True])
def test_an_interrupt_before_any_new_packet_keeps_the_journal(
    toy_config, toy_jobs, tmp_path, ray: bool, run: Run
) -> None:
    calm, jobs = toy_jobs("12", folder="calm"), toy_jobs("12")
    keys = {"smooth": {"delay": 4}}
    run(toy_config(**{**QUIET, **keys}), calm)
    config = stopped(toy_config, jobs, run, tmp_path / "flag", 11, **keys)
    stands = Journal.of(jobs[0]).read()
    assert stands  # what was on its way when the error came is gone, so how much stands is not said
    interrupt, metrics = Interrupt(), Metrics(config.graph, jobs)
    first = stands[-1].packets + 1
    metrics.listen(lambda: interrupt.request() if metrics.streams[0].frames_in == first else None)
    plan = make_plan(config.graph, config.settings, MACHINE)
    assert list((run_ray if ray else run_serial)(config, plan, again(jobs), metrics, interrupt)) == []
    assert metrics.streams[0].state == "interrupted"
    assert Journal.of(jobs[0]).read() == stands
    run(config, again(jobs))
    assert Path(jobs[0].output).read_bytes() == Path(calm[0].output).read_bytes()


CAMERA: dict[str, dict[str, list[str]]] = {
    "network": {"stages": ["camera", "square", "use_local"]},
    "out": {"stages": ["watch", "smooth", "save"]},
}
LIVE = {"lanes": CAMERA, "camera": {"chunk": 1}, "smooth": {"delay": 0}, "save": {"part": 3}}


def test_a_recording_is_committed_without_the_packets_that_a_look_ahead_stage_holds(
    toy_config, toy_jobs, tmp_path, serially: Run
) -> None:
    jobs = toy_jobs("12")
    keys = {**LIVE, "smooth": {"delay": 2}}
    config = toy_config(square={"at": 9, "do": "raise_once", "flag": str(tmp_path / "flag")}, **keys)
    metrics, _ = serially(config, jobs)
    last = Journal.of(jobs[0]).read()[-1]
    assert (last.packets, last.frames, last.waiting, sorted(last.states)) == (9, 9, {}, ["save", "watch"])
    assert metrics.streams[0].kept.startswith("7 frames are kept")
    metrics, _ = serially(config, again(jobs))
    assert metrics.streams[0].failure is None  # nothing is committed twice, nothing waits for packets 7 and 8
    assert [row[0] for row in json.loads(Path(jobs[0].output).read_text())] == [*range(7), *range(12)]


@pytest.mark.parametrize("ray", [False, True])
def test_frame_numbers_of_a_source_that_cannot_be_replayed_continue(
    toy_config, toy_jobs, tmp_path, ray: bool, run: Run
) -> None:
    jobs = toy_jobs("12")
    broken = toy_config(square={"at": 7, "do": "raise_once", "flag": str(tmp_path / "flag")}, **LIVE)
    run(broken, jobs)
    stands = Journal.of(jobs[0]).read()[-1].frames
    metrics, _ = run(broken, again(jobs))
    rows = json.loads(Path(jobs[0].output).read_text())
    assert [row[0] for row in rows] == [*range(stands), *range(12)]  # what it gave when it was opened again
    assert (metrics.streams[0].frames_done, metrics.streams[0].failure) == (stands + 12, None)


@pytest.mark.parametrize(
    ("epoch", "resume", "told"),
    [(0, False, []), (1, False, [0]), (0, True, [0])],  # nothing is committed in any of them
)
def test_such_a_source_is_told_that_its_stream_began_before(
    toy_config, toy_jobs, monkeypatch: pytest.MonkeyPatch, epoch: int, resume: bool, told: list[int]
) -> None:
    heard: list[int] = []
    monkeypatch.setattr(toy_stages.Camera, "resume_after", lambda stage, frames: heard.append(frames))
    config = toy_config(**LIVE)
    worker = LaneWorker(config.graph.lanes[0], config.stages, 1)
    worker.pull(dataclasses.replace(toy_jobs("3")[0], resume=resume), epoch)
    worker.shutdown()
    assert heard == told


def test_frame_numbers_continue_after_the_death_of_such_a_source(
    toy_config, toy_jobs, tmp_path, under_ray: Run
) -> None:
    jobs = toy_jobs("12")
    config = toy_config(square={"at": 7, "do": "die_once", "flag": str(tmp_path / "died")}, **LIVE)
    metrics, _ = under_ray(config, jobs)
    rows = [row[0] for row in json.loads(Path(jobs[0].output).read_text())]
    assert metrics.streams[0].failure is None and metrics.lanes["network"].restarts == 1
    assert rows == [*range(len(rows) - 12), *range(12)]


@pytest.mark.parametrize("ray", [False, True])
def test_a_resumed_source_without_further_items_leaves_a_finished_result(
    toy_config, toy_jobs, tmp_path, ray: bool, run: Run
) -> None:
    source = tmp_path / "7"  # a file that grows while it is recorded
    source.write_bytes(b"x")
    jobs = [dataclasses.replace(job, input=str(source)) for job in toy_jobs("7")]
    config = toy_config(square={"at": 6, "do": "raise_once", "flag": str(tmp_path / "flag")}, **LIVE)
    run(config, jobs)
    stands = Journal.of(jobs[0]).read()[-1].frames
    source.write_bytes(b"more")
    (tmp_path / "over").touch()
    metrics, receipts = run(config, again(jobs))
    assert metrics.streams[0].failure is None and [receipt.frames for _, receipt in receipts] == [stands]
    assert [row[0] for row in json.loads(Path(jobs[0].output).read_text())] == list(range(stands))


@pytest.mark.parametrize("ray", [False, True])
def test_a_run_that_cannot_be_resumed_saves_its_partial_result(
    toy_config, toy_jobs, tmp_path, ray: bool, run: Run
) -> None:
    jobs = toy_jobs("12")
    broken = toy_config(square={"at": 7, "do": "raise"}, **QUIET)
    metrics, _ = run(broken, jobs)
    assert metrics.streams[0].results == [] and Journal.of(jobs[0]).read()  # the first time it can be gone on
    before = Journal.of(jobs[0]).path.read_bytes()
    metrics, _ = run(broken, again(jobs))
    assert [receipt.path for receipt in metrics.streams[0].results] == [f"{jobs[0].output}.saved"]
    assert Journal.of(jobs[0]).path.read_bytes().startswith(before)  # under Ray it may have come further


@pytest.mark.parametrize(
    ("keys", "committed", "saved"), [(QUIET, 6, 0), (LIVE, 7, 1)], ids=["replayable", "recording"]
)
def test_a_failed_recording_commits_every_frame_and_is_saved(
    toy_config, toy_jobs, serially: Run, keys, committed: int, saved: int
) -> None:
    jobs = toy_jobs("12")
    metrics, _ = serially(toy_config(square={"at": 7, "do": "raise"}, **keys), jobs)
    assert Journal.of(jobs[0]).read()[-1].frames == committed
    assert [result.path for result in metrics.streams[0].results] == [f"{jobs[0].output}.saved"] * saved
    where = f"{committed} frames are kept in {jobs[0].output}.partial/"
    assert metrics.streams[0].kept == f"{where}; the same command with --resume continues after them"


@pytest.mark.parametrize("ray", [False, True])
def test_a_resumed_recording_that_is_stopped_before_any_new_packet_gets_its_result(
    toy_config, toy_jobs, ray: bool, run: Run
) -> None:
    jobs = toy_jobs("12")
    config = toy_config(square={"at": 7, "do": "raise"}, **LIVE)
    run(config, jobs)
    stands = Journal.of(jobs[0]).read()[-1].frames
    interrupt, metrics = Interrupt(), Metrics(config.graph, jobs)
    interrupt.request()
    plan = make_plan(config.graph, config.settings, MACHINE)
    receipts = list((run_ray if ray else run_serial)(config, plan, again(jobs), metrics, interrupt))
    assert [(receipt.path, receipt.frames) for _, receipt in receipts] == [
        (f"{jobs[0].output}.partial.json", stands)  # the toy's name for what it saves at a stop
    ]
    assert (metrics.streams[0].state, metrics.streams[0].failure) == ("interrupted", None)


def test_an_error_of_the_whole_run_saves_its_recordings_first(toy_config, toy_jobs, serially: Run) -> None:
    jobs = toy_jobs("12")
    config = toy_config(square={"at": 7, "do": "raise"}, **LIVE)
    serially(config, jobs)
    metrics, recovery = Metrics(config.graph, jobs), Recovery(config, plan_of(config), again(jobs))

    def results():
        recovery.begin(again(jobs)[0])
        raise PlainError("a lane did not start")
        yield

    saved = []
    with pytest.raises(PlainError, match="did not start"):
        for _, receipt in saved_at_the_end(config, again(jobs), recovery, metrics, Interrupt(), results()):
            saved.append(receipt.path)
    assert saved == [f"{jobs[0].output}.saved"] and metrics.streams[0].kept.startswith("7 frames are kept")


def test_damaged_or_absent_states_are_no_restart_point(toy_config, toy_jobs, tmp_path, serially: Run) -> None:
    jobs = toy_jobs("12")
    config = stopped(toy_config, jobs, serially, tmp_path / "flag", 9, smooth={"delay": 2})
    files = sorted(Path(f"{jobs[0].output}.partial").glob("journal.*.states"))
    assert len(files) == len(Journal.of(jobs[0]).read()) == 2
    files[0].write_bytes(files[0].read_bytes()[:-1])
    assert len(Journal.of(jobs[0]).read()) < 2
    for file in files:
        file.unlink(missing_ok=True)
    assert Journal.of(jobs[0]).read() == []
    metrics, _ = serially(config, again(jobs))
    assert metrics.stages["save"].items == 12


def test_states_in_two_lanes_are_no_restart_point() -> None:
    stages = ["count", "square", "use_local", "smooth", "watch", "save"]
    classes = {name: stage_class(name, toy_stages.TABLE) for name in stages}
    together = build_graph([("a", stages[:1]), ("b", stages[1:3]), ("c", stages[3:])], classes, "")
    apart = build_graph([("a", stages[:1]), ("b", stages[1:4]), ("c", stages[4:])], classes, "")
    assert one_lane_has_all_states(together) and not one_lane_has_all_states(apart)


def test_an_ordered_stage_without_state_is_no_restart_point(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = ["count", "watch", "save"]
    classes = {name: stage_class(name, toy_stages.TABLE) for name in ["square", *stages]}
    graph = build_graph([("a", ["count"]), ("b", ["square", "watch"])], classes, "")
    assert one_lane_has_all_states(graph)
    monkeypatch.delattr(toy_stages.Watch, "state")
    assert not one_lane_has_all_states(graph)


def test_the_products_own_tails_can_be_gone_on_from() -> None:
    from pipeline.batch.split_graph import split_run
    from pipeline.configuration.config import load_config
    from stages import STAGES

    config = load_config("batch", [], STAGES)
    parts = split_run(config, STAGES)
    assert one_lane_has_all_states(config.graph)
    assert parts.tail is not None and one_lane_has_all_states(parts.tail.graph)

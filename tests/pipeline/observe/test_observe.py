"""Runs seen from outside: figures, log and trace say what happened, no more and no less."""

from __future__ import annotations

import json
import os
import socket
import stat
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.configuration.config import RunConfig, read_config
from pipeline.configuration.plan import make_plan
from pipeline.configuration.settings import ObserveConfig
from pipeline.interrupts import Interrupt
from pipeline.observe import prometheus as prometheus_module
from pipeline.observe.event_log import EventLog
from pipeline.observe.metrics import Metrics
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.observe.observers import observing
from pipeline.observe.perfetto_trace import PerfettoTrace
from pipeline.observe.prometheus import PrometheusMetrics, gpu_metrics
from pipeline.packet import Failure, Span, Step, Timing
from pipeline.scheduling.serial import run_serial
from pipeline.stage import Job, PlainError
from tests.pipeline.toy_runs import MACHINE
from tests.stages.live.clock_video import free_port


def samples(port: int) -> dict[tuple[str, ...], float]:
    """What Prometheus would read: (name, label values by the labels' names …) → value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        found = [one for family in families for one in family.samples]
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in found}


def run_watched(
    config: RunConfig, jobs: list[Job], observe: ObserveConfig
) -> tuple[Metrics, dict[tuple[str, ...], float]]:
    """A toy run from beginning to end under observation; figures as they stand after it."""
    metrics = Metrics(config.graph, jobs)
    with observing(observe, metrics):
        plan = make_plan(config.graph, config.settings, MACHINE)
        list(run_serial(config, plan, jobs, metrics, Interrupt()))
        seen = samples(observe.metrics) if observe.metrics else {}
    return metrics, seen


def test_figures_are_those_of_the_run(toy_config: Callable[..., RunConfig], toy_jobs: Callable[..., list[Job]]) -> None:
    port = free_port()
    metrics, seen = run_watched(toy_config(), toy_jobs("7", "5"), ObserveConfig(metrics=port))
    assert seen["densepose_frames_in_total",] == seen["densepose_frames_done_total",] == 12
    for lane, tally in metrics.lanes.items():
        assert seen["densepose_lane_packets_total", lane] == tally.packets
        assert seen["densepose_lane_restarts_total", lane] == 0
    packets = metrics.lanes["compute"].packets
    assert seen["densepose_stage_seconds_count", "square"] == packets
    assert seen["densepose_stage_seconds_bucket", "+Inf", "square"] == packets
    assert 0 < seen["densepose_stage_seconds_sum", "square"] <= metrics.stages["square"].busy_s + 1e-9
    with pytest.raises(OSError):  # nothing is left behind
        samples(port)


def test_each_input_has_series_of_its_own_on_request(toy_config, toy_jobs) -> None:
    observe = ObserveConfig(metrics=free_port(), by_stream=True)
    metrics, seen = run_watched(toy_config(), toy_jobs("7", "5"), observe)
    assert seen["densepose_frames_in_total", "0"] == metrics.streams[0].frames_in == 7
    assert seen["densepose_frames_done_total", "1"] == 5
    assert ("densepose_frames_in_total",) not in seen


def test_the_series_of_a_batch_do_not_grow_with_its_files(toy_config) -> None:
    counts = []
    for files in (3, 300):
        jobs = [Job(index=index, input=f"{index}.mp4", output=None, stem="") for index in range(files)]
        metrics, port = Metrics(toy_config().graph, jobs), free_port()
        figures = PrometheusMetrics(metrics, "127.0.0.1", port)
        metrics.observe(figures)
        for index in range(files):
            metrics.step("out", index, Step(started=2, finished=2))
            metrics.streams[index].done = True
            worker, state = ("far:7", "done") if index % 3 else ("near:8", "failed")
            metrics.recorded(
                FileRecord(
                    stream=index,
                    input="a",
                    output=None,
                    state=state,
                    frames=2,
                    seconds=1.0,
                    node="",
                    worker=worker,
                    restarts=0,
                )
            )
        try:
            seen = samples(port)
        finally:
            figures.close()
        assert seen["densepose_frames_done_total",] == 2 * files
        assert seen["densepose_inputs_total", "done", "far:7"] == files * 2 // 3
        assert seen["densepose_inputs_total", "failed", "near:8"] == files // 3
        assert seen["densepose_worker_frames_total", "far:7"] == files * 4 // 3
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_gauges_restarts_and_queues_are_served(toy_config: Callable[..., RunConfig]) -> None:
    config = toy_config()
    metrics = Metrics(config.graph, [Job(index=0, input="a", output=None, stem="a")])
    metrics.step("out", 0, Step())
    metrics.streams[0].gauges |= {"dropped": 12, "latency_p95_s": 0.25}
    metrics.lanes["out"].waiting = 3
    metrics.restarted("compute")
    port = free_port()
    figures = PrometheusMetrics(metrics, "127.0.0.1", port)
    try:
        seen = samples(port)
    finally:
        figures.close()
    assert seen["densepose_live_dropped", "0"] == 12
    assert seen["densepose_live_latency_p95_s", "0"] == 0.25
    assert seen["densepose_lane_waiting", "out"] == 3
    assert seen["densepose_lane_restarts_total", "compute"] == 1


def test_gpu_metrics_come_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '40, 1024'\necho '0, 3'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    told = {(one.name, one.labels["gpu"]): one.value for family in gpu_metrics() for one in family.samples}
    assert told["densepose_gpu_utilization", "0"] == 0.4
    assert told["densepose_gpu_memory_bytes", "0"] == 1 << 30
    assert told["densepose_gpu_memory_bytes", "1"] == 3 << 20
    program.write_text("#!/bin/sh\nexit 9\n")
    assert list(gpu_metrics()) == []


def test_a_port_that_is_taken_is_one_sentence(toy_config: Callable[..., RunConfig]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PlainError, match=rf"observe\.metrics: .*{port}.*name another port"):
            PrometheusMetrics(Metrics(toy_config().graph, []), "127.0.0.1", port)


def test_the_log_has_a_line_for_each_packet_with_stream_and_frames(
    toy_config: Callable[..., RunConfig], toy_jobs: Callable[..., list[Job]], tmp_path: Path
) -> None:
    path = tmp_path / "logs" / "run.jsonl"
    metrics, _ = run_watched(toy_config(), toy_jobs("7", "5"), ObserveConfig(log=str(path)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    computed = [line for line in lines if line["event"] == "packet" and line["lane"] == "compute"]
    assert len(computed) == metrics.lanes["compute"].packets
    for stream, count in ((0, 7), (1, 5)):
        frames = [
            f for one in computed if one["stream"] == stream for f in range(one["first"], one["first"] + one["frames"])
        ]
        assert frames == list(range(count))
    assert [line["path"] for line in lines if line["event"] == "written"] == [
        result.path for tally in metrics.streams.values() for result in tally.results
    ]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_the_log_records_failures_and_restarts(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path / "a.jsonl"))
    failure = Failure(what="it broke", where="a.mp4, frame 3", remedy="mend it")
    log.step("compute", 4, Step(poisoned=(failure,)))
    log.restarted("compute")
    log.step("compute", 4, Step(failure=failure))
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["poisoned", "restarted", "failed"]
    assert lines[2]["said"] == "a.mp4, frame 3: it broke; mend it" and lines[2]["stream"] == 4


def test_the_log_records_files_and_deaths_of_a_batch(tmp_path: Path) -> None:
    log = EventLog(str(tmp_path / "a.jsonl"))
    log.restarted("worker", WorkerDeath(node="far", process=7, input="a.mp4", again=True))
    known = {"state": "failed", "frames": 0, "seconds": 1.5, "node": "far", "worker": "far:8", "restarts": 1}
    log.recorded(FileRecord(stream=4, input="http://me:secret@x/a.mp4", output=None, error="broken", **known))
    log.close()
    died, ended = (json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines())
    assert (died["event"], died["lane"], died["node"], died["process"]) == ("restarted", "worker", "far", 7)
    assert (died["input"], died["again"]) == ("a.mp4", True)
    del ended["time"]
    assert ended == {"event": "file", "stream": 4, "input": "http://x/a.mp4", "error": "broken", **known}


def test_the_trace_accounts_for_every_stage(
    toy_config: Callable[..., RunConfig], toy_jobs: Callable[..., list[Job]], tmp_path: Path
) -> None:
    path = tmp_path / "trace.json"
    metrics, _ = run_watched(toy_config(), toy_jobs("7"), ObserveConfig(profile=str(path)))
    events = json.loads(path.read_text())
    bars = [event for event in events if event["ph"] == "X"]
    for stage, timing in metrics.stages.items():
        traced = sum(bar["dur"] for bar in bars if bar["name"] == stage) / 1e6
        assert traced <= timing.busy_s + 1e-4
    worked = [bar for bar in bars if bar["name"] == "square" and "first" in bar["args"]]
    assert sum(bar["args"]["frames"] for bar in worked) == metrics.stages["square"].items == 7
    assert {bar["pid"] for bar in bars} == {os.getpid()}
    rows = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert set(rows.values()) == {"lane read", "lane compute", "lane out"}
    assert all(bar["tid"] in rows for bar in bars)


def test_a_trace_of_a_run_that_broke_off_can_be_read(tmp_path: Path) -> None:
    """Perfetto and Chrome take a list without its end; so what a crash leaves is of use."""
    trace = PerfettoTrace(str(tmp_path / "t.json"))
    span = Span(stage="detect", start_s=5.0, seconds=0.5, process=7, first=8, frames=4)
    trace.step("network", 1, Step(spans=(span,), timings={"detect": Timing(busy_s=0.5, items=4)}))
    text = (tmp_path / "t.json").read_text()
    events = json.loads(text + "]")
    assert events[-1] == {
        "name": "detect",
        "ph": "X",
        "ts": 5e6,
        "dur": 5e5,
        "pid": 7,
        "tid": 1,
        "args": {"stream": 1, "first": 8, "frames": 4},
    }
    trace.close()
    assert json.loads((tmp_path / "t.json").read_text()) == events


def test_background_work_has_a_row_of_its_own(tmp_path: Path) -> None:
    """Bars of one row must not overlap."""
    trace = PerfettoTrace(str(tmp_path / "t.json"))
    spans = [Span(stage="encode", start_s=5.0, seconds=0.5, process=7, background=aside) for aside in (False, True)]
    trace.step("out", 1, Step(spans=tuple(spans)))
    trace.close()
    events = json.loads((tmp_path / "t.json").read_text())
    rows = {event["args"]["name"]: event["tid"] for event in events if event["name"] == "thread_name"}
    assert [event["tid"] for event in events if event["ph"] == "X"] == [rows["lane out"], rows["lane out, background"]]


@pytest.mark.parametrize("kind", ["log", "profile"])
def test_a_file_that_cannot_be_written_is_one_sentence(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PlainError, match=f"the {kind} cannot be written"):
        (EventLog if kind == "log" else PerfettoTrace)(str(tmp_path / "file" / "under.json"))


def test_options_become_settings() -> None:
    raw = read_config("video")
    words = ["a.mp4", "--profile", "p.json", "--log", "l.jsonl", "--metrics", "9001"]
    apply_shortcuts(raw, read_arguments(words), {})
    assert raw.values["observe"] == {"profile": "p.json", "log": "l.jsonl", "metrics": 9001}


def test_a_client_without_a_request_is_disconnected(
    toy_config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus_module, "PATIENCE_S", 0.5)
    port = free_port()
    figures = PrometheusMetrics(Metrics(toy_config().graph, []), "127.0.0.1", port)
    try:
        opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for connection in opened[::2]:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        for connection in opened:
            connection.settimeout(20)
            assert connection.recv(1) == b""
            connection.close()
        assert samples(port)
    finally:
        figures.close()


def test_a_full_disk_ends_log_and_trace_and_not_the_run(
    toy_config: Callable[..., RunConfig], toy_jobs: Callable[..., list[Job]], tmp_path: Path
) -> None:
    """`/dev/full` takes nothing; the results stand, and what is incomplete is told."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    jobs = toy_jobs("7")
    metrics, _ = run_watched(toy_config(), jobs, ObserveConfig(log="/dev/full", profile="/dev/full"))
    assert metrics.streams[0].failure is None and len(json.loads(Path(jobs[0].output or "").read_text())) == 7
    said = [str(complaint) for complaint in metrics.complaints]
    assert len(said) == 2 and all("No space left on device" in one and "is incomplete" in one for one in said)


def test_a_run_that_is_begun_again_writes_on(toy_config: Callable[..., RunConfig], toy_jobs, tmp_path: Path) -> None:
    observe = ObserveConfig(log=str(tmp_path / "log"), profile=str(tmp_path / "trace"))
    config, plan_of = toy_config(), toy_config().settings
    for goes_on in (False, True):
        jobs = toy_jobs("7", folder=f"results{goes_on}")
        metrics = Metrics(config.graph, jobs)
        with observing(observe, metrics, append=goes_on):
            list(run_serial(config, make_plan(config.graph, plan_of, MACHINE), jobs, metrics, Interrupt()))
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert sum(line["event"] == "written" for line in lines) == 2

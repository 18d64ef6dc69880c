"""Complete live runs: a server that dies and comes back, Ctrl-C, reports, exit codes."""

from __future__ import annotations

import json
import os
import signal
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.stages.live import waiting
from tests.stages.live.browser import Browser, browser_program, made_after
from tests.stages.live.clock_video import CYCLE, VideoServer, free_port, read_clock
from tests.stages.live.live_without_network import CONFIG, LiveRun, decoded_frames
from tests.stages.live.stream_receiver import Receiver
from tests.stages.live.test_live_sources import rtsp_process

wait_for = partial(waiting.wait_for, seconds=90)
TRACEBACK = "Traceback (most recent call last)"
GREEN_ATLAS = (
    "new Promise(done => { const suit = document.createElement('canvas'); suit.width = 400; suit.height = 600;"
    "suit.toBlob(blob => done(upload(new File([blob], 'green.png')))); })"
)


def recorded(path: Path) -> int:
    """Number of frames in the finished segments of an unfinished result."""
    manifest = path.with_name(f"{path.name}.partial") / "manifest.jsonl"
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    return sum(len(json.loads(line)["pts"]) for line in lines)


def frames_in_order(path: Path) -> int:
    """Number of frames of a recording; checks that order and times match the clock that the frames show."""
    shown, times = decoded_frames(path)
    clocks = [read_clock(rgb) for rgb in shown]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert (np.diff(clocks) % CYCLE < CYCLE / 2).all()  # no frame is older than the one before
    elapsed = (clocks[-1] - clocks[0]) % CYCLE / 1000
    assert times[-1] - times[0] == pytest.approx(elapsed, abs=1.0)
    return len(shown)


@pytest.mark.parametrize("way", ["--serial", "ray"])
def test_a_recording_continues_in_one_file_after_the_source_comes_back(way: str, tmp_path: Path) -> None:
    port = free_port()
    server = VideoServer(port)
    out = tmp_path / "day.mp4"
    words = ["--set", "encode.segment_frames=5", "--report", "report.json", *([way] if way != "ray" else [])]
    run = LiveRun(tmp_path, server.url, "-o", "day.mp4", *words)
    try:
        wait_for(lambda: recorded(out) >= 20, run.output)
        server.kill()
        before = recorded(out)
        time.sleep(1)
        server = VideoServer(port)
        wait_for(lambda: recorded(out) >= before + 30, run.output)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    shown = frames_in_order(out)
    assert shown >= before + 30
    assert not (tmp_path / "day.mp4.partial").exists()
    (entry,) = json.loads((tmp_path / "report.json").read_text())["inputs"]
    assert entry["frames_out"] == shown and entry["output"].endswith("day.mp4")
    assert entry["reconnects"] == 1 and entry["frames_received"] >= shown
    assert 0 < entry["latency_ms"]["p50"] <= entry["latency_ms"]["p95"]
    assert "from capture to display" in run.output() and "was lost once" in run.output()
    assert TRACEBACK not in run.output()


def test_ctrl_c_while_the_source_is_away_leaves_a_complete_file(tmp_path: Path) -> None:
    server = VideoServer(free_port())
    out = tmp_path / "day.mp4"
    run = LiveRun(tmp_path, server.url, "-o", "day.mp4", "--serial", "--set", "encode.segment_frames=5")
    try:
        wait_for(lambda: recorded(out) >= 10, run.output)
        server.kill()
        time.sleep(1.5)
        run.stop()
        assert run.end(30) == 130
    finally:
        run.end(1) if run.running else None
    assert len(decoded_frames(out)[0]) >= 10 and not (tmp_path / "day.mp4.partial").exists()


def test_the_page_shows_the_loss_of_a_source_and_its_return(tmp_path: Path) -> None:
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium here")
    source, page = free_port(), free_port()
    server = VideoServer(source)
    run = LiveRun(tmp_path, server.url, "--serial", "--set", f"preview.port={page}", "--set", "preview.quality=95")
    browser = Browser(program, tmp_path / "profile")
    try:
        wait_for(lambda: "people a frame" in run.output(), run.output)
        browser.open(f"http://127.0.0.1:{page}/")
        browser.wait("at('lamp').className == 'on' && Number(at('picture').dataset.shown) > 10", 60)
        browser.wait(made_after(time.time()), 60)
        browser.run(GREEN_ATLAS)
        browser.wait("at('atlas').value == 'green.png' && at('style').value == 'texture'")
        server.kill()
        browser.wait("at('lamp').className == 'off' && at('status').textContent.includes('the source is lost')")
        came_back = time.time()
        server = VideoServer(source)
        browser.wait("at('lamp').className == 'on' && at('reconnects').textContent == '1'", 60)
        browser.wait(made_after(came_back), 60)  # a frame from after the loss
        run.stop()
        assert run.end() == 130
        browser.wait("at('status').textContent == 'no connection to the program'")
    finally:
        browser.close()
        run.end(1) if run.running else None
        server.kill()


def test_a_recording_continues_in_one_file_after_an_rtsp_server_restarts(tmp_path: Path) -> None:
    port = free_port()
    server = rtsp_process(port)
    out = tmp_path / "day.mp4"
    words = ["--serial", "--set", "encode.segment_frames=5", "--report", "report.json"]
    run = LiveRun(tmp_path, f"rtsp://127.0.0.1:{port}/video", "-o", "day.mp4", *words)
    try:
        wait_for(lambda: recorded(out) >= 20, run.output)
        server.kill()
        server.wait()
        before = recorded(out)
        server = rtsp_process(port)
        wait_for(lambda: recorded(out) >= before + 20, run.output)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
        server.wait()
    shown, times = decoded_frames(out)
    assert len(shown) >= before + 20 and all(later > earlier for earlier, later in pairwise(times))
    (entry,) = json.loads((tmp_path / "report.json").read_text())["inputs"]
    assert entry["frames_out"] == len(shown) and entry["reconnects"] == 1
    assert not (tmp_path / "day.mp4.partial").exists() and TRACEBACK not in run.output()


def test_a_run_is_sent_to_a_server(tmp_path: Path) -> None:
    server = VideoServer(free_port())
    url = f"rtmp://127.0.0.1:{free_port()}/live/video"
    receiver = Receiver(url, most=15)
    run = LiveRun(tmp_path, server.url, "-o", url, "--serial", "--report", "r.json")
    try:
        receiver.join(60)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    assert len(receiver.numbers) == 15
    assert (np.diff(receiver.numbers) % CYCLE < CYCLE / 2).all()
    (entry,) = json.loads((tmp_path / "r.json").read_text())["inputs"]
    assert entry["output"] == url.replace("video", "…") and entry["sent"] >= 15


def test_a_recording_continues_after_a_process_was_killed(tmp_path: Path) -> None:
    server = VideoServer(free_port())
    out = tmp_path / "day.mp4"
    run = LiveRun(tmp_path, server.url, "-o", "day.mp4", "--set", "encode.segment_frames=5", "--report", "r.json")
    try:
        wait_for(lambda: recorded(out) >= 10, run.output)
        os.kill(run.process_with("day.mp4.partial"), signal.SIGKILL)
        before = recorded(out)
        wait_for(lambda: recorded(out) >= before + 20, run.output)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    assert frames_in_order(out) >= before + 20
    assert json.loads((tmp_path / "r.json").read_text())["lanes"]["out"]["restarts"] == 1


def test_a_killed_process_looks_for_its_source_and_whoever_gives_up_or_stops_leaves_the_file(tmp_path: Path) -> None:
    server = VideoServer(free_port())
    out, report = tmp_path / "day.mp4", tmp_path / "r.json"
    words = [server.url, "-o", "day.mp4", "--set", "encode.segment_frames=5", "--report", "r.json"]
    run = LiveRun(tmp_path, *words, "--set", "live_decode.source.give_up_s=1")
    try:
        wait_for(lambda: recorded(out) >= 10, run.output)
        server.kill()  # from here on it refuses connections
        recording = run.process_with("day.mp4.partial")
        for lane in set(run.processes_named("ray::LaneActor")) - {recording}:
            os.kill(lane, signal.SIGKILL)
        before = recorded(out)
        assert run.end() == 1
    finally:
        run.end(1) if run.running else None
        server.kill()
    assert "was not found again" in run.output() and "Connection refused" in run.output()
    shown = frames_in_order(out)
    assert shown >= before and json.loads(report.read_text())["lanes"]["decode"]["restarts"] == 1
    assert f"{shown} frames are kept in day.mp4.partial/; the same command with --resume" in run.output()
    again = LiveRun(tmp_path, *words)
    assert again.end() == 1 and "add --resume to continue after them" in again.output()
    assert frames_in_order(out) == shown
    resumed = LiveRun(tmp_path, *words, "--resume")  # other settings of the source are no other recording
    wait_for(lambda: "looking for the source" in resumed.output(), resumed.output)
    resumed.stop()
    assert resumed.end() == 130, resumed.output()
    assert frames_in_order(out) == shown and not (tmp_path / "day.mp4.partial").exists()
    assert f"day.mp4 ({shown} frames) · stopped early" in resumed.output()


def test_resume_continues_a_recording_after_the_program_was_killed(tmp_path: Path) -> None:
    server = VideoServer(free_port())
    out = tmp_path / "day.mp4"
    words = [server.url, "-o", "day.mp4", "--serial", "--set", "encode.segment_frames=5"]
    run = LiveRun(tmp_path, *words)
    try:
        wait_for(lambda: recorded(out) >= 10, run.output)
        run.kill()
        before = recorded(out)
        run = LiveRun(tmp_path, *words, "--resume")
        wait_for(lambda: recorded(out) >= before + 10, run.output)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    assert frames_in_order(out) >= before + 10


def test_a_run_with_a_time_limit_ends_with_exit_code_0(tmp_path: Path) -> None:
    server = VideoServer(free_port())
    run = LiveRun(tmp_path, server.url, "-o", "a.mp4", "--serial", "--set", "live_decode.seconds=2")
    code = run.end()
    server.kill()
    assert code == 0, run.output()
    assert len(decoded_frames(tmp_path / "a.mp4")[0]) > 5


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["http://127.0.0.1:9/video.ts", "-o", "a.mp4"], 1, "could not be opened"),
        (["98"], 1, "there is no such camera"),
        (["gopher://x/y"], 1, "'gopher' is not a stream protocol"),
        ([], 2, "a live run has one input"),
        (["0", "1"], 2, "a live run has one input"),
        (["0", "-o", "live.yaml"], 1, "this file exists already"),
        (["live.yaml"], 1, "not a video"),
        (["0", "--set", "live_decode.source.watchdog_s=99"], 2, "watchdog_s is 99"),
        (["0", "--set", "preview.port=0"], 2, "port is 0"),
    ],
)
def test_a_wrong_command_is_one_error_message(words: list[str], code: int, part: str, tmp_path: Path) -> None:
    run = LiveRun(tmp_path, *words, "--serial")
    assert run.end() == code, run.output()
    assert part in run.output() and TRACEBACK not in run.output()
    assert run.output().count("error:") == 1
    assert not (tmp_path / "a.mp4").exists()


def test_memory_does_not_grow_while_frames_are_dropped(tmp_path: Path) -> None:
    """All queues are bounded: a graph that takes a tenth of the frames does not use more memory after ten seconds."""
    server = VideoServer(free_port())
    slow = CONFIG.replace("no_people, preview", "no_people, slow, preview")
    run = LiveRun(tmp_path, server.url, "--serial", "--report", "r.json", config=slow)
    try:
        wait_for(lambda: "people a frame" in run.output(), run.output)
        time.sleep(2)
        early = run.resident()
        time.sleep(8)
        late = run.resident()
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    (entry,) = json.loads((tmp_path / "r.json").read_text())["inputs"]
    assert entry["dropped"] > 100
    assert late - early < 20 << 20  # the frames dropped in that time have 36 MB
    assert entry["latency_ms"]["p95"] < 6000  # without dropping, latency would reach 15 s

"""A whole live run, as a user starts it: a server that dies and comes back, Ctrl-C, reports, exit codes."""

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
from tests.stages.live.clock_film import CYCLE, FilmServer, free_port, read_clock
from tests.stages.live.live_receiver import Receiver
from tests.stages.live.nobody_here import CONFIG, LiveRun, pictures
from tests.stages.live.test_live_sources import rtsp_process

wait_for = partial(waiting.wait_for, seconds=90)
TRACEBACK = "Traceback (most recent call last)"
GREEN_ATLAS = (
    "new Promise(done => { const suit = document.createElement('canvas'); suit.width = 400; suit.height = 600;"
    "suit.toBlob(blob => done(upload(new File([blob], 'green.png')))); })"
)


def recorded(path: Path) -> int:
    """Frames in the whole segments of a result that is being made."""
    manifest = path.with_name(f"{path.name}.partial") / "manifest.jsonl"
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    return sum(len(json.loads(line)["pts"]) for line in lines)


def frames_in_order(film: Path) -> int:
    """How many frames a recording holds; it must play whole, in the order and at the times its pictures show."""
    shown, times = pictures(film)
    clocks = [read_clock(rgb) for rgb in shown]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert (np.diff(clocks) % CYCLE < CYCLE / 2).all()  # never a picture older than the one before
    went_by = (clocks[-1] - clocks[0]) % CYCLE / 1000
    assert times[-1] - times[0] == pytest.approx(went_by, abs=1.0)
    return len(shown)


@pytest.mark.parametrize("way", ["--serial", "ray"])
def test_one_file_though_the_source_died_and_came_back(way: str, tmp_path: Path) -> None:
    port = free_port()
    server = FilmServer(port)
    out = tmp_path / "day.mp4"
    words = ["--set", "encode.segment_frames=5", "--report", "report.json", *([way] if way != "ray" else [])]
    run = LiveRun(tmp_path, server.url, "-o", "day.mp4", *words)
    try:
        wait_for(lambda: recorded(out) >= 20, run.said)
        server.kill()
        before = recorded(out)
        time.sleep(1)
        server = FilmServer(port)
        wait_for(lambda: recorded(out) >= before + 30, run.said)
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
    assert "from capture to display" in run.said() and "was lost once" in run.said()
    assert TRACEBACK not in run.said()


def test_ctrl_c_while_the_source_is_away_leaves_the_file_whole(tmp_path: Path) -> None:
    server = FilmServer(free_port())
    out = tmp_path / "day.mp4"
    run = LiveRun(tmp_path, server.url, "-o", "day.mp4", "--serial", "--set", "encode.segment_frames=5")
    try:
        wait_for(lambda: recorded(out) >= 10, run.said)
        server.kill()
        time.sleep(1.5)
        run.stop()
        assert run.end(30) == 130
    finally:
        run.end(1) if run.running else None
    assert len(pictures(out)[0]) >= 10 and not (tmp_path / "day.mp4.partial").exists()


def test_a_browser_watches_a_stream_through_its_loss(tmp_path: Path) -> None:
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium here")
    source, page = free_port(), free_port()
    server = FilmServer(source)
    run = LiveRun(tmp_path, server.url, "--serial", "--set", f"preview.port={page}", "--set", "preview.quality=95")
    browser = Browser(program, tmp_path / "profile")
    try:
        wait_for(lambda: "people a frame" in run.said(), run.said)
        browser.open(f"http://127.0.0.1:{page}/")
        browser.wait("at('lamp').className == 'on' && Number(at('picture').dataset.shown) > 10", 60)
        browser.wait(made_after(time.time()), 60)
        browser.run(GREEN_ATLAS)
        browser.wait("at('atlas').value == 'green.png' && at('style').value == 'texture'")
        server.kill()
        browser.wait("at('lamp').className == 'off' && at('said').textContent.includes('the source is lost')")
        found_again = time.time()
        server = FilmServer(source)
        browser.wait("at('lamp').className == 'on' && at('reconnects').textContent == '1'", 60)
        browser.wait(made_after(found_again), 60)  # and not before the loss
        run.stop()
        assert run.end() == 130
        browser.wait("at('said').textContent == 'not connected to the program'")
    finally:
        browser.close()
        run.end(1) if run.running else None
        server.kill()


def test_one_file_though_an_rtsp_server_was_killed_and_started_again(tmp_path: Path) -> None:
    port = free_port()
    server = rtsp_process(port)
    out = tmp_path / "day.mp4"
    words = ["--serial", "--set", "encode.segment_frames=5", "--report", "report.json"]
    run = LiveRun(tmp_path, f"rtsp://127.0.0.1:{port}/film", "-o", "day.mp4", *words)
    try:
        wait_for(lambda: recorded(out) >= 20, run.said)
        server.kill()
        server.wait()
        before = recorded(out)
        server = rtsp_process(port)
        wait_for(lambda: recorded(out) >= before + 20, run.said)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
        server.wait()
    shown, times = pictures(out)
    assert len(shown) >= before + 20 and all(later > earlier for earlier, later in pairwise(times))
    (entry,) = json.loads((tmp_path / "report.json").read_text())["inputs"]
    assert entry["frames_out"] == len(shown) and entry["reconnects"] == 1
    assert not (tmp_path / "day.mp4.partial").exists() and TRACEBACK not in run.said()


def test_a_run_is_sent_on(tmp_path: Path) -> None:
    server = FilmServer(free_port())
    url = f"rtmp://127.0.0.1:{free_port()}/live/film"
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
    assert entry["output"] == url.replace("film", "…") and entry["sent"] >= 15


def test_a_process_that_is_killed_costs_a_moment_and_not_the_file(tmp_path: Path) -> None:
    server = FilmServer(free_port())
    out = tmp_path / "day.mp4"
    run = LiveRun(tmp_path, server.url, "-o", "day.mp4", "--set", "encode.segment_frames=5", "--report", "r.json")
    try:
        wait_for(lambda: recorded(out) >= 10, run.said)
        os.kill(run.process_with("day.mp4.partial"), signal.SIGKILL)
        before = recorded(out)
        wait_for(lambda: recorded(out) >= before + 20, run.said)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    assert frames_in_order(out) >= before + 20
    assert json.loads((tmp_path / "r.json").read_text())["lanes"]["out"]["restarts"] == 1


def test_after_the_program_itself_was_killed_a_recording_goes_on_in_the_same_file(tmp_path: Path) -> None:
    server = FilmServer(free_port())
    out = tmp_path / "day.mp4"
    words = [server.url, "-o", "day.mp4", "--serial", "--set", "encode.segment_frames=5"]
    run = LiveRun(tmp_path, *words)
    try:
        wait_for(lambda: recorded(out) >= 10, run.said)
        run.kill()
        before = recorded(out)
        run = LiveRun(tmp_path, *words, "--resume")
        wait_for(lambda: recorded(out) >= before + 10, run.said)
        run.stop()
        assert run.end() == 130
    finally:
        run.end(1) if run.running else None
        server.kill()
    assert frames_in_order(out) >= before + 10


def test_a_run_of_so_many_seconds_ends_by_itself_and_well(tmp_path: Path) -> None:
    server = FilmServer(free_port())
    run = LiveRun(tmp_path, server.url, "-o", "a.mp4", "--serial", "--set", "live_decode.seconds=2")
    code = run.end()
    server.kill()
    assert code == 0, run.said()
    assert len(pictures(tmp_path / "a.mp4")[0]) > 5


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["http://127.0.0.1:9/film.ts", "-o", "a.mp4"], 1, "could not be opened"),
        (["98"], 1, "there is no such camera"),
        (["gopher://x/y"], 1, "'gopher' is no kind of stream"),
        ([], 2, "a live run has one input"),
        (["0", "1"], 2, "a live run has one input"),
        (["0", "-o", "nobody.yaml"], 1, "this file exists already"),
        (["nobody.yaml"], 1, "not a video"),
        (["0", "--set", "live_decode.source.watchdog_s=99"], 2, "watchdog_s is 99"),
        (["0", "--set", "preview.port=0"], 2, "port is 0"),
    ],
)
def test_what_cannot_be_is_one_sentence(words: list[str], code: int, part: str, tmp_path: Path) -> None:
    run = LiveRun(tmp_path, *words, "--serial")
    assert run.end() == code, run.said()
    assert part in run.said() and TRACEBACK not in run.said()
    assert run.said().count("error:") == 1
    assert not (tmp_path / "a.mp4").exists()


def test_memory_does_not_grow_while_frames_are_dropped(tmp_path: Path) -> None:
    """Everything that waits has a bound: a graph that takes a tenth of the frames holds no more after ten seconds."""
    server = FilmServer(free_port())
    slow = CONFIG.replace("nobody, preview", "nobody, dawdle, preview")
    run = LiveRun(tmp_path, server.url, "--serial", "--report", "r.json", config=slow)
    try:
        wait_for(lambda: "people a frame" in run.said(), run.said)
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
    assert late - early < 20 << 20  # the frames dropped in that time alone are 36 MB
    assert entry["latency_ms"]["p95"] < 6000  # without dropping, the last one would have been a quarter of a minute old

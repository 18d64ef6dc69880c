"""Where live pictures go: servers that are there, are not, or hang; files; cameras."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pipeline.stage import Job, StageError
from stages.live.broadcast import Broadcast, BroadcastSettings
from stages.live.live_output import LiveOutput
from stages.live.payloads import Captured, Gauges
from stages.live.virtual_camera import VirtualCamera
from stages.payloads import FrameChunk, Overlay, SegmentWritten, VideoInfo, Written
from stages.video.decoding.paths_and_urls import has_protocol
from stages.video.encode import Encode
from tests.stages.live.clock_film import HEIGHT, WIDTH, clock_picture, free_port, read_clock
from tests.stages.live.live_receiver import Receiver
from tests.stages.live.nobody_here import pictures
from tests.stages.live.test_live_sources import rtsp_process
from tests.stages.live.waiting import PATIENCE_S

VIDEO = VideoInfo(
    path="", width=WIDTH, height=HEIGHT, still=False, rate=Fraction(25), time_base=Fraction(1, 90_000), colorspace=6
)
BEGIN = 1_700_000_000 * 90_000
"""Time stamps of live frames count from 1970."""


def job(output: str | None) -> Job:
    return Job(index=0, input="0", output=output, stem="live")


def feed(stage: LiveOutput, output: str | None, numbers: range, age_s: float = 0.05) -> list[Any]:
    """Give a sink the pictures with these numbers, 40 ms apart; what it says."""
    said = []
    for number in numbers:
        chunk = FrameChunk(
            rgb_THW3=clock_picture(number / 1000)[None],
            pts_T=np.array([BEGIN + 3600 * number], np.int64),
            first=number,
            video=VIDEO,
        )
        captured = Captured(captured_s=time.time() - age_s, received=number, dropped=0, reconnects=0)
        said += list(stage(job(output), chunk, Overlay(rgb_THW3=chunk.rgb_THW3), captured))
    return said


def output_stage() -> LiveOutput:
    return LiveOutput(LiveOutput.Config(encode=Encode.Config(preset="ultrafast", crf=10, segment_frames=10)))


def send_numbers(target: Broadcast, count: int) -> None:
    """Send pictures with numbers at their pace."""
    for number in range(count):
        target.send(clock_picture(number / 1000), number * 3600)
        time.sleep(0.02)


def send_until_sent(target: Broadcast, least: int) -> int:
    """Send pictures with numbers until so many went out, then say goodbye; how many were given."""
    end = time.monotonic() + PATIENCE_S
    number = 0
    while target.facts["sent"] < least and time.monotonic() < end:
        target.send(clock_picture(number / 1000), number * 3600)
        number += 1
        time.sleep(0.02)
    target.close()
    return number


def test_a_stream_arrives_picture_by_picture() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/film"
    receiver = Receiver(url)
    time.sleep(0.5)
    sending = Broadcast(url, VIDEO, BroadcastSettings(crf=10))
    given = send_until_sent(sending, 20)
    receiver.join(20)
    facts = sending.facts
    assert facts["sent"] + facts["unsent"] == given and facts["sent"] >= 20
    assert len(receiver.numbers) >= facts["sent"] - 2
    assert receiver.numbers == sorted(set(receiver.numbers)) and set(receiver.numbers) <= set(range(given))
    assert sending.warnings == [] and sending.given_up == []


def test_an_rtsp_server_takes_what_is_announced_to_it() -> None:
    port = free_port()
    server = rtsp_process(port)
    assert server.stdout is not None
    late = threading.Timer(2 * PATIENCE_S, server.kill)
    late.start()
    try:
        sending = Broadcast(f"rtsp://127.0.0.1:{port}/take", VIDEO, BroadcastSettings())
        send_until_sent(sending, 20)
        sent = sending.facts["sent"]
        taken = 0
        for line in server.stdout:  # one for every picture, until the server is killed for being late
            taken = int(line.split()[1])
            if taken >= sent - 3:
                break
    finally:
        late.cancel()
        server.kill()
        server.communicate()
    assert sent >= 20 and taken >= sent - 3


def test_a_server_that_is_not_there_delays_nobody_and_is_said() -> None:
    sending = Broadcast(f"rtmp://user:secret@127.0.0.1:{free_port()}/live/x?key=1", VIDEO, BroadcastSettings())
    took = []
    for number in range(20):
        began = time.monotonic()
        sending.send(clock_picture(0), number * 3600)
        took.append(time.monotonic() - began)
        time.sleep(0.05)
    time.sleep(1)
    sending.close()
    assert max(took) < 5
    assert sending.facts["sent"] == 0 and sending.facts["unsent"] == 20
    (said,) = sending.given_up
    assert "refused" in said and "secret" not in said and "key" not in said


def test_a_server_that_hangs_does_not_hold_the_program() -> None:
    """FFmpeg waits without end for an RTMP server that says nothing, and PyAV would wait with every thread."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sending = Broadcast(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/x", VIDEO, BroadcastSettings())
        began = time.monotonic()
        send_numbers(sending, 30)
        sending.close()
        assert time.monotonic() - began < 25
    assert sending.facts["sent"] == 0


def test_a_protocol_that_is_not_there_is_one_sentence() -> None:
    if has_protocol("srt"):
        pytest.skip("this FFmpeg has it")
    with pytest.raises(StageError, match="cannot send by 'srt'"):
        Broadcast("srt://127.0.0.1:9", VIDEO, BroadcastSettings())


def test_a_lost_server_is_found_again() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/film"
    first = Receiver(url, most=5)
    time.sleep(0.5)
    sending = Broadcast(url, VIDEO, BroadcastSettings())
    end = time.monotonic() + 30
    while first.is_alive() and time.monotonic() < end:
        sending.send(clock_picture(0), round(time.monotonic() * 90_000))
        time.sleep(0.04)
    second = Receiver(url)
    while sending.facts["output_reconnects"] < 1 and time.monotonic() < end:
        sending.send(clock_picture(0), round(time.monotonic() * 90_000))
        time.sleep(0.04)
    sending.close()
    second.join(20)
    assert sending.facts["output_reconnects"] == 1
    assert second.numbers
    assert "lost and found again" in sending.warnings[0] and sending.given_up == []


def test_a_server_that_is_lost_to_the_end_is_given_up() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/film"
    receiver = Receiver(url, most=5)
    time.sleep(0.5)
    sending = Broadcast(url, VIDEO, BroadcastSettings())
    end = time.monotonic() + 30
    while (receiver.is_alive() or sending.connected) and time.monotonic() < end:
        sending.send(clock_picture(0), round(time.monotonic() * 90_000))
        time.sleep(0.04)
    sending.close()
    assert sending.facts["sent"] >= 5
    (said,) = sending.given_up
    assert "was lost and not found again" in said


def test_a_file_begins_at_zero_and_holds_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    stage = output_stage()
    said = feed(stage, str(path), range(25)) + list(stage.flush())
    shown, times = pictures(path)
    assert [read_clock(rgb) for rgb in shown] == list(range(25))
    assert times == pytest.approx([0.04 * i for i in range(25)], abs=1e-4)
    assert isinstance(said[-1], Written) and said[-1].frames == 25


def test_a_stopped_run_leaves_its_file_whole_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    stage = output_stage()
    feed(stage, str(path), range(13))
    (written,) = stage.interrupt()
    stage.close()
    assert written.path == str(path) and os.listdir(tmp_path) == ["live.mp4"]
    assert len(pictures(path)[0]) == 13


def test_a_restart_goes_on_in_the_same_file_and_time(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    said = feed(first, str(path), range(10))
    assert any(isinstance(one, SegmentWritten) for one in said)  # a whole segment: a state worth keeping
    state = first.state()
    first.close()
    second = output_stage()
    second.restore(state)
    feed(second, str(path), range(50, 55))  # what came in between is lost, and time went on
    list(second.flush())
    shown, times = pictures(path)
    assert [read_clock(rgb) for rgb in shown] == [*range(10), *range(50, 55)]
    assert times[10] == pytest.approx(50 * 0.04, abs=1e-4)


def test_a_clock_that_was_set_back_meanwhile_does_not_turn_time_around(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(100, 110))
    state = first.state()
    first.close()
    second = output_stage()
    second.restore(state)
    feed(second, str(path), range(5))
    list(second.flush())
    shown, times = pictures(path)
    assert [read_clock(rgb) for rgb in shown] == [*range(100, 110), *range(5)]
    assert times == sorted(times) and times[-1] - times[10] == pytest.approx(4 * 0.04, abs=1e-4)


def test_a_recording_whose_source_gives_nothing_more_is_whole_or_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(14))
    assert first.aside is not None
    first.aside.wait()
    state = first.state()
    first.close()
    (saved,) = output_stage().salvage(job(str(path)))
    assert [read_clock(rgb) for rgb in pictures(Path(saved.path))[0]] == list(range(10))
    second = output_stage()
    second.restore(state)
    second.reopen(job(str(path)))
    (written,) = second.flush()
    second.close()
    assert (written.path, written.frames) == (str(path), 10)


def test_ages_are_measured_and_reported() -> None:
    stage = output_stage()
    feed(stage, None, range(1), age_s=3600.0)  # came while the networks were being loaded
    said = []
    for number in range(1, 40):
        time.sleep(0.002)
        said += feed(stage, None, range(number, number + 1), age_s=0.0)
    facts = stage.summary()
    assert facts["latency_ms"]["p50"] <= facts["latency_ms"]["p95"] <= facts["latency_ms"]["most"] < 3_600_000
    assert "from capture to display" in facts["notes"][0]
    (written,) = stage.flush()
    assert written.path == "" and written.frames == 40


def test_gauges_tell_how_old_pictures_are() -> None:
    stage = output_stage()
    gauges = [one for one in feed(stage, None, range(3)) if isinstance(one, Gauges)]
    assert len(gauges) == 1 and set(gauges[0].gauges) == {"latency_p50_s", "latency_p95_s"}


def test_a_virtual_camera_gets_every_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []
    opened: list[dict[str, Any]] = []

    class Camera:
        def __init__(self, **wishes: Any) -> None:
            opened.append(wishes)

        def send(self, rgb: np.ndarray) -> None:
            shown.append(rgb)

        def close(self) -> None:
            opened.append({})

    module = ModuleType("pyvirtualcam")
    module.Camera = Camera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    stage = output_stage()
    feed(stage, "camera:///dev/video10", range(4))
    list(stage.flush())
    assert opened[0] == {"width": WIDTH, "height": HEIGHT, "fps": 25.0, "device": "/dev/video10"} and opened[-1] == {}
    assert [read_clock(rgb) for rgb in shown] == [0, 1, 2, 3]


def test_without_the_package_a_virtual_camera_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(StageError, match="pip install"):
        VirtualCamera("camera://", VIDEO)

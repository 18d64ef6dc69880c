"""Outputs of live runs: servers that work, are missing or hang; files; virtual cameras."""

from __future__ import annotations

import dataclasses
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

from pipeline.recovery.journal import remove_parts
from pipeline.stage import SAVED, Job, StageError, bears_mark
from stages.live.broadcast import Broadcast, BroadcastSettings
from stages.live.live_output import LiveOutput
from stages.live.payloads import Captured, Gauges
from stages.live.virtual_camera import VirtualCamera
from stages.payloads import FrameChunk, Overlay, SegmentWritten, VideoInfo, Written
from stages.video.decoding.paths_and_urls import has_protocol
from stages.video.encode import Encode
from tests.stages.live.clock_video import HEIGHT, WIDTH, clock_image, free_port, read_clock
from tests.stages.live.live_without_network import decoded_frames
from tests.stages.live.stream_receiver import Receiver
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
    """Give the sink frames with these numbers, 40 ms apart; returns what it yields."""
    receipts = []
    for number in numbers:
        chunk = FrameChunk(
            rgb_THW3=clock_image(number / 1000)[None],
            pts_T=np.array([BEGIN + 3600 * number], np.int64),
            first=number,
            video=VIDEO,
        )
        captured = Captured(captured_s=time.time() - age_s, received=number, dropped=0, reconnects=0)
        receipts += list(stage(job(output), chunk, Overlay(rgb_THW3=chunk.rgb_THW3), captured))
    return receipts


def output_stage() -> LiveOutput:
    return LiveOutput(LiveOutput.Config(encode=Encode.Config(preset="ultrafast", crf=10, segment_frames=10)))


def send_numbers(target: Broadcast, count: int) -> None:
    """Send numbered frames, 20 ms apart."""
    for number in range(count):
        target.send(clock_image(number / 1000), number * 3600)
        time.sleep(0.02)


def send_until_sent(target: Broadcast, least: int) -> int:
    """Send numbered frames until `least` have been sent, then close; returns the number of frames given."""
    end = time.monotonic() + PATIENCE_S
    number = 0
    while target.facts["sent"] < least and time.monotonic() < end:
        target.send(clock_image(number / 1000), number * 3600)
        number += 1
        time.sleep(0.02)
    target.close()
    return number


def test_a_stream_arrives_frame_by_frame() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/video"
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


def test_a_stream_is_sent_to_an_rtsp_server() -> None:
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
        for line in server.stdout:  # one line a frame, until the timer kills the server
            taken = int(line.split()[1])
            if taken >= sent - 3:
                break
    finally:
        late.cancel()
        server.kill()
        server.communicate()
    assert sent >= 20 and taken >= sent - 3


def test_a_missing_server_delays_no_frame_and_is_reported() -> None:
    sending = Broadcast(f"rtmp://user:secret@127.0.0.1:{free_port()}/live/x?key=1", VIDEO, BroadcastSettings())
    took = []
    for number in range(20):
        began = time.monotonic()
        sending.send(clock_image(0), number * 3600)
        took.append(time.monotonic() - began)
        time.sleep(0.05)
    time.sleep(1)
    sending.close()
    assert max(took) < 5
    assert sending.facts["sent"] == 0 and sending.facts["unsent"] == 20
    (reason,) = sending.given_up
    assert "refused" in reason and "secret" not in reason and "key" not in reason


def test_a_server_that_hangs_does_not_hold_the_program() -> None:
    """FFmpeg waits without end for an RTMP server that does not answer, and PyAV blocks all threads meanwhile."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        sending = Broadcast(f"rtmp://127.0.0.1:{silent.getsockname()[1]}/live/x", VIDEO, BroadcastSettings())
        began = time.monotonic()
        send_numbers(sending, 30)
        sending.close()
        assert time.monotonic() - began < 25
    assert sending.facts["sent"] == 0


def test_a_missing_protocol_is_an_error() -> None:
    if has_protocol("srt"):
        pytest.skip("this FFmpeg has it")
    with pytest.raises(StageError, match="cannot send by 'srt'"):
        Broadcast("srt://127.0.0.1:9", VIDEO, BroadcastSettings())


def test_a_lost_server_is_reconnected() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/video"
    first = Receiver(url, most=5)
    time.sleep(0.5)
    sending = Broadcast(url, VIDEO, BroadcastSettings())
    end = time.monotonic() + 30
    while first.is_alive() and time.monotonic() < end:
        sending.send(clock_image(0), round(time.monotonic() * 90_000))
        time.sleep(0.04)
    second = Receiver(url)
    while sending.facts["output_reconnects"] < 1 and time.monotonic() < end:
        sending.send(clock_image(0), round(time.monotonic() * 90_000))
        time.sleep(0.04)
    sending.close()
    second.join(20)
    assert sending.facts["output_reconnects"] == 1
    assert second.numbers
    assert "lost and found again" in sending.warnings[0] and sending.given_up == []


def test_a_server_that_stays_lost_is_given_up() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/video"
    receiver = Receiver(url, most=5)
    time.sleep(0.5)
    sending = Broadcast(url, VIDEO, BroadcastSettings())
    end = time.monotonic() + 30
    while (receiver.is_alive() or sending.connected) and time.monotonic() < end:
        sending.send(clock_image(0), round(time.monotonic() * 90_000))
        time.sleep(0.04)
    sending.close()
    assert sending.facts["sent"] >= 5
    (reason,) = sending.given_up
    assert "was lost and not found again" in reason


def test_a_file_starts_at_time_zero_and_holds_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    stage = output_stage()
    receipts = feed(stage, str(path), range(25)) + list(stage.flush())
    shown, times = decoded_frames(path)
    assert [read_clock(rgb) for rgb in shown] == list(range(25))
    assert times == pytest.approx([0.04 * i for i in range(25)], abs=1e-4)
    assert isinstance(receipts[-1], Written) and receipts[-1].frames == 25


@pytest.mark.parametrize("name", ["live.mp4", "live.mkv", "live.mov"])
def test_a_stopped_run_leaves_a_complete_file_with_its_final_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    stage = output_stage()
    feed(stage, str(path), range(13))
    segment, written = stage.interrupt()
    stage.close()
    assert (segment.first, segment.frames) == (10, 3)  # the open segment is committed, too
    assert written.path == str(path) and len(decoded_frames(path)[0]) == 13
    assert bears_mark(str(path), SAVED)
    remove_parts(str(path), SAVED)  # what the runner does where the recording is over
    assert os.listdir(tmp_path) == [name]


def test_an_open_segment_that_is_made_complete_is_continued_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(13))
    (segment,) = first.complete_part()
    state = first.state()
    first.close()
    second = output_stage()
    second.restore(state)
    receipts = feed(second, str(path), range(20, 34))
    commits = [(segment.first, segment.frames), *((r.first, r.frames) for r in receipts if hasattr(r, "first"))]
    assert commits == [(10, 3), (13, 10)]
    list(second.flush())
    second.close()
    assert [read_clock(rgb) for rgb in decoded_frames(path)[0]] == [*range(13), *range(20, 34)]


def test_a_recording_that_was_saved_so_far_is_replaced_by_the_resumed_run(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(14))
    list(first.complete_part())
    state = first.state()
    first.close()
    for _ in range(2):  # whoever saves it again replaces the file
        (saved,) = output_stage().save_complete_parts(job(str(path)))
        assert (saved.path, len(decoded_frames(path)[0])) == (str(path), 14)
    second = output_stage()
    second.restore(state)
    feed(second, str(path), range(14, 20))
    list(second.flush())
    second.close()
    assert [read_clock(rgb) for rgb in decoded_frames(path)[0]] == list(range(20))


def test_a_file_that_is_no_part_of_the_recording_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(10))
    first.close()
    path.write_bytes(b"somebody's")
    with pytest.raises(StageError, match="exists already"):
        feed(output_stage(), str(path), range(10, 12))
    assert path.read_bytes() == b"somebody's"


def test_a_camera_that_comes_back_with_another_size_keeps_the_file_playable(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(10))
    state = first.state()
    first.close()
    second = output_stage()
    second.restore(state)
    small = dataclasses.replace(VIDEO, width=160, height=96)
    rgb_THW3 = clock_image(0.5)[None, ::2, ::2].copy()
    chunk = FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.array([BEGIN]), first=10, video=small)
    captured = Captured(captured_s=time.time(), received=11, dropped=0, reconnects=0)
    list(second(job(str(path)), chunk, Overlay(rgb_THW3=chunk.rgb_THW3), captured))
    list(second.flush())
    second.close()
    shown = decoded_frames(path)[0]
    assert {rgb.shape for rgb in shown} == {(HEIGHT, WIDTH, 3)}
    assert [read_clock(rgb) for rgb in shown] == [*range(10), 500]


def test_a_container_for_equal_durations_is_refused_before_the_start() -> None:
    with pytest.raises(StageError, match="AVI needs frames of equal duration"):
        LiveOutput.check(LiveOutput.Config(), job("day.avi"))
    LiveOutput.check(LiveOutput.Config(), job("day.mkv"))


def test_a_restart_continues_in_the_same_file_and_time(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    receipts = feed(first, str(path), range(10))
    assert any(isinstance(one, SegmentWritten) for one in receipts)  # a finished segment: the state can be stored
    state = first.state()
    first.close()
    second = output_stage()
    second.restore(state)
    feed(second, str(path), range(50, 55))  # the frames in between are lost, time has advanced
    list(second.flush())
    shown, times = decoded_frames(path)
    assert [read_clock(rgb) for rgb in shown] == [*range(10), *range(50, 55)]
    assert times[10] == pytest.approx(50 * 0.04, abs=1e-4)


def test_time_stamps_increase_although_the_clock_was_set_back(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(100, 110))
    state = first.state()
    first.close()
    second = output_stage()
    second.restore(state)
    feed(second, str(path), range(5))
    list(second.flush())
    shown, times = decoded_frames(path)
    assert [read_clock(rgb) for rgb in shown] == [*range(100, 110), *range(5)]
    assert times == sorted(times) and times[-1] - times[10] == pytest.approx(4 * 0.04, abs=1e-4)


def test_a_recording_without_further_frames_can_be_finished_or_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    first = output_stage()
    feed(first, str(path), range(14))
    assert first.background is not None
    first.background.wait()
    state = first.state()
    first.close()
    (saved,) = output_stage().save_partial_result(job(str(path)))
    assert [read_clock(rgb) for rgb in decoded_frames(Path(saved.path))[0]] == list(range(10))
    second = output_stage()
    second.restore(state)
    second.reopen(job(str(path)))
    (written,) = second.flush()
    second.close()
    assert (written.path, written.frames) == (str(path), 10)


def test_the_receipt_of_a_server_that_is_not_there_names_no_output() -> None:
    stage = output_stage()
    feed(stage, f"rtmp://127.0.0.1:{free_port()}/live/x", range(3))
    (written,) = stage.flush()
    assert (written.path, written.frames) == ("", 0)
    assert "nothing was sent" in stage.summary()["given_up"][0]


def test_latencies_are_measured_and_reported() -> None:
    stage = output_stage()
    feed(stage, None, range(1), age_s=3600.0)  # captured while networks were loaded
    receipts = []
    for number in range(1, 40):
        time.sleep(0.002)
        receipts += feed(stage, None, range(number, number + 1), age_s=0.0)
    facts = stage.summary()
    assert facts["latency_ms"]["p50"] <= facts["latency_ms"]["p95"] <= facts["latency_ms"]["most"] < 3_600_000
    assert "from capture to display" in facts["notes"][0]
    (written,) = stage.flush()
    assert written.path == "" and written.frames == 40


def test_gauges_hold_the_latency() -> None:
    stage = output_stage()
    gauges = [one for one in feed(stage, None, range(3)) if isinstance(one, Gauges)]
    assert len(gauges) == 1 and set(gauges[0].gauges) == {"latency_p50_s", "latency_p95_s"}


def test_a_virtual_camera_gets_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []
    opened: list[dict[str, Any]] = []

    class Camera:
        def __init__(self, **options: Any) -> None:
            opened.append(options)

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


def test_without_the_package_the_error_names_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(StageError, match="pip install"):
        VirtualCamera("camera://", VIDEO)

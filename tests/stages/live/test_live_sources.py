"""Live sources: servers that are killed and come back, files that grow, streams that are pushed to this machine."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipeline.stage import Job, StageError
from stages.live.camera import request_mode
from stages.live.live_decode import LiveDecode
from stages.live.payloads import Captured
from stages.live.source_settings import CameraSettings, SourceSettings
from stages.live.srt import srt_reader
from stages.payloads import FrameChunk
from tests.stages.live import clock_video
from tests.stages.live.clock_video import CYCLE, RATE, VideoServer, clock_image, free_port, read_clock, send_video
from tests.stages.live.waiting import wait_for

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")


def job(name: str) -> Job:
    return Job(index=0, input=name, output=None, stem="live")


class Watching:
    """A live source that is read until a condition holds."""

    def __init__(self, name: str, *, seconds: float = 60, **settings: Any) -> None:
        source = SourceSettings(**{"watchdog_s": 2.0, **settings})
        self.stage = LiveDecode(LiveDecode.Config(source=source, seconds=seconds))
        self.items = self.stage(job(name))
        self.chunks: list[FrameChunk] = []
        self.captured: list[Captured] = []

    def until(self, condition: Callable[[Watching], bool]) -> Watching:
        """Read until a condition holds; fails if the source ends before."""
        for item in self.items:
            if isinstance(item, tuple):
                self.chunks.append(item[0])
                self.captured.append(item[1])
                if condition(self):
                    return self
        raise AssertionError(f"the source ended after {len(self.chunks)} frames")

    def frames(self, count: int) -> Watching:
        """Read `count` more frames."""
        goal = len(self.chunks) + count
        return self.until(lambda one: len(one.chunks) >= goal)

    def close(self) -> None:
        self.items.close()
        self.stage.close()


@pytest.fixture
def watch() -> Iterator[Callable[..., Watching]]:
    """Opens sources, and closes them after the test."""
    opened: list[Watching] = []

    def begin(name: str, **settings: Any) -> Watching:
        opened.append(Watching(name, **settings))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def clocks(chunks: list[FrameChunk]) -> list[int]:
    """The times that the frames show, milliseconds."""
    return [read_clock(chunk.rgb_THW3[0]) for chunk in chunks]


def test_the_clock_in_a_frame_can_be_read() -> None:
    for seconds in (0.0, 12.345, 1e9 + 0.678, CYCLE / 1000 - 0.001):
        assert read_clock(clock_image(seconds)) == int(seconds * 1000) % CYCLE


def test_a_killed_stream_is_reconnected_and_time_stamps_continue(watch: Callable[..., Watching]) -> None:
    port = free_port()
    server = VideoServer(port)
    seen = watch(server.url).frames(20)
    server.kill()
    time.sleep(0.5)
    server = VideoServer(port)
    seen.until(lambda one: one.captured[-1].reconnects == 1).frames(20)
    server.kill()
    shown, pts = clocks(seen.chunks), [int(chunk.pts_T[0]) for chunk in seen.chunks]
    assert all(b > a for a, b in pairwise(pts))
    # Time stamps advance as the clock in the frames does, also over the loss.
    elapsed = (shown[-1] - shown[0]) % CYCLE / 1000
    assert (pts[-1] - pts[0]) / 90_000 == pytest.approx(elapsed, abs=0.8)
    facts = seen.stage.summary()
    assert facts["reconnects"] == 1 and "was lost once" in facts["warnings"][0]
    assert [chunk.first for chunk in seen.chunks] == list(range(len(seen.chunks)))


def test_the_watchdog_closes_a_silent_connection(watch: Callable[..., Watching]) -> None:
    port = free_port()
    server = VideoServer(port)
    seen = watch(server.url, watchdog_s=0.7).frames(10)
    server.hold()  # connected, but sends nothing more
    began = time.monotonic()
    while time.monotonic() - began < 20:
        item = next(seen.items)
        if not isinstance(item, tuple) and not item.gauges["connected"]:
            break
    assert not item.gauges["connected"] and item.gauges["losses"] == 1
    server.kill()
    server = VideoServer(port)
    seen.until(lambda one: one.captured[-1].reconnects == 1)
    server.kill()


def test_a_slow_reader_gets_the_newest_frames(watch: Callable[..., Watching]) -> None:
    server = VideoServer(free_port())
    seen = watch(server.url).frames(5)
    waiting_frames = []
    for _ in range(8):
        time.sleep(0.4)  # ten frames arrive
        seen.frames(1)
        newest = seen.captured[-1].received
        given = len(seen.chunks) + seen.captured[-1].dropped
        waiting_frames.append(newest - given)
    server.kill()
    counts = seen.captured[-1]
    assert counts.dropped > 40
    assert max(waiting_frames) <= 2  # the number of waiting frames does not grow
    steps = np.diff(clocks(seen.chunks)[5:]) % CYCLE
    assert steps.sum() > 0.8 * 7 * 400  # frames are skipped, so that the clock keeps up with real time


@pytest.mark.parametrize("name", ["http://127.0.0.1:{}/video.ts", "rtsp://127.0.0.1:{}/x", "rtmp://127.0.0.1:{}/a/b"])
def test_a_wrong_address_is_an_error_at_once(name: str, watch: Callable[..., Watching]) -> None:
    with pytest.raises(StageError) as caught:
        watch(name.format(free_port())).frames(1)
    assert "could not be opened" in str(caught.value) and "check the address" in caught.value.remedy


def test_an_http_error_is_reported(watch: Callable[..., Watching]) -> None:
    server = VideoServer(free_port())
    with pytest.raises(StageError, match="404"):
        watch(server.url.replace("video", "nothing")).frames(1)
    server.kill()


def test_a_missing_camera_is_an_error(watch: Callable[..., Watching]) -> None:
    if os.path.exists("/dev/video97"):
        pytest.skip("this machine has a hundred cameras")
    with pytest.raises(StageError, match="no such camera"):
        watch("97").frames(1)


def test_a_run_can_wait_for_a_source_at_the_start(watch: Callable[..., Watching]) -> None:
    port = free_port()
    server: list[VideoServer] = []
    later = threading.Timer(1.5, lambda: server.append(VideoServer(port)))
    later.start()
    seen = watch(f"http://127.0.0.1:{port}/video.ts", wait_at_start=True).frames(5)
    assert seen.captured[-1].reconnects == 0
    later.join()
    server[0].kill()


def frames_in(path: Path) -> int:
    """Number of frames that a growing file holds; 0 before its header is written."""
    try:
        with av.open(str(path)) as video:
            return sum(1 for packet in video.demux(video=0) if packet.size)
    except (av.error.FFmpegError, IndexError):
        return 0


def test_a_growing_file_is_read_from_its_newest_frame_to_its_end(
    tmp_path: Path, watch: Callable[..., Watching]
) -> None:
    path, stopped = tmp_path / "grows.ts", threading.Event()
    writer = threading.Thread(target=send_video, args=(str(path), stopped))
    writer.start()
    wait_for(lambda: frames_in(path) >= 50)  # a busy machine starts to write late
    seen = watch(str(path)).frames(1)
    wait_for(lambda: seen.stage.summary()["frames_received"] >= 50)
    seen.frames(1)
    assert seen.captured[-1].dropped >= 45  # frames written earlier are dropped
    seen.frames(15)
    stopped.set()
    writer.join()
    for _ in seen.items:  # its end does not count as a loss
        pass
    facts = seen.stage.summary()
    assert facts["reconnects"] == 0 and facts["given_up"] == []
    assert "the file did not grow for 2 s" in facts["notes"][0]


def test_a_recording_is_played_in_real_time_to_its_end(tmp_path: Path, watch: Callable[..., Watching]) -> None:
    path = tmp_path / "whole.ts"
    with av.open(str(path), "w", format="mpegts") as video:
        stream = video.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = clock_video.WIDTH, clock_video.HEIGHT, "yuv420p"
        for number in range(30):
            frame = av.VideoFrame.from_ndarray(clock_image(number / 1000), format="rgb24")
            frame.pts = number
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    began = time.monotonic()
    seen = watch(str(path), file="play")
    for item in seen.items:
        if isinstance(item, tuple):
            seen.chunks.append(item[0])
    took = time.monotonic() - began
    facts = seen.stage.summary()
    assert facts["frames_received"] == 30 and len(seen.chunks) + facts["dropped"] == 30
    assert took >= 29 / RATE - 0.05
    shown = clocks(seen.chunks)
    assert shown == sorted(shown) and shown[-1] == 29


class Silent(SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def log_message(self, *_: Any) -> None:
        return


def test_a_recording_on_a_server_ends_without_reconnection(
    tmp_path: Path, watch: Callable[..., Watching]
) -> None:
    stopped = threading.Event()
    threading.Timer(1.0, stopped.set).start()
    count = send_video(str(tmp_path / "whole.ts"), stopped)
    files = functools.partial(Silent, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen = watch(f"http://127.0.0.1:{server.server_port}/whole.ts")
    for _ in seen.items:
        pass
    server.shutdown()
    server.server_close()
    facts = seen.stage.summary()
    assert facts["frames_received"] == count and facts["reconnects"] == 0


def test_an_unfinished_mp4_is_an_error(tmp_path: Path, watch: Callable[..., Watching]) -> None:
    path = tmp_path / "open.mp4"
    path.write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41\0\1\0\0mdat" + bytes(100_000))
    with pytest.raises(StageError, match="index is missing"):
        watch(str(path), file="play").frames(1)


def test_a_stream_pushed_to_this_machine_by_rtmp(watch: Callable[..., Watching]) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/video"
    pushing: list[subprocess.Popen[bytes]] = []
    program = [sys.executable, clock_video.__file__, url, "flv"]
    later = threading.Timer(1.0, lambda: pushing.append(subprocess.Popen(program)))
    later.start()
    try:
        seen = watch(url, options={"listen": 1}, watchdog_s=5).frames(30)
    finally:
        later.join()
        pushing[0].kill()
        pushing[0].wait()
    steps = np.diff(clocks(seen.chunks)) % CYCLE
    assert np.median(steps) == pytest.approx(1000 / RATE, abs=15)


def rtsp_process(port: int, file: Path | None = None) -> subprocess.Popen[str]:
    """Start GStreamer's RTSP server, optionally with a file, and wait for it; skips the test if it is missing."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if (
        not os.path.exists(SYSTEM_PYTHON)
        or subprocess.run([SYSTEM_PYTHON, "-c", probe], capture_output=True).returncode
    ):
        pytest.skip("no RTSP server here (Debian: gir1.2-gst-rtsp-server-1.0 and GStreamer's plugins)")
    command = [SYSTEM_PYTHON, str(RTSP_SERVER), str(port), *([] if file is None else [str(file)])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_a_killed_rtsp_server_is_reconnected(watch: Callable[..., Watching]) -> None:
    port = free_port()
    server = rtsp_process(port)
    try:
        seen = watch(f"rtsp://127.0.0.1:{port}/video", watchdog_s=5).frames(25)
        server.kill()
        server.wait()
        server = rtsp_process(port)
        seen.until(lambda one: one.captured[-1].reconnects == 1).frames(25)
    finally:
        server.kill()
        server.wait()
    pts = [int(chunk.pts_T[0]) for chunk in seen.chunks]
    assert all(b > a for a, b in pairwise(pts))
    assert {chunk.rgb_THW3.shape for chunk in seen.chunks} == {(1, 192, 320, 3)}
    assert seen.stage.summary()["reconnects"] == 1


def test_srt_is_read_by_ffmpeg_or_gstreamer(watch: Callable[..., Watching]) -> None:
    if srt_reader() is None or shutil.which("gst-launch-1.0") is None:
        pytest.skip("no program reads SRT (Debian: gstreamer1.0-tools, gstreamer1.0-plugins-bad, -ugly)")
    port = free_port()
    pattern = "videotestsrc is-live=true ! video/x-raw,width=320,height=192,framerate=25/1"
    coded = "x264enc tune=zerolatency key-int-max=25 ! mpegtsmux"
    sink = f"srtsink uri=srt://127.0.0.1:{port}?mode=listener wait-for-connection=false"
    sender = subprocess.Popen(["gst-launch-1.0", "-q", *f"{pattern} ! {coded} ! {sink}".split()])
    try:
        seen = watch(f"srt://127.0.0.1:{port}", wait_at_start=True, watchdog_s=5).frames(20)
    finally:
        sender.kill()
        sender.wait()
    assert seen.chunks[-1].rgb_THW3.shape == (1, 192, 320, 3)


def test_the_pixel_format_of_a_camera_is_set_before_its_size() -> None:
    """Drivers forget the size when the format changes. Without a camera the test checks the order of the calls."""
    calls: list[tuple[int, float]] = []

    class Camera:
        def set(self, key: int, value: float) -> bool:
            calls.append((key, value))
            return True

    request_mode(Camera(), CameraSettings(width=1280, height=720, rate=30, fourcc="MJPG"))  # type: ignore[arg-type]
    assert [key for key, _ in calls] == [
        *(cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT),
        *(cv2.CAP_PROP_FPS, cv2.CAP_PROP_BUFFERSIZE),
    ]
    assert calls[0][1] == cv2.VideoWriter.fourcc(*"MJPG")

"""Recordings on a server: the real end and a lost connection are distinguished, and a lost recording continues."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from stages.live.connection_loss import StalledConnections, StatedLength
from stages.live.live_decode import LiveDecode
from stages.live.source_settings import SourceSettings
from stages.payloads import FrameChunk
from stages.video.decode import Decode
from tests.stages.live.clock_video import HEIGHT, RATE, WIDTH, clock_image, free_port, read_clock
from tests.stages.live.live_without_network import LiveRun, decoded_frames
from tests.stages.live.test_live_sources import job, rtsp_process

HLS = {"hls_time": "1", "hls_list_size": "0"}


def write_numbered_video(path: Path, seconds: int, options: dict[str, str] | None = None) -> int:
    """Write a video whose frames show their numbers; returns the number of frames."""
    with av.open(str(path), "w", options=options or {}) as video:
        stream = video.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = RATE
        for number in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(clock_image(number / 1000), format="rgb24")
            frame.pts = number
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    return seconds * RATE


class FileServer:
    """An HTTP server of a folder's files; `ranges` supports range requests, `share` of each file is sent at most."""

    def __init__(self, folder: Path, *, ranges: bool = True, share: float = 1.0) -> None:
        self.share = share
        self.requested: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = folder / self.path.lstrip("/")
                server.requested.append(self.path)
                if not file.is_file() or server.share == 0:
                    self.send_error(404)
                    return
                content = file.read_bytes()
                byte_range = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
                start = int(byte_range[1]) if byte_range and ranges else 0
                self.send_response(206 if byte_range and ranges else 200)
                if ranges:
                    self.send_header("Accept-Ranges", "bytes")
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                self.wfile.write(content[start : max(start, round(len(content) * server.share))])

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., FileServer]]:
    """Starts servers of the test's folder."""
    stores: list[FileServer] = []

    def begin(**how: Any) -> FileServer:
        stores.append(FileServer(tmp_path, **how))
        return stores[-1]

    yield begin
    for one in stores:
        one.close()


class Run:
    """A live source that is read to its end or to the end of the run."""

    def __init__(self, name: str, *, seconds: float = 60, **settings: Any) -> None:
        source = SourceSettings(**{"watchdog_s": 3.0, **settings})
        self._stage = LiveDecode(LiveDecode.Config(source=source, seconds=seconds))
        self._items = self._stage(job(name))
        self.chunks: list[FrameChunk] = []

    def read(self, lost: Callable[[], object] | None = None) -> Run:
        """Read to the end; calls `lost` when the source is lost for the first time."""
        for item in self._items:
            if isinstance(item, tuple):
                self.chunks.append(item[0])
            elif lost is not None and not item.gauges["connected"] and self.chunks:
                lost()
                lost = None
        self._facts = dict(self._stage.summary())
        self._stage.close()
        return self

    def first(self, count: int) -> Run:
        """Read until `count` frames have come."""
        while len(self.chunks) < count:
            item = next(self._items)
            self.chunks += [item[0]] if isinstance(item, tuple) else []
        return self

    @property
    def facts(self) -> dict[str, Any]:
        return self._facts

    @property
    def shown(self) -> list[int]:
        """The numbers that the frames show."""
        return [read_clock(chunk.rgb_THW3[0]) for chunk in self.chunks]


@pytest.mark.parametrize(
    ("length", "reached_s", "failed", "lost"),
    [
        (StatedLength(seconds=None, counted=False), 5.0, False, True),  # a live stream has no end
        (StatedLength(seconds=20.0, counted=False), 5.9, False, True),  # RTSP, a closed playlist
        (StatedLength(seconds=20.0, counted=False), 19.2, False, False),
        (StatedLength(seconds=20.0, counted=False), 19.9, True, False),  # the server closes the connection at the end
        (StatedLength(seconds=600.0, counted=False), 590.0, False, False),  # a playlist that rounds
        (StatedLength(seconds=1.0, counted=True), 9.6, True, True),  # a file over HTTP, whose first part says 1 s
        (StatedLength(seconds=20.0, counted=True), 9.6, False, False),  # all bytes came: the file itself is short
    ],
)
def test_an_end_before_the_stated_length_is_a_loss(
    length: StatedLength, reached_s: float, failed: bool, lost: bool
) -> None:
    assert length.broke_off(reached_s, failed=failed) == lost


def test_connections_that_end_at_the_same_position_are_counted() -> None:
    stalled = StalledConnections()
    ends = [(5.0, True, 0), (9.0, True, 0), (9.1, True, 1), (9.1, False, 0), (9.1, True, 1), (9.1, True, 2)]
    for place_s, quiet, count in [*ends, (3.0, True, 0), (2.0, True, 0)]:
        stalled.ended(place_s, quiet=quiet)
        assert stalled.count == count
    stalled.ended(None, quiet=True)
    assert stalled.count == 0


@pytest.mark.parametrize("name", ["video.ts", "video.mkv", "video.flv", "fast.mp4"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_lost_file_over_http_continues_at_its_position(
    name: str, ranges: bool, tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    count = write_numbered_video(tmp_path / name, 4, {"movflags": "faststart"} if name == "fast.mp4" else {})
    server = serve(share=0.6, ranges=ranges)

    def repair() -> None:
        server.share = 1.0

    run = Run(server.url(name)).read(lost=repair)
    assert run.facts["losses"] == run.facts["reconnects"] == 1 and run.facts["given_up"] == []
    assert "was lost" in run.facts["warnings"][0]
    assert run.facts["frames_received"] == count  # each frame once
    assert all(later > earlier for earlier, later in pairwise(run.shown)) and run.shown[-1] == count - 1


def test_a_damaged_file_on_a_server_ends_with_a_warning(
    tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    write_numbered_video(tmp_path / "whole.mkv", 6)
    content = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    for run in (Run(serve().url("cut.mkv")).read(), Run(str(tmp_path / "cut.mkv"), file="play").read()):
        assert run.facts["losses"] == 0
        (warning,) = run.facts["warnings"]
        assert "damaged or cut short" in warning and "of 6.0 s" in warning


def test_a_source_that_stays_away_is_given_up_after_give_up_s(
    tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    write_numbered_video(tmp_path / "video.ts", 3)
    server = serve(share=0.5)

    def close() -> None:
        server.share = 0.0

    run = Run(server.url("video.ts"), give_up_s=1.5).read(lost=close)
    assert run.facts["losses"] == 1 and run.facts["reconnects"] == 0
    (reason,) = run.facts["given_up"]
    assert "not found again" in reason and "lost at" in reason


def test_a_run_that_ends_while_its_source_is_away_reports_it(tmp_path: Path, serve: Callable[..., FileServer]) -> None:
    write_numbered_video(tmp_path / "video.ts", 2)
    server = serve(share=0.5)
    run = Run(server.url("video.ts"), seconds=3).read(lost=lambda: setattr(server, "share", 0.0))
    assert len(run.facts["given_up"]) == 1


def test_a_run_whose_source_was_given_up_fails_with_a_complete_file(
    tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    write_numbered_video(tmp_path / "video.ts", 2)
    words = ["--serial", "--set", "live_decode.source.give_up_s=0", "--report", "r.json"]
    run = LiveRun(tmp_path, serve(share=0.6).url("video.ts"), "-o", "day.mp4", *words)
    assert run.end() == 1, run.output()
    assert run.output().count("error:") == 1 and "was not found again" in run.output()
    (entry,) = json.loads((tmp_path / "r.json").read_text())["inputs"]
    assert entry["losses"] == len(entry["given_up"]) == 1 and entry["frames_out"] == len(
        decoded_frames(tmp_path / "day.mp4")[0]
    )


def test_a_video_with_missing_segments_is_reported_as_cut_short(
    tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    write_numbered_video(tmp_path / "vod.m3u8", 6, HLS)
    for file in sorted(tmp_path.glob("vod*.ts"))[3:]:
        file.unlink()
    stage = Decode(Decode.Config())
    frames = sum(len(chunk) for chunk in stage(job(serve().url("vod.m3u8"))))
    facts = stage.summary()
    stage.close()
    assert frames == 3 * RATE and facts["truncated"]
    assert "3.0 of 6.0 s" in facts["warnings"][-1]


def test_missing_segments_of_a_closed_playlist_are_a_loss(tmp_path: Path, serve: Callable[..., FileServer]) -> None:
    count = write_numbered_video(tmp_path / "vod.m3u8", 6, HLS)
    kept = {file: file.read_bytes() for file in sorted(tmp_path.glob("vod*.ts"))[3:]}
    for file in kept:
        file.unlink()

    def repair() -> None:
        for file, content in kept.items():
            file.write_bytes(content)

    run = Run(serve().url("vod.m3u8")).read(lost=repair)
    assert run.facts["losses"] == run.facts["reconnects"] == 1 and run.facts["given_up"] == []
    assert run.facts["frames_received"] == count and run.shown[-1] == count - 1


def test_a_playlist_that_states_too_long_durations_ends(
    tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    count = write_numbered_video(tmp_path / "vod.m3u8", 4, HLS)
    playlist = (tmp_path / "vod.m3u8").read_text()
    (tmp_path / "vod.m3u8").write_text(re.sub(r"#EXTINF:[\d.]+", "#EXTINF:3", playlist))
    run = Run(serve().url("vod.m3u8")).read()
    assert run.facts["frames_received"] == count
    assert "of 12.0 s" in run.facts["given_up"][0]


@pytest.mark.parametrize("closed", [True, False])
def test_a_live_playlist_ends_when_its_sender_closes_it(
    closed: bool, tmp_path: Path, serve: Callable[..., FileServer]
) -> None:
    write_numbered_video(tmp_path / "list.m3u8", 3, HLS)
    whole = (tmp_path / "list.m3u8").read_text()
    (tmp_path / "list.m3u8").write_text(whole.replace("#EXT-X-ENDLIST\n", ""))
    server = serve()
    run = Run(server.url("list.m3u8"), give_up_s=0.5).first(5)
    if closed:
        (tmp_path / "list.m3u8").write_text(whole)
    else:
        server.share = 0.0
    run.read()
    assert run.facts["losses"] == (0 if closed else 1)
    assert len(run.facts["given_up"]) == (0 if closed else 1)


def test_a_killed_rtsp_server_of_a_file_is_reconnected(tmp_path: Path) -> None:
    count = write_numbered_video(tmp_path / "video.mp4", 6)
    port = free_port()
    servers = [rtsp_process(port, tmp_path / "video.mp4")]
    try:
        run = Run(f"rtsp://127.0.0.1:{port}/file").first(40)
        servers[0].kill()
        servers[0].wait()
        run.read(lost=lambda: servers.append(rtsp_process(port, tmp_path / "video.mp4")))
    finally:
        for server in servers:
            server.kill()
            server.wait()
    assert run.facts["losses"] == run.facts["reconnects"] == 1 and run.facts["given_up"] == []
    assert "of 6.0 s" in run.facts["warnings"][0]
    shown = run.shown
    assert all(later > earlier for earlier, later in pairwise(shown)) and shown[-1] == count - 1


def test_an_rtsp_source_ends_at_the_end_of_its_file(tmp_path: Path) -> None:
    write_numbered_video(tmp_path / "video.mp4", 2)
    port = free_port()
    server = rtsp_process(port, tmp_path / "video.mp4")
    began = time.monotonic()
    try:
        run = Run(f"rtsp://127.0.0.1:{port}/file").read()
    finally:
        server.kill()
        server.wait()
    assert run.facts["losses"] == 0 and run.facts["given_up"] == [] and run.facts["warnings"] == []
    assert run.shown[-1] == 2 * RATE - 1 and time.monotonic() - began < 30

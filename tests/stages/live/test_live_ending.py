"""What a recording on a server does when it ends, and when it only breaks off: lost is not ended."""

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

from stages.live.ending import Extent, Fruitless
from stages.live.live_decode import LiveDecode
from stages.live.settings import SourceSettings
from stages.payloads import FrameChunk
from stages.video.decode import Decode
from tests.stages.live.clock_film import HEIGHT, RATE, WIDTH, clock_picture, free_port, read_clock
from tests.stages.live.nobody_here import LiveRun, pictures
from tests.stages.live.test_live_sources import job, rtsp_process

HLS = {"hls_time": "1", "hls_list_size": "0"}


def write_film(path: Path, seconds: int, options: dict[str, str] | None = None) -> int:
    """A film whose pictures bear their numbers; returns how many there are."""
    with av.open(str(path), "w", options=options or {}) as film:
        stream = film.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = RATE
        for number in range(seconds * RATE):
            frame = av.VideoFrame.from_ndarray(clock_picture(number / 1000), format="rgb24")
            frame.pts = number
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return seconds * RATE


class Store:
    """An HTTP server of a folder's files, in parts too if `ranges`; sends `share` of each before the line is cut."""

    def __init__(self, folder: Path, *, ranges: bool = True, share: float = 1.0) -> None:
        self.share = share
        self.asked: list[str] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = folder / self.path.lstrip("/")
                store.asked.append(self.path)
                if not file.is_file() or store.share == 0:
                    self.send_error(404)
                    return
                content = file.read_bytes()
                asked = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
                start = int(asked[1]) if asked and ranges else 0
                self.send_response(206 if asked and ranges else 200)
                if ranges:
                    self.send_header("Accept-Ranges", "bytes")
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                self.wfile.write(content[start : max(start, round(len(content) * store.share))])

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
def serve(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Begins to serve the test's folder."""
    stores: list[Store] = []

    def begin(**how: Any) -> Store:
        stores.append(Store(tmp_path, **how))
        return stores[-1]

    yield begin
    for one in stores:
        one.close()


class Run:
    """A live source that is read to its end, or to that of the run."""

    def __init__(self, name: str, *, seconds: float = 60, **settings: Any) -> None:
        source = SourceSettings(**{"watchdog_s": 3.0, **settings})
        self._stage = LiveDecode(LiveDecode.Config(source=source, seconds=seconds))
        self._items = self._stage(job(name))
        self.chunks: list[FrameChunk] = []

    def read(self, lost: Callable[[], object] | None = None) -> Run:
        """To the end; what is given is called when the source is lost for the first time."""
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
        """So many frames."""
        while len(self.chunks) < count:
            item = next(self._items)
            self.chunks += [item[0]] if isinstance(item, tuple) else []
        return self

    @property
    def facts(self) -> dict[str, Any]:
        return self._facts

    @property
    def shown(self) -> list[int]:
        """The numbers that the pictures bear."""
        return [read_clock(chunk.rgb_THW3[0]) for chunk in self.chunks]


@pytest.mark.parametrize(
    ("extent", "reached_s", "failed", "lost"),
    [
        (Extent(seconds=None, counted=False), 5.0, False, True),  # live: it has no end
        (Extent(seconds=20.0, counted=False), 5.9, False, True),  # RTSP, a closed playlist
        (Extent(seconds=20.0, counted=False), 19.2, False, False),
        (Extent(seconds=20.0, counted=False), 19.9, True, False),  # a server that hangs up at the end
        (Extent(seconds=600.0, counted=False), 590.0, False, False),  # a playlist that rounds
        (Extent(seconds=1.0, counted=True), 9.6, True, True),  # a file over HTTP, whose first part says 1 s
        (Extent(seconds=20.0, counted=True), 9.6, False, False),  # every byte came: it was like that on the server
    ],
)
def test_what_said_that_there_is_more_was_lost(extent: Extent, reached_s: float, failed: bool, lost: bool) -> None:
    assert extent.broke_off(reached_s, failed=failed) == lost


def test_connections_are_fruitless_that_end_where_the_last_one_did() -> None:
    fruitless = Fruitless()
    ends = [(5.0, True, 0), (9.0, True, 0), (9.1, True, 1), (9.1, False, 0), (9.1, True, 1), (9.1, True, 2)]
    for place_s, quiet, count in [*ends, (3.0, True, 0), (2.0, True, 0)]:
        fruitless.ended(place_s, quiet=quiet)
        assert fruitless.count == count
    fruitless.ended(None, quiet=True)
    assert fruitless.count == 0


@pytest.mark.parametrize("name", ["film.ts", "film.mkv", "film.flv", "fast.mp4"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_over_http_that_breaks_off_goes_on_where_it_did(
    name: str, ranges: bool, tmp_path: Path, serve: Callable[..., Store]
) -> None:
    count = write_film(tmp_path / name, 4, {"movflags": "faststart"} if name == "fast.mp4" else {})
    store = serve(share=0.6, ranges=ranges)

    def mend() -> None:
        store.share = 1.0

    run = Run(store.url(name)).read(lost=mend)
    assert run.facts["losses"] == run.facts["reconnects"] == 1 and run.facts["given_up"] == []
    assert "was lost" in run.facts["warnings"][0]
    assert run.facts["frames_received"] == count  # none twice, none left out
    assert all(later > earlier for earlier, later in pairwise(run.shown)) and run.shown[-1] == count - 1


def test_a_file_that_is_damaged_on_its_server_ends_and_is_said_to_be_so(
    tmp_path: Path, serve: Callable[..., Store]
) -> None:
    write_film(tmp_path / "whole.mkv", 6)
    content = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    for run in (Run(serve().url("cut.mkv")).read(), Run(str(tmp_path / "cut.mkv"), file="play").read()):
        assert run.facts["losses"] == 0
        (said,) = run.facts["warnings"]
        assert "damaged or cut short" in said and "of 6.0 s" in said


def test_a_source_that_does_not_come_back_is_given_up_where_that_was_asked_for(
    tmp_path: Path, serve: Callable[..., Store]
) -> None:
    write_film(tmp_path / "film.ts", 3)
    store = serve(share=0.5)

    def close() -> None:
        store.share = 0.0

    run = Run(store.url("film.ts"), give_up_s=1.5).read(lost=close)
    assert run.facts["losses"] == 1 and run.facts["reconnects"] == 0
    (said,) = run.facts["given_up"]
    assert "not found again" in said and "lost at" in said


def test_a_run_that_ends_while_its_source_is_away_says_so(tmp_path: Path, serve: Callable[..., Store]) -> None:
    write_film(tmp_path / "film.ts", 2)
    store = serve(share=0.5)
    run = Run(store.url("film.ts"), seconds=3).read(lost=lambda: setattr(store, "share", 0.0))
    assert len(run.facts["given_up"]) == 1


def test_a_run_whose_source_was_given_up_fails_and_its_file_is_whole(
    tmp_path: Path, serve: Callable[..., Store]
) -> None:
    write_film(tmp_path / "film.ts", 2)
    words = ["--serial", "--set", "live_decode.source.give_up_s=0", "--report", "r.json"]
    run = LiveRun(tmp_path, serve(share=0.6).url("film.ts"), "-o", "day.mp4", *words)
    assert run.end() == 1, run.said()
    assert run.said().count("error:") == 1 and "was not found again" in run.said()
    (entry,) = json.loads((tmp_path / "r.json").read_text())["inputs"]
    assert entry["losses"] == len(entry["given_up"]) == 1 and entry["frames_out"] == len(
        pictures(tmp_path / "day.mp4")[0]
    )


def test_a_film_from_a_server_that_breaks_off_is_said_to_be_cut_short(
    tmp_path: Path, serve: Callable[..., Store]
) -> None:
    write_film(tmp_path / "vod.m3u8", 6, HLS)
    for file in sorted(tmp_path.glob("vod*.ts"))[3:]:
        file.unlink()
    stage = Decode(Decode.Config())
    frames = sum(len(chunk) for chunk in stage(job(serve().url("vod.m3u8"))))
    facts = stage.summary()
    stage.close()
    assert frames == 3 * RATE and facts["truncated"]
    assert "3.0 of 6.0 s" in facts["warnings"][-1]


def test_a_closed_playlist_whose_segments_are_gone_was_lost(tmp_path: Path, serve: Callable[..., Store]) -> None:
    count = write_film(tmp_path / "vod.m3u8", 6, HLS)
    kept = {file: file.read_bytes() for file in sorted(tmp_path.glob("vod*.ts"))[3:]}
    for file in kept:
        file.unlink()

    def mend() -> None:
        for file, content in kept.items():
            file.write_bytes(content)

    run = Run(serve().url("vod.m3u8")).read(lost=mend)
    assert run.facts["losses"] == run.facts["reconnects"] == 1 and run.facts["given_up"] == []
    assert run.facts["frames_received"] == count and run.shown[-1] == count - 1


def test_a_playlist_says_more_than_there_is_and_is_not_played_for_ever(
    tmp_path: Path, serve: Callable[..., Store]
) -> None:
    count = write_film(tmp_path / "vod.m3u8", 4, HLS)
    playlist = (tmp_path / "vod.m3u8").read_text()
    (tmp_path / "vod.m3u8").write_text(re.sub(r"#EXTINF:[\d.]+", "#EXTINF:3", playlist))
    run = Run(serve().url("vod.m3u8")).read()
    assert run.facts["frames_received"] == count
    assert "of 12.0 s" in run.facts["given_up"][0]


@pytest.mark.parametrize("closed", [True, False])
def test_a_live_playlist_ends_when_its_sender_closes_it(
    closed: bool, tmp_path: Path, serve: Callable[..., Store]
) -> None:
    write_film(tmp_path / "list.m3u8", 3, HLS)
    whole = (tmp_path / "list.m3u8").read_text()
    (tmp_path / "list.m3u8").write_text(whole.replace("#EXT-X-ENDLIST\n", ""))
    store = serve()
    run = Run(store.url("list.m3u8"), give_up_s=0.5).first(5)
    if closed:
        (tmp_path / "list.m3u8").write_text(whole)
    else:
        store.share = 0.0
    run.read()
    assert run.facts["losses"] == (0 if closed else 1)
    assert len(run.facts["given_up"]) == (0 if closed else 1)


def test_an_rtsp_server_over_a_file_is_looked_for_when_it_dies(tmp_path: Path) -> None:
    count = write_film(tmp_path / "film.mp4", 6)
    port = free_port()
    servers = [rtsp_process(port, tmp_path / "film.mp4")]
    try:
        run = Run(f"rtsp://127.0.0.1:{port}/file").first(40)
        servers[0].kill()
        servers[0].wait()
        run.read(lost=lambda: servers.append(rtsp_process(port, tmp_path / "film.mp4")))
    finally:
        for server in servers:
            server.kill()
            server.wait()
    assert run.facts["losses"] == run.facts["reconnects"] == 1 and run.facts["given_up"] == []
    assert "of 6.0 s" in run.facts["warnings"][0]
    shown = run.shown
    assert all(later > earlier for earlier, later in pairwise(shown)) and shown[-1] == count - 1


def test_an_rtsp_server_over_a_file_ends_with_it(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", 2)
    port = free_port()
    server = rtsp_process(port, tmp_path / "film.mp4")
    began = time.monotonic()
    try:
        run = Run(f"rtsp://127.0.0.1:{port}/file").read()
    finally:
        server.kill()
        server.wait()
    assert run.facts["losses"] == 0 and run.facts["given_up"] == [] and run.facts["warnings"] == []
    assert run.shown[-1] == 2 * RATE - 1 and time.monotonic() - began < 30

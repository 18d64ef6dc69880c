"""Sources that an earlier process of the run, or an earlier run, has read: they are looked for while they are away."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.stage import StageError
from stages.live.live_decode import LiveDecode
from stages.live.payloads import Gauges
from stages.live.source_settings import SourceSettings
from tests.stages.live.clock_video import VideoServer, free_port
from tests.stages.live.test_live_sources import job

REFUSED = "Connection refused"


def continued(frames: int, **settings: float | bool) -> LiveDecode:
    """The stage of a replaced process or a resumed run, after a number of committed frames."""
    stage = LiveDecode(LiveDecode.Config(source=SourceSettings(**{"watchdog_s": 3.0, **settings}), seconds=60))
    stage.resume_after(frames)
    return stage


@pytest.mark.parametrize("frames", [20, 0])
def test_a_continued_run_looks_for_a_source_that_refuses_connections(frames: int) -> None:
    stage, server = continued(frames), None
    items = stage(job(f"http://127.0.0.1:{(port := free_port())}/video.ts"))
    try:
        first = next(items)
        assert isinstance(first, Gauges) and not first.gauges["connected"]
        assert REFUSED in stage.summary()["given_up"][0]
        server = VideoServer(port)
        chunk = next(item[0] for item in items if isinstance(item, tuple))
        assert chunk.first == frames
        assert stage.summary()["given_up"] == []
    finally:
        stage.close()
        if server:
            server.kill()


def test_a_continued_run_that_gives_up_ends_without_a_stage_error() -> None:
    stage = continued(20, give_up_s=0.0)
    items = list(stage(job(f"http://127.0.0.1:{free_port()}/video.ts")))
    stage.close()
    assert all(isinstance(item, Gauges) for item in items)
    (reason,) = stage.summary()["given_up"]
    assert REFUSED in reason and "not found again" in reason


def test_a_continued_run_without_any_frame_fails_with_the_reason() -> None:
    stage = continued(0, give_up_s=0.0)
    with pytest.raises(StageError, match=f"no frame came .*{REFUSED}"):
        list(stage(job(f"http://127.0.0.1:{free_port()}/video.ts")))
    stage.close()


def test_the_first_start_fails_at_once() -> None:
    stage = LiveDecode(LiveDecode.Config())
    with pytest.raises(StageError, match=REFUSED):
        next(stage(job(f"http://127.0.0.1:{free_port()}/video.ts")))
    stage.close()


def test_a_continued_run_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    stage = continued(20, give_up_s=0.0)
    list(stage(job(str(tmp_path / "recording.ts"))))
    stage.close()
    assert "no such file" in stage.summary()["given_up"][0]


@pytest.fixture
def closing_rtsp_server() -> Iterator[int]:
    """An RTSP server that describes a video and closes the connection before the first frame; its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    sdp = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    answers = {
        b"OPTIONS": b"Public: DESCRIBE, SETUP, PLAY\r\n\r\n",
        b"DESCRIBE": b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s" % (len(sdp), sdp),
        b"SETUP": b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
        b"PLAY": b"Session: 1\r\n\r\n",
    }

    def serve() -> None:
        with listening.accept()[0] as client:
            while request := client.recv(4096):
                number = request.partition(b"CSeq: ")[2].split(b"\r\n")[0]
                method = request.split()[0]
                client.sendall(b"RTSP/1.0 200 OK\r\nCSeq: %s\r\n%s" % (number, answers[method]))
                if method == b"PLAY":
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.close()
    thread.join(10)


def test_the_error_of_a_source_that_is_lost_before_its_first_frame_promises_nothing(closing_rtsp_server: int) -> None:
    stage = LiveDecode(LiveDecode.Config(source=SourceSettings(watchdog_s=2)))
    with pytest.raises(StageError) as caught:
        list(stage(job(f"rtsp://127.0.0.1:{closing_rtsp_server}/video")))
    stage.close()
    assert "the source closed the connection; check that the source is sending" in str(caught.value)

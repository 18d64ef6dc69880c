"""Video formats over HTTP: live runs choose the same stream, crop and rotation as runs on files."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.stage import Job
from stages.live.live_decode import LiveDecode
from stages.live.source_settings import SourceSettings
from stages.payloads import FrameChunk
from stages.video.decoding.orientation import EXIF_ORIENTATIONS
from tests.stages.training.made_crops import with_crop
from tests.stages.video.camera_jpegs import IMAGE, camera_jpeg, mjpeg_file
from tests.stages.video.multi_program_files import hls_variants, two_programs
from tests.stages.video.numbered_videos import HEIGHT, WIDTH, numbered, write_video

SMALL, LARGE = (64, 48), (128, 96)


class Silent(SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def file_server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a server of its files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def read_live(name: str) -> tuple[list[FrameChunk], dict[str, Any]]:
    """All frames of a live source up to its end, and the stage's summary."""
    stage = LiveDecode(LiveDecode.Config(source=SourceSettings(watchdog_s=5.0), seconds=60))
    try:
        items = list(stage(Job(index=0, input=name, output=None, stem="live")))
        return [item[0] for item in items if isinstance(item, tuple)], dict(stage.summary())
    finally:
        stage.close()


@pytest.mark.parametrize("orientation", [1, 8])
def test_exif_rotation_in_the_frames_of_a_camera(file_server: tuple[Path, str], orientation: int) -> None:
    folder, address = file_server
    mjpeg_file(folder / "in.avi", [camera_jpeg(IMAGE, orientation)] * 8)
    chunks, facts = read_live(f"{address}/in.avi")
    assert facts["frames_received"] == 8 and chunks
    assert chunks[0].rgb_THW3.shape[1:] == EXIF_ORIENTATIONS[orientation].apply(IMAGE).shape


@pytest.mark.parametrize(("rotation", "size"), [(0, (2 * WIDTH, HEIGHT)), (90, (HEIGHT, 2 * WIDTH))])
def test_pixels_become_square(tmp_path: Path, rotation: int, size: tuple[int, int]) -> None:
    pictures = [numbered(i) for i in range(4)]
    chunks, _ = read_live(str(write_video(tmp_path / "in.mp4", pictures, aspect=Fraction(2), rotation=rotation)))
    assert {(chunk.video.width, chunk.video.height) for chunk in chunks} == {size}
    assert chunks[0].rgb_THW3.shape[2:0:-1] == size


def test_the_largest_variant_of_a_playlist_is_read(file_server: tuple[Path, str]) -> None:
    folder, address = file_server
    hls_variants(folder, [(SMALL, 300), (LARGE, 700)], rates=(50_000, 50_000))
    chunks, facts = read_live(f"{address}/master.m3u8")
    assert facts["frames_received"] == 50
    assert {(chunk.video.width, chunk.video.height) for chunk in chunks} == {LARGE}


def test_the_largest_program_of_a_transport_stream_is_read(file_server: tuple[Path, str]) -> None:
    folder, address = file_server
    two_programs(folder, [(SMALL, 300), (LARGE, 700)])
    chunks, facts = read_live(f"{address}/programs.ts")
    assert facts["frames_received"] == 50
    assert {(chunk.video.width, chunk.video.height) for chunk in chunks} == {LARGE}


def test_the_crop_of_the_container_is_applied(file_server: tuple[Path, str]) -> None:
    folder, address = file_server
    write_video(folder / "whole.mkv", [numbered(i) for i in range(10)])
    with_crop(folder / "whole.mkv", folder / "in.mkv", top=10, bottom=6, left=4)
    chunks, _ = read_live(f"{address}/in.mkv")
    assert {chunk.rgb_THW3.shape for chunk in chunks} == {(1, HEIGHT - 16, WIDTH - 4, 3)}

"""Cropping that H.264 and HEVC signal in their own headers hides exactly the columns and rows that it names."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from stages.live.ffmpeg_source import FfmpegSource
from stages.live.source_settings import SourceSettings
from tests.stages.video.numbered_videos import write_video
from tests.stages.video.video_runs import decoded

pytestmark = pytest.mark.quick

WIDTH, HEIGHT = 320, 192
FRAMES = [np.random.default_rng(i).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8) for i in range(3)]
CODECS = [
    ("libx264", "yuv420p", "h264"),
    ("libx264", "yuv420p10le", "h264"),
    ("libx265", "yuv420p", "hevc"),
    ("libx265", "yuv420p10le", "hevc"),
]


def _in_file(path: Path, codec: str, pixels: str) -> Path:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {"crf": "20"}
    return write_video(path, FRAMES, codec=codec, pix_fmt=pixels, options=options, time_base=Fraction(1, 30))


def _with_crop(source: Path, target: Path, kind: str, *, left: int, right: int, top: int, bottom: int) -> Path:
    """A copy of a transport stream whose sequence headers crop."""
    sides = f"crop_left={left}:crop_right={right}:crop_top={top}:crop_bottom={bottom}"
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        coded = read.streams.video[0]
        copy = write.add_stream_from_template(coded)
        headers = BitStreamFilterContext(f"{kind}_metadata={sides}", in_stream=coded, out_stream=copy)
        for packet in read.demux(coded):
            for changed in headers.filter(packet if packet.size else None):
                changed.stream = copy
                write.mux(changed)
    return target


@pytest.mark.parametrize(("codec", "pixels", "kind"), CODECS)
@pytest.mark.parametrize(("left", "right", "top", "bottom"), [(8, 16, 0, 0), (2, 0, 6, 4), (70, 4, 2, 0)])
def test_exactly_the_named_sides_are_hidden(
    tmp_path: Path, codec: str, pixels: str, kind: str, left: int, right: int, top: int, bottom: int
) -> None:
    plain = _in_file(tmp_path / "plain.ts", codec, pixels)
    source = _with_crop(plain, tmp_path / "crop.ts", kind, left=left, right=right, top=top, bottom=bottom)
    whole, part = decoded(plain)[0][0], decoded(source)[0][0]
    assert (part.video.width, part.video.height) == (WIDTH - left - right, HEIGHT - top - bottom)
    shown = whole.rgb_THW3[:, top : HEIGHT - bottom, left : WIDTH - right]
    edge = 8 if "10" in pixels else 0  # FFmpeg interpolates the colour of ten bits from neighbours
    inside = (slice(None), slice(edge, shown.shape[1] - edge), slice(edge, shown.shape[2] - edge))
    assert (part.rgb_THW3[inside] == shown[inside]).all()


def test_a_live_source_hides_them_too(tmp_path: Path) -> None:
    plain = _in_file(tmp_path / "plain.ts", "libx264", "yuv420p")
    source = _with_crop(plain, tmp_path / "crop.ts", "h264", left=8, right=16, top=0, bottom=0)
    live = FfmpegSource(str(source), "play", SourceSettings(), 1, threading.Event())
    first = next(iter(live))
    size = first.image.size
    assert size == (WIDTH - 24, HEIGHT)
    assert (first.image.rgb(*size) == decoded(plain)[0][0].rgb_THW3[0][:, 8:-16]).all()
    live.close()

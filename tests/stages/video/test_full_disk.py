"""A disk that is full: one plain error, nothing of PyAV's on the terminal, and no error in later work."""

from __future__ import annotations

import errno
import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stages.payloads import VideoInfo
from stages.video.encoding.containers import container_for
from stages.video.encoding.segment_encoder import EncoderSpec, SegmentEncoder
from stages.video.encoding.video_writer import VideoWriterSettings, encoder_spec
from tests.stages.video.numbered_videos import frames_of, write_video

pytestmark = [
    pytest.mark.quick,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full"),
]

NOISE = [np.random.default_rng(i).integers(0, 255, (64, 96, 3), dtype=np.uint8) for i in range(40)]


def _spec() -> EncoderSpec:
    video = VideoInfo(path="", width=96, height=64, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    settings = VideoWriterSettings(codec=None, crf=5.0, preset="ultrafast", segment_frames=40, threads=1)
    return encoder_spec(video, container_for("a.mp4"), settings, "a.mp4")


def _on_full_disk(folder: Path) -> SegmentEncoder:
    (folder / "segment_000000.draft").symlink_to("/dev/full")
    return SegmentEncoder(folder, 0, 0, _spec())


@pytest.mark.parametrize("frames", [1, 5, 40])
def test_a_segment_on_a_full_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str], frames: int) -> None:
    segment = _on_full_disk(tmp_path)
    with pytest.raises(OSError) as caught:
        for number, image in enumerate(NOISE[:frames]):
            segment.add(image, number)
        segment.finish()
    assert caught.value.errno == errno.ENOSPC
    segment.discard()
    del segment, caught
    gc.collect()  # PyAV and FFmpeg write what is left in destructors
    assert capfd.readouterr() == ("", "")
    assert not any(tmp_path.iterdir())


def test_later_files_do_not_get_the_error(tmp_path: Path) -> None:
    """Workers of a batch go on with other files in the same process."""
    segment = _on_full_disk(tmp_path)
    with pytest.raises(OSError):
        for number, image in enumerate(NOISE):
            segment.add(image, number)
        segment.finish()
    segment.discard()
    del segment
    gc.collect()
    source = write_video(tmp_path / "a.mp4", NOISE[:3])
    assert len(frames_of(source)) == 3
    with pytest.raises(av.error.InvalidDataError):
        (tmp_path / "b.mp4").write_bytes(bytes(100))
        av.open(str(tmp_path / "b.mp4"))

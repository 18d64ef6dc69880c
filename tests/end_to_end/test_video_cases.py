"""Real files through decode and encode, without a network: same frames, same times, same sound."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.stages.video.numbered_videos import audio_packets, frames_of, times_of
from tests.stages.video.video_runs import decoded, transcode


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known about a file from outside: `av.decode` of PyAV, packet by packet.

    Attributes:
        frames: that decode.
        sound: what becomes of its sound in an MP4.
        truncated: whether it is damaged.
        has_pts: False for AVI, of which FFmpeg guesses the PTS; there they go backward, and frames are even.
    """

    name: str
    frames: int
    sound: str = "none"
    truncated: bool = False
    has_pts: bool = True


CLIPS = [
    Clip("people/crowd_1080p.mp4", 8),
    Clip("people/football.mp4", 5),
    Clip("people/juggle.mp4", 247),
    Clip("people/jump_576.mp4", 120),
    Clip("people/one_person_bad_pts.avi", 103, has_pts=False),
    Clip("people/squats_portrait.mp4", 65),
    Clip("people/street_audio.avi", 205, "copied"),
    Clip("people/two_people_vfr.mp4", 72),
    Clip("odd/av1_video.mkv", 125),
    Clip("odd/bt709_full_range.mp4", 30),
    Clip("odd/corrupted_28_of_50.mp4", 49, truncated=True),
    Clip("odd/h264_10bits.mp4", 30),
    Clip("odd/h265_10bits.mp4", 30),
    Clip("odd/no_duration.webm", 74, "copied"),
    Clip("odd/non_monotone_pts.avi", 901, "copied", has_pts=False),
    Clip("odd/transparent.webm", 150, "copied"),
    Clip("odd/video_0.mov", 3),
    Clip("odd/video_90.mov", 3),
    Clip("odd/video_180.mov", 3),
    Clip("odd/video_270.mov", 3),
    Clip("odd/video_with_failing_audio.mp4", 280, "copied"),
    Clip("odd/yuv444.mp4", 325),
]


def packet_times(path: Path) -> list[Fraction]:
    """PTS of all video packets in seconds, in display order, without decoding."""
    with av.open(str(path)) as container:
        return sorted(p.pts * p.time_base for p in container.demux(video=0) if p.size)


def without_headers(packets: dict[int, list[bytes]]) -> dict[int, list[bytes]]:
    """Sound packets without the ADTS header that AAC has in AVI and must not have in MP4 (ISO/IEC 14496-3, 1.A.3.2)."""

    def bare(packet: bytes) -> bytes:
        adts = packet[:1] == b"\xff" and packet[1] & 0xF6 == 0xF0
        return packet[7 if packet[1] & 1 else 9 :] if adts else packet

    return {index: [bare(packet) for packet in stream] for index, stream in packets.items()}


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name.split("/")[1])
def test_every_clip_keeps_its_frames_times_and_sound(shared: Path, tmp_path: Path, clip: Clip) -> None:
    source = shared / "assets" / "video" / clip.name
    output = tmp_path / "out.mp4"
    run = transcode(source, output, decode={"max_size": 96}, encode={"preset": "ultrafast"})
    after = packet_times(output)
    assert run.facts["frames_in"] == run.written.frames == len(after) == clip.frames
    assert run.facts["truncated"] is clip.truncated
    assert run.facts["repaired_pts"] == 0
    assert all(a < b for a, b in itertools.pairwise(after))
    if not clip.has_pts:
        assert len({b - a for a, b in itertools.pairwise(after)}) == 1
    else:
        before = packet_times(source)
        tick = Fraction(1, 10_000)
        nearest = np.searchsorted([float(t) for t in before], [float(t) - 1e-6 for t in after])
        assert all(abs(before[i] - t) <= tick for i, t in zip(nearest, after, strict=True))
        assert clip.truncated or len(before) == len(after)
    assert run.written.facts["audio"] == clip.sound
    assert without_headers(audio_packets(output)) == without_headers(audio_packets(source))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.mp4"]


def test_colours_of_real_files_come_back(shared: Path, tmp_path: Path) -> None:
    """Full range, 4:4:4, 10 bit and BT.709: the written frames look like the read ones, as FFmpeg itself shows both."""
    for name in ("odd/bt709_full_range.mp4", "odd/yuv444.mp4", "odd/h264_10bits.mp4", "people/football.mp4"):
        source = shared / "assets" / "video" / name
        transcode(source, tmp_path / "out.mp4", decode={"end": 0.25}, encode={"crf": 4.0}, overwrite=True)
        with av.open(str(source)) as container:
            before = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
        after = frames_of(tmp_path / "out.mp4")[0][1].astype(int)
        assert np.abs(after - before).mean() < 3, name
        assert np.abs((after - before).mean(axis=(0, 1))).max() < 2, name


def test_turned_phones_see_the_same_desk(shared: Path) -> None:
    """Four takes of one keyboard with the phone turned: upright, each has dark keys below a lighter frame edge."""
    folder = shared / "assets" / "video" / "odd"
    sizes = {}
    for angle in (0, 90, 180, 270):
        chunks, _ = decoded(folder / f"video_{angle}.mov")
        with av.open(str(folder / f"video_{angle}.mov")) as container:
            stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
        upright = chunks[0].rgb_THW3[0]
        # QuickTime's rotation is clockwise; NumPy's is not.
        expected = np.rot90(stored, -angle // 90)
        assert np.abs(upright.astype(int) - expected).mean() < 3
        sizes[angle] = upright.shape[:2]
    assert sizes == {0: (320, 568), 90: (568, 320), 180: (320, 568), 270: (568, 320)}


def test_a_long_mostly_empty_clip_in_parts(shared: Path, tmp_path: Path) -> None:
    source = shared / "assets" / "video" / "people" / "entrance_mostly_empty.mp4"
    transcode(source, tmp_path / "out.mp4", decode={"start": 2.0, "end": 12.0, "max_size": 96})
    assert times_of(tmp_path / "out.mp4") == [Fraction(i, 10) for i in range(100)]

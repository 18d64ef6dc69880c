"""Time stamps: repaired where they are invalid, exact to the tick elsewhere."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from models.time_steps import nominal_ticks
from stages.video.decoding.timestamps import (
    PtsRepair,
    TickMap,
    coded_time,
    durations,
    output_time_base,
    reorder_delay,
    strictly_increasing,
)
from tests.stages.video.numbered_videos import frames_of, number_in, numbered, times_of, write_video
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick

FRAMES = [numbered(i) for i in range(24)]
VARIED = [0, 3, 4, 9, 10, 11, 20, 21, 25, 26, 40, 41, 42, 43, 60, 61, 62, 63, 64, 65, 66, 67, 90, 91]


@pytest.mark.parametrize(
    ("given", "expected", "repaired"),
    [
        ([0, 10, 20], [0, 10, 20], 0),
        ([0, 10, 10, 30], [0, 10, 20, 30], 1),
        ([0, 10, 5, 30], [0, 10, 20, 30], 1),
        ([None, None, None], [0, 10, 20], 3),
        ([7, None, 27], [7, 17, 27], 1),
        ([0, 100, 20, 30, 120], [0, 100, 110, 120, 130], 3),
        ([-20, -10, 0], [-20, -10, 0], 0),
    ],
)
def test_invalid_times_become_the_previous_plus_the_nominal_duration(
    given: list[int | None], expected: list[int], repaired: int
) -> None:
    repair = PtsRepair(Fraction(10))
    assert [repair(pts) for pts in given] == expected
    assert repair.repaired == repaired


def test_consecutive_repairs_do_not_drift() -> None:
    repair = PtsRepair(nominal_ticks(Fraction(30000, 1001), Fraction(1, 1000)))
    times = [repair(None) for _ in range(30001)]
    assert times[30000] == 1_001_000


def test_output_ticks_hold_source_ticks_exactly() -> None:
    for base in (Fraction(1, 30), Fraction(1, 12_800), Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 1000)):
        tick = output_time_base(base, "mp4")
        assert (base / tick).denominator == 1
        assert tick <= Fraction(1, 10_000)
    assert output_time_base(Fraction(1, 90_000), "matroska") == Fraction(1, 1000)
    assert TickMap(source=Fraction(1, 90_000), output=Fraction(1, 1000), shift=Fraction(1, 2))(9000) == 600


def test_dts_increase_and_do_not_exceed_pts() -> None:
    ranks = [0, 4, 2, 1, 3, 8, 6, 5, 7, 9]
    pts = [0, 3, 4, 9, 10, 11, 20, 21, 25, 26]
    delay = reorder_delay(ranks)
    assert delay == 2
    dts = [coded_time(i, pts, delay, 1) for i in range(len(pts))]
    assert all(a < b for a, b in itertools.pairwise(dts))
    assert all(d <= pts[rank] for d, rank in zip(dts, ranks, strict=True))


def test_small_functions() -> None:
    assert durations([0, 3, 4], 5) == [3, 1, 5]
    assert durations([], 5) == []
    assert strictly_increasing([0, 0, 0, 5, 4]) == [0, 1, 2, 5, 6]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("target", ["mp4", "mkv", "mov"])
def test_variable_frame_rate_is_kept(tmp_path: Path, suffix: str, target: str) -> None:
    source = write_video(tmp_path / f"in.{suffix}", FRAMES, pts=VARIED)
    output = tmp_path / f"out.{target}"
    run = transcode(source, output, encode={"segment_frames": 7})
    tick = Fraction(1, 1000) if target == "mkv" else Fraction(1, 10_000)
    assert run.facts["repaired_pts"] == 0
    before, after = times_of(source), times_of(output)
    assert len(after) == len(VARIED)
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) < tick


def test_times_of_a_late_clock_with_an_odd_time_base_are_kept(tmp_path: Path) -> None:
    times = [1234 + 3003 * i for i in range(24)]
    source = write_video(tmp_path / "in.mkv", FRAMES, pts=times, time_base=Fraction(1, 90_000))
    transcode(source, tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4") == times_of(source)


def test_a_clock_that_starts_late_is_shifted_to_zero_with_a_warning(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", FRAMES, pts=[30 * 3600 + i for i in range(24)])
    run = transcode(source, tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4")[0] == 0
    assert "3600.000 s" in run.warnings


def write_packets(path: Path, times: list[int]) -> Path:
    """A video of intra-coded numbered frames whose packets have arbitrary PTS (in 1/1000 s), in the given order."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            for packet in stream.encode(frame):
                packet.pts, packet.dts, packet.time_base = time, -1000 + number, Fraction(1, 1000)
                output.mux(packet)
    return path


@pytest.mark.parametrize(
    ("times", "repaired"),
    [([0, 40, 40, 120, 160], 1), ([0, 40, 20, 120, 160], 1), ([0, 400, 80, 120, 440, 600], 3)],
)
def test_repeated_and_backward_times_of_a_file(tmp_path: Path, times: list[int], repaired: int) -> None:
    source = write_packets(tmp_path / "in.mkv", times)
    run = transcode(source, tmp_path / "out.mp4")
    assert run.facts["repaired_pts"] == repaired
    output = times_of(tmp_path / "out.mp4")
    assert len(output) == len(times)
    assert all(a < b for a, b in itertools.pairwise(output))
    frames, _ = decoded(tmp_path / "out.mp4")
    assert [number_in(rgb) for chunk in frames for rgb in chunk.rgb_THW3] == list(range(len(times)))


DIVX_PACKED = b"\0\0\1\xb2DivX503b1393p"
"""User data by which decoders of MPEG-4 know that a B-frame is in the packet of the frame before it."""
PICTURE = b"\0\0\1\xb6"
NOT_CODED = PICTURE + b"\x50\xc5\x7f"
"""A picture without content, in place of the packet whose B-frame is packed (ISO/IEC 14496-2, 6.2.5)."""


def write_packed(path: Path) -> Path:
    """Numbered frames in AVI as XviD and DivX 5 write them: I, P+B, nothing, P+B, nothing …"""
    with av.open(str(path), "w") as output:
        options = {"bf": "1", "g": "100", "b_strategy": "0"}
        stream: Any = output.add_stream("mpeg4", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        coded = []
        for number in range(21):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            coded += [bytes(packet) for packet in stream.encode(frame)]
        coded += [bytes(packet) for packet in stream.encode(None)]
        first = coded[0].index(PICTURE)
        packed = [coded[0][:first] + DIVX_PACKED + coded[0][first:]]
        for p_frame, b_frame in zip(coded[1::2], coded[2::2], strict=True):
            packed += [p_frame + b_frame, NOT_CODED]
        for number, content in enumerate(packed):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            output.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_packed_frames_of_avi_are_even(tmp_path: Path, suffix: str) -> None:
    run = transcode(write_packed(tmp_path / "in.avi"), tmp_path / f"out.{suffix}")
    found = frames_of(tmp_path / f"out.{suffix}")
    assert [number_in(rgb) for _, rgb in found] == list(range(21)) and run.warnings == ""
    assert {b - a for (a, _), (b, _) in itertools.pairwise(found)} == {Fraction(1, 25)}


def test_files_with_packed_frames_that_failed_once(shared: Path, tmp_path: Path) -> None:
    source = shared / "faults" / "second" / "xvid_lib.avi"
    if not source.is_file():
        pytest.skip("xvid_lib.avi is not in the shared folder")
    for output in (tmp_path / "out.mp4", tmp_path / "out.avi"):
        assert transcode(source, output).facts["repaired_pts"] == 0
        times = times_of(output)
        assert len(times) == 48 and {b - a for a, b in itertools.pairwise(times[1:])} == {Fraction(1, 25)}
    assert times_of(tmp_path / "out.mp4")[0] == Fraction(4, 25)  # as FFmpeg shows it


def test_missing_times_follow_the_nominal_rate(tmp_path: Path) -> None:
    """A raw H.264 stream has no time stamps."""
    source = write_video(tmp_path / "in.h264", FRAMES, options={"crf": "12", "bf": "0"})
    chunks, facts = decoded(source)
    seconds = [pts * chunk.video.time_base for chunk in chunks for pts in chunk.pts_T.tolist()]
    steps = np.diff(np.array([float(s) for s in seconds]))
    assert facts["frames_in"] == 24
    assert np.allclose(steps, steps[0], atol=1e-4)
    assert 1 / 61 < steps[0] < 1 / 24


def test_start_end_and_every_select_by_time(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", [numbered(i) for i in range(60)], audio=("aac",))
    transcode(source, tmp_path / "out.mp4", decode={"start": 0.5, "end": 1.5, "every": 3})
    with av.open(str(tmp_path / "out.mp4")) as output:
        frames = [(f.time, number_in(f.to_ndarray(format="rgb24"))) for f in output.decode(video=0)]
    assert [number for _, number in frames] == list(range(15, 45, 3))
    assert [round(time, 3) for time, _ in frames] == [round(i / 10, 3) for i in range(10)]
    with av.open(str(tmp_path / "out.mp4")) as output:
        audio = [float(p.pts * p.time_base) for p in output.demux(audio=0) if p.size]
    assert -0.03 < audio[0] < 0.03
    assert 0.95 < audio[-1] < 1.0


def test_times_do_not_depend_on_chunks(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", FRAMES, pts=VARIED)
    runs = [decoded(source, chunk=chunk)[0] for chunk in (1, 5, "auto")]
    flat = [[pts for chunk in run for pts in chunk.pts_T.tolist()] for run in runs]
    assert flat[0] == flat[1] == flat[2]
    assert [chunk.first for chunk in runs[1]] == [0, 5, 10, 15, 20]


def test_a_late_start_yields_the_same_frames_as_decoding_from_the_beginning(shared: Path) -> None:
    """For a start after ten seconds decode seeks to a key frame."""
    source = shared / "assets" / "video" / "people" / "entrance_mostly_empty.mp4"
    late, facts = decoded(source, start=100.25, end=101.5, max_size=96)
    through, _ = decoded(source, end=101.5, max_size=96)
    frames = [(pts, rgb) for chunk in through for pts, rgb in zip(chunk.pts_T.tolist(), chunk.rgb_THW3, strict=True)]
    sought = [(pts, rgb) for chunk in late for pts, rgb in zip(chunk.pts_T.tolist(), chunk.rgb_THW3, strict=True)]
    assert [pts for pts, _ in sought] == [pts for pts, _ in frames if pts >= 100.25 * 200_000]
    assert len(sought) == 12 and facts["truncated"] is False
    assert all((a == b).all() for (_, a), (_, b) in zip(sought, frames[-12:], strict=True))


def test_a_late_start_in_a_file_without_an_index(tmp_path: Path) -> None:
    images = [numbered(i % 256) for i in range(400)]
    for name in ("in.ts", "in.h264", "in.mkv"):
        source = write_video(tmp_path / name, images, options={"crf": "30", "g": "50", "bf": "2"})
        late, _ = decoded(source, start=11.0)
        through, _ = decoded(source)
        assert late[0].pts_T[0] in [pts for chunk in through for pts in chunk.pts_T.tolist()]
        numbers = [number_in(rgb) for chunk in late for rgb in chunk.rgb_THW3]
        assert numbers == [i % 256 for i in range(400 - len(numbers), 400)]


@pytest.mark.parametrize(
    ("nominal", "expected"),
    [
        (Fraction(5, 4), [0, 1, 2, 4, 5, 6, 8, 9, 10]),
        (Fraction(2, 5), [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_missing_times_on_a_coarse_time_base_do_not_drift(nominal: Fraction, expected: list[int]) -> None:
    """24 frames per second in ticks of 1/30 s; and 25 in ticks of 1/10 s, where a tick passes at each frame."""
    repair = PtsRepair(nominal)
    assert [repair(None) for _ in expected] == expected
    assert repair.repaired == len(expected)

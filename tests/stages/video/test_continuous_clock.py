"""Transport and program streams whose clock wraps, or which join recordings: every frame, no damage, sound in step."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from stages.live.ffmpeg_source import FfmpegSource
from stages.live.source_settings import SourceSettings
from stages.video.decoding.continuous_clock import WRAP, ContinuousClock, FollowingStream
from tests.stages.video.multi_program_files import PACKET, small_video
from tests.stages.video.numbered_videos import frames_of, number_in
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick

SIZE = (64, 48)
FRAME_S = Fraction(1, 25)
TICK = Fraction(1, 90_000)
STEP = 3600
WRAP_S = WRAP / 90_000
MUXER_DELAY_S = 1.4
"""FFmpeg's muxer of transport streams begins so much later than zero."""
LOW, HIGH = 400.0, 1600.0


def _times(path: Path) -> tuple[list[Fraction], list[int], dict[str, object]]:
    """Seconds and shown numbers of all frames, and the facts of the stage."""
    chunks, facts = decoded(path)
    seconds = [int(pts) * chunk.video.time_base for chunk in chunks for pts in chunk.pts_T]
    return seconds, [number_in(rgb) for chunk in chunks for rgb in chunk.rgb_THW3], facts


def _joined(folder: Path, *parts: Path) -> Path:
    path = folder / f"joined{parts[0].suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def _whole(facts: dict[str, object]) -> bool:
    return facts["truncated"] is False and facts["warnings"] == [] and facts["repaired_pts"] == 0


@pytest.mark.parametrize("before_s", [0.5, 1.5])
def test_the_clock_of_a_file_wraps(tmp_path: Path, before_s: float) -> None:
    offset = {"output_ts_offset": str(WRAP_S - MUXER_DELAY_S - before_s)}
    seconds, numbers, facts = _times(small_video(tmp_path / "wrap.ts", SIZE, LOW, reordered=2, muxer=offset))
    assert numbers == list(range(50)) and _whole(facts)
    assert {after - before for before, after in pairwise(seconds)} == {FRAME_S}


@pytest.mark.parametrize("offsets", [(0, 0), (0, 7200), (7200, 0), (80_000, 0), (100, 90)])
@pytest.mark.parametrize("reordered", [(2, 2), (0, 2), (2, 0)])
def test_joined_recordings_follow_each_other(
    tmp_path: Path, offsets: tuple[int, int], reordered: tuple[int, int]
) -> None:
    parts = [
        small_video(tmp_path / f"{i}.ts", SIZE, LOW, seconds=1, reordered=reordered[i],
                    muxer={"output_ts_offset": str(offsets[i])})
        for i in range(2)
    ]
    seconds, numbers, facts = _times(_joined(tmp_path, *parts))
    assert numbers == [*range(25), *range(25)] and _whole(facts)
    assert {after - before for before, after in pairwise(seconds)} == {FRAME_S}


def test_many_joined_recordings(tmp_path: Path) -> None:
    part = small_video(tmp_path / "one.ts", SIZE, LOW, seconds=1, reordered=2)
    seconds, numbers, facts = _times(_joined(tmp_path, *[part] * 5))
    assert numbers == [*range(25)] * 5 and _whole(facts)
    assert {after - before for before, after in pairwise(seconds)} == {FRAME_S}


def test_joined_program_streams(tmp_path: Path) -> None:
    part = tmp_path / "one.mpg"
    with av.open(str(part), "w", format="vob") as output:
        stream = output.add_stream("mpeg2video", rate=25, options={"bf": "2", "g": "12"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * i, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, FRAME_S
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    seconds, _, facts = _times(_joined(tmp_path, part, part))
    assert len(seconds) == 48 and _whole(facts)
    assert {after - before for before, after in pairwise(seconds)} == {FRAME_S}


def test_a_part_that_begins_anywhere_decodes_as_it_does_alone(tmp_path: Path) -> None:
    whole = small_video(tmp_path / "whole.ts", SIZE, LOW, reordered=2)
    data = whole.read_bytes()
    tail = tmp_path / "tail.ts"
    tail.write_bytes(data[len(data) // PACKET // 3 * PACKET :])
    alone, (_, numbers, facts) = _times(tail)[1], _times(_joined(tmp_path, whole, tail))
    assert 0 < len(alone) < 50
    assert numbers == [*range(50), *alone] and _whole(facts)


def test_lost_packets_are_still_damage(tmp_path: Path) -> None:
    data = small_video(tmp_path / "whole.ts", SIZE, None, reordered=2).read_bytes()
    middle = len(data) // PACKET // 2 * PACKET
    (tmp_path / "lost.ts").write_bytes(data[: middle - 5 * PACKET] + data[middle:])
    assert decoded(tmp_path / "lost.ts")[1]["truncated"] is True


@pytest.mark.parametrize("tone_s", [1.0, 0.6, 1.5], ids=["equal", "shorter", "longer"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize("offset_s", [0, 7200])
def test_sound_is_in_step_after_the_join(tmp_path: Path, tone_s: float, suffix: str, offset_s: int) -> None:
    first = small_video(tmp_path / "low.ts", SIZE, LOW, seconds=1, tone_seconds=tone_s, reordered=2)
    offset = {"output_ts_offset": str(offset_s)}
    second = small_video(tmp_path / "high.ts", SIZE, HIGH, seconds=1, reordered=2, muxer=offset)
    output = tmp_path / f"out.{suffix}"
    run = transcode(_joined(tmp_path, first, second), output)
    assert run.facts["frames_in"] == 50 and run.warnings == ""
    frames = [(seconds, number_in(rgb)) for seconds, rgb in frames_of(output)]
    begin = next(seconds for (_, before), (seconds, number) in pairwise(frames) if before == 24 and number == 0)
    heard = _begin_of_high_tone(output)
    assert -0.06 < heard - float(begin) < 0.06 + max(tone_s - 1, 0)


def _begin_of_high_tone(path: Path, window_s: float = 0.01) -> float:
    """Seconds at which the tone HIGH begins."""
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            wave = frame.to_ndarray().reshape(-1)[:: frame.layout.nb_channels if frame.format.is_packed else 1]
            size = round(window_s * frame.sample_rate)
            turn = np.exp(2j * np.pi * HIGH * np.arange(size) / frame.sample_rate)
            for start in range(0, frame.samples - size, size):
                if abs((wave[start : start + size] * turn).mean()) > 0.1:  # its amplitude is 0.3
                    assert frame.time is not None
                    return frame.time + start / frame.sample_rate
    raise AssertionError("no high tone")


def _shifts(ticks: Sequence[int]) -> list[int]:
    """The ticks of video packets on the continuous clock."""
    clock = ContinuousClock(TICK, STEP * TICK)
    return [one + round(clock.add(one, one, STEP) / TICK) for one in ticks]


def test_a_clock_that_wraps_again_and_again_runs_on() -> None:
    """A live stream of days: FFmpeg undoes the first wrap only."""
    clock = ContinuousClock(TICK, STEP * TICK)
    for day in range(4):
        begin = day * WRAP + WRAP - 10 * STEP
        shown = [begin + i * STEP for i in range(20)]
        clock_day = [one % WRAP + round(clock.add(one % WRAP, one % WRAP, STEP) / TICK) for one in shown]
        assert {after - before for before, after in pairwise(clock_day)} == {STEP}


def test_gaps_stay_gaps_and_single_wrong_times_do_no_harm() -> None:
    lost = [0, STEP, 2 * STEP, 9 * 90_000, 9 * 90_000 + STEP]
    assert _shifts(lost) == lost
    wild = [0, STEP, 2 * STEP, 10**9, 4 * STEP, 5 * STEP]
    assert _shifts(wild) == [i * STEP for i in range(6)]


def test_sound_that_comes_before_the_video_waits_for_it() -> None:
    clock = ContinuousClock(TICK, FRAME_S)
    sound = FollowingStream(clock)
    for i in range(25):
        clock.add(i * STEP, i * STEP, STEP)
        assert sound.add(i * FRAME_S, FRAME_S) == 0
    assert sound.awaits_part(Fraction(0))
    clock.add(0, 0, STEP)
    assert not sound.awaits_part(Fraction(0))
    assert sound.add(Fraction(0), FRAME_S) == 1


def test_recordings_play_without_the_pause_between_them(tmp_path: Path) -> None:
    parts = [
        small_video(tmp_path / f"{hours}.ts", SIZE, None, seconds=1, muxer={"output_ts_offset": str(3600 * hours)})
        for hours in range(2)
    ]
    source = FfmpegSource(str(_joined(tmp_path, *parts)), "play", SourceSettings(), 1, threading.Event())
    try:
        times = [frame.source_s for frame in source]
    finally:
        source.close()
    assert len(times) == 50
    assert np.allclose(np.diff(np.array(times, float)), 0.04)


@pytest.mark.parametrize(("name", "frames"), [("wrapmid.ts", 50), ("tsjoin.ts", 54)])
def test_files_that_failed_once(shared: Path, name: str, frames: int) -> None:
    path = shared / "faults" / "second" / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the shared folder")
    seconds, _, facts = _times(path)
    assert len(seconds) == frames and _whole(facts)
    assert min(after - before for before, after in pairwise(seconds)) == FRAME_S

"""Audio with gaps or decreasing time stamps: it stays in sync, and the run succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stages.video.encoding.audio_encoder import AudioEncoder
from stages.video.encoding.audio_subtitles_metadata import SideStreams
from tests.stages.video.click_videos import clicks_in, video_with_clicks
from tests.stages.video.numbered_videos import audio_packets
from tests.stages.video.video_runs import transcode

pytestmark = pytest.mark.quick


def without_audio_between(source: Path, target: Path, begin: float, end: float) -> Path:
    """Copy the video without its audio packets between two times, in seconds."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        copies: dict[int, Any] = {stream.index: after.add_stream_from_template(stream) for stream in before.streams}
        for packet in before.demux():
            lost = packet.stream.type == "audio" and packet.size and begin <= packet.pts * packet.time_base < end
            if packet.size and not lost:
                packet.stream = copies[packet.stream_index]
                after.mux(packet)
    return target


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize(("begin", "end"), [(0.0, 1.0), (2.2, 3.2)])
def test_audio_after_a_gap_keeps_its_time(tmp_path: Path, target: str, begin: float, end: float) -> None:
    source = without_audio_between(video_with_clicks(tmp_path / "whole.mp4", 5), tmp_path / "in.mkv", begin, end)
    encode = {"codec": "libvpx", "preset": "ultrafast"} if target == "webm" else {}
    transcode(source, tmp_path / f"out.{target}", encode=encode)
    before, after = clicks_in(source), clicks_in(tmp_path / f"out.{target}")
    assert len(before) == 4
    assert after == pytest.approx(before, abs=0.01)


@pytest.mark.parametrize(("begin", "end"), [(-1.0, 1.0), (2.2, 3.2)])
def test_gaps_become_silence_where_audio_has_no_time_stamps(tmp_path: Path, begin: float, end: float) -> None:
    source = without_audio_between(video_with_clicks(tmp_path / "whole.mp4", 5), tmp_path / "in.mkv", begin, end)
    run = transcode(source, tmp_path / "out.avi")
    assert run.written is not None and run.written.facts["audio"] == "reencoded (libmp3lame)"
    # The delay of MP3's encoder is 23 ms.
    assert clicks_in(tmp_path / "out.avi", by_clock=False) == pytest.approx(clicks_in(source), abs=0.025)


def test_small_gaps_do_not_add_up_where_audio_has_no_time_stamps(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    whole = video_with_clicks(tmp_path / "whole.mp4", 5)
    for i in range(8):
        source = without_audio_between(whole, tmp_path / f"in{i}.mkv", 0.2 + i / 2, 0.23 + i / 2)
        whole = source
    run = transcode(source, tmp_path / "out.avi")
    assert run.written is not None and run.written.facts["audio"] == "reencoded (libmp3lame)"
    assert clicks_in(tmp_path / "out.avi", by_clock=False) == pytest.approx(clicks_in(source), abs=0.12)


@pytest.mark.parametrize(("rate", "codec"), [(44_100, "libopus"), (22_254, "aac")])
def test_a_new_sample_rate_adds_no_silence(tmp_path: Path, rate: int, codec: str) -> None:
    """16 samples at 44.1 kHz are 17.4 at 48 kHz: rounded for each packet, they seem to lack 0.1 s after 4 s.
    Old Macintosh films have 22,254 samples a second."""
    with av.open(str(tmp_path / "in.mkv"), "w") as file:
        whole: Any = file.add_stream("pcm_s16le", rate=rate, layout="mono")
        for begin in range(0, 5 * rate, 16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
            file.mux(whole.encode(frame))
    with av.open(str(tmp_path / "in.mkv")) as source, av.open(str(tmp_path / "out.mkv"), "w") as output:
        encoder = AudioEncoder(source.streams.audio[0], output, codec)
        encoded = [new for packet in source.demux() for new in encoder(packet if packet.size else None)]
    assert float(sum(new.duration * new.time_base for new in encoded)) == pytest.approx(5, abs=0.05)


@pytest.mark.parametrize("target", ["mp4", "mkv", "mov", "avi"])
def test_two_recordings_in_one_file_become_one_video(tmp_path: Path, target: str) -> None:
    """Transport streams are often concatenated byte by byte; then the clock restarts in the middle."""
    one = video_with_clicks(tmp_path / "one.ts", 3)
    (tmp_path / "in.ts").write_bytes(one.read_bytes() * 2)
    run = transcode(tmp_path / "in.ts", tmp_path / f"out.{target}")
    assert run.written is not None and run.written.frames == 150
    heard = clicks_in(tmp_path / f"out.{target}")
    first = heard[0]
    assert heard == pytest.approx([first + i for i in range(6)], abs=0.06)


def test_only_the_rejected_packet_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as AAC without its header, in damaged transport streams."""
    source = video_with_clicks(tmp_path / "in.ts", 2)
    whole = SideStreams.packets

    def with_a_damaged_one(side_streams: SideStreams) -> Iterator[tuple[Fraction, av.Packet]]:
        for number, (seconds, packet) in enumerate(whole(side_streams)):
            if number == 20:
                damaged = av.Packet(b"\0\0\0")
                damaged.stream, damaged.time_base = packet.stream, packet.time_base
                damaged.pts, damaged.dts = packet.pts, packet.dts
                yield seconds, damaged
            yield seconds, packet

    monkeypatch.setattr(SideStreams, "packets", with_a_damaged_one)
    run = transcode(source, tmp_path / "out.mp4")
    assert run.written is not None and run.written.frames == 50
    assert "damaged packets of audio or subtitles were left out: 1" in run.warnings
    assert audio_packets(tmp_path / "out.mp4")[0]

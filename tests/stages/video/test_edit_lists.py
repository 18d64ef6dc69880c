"""MP4 edit lists: hidden frames and audio are not in the output, and not reported as missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.stage import StageError
from stages.video.decode import Decode
from tests.stages.video.click_videos import clicks_in, video_with_clicks
from tests.stages.video.edit_list_files import Edit, with_edits
from tests.stages.video.numbered_videos import audio_packets, number_in
from tests.stages.video.video_runs import decoded, job, transcode

pytestmark = pytest.mark.quick

VIDEO_S = 0.08
"""Start of the first frame in the track of test videos: two frames of reorder delay."""
AUDIO_S = 1024 / 48_000
"""Start of the audio in its track: the encoder's priming."""
FRAME_S = 0.04
PACKET_S = 1024 / 48_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return video_with_clicks(tmp_path_factory.mktemp("source") / "in.mp4", 8)


def edited(source: Path, folder: Path, video: Sequence[Edit], audio: Sequence[Edit]) -> Path:
    """The video with edits in presentation times, converted to times of the tracks."""

    def moved(edits: Sequence[Edit], by: float) -> list[Edit]:
        return [(length, None if begin is None else begin + by, rate) for length, begin, rate in edits]

    tracks = {0: moved(video, VIDEO_S), 1: moved(audio, AUDIO_S)}
    return with_edits(source, folder / "edited.mp4", {track: edits for track, edits in tracks.items() if edits})


@pytest.mark.parametrize(
    ("edits", "shown"),
    [
        ([(4, 2.0, 1)], range(50, 150)),
        ([(4, 2.2, 1)], range(55, 155)),
        ([(1, 7.0, 1)], range(175, 200)),
        ([(1, None, 1), (8, 0.0, 1)], range(200)),
        ([(1, None, 1), (3, 2.0, 1)], range(50, 125)),
        ([(2, 1.0, 1), (2, 5.0, 1)], [*range(25, 75), *range(125, 175)]),
        ([(2, 5.0, 1), (2, 1.0, 1)], [*range(125, 175), *range(25, 75)]),
        ([(4, 0.0, 2)], range(100)),
    ],
)
def test_frames_of_an_edit_list(
    source: Path, tmp_path: Path, edits: Sequence[Edit], shown: Sequence[int]
) -> None:
    path = edited(source, tmp_path, edits, ())
    stage = Decode(Decode.Config())
    chunks = list(stage(job(path, None)))
    assert [number_in(rgb) for chunk in chunks for rgb in chunk.rgb_THW3] == list(shown)
    facts = stage.summary()
    assert not facts["truncated"] and not any("damaged" in warning for warning in facts["warnings"])
    assert stage.length() == len(shown)
    stage.close()


def test_a_trimmed_video_that_is_truncated_is_damaged(source: Path, tmp_path: Path) -> None:
    trimmed = edited(source, tmp_path, [(6, 1.0, 1)], [(6, 1.0, 1)])
    whole = index_first(trimmed, tmp_path / "whole.mp4")
    _, facts = decoded(whole)
    shown = facts["frames_in"]
    assert shown >= 150 and not facts["truncated"]
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    _, facts = decoded(tmp_path / "cut.mp4")
    assert facts["truncated"] and 0 < facts["frames_in"] < shown


def index_first(source: Path, target: Path) -> Path:
    """The same MP4 with its index before its data; the muxer hides times before 0."""
    with av.open(str(source)) as before, av.open(str(target), "w", options={"movflags": "+faststart"}) as after:
        copies: dict[int, Any] = {stream.index: after.add_stream_from_template(stream) for stream in before.streams}
        for packet in before.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                after.mux(packet)
    return target


CUTS: Mapping[str, tuple[Sequence[Edit], Sequence[Edit], list[float]]] = {
    "trimmed": ([(4, 2.0, 1)], [(4, 2.0, 1)], [0.5, 1.5, 2.5, 3.5]),
    "trimmed between key frames": ([(4, 2.2, 1)], [(4, 2.2, 1)], [0.3, 1.3, 2.3, 3.3]),
    "audio that is cut elsewhere": ([(4, 2.0, 1)], [(4, 2.13, 1)], [0.37, 1.37, 2.37, 3.37]),
    "audio that begins late": ([(8, 0.0, 1)], [(1, None, 1), (6, 0.0, 1)], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]),
    "late audio that is trimmed": ([(8, 0.0, 1)], [(0.7, None, 1), (6, 1.0, 1)], [1.2, 2.2, 3.2, 4.2, 5.2, 6.2]),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("target", ["mp4", "mov", "mkv", "avi", "webm"])
def test_audio_stays_in_sync(source: Path, tmp_path: Path, cut: str, target: str) -> None:
    video, audio, clicks = CUTS[cut]
    path = edited(source, tmp_path, video, audio)
    assert clicks_in(path) == pytest.approx(clicks, abs=0.002)
    output = tmp_path / f"out.{target}"
    encode = {"codec": "libvpx", "preset": "ultrafast"} if target == "webm" else {}
    run = transcode(path, output, encode=encode)
    assert "damaged" not in run.warnings
    # Without negative times a packet begins with the video or is dropped; MP3's delay is 23 ms.
    slack = {"mp4": 0.002, "mov": 0.002, "mkv": 0.002, "webm": 0.01}.get(target, 0.025)
    for by_clock in (True, False):
        heard = clicks_in(output, by_clock=by_clock)
        assert heard[: len(clicks)] == pytest.approx(clicks, abs=slack if by_clock else max(slack, PACKET_S / 2))
        assert len(heard) <= len(clicks) + 1


def test_two_edits_with_audio_become_one_video(source: Path, tmp_path: Path) -> None:
    parts = [(2, 1.0, 1), (2, 5.25, 1)]
    path = edited(source, tmp_path, [(2, 1.0, 1), (2, 5.0, 1)], parts)
    for target in ("mp4", "mkv"):
        run = transcode(path, tmp_path / f"out.{target}")
        assert run.written is not None and run.written.frames == 100
        assert clicks_in(tmp_path / f"out.{target}")[:4] == pytest.approx([0.5, 1.5, 2.25, 3.25], abs=0.025)


def test_uncut_audio_is_copied_completely(source: Path, tmp_path: Path) -> None:
    for target in ("mp4", "mkv", "avi"):
        transcode(source, tmp_path / f"out.{target}")
        assert audio_packets(tmp_path / f"out.{target}") == audio_packets(source)


def test_hidden_audio_is_not_in_the_output(source: Path, tmp_path: Path) -> None:
    """Except the priming of the decoder, which is hidden again."""
    path = edited(source, tmp_path, [(4, 2.0, 1)], [(4, 2.0, 1)])
    heard = 4 / PACKET_S
    for target, most in (("mp4", heard + 8), ("mkv", heard + 2)):
        transcode(path, tmp_path / f"out.{target}")
        assert heard - 2 <= len(audio_packets(tmp_path / f"out.{target}")[0]) <= most


def test_an_edit_list_without_frames_is_one_plain_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no frame"):
        decoded(edited(source, tmp_path, [(2, 100.0, 1)], ()))

"""A run with a late start yields the same numbers, times and pixels as a run from the beginning."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from pipeline.stage import StageError
from stages.video.decoding import video_frames
from tests.stages.video.edit_list_files import Edit, with_edits
from tests.stages.video.numbered_videos import numbered, write_video
from tests.stages.video.video_runs import decoded

pytestmark = pytest.mark.quick

FRAMES = [numbered(i) for i in range(150)]
STARTS = (0.04, 1.52, 3.33, 5.0)
OPEN = "open-gop=1:keyint=24:min-keyint=24:bframes=3:b-adapt=0:scenecut=0:log-level=0"
"""In an open GOP, frames before a key frame refer to it and to earlier frames."""


def video_file(path: Path, codec: str, **keys: Any) -> Path:
    """Six seconds of numbered frames."""
    names = {"libx264": "x264-params", "libx265": "x265-params"}
    options = {names[codec]: OPEN, "crf": "15"} if codec in names else keys.pop("options", {"bf": "2", "g": "12"})
    return write_video(path, FRAMES, codec=codec, options=options, time_base=Fraction(1, 25), **keys)


def cut_at_packet(source: Path, target: Path, chosen: Callable[[list[bool]], int]) -> Path:
    """A lossless cut: the packets from the index that `chosen` returns for the list of key frame flags."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        stream = before.streams.video[0]
        copy = after.add_stream_from_template(stream)
        packets = [packet for packet in before.demux(stream) if packet.size]
        for packet in packets[chosen([packet.is_keyframe for packet in packets]) :]:
            packet.stream = copy
            after.mux(packet)
    return target


def second_key(keys: list[bool]) -> int:
    return keys.index(True, 1)


def after_second_key(keys: list[bool]) -> int:
    return second_key(keys) + 5


def frames_of(path: Path, **keys: Any) -> tuple[list[tuple[int, int, bytes]], Any]:
    """(number, PTS, pixels) of every frame of a run, and its facts."""
    chunks, facts = decoded(path, **keys)
    rows = [
        (chunk.source_index(t), int(chunk.pts_T[t]), chunk.rgb_THW3[t].tobytes())
        for chunk in chunks
        for t in range(len(chunk))
    ]
    return rows, facts


def assert_seeks_accurately(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Compare runs with each start with the whole run; returns which of them seeked."""
    whole, facts = frames_of(path)
    assert [number for number, _, _ in whole] == list(range(len(whole)))
    monkeypatch.setattr(video_frames, "SEEK_FROM_S", 0)
    went: list[bool] = []

    def noted(*arguments: Any) -> Any:
        late = seek_accurately(*arguments)
        went.append(late is not None)
        return late

    seek_accurately = video_frames.seek_accurately
    monkeypatch.setattr(video_frames, "seek_accurately", noted)
    with av.open(str(path)) as container:
        begin = Fraction(container.start_time or 0, av.time_base)
        base = Fraction(container.streams.video[0].time_base or 1)
    for start in STARTS:
        tail = [row for row in whole if row[1] * base - begin >= Fraction(str(start))]
        if tail:
            late, late_facts = frames_of(path, start=start)
            assert [row[:2] for row in late] == [row[:2] for row in tail]
            assert [row[2] for row in late] == [row[2] for row in tail]
            assert late_facts["warnings"] == facts["warnings"]
    return went


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("chosen", [None, second_key, after_second_key])
def test_videos_whose_frames_lost_their_references(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, suffix: str, chosen: Any
) -> None:
    path = video_file(tmp_path / f"in.{suffix}", codec)
    if chosen is not None:
        path = cut_at_packet(path, tmp_path / f"cut.{suffix}", chosen)
    assert any(assert_seeks_accurately(path, monkeypatch))


@pytest.mark.parametrize(
    "edits",
    [
        [(4, 1.08, 1)],
        [(3, 1.28, 1)],
        [(1, None, 1), (5, 0.08, 1)],
        [(1.5, 0.5, 1), (2, 3, 1)],
        [(2, 3, 1), (2, 0.5, 1)],
    ],
    ids=["trimmed", "trimmed between key frames", "late", "two parts", "two parts in another order"],
)
def test_videos_with_edit_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edits: list[Edit]) -> None:
    source = video_file(tmp_path / "in.mp4", "libx264")
    assert_seeks_accurately(with_edits(source, tmp_path / "cut.mp4", {0: edits}), monkeypatch)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("in.webm", "libvpx", {"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16"}),
        ("in.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
        ("in.mkv", "mpeg4", {"bf": "2"}),
        ("in.mkv", "mpeg2video", {"bf": "2"}),
    ],
)
def test_videos_with_packets_without_a_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str, options: dict[str, str]
) -> None:
    assert_seeks_accurately(video_file(tmp_path / name, codec, options=options), monkeypatch)


def test_videos_whose_time_stamps_need_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated time stamp is repaired from earlier ones, which a seek does not read."""
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, image in enumerate(FRAMES):
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                packet.pts, packet.time_base = 40 * (number - (number == 20)), Fraction(1, 1000)
                packet.dts = number - 1000
                output.mux(packet)
    assert_seeks_accurately(path, monkeypatch)


def test_damage_after_a_seek_is_numbered_in_the_whole_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = video_file(tmp_path / "in.mkv", "mjpeg", pix_fmt="yuvj420p", options={})
    data = source.read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(data[: len(data) * 5 // 6])
    _, whole = decoded(path)
    monkeypatch.setattr(video_frames, "SEEK_FROM_S", 0)
    _, late = decoded(path, start=3.0)
    assert whole["truncated"] and late["warnings"] == whole["warnings"]


def test_a_cut_file_numbers_its_shown_frames(shared: Path) -> None:
    for name, number in (("cut_opengop.mkv", 245), ("trimmed_small.mp4", 250)):
        if not (shared / "faults" / name).is_file():
            pytest.skip("the video is not here")
        late, facts = frames_of(shared / "faults" / name, start=10.0)
        whole, _ = frames_of(shared / "faults" / name)
        assert late[0][0] == number and late == whole[number:]
        assert not facts["truncated"]


@pytest.mark.parametrize("start", [1e12, 1e14, 1e300])
def test_a_start_that_no_clock_can_hold_is_after_the_end(tmp_path: Path, start: float) -> None:
    with pytest.raises(StageError, match="no frame lies between start and end"):
        decoded(video_file(tmp_path / "in.mp4", "libx264"), start=start)

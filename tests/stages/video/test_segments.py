"""Segments: cut by frame index, seamless, reproducible, and the points from which a run resumes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.stage import StageError
from stages.payloads import FrameChunk, Overlay, SegmentWritten, VideoInfo, Written
from stages.video.decode import Decode
from stages.video.encode import Encode
from stages.video.encoding.containers import CONTAINERS
from stages.video.encoding.segment_encoder import SegmentEncoder
from stages.video.encoding.segment_manifest import read_manifest
from stages.video.encoding.thread_priority import thread_ids
from stages.video.encoding.video_writer import VideoWriterSettings, encoder_spec
from tests.stages.video.numbered_videos import HEIGHT, WIDTH, audio_packets, frames_of, number_in, numbered, write_video
from tests.stages.video.video_runs import job, transcode

COUNT = 50
FRAMES = [numbered(i) for i in range(COUNT)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A numbered video with audio and variable frame rate."""
    times = [2 * i + (i % 3 == 0) for i in range(COUNT)]
    return write_video(tmp_path_factory.mktemp("source") / "in.mp4", FRAMES, pts=times, audio=("aac",))


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "mpeg4"])
@pytest.mark.parametrize("length", [1, 7, 50, 120])
def test_no_frame_is_lost_or_reordered_between_segments(source: Path, tmp_path: Path, codec: str, length: int) -> None:
    run = transcode(source, tmp_path / "out.mp4", encode={"codec": codec, "segment_frames": length})
    frames = frames_of(tmp_path / "out.mp4")
    assert [number_in(rgb) for _, rgb in frames] == list(range(COUNT))
    assert [time for time, _ in frames] == [time for time, _ in frames_of(source)]
    assert run.written is not None and run.written.frames == COUNT


def test_every_segment_begins_with_a_key_frame(source: Path, tmp_path: Path) -> None:
    import av

    transcode(source, tmp_path / "out.mp4", encode={"segment_frames": 10})
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert [i for i, p in enumerate(packets) if p.is_keyframe] == [0, 10, 20, 30, 40]
    assert all(a.dts < b.dts for a, b in pairwise(packets))
    assert all(p.dts <= p.pts for p in packets)


def test_output_is_reproducible_and_does_not_depend_on_chunks(source: Path, tmp_path: Path) -> None:
    names = []
    for chunk, name in ((1, "a.mp4"), (7, "b.mp4"), ("auto", "c.mp4"), ("auto", "d.mp4")):
        transcode(source, tmp_path / name, decode={"chunk": chunk}, encode={"segment_frames": 12})
        names.append((tmp_path / name).read_bytes())
    assert names[0] == names[1] == names[2] == names[3]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="SVT-AV1 takes priority as root, on Linux")
def test_no_encoder_changes_the_thread_priority(tmp_path: Path) -> None:
    before = thread_ids()
    settings = VideoWriterSettings(codec="av1", crf=None, preset="fast", segment_frames=12, threads=1)
    spec = encoder_spec(chunk(0, [0])[0].video, CONTAINERS[".mp4"], settings, "out.mp4")
    encoder = SegmentEncoder(tmp_path, 0, 0, spec)
    encoder.add(FRAMES[0], 0)
    begun = thread_ids() - before
    assert len(begun) > 1, "the encoder has threads of its own"
    assert {os.sched_getscheduler(thread) for thread in begun | {0}} == {os.SCHED_OTHER}
    encoder.finish()


def test_a_segment_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    """x264's AVX-512 code fails this for some segments of uniform frames."""
    video = chunk(0, [0])[0].video
    settings = VideoWriterSettings(codec=None, crf=None, preset="veryfast", segment_frames=12, threads=2)
    spec = encoder_spec(video, CONTAINERS[".mp4"], settings, "out.mp4")
    found = set()
    for _ in range(80):
        encoder = SegmentEncoder(tmp_path, 0, 0, spec)
        for i in range(12):
            encoder.add(FRAMES[i], i)
        encoder.finish()
        found.add((tmp_path / "segment_000000.mkv").read_bytes())
    assert len(found) == 1


def chunk(first: int, numbers: Sequence[int], **fields: Any) -> tuple[FrameChunk, Overlay]:
    """A chunk of numbered frames at 30 frames a second."""
    video = VideoInfo(
        **{
            "path": "nowhere",
            "width": WIDTH,
            "height": HEIGHT,
            "still": False,
            "rate": Fraction(30),
            "time_base": Fraction(1, 30),
            **fields,
        }
    )
    rgb = np.stack([numbered(n) for n in numbers])
    return (
        FrameChunk(rgb_THW3=rgb, pts_T=np.array(numbers, np.int64), first=first, video=video),
        Overlay(rgb_THW3=rgb),
    )


def test_segments_are_on_the_disk_before_their_receipts(source: Path, tmp_path: Path) -> None:
    sink = Encode(Encode.Config(segment_frames=10))
    work = job(source, tmp_path / "out.mp4")
    folder = tmp_path / "out.mp4.partial"
    announced: list[SegmentWritten] = []
    for start in range(0, 30, 5):
        for receipt in sink(work, *chunk(start, range(start, start + 5), path=str(source))):
            assert isinstance(receipt, SegmentWritten)
            assert Path(receipt.path).is_file()
            announced.append(receipt)
    assert [(s.first, s.frames) for s in announced] == [(0, 10), (10, 10), (20, 10)]
    manifest = read_manifest(folder)
    assert [(s.first, tuple(s.pts)) for s in manifest] == [(i, tuple(range(i, i + 10))) for i in (0, 10, 20)]
    assert not (tmp_path / "out.mp4").exists()
    sink.close()


def test_the_receipt_of_a_segment_that_ends_inside_a_packet_waits_for_a_boundary(tmp_path: Path, source: Path) -> None:
    sink = Encode(Encode.Config(segment_frames=10))
    work = job(source, tmp_path / "out.mp4")
    announced = [
        list(sink(work, *chunk(start, range(start, start + 4), path=str(source)))) for start in range(0, 40, 4)
    ]
    assert [len(step) for step in announced] == [0, 0, 0, 0, 2, 0, 0, 0, 0, 2]
    sink.close()


def test_a_restart_after_a_committed_segment_gives_the_same_file(source: Path, tmp_path: Path) -> None:
    def chunks() -> list[FrameChunk]:
        stage = Decode(Decode.Config(chunk=5))
        result = list(stage(job(source, None)))
        stage.close()
        return result

    config = Encode.Config(segment_frames=10)
    transcode(source, tmp_path / "whole.mp4", decode={"chunk": 5}, encode={"segment_frames": 10})
    work = job(source, tmp_path / "out.mp4")
    first = Encode(config)
    state = b""
    for number, part in enumerate(chunks()[:5]):
        receipts = list(first(work, part, Overlay(rgb_THW3=part.rgb_THW3)))
        if receipts:
            state, accepted = first.state(), number + 1
    # The process ends here: nothing is closed or flushed.
    del first
    second = Encode(config)
    second.restore(state)
    for part in chunks()[accepted:]:
        list(second(work, part, Overlay(rgb_THW3=part.rgb_THW3)))
    written = [r for r in second.flush() if isinstance(r, Written)]
    second.close()
    assert written[0].frames == COUNT
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert not (tmp_path / "out.mp4.partial").exists()


def died(source: Path, output: Path, packets: int) -> bytes:
    """The files that a killed run leaves after so many packets of 5 frames; returns the state of its commit."""
    sink, state = Encode(Encode.Config(segment_frames=10)), b""
    reader = Decode(Decode.Config(chunk=5))
    for _, part in zip(range(packets), reader(job(source, None)), strict=False):
        if list(sink(job(source, output), part, Overlay(rgb_THW3=part.rgb_THW3))):
            state = sink.state()
    reader.close()
    assert sink.background is not None
    sink.background.wait()
    return state


def test_complete_segments_become_a_partial_result_and_stay(source: Path, tmp_path: Path) -> None:
    died(source, tmp_path / "out.mp4", 7)
    before = sorted(file.name for file in (tmp_path / "out.mp4.partial").glob("segment_*.mkv"))
    sink = Encode(Encode.Config(crf=40))  # the settings of the killed run apply, not these
    written = list(sink.save_partial_result(job(source, tmp_path / "out.mp4")))
    sink.close()
    assert [(receipt.path, receipt.frames) for receipt in written] == [(str(tmp_path / "out.partial.mp4"), 30)]
    assert [number_in(rgb) for _, rgb in frames_of(tmp_path / "out.partial.mp4")] == list(range(30))
    assert sorted(file.name for file in (tmp_path / "out.mp4.partial").glob("segment_*.mkv")) == before
    again = Encode(Encode.Config(segment_frames=10))
    again.restore(json.dumps({"segments": 3, "notes": []}).encode())
    for number, part in enumerate(decoded_chunks(source)[6:]):
        list(again(job(source, tmp_path / "out.mp4"), part, Overlay(rgb_THW3=part.rgb_THW3)))
        assert number < 4
    assert [receipt.frames for receipt in again.flush()] == [COUNT]
    again.close()


def decoded_chunks(source: Path) -> list[FrameChunk]:
    reader = Decode(Decode.Config(chunk=5))
    chunks = list(reader(job(source, None)))
    reader.close()
    return chunks


@pytest.mark.parametrize("left", [(), ("manifest.recording.json",), ("segment_000000.mkv",)])
def test_no_partial_result_without_segments(source: Path, tmp_path: Path, left: tuple[str, ...]) -> None:
    """Without the folder, without the resume info, without the first segment."""
    if left:
        died(source, tmp_path / "out.mp4", 3)
        for name in left:
            (tmp_path / "out.mp4.partial" / name).unlink()
    sink = Encode(Encode.Config())
    assert list(sink.save_partial_result(job(source, tmp_path / "out.mp4"))) == []
    sink.close()
    assert not (tmp_path / "out.partial.mp4").exists()


def test_a_resumed_run_without_further_frames_is_complete(source: Path, tmp_path: Path) -> None:
    state = died(source, tmp_path / "out.mp4", 6)
    sink = Encode(Encode.Config(segment_frames=10))
    sink.restore(state)
    sink.reopen(job(source, tmp_path / "out.mp4"))
    assert [receipt.frames for receipt in sink.flush()] == [30]
    sink.close()
    assert [number_in(rgb) for _, rgb in frames_of(tmp_path / "out.mp4")] == list(range(30))
    assert not (tmp_path / "out.mp4.partial").exists()


def test_a_restart_with_missing_segments_is_refused(source: Path, tmp_path: Path) -> None:
    sink = Encode(Encode.Config())
    sink.restore(b'{"segments": 3}')
    with pytest.raises(StageError, match="segments are missing"):
        list(sink(job(source, tmp_path / "out.mp4"), *chunk(0, range(5), path=str(source))))


def test_an_interrupted_run_leaves_a_playable_partial_result(source: Path, tmp_path: Path) -> None:
    run = transcode(source, tmp_path / "out.mp4", decode={"chunk": 5}, encode={"segment_frames": 10}, stop_after=25)
    part = tmp_path / "out.partial.mp4"
    assert run.written is not None
    assert run.written.path == str(part)
    assert run.written.frames == 25
    assert [number_in(rgb) for _, rgb in frames_of(part)] == list(range(25))
    assert 0 < len(audio_packets(part)[0]) < len(audio_packets(source)[0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.partial.mp4"]


def test_an_interruption_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    sink = Encode(Encode.Config())
    assert list(sink.interrupt()) == []
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_files_of_an_earlier_run_are_replaced_and_foreign_files_kept(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out.mp4.partial"
    folder.mkdir()
    (folder / "segment_000000.mkv").write_bytes(b"stale")
    (folder / "manifest.jsonl").write_text("{broken")
    (folder / "diary.txt").write_text("mine")
    transcode(source, tmp_path / "out.mp4")
    assert [number_in(rgb) for _, rgb in frames_of(tmp_path / "out.mp4")] == list(range(COUNT))
    assert [p.name for p in folder.iterdir()] == ["diary.txt"]

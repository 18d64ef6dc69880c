"""Input files that are damaged, cut short or of the wrong kind: one plain error, or every frame that decodes."""

from __future__ import annotations

import collections
import os
import random
import signal
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.stage import StageError
from stages.video.decode import Decode, chunk_length
from stages.video.decoding.demuxing import packets_of
from stages.video.decoding.truncated_files import missing_bytes
from tests.stages.video.numbered_videos import audio_packets, number_in, numbered, write_video
from tests.stages.video.video_runs import decoded, transcode

BROKEN_FILES = 200
HANG_S = 20
NOISE = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), dtype=np.uint8) for i in range(40)]


def refusal(path: Path | str) -> str:
    """The error message for a file."""
    with pytest.raises(StageError) as caught:
        decoded(path)
    assert str(path) in str(caught.value)
    assert caught.value.remedy
    return str(caught.value)


def test_files_that_are_no_video(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("dear diary\n" * 100)
    assert "text" in refusal(text)
    subtitles = tmp_path / "video.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    assert "text" in refusal(subtitles)
    for name, content in {
        "a.json": b'{"a": 1}',
        "b.mp4": b"dear diary\n" * 100,
        "c.bin": bytes(range(256)) * 400,
        "d.mp4": bytes(100_000),
        "e.jpg": b"\xff\xd8\xff\xe0 broken",
        "f.png": b"\x89PNG\r\n\x1a\n",
    }.items():
        (tmp_path / name).write_bytes(content)
        refusal(tmp_path / name)


def test_empty_missing_folder_and_device(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "empty" in refusal(tmp_path / "empty.mp4")
    assert "no such file" in refusal(tmp_path / "missing.mp4")
    assert "folder" in refusal(tmp_path)
    assert "regular file" in refusal("/dev/zero")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "regular file" in refusal(tmp_path / "pipe.mp4")


def test_names_that_look_like_urls_or_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_video(tmp_path / "in.mp4", NOISE[:5])
    monkeypatch.chdir(tmp_path)
    for name in ("-y.mp4", "12:30 take.mp4", "a%03d.mp4", "ünï.mp4"):
        os.link(source, tmp_path / name)
        assert decoded(name)[1]["frames_in"] == 5


def test_audio_alone_and_audio_with_cover_art(tmp_path: Path) -> None:
    video = write_video(tmp_path / "in.mp4", NOISE[:5], audio=("aac",))
    audio, covered = tmp_path / "song.m4a", tmp_path / "covered.mp4"
    with av.open(str(video)) as source, av.open(str(audio), "w", format="mp4") as output:
        copy = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    assert "audio but no video" in refusal(audio)
    _add_cover(audio, covered)
    with av.open(str(covered)) as container:
        assert len(container.streams.video) == 1
    assert "audio but no video" in refusal(covered)


def _add_cover(source_path: Path, target: Path) -> None:
    """Copy a file and add a JPEG as cover art."""
    image = av.VideoFrame.from_ndarray(NOISE[0], format="rgb24").reformat(format="yuvj420p")
    with av.open(str(source_path)) as source, av.open(str(target), "w", format="mp4") as output:
        streams = [output.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        cover = output.add_stream("mjpeg", rate=25, width=64, height=48, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
        output.mux(cover.encode(image))
        output.mux(cover.encode(None))


def test_the_default_video_stream_is_the_one_processed(tmp_path: Path) -> None:
    """Two video streams, the second and smaller one marked default."""
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        streams = []
        for width, marked in ((128, 0), (64, av.stream.Disposition.default)):
            stream = output.add_stream("ffv1", rate=25, width=width, height=48, pix_fmt="yuv420p")
            stream.disposition = marked
            streams.append(stream)
        for i in range(4):
            for stream, number in zip(streams, (i + 100, i), strict=True):
                image = numbered(number, stream.width)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in streams:
            output.mux(stream.encode(None))
    chunks, _ = decoded(tmp_path / "in.mkv")
    assert [number_in(rgb) for rgb in chunks[0].rgb_THW3] == [0, 1, 2, 3]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "webm"])
@pytest.mark.parametrize("share", [0.35, 0.95])
def test_a_truncated_file_is_processed_with_a_warning(tmp_path: Path, suffix: str, share: float) -> None:
    codec, options = {"avi": ("mpeg4", None), "webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"})}.get(
        suffix, ("libx264", None)
    )
    whole = write_video(
        tmp_path / f"whole.{suffix}",
        NOISE,
        codec=codec,
        options=options,
        muxer_options={"movflags": "faststart"} if suffix == "mp4" else None,
    )
    assert missing_bytes(str(whole)) == 0
    assert decoded(whole)[1]["truncated"] is False
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(data[: int(len(data) * share)])
    with av.open(str(cut)) as container:
        readable = sum(1 for _ in _decodable(container))
    run = transcode(cut, tmp_path / "out.mp4")
    assert run.facts["truncated"] is True
    assert run.facts["frames_in"] == run.written.frames == readable > 0
    assert "cut short" in run.warnings and " s, after frame " in run.warnings


def _decodable(container: av.container.InputContainer) -> list[av.VideoFrame]:
    """Every frame that PyAV decodes, packet by packet, without errors."""
    frames: list[av.VideoFrame] = []
    for packet in container.demux(video=0):
        try:
            frames += packet.decode()
        except av.FFmpegError:
            continue
    return frames


def test_a_damaged_middle_is_skipped(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "in.mkv", NOISE, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 9000] = b"\0" * 9000
    (tmp_path / "bad.mkv").write_bytes(data)
    _, facts = decoded(tmp_path / "bad.mkv")
    assert facts["truncated"] is True
    assert 30 <= facts["frames_in"] < 40


def test_an_index_that_is_missing_is_one_plain_error(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "in.mp4", NOISE)
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:-2000])
    assert "index is missing" in refusal(tmp_path / "cut.mp4")


def test_a_video_without_one_frame_that_decodes(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "in.mp4", NOISE, muxer_options={"movflags": "faststart"})
    data = whole.read_bytes()
    start = data.index(b"mdat") + 4
    (tmp_path / "bad.mp4").write_bytes(data[:start] + bytes(len(data) - start))
    assert "no frame" in refusal(tmp_path / "bad.mp4")


def test_damaged_audio_does_not_change_the_video(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "in.mkv", NOISE, audio=("aac",))
    packets = audio_packets(whole)[0]
    data = whole.read_bytes()
    for packet in packets[10:20]:
        data = data.replace(packet, b"\xff" * len(packet))
    (tmp_path / "bad.mkv").write_bytes(data)
    run = transcode(tmp_path / "bad.mkv", tmp_path / "out.mp4")
    assert run.facts["truncated"] is False
    assert run.written.facts["audio"] == "copied"
    assert audio_packets(tmp_path / "out.mp4") == audio_packets(tmp_path / "bad.mkv")


def test_stated_sizes_of_large_and_open_boxes(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4sQ", 1, b"mdat", 1000))
    assert missing_bytes(str(path)) == 1000 - 16
    path.write_bytes(struct.pack(">I4s8x", 16, b"ftyp") + struct.pack(">I4s", 0, b"mdat") + b"x" * 50)
    assert missing_bytes(str(path)) == 0
    path.write_bytes(b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67" + b"\x01" + b"\xff" * 7)
    assert missing_bytes(str(path)) == 0


@pytest.mark.parametrize(
    "keys", [{"start": -1.0}, {"start": 2.0, "end": 1.0}, {"every": 0}, {"max_size": 3}, {"chunk": 0}, {"threads": -1}]
)
def test_wrong_settings_name_their_key(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(reversed(keys))):
        Decode.Config(**keys)  # type: ignore[arg-type]


def test_start_after_the_end_is_one_plain_error(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", NOISE)
    with pytest.raises(StageError, match=r"between start and end.*1\.3"):
        decoded(source, start=100.0)


def test_chunks_fit_their_bytes_and_divide_segments() -> None:
    assert chunk_length("auto", 3840, 2160) == 1
    assert chunk_length("auto", 1920, 1080) == 6
    assert chunk_length("auto", 1280, 720) == 15
    assert chunk_length("auto", 320, 240) == 30
    assert all(120 % chunk_length("auto", w, w * 9 // 16) == 0 for w in range(64, 4000, 16))
    assert chunk_length(7, 1920, 1080) == 7


def test_an_absurd_size_is_one_plain_error(tmp_path: Path) -> None:
    """A PNG that claims 100 000 pixels a side."""
    header = struct.pack(">II5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in ((b"IHDR", header), (b"IDAT", b"x" * 100)):
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    (tmp_path / "in.png").write_bytes(data)
    assert "has 100000×100000 pixels" in refusal(tmp_path / "in.png")


def test_broken_files_give_frames_or_one_plain_error(tmp_path: Path) -> None:
    """Bytes are changed, removed and inserted at random places of small files; each file is run in a forked process."""
    seeds = [
        write_video(tmp_path / "a.mp4", NOISE[:6], audio=("aac",)),
        write_video(tmp_path / "b.mkv", NOISE[:6], audio=("aac",)),
        write_video(tmp_path / "c.avi", NOISE[:6], codec="mpeg4"),
        write_video(tmp_path / "d.ts", NOISE[:6]),
        write_video(tmp_path / "e.gif", NOISE[:6], codec="gif", pix_fmt="rgb8", time_base=Fraction(1, 25)),
    ]
    for suffix in ("png", "jpg", "webp", "tif"):
        Image.fromarray(NOISE[0]).save(tmp_path / f"s.{suffix}")
        seeds.append(tmp_path / f"s.{suffix}")
    rng = random.Random(20)
    ends = collections.Counter()
    for number in range(BROKEN_FILES):
        seed = seeds[number % len(seeds)]
        broken = tmp_path / f"broken{seed.suffix}"
        broken.write_bytes(_mutated(seed.read_bytes(), rng))
        output = tmp_path / ("out.png" if seed.stem == "s" else "out.mp4")
        ends[_outcome(broken, output)] += 1
    assert set(ends) <= {"frames", "refused"}, ends
    assert ends["frames"] > BROKEN_FILES // 10 and ends["refused"] > BROKEN_FILES // 10


def _mutated(data: bytes, rng: random.Random) -> bytes:
    result = bytearray(data)
    for _ in range(rng.choice((1, 3, 20))):
        # Half of the changes hit headers.
        place = rng.randrange(min(len(result), 1500) if rng.random() < 0.5 else len(result))
        kind = rng.randrange(4)
        if kind == 0:
            result[place] = rng.randrange(256)
        elif kind == 1:
            result[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del result[place : place + rng.randrange(1, 40)]
        else:
            result[place:place] = rng.randbytes(rng.randrange(1, 20))
        result = result or bytearray(b"x")
    return bytes(result[: rng.randrange(1, len(result) + 1)] if rng.random() < 0.2 else result)


def _outcome(source: Path, output: Path) -> str:
    """ "frames", "refused", or another end of the child process."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # in this process nobody times the tests
        signal.alarm(HANG_S)
        code = 70
        try:
            transcode(source, output, overwrite=True)
            code = 0
        except StageError:
            code = 1
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    return {0: "frames", 256: "refused"}.get(status, f"status {status}")


class BeginsInTheMiddle:
    """A container like PyAV's when a new stream begins in the middle."""

    def demux(self, *streams: Any) -> Iterator[Any]:
        yield from streams
        raise IndexError("list index out of range")


def test_a_stream_that_begins_in_the_middle_does_not_end_the_run(tmp_path: Path) -> None:
    container, streams = BeginsInTheMiddle(), ("first", "second")
    assert list(packets_of(cast(Any, container), *cast(Any, streams))) == ["first", "second"]
    silent = write_video(tmp_path / "silent.ts", [numbered(i) for i in range(30)])
    spoken = write_video(tmp_path / "spoken.ts", [numbered(i) for i in range(30)], audio=("aac", "aac"))
    (tmp_path / "in.ts").write_bytes(silent.read_bytes() * 40 + spoken.read_bytes())
    run = transcode(tmp_path / "in.ts", tmp_path / "out.mp4", encode={"preset": "ultrafast"})
    assert run.written is not None and run.written.frames == 41 * 30


def test_dropped_frames_of_a_camera_are_not_missing(tmp_path: Path) -> None:
    """AVI has an empty packet for each."""
    times = [i + 5 * (i >= 15) for i in range(30)]
    source = write_video(tmp_path / "in.avi", NOISE[:30], pts=times, codec="mpeg4")
    chunks, facts = decoded(source)
    assert [pts for chunk in chunks for pts in chunk.pts_T.tolist()] == times
    assert chunks[0].video.frames == 30 and not facts["truncated"]
    data = source.read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) * 2 // 3])
    _, facts = decoded(tmp_path / "cut.avi")
    assert facts["truncated"] and 0 < facts["frames_in"] < 30


@pytest.mark.parametrize(("suffix", "codec"), [("mpg", "mpeg2video"), ("ts", "libx264"), ("mp4", "libx264")])
@pytest.mark.parametrize("name", ["video.jpg", "video.PNG", "video.tif", "video"])
def test_a_video_with_the_suffix_of_an_image_is_a_video(tmp_path: Path, suffix: str, codec: str, name: str) -> None:
    made = write_video(tmp_path / f"in.{suffix}", [numbered(i) for i in range(6)], codec=codec)
    chunks, facts = decoded(made.rename(tmp_path / name))
    assert facts["frames_in"] == 6 and not chunks[0].video.still

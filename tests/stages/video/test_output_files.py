"""Output files: the right container, complete or absent, and never over an existing file without permission."""

from __future__ import annotations

import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pipeline.stage import StageError
from stages.payloads import Overlay
from stages.video.encode import Encode
from stages.video.encoding import output_file
from tests.stages.video.numbered_videos import frames_of, number_in, numbered, times_of, write_video
from tests.stages.video.video_runs import decoded, job, transcode

pytestmark = pytest.mark.quick

FRAMES = [numbered(i) for i in range(20)]
NOISE = [np.random.default_rng(i).integers(0, 255, (240, 320, 3), dtype=np.uint8) for i in range(20)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A numbered video with audio."""
    return write_video(tmp_path_factory.mktemp("source") / "in.mp4", FRAMES, audio=("aac",))


@pytest.mark.parametrize(
    ("suffix", "codec", "expected"),
    [
        ("mp4", None, "h264"),
        ("m4v", None, "h264"),
        ("mov", None, "h264"),
        ("mkv", None, "h264"),
        ("webm", None, "vp9"),
        ("avi", None, "mpeg4"),
        ("mp4", "hevc", "hevc"),
        ("mp4", "av1", "av1"),
        ("webm", "av1", "av1"),
        ("mov", "prores", "prores"),
        ("mkv", "ffv1", "ffv1"),
        ("mp4", "libx265", "hevc"),
        ("avi", "h264", "h264"),
        ("mkv", "mjpeg", "mjpeg"),
    ],
)
def test_containers_and_codecs(source: Path, tmp_path: Path, suffix: str, codec: str | None, expected: str) -> None:
    output = tmp_path / f"out.{suffix}"
    transcode(source, output, encode={"codec": codec, "segment_frames": 8})
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == expected
    frames = frames_of(output)
    assert [number_in(rgb) for _, rgb in frames] == list(range(20))
    tick = {"mkv": Fraction(1, 1000), "webm": Fraction(1, 1000), "avi": Fraction(1, 30)}.get(suffix, Fraction(0))
    assert max(abs(a - b) for (a, _), b in zip(frames, times_of(source), strict=True)) <= tick


def test_the_index_of_mp4_comes_first(source: Path, tmp_path: Path) -> None:
    transcode(source, tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    boxes, position = [], 0
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        boxes.append(name)
        position += length
    assert boxes.index(b"moov") < boxes.index(b"mdat")


@pytest.mark.parametrize(
    ("suffix", "codec", "expected"),
    [
        ("xyz", None, "cannot be written as"),
        ("", None, "cannot be written as"),
        ("webm", "h264", "cannot hold"),
        ("mp4", "prores", "cannot hold"),
        ("mov", "vp9", "cannot be encoded"),
    ],
)
def test_an_unsuitable_container_is_one_plain_error_and_leaves_no_file(
    source: Path, tmp_path: Path, suffix: str, codec: str | None, expected: str
) -> None:
    with pytest.raises(StageError, match=expected) as caught:
        transcode(source, tmp_path / f"out{'.' if suffix else ''}{suffix}", encode={"codec": codec})
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_codec_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'libx265'"):
        Encode.Config(codec="libx256")
    with pytest.raises(ValueError, match="crf"):
        Encode.Config(crf=99)
    with pytest.raises(ValueError, match="segment_frames"):
        Encode.Config(segment_frames=0)


def test_avi_refuses_frames_of_different_durations(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", FRAMES, pts=[i + (i > 9) for i in range(20)])
    with pytest.raises(StageError, match=r"AVI cannot hold frames of different durations.*frame 10"):
        transcode(source, tmp_path / "out.avi", encode={"segment_frames": 4})
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_avi_keeps_a_high_frame_rate(tmp_path: Path) -> None:
    """An encoder's rate is 200 at most; a film with a higher rate still keeps its speed."""
    source = write_video(tmp_path / "in.mp4", FRAMES, time_base=Fraction(1, 240))
    transcode(source, tmp_path / "out.avi")
    assert times_of(tmp_path / "out.avi") == [Fraction(i, 240) for i in range(20)]


def test_a_colon_in_a_name_begins_no_protocol(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = transcode(source, "2026-12-01T10:12:34.mp4")
    assert run.written is not None and (tmp_path / run.written.path).is_file()


def test_avi_begins_with_the_first_frame_of_a_transport_stream(tmp_path: Path) -> None:
    """Such a stream starts after 1.4 seconds; AVI has no clock, and would repeat the first frame until then."""
    source = write_video(tmp_path / "in.ts", FRAMES, audio=["aac"], muxer_options={"output_ts_offset": "1.4"})
    assert frames_of(source)[0][0] > 1
    run = transcode(source, tmp_path / "out.avi")
    found = frames_of(tmp_path / "out.avi")
    assert [number_in(rgb) for _, rgb in found] == list(range(len(FRAMES)))
    assert "clock" not in run.warnings
    assert [seconds for seconds, _ in found] == [Fraction(i, 30) for i in range(len(FRAMES))]
    with av.open(str(tmp_path / "out.avi")) as container:
        assert container.streams.video[0].frames == len(FRAMES)  # counts empty packets, too


def test_avi_waits_for_video_that_begins_after_the_sound(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", FRAMES, pts=[30 + i for i in range(len(FRAMES))], audio=["libmp3lame"])
    transcode(source, tmp_path / "out.avi")
    assert frames_of(tmp_path / "out.avi")[1][0] == Fraction(31, 30)


def test_an_existing_output_needs_overwrite(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    with pytest.raises(StageError, match=r"exists already.*--overwrite"):
        transcode(source, output)
    assert output.read_bytes() == b"precious"
    transcode(source, output, overwrite=True)
    assert len(frames_of(output)) == 20


def test_a_link_in_place_of_the_working_folder_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out.mp4.partial").symlink_to("elsewhere")
    with pytest.raises(StageError, match=r"out\.mp4\.partial: is a link, but the output needs a folder there"):
        transcode(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4.partial").is_symlink() and not any((tmp_path / "elsewhere").iterdir())


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    source = write_video(tmp_path / "clip.mp4", FRAMES)
    before = source.read_bytes()
    (tmp_path / "link.mp4").symlink_to(source)
    for name in ("clip.mp4", "link.mp4", "./clip.mp4"):
        with pytest.raises(StageError, match="overwrite the input"):
            transcode(source, f"{tmp_path}/{name}", overwrite=True)
    assert source.read_bytes() == before
    # Nor may the partial result of an interrupted run overwrite the input.
    part = write_video(tmp_path / "take.partial.mp4", FRAMES)
    before = part.read_bytes()
    run = transcode(part, tmp_path / "take.mp4", decode={"chunk": 5}, stop_after=10)
    assert run.written is not None and run.written.path.endswith("take.partial-2.mp4")
    assert part.read_bytes() == before


def test_a_second_stop_keeps_the_partial_result_of_the_first(source: Path, tmp_path: Path) -> None:
    kept = []
    for overwrite, frames in ((False, 10), (False, 4), (True, 6)):
        run = transcode(source, tmp_path / "a.mp4", decode={"chunk": 2}, stop_after=frames, overwrite=overwrite)
        assert run.written is not None and len(frames_of(Path(run.written.path))) == frames
        kept.append(Path(run.written.path).name)
    assert kept == ["a.partial.mp4", "a.partial-2.mp4", "a.partial.mp4"]


def test_a_folder_as_output_and_a_missing_folder(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(StageError, match="is a folder"):
        transcode(source, tmp_path / "out.mp4", overwrite=True)
    transcode(source, tmp_path / "new" / "deep" / "out.mp4")
    assert len(frames_of(tmp_path / "new" / "deep" / "out.mp4")) == 20
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match="cannot be written"):
        transcode(source, tmp_path / "file" / "out.mp4")


@contextmanager
def file_size_limit(bytes_: int) -> Iterator[None]:
    """Make the kernel refuse longer files, like a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit", [20_000, 150_000])
def test_a_full_disk_is_one_plain_error_and_nothing_under_the_final_name(tmp_path: Path, limit: int) -> None:
    """The smaller limit applies while a segment is written, the larger one during concatenation."""
    source = write_video(tmp_path / "in.mp4", NOISE)
    with file_size_limit(limit), pytest.raises(StageError, match="disk is full") as caught:
        transcode(source, tmp_path / "out.mp4", encode={"segment_frames": 1 if limit > 50_000 else 10})
    assert str(tmp_path / "out.mp4") in str(caught.value)
    assert not (tmp_path / "out.mp4").exists()


def test_an_output_that_appears_during_the_run_is_not_replaced(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    publish = output_file.OutputFile.publish

    def late(self: output_file.OutputFile, draft: Path) -> None:
        output.write_bytes(b"someone else's")
        publish(self, draft)

    monkeypatch.setattr(output_file.OutputFile, "publish", late)
    with pytest.raises(StageError, match="exists already"):
        transcode(source, output)
    assert output.read_bytes() == b"someone else's"


def test_encode_without_an_output_is_an_error(source: Path) -> None:
    sink = Encode(Encode.Config())
    from tests.stages.video.test_segments import chunk

    with pytest.raises(StageError, match="no output"):
        list(sink(job(source, None), *chunk(0, range(3))))


def test_alpha_is_composited_over_black_in_video_and_kept_in_png(source: Path, tmp_path: Path) -> None:
    chunk = decoded(source)[0][0]
    rgb = np.full_like(chunk.rgb_THW3, 200)
    alpha = np.full(rgb.shape[:3], 255, np.uint8)
    alpha[:, :, 32:] = 0
    sink = Encode(Encode.Config(crf=1.0))
    list(sink(job(source, tmp_path / "out.mp4"), chunk, Overlay(rgb_THW3=rgb, alpha_THW=alpha)))
    written = next(iter(sink.flush()))
    sink.close()
    frame = frames_of(tmp_path / "out.mp4")[0][1]
    assert abs(int(frame[20, 10, 0]) - 200) < 4 and frame[20, 50, 0] < 4
    assert [w for w in written.facts["warnings"] if "alpha channel" in w]
    still = replace(chunk, video=replace(chunk.video, still=True))
    sink = Encode(Encode.Config())
    list(sink(job(source, tmp_path / "out.png"), still, Overlay(rgb_THW3=rgb, alpha_THW=alpha)))
    list(sink.flush())
    assert (np.asarray(Image.open(tmp_path / "out.png"))[..., 3] == alpha[0]).all()


def test_one_run_at_a_time_writes_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_file, "LOCK_TIMEOUT_S", 0.1)
    output = str(tmp_path / "out.mp4")
    first, second = (output_file.OutputFile(output, "in.mp4", overwrite=False) for _ in range(2))
    first.prepare(fresh=True)
    part = first.folder / "segment_0000.mp4"
    part.write_bytes(b"whole")
    with pytest.raises(StageError, match="another run is writing this output"):
        second.prepare(fresh=True)
    assert part.read_bytes() == b"whole"  # the file of the first run is unchanged
    first.discard()
    assert not first.folder.exists()
    second.prepare(fresh=True)
    second.tidy()
    assert list(tmp_path.iterdir()) == []

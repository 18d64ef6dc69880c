"""Audio, subtitles, chapters and metadata: copied bit for bit where possible, else converted with a warning."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stages.payloads import Overlay
from stages.video.encode import Encode
from stages.video.encoding.subtitles import ASS_HEADER, plain_text, subtitle_payload
from tests.stages.video.numbered_videos import audio_packets, number_in, numbered, times_of, write_video
from tests.stages.video.video_runs import decoded, job, transcode

pytestmark = pytest.mark.quick

FRAMES = [numbered(i) for i in range(60)]
LINES = [("Hello", 200, 900), ("you <i>there</i>", 1000, 1700)]


def streams_of(path: Path) -> list[tuple[str, str, dict[str, str]]]:
    """(type, codec, metadata) of every stream."""
    with av.open(str(path)) as container:
        return [
            (s.type, s.codec_context.codec.canonical_name if s.codec_context else "", dict(s.metadata))
            for s in container.streams
        ]


def audio_times(path: Path, index: int = 0) -> list[Fraction]:
    """Times of the packets of an audio stream, in seconds."""
    with av.open(str(path)) as container:
        return [p.pts * p.time_base for p in container.demux(container.streams.audio[index]) if p.size]


def with_extras(path: Path, target: Path, *, chapters: bool = True, subtitles: bool = True) -> Path:
    """Copy a file into Matroska and add a subtitle stream (SubRip), chapters and an attachment."""
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        copies = [output.add_stream_from_template(s, opaque=True) for s in source.streams]
        for stream, copy in zip(source.streams, copies, strict=True):
            copy.metadata.update({k: v for k, v in stream.metadata.items() if k == "language"})
        output.metadata.update(title="A walk", comment="two people", my_own_key="kept where it fits")
        output.add_attachment("font.ttf", "application/x-truetype-font", b"not a font")
        text: Any = None
        if subtitles:
            text = output.add_stream("subrip")
            text.codec_context.subtitle_header = b"[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
            text.codec_context.time_base = Fraction(1, 1000)
            text.metadata["language"] = "nld"
        if chapters:
            base = Fraction(1, 1000)
            output.set_chapters(
                [
                    {"id": 1, "start": 0, "end": 1000, "time_base": base, "metadata": {"title": "in"}},
                    {"id": 2, "start": 1000, "end": 2000, "time_base": base, "metadata": {"title": "out"}},
                ]
            )
        output.start_encoding()
        for words, start, end in LINES if subtitles else ():
            packet = av.Packet(words.encode())
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = end - start
            output.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                output.mux(packet)
    return target


def subtitles_of(path: Path) -> list[tuple[str, float, float]]:
    """(text, start, end in seconds) of the first subtitle stream, decoded by FFmpeg."""
    with av.open(str(path)) as container:
        lines = []
        for packet in container.demux(container.streams.subtitles[0]):
            words = " ".join(s.dialogue.decode() for s in packet.decode()) if packet.size else ""
            if words:
                start = float(packet.pts * packet.time_base)
                lines.append((words.strip(), start, start + float(packet.duration * packet.time_base)))
        return lines


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of video with two audio streams, English and German."""
    return write_video(tmp_path_factory.mktemp("source") / "in.mp4", FRAMES, audio=("aac", "libmp3lame"))


@pytest.fixture(scope="module")
def rich(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same video with subtitles, chapters, metadata and an attachment."""
    return with_extras(source, tmp_path_factory.mktemp("rich") / "in.mkv")


@pytest.mark.parametrize("target", ["mp4", "mov", "mkv", "avi"])
def test_all_audio_streams_are_copied_bit_for_bit(source: Path, tmp_path: Path, target: str) -> None:
    run = transcode(source, tmp_path / f"out.{target}")
    assert run.written is not None and run.written.facts["audio"] == "copied"
    assert audio_packets(tmp_path / f"out.{target}") == audio_packets(source)
    if target == "mov":
        assert "language of stream 2 (deu)" in run.warnings
    elif target != "avi":
        languages = [m.get("language") for kind, _, m in streams_of(tmp_path / f"out.{target}") if kind == "audio"]
        assert languages == ["eng", "deu"]


@pytest.mark.parametrize("target", ["mp4", "mov"])
def test_audio_keeps_its_times_where_the_container_stores_them(source: Path, tmp_path: Path, target: str) -> None:
    transcode(source, tmp_path / f"out.{target}")
    for index in (0, 1):
        assert audio_times(tmp_path / f"out.{target}", index) == audio_times(source, index)
    assert times_of(tmp_path / f"out.{target}") == times_of(source)


def test_audio_before_zero_does_not_shift_the_video_in_matroska(source: Path, tmp_path: Path) -> None:
    """AAC has a priming packet before 0, which Matroska cannot store."""
    assert audio_times(source)[0] < 0
    transcode(source, tmp_path / "out.mkv")
    assert max(abs(a - b) for a, b in zip(times_of(tmp_path / "out.mkv"), times_of(source), strict=True)) <= Fraction(
        1, 1000
    )
    assert max(
        abs(a - b) for a, b in zip(audio_times(tmp_path / "out.mkv")[2:], audio_times(source)[2:], strict=True)
    ) <= Fraction(1, 1000)


@pytest.mark.parametrize(
    ("audio", "suffix", "target", "expected", "codec"),
    [
        ("aac", "mp4", "webm", "reencoded (libopus)", "opus"),
        ("pcm_s16le", "avi", "mp4", "reencoded (aac)", "aac"),
        ("libopus", "mkv", "avi", "reencoded (libmp3lame)", "mp3"),
        ("flac", "mkv", "mov", "reencoded (aac)", "aac"),
        ("libopus", "webm", "mp4", "copied", "opus"),
        ("flac", "mkv", "mp4", "copied", "flac"),
    ],
)
def test_transcoded_audio_keeps_its_times(
    tmp_path: Path, audio: str, suffix: str, target: str, expected: str, codec: str
) -> None:
    video = {"avi": "mpeg4", "webm": "libvpx-vp9"}.get(suffix, "libx264")
    options = {"deadline": "realtime", "cpu-used": "8"} if suffix == "webm" else None
    source = write_video(tmp_path / f"in.{suffix}", FRAMES, codec=video, options=options, audio=(audio,))
    run = transcode(source, tmp_path / f"out.{target}")
    assert run.written is not None and run.written.facts["audio"] == expected
    assert [name for kind, name, _ in streams_of(tmp_path / f"out.{target}") if kind == "audio"] == [codec]
    before, after = loudness(source), loudness(tmp_path / f"out.{target}")
    assert abs(len(before) - len(after)) < 48_000 * 0.08
    # The same 300 Hz tone, of the same duration.
    for wave in (before, after):
        spectrum = np.abs(np.fft.rfft(wave[4800:52_800]))
        assert abs(int(spectrum.argmax()) - 300) <= 2


def loudness(path: Path) -> np.ndarray:
    """The first channel of the first audio stream."""
    with av.open(str(path)) as container:
        parts = []
        for frame in container.decode(audio=0):
            wave = frame.to_ndarray().astype(np.float64)
            parts.append(wave[0] if frame.format.is_planar else wave[0, :: frame.layout.nb_channels])
        return np.concatenate(parts)


def test_video_without_audio_reports_none(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", FRAMES)
    run = transcode(source, tmp_path / "out.mp4")
    assert run.written is not None and run.written.facts["audio"] == "none"


def test_matroska_keeps_everything(rich: Path, tmp_path: Path) -> None:
    run = transcode(rich, tmp_path / "out.mkv")
    kinds = [(kind, codec) for kind, codec, _ in streams_of(tmp_path / "out.mkv")]
    assert kinds == [(kind, codec) for kind, codec, _ in streams_of(rich)]
    assert ("attachment", "") in kinds and ("subtitle", "subrip") in kinds
    assert subtitles_of(tmp_path / "out.mkv") == subtitles_of(rich)
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [
            (c["start"] * c["time_base"], c["end"] * c["time_base"], c["metadata"]["title"])
            for c in container.chapters()
        ] == [(0, 1, "in"), (1, 2, "out")]
        assert container.metadata["title"] == "A walk"
        assert container.metadata["MY_OWN_KEY"] == "kept where it fits"
        assert container.streams.attachments[0].data == b"not a font"
    assert "left out" not in run.warnings


def test_mp4_keeps_what_it_can_hold_and_warns_of_the_rest(rich: Path, tmp_path: Path) -> None:
    run = transcode(rich, tmp_path / "out.mp4")
    kinds = [(kind, codec) for kind, codec, _ in streams_of(tmp_path / "out.mp4")]
    assert kinds[:4] == [("video", "h264"), ("audio", "aac"), ("audio", "mp3"), ("subtitle", "mov_text")]
    words = subtitles_of(tmp_path / "out.mp4")
    assert [w.replace("<i>", "").replace("</i>", "") for w, _, _ in words] == ["Hello", "you there"]
    assert [t for w in words for t in w[1:]] == pytest.approx([t for w in subtitles_of(rich) for t in w[1:]], abs=0.002)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [c["metadata"]["title"] for c in container.chapters()] == ["in", "out"]
        assert container.metadata["title"] == "A walk"
        assert container.metadata["comment"] == "two people"
    assert "attached file" in run.warnings
    assert "converted to mov_text" in run.warnings
    assert "my_own_key" in run.warnings.lower()


def test_subtitles_chapters_and_audio_are_trimmed_and_shifted_with_the_video(rich: Path, tmp_path: Path) -> None:
    transcode(rich, tmp_path / "out.mkv", decode={"start": 0.5, "end": 1.5})
    with av.open(str(tmp_path / "out.mkv")) as container:
        chapters = [float(c[side] * c["time_base"]) for c in container.chapters() for side in ("start", "end")]
        frames = [number_in(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert chapters == pytest.approx([0, 0.5, 0.5, 1.0])
    assert frames == list(range(15, 45))
    audio = audio_times(tmp_path / "out.mkv")
    assert float(audio[0]) < 0.03 and 0.95 < float(audio[-1]) < 1.0
    first, second = subtitles_of(rich)  # the first begins before the part
    (words, *times), (other_words, start, _) = subtitles_of(tmp_path / "out.mkv")
    assert (words, times) == (first[0], pytest.approx([0, first[2] - 0.5], abs=0.002))
    assert (other_words, start) == (second[0], pytest.approx(second[1] - 0.5, abs=0.002))


@pytest.mark.parametrize(
    ("payload", "codec", "words"),
    [
        (b"0,0,Default,,0,0,0,,{\\b1}Hi{\\b0},\\Nyou", "ass", "Hi,\nyou"),
        (b"\x00\x02Hi", "mov_text", "Hi"),
        (b"\x00\x02Hi\x00\x00\x00\x0cstyl....", "mov_text", "Hi"),
        (b"<i>Hi</i> 3 < 4", "subrip", "Hi 3 < 4"),
        (b"", "mov_text", ""),
    ],
)
def test_text_of_subtitles(payload: bytes, codec: str, words: str) -> None:
    assert plain_text(payload, codec) == words
    assert subtitle_payload("é", "mov_text") == b"\x00\x02\xc3\xa9"
    assert subtitle_payload("é", "webvtt") == b"\xc3\xa9"


def test_a_warning_names_the_lost_cover_image(tmp_path: Path, source: Path) -> None:
    from tests.stages.video.test_decode_files import _add_cover

    _add_cover(source, tmp_path / "in.mp4")
    run = transcode(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert run.written is not None and run.written.frames == 60
    assert "cover image" in run.warnings


def test_an_input_that_vanishes_during_the_run_loses_its_audio_only(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "in.mp4"
    copy.write_bytes(source.read_bytes())
    chunks, _ = decoded(copy)
    sink = Encode(Encode.Config())
    for part in chunks:
        list(sink(job(copy, tmp_path / "out.mp4"), part, Overlay(rgb_THW3=part.rgb_THW3)))
    copy.unlink()
    written = next(iter(sink.flush()))
    sink.close()
    assert written.frames == 60
    assert "left out: there is no such file" in written.facts["warnings"][0]


def test_chapters_of_mp4_are_copied_without_a_warning(rich: Path, tmp_path: Path) -> None:
    transcode(rich, tmp_path / "first.mp4")
    run = transcode(tmp_path / "first.mp4", tmp_path / "second.mp4")
    assert run.warnings == ""
    with av.open(str(tmp_path / "second.mp4")) as container:
        assert [c["metadata"]["title"] for c in container.chapters()] == ["in", "out"]
    assert streams_of(tmp_path / "second.mp4") == streams_of(tmp_path / "first.mp4")


def test_subtitles_before_the_first_frame_are_not_shown(tmp_path: Path) -> None:
    """A clock that starts late is shifted to 0, and so is what comes before the first frame."""
    images = write_video(tmp_path / "images.mkv", FRAMES[:30], pts=[30 * 20 + i for i in range(30)])
    with av.open(str(images)) as before, av.open(str(tmp_path / "in.mkv"), "w") as after:
        copy = after.add_stream_from_template(before.streams.video[0])
        text = after.add_stream("subrip")
        text.codec_context.subtitle_header = ASS_HEADER.encode()
        after.start_encoding()
        for words, start, end in (("gone", 12_000, 13_000), ("begun", 19_500, 20_500), ("next", 20_600, 20_700)):
            packet = av.Packet(words.encode())
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = start
            packet.duration = end - start
            after.mux(packet)
        for packet in before.demux():
            if packet.size:
                packet.stream = copy
                after.mux(packet)
    for target in ("mkv", "mp4"):
        transcode(tmp_path / "in.mkv", tmp_path / f"out.{target}")
        shown = subtitles_of(tmp_path / f"out.{target}")
        assert [(words, round(start, 2), round(end, 2)) for words, start, end in shown] == [
            ("begun", 0.0, 0.5),
            ("next", 0.6, 0.7),
        ]

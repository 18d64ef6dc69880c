"""Of several programs or variants the one with the largest frames is processed, with its audio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from tests.stages.video.multi_program_files import hls_variants, hls_with_shared_audio, loudest_tone, two_programs
from tests.stages.video.numbered_videos import number_in, numbered, write_video
from tests.stages.video.video_runs import decoded, transcode

SMALL, LARGE = (64, 48), (128, 96)
Program = tuple[tuple[int, int], float | None]


def streams_of(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


@pytest.mark.parametrize("videos", [[(SMALL, 300), (LARGE, 700)], [(LARGE, 700), (SMALL, 300)]])
def test_the_program_with_the_largest_frames_and_its_audio(tmp_path: Path, videos: Sequence[Program]) -> None:
    source = two_programs(tmp_path, videos)
    for target in ("mp4", "mkv"):
        run = transcode(source, tmp_path / f"out.{target}")
        assert run.written is not None and run.written.frames == 50
        assert streams_of(tmp_path / f"out.{target}") == ["video", "audio"]
        assert loudest_tone(tmp_path / f"out.{target}") == 700
        assert "several programs" in run.warnings
    chunks, _ = decoded(source)
    assert (chunks[0].video.width, chunks[0].video.height) == LARGE


def test_a_silent_program_does_not_get_the_audio_of_another(tmp_path: Path) -> None:
    source = two_programs(tmp_path, [(SMALL, 300), (LARGE, None)])
    run = transcode(source, tmp_path / "out.mp4")
    assert run.written is not None and run.written.facts["audio"] == "none"
    assert streams_of(tmp_path / "out.mp4") == ["video"]


@pytest.mark.parametrize("videos", [[(SMALL, 300), (LARGE, 700)], [(LARGE, 700), (SMALL, 300)]])
def test_the_largest_variant_of_a_playlist_and_its_audio(tmp_path: Path, videos: Sequence[Program]) -> None:
    source = hls_variants(tmp_path, videos, rates=(52_800, 52_800))
    run = transcode(source, tmp_path / "out.mp4")
    assert run.written is not None and run.written.frames == 50 and not run.warnings
    assert streams_of(tmp_path / "out.mp4") == ["video", "audio"]
    assert loudest_tone(tmp_path / "out.mp4") == 700
    chunks, _ = decoded(source)
    assert (chunks[0].video.width, chunks[0].video.height) == LARGE
    assert [number_in(rgb) % 16 for rgb in chunks[0].rgb_THW3[:3]] == [0, 1, 2]


def test_of_variants_of_one_size_the_one_with_the_highest_bit_rate(tmp_path: Path) -> None:
    source = hls_variants(tmp_path, [(SMALL, 300), (SMALL, 700)], rates=(50_000, 90_000))
    transcode(source, tmp_path / "out.mp4")
    assert loudest_tone(tmp_path / "out.mp4") == 700


def test_audio_shared_by_variants_is_copied_once(tmp_path: Path) -> None:
    source = hls_with_shared_audio(tmp_path, [SMALL, LARGE], {"en": 300, "de": 700})
    transcode(source, tmp_path / "out.mkv")
    assert streams_of(tmp_path / "out.mkv") == ["video", "audio"]
    assert loudest_tone(tmp_path / "out.mkv") == 300


def test_a_single_program_keeps_all_its_audio(tmp_path: Path) -> None:
    for suffix in ("ts", "mp4", "mkv"):
        images = [numbered(i) for i in range(25)]
        source = write_video(tmp_path / f"in.{suffix}", images, audio=("aac", "aac"))
        run = transcode(source, tmp_path / "out.mkv", overwrite=True)
        assert streams_of(tmp_path / "out.mkv") == ["video", "audio", "audio"]
        assert "programs" not in run.warnings

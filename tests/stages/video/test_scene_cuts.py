"""Scene cuts: which frames start a shot, and that every source says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numbered_videos import write_video

from pipeline.stage import Job
from stages.live.live_decode import LiveDecode
from stages.live.source_settings import SourceSettings
from stages.payloads import FrameChunk, Surfaces
from stages.results.replay import Replay
from stages.results.replay_pair import ReplayPair
from stages.synthetic.synthesize import Synthesize
from stages.video.decode import Decode
from stages.video.decode_pair import DecodePair
from stages.video.scene_cuts import SceneCuts, is_scene_cut, thumbnail
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS
from tests.stages.results.formats.made_frames import VIDEO, export, frames_of, people_of

CUTS = [5, 7]
FRAMES = 12


def scene(seed: int) -> np.ndarray:
    """A picture of 64 × 48 pixels; of two seeds neither structure nor colours agree."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames with two cuts."""
    images = [scene(sum(t >= cut for cut in CUTS)) for t in range(FRAMES)]
    options = {"codec": "ffv1", "pix_fmt": "bgr0"}
    return write_video(tmp_path_factory.mktemp("cuts") / "film.mkv", images, **options)  # type: ignore[arg-type]


def job(path: Path, partner: Path | None = None) -> Job:
    return Job(index=0, input=str(path), output=None, stem="film", partner=None if partner is None else str(partner))


def starts(chunks: Iterable[Any]) -> list[int]:
    """Positions in the stream of the frames that start a shot."""
    frames = [one[0] if isinstance(one, tuple) else one for one in chunks]
    found = [chunk.starts_shot(t) for chunk in frames if isinstance(chunk, FrameChunk) for t in range(len(chunk))]
    return np.flatnonzero(found).tolist()


@pytest.mark.parametrize("chunk", [1, 5, 30])
def test_a_decoded_film_says_where_its_shots_start(film: Path, chunk: int) -> None:
    assert starts(Decode(Decode.Config(chunk=chunk))(job(film))) == CUTS


def test_a_part_of_a_film_starts_no_shot_by_itself(film: Path) -> None:
    assert starts(Decode(Decode.Config(first_frame=6))(job(film))) == [1]


def test_the_second_of_two_inputs_starts_a_shot_even_if_it_shows_the_same_scene(film: Path) -> None:
    assert starts(DecodePair(DecodePair.Config(chunk=3))(job(film, film))) == [*CUTS, *(FRAMES + t for t in (0, *CUTS))]


def test_replayed_results_say_where_shots_start(film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    frames = frames_of(FRAMES, video=replace(VIDEO, path=str(film), rate=Fraction(30), time_base=Fraction(1, 30)))
    export({"surfaces": folder}, frames, people_of([], [], []), Surfaces(people=()))
    both = [*CUTS, *(FRAMES + t for t in (0, *CUTS))]
    config = Replay.Config(video=str(film))
    assert starts(Replay(config)(job(folder))) == CUTS
    assert starts(ReplayPair(config)(job(folder, folder))) == both


def test_a_live_source_says_where_shots_start(film: Path) -> None:
    """Frames may be dropped; the two cuts are there."""
    stage = LiveDecode(LiveDecode.Config(source=SourceSettings(file="play", watchdog_s=3.0), seconds=60))
    try:
        assert len(starts(stage(job(film)))) == len(CUTS)
    finally:
        stage.close()


def test_scenes_that_have_nothing_in_common_start_shots() -> None:
    config = Synthesize.Config(world="stress_video_plain", first=STRESS_VIDEO_WORLDS["stress_video_plain"].frames - 1)
    assert starts(Synthesize(replace(config, count=3))(Job(index=0, input="", output=None, stem="scenes"))) == [1]


def test_a_cut_between_two_chunks_is_found_and_the_first_frame_is_none() -> None:
    cuts = SceneCuts()
    found = [cuts.starts_of_shots(scene(seed)[None]).tolist() for seed in (0, 0, 1)]
    assert found == [[False], [False], [True]]


def test_a_chunk_without_the_fact_and_the_frame_of_a_chunk() -> None:
    chunk = frames_of(3)
    assert not chunk.starts_shot(1)
    flagged = replace(chunk, starts_shot_T=np.array([False, True, False]))
    assert [flagged.frame(t).starts_shot(0) for t in range(3)] == [False, True, False]


def test_scene_cuts_are_distinguished_from_motion_and_light() -> None:
    rng = np.random.default_rng(2)
    scene = np.kron(rng.integers(0, 256, (18, 40, 3), dtype=np.uint8), np.ones((10, 10, 1), np.uint8))
    other = np.kron(rng.integers(0, 90, (18, 40, 3), dtype=np.uint8), np.ones((10, 10, 1), np.uint8))
    here = thumbnail(scene[:, :320])
    assert not is_scene_cut(here, thumbnail(scene[:, 25:345]))  # a pan
    assert not is_scene_cut(here, thumbnail((scene[:, :320] * 0.93).astype(np.uint8)))  # a cloud
    assert is_scene_cut(here, thumbnail(other[:, :320]))
    assert is_scene_cut(np.zeros((0, 0, 3), np.uint8), here)  # nothing comes before the first frame


@pytest.mark.parametrize("light", [0.5, 0.7, 1.25, (1.3, 1.0, 0.7)], ids=str)
def test_lamps_and_exposures_are_no_scene_cuts(light: float | tuple[float, ...]) -> None:
    before, now = (video_scene(STRESS_VIDEO_WORLDS["stress_video_plain"], 0, t).rgb_HW3 for t in (48, 49))
    assert not is_scene_cut(thumbnail(before), thumbnail(np.clip(now * np.array(light), 0, 255).astype(np.uint8)))


@pytest.mark.parametrize("world", ["plain", "unfocused", "rain", "occlusion", "low_light"])
def test_scene_cuts_between_similar_places_are_found(world: str) -> None:
    """A wall behind a floor, cut to another wall and floor; also at night, where colours help little."""
    clip = STRESS_VIDEO_WORLDS[f"stress_video_{world}"]
    for first in (clip.frames, 2 * clip.frames):
        last, now = (thumbnail(video_scene(clip, 0, t).rgb_HW3) for t in (first - 1, first))
        assert is_scene_cut(last, now)

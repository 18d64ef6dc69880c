"""UV unwrapping: whose atlas, the output, refused settings, and continuing after a stop."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.surface.atlas import split_tiles
from models.surface.atlas_file import load_atlas
from pipeline.configuration.config import load_config
from pipeline.stage import Job, StageError
from stages import STAGES
from stages.bodies.body_paints import BodyPaints, PersonPaint
from stages.drawing.unwrap import Unwrap
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo

pytestmark = pytest.mark.quick

PIXELS = 48
COLOURS = {1: (200, 40, 40), 2: (40, 40, 200)}


def shown(*who: int) -> tuple[FrameChunk, People, Surfaces]:
    """Frames, each filled by a torso of one colour; `who`: the identity in each."""
    ramp = np.linspace(0, 1, PIXELS, dtype=np.float32)
    u, v = np.meshgrid(ramp, 1 - ramp)
    surface = PersonSurface(x0=0, y0=0, labels_hw=np.full((PIXELS, PIXELS), 2, np.uint8), uv_2hw=np.stack([u, v]))
    video = VideoInfo(path="", width=PIXELS, height=PIXELS, still=False, rate=None, time_base=Fraction(1, 25))
    rgb = np.stack([np.broadcast_to(np.array(COLOURS[one], np.uint8), (PIXELS, PIXELS, 3)) for one in who])
    count = len(who)
    people = People(
        frame_N=np.arange(count, dtype=np.int32),
        box_N4=np.tile(np.float32([0, 0, PIXELS, PIXELS]), (count, 1)),
        score_N=np.full(count, 0.9, np.float32),
        id_N=np.array(who, np.int32),
    )
    frames = FrameChunk(rgb_THW3=rgb, pts_T=np.arange(count), first=0, video=video)
    return frames, people, Surfaces(people=(surface,) * count)


def job_to(path: Path) -> Job:
    return Job(index=0, input="dance.mp4", output=str(path), stem="dance", provenance="by us")


def torso_colour(path: Path) -> list[int]:
    atlas = load_atlas(path)
    side = atlas.levels[0].shape[1]
    return atlas.levels[0].reshape(24, side, side, 4)[1, side // 2, side // 2, :3].tolist()


def unwrapped(path: Path, *who: int, **config: object) -> dict[str, object]:
    stage = Unwrap(Unwrap.Config(side=40, **config))  # type: ignore[arg-type]
    assert list(stage(job_to(path), *shown(*who))) == []
    (written,) = stage.flush()
    assert written.path == str(path) and written.frames == len(who)
    return written.facts


def test_the_most_visible_person_or_the_requested_one_is_written(tmp_path: Path) -> None:
    assert unwrapped(tmp_path / "a.png", 1, 2, 2)["identity"] == 2
    assert torso_colour(tmp_path / "a.png") == list(COLOURS[2])
    unwrapped(tmp_path / "b.png", 1, 2, 2, identity=1)
    assert torso_colour(tmp_path / "b.png") == list(COLOURS[1])
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (160, 240) and image.mode == "RGB"
        assert image.text["Software"] == "by us"


def of_two(still: bool) -> tuple[FrameChunk, People, Surfaces]:
    """One frame of two people without identity, side by side; the second is a little larger."""
    (one, people, surfaces), (other, _, _) = shown(1), shown(2)
    surface, wide = surfaces.people[0], PIXELS - 4
    left = replace(surface, labels_hw=surface.labels_hw[:, :wide], uv_2hw=surface.uv_2hw[:, :, :wide])
    frames = replace(
        one, rgb_THW3=np.concatenate([one.rgb_THW3, other.rgb_THW3], axis=2),
        video=replace(one.video, width=2 * PIXELS, still=still),
    )
    pair = replace(people.some(np.array([0, 0])), id_N=np.full(2, -1, np.int32))
    return frames, pair, Surfaces(people=(left, replace(surface, x0=PIXELS)))


@pytest.mark.parametrize(("identity", "colour"), [(None, 2), (1, 1), (2, 2)])
def test_people_of_a_photo_are_not_mixed(identity: int | None, colour: int, tmp_path: Path) -> None:
    stage = Unwrap(Unwrap.Config(side=40, identity=identity))
    list(stage(job_to(tmp_path / "a.png"), *of_two(still=True)))
    (written,) = stage.flush()
    assert written.facts["identity"] == colour and torso_colour(tmp_path / "a.png") == list(COLOURS[colour])


def test_people_without_identity_are_the_last_choice(tmp_path: Path) -> None:
    stage = Unwrap(Unwrap.Config(side=40))
    list(stage(job_to(tmp_path / "a.png"), *shown(1)))
    list(stage(job_to(tmp_path / "a.png"), *of_two(still=False)))
    (written,) = stage.flush()
    assert written.facts["identity"] == 1


def test_holes_stay_transparent_on_demand(tmp_path: Path) -> None:
    unwrapped(tmp_path / "a.png", 1, holes="alpha")
    with Image.open(tmp_path / "a.png") as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert alpha[40:80, :40].mean() > 200  # the torso's front: second in the first column
    assert alpha[:, 40:].max() == 0


def test_a_whole_body_map_can_be_written_and_rendered(tmp_path: Path) -> None:
    unwrapped(tmp_path / "map.png", 1, layout="figures")
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (200, 200)
        chest = np.asarray(image.convert("RGB"))[80, 50]
    assert chest.tolist() == list(COLOURS[1])


def test_invalid_outputs_and_settings_are_refused(tmp_path: Path) -> None:
    stage = Unwrap(Unwrap.Config())
    with pytest.raises(StageError, match=r"lossless image; name a file ending in \.png"):
        stage(job_to(tmp_path / "a.mp4"), *shown(1))
    (tmp_path / "there.png").write_bytes(b"x")
    with pytest.raises(StageError, match="exists already"):
        Unwrap(Unwrap.Config())(job_to(tmp_path / "there.png"), *shown(1))
    lonely = Unwrap(Unwrap.Config(identity=7, side=16))
    lonely(job_to(tmp_path / "b.png"), *shown(1))
    with pytest.raises(StageError, match="no person 7 was visible"):
        list(lonely.flush())
    assert not (tmp_path / "b.png").exists()
    with pytest.raises(ValueError, match="side is 4"):
        Unwrap.Config(side=4)


def test_a_file_that_appears_during_the_work_stays(tmp_path: Path) -> None:
    stage, mine = Unwrap(Unwrap.Config(side=40)), tmp_path / "a.png"
    list(stage(job_to(mine), *shown(1)))
    mine.write_text("mine")
    (written,) = stage.flush()
    assert mine.read_text() == "mine" and written.path == str(tmp_path / "a-2.png")
    (sentence,) = written.facts["warnings"]
    assert sentence == f"{mine} was made by something else meanwhile, so the result is {written.path}"
    assert torso_colour(tmp_path / "a-2.png") == list(COLOURS[1])


def test_a_restart_continues_where_it_stopped(tmp_path: Path) -> None:
    whole = Unwrap(Unwrap.Config(side=40))
    whole(job_to(tmp_path / "whole.png"), *shown(1, 2, 2))
    first = Unwrap(Unwrap.Config(side=40))
    first(job_to(tmp_path / "x.png"), *shown(1))
    second = Unwrap(Unwrap.Config(side=40))
    second.restore(first.state())
    frames, people, surfaces = shown(2, 2)
    second(job_to(tmp_path / "parts.png"), replace(frames, first=1), people, surfaces)
    assert second.summary() == whole.summary() == {"people_seen": [2, 1]}
    assert [next(iter(s.flush())).frames for s in (whole, second)] == [3, 3]
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "parts.png").read_bytes()


def test_the_configuration_is_valid() -> None:
    config = load_config("unwrap", [], STAGES)
    assert config.settings.result == ".atlas.png"
    assert [node.name for lane in config.graph.lanes for node in lane.nodes][-1] == "unwrap"


def test_texels_are_found_through_bodies_where_they_agree_with_the_network(tmp_path: Path) -> None:
    """A body that shows a thigh where the network sees a torso: the colour goes where `paint` says."""
    frames, people, surfaces = shown(1)
    of_body = PersonPaint(
        labels_hw=np.full((PIXELS, PIXELS), 9, np.uint8), uv_2hw=surfaces.people[0].uv_2hw, body_share=1.0, misfit=False
    )
    for paint, misfit, chart in (("auto", False, 9), ("auto", True, 2), ("body", True, 9), ("surface", False, 2)):
        stage = Unwrap(Unwrap.Config(side=40, paint=paint, holes="alpha"))
        paints = BodyPaints(people=(replace(of_body, misfit=misfit),))
        assert list(stage(job_to(tmp_path / "a.png"), frames, people, surfaces, paints)) == []
        list(stage.flush())
        with Image.open(tmp_path / "a.png") as image:
            seen = split_tiles(np.asarray(image))[..., 3].any(axis=(1, 2))
        assert np.flatnonzero(seen).tolist() == [chart - 1], (paint, misfit)
        (tmp_path / "a.png").unlink()


def test_bodies_are_fitted_only_where_they_are_used() -> None:
    def stages(*changes: str) -> tuple[str, ...]:
        return load_config("unwrap", changes, STAGES).settings.lanes["out"].stages

    assert stages()[-3:] == ("smooth", "paint_bodies", "unwrap")
    assert stages("unwrap.paint=surface") == ("track", "smooth", "unwrap")

"""Source: scenes of the synthetic world with their exact truth, as any other source of frames."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.annotations.image_folders import images_in_folder
from stages.payloads import FrameChunk, People, Surfaces, VideoInfo
from stages.synthetic.exact_surface import exact_surface
from stages.synthetic.renderings import RENDERINGS
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import scene
from stages.world.image_worlds import STRESS_WORLDS, WORLDS, World
from stages.world.scene import Scene
from stages.world.video_scenes import moving_scene
from stages.world.video_worlds import MOVING_WORLDS, STRESS_CLIPS, MovingWorld

RATE = Fraction(25)
STILL_WORLDS: dict[str, World] = {**WORLDS, **STRESS_WORLDS, "renderings": RENDERINGS}
"""Worlds of single pictures, before any backgrounds."""
CLIP_WORLDS: dict[str, MovingWorld] = {**MOVING_WORLDS, **STRESS_CLIPS}
"""Worlds of clips."""


class Synthesize(Stage):
    """Scenes by index out: each a frame, the people in it and their true surfaces, for any later stage to use."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Which scenes.

        Attributes:
            world: `train`, `val`, `wide`, `broad`, `far`, a stress world (`stress_rain` …); for clips `video`,
                `crowd`, or one of their stress worlds (`stress_video_rain` …).
            seed, first, count: scenes first … first + count − 1 of the seed; each depends on its own number only.
            height, width: pixels.
            backgrounds: folders of pictures to put behind most people; none means procedural backgrounds.
        """

        world: str = "train"
        seed: int = 0
        first: int = 0
        count: int = 100
        height: int = 240
        width: int = 320
        backgrounds: tuple[str, ...] = ()

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError for an unknown world or a folder without pictures."""
        super().__init__(config, threads=threads)
        self._draw = painter(config)
        self._people = 0

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces, Scene]]:
        """One packet per scene; the job only names the stream."""
        video = self._video()
        for index in range(self.config.first, self.config.first + self.config.count):
            made = self._draw(index)
            self._people += len(made.box_N4)
            frame = FrameChunk(
                rgb_THW3=made.rgb_HW3[None], pts_T=np.array([index - self.config.first], np.int64),
                first=index - self.config.first, video=video,
            )
            yield frame, true_people(made), true_surfaces(made), made

    def _video(self) -> VideoInfo:
        return VideoInfo(
            path="", width=self.config.width, height=self.config.height, still=False, rate=RATE, time_base=1 / RATE,
            frames=self.config.count,
        )

    def summary(self) -> Mapping[str, Any]:
        """What was drawn."""
        return {"frames_in": self.config.count, "people": self._people}


def painter(config: Synthesize.Config) -> Callable[[int], Scene]:
    """What draws scene number i of the world, seed and size. Raises StageError for a world or a folder it can't use."""
    name, seed = known_world(config.world), config.seed
    if name == "far" and config.backgrounds:
        remedy = "leave them out, or choose another world"
        raise StageError("far has places of its own and takes no backgrounds", "synthesize.backgrounds", remedy)
    if name == "far":
        far = FarWorld(height=config.height, width=config.width)
        return lambda index: far_scene(far, seed, index)
    lack = "no pictures for backgrounds there"
    found = tuple(str(path) for folder in config.backgrounds for path in images_in_folder(Path(folder), lack))
    if name in STILL_WORLDS:
        still = replace(STILL_WORLDS[name], height=config.height, width=config.width, backgrounds=found)
        return lambda index: scene(still, seed, index)
    moving = replace(CLIP_WORLDS[name], height=config.height, width=config.width, backgrounds=found)
    return lambda index: moving_scene(moving, seed, index)


def known_world(name: str) -> str:
    """The name of a world. Raises StageError that names the nearest."""
    names = [*STILL_WORLDS, *CLIP_WORLDS, "far"]
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1, 0.3)
    remedy = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(sorted(names))}"
    raise StageError(f"there is no synthetic world called {name!r}", "synthesize.world", remedy)


def true_people(made: Scene) -> People:
    """Everyone of a scene, score 1; identity is the track in clips, else the instance number − 1."""
    count = len(made.box_N4)
    identity = np.arange(count, dtype=np.int32) if made.moving is None else made.moving.track_N
    return People(
        frame_N=np.zeros(count, np.int32), box_N4=made.box_N4, score_N=np.ones(count, np.float32),
        id_N=identity,
    )


def true_surfaces(made: Scene) -> Surfaces:
    """The visible surface of everyone of a scene on their box grids."""
    return Surfaces(people=tuple(exact_surface(made, number) for number in range(1, len(made.box_N4) + 1)))

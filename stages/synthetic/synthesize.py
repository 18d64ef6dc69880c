"""Source of frames: scenes of the synthetic world with their ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from models.nearest_name import suggest_name
from pipeline.stage import Job, Stage, StageError
from stages.annotations.image_folders import images_in_folder
from stages.payloads import FrameChunk, People, Surfaces, VideoInfo
from stages.synthetic.ground_truth import ground_truth_people, ground_truth_surfaces
from stages.video.scene_cuts import SceneCuts
from stages.world.far_world import FarWorld, far_scene
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS, STRESS_IMAGE_WORLDS, ImageWorld
from stages.world.scene import Scene
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS, VIDEO_WORLDS, VideoWorld

RATE = Fraction(25)
RENDERINGS = ImageWorld(
    name="renderings", people=(0.0, 0.75, 0.25), person_height=(0.4, 1.1), poses=(("stand", 0.55), ("walk", 0.45)),
    body_range=(0.0, 0.4), child_share=0.0, patterns=("plain",), procedural_backgrounds=("clouds",),
    pitch_range=(-0.05, 0.1), roll_std=0.0, occluded_share=0.0,
)
"""A simpler world for the supervision study: plain clothes, few poses and bodies, flat backgrounds, no occluders. It
differs from the world `train` as SURREAL differs from photos."""
FLAT = replace(RENDERINGS, name="flat", poses=(("stand", 1.0),), clothes=False, lamps=False)
"""A world that is another domain: standing people without clothes, hair, shadows or shading."""
ALL_IMAGE_WORLDS: dict[str, ImageWorld] = {
    **IMAGE_WORLDS, **STRESS_IMAGE_WORLDS, RENDERINGS.name: RENDERINGS, FLAT.name: FLAT,
}
"""Worlds of single images, without background photos."""
ALL_VIDEO_WORLDS: dict[str, VideoWorld] = {**VIDEO_WORLDS, **STRESS_VIDEO_WORLDS}


class Synthesize(Stage):
    """Yields each scene as a frame with its people and their surfaces, as `decode` and a network would."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Which scenes.

        Attributes:
            world: for images `train`, `val`, `wide`, `broad`, `far`, `renderings`, `flat` or a stress world
                (`stress_rain` …); for videos `video`, `crowd` or a stress world of theirs (`stress_video_rain` …).
            seed, first, count: scenes first … first + count − 1 of the seed. A scene depends only on the world, the
                seed and its own number.
            height, width: pixels.
            backgrounds: folders of photos, which most scenes get as background; none = procedural backgrounds.
        """

        world: str = "train"
        seed: int = 0
        first: int = 0
        count: int = 100
        height: int = 240
        width: int = 320
        backgrounds: tuple[str, ...] = ()

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for an unknown world."""
        check_world_name(config.world)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Raises StageError for an unknown world or a folder without images."""
        super().__init__(config, threads=threads)
        self._generate = scene_generator(config)
        self._people = 0

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces, Scene]]:
        """Yield one packet per scene; the job only names the stream."""
        video, cuts = self._video_info(), SceneCuts()
        for index in range(self.config.first, self.config.first + self.config.count):
            made = self._generate(index)
            self._people += len(made.box_N4)
            frame = FrameChunk(
                rgb_THW3=made.rgb_HW3[None], pts_T=np.array([index - self.config.first], np.int64),
                first=index - self.config.first, video=video, starts_shot_T=cuts.starts_of_shots(made.rgb_HW3[None]),
            )
            yield frame, ground_truth_people(made), ground_truth_surfaces(made), made

    def _video_info(self) -> VideoInfo:
        return VideoInfo(
            path="", width=self.config.width, height=self.config.height, still=False, rate=RATE, time_base=1 / RATE,
            frames=self.config.count,
        )

    def summary(self) -> Mapping[str, Any]:
        """Number of scenes and of people in them."""
        return {"frames_in": self.config.count, "people": self._people}


def scene_generator(config: Synthesize.Config) -> Callable[[int], Scene]:
    """A function that renders scene number i of the configured world, seed and size.

    Raises:
        StageError: an unknown world, or background folders that cannot be used.
    """
    check_world_name(config.world)
    name, seed = config.world, config.seed
    if name == "far" and config.backgrounds:
        remedy = "leave them out, or choose another world"
        raise StageError("the world far has its own places and takes no backgrounds", "synthesize.backgrounds", remedy)
    if name == "far":
        far = FarWorld(height=config.height, width=config.width)
        return lambda index: far_scene(far, seed, index)
    problem = "the folder contains no images for backgrounds"
    found = tuple(str(path) for folder in config.backgrounds for path in images_in_folder(Path(folder), problem))
    if name in ALL_IMAGE_WORLDS:
        still = replace(ALL_IMAGE_WORLDS[name], height=config.height, width=config.width, background_images=found)
        return lambda index: image_scene(still, seed, index)
    moving = replace(ALL_VIDEO_WORLDS[name], height=config.height, width=config.width, background_images=found)
    return lambda index: video_scene(moving, seed, index)


def check_world_name(name: str) -> None:
    """Raises StageError for an unknown world, and suggests the most similar name."""
    names = [*ALL_IMAGE_WORLDS, *ALL_VIDEO_WORLDS, "far"]
    if name in names:
        return
    what = f"there is no synthetic world called {name!r}"
    raise StageError(what, "synthesize.world", suggest_name(name, sorted(names)))

"""Draw synthetic scenes for training and scoring."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.stage import Stage
from stages.training.data.backgrounds import random_background
from stages.training.data.photo_pool import PhotoPool
from stages.training.data.scene_pool import PoolScene, write_scenes
from stages.training.distributed import chief_first
from stages.training.loaders import made_in_order, named_process_deaths, require_count
from stages.training.payloads import PhotoShards, SceneShards
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS, ImageWorld

PER_SHARD = 250
BACKGROUNDS = 800


def compact(world: ImageWorld, seed: int, index: int) -> PoolScene:
    """One scene with its UV in 255ths."""
    made = image_scene(world, seed, index)
    return PoolScene(
        rgb_HW3=made.rgb_HW3, label_HW=made.label_HW,
        uv_2HW=np.round(np.clip(made.uv_2HW.astype(np.float32), 0, 1) * 255).astype(np.uint8),
        instance_HW=made.instance_HW, box_N4=made.box_N4, joint_NJ3=made.keypoint_N173,
    )


def windows(pool: PhotoPool, count: int, seed: int) -> list[npt.NDArray[Any]]:
    """Windows of training photos without people."""
    random = np.random.default_rng(seed)
    found = (random_background(pool, random) for _ in range(count))
    return [window for window in found if window is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFactory:
    """Opens the drawing of scenes in a process."""

    photos: PhotoShards
    world: str
    seed: int
    height: int

    def __call__(self) -> Callable[[int], PoolScene]:
        """Choose the windows of photos for backgrounds, the same in every process. Raises: StageError."""
        pool = PhotoPool([Path(path) for path in self.photos.paths])
        backgrounds = tuple(windows(pool, BACKGROUNDS, self.seed))
        world = IMAGE_WORLDS[self.world]
        if self.height:
            width = round(self.height * world.width / world.height)
            world = dataclasses.replace(world, height=self.height, width=width)
        return partial(compact, dataclasses.replace(world, background_images=backgrounds), self.seed)


class DrawScenes(Stage):
    """Labelled photos in (parts without people become backgrounds), shards of scenes out; existing shards are kept."""

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What to draw.

        Attributes:
            folder: of the run; the shards go to its `scenes/`.
            count: number of scenes.
            world: name of their world.
            seed: of the scenes and their backgrounds.
            height: pixels of a scene's height, with the width in proportion; 0: as the world has.
            workers: processes that draw; 0 draws in this one.
        """

        folder: str = "runs/train_light"
        count: int = 6000
        world: str = "wide"
        seed: int = 0
        height: int = 0
        workers: int = 0

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            require_count("workers", self.workers)
            if self.height and not 120 <= self.height <= 1080:
                raise ValueError("height must be 0, or 120 to 1080")

    def __call__(self, photos: PhotoShards) -> Iterator[SceneShards]:
        """One payload naming all shards."""
        cv2.setNumThreads(self.threads)
        folder = Path(self.config.folder) / "scenes"
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{number:04d}.npz" for number in range(-(-self.config.count // PER_SHARD))]
        with chief_first():
            if missing := [path for path in paths if not path.is_file()]:
                config = self.config
                made = SceneFactory(photos=photos, world=config.world, seed=config.seed, height=config.height)
                self._draw(missing, made)
        yield SceneShards(paths=tuple(map(str, paths)))

    def _draw(self, paths: Sequence[Path], recipe: SceneFactory) -> None:
        key = "draw_scenes.workers"
        first = [int(path.stem) * PER_SHARD for path in paths]
        numbers = [range(start, min(start + PER_SHARD, self.config.count)) for start in first]
        drawn = made_in_order(recipe, itertools.chain(*numbers), processes=self.config.workers, key=key)
        with named_process_deaths(key), closing(drawn):
            for path, shard in zip(paths, numbers, strict=True):
                write_scenes(path, list(itertools.islice(drawn, len(shard))))

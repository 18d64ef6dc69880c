"""Draw synthetic scenes for training and scoring."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.stage import Stage
from stages.training.backgrounds import random_background
from stages.training.payloads import PhotoShards, SceneShards
from stages.training.photo_pool import PhotoPool
from stages.training.scene_pool import PoolScene, write_scenes
from stages.world.scene import WORLDS, World, scene

PER_SHARD = 250
BACKGROUNDS = 800


def compact(world: World, seed: int, index: int) -> PoolScene:
    """One scene with its UV in 255ths."""
    made = scene(world, seed, index)
    return PoolScene(
        rgb_HW3=made.rgb_HW3,
        label_HW=made.label_HW,
        uv_2HW=np.round(np.clip(made.uv_2HW.astype(np.float32), 0, 1) * 255).astype(np.uint8),
        instance_HW=made.instance_HW,
        box_N4=made.box_N4,
    )


def windows(pool: PhotoPool, count: int, seed: int) -> list[npt.NDArray[Any]]:
    """Windows of training photos that show nobody."""
    random = np.random.default_rng(seed)
    found = (random_background(pool, random) for _ in range(count))
    return [window for window in found if window is not None]


class DrawScenes(Stage):
    """Labelled photos in (their empty places become backgrounds), shards of scenes out; shards that exist are kept."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`folder` of the run (shards go to its `scenes/`), how many scenes of which world, and their seed."""

        folder: str = "runs/train_light"
        count: int = 6000
        world: str = "wide"
        seed: int = 0

    def __call__(self, photos: PhotoShards) -> Iterator[SceneShards]:
        """One payload naming all shards."""
        cv2.setNumThreads(self.threads)
        folder = Path(self.config.folder) / "scenes"
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{number:04d}.npz" for number in range(-(-self.config.count // PER_SHARD))]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            pool = PhotoPool([Path(path) for path in photos.paths])
            backgrounds = tuple(windows(pool, BACKGROUNDS, self.config.seed))
            del pool
            world = dataclasses.replace(WORLDS[self.config.world], backgrounds=backgrounds)
            for path in missing:
                first = int(path.stem) * PER_SHARD
                last = min(first + PER_SHARD, self.config.count)
                write_scenes(path, [compact(world, self.config.seed, index) for index in range(first, last)])
        yield SceneShards(paths=tuple(map(str, paths)))

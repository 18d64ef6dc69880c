"""Shards of synthetic scenes, from which the training samples exact UV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.files.atomic_file import atomic_write
from pipeline.stage import StageError
from stages.training.data.labelled_photos import no_joints
from stages.training.data.photo_pool import PhotoPool
from stages.training.data.shards import map_shard
from stages.training.payloads import PhotoShards, SceneShards


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolScene:
    """A synthetic scene: uint8 pixels, chart 0..24, UV in 255ths, person 1..N (0 background), and N visible boxes.

    Attributes:
        joint_NJ3: COCO's joints: x, y in pixels, and UNKNOWN_JOINT, HIDDEN_JOINT or VISIBLE_JOINT.
    """

    rgb_HW3: U8
    label_HW: U8
    uv_2HW: U8
    instance_HW: U8
    box_N4: F32
    joint_NJ3: F32


class ScenePool:
    """All scenes of a list of shards.

    Attributes:
        people: (scene, person) of all people with at least LEAST_PIXELS visible pixels.
    """

    LEAST_PIXELS = 80

    def __init__(self, shards: Sequence[Path]) -> None:
        """Raises: StageError when there is no shard."""
        if not shards:
            raise StageError("there are no synthetic scenes", "", "run the stage `draw_scenes` first")
        self.scenes: list[PoolScene] = []
        for shard in shards:
            self._add(map_shard(shard))
        self.people = [
            (index, person)
            for index, scene in enumerate(self.scenes)
            for person, pixels in enumerate(np.bincount(scene.instance_HW.reshape(-1), minlength=256)[1:])
            if person < len(scene.box_N4) and pixels >= self.LEAST_PIXELS
        ]

    def _add(self, data: dict[str, npt.NDArray[Any]]) -> None:
        joint = data.get("joint", np.zeros((len(data["box"]), *no_joints().shape), np.float32))
        for i in range(len(data["rgb"])):
            self.scenes.append(
                PoolScene(
                    rgb_HW3=data["rgb"][i], label_HW=data["label"][i], uv_2HW=data["uv"][i],
                    instance_HW=data["instance"][i], box_N4=data["box"][data["box_scene"] == i],
                    joint_NJ3=joint[data["box_scene"] == i],
                )
            )


def write_scenes(path: Path, scenes: Sequence[PoolScene]) -> None:
    """Write one shard atomically."""
    with atomic_write(path) as draft, draft.open("wb") as file:
        np.savez(
            file,
            rgb=np.stack([scene.rgb_HW3 for scene in scenes]),
            label=np.stack([scene.label_HW for scene in scenes]),
            uv=np.stack([scene.uv_2HW for scene in scenes]),
            instance=np.stack([scene.instance_HW for scene in scenes]),
            box=np.concatenate([scene.box_N4 for scene in scenes]).astype(np.float32),
            joint=np.concatenate([scene.joint_NJ3 for scene in scenes]).astype(np.float32),
            box_scene=np.repeat(np.arange(len(scenes)), [len(scene.box_N4) for scene in scenes]),
        )


def open_pools(photos: PhotoShards, scenes: SceneShards) -> tuple[PhotoPool, ScenePool]:
    """Open all shards as memory maps, which processes share."""
    return PhotoPool([Path(path) for path in photos.paths]), ScenePool([Path(path) for path in scenes.paths])

"""Sources of a training whose photos are labelled and whose scenes are drawn already, each in several folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.stage import Stage, StageError
from stages.training.payloads import PhotoShards, Round, SceneShards


def shards_in(folders: Sequence[str], key: str, remedy: str) -> tuple[str, ...]:
    """All shards of folders, sorted in each. Raises: StageError naming the key, or a folder that holds none."""
    if not folders:
        raise StageError("no folder is given", key, remedy)
    found: list[str] = []
    for folder in folders:
        paths = sorted(map(str, Path(folder).glob("[0-9]*.npz")))
        if not paths:
            raise StageError(f"{folder} holds no shard", key, remedy)
        found += paths
    return tuple(found)


class UsePhotos(Stage):
    """Folders with shards of `label_photos` in, their names out; later shards are seen at the next start."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`folders`: each holds shards, as `photos/` of a run of `-c label_photos`."""

        folders: tuple[str, ...] = ()

    def __call__(self, part: Round) -> Iterator[PhotoShards]:
        """The shards of all folders. Raises: StageError."""
        yield PhotoShards(paths=shards_in(self.config.folders, "use_photos.folders", "label photos: -c label_photos"))


class UseScenes(Stage):
    """Folders with shards of `draw_scenes` in, their names out; each may hold another world."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`folders`: each holds shards, as `scenes/` of a run of `-c draw_light_scenes`."""

        folders: tuple[str, ...] = ()

    def __call__(self, part: Round) -> Iterator[SceneShards]:
        """The shards of all folders. Raises: StageError."""
        remedy = "draw scenes: -c draw_light_scenes"
        yield SceneShards(paths=shards_in(self.config.folders, "use_scenes.folders", remedy))

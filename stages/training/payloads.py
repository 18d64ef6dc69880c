"""What travels between the stages of the light training: names of files in the run's folder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One of `count` equal parts of a training; between two of them a run can be stopped."""

    index: int
    count: int

    def last_step(self, steps: int) -> int:
        """The step, of so many in all, that this round ends with."""
        return -(-steps * (self.index + 1) // self.count)

    @property
    def last(self) -> bool:
        """Whether the training is over after this round."""
        return self.index + 1 == self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoShards:
    """Shards of labelled photos (`stages.training.photo_pool.PhotoPool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShards:
    """Shards of synthetic scenes (`stages.training.scene_pool.ScenePool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorTrained:
    """The detector's checkpoint after a round."""

    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceTrained:
    """The surface network's checkpoint after a round."""

    checkpoint: str

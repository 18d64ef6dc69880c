"""What travels between the stages of the light training: names of files in the run's folder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoShards:
    """Shards of labelled photos (`stages.photo_pool.PhotoPool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShards:
    """Shards of synthetic scenes (`stages.scene_pool.ScenePool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorTrained:
    """The detector's training is over; its checkpoint."""

    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceTrained:
    """The surface network's training is over; its checkpoint."""

    checkpoint: str

"""What a process that makes batches is told: enough to open the shards and to make the batch of any step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.light.teachers.box_teacher import PlaceTeacher
from stages.training.data.photo_pool import PhotoPool
from stages.training.data.scene_pool import ScenePool
from stages.training.light.canvases import CANVAS
from stages.training.light.detector_batches import DetectorBatches
from stages.training.light.mixes import CropMix, SheetMix
from stages.training.light.surface_batches import SurfaceBatches
from stages.training.payloads import PhotoShards, SceneShards


def open_pools(photos: PhotoShards, scenes: SceneShards) -> tuple[PhotoPool, ScenePool]:
    """Open all shards: memory maps, about 0.6 MB a photo or scene as far as they are touched, which processes share."""
    return PhotoPool([Path(path) for path in photos.paths]), ScenePool([Path(path) for path in scenes.paths])


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe:
    """The detector's batches. `box_teacher`: YOLOX-nano's .onnx file, which answers for canvases of photos, or ""."""

    photos: PhotoShards
    scenes: SceneShards
    indices: range
    seed: int
    box_teacher: str
    mix: SheetMix

    def __call__(self) -> DetectorBatches:
        """Open the pools and the teacher, which runs on one thread: its answers shall not depend on how many there are.

        Raises: StageError for shards, ModelError for a teacher that cannot be opened.
        """
        teacher = PlaceTeacher(Path(self.box_teacher), side=CANVAS, threads=1) if self.box_teacher else None
        pools = open_pools(self.photos, self.scenes)
        return DetectorBatches(*pools, indices=self.indices, seed=self.seed, teacher=teacher, mix=self.mix)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceRecipe:
    """The surface network's batches; see `SurfaceBatches`."""

    photos: PhotoShards
    scenes: SceneShards
    indices: range
    seed: int
    sides: tuple[int, ...]
    mix: CropMix

    def __call__(self) -> SurfaceBatches:
        """Open the pools. Raises: StageError for shards that cannot be opened."""
        photos, scenes = open_pools(self.photos, self.scenes)
        return SurfaceBatches(
            photos,
            scenes,
            indices=self.indices,
            seed=self.seed,
            sides=self.sides,
            mix=self.mix,
        )

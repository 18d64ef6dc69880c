"""Payloads between the stages of a training: names of files in the run's folder, and the source of batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from models.checkpoints.trained_info import Kind, TrainedInfo
from models.learning.training_batch import TrainingBatch
from models.light.architecture.sizes import DetectorSizes, SurfaceSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One of `count` equal parts of a training; a run can be stopped between two of them."""

    index: int
    count: int

    def last_step(self, steps: int) -> int:
        """The step with which this round ends, of `steps` in all."""
        return -(-steps * (self.index + 1) // self.count)

    @property
    def last(self) -> bool:
        """Whether the training is over after this round."""
        return self.index + 1 == self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoShards:
    """Shards of labelled photos (`stages.training.data.photo_pool.PhotoPool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShards:
    """Shards of synthetic scenes (`stages.training.data.scene_pool.ScenePool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmShards:
    """Shards of pairs of film frames (`stages.training.data.film_pool.FilmPool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorTrained:
    """The detector's checkpoint after a round, and its sizes."""

    checkpoint: str
    sizes: DetectorSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceTrained:
    """The surface network's checkpoint after a round, and its sizes."""

    checkpoint: str
    sizes: SurfaceSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftTrained:
    """The lift's checkpoint after a round."""

    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedSet:
    """A DensePose-COCO set.

    Attributes:
        annotations: the JSON file.
        images: folder of the images.
        dense: folder of dense surfaces (`NAME.npz` of `label_HW` and `uv_2HW` for each image), or empty.
        points: whether annotated points supervise; where not, only the dense surfaces do.
        most_points: largest number of points of a person, always the same ones; None = all.
        share: of the images that are drawn, relative to the other sets' shares.
        hold_out: one image in sixteen, by a hash of its name, is not drawn, so that it can be scored.
    """

    annotations: str
    images: str
    dense: str = ""
    points: bool = True
    most_points: int | None = None
    share: float = 1.0
    hold_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedSets:
    """The sets that a training draws from."""

    sets: tuple[AnnotatedSet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSource:
    """Where a training gets its batches: `of(step, worker, workers)` gives this worker's part of the step's batch.

    Attributes:
        of: the batches; each depends on the step alone.
        people: number of people in the whole batch of a step.
        size: images or people of a whole batch.
        kind: "rcnn", "fcn" and "direct" for whole images, "crops" for one person each.
        min_size, max_size: pixels of the images' sides at inference.
        figure_ground: whether backgrounds are removed.
    """

    of: Callable[[int, int, int], TrainingBatch]
    people: Callable[[int], int]
    size: int
    kind: Kind
    min_size: int
    max_size: int
    figure_ground: bool
    stays_in_lane: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkTrained:
    """A network's checkpoint after a round, and its description."""

    checkpoint: str
    about: TrainedInfo

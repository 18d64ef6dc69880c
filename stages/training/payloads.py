"""What travels between the stages of a training: names of files in the run's folder, and where batches come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from models.checkpoints.trained_weights import Kind, TrainedInfo
from models.learning.training_batch import TrainingBatch
from models.light.architecture.sizes import DetectorSizes, SurfaceSizes


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
    """Shards of labelled photos (`stages.training.data.photo_pool.PhotoPool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneShards:
    """Shards of synthetic scenes (`stages.training.data.scene_pool.ScenePool` reads them)."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorTrained:
    """The detector's checkpoint after a round, and of which sizes it is."""

    checkpoint: str
    sizes: DetectorSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceTrained:
    """The surface network's checkpoint after a round, and of which sizes it is."""

    checkpoint: str
    sizes: SurfaceSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedSet:
    """A DensePose-COCO set.

    Attributes:
        annotations: the JSON file.
        images: folder of the pictures.
        dense: folder of dense surfaces (`NAME.npz` of `label_HW` and `uv_2HW` for each picture), or empty.
        points: whether annotated points supervise; where not, only the dense surfaces do.
        most_points: of a person at most, always the same ones; None = all.
        share: of the pictures that are shown, against the other sets' shares.
        hold_out: one picture in sixteen, by a hash of its name, is not shown, so that it can be scored.
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
        people: how many people the whole batch of a step shows.
        size: pictures or people of a whole batch.
        kind: what is shown: "rcnn" and "fcn" whole pictures, "crops" one person each.
        min_size, max_size: pixels of the pictures' sides, as the network is served.
        figure_ground: whether backgrounds are cut away.
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
    """A network's checkpoint after a round, and what it is."""

    checkpoint: str
    about: TrainedInfo

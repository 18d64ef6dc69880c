"""Augmented batches from annotated sets: flipped, scaled, recoloured; each depends on its step alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from models.checkpoints.trained_info import Kind
from models.inference.preprocess import DIVISOR, network_input, network_size
from models.learning.training_batch import TrainingBatch
from pipeline.stage import Stage
from stages.training.data.annotated_images import KEPT, AnnotatedImages, notes_of
from stages.training.data.image_augmentation import (
    AugmentedImage,
    AugmentedPerson,
    DensePoints,
    colour_jittered,
    flipped_image,
    frame_view,
    jittered_square,
    person_view,
)
from stages.training.distributed import indices_of
from stages.training.payloads import AnnotatedSets, BatchSource

FLIPPED = 0.5
"""Share of images that are flipped, as in the reference."""


class Augment(Stage):
    """Makes augmented batches from annotated sets."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What the network is trained on.

        Attributes:
            kind: "rcnn", "fcn" and "direct" are trained on whole images, "crops" on one person each.
            batch: images or people a step, over all workers.
            sampling: "images": all images are drawn equally often; "people": all people are, so that an image is drawn
                in proportion to its people. Crops are always drawn by people.
            cached_images: images of each set that stay in memory.
            seed: of all random choices.
            min_size, max_size: pixels of the shorter side, drawn for every image; crops are `max_size` × `max_size`.
            max_side: largest number of pixels of the longer side.
            scales: of crops: range of a person's size in them; 1 leaves a margin of 15 %.
            colour_jitter: share of images that get changed colours, blur or noise.
            figure_ground: of crops: remove the background (DensePose*, and the teacher).
            dense: how dense surfaces supervise.
        """

        kind: Kind = "rcnn"
        batch: int = 8
        sampling: Literal["images", "people"] = "images"
        cached_images: int = KEPT
        seed: int = 0
        min_size: int = 160
        max_size: int = 192
        max_side: int = 256
        scales: tuple[float, float] = (0.85, 1.15)
        colour_jitter: float = 0.5
        figure_ground: bool = False
        dense: DensePoints = field(default_factory=DensePoints)

        def __post_init__(self) -> None:
            """Raises ValueError for sizes that fit no network."""
            if not DIVISOR <= self.min_size <= self.max_size <= self.max_side:
                raise ValueError(f"sizes must increase: {DIVISOR} <= min_size <= max_size <= max_side")
            if self.kind == "crops" and self.max_size % DIVISOR:
                raise ValueError(f"crops must be a multiple of {DIVISOR} pixels: set max_size")
            if self.figure_ground and self.kind != "crops":
                raise ValueError("figure_ground needs kind: crops")
            if self.batch < 1 or self.cached_images < 1:
                raise ValueError("batch and cached_images must be at least 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._sampler: Sampler | None = None

    def __call__(self, sets: AnnotatedSets) -> Iterator[BatchSource]:
        """Open the sets once; the batches of all rounds come from them."""
        if self._sampler is None:
            self._sampler = Sampler(self.config, [AnnotatedImages(one, self.config.cached_images) for one in sets.sets])
        config = self.config
        crops = config.kind == "crops"
        yield BatchSource(
            of=self._sampler.batch, people=self._sampler.people, size=config.batch, kind=config.kind,
            min_size=config.max_size, max_size=config.max_size if crops else config.max_side,
            figure_ground=config.figure_ground,
        )

    def summary(self) -> Mapping[str, Any]:
        """Notes on which annotations of the sets count as people, if not all do."""
        return notes_of(self._sampler.sets if self._sampler else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """One sample of a batch: which image (and person) of which set, its size, and its random numbers."""

    images: AnnotatedImages
    index: int
    person: int
    size_hw: tuple[int, int]
    random: np.random.Generator


class Sampler:
    """Draws views from several sets."""

    def __init__(self, config: Augment.Config, sets: Sequence[AnnotatedImages]) -> None:
        self.config = config
        self.sets = sets
        shares = np.array([one.source.share for one in sets], np.float64)
        self._odds = shares / shares.sum()

    def batch(self, step: int, worker: int = 0, workers: int = 1) -> TrainingBatch:
        """A worker's part of the batch of a step: the samples worker, worker + workers, …

        Raises: StageError if a batch cannot be shared equally, or an image cannot be read.
        """
        places = indices_of(worker, workers, self.config.batch, "augment.batch")
        plans = [self.plan(step, place) for place in range(self.config.batch)]
        # Padded to the largest image of the whole batch on every worker: norms see the padding.
        canvas_hw = max(plan.size_hw[0] for plan in plans), max(plan.size_hw[1] for plan in plans)
        seeds = torch.tensor([[self.config.seed, step, place] for place in places])
        return collate([self.view(plans[place]) for place in places], seeds, canvas_hw)

    def people(self, step: int) -> int:
        """How many people the batch of a step shows."""
        if self.config.kind == "crops":
            return self.config.batch
        plans = [self.plan(step, place) for place in range(self.config.batch)]
        return sum(plan.images.count(plan.index) for plan in plans)

    def plan(self, step: int, place: int) -> SamplePlan:
        """The plan of a sample; it is cheap, so that every worker can plan the whole batch."""
        config = self.config
        random = np.random.default_rng([config.seed, step, place])
        images = self.sets[int(random.choice(len(self.sets), p=self._odds))]
        if config.kind == "crops" or config.sampling == "people":
            index, person = images.people[random.integers(len(images.people))]
        else:
            index, person = int(random.integers(len(images))), 0
        if config.kind == "crops":
            size_hw = config.max_size, config.max_size
        else:
            shorter = int(random.integers(config.min_size, config.max_size + 1))
            size_hw = network_size(*images.size(index), shorter, config.max_side)
        return SamplePlan(images=images, index=index, person=person, size_hw=size_hw, random=random)

    def view(self, plan: SamplePlan) -> AugmentedImage:
        """The augmented image of a plan."""
        config, random, image = self.config, plan.random, plan.images[plan.index]
        if random.random() < FLIPPED:
            image = flipped_image(image)
        if config.kind == "crops":
            square = jittered_square(image.people[plan.person].box_4, config.scales, random)
            ground = not config.figure_ground
            view = person_view(image, plan.person, config.max_size, square, config.dense, random, ground=ground)
        else:
            view = frame_view(image, plan.size_hw, config.dense, random)
        return colour_jittered(view, random) if random.random() < config.colour_jitter else view


def collate(views: Sequence[AugmentedImage], seed_B3: Tensor, canvas_hw: tuple[int, int]) -> TrainingBatch:
    """Views as one batch, padded at the right and below to a size that holds all, rounded up as the network needs."""
    sizes = [view.rgb_HW3.shape[:2] for view in views]
    height, width = (-(-side // DIVISOR) * DIVISOR for side in canvas_hw)
    x_BHW3 = torch.zeros(len(views), height, width, 3)
    for row, view in enumerate(views):
        one = network_input(view.rgb_HW3[None], view.rgb_HW3.shape[:2])[0]
        x_BHW3[row, : one.shape[0], : one.shape[1]] = one
    people = [one for view in views for one in view.people]
    owner_N = [row for row, view in enumerate(views) for _ in view.people]
    mask_NHW = torch.zeros(len(people), height, width, dtype=torch.uint8)
    for row, person in enumerate(people):
        rows, columns = person.mask_HW.shape
        mask_NHW[row, :rows, :columns] = torch.from_numpy(np.ascontiguousarray(person.mask_HW))
    return TrainingBatch(
        x_BHW3=x_BHW3, size_B2=torch.tensor(sizes), seed_B3=seed_B3, image_N=torch.tensor(owner_N, dtype=torch.long),
        mask_NHW=mask_NHW, **people_columns(people), **point_columns(people),
    )


def people_columns(people: Sequence[AugmentedPerson]) -> dict[str, Tensor]:
    """Boxes, joints and coarse labels of N people."""
    empty = np.zeros((256, 256), np.uint8)
    coarse = [empty if one.coarse_LL is None else np.ascontiguousarray(one.coarse_LL) for one in people]
    return {
        "box_N4": torch.from_numpy(np.array([one.box_4 for one in people], np.float32).reshape(-1, 4)),
        "keypoint_N173": torch.from_numpy(
            np.array([one.keypoint_173 for one in people], np.float32).reshape(-1, 17, 3)
        ),
        "masked_N": torch.tensor([one.masked for one in people], dtype=torch.bool),
        "annotated_N": torch.tensor([one.coarse_LL is not None for one in people], dtype=torch.bool),
        "coarse_NLL": torch.from_numpy(np.array(coarse, np.uint8).reshape(-1, 256, 256)),
    }


def point_columns(people: Sequence[AugmentedPerson]) -> dict[str, Tensor]:
    """The points of all people, one after the other."""
    owner = [np.full(len(one.chart_M), row) for row, one in enumerate(people)]
    blank = np.zeros((0, 2), np.float32)

    def joined(parts: list[np.ndarray], none: np.ndarray) -> Tensor:
        return torch.from_numpy(np.concatenate([*parts, none]).astype(none.dtype))

    return {
        "point_person_M": joined(owner, np.zeros(0, np.int64)),
        "point_xy_M2": joined([one.point_xy_M2 for one in people], blank),
        "point_chart_M": joined([one.chart_M for one in people], np.zeros(0, np.int64)),
        "point_uv_M2": joined([one.uv_M2 for one in people], blank),
        "point_weight_M": joined([one.weight_M for one in people], np.zeros(0, np.float32)),
    }

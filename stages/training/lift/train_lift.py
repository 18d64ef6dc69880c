"""Train the lift: from places of vertices in the picture to places in space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from models.body.low_poly import low_poly_keypoints
from models.lift.lift_net import LiftNet
from models.lift.lift_weights import COMPONENTS
from models.metrics.posed_joints import MAIN_JOINTS
from pipeline.stage import Stage
from stages.training.fit import Batch, Fit, FitConfig
from stages.training.lift.random_bodies import BodySource
from stages.training.lift.seen_parts import seen_parts
from stages.training.payloads import LiftTrained, Round

BASIS_BODIES = 2000
"""Bodies whose principal components the lift predicts."""
EVERY = 5
"""Every so many vertices count in the loss."""
SEED = 0
"""Of the bodies, and of the first weights."""


class TrainLift(Stage):
    """A lift out, trained on bodies made anew for every step; resumes from the checkpoint in the run's folder."""

    ordered = True
    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the lift is trained.

        Attributes:
            folder: of the run.
            batch: bodies per step.
            fit: the training loop.
        """

        folder: str = "runs/train_lift"
        batch: int = 256
        fit: FitConfig = field(default_factory=lambda: FitConfig(steps=2600))

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if self.batch < 1:
                raise ValueError("batch must be at least 1")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open the network and its checkpoint, if there is one."""
        super().__init__(config, threads=threads)
        torch.set_num_threads(threads)
        self._batches = BodyBatches(config.batch, SEED)
        torch.manual_seed(SEED)
        self._fit = Fit(LiftNet(*self._batches.basis()), config.fit, Path(config.folder) / "lift")

    def __call__(self, part: Round) -> Iterator[LiftTrained]:
        """Train to the end of the round."""
        torch.set_num_threads(self.threads)
        self._fit.run(self._batches, lift_loss, part.last_step(self.config.fit.steps))
        yield LiftTrained(checkpoint=str(self._fit.path))


class BodyBatches:
    """Batches of random bodies, each made from its step number alone."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed, self._source = count, seed, BodySource()

    def __call__(self, step: int) -> Batch:
        """Places, numbers of the views and bodies: see `seen_parts`."""
        return self._made(self._count, step + 1)

    def basis(self) -> tuple[Tensor, Tensor]:
        """Principal components of bodies (3 L, COMPONENTS) and their mean (3 L)."""
        flat_NX = self._made(BASIS_BODIES, 0)[2].flatten(1)
        mean_X = flat_NX.mean(0)
        _, vector_XX = torch.linalg.eigh((flat_NX - mean_X).T @ (flat_NX - mean_X))
        return vector_XX[:, -COMPONENTS:], mean_X

    def _made(self, count: int, number: int) -> Batch:
        random = torch.Generator().manual_seed(self._seed * 1_000_003 + number)
        return tuple(part.clone() for part in seen_parts(self._source(count, random), random))


def lift_loss(net: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
    """Mean distances of vertices and of the main joints, metres."""
    place_N3L, number_N2, point_NL3 = batch
    away_NL3 = net(place_N3L, number_N2).float() - point_NL3
    joint_JL = torch.from_numpy(low_poly_keypoints()[MAIN_JOINTS])
    return {"vertex": away_NL3[:, ::EVERY].norm(dim=2).mean(), "joint": (joint_JL @ away_NL3).norm(dim=2).mean()}

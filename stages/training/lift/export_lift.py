"""Write the trained lift into a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.files.atomic_file import atomic_write
from pipeline.stage import Stage
from stages.payloads import Written
from stages.training.checkpoint import average_of
from stages.training.distributed import is_chief
from stages.training.payloads import LiftTrained, Round


class ExportLift(Stage):
    """The checkpoint in; after the last round the averaged weights in one .npz file."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`weights`: the file to write."""

        weights: str = "runs/train_lift/lift.npz"

    def __call__(self, part: Round, trained: LiftTrained) -> Iterator[Written]:
        """Write the file whole, in half precision."""
        if not part.last or not is_chief():
            return
        path = Path(self.config.weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        state = average_of(Path(trained.checkpoint))
        arrays: dict[str, Any] = {name: value.half().numpy() for name, value in state.items()}
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.savez(file, **arrays)
        yield Written(path=str(path), frames=0)

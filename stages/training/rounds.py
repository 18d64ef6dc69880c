"""The source of every training: its rounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.stage import Job, Stage
from stages.training.payloads import Round


class Rounds(Stage):
    """The source of a training: its rounds."""

    unit = "rounds"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`count`: rounds; both networks do an equal share of their steps in each."""

        count: int = 40

    def __call__(self, job: Job) -> Iterator[Round]:
        """One packet a round."""
        for index in range(self.config.count):
            yield Round(index=index, count=self.config.count)

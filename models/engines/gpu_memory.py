"""Batch sizes that fit into the memory of a GPU: after an out-of-memory error the batch size stays halved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from models.errors import ModelError

Result = TypeVar("Result")


class BatchSize:
    """The number of frames or people that are computed at once.

    Args:
        size: initial batch size.
        what: name of one item, for the message.
    """

    def __init__(self, size: int, what: str) -> None:
        self.size = size
        self._what = what

    def over(self, items: Sequence[Any] | Any, run: Callable[[Any], Result]) -> list[Result]:
        """Results of `run` for one batch after the other. Halves the batch size when memory runs out.

        Raises:
            ModelError: a single item does not fit.
        """
        results: list[Result] = []
        start = 0
        while start < len(items):
            group = items[start : start + self.size]
            try:
                results.append(run(group))
            except torch.OutOfMemoryError as error:
                if len(group) == 1:
                    what = f"one {self._what} does not fit into the GPU's memory"
                    raise ModelError(what, "network", "lower network.max_size, or set network.device to cpu") from error
                self.size = len(group) // 2
            else:
                start += len(group)
                continue
            torch.cuda.empty_cache()  # only here: the exception holds tensors of the failed batch until its block ends
        return results

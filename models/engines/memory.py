"""Groups that fit into the memory of a GPU: where one does not, half of it is tried; later ones stay that small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from models.errors import ModelError

Result = TypeVar("Result")


class GroupSize:
    """How many frames or people are computed at once.

    Args:
        size: to begin with.
        what: is in a group, for the message.
    """

    def __init__(self, size: int, what: str) -> None:
        self.size = size
        self._what = what

    def over(self, items: Sequence[Any] | Any, run: Callable[[Any], Result]) -> list[Result]:
        """What `run` gives for one group after the other; halves the size where memory runs out.

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
                    what = f"the GPU's memory does not hold one {self._what}"
                    raise ModelError(what, "network", "lower network.max_size, or set network.device to cpu") from error
                self.size = len(group) // 2
            else:
                start += len(group)
                continue
            torch.cuda.empty_cache()  # only now: the error held on to what the failed group had made
        return results

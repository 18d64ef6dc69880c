"""A loss as sum and divisor, so that several workers compute the same loss as one worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, distributed


class Term(NamedTuple):
    """One loss of a batch.

    Attributes:
        total: sum over the examples, a scalar with a gradient.
        divisor: number of examples, added up over all workers before the division; None: the loss is a sum.
        weight: weight of the loss.
    """

    total: Tensor
    divisor: Tensor | float | None
    weight: float = 1.0

    def value(self) -> Tensor:
        """The loss of this worker's batch alone; 0 without examples."""
        if self.divisor is None:
            return self.weight * self.total
        return self.weight * self.total / torch.as_tensor(self.divisor, device=self.total.device).clamp(min=1)


def normalise_terms(terms: Mapping[str, Term]) -> dict[str, Tensor]:
    """This worker's share of every loss: the mean over workers is the loss of the joined batch.

    The divisors of all workers are added up first, because a mean of means would give an image with few points the
    weight of one with many. The workers average their gradients, so the gradients are right as well. All workers must
    have the same terms.
    """
    if not (distributed.is_available() and distributed.is_initialized()) or not terms:
        return {name: term.value() for name, term in terms.items()}
    workers = distributed.get_world_size()
    device = next(iter(terms.values())).total.device
    counts = torch.stack(
        [
            torch.as_tensor(1.0 if term.divisor is None else term.divisor, dtype=torch.float64, device=device).detach()
            for term in terms.values()
        ]
    )
    distributed.all_reduce(counts)
    shares = {}
    for (name, term), count in zip(terms.items(), counts, strict=True):
        whole = 1.0 if term.divisor is None else float(count.clamp(min=1))
        shares[name] = term.weight * workers * term.total / whole
    return shares

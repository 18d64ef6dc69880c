"""How sure the published networks are of each pixel, as one number (Neverova et al. 2019; facts §6, §8).

All of them name a chart by logits. The confidence variants say a variance of U and V besides (`sigma_2`; WC2 also a
direction of larger error, `kappa_u` and `kappa_v`), and the M variants have their segmentations' logits weighed by a
confidence of their own before they come here. Nobody has held any of it against truth here, for want of weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.confidence import FLOOR

NEAR = 0.25
"""U and V count as right within a quarter of a chart. The least variance the networks can say is 0.01."""

TEMPER = 0.3
"""Log-odds of networks that only name charts count so much: such networks say more than they know (Guo et al., ICML
2017). Of .99 and .999 remain .80 and .89; two runs of the published network agree on .88 of a photo's charts. Smoothing
that believes .99 everywhere is worse than one that is told nothing (docs/benchmarks/temporal_tried.md)."""


def body_probability(coarse_KSS: Tensor) -> Tensor:
    """(S, S): that the person's body is there, from the coarse logits, of which the first is the background's."""
    return 1 - coarse_KSS.softmax(dim=0)[0]


def chart_probability(fine_25SS: Tensor, body_SS: Tensor) -> Tensor:
    """(25, S, S): that the body is there and each fine part is the one."""
    return fine_25SS.softmax(dim=0) * body_SS


def near_probability(said: Mapping[str, Tensor]) -> Tensor:
    """That U and V lie within `NEAR` of the truth, by the error model that the network was trained with.

    Args:
        said: `sigma_2` as the network gives it, any shape; for WC2 `kappa_u` and `kappa_v` of the same shape.

    Of WC1 exact: 1 − exp(−r² / 2σ²). The ellipse of WC2 is taken for the circle of the same area.
    """
    variance = F.softplus(said["sigma_2"]) + FLOOR
    if "kappa_u" in said:
        variance = torch.sqrt(variance * (variance + said["kappa_u"] ** 2 + said["kappa_v"] ** 2))
    return 1 - torch.exp(-(NEAR**2) / (2 * variance))


def tempered(probability: Tensor) -> Tensor:
    """A chart's probability by logits, of any shape, brought nearer to even odds by `TEMPER`."""
    return torch.sigmoid(TEMPER * torch.logit(probability, eps=1e-6))

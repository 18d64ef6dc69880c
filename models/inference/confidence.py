"""Confidence of the published networks per pixel, as one number (Neverova et al. 2019).

All networks predict logits of charts. The confidence variants also predict a variance of U and V (`sigma_2`); WC2 adds
a direction of larger error (`kappa_u`, `kappa_v`). In the M variants, predicted confidences have already multiplied the
segmentations' logits. These confidences are not calibrated against ground truth.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.points import FLOOR

NEAR = 0.25
"""U and V count as right within a quarter of a chart. The smallest variance that the networks predict is 0.01."""

TEMPER = 0.3
"""Factor on the log-odds of networks that predict charts only: such networks are overconfident (Guo et al. 2017).
Temporal smoothing needs realistic confidences."""


def body_probability(coarse_KSS: Tensor) -> Tensor:
    """Probability (S, S) of the body, from coarse logits; channel 0 is the background."""
    return 1 - coarse_KSS.softmax(dim=0)[0]


def chart_probability(fine_25SS: Tensor, body_SS: Tensor) -> Tensor:
    """Probability (25, S, S) of body and chart together."""
    return fine_25SS.softmax(dim=0) * body_SS


def near_probability(spread: Mapping[str, Tensor]) -> Tensor:
    """Probability that U and V lie within `NEAR` of the truth, by the error model of the network's training.

    Args:
        spread: the network's raw `sigma_2`, any shape; for WC2 also `kappa_u` and `kappa_v`, same shape.

    Exact for WC1: 1 − exp(−r² / 2σ²). The ellipse of WC2 is replaced by the circle of the same area.
    """
    variance = F.softplus(spread["sigma_2"]) + FLOOR
    if "kappa_u" in spread:
        variance = torch.sqrt(variance * (variance + spread["kappa_u"] ** 2 + spread["kappa_v"] ** 2))
    return 1 - torch.exp(-(NEAR**2) / (2 * variance))


def tempered(probability: Tensor) -> Tensor:
    """A probability of any shape with its log-odds multiplied by `TEMPER`."""
    return torch.sigmoid(TEMPER * torch.logit(probability, eps=1e-6))

"""Losses of proposals and of the box head (Ren et al. 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.terms import Term


def proposal_terms(
    logit_A: Tensor, delta_A4: Tensor, wanted_A: Tensor, target_P4: Tensor, anchors: int
) -> dict[str, Term]:
    """Losses of the sampled anchors of a batch.

    Args:
        logit_A, delta_A4: predictions for the sampled anchors.
        wanted_A: bool, which anchors are positive.
        target_P4: target deltas of the positive anchors, in order.
        anchors: divisor of both sums: anchors per image times images.

    Returns:
        Terms `objectness` (binary cross entropy) and `proposal_box` (L1).
    """
    objectness = F.binary_cross_entropy_with_logits(logit_A, wanted_A.float(), reduction="sum")
    return {
        "objectness": Term(objectness, float(anchors)),
        "proposal_box": Term((delta_A4[wanted_A] - target_P4).abs().sum(), float(anchors)),
    }


def box_terms(logit_K2: Tensor, delta_K4: Tensor, person_K: Tensor, target_P4: Tensor) -> dict[str, Term]:
    """Losses of the sampled regions of a batch.

    Args:
        logit_K2: logits of person and background.
        delta_K4: predicted deltas.
        person_K: bool, which regions are people.
        target_P4: target deltas of the regions of people, in order.

    Returns:
        Terms `class` (cross entropy, mean) and `box` (L1 summed over people, divided by all regions).
    """
    count = float(len(person_K))
    return {
        "class": Term(F.cross_entropy(logit_K2, (~person_K).long(), reduction="sum"), count),
        "box": Term((delta_K4[person_K] - target_P4).abs().sum(), count),
    }


def box_deltas(from_N4: Tensor, to_N4: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """Deltas with which `boxes.apply_deltas` turns the first boxes into the second ones."""
    size, wanted = from_N4[:, 2:] - from_N4[:, :2], to_N4[:, 2:] - to_N4[:, :2]
    shift = (to_N4[:, :2] + 0.5 * wanted - from_N4[:, :2] - 0.5 * size) / size
    return torch.cat([shift, (wanted / size).log()], dim=1) * from_N4.new_tensor(weights)

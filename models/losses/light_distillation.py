"""Distillation of the light network's components (Hinton et al. 2015; the student of Güler et al. 2018, §3.2).

The surface teacher predicts every crop and its horizontal flip and averages both. Its prediction has a probability for
every chart of a cell, has U and V for real people, and exists where labels are missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from models.body.charts import MIRROR_CHART, mirror_uv
from models.light.architecture.detector import decode_boxes
from models.light.architecture.surface_net import SurfaceLogits, SurfaceNet
from models.light.architecture.weight_files import load_networks
from models.losses.light_detector import pair_iou
from models.losses.light_surface import PART_WEIGHT, UV_WEIGHT, by_place, uv_cost

_CHART = np.arange(1, 25, dtype=np.uint8)
_MIRROR_CHART = torch.from_numpy(MIRROR_CHART[1:].astype(np.int64) - 1)
_FLIPS_U, _FLIPS_V = (torch.from_numpy(flipped) for flipped in mirror_uv(_CHART, np.zeros(24), np.zeros(24)))
"""For each chart 1 if U or V changes its direction under a horizontal flip, else 0."""


class TeacherPrediction(NamedTuple):
    """A teacher's prediction for crops.

    Attributes:
        person_N1GG: probability of the person.
        part_N24GG: probability of every chart, given the person.
        u_N24GG, v_N24GG: U and V in every chart.
    """

    person_N1GG: torch.Tensor
    part_N24GG: torch.Tensor
    u_N24GG: torch.Tensor
    v_N24GG: torch.Tensor


class SurfaceDistillation(NamedTuple):
    """Loss terms of the surface network's distillation, each a scalar."""

    taught_person: torch.Tensor
    taught_part: torch.Tensor
    taught_uv: torch.Tensor


class SurfaceTeacher(nn.Module):
    """A surface network with fixed weights that averages a crop's prediction and that of its horizontal flip."""

    def __init__(self, net: SurfaceNet) -> None:
        super().__init__()
        self.net = net.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, rgb_NCHW: torch.Tensor) -> TeacherPrediction:
        """Predict crops of pixels 0..255."""
        seen, flipped = self.net(rgb_NCHW), unflipped(self.net(rgb_NCHW.flip(3)))
        person, part, u, v = (((a.float() + b.float()) / 2) for a, b in zip(seen, flipped, strict=True))
        return TeacherPrediction(person.sigmoid(), part.softmax(1), u, v)


def read_teacher(path: Path) -> SurfaceTeacher:
    """The teacher from a light network's file. Raises: ModelError if the file is not one."""
    return SurfaceTeacher(load_networks(path)[1])


def unflipped(logits: SurfaceLogits) -> SurfaceLogits:
    """Map the prediction of a horizontally flipped crop back to the crop."""
    charts = _MIRROR_CHART.to(logits.part.device)
    flips_u, flips_v = (flipped.to(logits.u)[:, None, None] for flipped in (_FLIPS_U, _FLIPS_V))
    u, v = (axis.flip(3)[:, charts] for axis in (logits.u, logits.v))
    return SurfaceLogits(
        logits.person.flip(3),
        logits.part.flip(3)[:, charts],
        flips_u + (1 - 2 * flips_u) * u,
        flips_v + (1 - 2 * flips_v) * v,
    )


def surface_distillation(
    net: SurfaceNet, x_NCHW: torch.Tensor, prediction: TeacherPrediction, *, metric_uv: bool = False
) -> SurfaceDistillation:
    """Losses of a batch of crops against a teacher's predictions.

    The person's probability is learned everywhere. Charts, and U and V weighted by the probability of their chart, are
    learned where the teacher's probability of the person is above one half.

    Args:
        net: the student.
        x_NCHW: the crops' features, `net.features`.
        prediction: the teacher's for these crops.
        metric_uv: errors of U and V count by their length on the skin.
    """
    x_PC = x_NCHW.permute(0, 2, 3, 1).flatten(0, 2)
    person_P4 = by_place(prediction.person_N1GG[:, 0])
    person = functional.binary_cross_entropy_with_logits(net.read_person(x_PC).float(), person_P4)
    body = (person_P4 > 0.5).any(1).nonzero()[:, 0]
    share_B4K, u_B4K, v_B4K = (by_place(maps.movedim(1, -1))[body] for maps in prediction[1:])
    seen_B4 = (person_P4[body] > 0.5).float()
    log_B4K = net.read_part(x_PC[body]).float().log_softmax(2)
    weighted_B4K = share_B4K * PART_WEIGHT.to(share_B4K) * seen_B4[:, :, None]
    part = -(log_B4K * weighted_B4K).sum() / weighted_B4K.sum().clamp(min=1)
    costs = uv_cost(metric=metric_uv).to(share_B4K).unbind(1)
    pairs = zip(net.read_uv(x_PC[body]), (u_B4K, v_B4K), costs, strict=True)
    gap_B4K = sum((x.float() - y).abs() * cost_K for x, y, cost_K in pairs)
    uv = ((gap_B4K * share_B4K).sum(2) * seen_B4).sum() / seen_B4.sum().clamp(min=1)
    return SurfaceDistillation(person, part, UV_WEIGHT * uv)


CONFIDENT_SCORE = 0.05
"""Teacher boxes with lower scores are not learned."""


class DetectorDistillation(NamedTuple):
    """Loss terms of the detector's distillation, each a scalar."""

    taught_score: torch.Tensor
    taught_box: torch.Tensor


def detector_distillation(
    row_NP5: torch.Tensor, places: tuple[torch.Tensor, torch.Tensor], teacher_NP5: torch.Tensor
) -> DetectorDistillation:
    """Losses of a batch against a teacher's prediction at every place.

    Args:
        row_NP5: output of `PersonDetector`.
        places: centres and strides of the places.
        teacher_NP5: the teacher's score 0..1 and box in pixels; the score is negative where it made no prediction.
    """
    score_NP = teacher_NP5[..., 0].clamp(min=0)
    known_NP = teacher_NP5[..., 0] >= 0
    box_NP4 = decode_boxes(row_NP5[..., 1:], *places)
    total = score_NP.sum().clamp(min=1.0)
    gap = functional.binary_cross_entropy_with_logits(row_NP5[..., 0].float(), score_NP, reduction="none")
    away = (1 - pair_iou(box_NP4, teacher_NP5[..., 1:])[1]) * score_NP * (score_NP > CONFIDENT_SCORE)
    return DetectorDistillation((gap * known_NP).sum() / total, 2.0 * away.sum() / total)

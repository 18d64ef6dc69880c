"""What a surface network learns of another one's answers (distillation, Hinton et al. 2015; the paper's student, §3.2).

The teacher sees every crop and its mirror image and answers with the mean of both, as people are read: surer than one
answer, it speaks of all charts of a cell, of U and V of real people, and where labels are silent.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from models.light.architecture.surface_net import SurfaceLogits, SurfaceNet
from models.light.architecture.weights import load_networks
from models.losses.light_surface import PART_WEIGHT, UV_WEIGHT, by_place, uv_cost
from models.surface.charts import MIRROR_CHART, mirror_uv

_CHART = np.arange(1, 25, dtype=np.uint8)
_MIRRORED = torch.from_numpy(MIRROR_CHART[1:].astype(np.int64) - 1)
_TURNED_U, _TURNED_V = (torch.from_numpy(turned) for turned in mirror_uv(_CHART, np.zeros(24), np.zeros(24)))
"""Per chart 1 where U or V runs the other way in a mirror image, else 0."""


class Answer(NamedTuple):
    """What a teacher says of crops.

    Attributes:
        person_N1GG: probability of the person.
        part_N24GG: probability of every chart, given the person.
        u_N24GG, v_N24GG: U and V in every chart.
    """

    person_N1GG: torch.Tensor
    part_N24GG: torch.Tensor
    u_N24GG: torch.Tensor
    v_N24GG: torch.Tensor


class TaughtSurface(NamedTuple):
    """Terms of learning a teacher's answers, each a scalar."""

    taught_person: torch.Tensor
    taught_part: torch.Tensor
    taught_uv: torch.Tensor


class SurfaceTeacher(nn.Module):
    """A surface network that does not learn, asked about a crop and its mirror image."""

    def __init__(self, net: SurfaceNet) -> None:
        super().__init__()
        self.net = net.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, rgb_NCHW: torch.Tensor) -> Answer:
        """The answer about crops of pixels 0..255."""
        seen, turned = self.net(rgb_NCHW), mirrored(self.net(rgb_NCHW.flip(3)))
        person, part, u, v = (((a.float() + b.float()) / 2) for a, b in zip(seen, turned, strict=True))
        return Answer(person.sigmoid(), part.softmax(1), u, v)


def read_teacher(path: Path) -> SurfaceTeacher:
    """The teacher of a light network's file. Raises: ModelError for a file that is none."""
    return SurfaceTeacher(load_networks(path)[1])


def mirrored(said: SurfaceLogits) -> SurfaceLogits:
    """What is said of a mirror image, as said of what was mirrored."""
    charts = _MIRRORED.to(said.part.device)
    turned_u, turned_v = (turned.to(said.u)[:, None, None] for turned in (_TURNED_U, _TURNED_V))
    u, v = (axis.flip(3)[:, charts] for axis in (said.u, said.v))
    return SurfaceLogits(
        said.person.flip(3),
        said.part.flip(3)[:, charts],
        turned_u + (1 - 2 * turned_u) * u,
        turned_v + (1 - 2 * turned_v) * v,
    )


def taught_surface(net: SurfaceNet, x_NCHW: torch.Tensor, answer: Answer, *, metric_uv: bool = False) -> TaughtSurface:
    """Losses of a batch of crops against a teacher's answers.

    The person's probability everywhere; charts, and U and V in each as probable as it is, where the teacher sees the
    person rather than not.

    Args:
        x_NCHW: the crops' features, `net.features`.
        answer: of a teacher about these crops.
        metric_uv: U and V count by how far along the skin they are off.
    """
    x_PC = x_NCHW.permute(0, 2, 3, 1).flatten(0, 2)
    person_P4 = by_place(answer.person_N1GG[:, 0])
    person = functional.binary_cross_entropy_with_logits(net.read_person(x_PC).float(), person_P4)
    body = (person_P4 > 0.5).any(1).nonzero()[:, 0]
    share_B4K, u_B4K, v_B4K = (by_place(maps.movedim(1, -1))[body] for maps in answer[1:])
    seen_B4 = (person_P4[body] > 0.5).float()
    log_B4K = net.read_part(x_PC[body]).float().log_softmax(2)
    weighted_B4K = share_B4K * PART_WEIGHT.to(share_B4K) * seen_B4[:, :, None]
    part = -(log_B4K * weighted_B4K).sum() / weighted_B4K.sum().clamp(min=1)
    costs = uv_cost(metric=metric_uv).to(share_B4K).unbind(1)
    pairs = zip(net.read_uv(x_PC[body]), (u_B4K, v_B4K), costs, strict=True)
    gap_B4K = sum((x.float() - y).abs() * cost_K for x, y, cost_K in pairs)
    uv = ((gap_B4K * share_B4K).sum(2) * seen_B4).sum() / seen_B4.sum().clamp(min=1)
    return TaughtSurface(person, part, UV_WEIGHT * uv)

"""Simulates the network's input to the lift for random bodies: image points that are cut, hidden and noisy."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from models.body.low_poly import load_low_poly
from models.body.open_body import load_body
from models.lift.mesh_view import MARGIN, MIN_ASPECT
from stages.training.fit import Batch
from stages.training.lift.random_bodies import RandomBodies, rotations_of

CUT, CUT_SIDES, REMAINING = 0.45, (0.15, 0.1, 0.15, 0.6), (0.2, 0.85)
"""Share of truncated bodies; odds of the left, top, right, bottom side; range of the share of the box that remains."""
HIDDEN, HALF = 0.3, (0.08, 0.33)
"""Share of bodies with an occluder, and range of half of its sides, in sides of the body's box."""
MISSED = 0.5
"""Largest share of visible vertices that the network misses."""
CHART_ERROR, VERTEX_ERROR, ERROR_SPREAD = 0.014, 0.012, 0.5
"""Standard deviations: of the error that all vertices of a chart share, and of each vertex, in sides of the square; of
the logarithm of both between bodies."""
BOX_SHIFT, BOX_SCALE = 0.03, 0.06
"""Standard deviations of the square's centre, in sides of the square, and of the logarithm of its side."""


def seen_parts(bodies: RandomBodies, random: torch.Generator) -> Batch:
    """Image points (N, 3, L), numbers of the view (N, 2), and bodies in its axes (N, L, 3): see `LiftNet.forward`."""
    seen_NL = _visible(bodies, random)
    count = len(seen_NL)
    low_N2 = torch.where(seen_NL[..., None], bodies.ray_NL2, np.inf).amin(1)
    high_N2 = torch.where(seen_NL[..., None], bodies.ray_NL2, -np.inf).amax(1)
    nothing_N1 = ~seen_NL.any(1, keepdim=True)
    low_N2, high_N2 = low_N2.masked_fill(nothing_N1, -1.0), high_N2.masked_fill(nothing_N1, 1.0)
    side_N2 = (high_N2 - low_N2).clamp(min=1e-3) * MARGIN
    side_N2 = torch.maximum(side_N2, MIN_ASPECT * side_N2.amax(1, keepdim=True))
    middle_N2 = (low_N2 + high_N2) / 2 + BOX_SHIFT * torch.randn(count, 2, generator=random) * side_N2
    side_N2 = side_N2 * (BOX_SCALE * torch.randn(count, 2, generator=random)).exp()
    place_NL2 = (bodies.ray_NL2 - middle_N2[:, None]) / side_N2[:, None] + _errors(count, random)
    shown_NL1 = seen_NL[..., None].float()
    number_N2 = torch.stack([side_N2[:, 0] / side_N2[:, 1], side_N2[:, 1]], 1).log()
    point_NL3 = bodies.point_NL3 @ _along(middle_N2).transpose(1, 2)
    return torch.cat([shown_NL1, place_NL2 * shown_NL1], 2).transpose(1, 2), number_N2, point_NL3


def _visible(bodies: RandomBodies, random: torch.Generator) -> Tensor:
    """Whether each vertex is visible, bool (N, L): not truncated, not occluded, and not missed."""
    ray_NL2, count = bodies.ray_NL2, len(bodies.ray_NL2)
    low_N12, high_N12 = ray_NL2.amin(1, keepdim=True), ray_NL2.amax(1, keepdim=True)
    share_NL2 = (ray_NL2 - low_N12) / (high_N12 - low_N12)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=random)

    side_N = torch.multinomial(torch.tensor(CUT_SIDES), count, replacement=True, generator=random)
    share_N1 = uniform(*REMAINING, 1)
    inside_4NL = torch.stack([
        share_NL2[..., 0] > 1 - share_N1, share_NL2[..., 1] > 1 - share_N1,
        share_NL2[..., 0] < share_N1, share_NL2[..., 1] < share_N1,
    ])  # fmt: skip
    inside_NL = inside_4NL[side_N, torch.arange(count)] | (uniform(0, 1, 1) >= CUT)
    covered_NL = ((share_NL2 - uniform(0, 1, 1, 2)).abs() < uniform(*HALF, 1, 2)).all(2) & (uniform(0, 1, 1) < HIDDEN)
    found_NL = uniform(0, 1, ray_NL2.shape[1]) > MISSED * uniform(0, 1, 1)
    return bodies.seen_NL & inside_NL & ~covered_NL & found_NL


def _errors(count: int, random: torch.Generator) -> Tensor:
    """Errors of the image points, (N, L, 2), in sides of the square."""
    chart_L = chart_of_vertices()
    chart_NL2 = CHART_ERROR * torch.randn(count, int(chart_L.max()) + 1, 2, generator=random)[:, chart_L]
    vertex_NL2 = VERTEX_ERROR * torch.randn(count, len(chart_L), 2, generator=random)
    return (ERROR_SPREAD * torch.randn(count, 1, 1, generator=random)).exp() * (chart_NL2 + vertex_NL2)


@cache
def chart_of_vertices() -> Tensor:
    """A chart of each low-poly vertex (L,)."""
    body = load_body()
    chart_V = np.zeros(len(body.mean_V3), np.int64)
    chart_V[body.face_F3.ravel()] = np.repeat(body.chart_F, 3)
    return torch.from_numpy(chart_V[load_low_poly().vertex_L])


def _along(middle_N2: Tensor) -> Tensor:
    """The shortest rotations (N, 3, 3) of the rays through image points (x / z, y / z) to the camera's axis."""
    ray_N3 = torch.nn.functional.pad(middle_N2, (0, 1), value=1.0)
    ray_N3 = ray_N3 / ray_N3.norm(dim=1, keepdim=True)
    axis_N3 = torch.stack([ray_N3[:, 1], -ray_N3[:, 0], torch.zeros(len(ray_N3))], 1)
    sine_N1 = axis_N3.norm(dim=1, keepdim=True).clamp(min=1e-8)
    return rotations_of(axis_N3 / sine_N1 * torch.atan2(sine_N1, ray_N3[:, 2:]))

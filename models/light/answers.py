"""What several answers about a person say together: as seen, in the mirror, turned upright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.surface.charts import mirror_maps

F32 = npt.NDArray[Any]

LEAST_PERSON = 20
"""Cells of a person without which a reading is not sure of anything."""
BELIEF = 8
"""Power of an answer's sureness in its weight. In given boxes, read as seen, in the mirror and upright, AUC10 of 160
scenes of `far` is .462 without weights, .465 with 8 and .455 with 32 (`val` .546, .547 and .538)."""


def unmirrored(maps_5GG: F32) -> F32:
    """The maps of a crop's mirror image (see `PickedSurface`) as those of the crop."""
    chart_GG, uv_2GG = mirror_maps(maps_5GG[1].astype(np.uint8), maps_5GG[2:4])
    return np.stack([maps_5GG[0, :, ::-1], chart_GG, *uv_2GG, maps_5GG[4, :, ::-1]]).astype(np.float32)


def sureness(maps_5GG: F32) -> float:
    """How probable the charts of the person's cells are in the mean; 0 where there is hardly anybody."""
    person_GG = maps_5GG[0] > 0
    return float(maps_5GG[4][person_GG].mean()) if person_GG.sum() >= LEAST_PERSON else 0.0


def agreed(answers: Sequence[F32]) -> F32:
    """Answers about the same crop as one, the surer ones counting more; each (5,G,G) as `PickedSurface` gives them.

    The person's logit is the mean. A cell's chart is that which the answers together find likeliest, where each gives
    its own chart the probability that it says and the others none; U and V are means over those who name that chart.
    """
    weight_A = np.array([sureness(one_5GG) ** BELIEF for one_5GG in answers])
    weight_A = weight_A / weight_A.sum() if weight_A.any() else np.full(len(answers), 1 / len(answers))
    maps_A5GG = np.stack(answers)
    chart_AGG = maps_A5GG[:, 1]
    share_AGG = weight_A[:, None, None].astype(np.float32) * maps_A5GG[:, 4]
    support_AGG = np.stack([np.where(chart_AGG == chart_GG, share_AGG, 0).sum(0) for chart_GG in chart_AGG])
    best_1GG = support_AGG.argmax(0)[None]
    chart_GG, total_GG = (np.take_along_axis(each, best_1GG, 0)[0] for each in (chart_AGG, support_AGG))
    share_AGG = np.where(chart_AGG == chart_GG, share_AGG, 0) / np.maximum(total_GG, 1e-9)
    u_GG, v_GG = (share_AGG * maps_A5GG[:, 2]).sum(0), (share_AGG * maps_A5GG[:, 3]).sum(0)
    person_GG = (weight_A[:, None, None] * maps_A5GG[:, 0]).sum(0)
    return np.stack([person_GG, chart_GG, u_GG, v_GG, total_GG]).astype(np.float32)

"""Test-time augmentation: several predictions of one crop are combined into one, weighted by their confidence."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from models.arrays import F32, U8, Bool, Float
from models.body.charts import mirror_maps
from models.light.architecture.output_maps import chart_candidates
from models.light.inference.logistic import log_odds, logistic
from models.light.inference.surface_assembly import PERSON_THRESHOLD

MIN_PERSON_CELLS = 20
"""A prediction with fewer cells of a person has no confidence."""
WEIGHT_POWER = 8
"""A prediction's weight is its confidence to this power."""

MEDIAN_STEPS, MEDIAN_DISTANCE = 3, np.float32(0.03)
"""Steps from the mean of U and V of three or more predictions towards their geometric median, and the distance in U and
V that is added so that no weight becomes infinite."""


def unflip(maps_LGG: F32) -> F32:
    """Maps of a horizontally flipped crop (see `PickedSurface`) as maps of the crop itself."""
    unflipped: list[Float | U8] = [maps_LGG[0, :, ::-1]]
    for candidate_4GG in chart_candidates(maps_LGG):
        chart_GG, uv_2GG = mirror_maps(candidate_4GG[0].astype(np.uint8), candidate_4GG[1:3])
        unflipped += [chart_GG, *uv_2GG, candidate_4GG[3, :, ::-1]]
    return np.stack(unflipped).astype(np.float32)


def prediction_confidence(maps_LGG: F32) -> float:
    """The mean probability of the first chart over the person's cells; 0 for fewer cells than MIN_PERSON_CELLS."""
    person_GG = maps_LGG[0] > 0
    return float(maps_LGG[4][person_GG].mean()) if person_GG.sum() >= MIN_PERSON_CELLS else 0.0


def combine(predictions: Sequence[F32]) -> F32:
    """Predictions of the same crop, each with maps as `PickedSurface` outputs, as one (5, G, G).

    The probability of the person is the weighted mean. The chart of a cell is the one with the largest weighted sum of
    probabilities; charts that are no candidates of a prediction have probability 0 there. U and V are near the middle
    of the candidates with this chart (see `_middle`). Cells that cannot influence the result (see `_visible_cells`)
    keep the first candidate of the first prediction.
    """
    weight_A = np.array([prediction_confidence(maps_LGG) ** WEIGHT_POWER for maps_LGG in predictions])
    weight_A = weight_A / weight_A.sum() if weight_A.any() else np.full(len(predictions), 1 / len(predictions))
    combined_5GG = predictions[0][:5].astype(np.float32)
    weighted = (weight * logistic(maps_LGG[0]) for weight, maps_LGG in zip(weight_A, predictions, strict=True))
    combined_5GG[0] = log_odds(sum(weighted))
    cell_K = np.flatnonzero(_visible_cells(combined_5GG[0]))
    candidates = [chart_candidates(maps_LGG.reshape(len(maps_LGG), -1).take(cell_K, 1)) for maps_LGG in predictions]
    weight_B = np.repeat(weight_A, [len(one) for one in candidates]).astype(np.float32)
    chart_BK, u_BK, v_BK, probability_BK = np.concatenate(candidates).swapaxes(0, 1)
    support_BK = ((chart_BK[:, None] == chart_BK) * (weight_B[:, None] * probability_BK)).sum(1)
    best_1K = support_BK.argmax(0)[None]
    chart_K, total_K = (np.take_along_axis(each, best_1K, 0)[0] for each in (chart_BK, support_BK))
    steps = MEDIAN_STEPS if len(predictions) > 2 else 0
    u_K, v_K = _middle(u_BK, v_BK, (chart_BK == chart_K) * weight_B[:, None], steps)
    combined_5GG.reshape(5, -1)[1:, cell_K] = chart_K, u_K, v_K, total_K
    return combined_5GG


def _middle(u_BK: F32, v_BK: F32, weight_BK: F32, steps: int) -> tuple[F32, F32]:
    """The weighted mean of U and V of K cells, moved by some steps towards their geometric median.

    The steps are those of Weiszfeld (*Sur le point pour lequel la somme des distances de n points donnés est minimum*,
    1937): each is a mean in which values far from the last mean count less.
    """
    u_K, v_K = _mean(u_BK, v_BK, weight_BK)
    for _ in range(steps):
        u_K, v_K = _mean(u_BK, v_BK, weight_BK / (np.hypot(u_BK - u_K, v_BK - v_K) + MEDIAN_DISTANCE))
    return u_K, v_K


def _mean(u_BK: F32, v_BK: F32, weight_BK: F32) -> tuple[F32, F32]:
    share_BK = weight_BK / np.maximum(weight_BK.sum(0), 1e-9)
    return (share_BK * u_BK).sum(0), (share_BK * v_BK).sum(0)


def _visible_cells(person_GG: F32) -> Bool:
    """Cells that can influence the pixels of the person (see `resample_surface`).

    These are the person's cells and two more around them: pixels lie between a cell and its neighbour, and the slopes
    of U and V at that neighbour need its own neighbours.
    """
    person = (person_GG > PERSON_THRESHOLD).astype(np.uint8)
    return np.asarray(cv2.dilate(person, np.ones((5, 5), np.uint8)) > 0)

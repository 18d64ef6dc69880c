"""Random body shapes, evenly over the samples of the open body or with people's distribution of heights."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.arrays import F32, Float, Int
from models.body.open_body import load_body

Rng = np.random.Generator


def random_shape(rng: Rng, first: float, last: float, child_share: float) -> F32:
    """Shape coefficients (C,) between two random samples, both adults or both children.

    Args:
        first, last: part of the samples to draw from, as shares.
        child_share: probability of a child.
    """
    body = load_body()
    count = len(body.score_SC)
    pool = np.arange(int(first * count), int(last * count))
    adult = body.phenotype_SP[pool, body.phenotypes.index("age")] >= 0.6
    wanted = pool[adult] if rng.random() >= child_share else pool[~adult]
    one, other = rng.choice(wanted, 2)
    share = np.float32(rng.random())
    return (1 - share) * body.score_SC[one] + share * body.score_SC[other]


MEN, WOMEN, SPREAD = 1.75, 1.62, 0.068
"""Metres: mean heights and their standard deviation, between Europe and the world (NCD-RisC 2016, rounded)."""

ADULT = 0.6
"""Value of the phenotype `age` from which a sample is an adult."""


@cache
def sample_heights() -> Float:
    """Standing height of every sampled body, metres."""
    body = load_body()
    up_SV = body.mean_V3[:, 1] + body.score_SC @ body.component_CV3[..., 1]
    return np.ptp(up_SV, axis=1).astype(np.float64)


def human_shape(rng: Rng, first: float, last: float, child_share: float) -> F32:
    """Like `random_shape`, but adults' heights follow the distribution of men and women.

    One sample is drawn with importance weights: the density of its height among people over that among the samples.
    It is mixed with another sample of nearly the same height, so that the mixture has that height too.
    """
    body = load_body()
    pool = np.arange(int(first * len(body.score_SC)), int(last * len(body.score_SC)))
    age = body.phenotype_SP[pool, body.phenotypes.index("age")]
    if rng.random() < child_share:
        children = pool[age < ADULT]
        one, other = rng.choice(children, 2)
    else:
        adults = pool[age >= ADULT]
        weight = _weights(adults)
        one = int(rng.choice(adults, p=weight / weight.sum()))
        near = weight * np.exp(-0.5 * ((sample_heights()[adults] - sample_heights()[one]) / 0.02) ** 2)
        other = int(rng.choice(adults, p=near / near.sum()))
    share = np.float32(rng.random())
    return (1 - share) * body.score_SC[one] + share * body.score_SC[other]


def _weights(adults: Int) -> Float:
    """Importance weights: density of a height among people of that sex, over its density among the samples."""
    body = load_body()
    height = sample_heights()[adults]
    female = body.phenotype_SP[adults, body.phenotypes.index("gender")].astype(np.float64)
    wanted = np.exp(-0.5 * ((height - (MEN + female * (WOMEN - MEN))) / SPREAD) ** 2)
    there = np.exp(-0.5 * ((height[:, None] - height) / 0.05) ** 2).sum(axis=1)
    return wanted / there

"""The batch behind loss_expected.json: two pictures, five regions, drawn from a seed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

REGIONS = (
    (10.0, 20.0, 110.0, 220.0),
    (14.0, 26.0, 118.0, 208.0),
    (200.0, 50.0, 260.0, 170.0),
    (33.5, 41.25, 190.75, 300.5),
    (300.0, 10.0, 380.0, 160.0),
)
PEOPLE = (
    (12.0, 18.0, 112.0, 216.0),
    (12.0, 18.0, 112.0, 216.0),
    (205.0, 48.0, 262.0, 168.0),
    (30.0, 40.0, 200.0, 310.0),
    (298.0, 12.0, 384.0, 158.0),
)
WITHOUT_POINTS = 2
CHARTS = 25
SPREAD = {
    "fine_segm": (0.0, 1.0),
    "u": (0.5, 0.4),
    "v": (0.5, 0.4),
    "sigma_2": (0.0, 1.0),
    "kappa_u": (0.0, 0.5),
    "kappa_v": (0.0, 0.5),
}


class LossBatch(NamedTuple):
    """Regions and their people (5, 4), annotations of each person (None: not annotated), and predicted maps."""

    region_54: np.ndarray
    person_54: np.ndarray
    annotations: list[dict[str, np.ndarray] | None]
    maps: dict[str, np.ndarray]


def draw_batch(seed: int, side: int, coarse: int) -> LossBatch:
    """The batch of a seed; `side` and `coarse` are the maps' cells and the coarse channels."""
    rng = np.random.default_rng(seed)
    annotations = [None if index == WITHOUT_POINTS else draw_annotation(rng) for index in range(len(REGIONS))]
    maps = {"coarse_segm": rng.standard_normal((len(REGIONS), coarse, side, side))}
    for name, (mean, deviation) in SPREAD.items():
        maps[name] = mean + deviation * rng.standard_normal((len(REGIONS), CHARTS, side, side))
    return LossBatch(
        np.array(REGIONS, np.float32),
        np.array(PEOPLE, np.float32),
        annotations,
        {name: value.astype(np.float32) for name, value in maps.items()},
    )


def draw_annotation(rng: np.random.Generator) -> dict[str, Any]:
    """20..89 points anywhere in the box, and 14 rectangles as coarse parts, later ones on top."""
    count = int(rng.integers(20, 90))
    coarse_LL = draw_coarse(rng)
    place = [rng.uniform(0, 255.9, count).astype(np.float32) for _ in range(2)]
    chart = rng.integers(0, CHARTS, count)
    uv = [rng.uniform(0, 1, count).astype(np.float32) for _ in range(2)]
    return {"xy_M2": np.stack(place, 1), "chart_M": chart, "uv_M2": np.stack(uv, 1), "coarse_LL": coarse_LL}


def draw_coarse(rng: np.random.Generator) -> np.ndarray:
    """Coarse labels (256, 256) uint8: 14 rectangles, later ones on top."""
    coarse_LL = np.zeros((256, 256), np.uint8)
    for part in range(1, 15):
        left, top = rng.integers(0, 200, 2)
        width, height = rng.integers(10, 56, 2)
        coarse_LL[top : top + height, left : left + width] = part
    return coarse_LL

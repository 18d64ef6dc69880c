"""Colours and solid patterns of cloth, as functions of the position on the rest body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import F32

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A solid pattern on rest-body coordinates: kind, two colours (RGB, 0..1), direction, size in metres, offset."""

    kind: str
    first_3: F32
    second_3: F32
    direction_3: F32
    size: float
    offset: float


PATTERNS = ("plain", "plain", "stripes", "checks", "blotches", "gradient", "logo", "dots")


def random_color(rng: Rng) -> F32:
    """A random cloth colour: any hue, but half are greys and denim."""
    kind = rng.random()
    if kind < 0.35:
        grey = rng.uniform(0.04, 0.95)
        return np.clip(grey + rng.normal(0, 0.02, 3), 0.02, 0.98).astype(np.float32)
    if kind < 0.5:
        denim = np.array([0.18, 0.25, 0.42]) * rng.uniform(0.5, 1.6) + rng.normal(0, 0.02, 3)
        return np.clip(denim, 0, 1).astype(np.float32)
    hue, saturation, value = rng.uniform(0, 6), rng.uniform(0.2, 0.95), rng.uniform(0.15, 0.95)
    wheel = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return (value * (1 - saturation + saturation * wheel)).astype(np.float32)


def random_pattern(rng: Rng, kinds: tuple[str, ...] = PATTERNS) -> Pattern:
    """A random pattern of one of the kinds; a kind named twice is twice as probable."""
    direction = rng.normal(0, 0.25, 3) + np.eye(3)[rng.choice(3, p=[0.25, 0.65, 0.1])]
    return Pattern(
        kind=str(rng.choice(kinds)), first_3=random_color(rng), second_3=random_color(rng),
        direction_3=(direction / np.linalg.norm(direction)).astype(np.float32),
        size=float(np.exp(rng.uniform(np.log(0.012), np.log(0.12)))), offset=float(rng.uniform(0, 10)),
    )


def pattern_colors(cloth: Pattern, rest_P3: F32) -> F32:
    """Colours (P, 3) of a pattern at positions on the rest body."""
    along = rest_P3 @ cloth.direction_3 / cloth.size + cloth.offset
    if cloth.kind == "stripes":
        share = np.clip(np.sin(along * np.pi) * 4 + 0.5, 0, 1)
    elif cloth.kind == "checks":
        across = rest_P3 @ np.roll(cloth.direction_3, 1) / cloth.size
        share = 0.5 * (np.sin(along * np.pi) > 0) + 0.5 * (np.sin(across * np.pi) > 0)
    elif cloth.kind == "dots":
        waves = np.sin(rest_P3[:, :2] / cloth.size * np.pi + cloth.offset)
        share = np.clip((waves[:, 0] * waves[:, 1] - 0.35) * 8, 0, 1)
    elif cloth.kind == "blotches":
        share = np.clip(_waves(rest_P3 / (cloth.size * 2), cloth.offset) * 2 + 0.5, 0, 1)
    elif cloth.kind == "gradient":
        share = np.clip((rest_P3[:, 1] - 0.4) / 1.0 + 0.1 * np.sin(along), 0, 1)
    elif cloth.kind == "logo":
        share = _logo(cloth, rest_P3)
    elif cloth.kind in FAR_PATTERNS:
        share = FAR_PATTERNS[cloth.kind](rest_P3, cloth.size, cloth.offset)
    else:
        share = 0.12 * _waves(rest_P3 * 40, cloth.offset)
    return cloth.first_3 + share[:, None].astype(np.float32) * (cloth.second_3 - cloth.first_3)


def _logo(cloth: Pattern, rest_P3: F32) -> F32:
    """A disc, ring or bar on the chest."""
    x, y = rest_P3[:, 0], rest_P3[:, 1] - 1.30 + 0.04 * np.sin(cloth.offset)
    radius = 0.04 + 0.5 * cloth.size
    shape = int(cloth.offset) % 3
    distance = np.hypot(x, y) if shape < 2 else np.maximum(np.abs(x), 2.5 * np.abs(y))
    mark = (distance < radius) if shape != 1 else (np.abs(distance - radius) < 0.35 * radius)
    return (mark & (rest_P3[:, 2] > 0.03)).astype(np.float32)


def _waves(point_P3: F32, phase: float) -> F32:
    """Smooth noise in about −1..1: a sum of sines."""
    x, y, z = point_P3.T
    first = np.sin(1.7 * x + 2.3 * y + phase) + np.sin(2.9 * y - 1.3 * z + 2 * phase)
    return (first + np.sin(2.1 * z + 1.9 * x + 3 * phase)) / 3


def cells(rest_P3: F32, size: float, offset: float) -> F32:
    """Voronoi cells, each of its own tone."""
    point = rest_P3 / (2.5 * size)
    corner = np.floor(point)
    best, tone = np.full(len(point), np.inf), np.zeros(len(point))
    for step in np.ndindex(3, 3, 3):
        cell = corner + np.asarray(step) - 1
        code = cell @ np.array([127.1, 311.7, 74.7]) + offset
        point_in_cell = cell + np.mod(np.sin(np.stack([code, code + 17.3, code + 59.1], axis=1)) * 43758.5453, 1)
        apart = ((point - point_in_cell) ** 2).sum(axis=1)
        nearer = apart < best
        best = np.where(nearer, apart, best)
        tone = np.where(nearer, np.mod(np.sin(code) * 9871.23, 1), tone)
    return tone.astype(np.float32)


def zigzag(rest_P3: F32, size: float, offset: float) -> F32:
    """Chevrons around the body."""
    wave = np.abs(np.mod(rest_P3[:, 0] / (3 * size) + offset, 1) - 0.5) * 2
    return (np.mod(rest_P3[:, 1] / (1.5 * size) + wave, 1) < 0.5).astype(np.float32)


def rings(rest_P3: F32, size: float, offset: float) -> F32:
    """Circles around a point of the trunk."""
    center = np.array([0.25 * np.sin(offset), 1.15 + 0.2 * np.cos(2 * offset), 0.1])
    return np.clip(2 * np.sin(np.linalg.norm(rest_P3 - center, axis=1) / size * 2.5) + 0.5, 0, 1).astype(np.float32)


def scales(rest_P3: F32, size: float, offset: float) -> F32:
    """Overlapping discs in rows."""
    row = np.floor(rest_P3[:, 1] / size + offset)
    angle = np.arctan2(rest_P3[:, 0], rest_P3[:, 2] + 0.02) * 0.2 / size + 0.5 * (row % 2)
    across = np.mod(angle, 1) - 0.5
    down = np.mod(rest_P3[:, 1] / size + offset, 1) - 0.5
    return np.clip(1.3 - 1.8 * np.hypot(across, down), 0, 1).astype(np.float32)


def marble(rest_P3: F32, size: float, offset: float) -> F32:
    """Marble: veins bent by slower waves."""
    x, y, z = (rest_P3 / (3 * size)).T
    bent = y + 0.8 * np.sin(1.3 * x + offset) + 0.6 * np.sin(2.1 * z + 1.7 * x) + 0.4 * np.sin(3.7 * y + 2 * z)
    return (np.abs(np.sin(2 * bent)) ** 0.6).astype(np.float32)


FAR_PATTERNS: dict[str, Callable[[F32, float, float], F32]] = {
    "cells": cells,
    "zigzag": zigzag,
    "rings": rings,
    "scales": scales,
    "marble": marble,
}
"""Patterns of the world `far` by name: (rest positions (P, 3), size in metres, offset) → share of the second colour."""

"""Cloth patterns of the world `far`: cells, zigzags, rings, scales and marble."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.arrays import F32


def cells(home_P3: F32, size: float, offset: float) -> F32:
    """Patches around scattered points, each of its own tone."""
    point = home_P3 / (2.5 * size)
    corner = np.floor(point)
    best, tone = np.full(len(point), np.inf), np.zeros(len(point))
    for step in np.ndindex(3, 3, 3):
        cell = corner + np.asarray(step) - 1
        code = cell @ np.array([127.1, 311.7, 74.7]) + offset
        place = cell + np.mod(np.sin(np.stack([code, code + 17.3, code + 59.1], axis=1)) * 43758.5453, 1)
        apart = ((point - place) ** 2).sum(axis=1)
        nearer = apart < best
        best = np.where(nearer, apart, best)
        tone = np.where(nearer, np.mod(np.sin(code) * 9871.23, 1), tone)
    return tone.astype(np.float32)


def zigzag(home_P3: F32, size: float, offset: float) -> F32:
    """Chevrons around the body."""
    wave = np.abs(np.mod(home_P3[:, 0] / (3 * size) + offset, 1) - 0.5) * 2
    return (np.mod(home_P3[:, 1] / (1.5 * size) + wave, 1) < 0.5).astype(np.float32)


def rings(home_P3: F32, size: float, offset: float) -> F32:
    """Circles around a place on the trunk."""
    center = np.array([0.25 * np.sin(offset), 1.15 + 0.2 * np.cos(2 * offset), 0.1])
    return np.clip(2 * np.sin(np.linalg.norm(home_P3 - center, axis=1) / size * 2.5) + 0.5, 0, 1).astype(np.float32)


def scales(home_P3: F32, size: float, offset: float) -> F32:
    """Overlapping discs in rows."""
    row = np.floor(home_P3[:, 1] / size + offset)
    angle = np.arctan2(home_P3[:, 0], home_P3[:, 2] + 0.02) * 0.2 / size + 0.5 * (row % 2)
    across = np.mod(angle, 1) - 0.5
    down = np.mod(home_P3[:, 1] / size + offset, 1) - 0.5
    return np.clip(1.3 - 1.8 * np.hypot(across, down), 0, 1).astype(np.float32)


def marble(home_P3: F32, size: float, offset: float) -> F32:
    """Veins bent by slower waves."""
    x, y, z = (home_P3 / (3 * size)).T
    bent = y + 0.8 * np.sin(1.3 * x + offset) + 0.6 * np.sin(2.1 * z + 1.7 * x) + 0.4 * np.sin(3.7 * y + 2 * z)
    return (np.abs(np.sin(2 * bent)) ** 0.6).astype(np.float32)


FAR_PATTERNS: dict[str, Callable[[F32, float, float], F32]] = {
    "cells": cells, "zigzag": zigzag, "rings": rings, "scales": scales, "marble": marble,
}
"""By name: (home positions (P, 3), size in metres, offset) → share of the second colour (P,)."""

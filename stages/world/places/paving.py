"""Tiles, bricks and boards: two tones with joints between, weathered, as a function of the place on a plane."""

from __future__ import annotations

import numpy as np

from models.arrays import F32

JOINT = 0.008
"""Half the width of the joints between tiles and bricks, metres."""


def paved(grain_GG: F32, x_P: F32, z_P: F32, size: float, colors_33: F32, spread: tuple[F32, F32]) -> F32:
    """Colours (P, 3) at places of a plane (metres).

    Args:
        grain_GG: noise in 0..1 that weathers it, repeated every 6 m.
        size: of a tile, metres.
        colors_33: of two tiles and of a joint, by row.
        spread: metres each way over which joints are averaged.
    """
    column, row = np.floor(x_P / size), np.floor(z_P / size)
    tone = np.mod(np.sin(column * 12.9898 + row * 78.233) * 43758.5453, 1).astype(np.float32)
    first, second, between = colors_33[:, :, None]
    paint_3P = first + tone * (second - first)
    joint = np.maximum(_joint(x_P, size, spread[0]), _joint(z_P, size, spread[1]))
    paint_3P = (1 - joint) * paint_3P + joint * between
    cells = len(grain_GG)
    grain = grain_GG[(z_P / 6 * cells).astype(int) % cells, (x_P / 6 * cells).astype(int) % cells]
    return np.asarray((paint_3P * (0.82 + 0.30 * grain)).T, np.float32)


def _joint(x: F32, size: float, spread: F32) -> F32:
    """Share of a joint, JOINT to either side of every multiple of `size`, in an interval around x."""
    edge = np.abs(x / size - np.rint(x / size)) * size
    wide = np.maximum(spread, np.float32(1e-9))
    return np.clip(np.minimum((JOINT - edge) / wide + 0.5, 2 * JOINT / wide), 0, 1).astype(np.float32)

"""Things in front of a person (balls, bottles, cups, bags, books): painted, shaded shapes, labelled background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, Bool, Float
from stages.world.clothes.patterns import random_color

Rng = np.random.Generator

FINE = 96
"""Subpixels of a patch along each axis, at least: small things get several a pixel, for smooth outlines."""

HALF = 0.26
"""Metres from the middle of a thing to the edge of the patch that it is painted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedThing:
    """A painted patch with its upper left pixel at (row, column): opacity (h, w) in 0..1 and colours (h, w, 3)."""

    row: int
    column: int
    alpha_hw: F32
    color_hw3: F32

    def over(self, image_HW3: F32) -> tuple[slice, slice]:
        """Paint it onto an image, in place; returns the rows and columns of the patch that lie in the image."""
        height, width = image_HW3.shape[:2]
        h, w = self.alpha_hw.shape
        rows = slice(*np.clip([self.row, self.row + h], 0, height).tolist())
        columns = slice(*np.clip([self.column, self.column + w], 0, width).tolist())
        alpha, color = (self.inside(one, rows, columns) for one in (self.alpha_hw, self.color_hw3))
        image_HW3[rows, columns] += alpha[..., None] * (color - image_HW3[rows, columns])
        return rows, columns

    def inside(self, patch: F32, rows: slice, columns: slice) -> F32:
        """The part of a patch's array that lies at these rows and columns of the image."""
        return patch[
            rows.start - self.row : rows.stop - self.row, columns.start - self.column : columns.stop - self.column
        ]


def random_thing(rng: Rng, column: float, row: float, pixels: float) -> PaintedThing:
    """A random thing whose middle is at a pixel; `pixels` are those of a metre there."""
    half = int(np.clip(np.ceil(HALF * pixels), 2, 200))
    y0, x0 = round(row) - half, round(column) - half
    fine = max(1, -(-FINE // (2 * half)))
    place = (np.arange(2 * half * fine, dtype=np.float32) + np.float32(0.5)) / np.float32(fine)
    right, down = ((place + x0 - column) / pixels)[None], ((place + y0 - row) / pixels)[:, None]
    turn = float(rng.normal(0, 0.35)) if rng.random() < 0.7 else float(rng.uniform(-np.pi, np.pi))
    across, along = right * np.cos(turn) + down * np.sin(turn), down * np.cos(turn) - right * np.sin(turn)
    shape, light = THINGS[rng.integers(len(THINGS))](rng, across, along)
    color: Float = np.broadcast_to(random_color(rng), (*shape.shape, 3))
    if rng.random() < 0.5:
        slope, size, phase = float(rng.normal(0, 0.5)), float(rng.uniform(0.015, 0.08)), float(rng.uniform(0, 6))
        banded = np.sin((along + slope * across) * (np.pi / size) + phase) > 0
        color = np.where(banded[..., None], random_color(rng), color)
    color = color * (light * shape)[..., None]
    small = (2 * half, 2 * half)
    alpha = cv2.resize(shape.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    shown = cv2.resize(color.astype(np.float32), small, interpolation=cv2.INTER_AREA)
    return PaintedThing(
        row=y0, column=x0, alpha_hw=alpha.astype(np.float32),
        color_hw3=(shown / np.maximum(alpha, 1e-3)[..., None]).clip(0, 1).astype(np.float32),
    )


def _round_light(across: F32, half: float) -> Float:
    """Light on an upright cylinder of some radius (metres): darker toward its sides."""
    return np.asarray(0.45 + 0.6 * np.sqrt(np.clip(1 - (across / half - 0.2) ** 2, 0, 1)), np.float64)


def _ball(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half = float(rng.uniform(0.035, 0.15))
    apart = np.hypot(across, along) / half
    high = np.sqrt(np.clip(1 - apart**2, 0, 1))
    light = 0.35 + 0.5 * np.clip(0.6 * high - 0.35 * across / half - 0.6 * along / half, 0, 1.2)
    return apart < 1, light


def _bottle(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half, high = float(rng.uniform(0.028, 0.045)), float(rng.uniform(0.09, 0.13))
    neck = np.clip((along + 0.55 * high) / (0.25 * high), 0, 1)
    wide = half * (0.35 + 0.65 * neck)
    return (np.abs(across) < wide) & (np.abs(along) < high), _round_light(across, half)


def _cup(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half, high = float(rng.uniform(0.03, 0.05)), float(rng.uniform(0.04, 0.08))
    wide = half * (1 - float(rng.uniform(0, 0.3)) * (along / high + 1) / 2)
    body = (np.abs(across) < wide) & (np.abs(along) < high)
    ring = np.abs(np.hypot((across - half), along) - 0.6 * high) < 0.012
    return body | (ring & (across > 0.8 * half) & (rng.random() < 0.6)), _round_light(across, 1.4 * half)


def _bag(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half, high = float(rng.uniform(0.08, 0.18)), float(rng.uniform(0.07, 0.14))
    low = along - 0.06
    body = (np.abs(across / half) ** 5 + np.abs(low / high) ** 5) < 1
    strap = np.abs(np.hypot(across / 0.6, (low + high) * 0.8) - 0.5 * half) < 0.012
    return body | (strap & (low < -0.9 * high)), 0.75 + 0.25 * np.cos(3 * across / half + 2 * along / high)


def _flat(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half, high = float(rng.uniform(0.035, 0.2)), float(rng.uniform(0.05, 0.2))
    return (np.abs(across) < half) & (np.abs(along) < high), 0.85 + 0.15 * np.tanh(4 * across / half)


def _racket(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half, high = float(rng.uniform(0.06, 0.11)), float(rng.uniform(0.07, 0.13))
    head = ((across / half) ** 2 + ((along + 0.1) / high) ** 2) < 1
    grip = (np.abs(across) < 0.014) & (along > -0.1) & (along < 0.22)
    return head | grip, np.full_like(across, 0.9)


def _stick(rng: Rng, across: F32, along: F32) -> tuple[Bool, Float]:
    half = float(rng.uniform(0.008, 0.03))
    return (np.abs(across) < half) & (np.abs(along) < 0.25), _round_light(across, half)


THINGS: tuple[Callable[[Rng, F32, F32], tuple[Bool, Float]], ...] = (
    _ball,
    _ball,
    _bottle,
    _cup,
    _bag,
    _flat,
    _racket,
    _stick,
)
"""Each takes positions across and along the thing (metres; along points down) and returns its shape and its light."""

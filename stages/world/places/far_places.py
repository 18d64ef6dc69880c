"""Backgrounds of the world `far`: mountains, woods, corridors and textures with the spectrum of natural pictures."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.arrays import F32

Rng = np.random.Generator


def tint(rng: Rng) -> F32:
    """A colour by lightness and two opponent axes: duller than `wardrobe.color`'s."""
    lightness, warm, green = rng.beta(1.6, 1.6), rng.normal(0, 0.11), rng.normal(0, 0.09)
    return np.clip([lightness + warm, lightness + green, lightness - warm - 0.3 * green], 0.02, 0.98).astype(np.float32)


def spectrum(rng: Rng, height: int, width: int) -> F32:
    """Noise whose amplitude falls as a power of the frequency, in correlated colours."""
    down, across = np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None] * width
    weight = 1 / np.maximum(np.hypot(down, across), 1) ** rng.uniform(0.9, 1.7)
    layers = []
    for _ in range(3):
        wave = np.fft.irfft2(weight * np.exp(2j * np.pi * rng.random(weight.shape)), s=(height, width))
        layers.append(wave / (wave.std() + 1e-9))
    shared = layers[0][..., None] * rng.normal(0.16, 0.05)
    own = np.stack(layers, axis=-1) * rng.uniform(0.01, 0.07)
    return (tint(rng) + shared + own).astype(np.float32)


def ridges(rng: Rng, height: int, width: int) -> F32:
    """Mountain after mountain, paler with distance."""
    sky, haze, near = tint(rng) * 0.4 + 0.6, tint(rng) * 0.3 + 0.6, tint(rng) * 0.6
    picture = np.tile(sky, (height, width, 1)).astype(np.float32)
    rows, count = np.arange(height)[:, None], int(rng.integers(3, 7))
    for k in range(count):
        line = np.interp(np.arange(width), np.linspace(0, width, 12 + 9 * k), rng.normal(0, 1, 12 + 9 * k))
        top = height * (0.15 + 0.6 * k / count) + line * height * 0.07
        share = (k + 1) / count
        picture[rows >= top] = haze + share * (near - haze) + rng.normal(0, 0.02, 3)
    return picture * (1 + 0.08 * spectrum(rng, height, width)).astype(np.float32)


def trunks(rng: Rng, height: int, width: int) -> F32:
    """A wood: stems that taper, thinner and paler behind, leaves above and below."""
    picture = 0.5 * spectrum(rng, height, width) + 0.5 * (tint(rng) * 0.5 + 0.3)
    bark, air = tint(rng) * 0.5, tint(rng) * 0.4 + 0.5
    for depth in np.sort(rng.uniform(0.05, 1, int(rng.integers(8, 26)))):
        x, wide = float(rng.uniform(0, width)), float(depth * width * rng.uniform(0.02, 0.07))
        lean, foot = float(rng.normal(0, 0.05)) * height, height * (0.55 + 0.45 * depth)
        corners = np.array([[x - wide, foot], [x + wide, foot], [x + lean + 0.6 * wide, 0], [x + lean - 0.6 * wide, 0]])
        shade = (air + depth * (bark - air)) * rng.uniform(0.85, 1.15)
        cv2.fillPoly(picture, [corners.astype(np.int32)], [float(c) for c in shade], cv2.LINE_AA)
    return picture


def corridor(rng: Rng, height: int, width: int) -> F32:
    """A tunnel of rectangles toward a vanishing point, panels on every side."""
    column, row = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    x, y = column - rng.uniform(-0.4, 0.4), row - rng.uniform(-0.3, 0.3)
    wide, high = rng.uniform(0.5, 1.2), rng.uniform(0.5, 1.0)
    near = np.maximum(np.abs(x) / wide, np.abs(y) / high) + 1e-3
    depth = 1 / near
    side = np.where(np.abs(x) / wide > np.abs(y) / high, 0, np.where(y > 0, 1, 2))
    picture = np.stack([tint(rng), tint(rng), tint(rng) * 0.3 + 0.65])[side]
    panel = np.mod(depth * rng.uniform(1.5, 5), 1) < rng.uniform(0.05, 0.5)
    picture = np.where(panel[..., None], picture * rng.uniform(0.6, 0.95), picture)
    return (picture * np.clip(0.35 + 0.65 * near, 0, 1)[..., None]).astype(np.float32)


FAR_PLACES: dict[str, Callable[[Rng, int, int], F32]] = {
    "spectrum": spectrum, "ridges": ridges, "trunks": trunks, "corridor": corridor,
}
"""By name: (rng, height, width) → (H, W, 3) in about 0..1."""

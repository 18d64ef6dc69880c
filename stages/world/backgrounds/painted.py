"""Painted backgrounds: procedural images without depth; `FAR_BACKGROUNDS` are those of the world `far`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32
from stages.world.clothes.patterns import random_color

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A background image in 0..1 and its depth in metres; infinite where it has none."""

    image_HW3: F32
    depth_HW: F32


def without_depth(image_HW3: F32) -> Background:
    """A background image without depth."""
    return Background(image_HW3=image_HW3, depth_HW=np.full(image_HW3.shape[:2], np.inf, np.float32))


def noise(rng: Rng, height: int, width: int, *, coarsest: int = 3, octaves: int = 4) -> F32:
    """Smooth noise in 0..1, (H, W): a sum of enlarged random grids of growing resolution."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        grid = rng.random((cells, max(2, cells * width // height)), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def clouds(rng: Rng, height: int, width: int) -> F32:
    """Two to three colours mixed by noise."""
    image = _mixed(random_color(rng), random_color(rng), noise(rng, height, width, coarsest=int(rng.integers(2, 6))))
    if rng.random() < 0.5:
        share = noise(rng, height, width, coarsest=int(rng.integers(4, 16)), octaves=3)
        image = image + (np.clip(share * 4 - 2.4, 0, 1)[..., None]) * (random_color(rng) - image)
    return image


def _mixed(first_3: F32, second_3: F32, share_HW: F32) -> F32:
    return first_3 + share_HW[..., None] * (second_3 - first_3)


def room(rng: Rng, height: int, width: int) -> F32:
    """A wall, a floor with boards or tiles, and furniture-like shapes."""
    horizon = int(height * rng.uniform(0.3, 0.8))
    image = np.empty((height, width, 3), np.float32)
    grain = noise(rng, height, width, coarsest=4)
    wall, floor = random_color(rng), random_color(rng)
    image[:horizon] = _mixed(wall, wall * rng.uniform(0.6, 1.0), grain[:horizon])
    image[horizon:] = _mixed(floor, floor * rng.uniform(0.5, 1.0), grain[horizon:])
    if rng.random() < 0.6 and horizon < height - 4:
        depth = 1 / np.linspace(0.08, 1, height - horizon, dtype=np.float32)[:, None]
        across = (np.arange(width, dtype=np.float32)[None] / width - rng.random()) * depth * rng.uniform(4, 14)
        along = depth * rng.uniform(3, 10)
        crossed = (np.abs(np.mod(along, 1) - 0.5) > 0.47) & (rng.random() < 0.6)
        line = (np.abs(np.mod(across, 1) - 0.5) > 0.46) | crossed
        image[horizon:] *= np.where(line, 0.7, 1.0)[..., None]
    return _clutter(rng, image, int(rng.integers(2, 10)), base=horizon)


def street(rng: Rng, height: int, width: int) -> F32:
    """Sky above ground with blocks along the horizon."""
    horizon = int(height * rng.uniform(0.35, 0.65))
    image = np.empty((height, width, 3), np.float32)
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    sky = np.array([0.55, 0.7, 0.9], np.float32) * rng.uniform(0.5, 1.15)
    image[:] = _mixed(sky, np.ones(3, np.float32) * 0.9, fade)
    ground = random_color(rng)
    share = noise(rng, height, width, coarsest=8)
    image[horizon:] = _mixed(ground * 0.7, ground, share[horizon:])
    return _clutter(rng, image, int(rng.integers(4, 16)), base=horizon)


def _clutter(rng: Rng, image: F32, count: int, *, base: int) -> F32:
    """Boxes, discs and poles, lit from one side."""
    height, width = image.shape[:2]
    for _ in range(count):
        x, tint = int(rng.integers(-20, width)), random_color(rng)
        w, h = int(width * rng.uniform(0.02, 0.35)), int(height * rng.uniform(0.05, 0.6))
        foot = base + int(rng.normal(0.04, 0.1) * height)
        shape = rng.integers(4)
        if shape <= 1:
            cv2.rectangle(image, (x, foot - h), (x + w, foot), tint.tolist(), -1)
            cv2.rectangle(image, (x + w // 2, foot - h), (x + w, foot), (tint * 0.8).tolist(), -1)
            if rng.random() < 0.5 and w > 12:
                for line in range(foot - h + 4, foot, max(4, h // 6)):
                    cv2.line(image, (x, line), (x + w, line), (tint * 0.6).tolist(), 1)
        elif shape == 2:
            axes, tilt = (max(2, w // 2), max(2, h // 3)), float(rng.uniform(0, 180))
            cv2.ellipse(image, (x, foot - h // 2), axes, tilt, 0, 360, tint.tolist(), -1)
        else:
            end = (x + int(rng.normal(0, 15)), foot + h // 3)
            cv2.line(image, (x, foot - h), end, tint.tolist(), max(1, w // 10))
    return image


def clutter(rng: Rng, height: int, width: int) -> F32:
    """Many overlapping shapes on noise: hard edges at every scale, limbs included."""
    image = clouds(rng, height, width)
    for _ in range(int(rng.integers(10, 45))):
        corners = rng.normal(0, rng.uniform(6, 60), (int(rng.integers(3, 7)), 2))
        points = [(rng.uniform(-0.1, 1.1, 2) * [width, height] + corners).astype(np.int32)]
        tint = random_color(rng)
        if rng.random() < 0.35:
            cv2.polylines(image, points, False, tint.tolist(), int(rng.integers(1, 14)), cv2.LINE_AA)
        else:
            cv2.fillPoly(image, points, tint.tolist(), cv2.LINE_AA)
    return image


PAINTED_BACKGROUNDS: dict[str, Callable[[Rng, int, int], F32]] = {
    "clouds": clouds,
    "room": room,
    "street": street,
    "clutter": clutter,
}
"""Procedural backgrounds by name: (rng, height, width) → (H, W, 3) in 0..1."""


def far_color(rng: Rng) -> F32:
    """A random colour by lightness and two opponent axes; duller than `random_color`."""
    lightness, warm, green = rng.beta(1.6, 1.6), rng.normal(0, 0.11), rng.normal(0, 0.09)
    return np.clip([lightness + warm, lightness + green, lightness - warm - 0.3 * green], 0.02, 0.98).astype(np.float32)


def spectrum(rng: Rng, height: int, width: int) -> F32:
    """Noise whose amplitude falls with a power of the frequency, as in natural images; correlated colours."""
    down, across = np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None] * width
    weight = 1 / np.maximum(np.hypot(down, across), 1) ** rng.uniform(0.9, 1.7)
    layers = []
    for _ in range(3):
        wave = np.fft.irfft2(weight * np.exp(2j * np.pi * rng.random(weight.shape)), s=(height, width))
        layers.append(wave / (wave.std() + 1e-9))
    shared = layers[0][..., None] * rng.normal(0.16, 0.05)
    own = np.stack(layers, axis=-1) * rng.uniform(0.01, 0.07)
    return (far_color(rng) + shared + own).astype(np.float32)


def ridges(rng: Rng, height: int, width: int) -> F32:
    """Ridges of mountains, paler with distance."""
    sky, haze, near = far_color(rng) * 0.4 + 0.6, far_color(rng) * 0.3 + 0.6, far_color(rng) * 0.6
    image = np.tile(sky, (height, width, 1)).astype(np.float32)
    rows, count = np.arange(height)[:, None], int(rng.integers(3, 7))
    for k in range(count):
        line = np.interp(np.arange(width), np.linspace(0, width, 12 + 9 * k), rng.normal(0, 1, 12 + 9 * k))
        top = height * (0.15 + 0.6 * k / count) + line * height * 0.07
        share = (k + 1) / count
        image[rows >= top] = haze + share * (near - haze) + rng.normal(0, 0.02, 3)
    return image * (1 + 0.08 * spectrum(rng, height, width)).astype(np.float32)


def trunks(rng: Rng, height: int, width: int) -> F32:
    """A wood: tapered trunks, thinner and paler in the distance, on noise."""
    image = 0.5 * spectrum(rng, height, width) + 0.5 * (far_color(rng) * 0.5 + 0.3)
    bark, air = far_color(rng) * 0.5, far_color(rng) * 0.4 + 0.5
    for depth in np.sort(rng.uniform(0.05, 1, int(rng.integers(8, 26)))):
        x, wide = float(rng.uniform(0, width)), float(depth * width * rng.uniform(0.02, 0.07))
        lean, foot = float(rng.normal(0, 0.05)) * height, height * (0.55 + 0.45 * depth)
        corners = np.array([[x - wide, foot], [x + wide, foot], [x + lean + 0.6 * wide, 0], [x + lean - 0.6 * wide, 0]])
        shade = (air + depth * (bark - air)) * rng.uniform(0.85, 1.15)
        cv2.fillPoly(image, [corners.astype(np.int32)], [float(c) for c in shade], cv2.LINE_AA)
    return image


def corridor(rng: Rng, height: int, width: int) -> F32:
    """A corridor of rectangles toward a vanishing point, with panels."""
    column, row = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    x, y = column - rng.uniform(-0.4, 0.4), row - rng.uniform(-0.3, 0.3)
    wide, high = rng.uniform(0.5, 1.2), rng.uniform(0.5, 1.0)
    near = np.maximum(np.abs(x) / wide, np.abs(y) / high) + 1e-3
    depth = 1 / near
    side = np.where(np.abs(x) / wide > np.abs(y) / high, 0, np.where(y > 0, 1, 2))
    image = np.stack([far_color(rng), far_color(rng), far_color(rng) * 0.3 + 0.65])[side]
    panel = np.mod(depth * rng.uniform(1.5, 5), 1) < rng.uniform(0.05, 0.5)
    image = np.where(panel[..., None], image * rng.uniform(0.6, 0.95), image)
    return (image * np.clip(0.35 + 0.65 * near, 0, 1)[..., None]).astype(np.float32)


FAR_BACKGROUNDS: dict[str, Callable[[Rng, int, int], F32]] = {
    "spectrum": spectrum,
    "ridges": ridges,
    "trunks": trunks,
    "corridor": corridor,
}
"""Backgrounds of the world `far` by name: (rng, height, width) → (H, W, 3) in about 0..1."""

"""Image corruptions of the stress tests: night, rain, motion blur, defocus.

They are applied after rendering and before the camera's effects.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.arrays import F32

Rng = np.random.Generator


def night(lasting: Rng, passing: Rng, picture_HW3: F32) -> F32:
    """A twelfth to a quarter of the light, bluish, with the noise of a sensor that was turned up for it."""
    dim = picture_HW3 * np.float32(lasting.uniform(0.08, 0.25)) * np.array([0.85, 0.95, 1.15], np.float32)
    count = 1 / lasting.uniform(0.0015, 0.006)
    noisy = passing.poisson(np.clip(dim, 0, 1) * count) / count
    return (noisy * lasting.uniform(1.0, 2.2)).astype(np.float32)


def rain(lasting: Rng, passing: Rng, picture_HW3: F32) -> F32:
    """Haze, and streaks that fall at one slant."""
    height, width = picture_HW3.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    slant, drops = float(lasting.normal(0, 0.2)), int(lasting.uniform(0.002, 0.006) * height * width)
    for x, y, length in zip(passing.uniform(0, width, drops), passing.uniform(-20, height, drops),
                            passing.uniform(0.03, 0.13, drops) * height, strict=True):
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, float(passing.uniform(0.15, 0.6)), 1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(streaks, (0, 0), 0.6)[..., None]
    haze = np.float32(lasting.uniform(0.1, 0.4))
    grey = picture_HW3 * (1 - haze) + haze * np.float32(0.6)
    return np.asarray(grey * (1 - soft) + 0.85 * soft, np.float32)


def shaken(lasting: Rng, passing: Rng, picture_HW3: F32) -> F32:
    """The camera moved while it looked: a straight streak of 3 to 9 % of the picture's height."""
    length = passing.uniform(0.03, 0.09) * picture_HW3.shape[0]
    angle, side = float(passing.uniform(0, np.pi)), int(length) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = np.rint(side // 2 - reach).astype(int), np.rint(side // 2 + reach).astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(picture_HW3, -1, kernel / kernel.sum()), np.float32)


def unfocused(lasting: Rng, passing: Rng, picture_HW3: F32) -> F32:
    """A disc of 0.8 to 2.5 % of the picture's height for every point."""
    radius = float(lasting.uniform(0.008, 0.025)) * picture_HW3.shape[0]
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(cv2.filter2D(picture_HW3, -1, disc / disc.sum()), np.float32)


WEATHER: dict[str, Callable[[Rng, Rng, F32], F32]] = {
    "night": night, "rain": rain, "shaken": shaken, "unfocused": unfocused,
}
"""By name: (what lasts as long as the clip, what passes with each frame, (H, W, 3) in about 0..1) → the same; of a
single picture both are the same random numbers."""

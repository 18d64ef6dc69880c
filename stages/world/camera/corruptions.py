"""Image corruptions of the stress tests: night, rain, motion blur, defocus.

They are applied after rendering and before the camera's effects.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.arrays import F32

Rng = np.random.Generator


def night(clip_rng: Rng, frame_rng: Rng, image_HW3: F32) -> F32:
    """Low light: a twelfth to a quarter of the light, bluish, with photon noise."""
    dim = image_HW3 * np.float32(clip_rng.uniform(0.08, 0.25)) * np.array([0.85, 0.95, 1.15], np.float32)
    count = 1 / clip_rng.uniform(0.0015, 0.006)
    noisy = frame_rng.poisson(np.clip(dim, 0, 1) * count) / count
    return (noisy * clip_rng.uniform(1.0, 2.2)).astype(np.float32)


def rain(clip_rng: Rng, frame_rng: Rng, image_HW3: F32) -> F32:
    """Haze, and streaks of rain that all have one slant."""
    height, width = image_HW3.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    slant, drops = float(clip_rng.normal(0, 0.2)), int(clip_rng.uniform(0.002, 0.006) * height * width)
    for x, y, length in zip(
        frame_rng.uniform(0, width, drops), frame_rng.uniform(-20, height, drops),
        frame_rng.uniform(0.03, 0.13, drops) * height, strict=True,
    ):
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, float(frame_rng.uniform(0.15, 0.6)), 1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(streaks, (0, 0), 0.6)[..., None]
    haze = np.float32(clip_rng.uniform(0.1, 0.4))
    grey = image_HW3 * (1 - haze) + haze * np.float32(0.6)
    return np.asarray(grey * (1 - soft) + 0.85 * soft, np.float32)


def motion_blur(clip_rng: Rng, frame_rng: Rng, image_HW3: F32) -> F32:
    """Motion blur of a moving camera: a straight streak of 3 to 9 % of the image's height."""
    length = frame_rng.uniform(0.03, 0.09) * image_HW3.shape[0]
    angle, side = float(frame_rng.uniform(0, np.pi)), int(length) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = np.rint(side // 2 - reach).astype(int), np.rint(side // 2 + reach).astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(image_HW3, -1, kernel / kernel.sum()), np.float32)


def defocus(clip_rng: Rng, frame_rng: Rng, image_HW3: F32) -> F32:
    """Defocus: every point becomes a disc with a radius of 0.8 to 2.5 % of the image's height."""
    radius = float(clip_rng.uniform(0.008, 0.025)) * image_HW3.shape[0]
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return np.asarray(cv2.filter2D(image_HW3, -1, disc / disc.sum()), np.float32)


CORRUPTIONS: dict[str, Callable[[Rng, Rng, F32], F32]] = {
    "night": night,
    "rain": rain,
    "motion_blur": motion_blur,
    "unfocused": defocus,
}
"""By name: (clip generator, frame generator, (H, W, 3) in about 0..1) → the corrupted image.

The first generator draws what stays constant through a clip, the second what changes with each frame. For a single
image both are the same generator. The names are part of random seeds.
"""

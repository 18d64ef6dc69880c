"""Photometric augmentation: brightness, contrast, saturation, blur, noise, compression."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8
from stages.world.camera.camera_effects import through_codec

_GRAIN = np.random.default_rng(1).normal(0, 1, (512, 1024, 3)).astype(np.float32)


def recolour(rgb_HW3: U8, random: np.random.Generator) -> U8:
    """Random gain, gamma and offset per channel, and saturation (grey one time in twelve)."""
    level = np.arange(256, dtype=np.float32) / 255
    gain = np.exp(random.normal(0, 0.15) + random.normal(0, 0.05, 3))
    gamma = np.exp(random.normal(0, 0.2))
    table = (level[:, None] ** gamma * gain + random.normal(0, 0.05)) * 255
    rgb_HW3 = np.asarray(cv2.LUT(rgb_HW3, np.clip(table, 0, 255).astype(np.uint8)[:, None]), np.uint8)
    saturation = 0.0 if random.random() < 1 / 12 else float(np.exp(random.normal(0, 0.25)))
    grey = cv2.cvtColor(cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(rgb_HW3, saturation, grey, 1 - saturation, 0), np.uint8)


def degrade(rgb_HW3: U8, random: np.random.Generator) -> U8:
    """Sometimes blur, sensor noise, and JPEG compression."""
    height, width = rgb_HW3.shape[:2]
    if random.random() < 0.15:
        rgb_HW3 = np.asarray(cv2.GaussianBlur(rgb_HW3, (0, 0), random.uniform(0.4, 1.6)), np.uint8)
    if random.random() < 0.2:
        y, x = random.integers(0, max(512 - height, 1)), random.integers(0, max(1024 - width, 1))
        rows, columns = range(y, y + height), range(x, x + width)
        grain = _GRAIN.take(rows, 0, mode="wrap").take(columns, 1, mode="wrap") * random.uniform(2, 12)
        rgb_HW3 = np.clip(rgb_HW3 + grain, 0, 255).astype(np.uint8)
    if random.random() < 0.25:
        rgb_HW3 = through_codec(rgb_HW3, ".jpg", int(random.integers(25, 90)))
    return rgb_HW3

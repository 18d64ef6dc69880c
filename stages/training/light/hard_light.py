"""Augmentation of training crops that makes limbs hard to see: motion blur, and little light."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8
from stages.training.data.backgrounds import over
from stages.training.light.mixes import CropMix

LIMBS = (tuple(range(5, 15)), (3, 4, *range(15, 23)))
"""Charts of legs and feet, and of arms and hands."""
LENGTH = (0.03, 0.16)
"""Length of the blur, as a share of the crop's side."""
DARKNESS, GAMMA = (0.15, 0.6), (1.0, 2.0)
"""Gain and gamma of a crop in little light."""


def hard_light(rgb_CC3: U8, label_GG: U8, random: np.random.Generator, mix: CropMix) -> U8:
    """The crop, at times with blurred limbs, at times dark; charts are labelled on half of its pixels."""
    if mix.blurred_limbs and random.random() < mix.blurred_limbs:
        rgb_CC3 = blurred_limbs(rgb_CC3, label_GG, random)
    if mix.dark and random.random() < mix.dark:
        rgb_CC3 = dark(rgb_CC3, random)
    return rgb_CC3


def blurred_limbs(rgb_CC3: U8, label_GG: U8, random: np.random.Generator) -> U8:
    """The crop with its legs or its arms blurred along a direction, and what is as near to them as the blur is long."""
    side = len(rgb_CC3)
    limb_GG = np.isin(label_GG, LIMBS[int(random.integers(2))]).astype(np.uint8) * 255
    length = max(round(random.uniform(*LENGTH) * side), 3)
    kernel = motion_kernel(length, random.uniform(0, np.pi))
    near_CC = cv2.resize(cv2.dilate(limb_GG, np.ones((length // 2 + 1,) * 2, np.uint8)), (side, side))
    soft_CC = np.maximum(cv2.GaussianBlur(near_CC, (0, 0), length / 4), 127)
    return over(np.asarray(cv2.filter2D(rgb_CC3, -1, kernel), np.uint8), soft_CC, rgb_CC3)


def motion_kernel(length: int, angle: float) -> np.ndarray:
    """A line of this length in pixels at an angle, its weights summing to 1."""
    side = length | 1
    kernel = np.zeros((side, side), np.float32)
    half = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
    low, high = ((side // 2 + sign * half) * 16 for sign in (-1, 1))
    cv2.line(kernel, low.round().astype(int).tolist(), high.round().astype(int).tolist(), 1.0, 1, cv2.LINE_8, 4)
    return kernel / kernel.sum()


def dark(rgb_CC3: U8, random: np.random.Generator) -> U8:
    """The crop in little light: dark clothes come near to dark floors, and lose their edges to the rounding."""
    level = np.arange(256) / 255
    table = 255 * random.uniform(*DARKNESS) * level ** random.uniform(*GAMMA)
    return np.asarray(cv2.LUT(rgb_CC3, table.round().astype(np.uint8)), np.uint8)

"""What a camera does to a picture: blur, noise, colour cast, compression."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from stages.world.camera.still_codecs import through_codec

Rng = np.random.Generator


def photograph(rng: Rng, picture_HW3: F32) -> U8:
    """Linear-looking 0..1 colours → an 8-bit picture with a random camera's faults."""
    picture = _blurred(rng, picture_HW3)
    gain, lift = rng.uniform(0.75, 1.25), rng.normal(0, 0.04)
    picture = (picture - 0.5) * np.float32(gain) + np.float32(0.5 + lift)
    picture *= (1 + rng.normal(0, 0.05, 3)).astype(np.float32)
    if rng.random() < 0.15:
        grey = picture.mean(axis=2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(rng.uniform(0, 0.6))
    grain = rng.uniform(0, 0.035) if rng.random() < 0.7 else 0.0
    if grain > 0.002:
        picture = picture + rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(grain)
    rgb = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return through_codec(rgb, ".jpg", int(rng.integers(25, 92))) if rng.random() < 0.5 else rgb


def _blurred(rng: Rng, picture: F32) -> F32:
    """At least the softness that hides the renderer's stair-steps; sometimes defocus, motion or a low resolution."""
    kind = rng.random()
    if kind < 0.75:
        return _f32(cv2.GaussianBlur(picture, (3, 3), float(rng.uniform(0.45, 0.8))))
    if kind < 0.87:
        return _f32(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.8, 2.0))))
    if kind < 0.93:
        height, width = picture.shape[:2]
        share = rng.uniform(0.4, 0.8)
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        return _f32(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    length, angle = float(rng.uniform(3, 9)), float(rng.uniform(0, np.pi))
    kernel = np.zeros((11, 11), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = np.rint(5 - reach).astype(int), np.rint(5 + reach).astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1)
    return _f32(cv2.filter2D(picture, -1, kernel / kernel.sum()))


def _f32(picture: npt.ArrayLike) -> F32:
    """OpenCV keeps float32; its type stubs do not say so."""
    return np.asarray(picture, np.float32)

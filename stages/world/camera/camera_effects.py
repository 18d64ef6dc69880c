"""What a camera does to an image: blur, noise, colour cast, compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8

_QUALITY = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}


def through_codec(rgb_HW3: U8, kind: Literal[".jpg", ".webp"], quality: int) -> U8:
    """A picture written with losses and read again, with as many pixels; `quality`: 0 to 100, as OpenCV counts it."""
    _, data = cv2.imencode(kind, rgb_HW3, [_QUALITY[kind], quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """Contrast, brightness and tint of the picture (0..1), spread of the grain, blur in pixels, JPEG quality."""

    gain: float
    lift: float
    tint_3: F32
    grain: float
    blur: float
    quality: int


def random_film(rng: Rng) -> Film:
    """An ordinary camera."""
    return Film(
        gain=float(rng.uniform(0.8, 1.2)), lift=float(rng.normal(0, 0.03)),
        tint_3=(1 + rng.normal(0, 0.04, 3)).astype(np.float32), grain=float(rng.uniform(0, 0.02)),
        blur=float(rng.uniform(0.3, 0.8)), quality=int(rng.integers(50, 96)),
    )


def develop(film: Film, rng: Rng, picture_HW3: F32) -> U8:
    """A picture in 0..1 as this camera stores it; `rng` makes the grain."""
    soft = np.asarray(cv2.GaussianBlur(picture_HW3, (0, 0), film.blur), np.float32)
    toned = ((soft - 0.5) * np.float32(film.gain) + np.float32(0.5 + film.lift)) * film.tint_3
    grainy = toned + rng.standard_normal(toned.shape, dtype=np.float32) * np.float32(film.grain)
    rgb = (np.clip(grainy, 0, 1) * 255).astype(np.uint8)
    return through_codec(rgb, ".jpg", film.quality)


def far_photograph(rng: Rng, picture_HW3: F32) -> U8:
    """Colours in about 0..1 → an 8-bit picture. Everything stays where it is to a third of a pixel."""
    height, width = picture_HW3.shape[:2]
    picture = np.asarray(cv2.GaussianBlur(picture_HW3, (0, 0), float(rng.uniform(0.45, 0.9))), np.float32)
    if rng.random() < 0.5:
        way = float(rng.uniform(-0.33, 0.33))
        for channel, sign in ((0, 1.0), (2, -1.0)):
            move = np.array([[1 + sign * way * 2 / width, 0, -sign * way], [0, 1, 0]], np.float32)
            moved = cv2.warpAffine(picture[..., channel], move, (width, height), borderMode=cv2.BORDER_REPLICATE)
            picture[..., channel] = moved
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    picture = picture * (1 - rng.uniform(0, 0.35) * (x**2 + y**2) / 2)[..., None]
    photons = 10 ** rng.uniform(2.2, 4)
    picture = rng.poisson(np.clip(picture, 0, 1.5) * photons) / photons
    picture = np.clip(picture * np.exp(rng.normal(0, 0.2)), 0, 1) ** np.exp(rng.normal(0, 0.15))
    # An S-shaped curve, as cameras draw it.
    strength = rng.uniform(0, 0.7)
    picture = (1 - strength) * picture + strength * picture**2 * (3 - 2 * picture)
    soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
    picture = picture + rng.uniform(0, 0.8) * (picture - soft)
    rgb = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return through_codec(rgb, ".webp", int(rng.integers(35, 96)))

"""Camera effects on an image: blur, noise, colour cast, compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8

Rng = np.random.Generator

_QUALITY = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}


def through_codec(rgb_HW3: U8, kind: Literal[".jpg", ".webp"], quality: int) -> U8:
    """An image after lossy compression by JPEG or WebP; `quality` is 0 to 100, as in OpenCV."""
    _, data = cv2.imencode(kind, rgb_HW3, [_QUALITY[kind], quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def photograph(rng: Rng, image_HW3: F32) -> U8:
    """An image in 0..1 as a random camera takes it, in eight bits."""
    image = _blurred(rng, image_HW3)
    gain, lift = rng.uniform(0.75, 1.25), rng.normal(0, 0.04)
    image = (image - 0.5) * np.float32(gain) + np.float32(0.5 + lift)
    image *= (1 + rng.normal(0, 0.05, 3)).astype(np.float32)
    if rng.random() < 0.15:
        grey = image.mean(axis=2, keepdims=True)
        image = grey + (image - grey) * np.float32(rng.uniform(0, 0.6))
    grain = rng.uniform(0, 0.035) if rng.random() < 0.7 else 0.0
    if grain > 0.002:
        image = image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(grain)
    rgb = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    return through_codec(rgb, ".jpg", int(rng.integers(25, 92))) if rng.random() < 0.5 else rgb


def _blurred(rng: Rng, image: F32) -> F32:
    """A slight blur that hides the renderer's aliasing; sometimes defocus, low resolution or motion blur instead."""
    kind = rng.random()
    if kind < 0.75:
        return _f32(cv2.GaussianBlur(image, (3, 3), float(rng.uniform(0.45, 0.8))))
    if kind < 0.87:
        return _f32(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.8, 2.0))))
    if kind < 0.93:
        height, width = image.shape[:2]
        share = rng.uniform(0.4, 0.8)
        small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        return _f32(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    length, angle = float(rng.uniform(3, 9)), float(rng.uniform(0, np.pi))
    kernel = np.zeros((11, 11), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = np.rint(5 - reach).astype(int), np.rint(5 + reach).astype(int)
    cv2.line(kernel, (int(start[0]), int(start[1])), (int(end[0]), int(end[1])), 1.0, 1)
    return _f32(cv2.filter2D(image, -1, kernel / kernel.sum()))


def _f32(image: npt.ArrayLike) -> F32:
    """Cast the type: OpenCV keeps float32, but its type stubs do not say so."""
    return np.asarray(image, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSensor:
    """The effects of one video camera, constant through a clip.

    Attributes:
        gain: contrast about 0.5.
        lift: brightness offset.
        tint_3: factor per colour channel.
        grain: standard deviation of the noise.
        blur: standard deviation in pixels.
        quality: of JPEG, 0 to 100.
    """

    gain: float
    lift: float
    tint_3: F32
    grain: float
    blur: float
    quality: int


def random_video_sensor(rng: Rng) -> VideoSensor:
    """The effects of an ordinary video camera."""
    return VideoSensor(
        gain=float(rng.uniform(0.8, 1.2)), lift=float(rng.normal(0, 0.03)),
        tint_3=(1 + rng.normal(0, 0.04, 3)).astype(np.float32), grain=float(rng.uniform(0, 0.02)),
        blur=float(rng.uniform(0.3, 0.8)), quality=int(rng.integers(50, 96)),
    )


def capture_frame(sensor: VideoSensor, rng: Rng, image_HW3: F32) -> U8:
    """A frame in 0..1 as the camera records it, in eight bits; `rng` draws the noise."""
    soft = np.asarray(cv2.GaussianBlur(image_HW3, (0, 0), sensor.blur), np.float32)
    toned = ((soft - 0.5) * np.float32(sensor.gain) + np.float32(0.5 + sensor.lift)) * sensor.tint_3
    grainy = toned + rng.standard_normal(toned.shape, dtype=np.float32) * np.float32(sensor.grain)
    rgb = (np.clip(grainy, 0, 1) * 255).astype(np.uint8)
    return through_codec(rgb, ".jpg", sensor.quality)


def far_photograph(rng: Rng, image_HW3: F32) -> U8:
    """An image in about 0..1 as a random camera of the world `far` takes it, in eight bits.

    Vignetting, chromatic aberration, photon noise, a tone curve, sharpening and WebP. Nothing moves by more than a
    third of a pixel.
    """
    height, width = image_HW3.shape[:2]
    image = np.asarray(cv2.GaussianBlur(image_HW3, (0, 0), float(rng.uniform(0.45, 0.9))), np.float32)
    if rng.random() < 0.5:
        fringe = float(rng.uniform(-0.33, 0.33))
        for channel, sign in ((0, 1.0), (2, -1.0)):
            move = np.array([[1 + sign * fringe * 2 / width, 0, -sign * fringe], [0, 1, 0]], np.float32)
            moved = cv2.warpAffine(image[..., channel], move, (width, height), borderMode=cv2.BORDER_REPLICATE)
            image[..., channel] = moved
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    image = image * (1 - rng.uniform(0, 0.35) * (x**2 + y**2) / 2)[..., None]
    photons = 10 ** rng.uniform(2.2, 4)
    image = rng.poisson(np.clip(image, 0, 1.5) * photons) / photons
    image = np.clip(image * np.exp(rng.normal(0, 0.2)), 0, 1) ** np.exp(rng.normal(0, 0.15))
    # The S-shaped tone curve of cameras.
    strength = rng.uniform(0, 0.7)
    image = (1 - strength) * image + strength * image**2 * (3 - 2 * image)
    soft = cv2.GaussianBlur(image, (0, 0), 1.2)
    image = image + rng.uniform(0, 0.8) * (image - soft)
    rgb = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    return through_codec(rgb, ".webp", int(rng.integers(35, 96)))

"""What a camera and codec leave of a crop, at the pixels that the film or picture has: for training samples."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from stages.world.camera.camera_effects import through_codec

U8 = npt.NDArray[Any]
F32 = npt.NDArray[Any]

COMPRESSED = 0.75
"""How often a codec follows the camera."""
CRF = (20, 41)
"""x264's constant rate factors, from hardly visible to what poor streams have."""
QUALITY = (25, 96)
"""Of JPEG and WebP, likewise."""


def filmed(rgb_HW3: U8, random: np.random.Generator) -> U8:
    """A picture (H, W, 3; even sides) by a camera and codec: soft, with photon noise, sharpened, compressed."""
    linear = np.asarray(cv2.GaussianBlur(rgb_HW3, (0, 0), random.uniform(0.3, 0.9)), np.float32) / 255
    sharp = sharpened(curved(with_photons(linear, random), random), random)
    rgb = (np.clip(sharp, 0, 1) * 255).astype(np.uint8)
    return compressed(rgb, random) if random.random() < COMPRESSED else rgb


def compressed(rgb_HW3: U8, random: np.random.Generator) -> U8:
    """A picture (even sides) as films (H.264) or pictures (JPEG, WebP) keep it, each a third of the time."""
    codec = random.integers(3)
    if codec == 0:
        return through_h264(rgb_HW3, int(random.integers(*CRF)))
    return through_codec(rgb_HW3, ".jpg" if codec == 1 else ".webp", int(random.integers(*QUALITY)))


def with_photons(picture_HW3: F32, random: np.random.Generator) -> F32:
    """Noise of light itself: white is some 200 to 10,000 photons, and what is darker is noisier for its brightness."""
    white = 10 ** random.uniform(2.3, 4)
    noise = random.standard_normal(picture_HW3.shape, dtype=np.float32)
    return picture_HW3 + noise * np.sqrt(np.clip(picture_HW3, 0, 1) / np.float32(white))


def curved(picture_HW3: F32, random: np.random.Generator) -> F32:
    """Darks darker, lights lighter, or the other way round."""
    strength = np.float32(random.uniform(-0.3, 0.7))
    picture = np.clip(picture_HW3, 0, 1)
    return (1 - strength) * picture + strength * picture**2 * (3 - 2 * picture)


def sharpened(picture_HW3: F32, random: np.random.Generator) -> F32:
    """Edges as cameras draw them: what a blur takes away is added, up to once."""
    soft = cv2.GaussianBlur(picture_HW3, (0, 0), random.uniform(0.8, 1.6))
    return picture_HW3 + np.float32(random.uniform(0, 1)) * (picture_HW3 - soft)


def through_h264(rgb_HW3: U8, crf: int) -> U8:
    """A picture as the first frame of a film in H.264 shows it, chroma at half the resolution.

    Args:
        rgb_HW3: uint8, sides even.
        crf: x264's constant rate factor, 0 (lossless) to 51.
    """
    height, width = rgb_HW3.shape[:2]
    coder = av.CodecContext.create("libx264", "w")
    coder.width, coder.height, coder.pix_fmt, coder.thread_count = width, height, "yuv420p", 1
    coder.framerate, coder.time_base = Fraction(25), Fraction(1, 25)
    coder.options = {"crf": str(crf), "preset": "ultrafast", "tune": "zerolatency"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb_HW3), "rgb24")
    packets = [*coder.encode(frame), *coder.encode(None)]
    reader = av.CodecContext.create("h264", "r")
    reader.thread_count = 1
    shown = [one for packet in [*packets, None] for one in reader.decode(packet)]
    return shown[0].to_ndarray(format="rgb24")

"""Augmentation of training crops by a camera and a codec: noise, tone curve, sharpening, compression."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np

from models.arrays import U8, Float
from stages.world.camera.camera_effects import through_codec

COMPRESSED = 0.75
"""Share of images that are compressed."""
CRF = (20, 41)
"""x264's constant rate factors, from hardly visible to poor streams; the end is open."""
QUALITY = (25, 96)
"""Qualities of JPEG and WebP; the end is open."""


def video_degraded(rgb_HW3: U8, random: np.random.Generator) -> U8:
    """An image (H, W, 3; even sides) from a camera and a codec: blurred, with photon noise, sharpened, compressed."""
    linear = np.asarray(cv2.GaussianBlur(rgb_HW3, (0, 0), random.uniform(0.3, 0.9)), np.float32) / 255
    sharp = sharpened(curved(with_photons(linear, random), random), random)
    rgb = (np.clip(sharp, 0, 1) * 255).astype(np.uint8)
    return compressed(rgb, random) if random.random() < COMPRESSED else rgb


def compressed(rgb_HW3: U8, random: np.random.Generator) -> U8:
    """An image (even sides) compressed with H.264, JPEG or WebP, each a third of the time."""
    codec = random.integers(3)
    if codec == 0:
        return through_h264(rgb_HW3, int(random.integers(*CRF)))
    return through_codec(rgb_HW3, ".jpg" if codec == 1 else ".webp", int(random.integers(*QUALITY)))


def with_photons(image_HW3: Float, random: np.random.Generator) -> Float:
    """Photon noise: white is 200 to 10,000 photons, so that dark pixels are noisier for their brightness."""
    white = 10 ** random.uniform(2.3, 4)
    noise = random.standard_normal(image_HW3.shape, dtype=np.float32)
    return image_HW3 + noise * np.sqrt(np.clip(image_HW3, 0, 1) / np.float32(white))


def curved(image_HW3: Float, random: np.random.Generator) -> Float:
    """A tone curve that raises or lowers the contrast."""
    strength = np.float32(random.uniform(-0.3, 0.7))
    image = np.clip(image_HW3, 0, 1)
    return (1 - strength) * image + strength * image**2 * (3 - 2 * image)


def sharpened(image_HW3: Float, random: np.random.Generator) -> Float:
    """Sharpening as in cameras (unsharp mask): adds up to once the difference from a blurred copy."""
    soft = cv2.GaussianBlur(image_HW3, (0, 0), random.uniform(0.8, 1.6))
    return image_HW3 + np.float32(random.uniform(0, 1)) * (image_HW3 - soft)


def through_h264(rgb_HW3: U8, crf: int) -> U8:
    """An image as the first frame of a video in H.264, chroma at half the resolution.

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
    return np.asarray(shown[0].to_ndarray(format="rgb24"), np.uint8)

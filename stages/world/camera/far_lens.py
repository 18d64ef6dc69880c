"""The camera of the world `far`: a tone curve, dark corners, colour fringes, photon noise, sharpening, WebP."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import F32, U8
from stages.world.camera.still_codecs import through_codec

Rng = np.random.Generator


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

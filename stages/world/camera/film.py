"""The faults of one camera through a whole clip: they stay, but for the grain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, U8
from stages.world.camera.still_codecs import through_codec

Rng = np.random.Generator


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

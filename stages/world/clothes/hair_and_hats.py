"""Long hair, hair styles, beards and hats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F32, I32
from models.body.open_body import load_body
from stages.world.clothes.attachments import (
    POINTS_AROUND,
    POINTS_DOWN,
    AttachedMesh,
    LabelledFaces,
    labels_of_nearest_skin,
    rigidly_attached,
    superellipsoid,
    tube_faces,
    two_sided,
)
from stages.world.clothes.garments import Garment
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import rest_body

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class LongHair:
    """Long hair: length below the crown and offset from the head (metres), and its pattern."""

    length: float
    volume: float
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> AttachedMesh:
        """The hair on a posed body; it follows the head."""
        return rigidly_attached("head", _long_hair_faces(self.length, self.volume), vertex_V3, self.pattern, 0.3)


def random_long_hair(rng: Rng, hair_3: F32) -> LongHair:
    """Long hair that ends between the neck and below the shoulder blades."""
    cloth = hair_pattern(rng, hair_3)
    return LongHair(
        length=float(rng.choice([0.25, 0.32, 0.4, 0.48])), volume=float(rng.choice([0.0, 0.01, 0.02])), pattern=cloth
    )


def hair_pattern(rng: Rng, hair_3: F32) -> Pattern:
    """The pattern of hair: fine stripes of a colour."""
    return Pattern(
        kind="stripes", first_3=hair_3, second_3=(hair_3 * 0.8).astype(np.float32),
        direction_3=np.array([1, 0, 0.3], np.float32), size=0.004, offset=float(rng.uniform(0, 5)),
    )


@lru_cache(maxsize=64)
def _long_hair_faces(length: float, volume: float) -> LabelledFaces:
    """A shell around the sides and the back of the head that falls and widens, labelled head."""
    around = np.linspace(-1.9, 1.9, POINTS_AROUND)[None]
    fall = np.linspace(0, 1, POINTS_DOWN)[:, None]
    y = 1.775 + 0.8 * max(volume - 0.02, 0) - length * fall
    # Closed on the crown; below the ears wide and deep enough to lie outside neck and shoulders.
    full = np.sqrt(1 - (1 - np.minimum(fall * length / 0.11, 1)) ** 2)
    # Voluminous hair is round at its lower end.
    full = full * (1 - 0.6 * np.clip((volume - 0.02) / 0.04, 0, 1) * np.clip(2 * fall - 1, 0, 1) ** 2)
    wide = (0.088 + volume) * full + 0.10 * np.clip(fall * length - 0.17, 0, 1)
    deep = (0.105 + volume) * full + 0.28 * np.clip(fall * length - 0.16, 0, 1)
    # Round on the head, flat on the back.
    back = np.sign(np.cos(around)) * np.abs(np.cos(around)) ** (1 - 0.6 * fall)
    x, z = wide * np.sin(around), 0.012 - deep * back
    point = np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1).reshape(-1, 3).astype(np.float32)
    return scalp_faces(point, two_sided(tube_faces(POINTS_AROUND, closed=False)))


def scalp_faces(point_W3: F32, face_G3: I32) -> LabelledFaces:
    """Faces of hair, labelled with the nearest skin of the head."""
    body, skin_V3 = load_body(), rest_body().point_V3
    head = np.flatnonzero((body.chart_F >= 23) & ~body.eye_F)
    scalp = np.unique(body.face_F3[head])
    _, nearest = cKDTree(skin_V3[scalp]).query(point_W3)
    on_skin = labels_of_nearest_skin(skin_V3[scalp[nearest]], face_G3, skin_V3, head)
    return replace(on_skin, rest_W3=np.asarray(point_W3, np.float32))


Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadEllipsoid:
    """An ellipsoid on the head, as a bun or a brim: centre at the mean body and half sizes (metres), pattern."""

    middle_3: Triple
    half_3: Triple
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> AttachedMesh:
        """The ellipsoid on a posed body; it follows the head."""
        return rigidly_attached("head", _ellipsoid_faces(self.middle_3, self.half_3), vertex_V3, self.pattern, 0.3)


def random_hair_style(rng: Rng, hair_3: F32) -> tuple[HeadEllipsoid | LongHair, ...]:
    """A bob, curls, a bun, a pony tail at the nape or high up, or two tails."""
    kind = rng.choice(["bob", "curls", "bun", "tail", "high tail", "two tails"])
    cloth = hair_pattern(rng, hair_3)
    size = float(rng.choice([0.85, 1.0, 1.2]))
    if kind == "bob":
        return (LongHair(length=float(rng.choice([0.15, 0.2, 0.25])), volume=0.02, pattern=cloth),)
    if kind == "curls":
        return (LongHair(length=0.17, volume=float(rng.choice([0.04, 0.06])), pattern=cloth),)
    if kind == "bun":
        return (tied_hair(size, 0.0, float(rng.choice([1.64, 1.70, 1.75])), (0.042, 0.042, 0.04), cloth),)
    if kind == "tail":
        return (tied_hair(size, 0.0, 1.63, (0.03, 0.13, 0.026), cloth),)
    if kind == "high tail":
        return (tied_hair(size, 0.0, 1.72, (0.035, 0.13, 0.035), cloth),)
    return tuple(tied_hair(size, side * 0.06, 1.62, (0.026, 0.11, 0.026), cloth) for side in (-1, 1))


def tied_hair(size: float, x: float, top_y: float, half: Triple, cloth: Pattern) -> HeadEllipsoid:
    """Tied hair that hangs from the back of the head, at x and a height (metres, mean body)."""
    w, h, d = (round(size * one, 3) for one in half)
    rest = rest_body().point_V3
    near = (rest_body().head_V > 0) & (np.abs(rest[:, 0] - x) < 0.02) & (np.abs(rest[:, 1] - top_y) < 0.02)
    back = float(rest[near, 2].min())
    middle = (x, round(top_y - 0.8 * (h - w), 3), round(back - 0.5 * d, 3))
    return HeadEllipsoid(middle_3=middle, half_3=(w, h, d), pattern=cloth)


def beard(rng: Rng, hair_3: F32) -> Garment:
    """A beard on chin and cheeks, with the mouth free."""
    x, y, z = rest_body().point_V3.T
    cheek = float(rng.uniform(0.0, 0.03))
    line = 1.585 + cheek - y + 0.6 * np.abs(x) - 0.02
    mouth = np.hypot(x / 1.6, y - 1.594) - 0.014
    field = np.where(rest_body().head_V > 0, np.minimum(np.minimum(line, z - 0.02), mouth), -1)
    return Garment(
        field_V=field.astype(np.float32), thickness=float(rng.uniform(0.003, 0.02)), folds=0.001,
        pattern=hair_pattern(rng, hair_3), gloss=0.2,
    )


def hat(rng: Rng, cloth: Pattern) -> tuple[Garment, HeadEllipsoid]:
    """A hat: its crown, and a brim all around or a peak in front."""
    low = float(rng.choice([1.705, 1.715, 1.725]))
    above = rest_body().point_V3[:, 1] - low + 0.08 * rest_body().point_V3[:, 2]
    field = np.where(rest_body().head_V > 0, above, -1).astype(np.float32)
    crown = Garment(field_V=field, thickness=float(rng.uniform(0.015, 0.035)), folds=0.001, pattern=cloth)
    if rng.random() < 0.5:
        wide = float(rng.choice([0.13, 0.16, 0.20]))
        return crown, HeadEllipsoid(
            middle_3=(0.0, round(low, 3), 0.02), half_3=(wide, 0.008, wide + 0.015), pattern=cloth
        )
    return crown, HeadEllipsoid(
        middle_3=(0.0, round(low - 0.008, 3), 0.125), half_3=(0.07, 0.008, 0.085), pattern=cloth
    )


@lru_cache(maxsize=64)
def _ellipsoid_faces(middle_3: Triple, half_3: Triple) -> LabelledFaces:
    """An ellipsoid, labelled head."""
    return scalp_faces(*superellipsoid(middle_3, half_3, 1.0))

"""What is on a head beyond a cap of hair: bobs, curls that stand, buns, tails; beards; hats with a brim or a peak."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.arrays import F32
from stages.world.clothes.attached import Extra, Surface
from stages.world.clothes.carried import Locks, following, scalp_surface, strands, superellipsoid
from stages.world.clothes.wardrobe import Garment, Pattern, home

Rng = np.random.Generator
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knot:
    """An egg on the head: hair tied together, or a brim; its middle on the mean body, half its sizes (metres)."""

    middle_3: Triple
    half_3: Triple
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> Extra:
        """The knot on a posed body; it follows the head."""
        return following("head", _knot_surface(self.middle_3, self.half_3), vertex_V3, self.pattern, 0.3)


def random_hairdo(rng: Rng, hair_3: F32) -> tuple[Knot | Locks, ...]:
    """A bob, curls, a bun, a tail at the nape or high up, two tails."""
    kind = rng.choice(["bob", "curls", "bun", "tail", "high tail", "two tails"])
    cloth = strands(rng, hair_3)
    size = float(rng.choice([0.85, 1.0, 1.2]))
    if kind == "bob":
        return (Locks(length=float(rng.choice([0.15, 0.2, 0.25])), volume=0.02, pattern=cloth),)
    if kind == "curls":
        return (Locks(length=0.17, volume=float(rng.choice([0.04, 0.06])), pattern=cloth),)
    if kind == "bun":
        return (tied(size, 0.0, float(rng.choice([1.64, 1.70, 1.75])), (0.042, 0.042, 0.04), cloth),)
    if kind == "tail":
        return (tied(size, 0.0, 1.63, (0.03, 0.13, 0.026), cloth),)
    if kind == "high tail":
        return (tied(size, 0.0, 1.72, (0.035, 0.13, 0.035), cloth),)
    return tuple(tied(size, side * 0.06, 1.62, (0.026, 0.11, 0.026), cloth) for side in (-1, 1))


def tied(size: float, x: float, top_y: float, half: Triple, cloth: Pattern) -> Knot:
    """A knot that hangs from the back of the head at x and a height (metres, mean body)."""
    w, h, d = (round(size * one, 3) for one in half)
    place = home().point_V3
    near = (home().head_V > 0) & (np.abs(place[:, 0] - x) < 0.02) & (np.abs(place[:, 1] - top_y) < 0.02)
    back = float(place[near, 2].min())
    middle = (x, round(top_y - 0.8 * (h - w), 3), round(back - 0.5 * d, 3))
    return Knot(middle_3=middle, half_3=(w, h, d), pattern=cloth)


def beard(rng: Rng, hair_3: F32) -> Garment:
    """On chin and cheeks; the mouth stays free."""
    x, y, z = home().point_V3.T
    cheek = float(rng.uniform(0.0, 0.03))
    line = 1.585 + cheek - y + 0.6 * np.abs(x) - 0.02
    mouth = np.hypot(x / 1.6, y - 1.594) - 0.014
    field = np.where(home().head_V > 0, np.minimum(np.minimum(line, z - 0.02), mouth), -1)
    return Garment(
        field_V=field.astype(np.float32),
        thickness=float(rng.uniform(0.003, 0.02)),
        folds=0.001,
        pattern=strands(rng, hair_3),
        gloss=0.2,
    )


def hat(rng: Rng, cloth: Pattern) -> tuple[Garment, Knot]:
    """Its crown, and a brim all around or a peak in front."""
    low = float(rng.choice([1.705, 1.715, 1.725]))
    above = home().point_V3[:, 1] - low + 0.08 * home().point_V3[:, 2]
    field = np.where(home().head_V > 0, above, -1).astype(np.float32)
    crown = Garment(field_V=field, thickness=float(rng.uniform(0.015, 0.035)), folds=0.001, pattern=cloth)
    if rng.random() < 0.5:
        wide = float(rng.choice([0.13, 0.16, 0.20]))
        return crown, Knot(middle_3=(0.0, round(low, 3), 0.02), half_3=(wide, 0.008, wide + 0.015), pattern=cloth)
    return crown, Knot(middle_3=(0.0, round(low - 0.008, 3), 0.125), half_3=(0.07, 0.008, 0.085), pattern=cloth)


@lru_cache(maxsize=64)
def _knot_surface(middle_3: Triple, half_3: Triple) -> Surface:
    """An egg."""
    return scalp_surface(*superellipsoid(middle_3, half_3, 1.0))

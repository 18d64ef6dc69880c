"""Long hair, hair styles, beards and hats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from models.arrays import F32
from models.surface.body import load_body
from stages.world.clothes.attachments import (
    AROUND,
    DOWN,
    Extra,
    Surface,
    following,
    nearest_surface,
    superellipsoid,
    tube_faces,
    two_sided,
)
from stages.world.clothes.garments import Garment
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import home

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """Long hair: how far it falls below the crown and how far it stands off (metres), and its colour."""

    length: float
    volume: float
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> Extra:
        """The hair on a posed body; it follows the head."""
        return following("head", _locks_surface(self.length, self.volume), vertex_V3, self.pattern, 0.3)


def random_locks(rng: Rng, hair_3: F32) -> Locks:
    """From the neck to below the shoulder blades."""
    cloth = strands(rng, hair_3)
    return Locks(length=float(rng.choice([0.25, 0.32, 0.4, 0.48])), volume=float(rng.choice([0.0, 0.01, 0.02])),
                 pattern=cloth)


def strands(rng: Rng, hair_3: F32) -> Pattern:
    """Hair of a colour, in fine stripes."""
    return Pattern(kind="stripes", first_3=hair_3, second_3=(hair_3 * 0.8).astype(np.float32),
                   way_3=np.array([1, 0, 0.3], np.float32), size=0.004, offset=float(rng.uniform(0, 5)))


@lru_cache(maxsize=64)
def _locks_surface(length: float, volume: float) -> Surface:
    """A shell around the sides and the back of the head that falls and widens; it belongs to the head."""
    around = np.linspace(-1.9, 1.9, AROUND)[None]
    fall = np.linspace(0, 1, DOWN)[:, None]
    y = 1.775 + 0.8 * max(volume - 0.02, 0) - length * fall
    # On the crown it closes; below the ears it hangs, wider and further back than the shoulders' slope.
    full = np.sqrt(1 - (1 - np.minimum(fall * length / 0.11, 1)) ** 2)
    # What stands out far is round below.
    full = full * (1 - 0.6 * np.clip((volume - 0.02) / 0.04, 0, 1) * np.clip(2 * fall - 1, 0, 1) ** 2)
    wide = (0.088 + volume) * full + 0.10 * np.clip(fall * length - 0.17, 0, 1)
    deep = (0.105 + volume) * full + 0.28 * np.clip(fall * length - 0.16, 0, 1)
    # Round on the head, flat on the back.
    back = np.sign(np.cos(around)) * np.abs(np.cos(around)) ** (1 - 0.6 * fall)
    x, z = wide * np.sin(around), 0.012 - deep * back
    point = np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1).reshape(-1, 3).astype(np.float32)
    return scalp_surface(point, two_sided(tube_faces(AROUND, closed=False)))


def scalp_surface(point_W3: F32, face_G3: npt.NDArray[np.int32]) -> Surface:
    """Hair, each point of which stands for the skin of the head nearest to it."""
    body, skin_V3 = load_body(), home().point_V3
    head = np.flatnonzero((body.chart_F >= 23) & ~body.eye_F)
    scalp = np.unique(body.face_F3[head])
    _, nearest = cKDTree(skin_V3[scalp]).query(point_W3)
    on_skin = nearest_surface(skin_V3[scalp[nearest]], face_G3, skin_V3, head)
    return replace(on_skin, home_W3=np.asarray(point_W3, np.float32))


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

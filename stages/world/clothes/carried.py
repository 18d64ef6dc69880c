"""Bags that hide the body, and hair that falls over neck and back: rigid meshes that follow one part of the body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from models.arrays import F32, Float
from models.surface.body import load_body
from stages.world.clothes.attached import Extra, Surface, nearest_surface, two_sided
from stages.world.clothes.cloth_shapes import vertex_normals
from stages.world.clothes.wardrobe import Pattern, home

Rng = np.random.Generator

AROUND, DOWN = 24, 12
"""Points of a bag or a head of hair around, and from top to bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A rounded box: where its middle is on the mean body, half its sizes (metres), the bone it follows, its cloth."""

    middle_3: tuple[float, float, float]
    half_3: tuple[float, float, float]
    bone: str
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> Extra:
        """The bag on a posed body."""
        surface = _bag_surface(self.middle_3, self.half_3)
        return following(self.bone, surface, vertex_V3, self.pattern, 0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """Long hair: how far it falls below the crown and how far it stands off (metres), and its colour."""

    length: float
    volume: float
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> Extra:
        """The hair on a posed body; it follows the head."""
        return following("head", _locks_surface(self.length, self.volume), vertex_V3, self.pattern, 0.3)


def random_bag(rng: Rng, cloth: Pattern) -> Bag:
    """A backpack, a bag at a hip, or a bag in a hand."""
    side = float(rng.choice([-1, 1]))
    size = rng.uniform(0.75, 1.25)
    kind = rng.integers(3)
    if kind == 0:
        middle, half, bone = (0.0, 1.27, -0.20), (0.15, 0.21, 0.09), "spine02"
    elif kind == 1:
        middle, half, bone = (side * 0.23, 0.95, 0.0), (0.06, 0.11, 0.15), "root"
    else:
        hand = home().point_V3[_follower("wrist.L")].mean(axis=0)
        middle, half, bone = (side * float(hand[0]), float(hand[1]) - 0.2, float(hand[2])), (0.05, 0.14, 0.17), "wrist"
        bone += ".L" if side > 0 else ".R"
    w, h, d = (float(np.round(size * one, 2)) for one in half)
    return Bag(middle_3=middle, half_3=(w, h, d), bone=bone, pattern=cloth)


def random_locks(rng: Rng, hair_3: F32) -> Locks:
    """From the neck to below the shoulder blades."""
    cloth = strands(rng, hair_3)
    return Locks(length=float(rng.choice([0.25, 0.32, 0.4, 0.48])), volume=float(rng.choice([0.0, 0.01, 0.02])),
                 pattern=cloth)


def strands(rng: Rng, hair_3: F32) -> Pattern:
    """Hair of a colour, in fine stripes."""
    return Pattern(kind="stripes", first_3=hair_3, second_3=(hair_3 * 0.8).astype(np.float32),
                   way_3=np.array([1, 0, 0.3], np.float32), size=0.004, offset=float(rng.uniform(0, 5)))


def following(bone: str, surface: Surface, vertex_V3: F32, cloth: Pattern, gloss: float) -> Extra:
    """A mesh of the mean body moved, turned and scaled as the skin of a bone is (Umeyama's closed form)."""
    chosen = _follower(bone)
    before, after = home().point_V3[chosen].astype(np.float64), vertex_V3[chosen].astype(np.float64)
    middle, there = before.mean(axis=0), after.mean(axis=0)
    left, stretch, right = np.linalg.svd((after - there).T @ (before - middle))
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    turn = left * sign @ right
    scale = float((stretch * sign).sum() / ((before - middle) ** 2).sum())
    point = (there + scale * (surface.home_W3 - middle) @ turn.T).astype(np.float32)
    normal = vertex_normals(point, surface.face_G3[: len(surface.face_G3) // 2])
    return Extra(vertex_W3=point, normal_W3=normal, surface=surface, pattern=cloth, gloss=gloss)


@cache
def _follower(bone: str) -> npt.NDArray[np.intp]:
    """Vertices that move mostly with a bone, or with the bones of which it is the first (hands, the hips)."""
    body = load_body()
    names = {"wrist.L": ("wrist.L", "metacarpal", "finger"), "wrist.R": ("wrist.R", "metacarpal", "finger"),
             "root": ("root", "spine05", "pelvis"), "spine02": ("spine01", "spine02", "spine03")}.get(bone, (bone,))
    side = bone[-2:] if bone[-2:] in (".L", ".R") else ""
    bones = [b for b, name in enumerate(body.bones) if name.startswith(names) and name.endswith(side)]
    return np.flatnonzero(body.weight_VB[:, bones].sum(axis=1) > 0.5)


@lru_cache(maxsize=256)
def _bag_surface(middle_3: tuple[float, float, float], half_3: tuple[float, float, float]) -> Surface:
    """A box with round corners; it stands for no part of the body."""
    point, face = superellipsoid(middle_3, half_3, 0.45)
    return Surface(face_G3=face, chart_G=np.zeros(len(face), np.uint8),
                   corner_uv_G32=np.zeros((len(face), 3, 2), np.float32), home_W3=point)


def superellipsoid(
    middle_3: tuple[float, float, float], half_3: tuple[float, float, float], power: float
) -> tuple[F32, npt.NDArray[np.int32]]:
    """Points (W, 3) and two-sided faces (G, 3): an ellipsoid for power 1, more of a box the less it is."""
    around = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    down = np.linspace(0, np.pi, DOWN)

    def rounded(wave: Float) -> Float:
        return np.asarray(np.sign(wave) * np.abs(wave) ** power, np.float64)

    ring = rounded(np.sin(down))[:, None]
    unit = np.stack([ring * rounded(np.sin(around)), np.broadcast_to(rounded(np.cos(down))[:, None], (DOWN, AROUND)),
                     ring * rounded(np.cos(around))], axis=-1)
    point = (np.asarray(middle_3) + unit * half_3).reshape(-1, 3).astype(np.float32)
    return point, two_sided(_tube(AROUND, closed=True))


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
    return scalp_surface(point, two_sided(_tube(AROUND, closed=False)))


def scalp_surface(point_W3: F32, face_G3: npt.NDArray[np.int32]) -> Surface:
    """Hair, each point of which stands for the skin of the head nearest to it."""
    body, skin_V3 = load_body(), home().point_V3
    head = np.flatnonzero((body.chart_F >= 23) & ~body.eye_F)
    scalp = np.unique(body.face_F3[head])
    _, nearest = cKDTree(skin_V3[scalp]).query(point_W3)
    on_skin = nearest_surface(skin_V3[scalp[nearest]], face_G3, skin_V3, head)
    return replace(on_skin, home_W3=np.asarray(point_W3, np.float32))


def _tube(around: int, *, closed: bool) -> npt.NDArray[np.int32]:
    """Triangles of DOWN rings of points, outside first."""
    ring, side = np.meshgrid(np.arange(DOWN - 1), np.arange(around if closed else around - 1), indexing="ij")
    a, b = (ring * around + side).reshape(-1), (ring * around + (side + 1) % around).reshape(-1)
    c, d = a + around, b + around
    return np.stack([np.stack([a, c, b], 1), np.stack([b, c, d], 1)], axis=1).reshape(-1, 3).astype(np.int32)

"""Paints the default atlas, a flight suit designed for this project: `python -m models.surface.paint_atlas`.

Each chart is a list of layers (mask, colour), later ones on top, in DensePose's chart coordinates (torso: U down, V to
the person's right; face at U → 1 of chart 23 and U → 0 of chart 24 …). Left and right are mirror images: hands, feet
and the head's halves by U → 1 − U, arms and legs without a change.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from models.arrays import F32, U8, Bool
from models.surface.atlas import CHARTS, DEFAULT_ATLAS, join_tiles

Layer = tuple[Bool, tuple[int, int, int]]
Painter = Callable[[F32, F32], list[Layer]]

SIDE = 200
FINER = 4
"""Each texel is the mean of FINER x FINER samples (antialiasing)."""

NIGHT, INDIGO, SKY = (31, 38, 92), (52, 66, 145), (120, 172, 222)
CORAL, SUN, CREAM = (240, 94, 72), (249, 190, 66), (247, 240, 226)
SKIN, BLUSH, LIPS, SHADE = (222, 171, 139), (224, 157, 130), (186, 84, 84), (190, 136, 108)
HAIR, HAIR_LIGHT, DARK = (74, 45, 34), (104, 66, 46), (38, 28, 30)


def between(values: F32, low: float, high: float) -> Bool:
    """Mask of low <= value < high."""
    return (values >= low) & (values < high)


def oval(u: F32, v: F32, centre: tuple[float, float], radii: tuple[float, float]) -> Bool:
    """Mask of an ellipse with axes along U and V."""
    return ((u - centre[0]) / radii[0]) ** 2 + ((v - centre[1]) / radii[1]) ** 2 < 1


def star_shape(u: F32, v: F32, centre: tuple[float, float], radius: float, points: int) -> Bool:
    """Mask of a star with straight arms; one arm points up the body (to smaller U)."""
    up, side = centre[0] - u, v - centre[1]
    turn = np.mod(np.arctan2(side, up), 2 * np.pi / points)
    fold = np.abs(turn - np.pi / points)
    reach = radius * (0.44 + 0.56 * fold / (np.pi / points))
    return np.hypot(up, side) < reach


def torso_front(u: F32, v: F32) -> list[Layer]:
    """A cream chest panel that narrows toward the belt, a sun on it, coral shoulders."""
    across = np.abs(v - 0.5)
    panel = across < 0.30 - 0.26 * u
    piping = between(across - (0.30 - 0.26 * u), 0, 0.025)
    return [
        (u >= 0, INDIGO),
        (across > 0.40, NIGHT),
        (piping & (u < 0.66), SUN),
        (panel & (u < 0.66), CREAM),
        (panel & between(np.mod(u - across * 0.7, 0.12), 0, 0.016) & between(u, 0.42, 0.66), SKY),
        (star_shape(u, v, (0.27, 0.5), 0.17, 12), SUN),
        (oval(u, v, (0.27, 0.5), (0.088, 0.088)), CORAL),
        (oval(u, v, (0.27, 0.5), (0.045, 0.045)), CREAM),
        (u < 0.075, CORAL),
        (between(u, 0.075, 0.095), CREAM),
        (between(u, 0.68, 0.745), SUN),
        (between(u, 0.68, 0.745) & (across < 0.06), CREAM),
        (between(u, 0.695, 0.73) & (across < 0.04), NIGHT),
        (u >= 0.745, NIGHT),
    ]


def torso_back(u: F32, v: F32) -> list[Layer]:
    """Two wings of stripes either side of the spine."""
    across = np.abs(v - 0.5)
    wing = between(u + 0.55 * across, 0.20, 0.56) & between(across, 0.05, 0.36)
    return [
        (u >= 0, INDIGO),
        (across > 0.40, NIGHT),
        (wing, CREAM),
        (wing & between(np.mod(u + 0.55 * across, 0.12), 0.08, 0.12), CORAL),
        (across < 0.022, SUN),
        (u < 0.075, CORAL),
        (between(u, 0.075, 0.095), CREAM),
        (between(u, 0.81, 0.875), SUN),
        (u >= 0.875, NIGHT),
    ]


def hand(u: F32, v: F32) -> list[Layer]:
    """A yellow glove with cream knuckles and coral finger tips."""
    return [
        (u >= 0, SUN),
        (v < 0.12, CORAL),
        (between(v, 0.12, 0.15), CREAM),
        (between(v, 0.46, 0.50), CREAM),
        (v > 0.84, CORAL),
    ]


def left_foot(u: F32, v: F32) -> list[Layer]:
    """A coral boot with a cream cap; the sole (the island at small V) is dark with bars."""
    sole = v < 0.36
    return [
        (u >= 0, CORAL),
        ((u > 0.60) & ~sole, CREAM),
        (between(u, 0.56, 0.60) & ~sole, SUN),
        (sole, NIGHT),
        (sole & between(np.mod(u, 0.1), 0, 0.03), INDIGO),
    ]


def upper_leg(outside: F32, down: F32) -> list[Layer]:
    """Trousers with a coral stripe at the outer side; `down` is 0 at the hip and 1 at the knee."""
    return [
        (down >= 0, NIGHT),
        (outside > 0.80, CREAM),
        (outside > 0.84, CORAL),
    ]


def lower_leg(outside: F32, down: F32) -> list[Layer]:
    """A band around the knee, trousers tucked into tall boots; `down` is 0 at the knee and 1 at the ankle."""
    return [
        (down >= 0, NIGHT),
        (outside > 0.80, CREAM),
        (outside > 0.84, CORAL),
        (down > 0.48, CORAL),
        (between(down, 0.44, 0.48), CREAM),
        (between(down, 0.66, 0.70), SUN),
        (between(down, 0.80, 0.84), SUN),
        (between(down, 0.05, 0.12), SKY),
    ]


def upper_arm(down: F32, across: F32) -> list[Layer]:
    """Coral shoulders that end in chevrons, an indigo sleeve; `down` is 0 at the shoulder and 1 at the elbow."""
    bent = down + 0.3 * np.abs(across - 0.5)
    return [
        (down >= 0, INDIGO),
        (bent < 0.36, CORAL),
        (between(bent, 0.36, 0.42), CREAM),
        (between(bent, 0.48, 0.52), SKY),
        (between(bent, 0.58, 0.60), SKY),
    ]


def lower_arm(down: F32, across: F32) -> list[Layer]:
    """An indigo sleeve and the glove's long cuff; `down` is 0 at the elbow and 1 at the wrist."""
    bent = down - 0.2 * np.abs(across - 0.5)
    return [
        (down >= 0, INDIGO),
        (bent > 0.50, CREAM),
        (bent > 0.55, SUN),
        (between(down, 0.90, 0.94), CORAL),
    ]


def head_half(front: F32, up: F32) -> list[Layer]:
    """Half a face with hair; `front` is 1 at the face's midline (docs/textures.md)."""
    hairline = 0.79 - 0.25 * (1 - front)
    hair = ((up > np.where(front > 0.62, hairline, 2.0)) | (front < 0.62)) & (up > 0.30 + 0.10 * front)
    back = (front < 0.40) & (up > 0.26)
    locks = between(np.mod(front * 1.3 + up * 0.8, 0.09), 0, 0.03)
    eye = (0.786, 0.596)
    level = up - 0.14 * (front - eye[0])
    smile = up - 0.28 * (1 - front)
    return [
        (front >= 0, SKIN),
        (oval(front, up, (0.80, 0.46), (0.065, 0.048)), BLUSH),
        (hair | back, HAIR),
        ((hair | back) & locks, HAIR_LIGHT),
        (oval(front, up, (0.447, 0.484), (0.075, 0.105)), SKIN),
        (oval(front, up, (0.455, 0.484), (0.040, 0.065)), SHADE),
        (oval(front, level, eye, (0.078, 0.040)), DARK),
        (oval(front, level, (eye[0], eye[1] - 0.004), (0.067, 0.030)), CREAM),
        (oval(front, up, eye, (0.027, 0.030)), INDIGO),
        (oval(front, up, eye, (0.013, 0.015)), DARK),
        (oval(front, level, (0.79, 0.688), (0.095, 0.017)), HAIR),
        (oval(front, up, (0.955, 0.445), (0.026, 0.014)), SHADE),
        (oval(front, smile, (1.0, 0.352), (0.105, 0.027)), LIPS),
        (between(smile, 0.349, 0.356) & (front > 0.91), DARK),
        (up < 0.085, INDIGO),
        (between(up, 0.085, 0.115), CREAM),
    ]


PAINTERS: dict[int, Painter] = {
    1: torso_back,
    2: torso_front,
    3: lambda u, v: hand(1 - u, v),
    4: hand,
    5: left_foot,
    6: lambda u, v: left_foot(1 - u, v),
    **dict.fromkeys((7, 8), lambda u, v: upper_leg(v, u)),
    **dict.fromkeys((9, 10), lambda u, v: upper_leg(1 - v, 1 - u)),
    **dict.fromkeys((11, 12), lambda u, v: lower_leg(v, 1 - u)),
    **dict.fromkeys((13, 14), lambda u, v: lower_leg(v, u)),
    **dict.fromkeys((15, 16, 17, 18), upper_arm),
    **dict.fromkeys((19, 20), lambda u, v: lower_arm(1 - u, v)),
    **dict.fromkeys((21, 22), lower_arm),
    23: head_half,
    24: lambda u, v: head_half(1 - u, v),
}


def paint_tile(painter: Painter) -> U8:
    """Tile (SIDE, SIDE, 3) uint8 of one chart: columns along U, rows against V, U and V = 0 and 1 at texel centres."""
    texel = np.arange(SIDE * FINER, dtype=np.float32) / FINER + (0.5 / FINER - 0.5)
    ramp = np.clip(texel / (SIDE - 1), 0, 1).astype(np.float32)
    u, v = np.meshgrid(ramp, 1 - ramp)
    fine = np.zeros((*u.shape, 3), np.float32)
    for where, colour in painter(u, v):
        fine[where] = colour
    mean = fine.reshape(SIDE, FINER, SIDE, FINER, 3).mean(axis=(1, 3))
    return np.rint(mean).astype(np.uint8)


def paint_atlas() -> U8:
    """The whole image (6·SIDE, 4·SIDE, 3) uint8."""
    return join_tiles(np.stack([paint_tile(PAINTERS[chart]) for chart in range(1, CHARTS + 1)]))


def write_default_atlas(path: Path = DEFAULT_ATLAS) -> None:
    """Write the default atlas."""
    Image.fromarray(paint_atlas()).save(path, optimize=True)


if __name__ == "__main__":
    write_default_atlas()

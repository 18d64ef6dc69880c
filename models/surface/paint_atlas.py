"""Paints the default atlas, a flight suit designed for this project: `python -m models.surface.paint_atlas`.

The suit is cut on the body at rest: every texel is coloured by its place there (`texels.rest_places`), so that yoke,
seams, stripes and belt run over the borders of charts. The head is painted in its charts (face at U → 1 of chart 23 and
U → 0 of chart 24) and transparent above the collar: whoever wears the suit keeps face and hair; bodies of animations
show the painted ones.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from models.arrays import F32, U8, Bool
from models.surface.atlas import CHARTS, DEFAULT_ATLAS, join_tiles
from models.surface.garments import Cut, Skin, garment_cover, skins

Colour = tuple[int, int, int]
Layer = tuple[Bool, Colour]

SIDE = 200
FINER = 4
"""Each texel is the mean of FINER x FINER samples (antialiasing)."""
HEAD = (23, 24)
LEG_MIDDLE = [0.0, 0.30, 0.52, 0.92], [0.191, 0.167, 0.150, 0.112], [-0.005, 0.003, 0.032, 0.015]
"""Heights, and x and z of the left leg's axis there, metres."""

NIGHT, INDIGO, SKY = (31, 38, 92), (52, 66, 145), (120, 172, 222)
CORAL, SUN, CREAM = (240, 94, 72), (249, 190, 66), (247, 240, 226)
SKIN, BLUSH, LIPS, SHADE = (222, 171, 139), (224, 157, 130), (186, 84, 84), (190, 136, 108)
HAIR, HAIR_LIGHT, DARK = (74, 45, 34), (104, 66, 46), (38, 28, 30)
SEAM_M = 0.0035
"""Half width of a seam, metres."""


def between(values: F32, low: float, high: float) -> Bool:
    """Mask of low <= value < high."""
    return (values >= low) & (values < high)


def oval(u: F32, v: F32, centre: tuple[float, float], radii: tuple[float, float]) -> Bool:
    """Mask of an ellipse with axes along U and V."""
    return ((u - centre[0]) / radii[0]) ** 2 + ((v - centre[1]) / radii[1]) ** 2 < 1


def star_shape(across: F32, up: F32, radius: float, points: int) -> Bool:
    """Mask of a star with straight arms around the origin; one arm points up."""
    turn = np.mod(np.arctan2(across, up), 2 * np.pi / points)
    fold = np.abs(turn - np.pi / points)
    reach = radius * (0.44 + 0.56 * fold / (np.pi / points))
    return np.hypot(across, up) < reach


def torso(skin: Skin) -> list[Layer]:
    """A coral yoke, a cream front with a sun and a zip, dark side panels, a belt, and trousers below it."""
    x, y, front = skin.x_SS, skin.y_SS, skin.z_SS > 0.012
    yoke = np.where(front, 1.405 + 0.28 * x, 1.435 + 0.05 * x)
    side = 0.118 + 0.10 * np.maximum(y - 1.15, 0)
    panel = 0.040 + 0.16 * np.maximum(y - 1.08, 0)
    above_belt = y >= 1.065
    return [
        (y > 0, INDIGO),
        (above_belt & (x > side), NIGHT),
        (above_belt & between(x - side, -0.007, 0), SKY),
        (above_belt & front & (x < panel), CREAM),
        (above_belt & front & between(x - panel, 0, 0.009), SUN),
        (above_belt & ~front & (x < SEAM_M), NIGHT),
        (above_belt & ~front & between(y - 0.5 * x, 1.20, 1.27) & between(x, 0.012, 0.105), CREAM),
        (above_belt & ~front & between(y - 0.5 * x, 1.30, 1.33) & between(x, 0.012, 0.105), SUN),
        (above_belt & front & (x < SEAM_M), NIGHT),
        (front & star_shape(x, y - 1.285, 0.075, 12), SUN),
        (front & (np.hypot(x, y - 1.285) < 0.040), CORAL),
        (front & (np.hypot(x, y - 1.285) < 0.020), CREAM),
        (y > yoke - 0.012, CREAM),
        (y > yoke, CORAL),
        *((where & (y > yoke), colour) for where, colour in collar(skin)),
        (~above_belt, NIGHT),
        (between(y, 1.022, 1.065), SUN),
        (front & between(y, 1.022, 1.065) & (x < 0.030), CREAM),
        (front & between(y, 1.030, 1.057) & (x < 0.021), NIGHT),
        (~above_belt & (y < 1.022) & (x < SEAM_M), INDIGO),
        *_hips(skin),
    ]


def _hips(skin: Skin) -> list[Layer]:
    """Slanted front pockets, square back pockets, and the stripe's begin."""
    x, y, front = skin.x_SS, skin.y_SS, skin.z_SS > 0.012
    slant = x - 0.115 - 0.35 * (1.0 - y)
    patch = np.maximum(np.abs(x - 0.085) - 0.045, np.abs(y - 0.945) - 0.040)
    stripe = between(np.abs(skin.z_SS - 0.02), 0, 0.026) & (x > 0.13) & (y < 1.022)
    return [
        (front & between(slant, -SEAM_M, SEAM_M) & between(y, 0.90, 1.015), SKY),
        (~front & between(patch, -2 * SEAM_M, 0), SKY),
        (stripe, CREAM),
        (stripe & (np.abs(skin.z_SS - 0.02) < 0.019), CORAL),
    ]


def leg(skin: Skin) -> list[Layer]:
    """Trousers with a coral stripe along the outside and knee pads, tucked into coral boots with dark soles."""
    x, y, z = skin.x_SS, skin.y_SS, skin.z_SS
    height, middle_x, middle_z = LEG_MIDDLE
    across, ahead = x - np.interp(y, height, middle_x), z - np.interp(y, height, middle_z)
    width = 0.019 - 0.006 * (y < 0.52)
    outside, inside = across > 0.02, across < -0.02
    knee = np.maximum(np.abs(across) / 0.046, np.abs(y - 0.515) / 0.060)
    return [
        (y > -1, NIGHT),
        (inside & (np.abs(ahead) < SEAM_M), INDIGO),
        (outside & (np.abs(ahead) < width + 0.007), CREAM),
        (outside & (np.abs(ahead) < width), CORAL),
        *((where & (y > 0.80), colour) for where, colour in _hips(skin)),
        ((ahead > 0) & (knee < 1.12), SKY),
        ((ahead > 0) & (knee < 0.95), INDIGO),
        ((ahead > 0) & (knee < 0.95) & between(np.mod(y, 0.03), 0, 0.006), SKY),
        *foot(skin),
    ]


def foot(skin: Skin) -> list[Layer]:
    """A tall boot with two straps, a cream cap and a dark sole."""
    y, z = skin.y_SS, skin.z_SS
    return [
        (y < 0.300, CREAM),
        (y < 0.285, CORAL),
        (between(y, 0.195, 0.215), SUN),
        (between(y, 0.100, 0.120), SUN),
        ((z > 0.135) & (y < 0.08), CREAM),
        (between(z, 0.122, 0.135) & (y < 0.09), SUN),
        (y < 0.018, NIGHT),
    ]


def arm(skin: Skin) -> list[Layer]:
    """A coral shoulder set in at an armhole, an indigo sleeve with a band, a cuff, and a yellow glove."""
    s = skin.along_SS
    return [
        (s > -1, INDIGO),
        (s < 0.085, CREAM),
        (s < 0.070, CORAL),
        (between(s, -0.004, 0.003), CREAM),
        (between(s, 0.150, 0.185), SKY),
        (between(s, 0.160, 0.175), CREAM),
        (between(s, 0.258, 0.264), NIGHT),
        (s > 0.410, CREAM),
        (s > 0.425, SUN),
        (between(s, 0.495, 0.515), CORAL),
        (between(s, 0.585, 0.592), CREAM),
        (s > 0.640, CORAL),
    ]


def head_half(front: F32, up: F32) -> list[Layer]:
    """Half a face with hair; `front` is 1 at the face's midline (docs/textures.md)."""
    hairline = 0.79 - 0.25 * (1 - front)
    hair = ((up > np.where(front > 0.62, hairline, 2.0)) | (front < 0.62)) & (up > 0.30 + 0.10 * front)
    back = (front < 0.40) & (up > 0.26)
    locks = between(np.mod(front * 1.3 + up * 0.8, 0.09), 0, 0.03)
    eye = (0.786, 0.596)
    level = up - 0.14 * (front - eye[0])
    brow = up + 0.9 * (front - 0.79) ** 2 - 0.34 * (front - 0.79)
    smile = up - 0.36 * (1 - front)
    return [
        (front >= 0, SKIN),
        (oval(front, up, (0.80, 0.46), (0.065, 0.048)), BLUSH),
        (hair | back, HAIR),
        ((hair | back) & locks, HAIR_LIGHT),
        (oval(front, up, (0.447, 0.484), (0.075, 0.105)), SKIN),
        (oval(front, up, (0.455, 0.484), (0.040, 0.065)), SHADE),
        (oval(front, level, eye, (0.074, 0.040)), DARK),
        (oval(front, level, (eye[0], eye[1] - 0.002), (0.064, 0.032)), CREAM),
        (oval(front, up, eye, (0.027, 0.032)), INDIGO),
        (oval(front, up, eye, (0.013, 0.015)), DARK),
        (oval(front, brow, (0.79, 0.692), (0.085, 0.012)), HAIR),
        (oval(front, up, (0.955, 0.445), (0.026, 0.014)), SHADE),
        (oval(front, smile, (1.0, 0.345), (0.115, 0.024)), LIPS),
        (between(smile, 0.343, 0.350) & (front > 0.90), DARK),
    ]


def collar(skin: Skin) -> list[Layer]:
    """A standing collar with a cream edge, and the yoke around it."""
    rise = skin.y_SS + 0.25 * skin.z_SS
    base = skin.y_SS + 0.35 * skin.z_SS
    return [
        (rise < 1.545, CREAM),
        (rise < 1.537, INDIGO),
        ((base < 1.502) | (skin.x_SS > 0.085), CORAL),
    ]


def layers_of(chart: int, skin: Skin) -> list[Layer]:
    """What is painted on a chart, from the lowest layer to the highest."""
    if chart in HEAD:
        up, right = np.meshgrid(*_ramps(len(skin.y_SS)), indexing="ij")
        return [*head_half(right if chart == HEAD[0] else 1 - right, up), *collar(skin)]
    painter = {"torso": torso, "leg": leg, "foot": foot, "arm": arm, "hand": arm}[skin.limb]
    return painter(skin)


def _ramps(samples: int) -> tuple[F32, F32]:
    """V of the rows and U of the columns of a tile's samples."""
    texel = np.arange(samples, dtype=np.float32) * (SIDE / samples) + (0.5 * SIDE / samples - 0.5)
    along = np.clip(texel / (SIDE - 1), 0, 1).astype(np.float32)
    return (1 - along).astype(np.float32), along


def paint_tile(chart: int, skin: Skin) -> U8:
    """Tile (SIDE, SIDE, 3) uint8 of one chart: columns along U, rows against V, U and V = 0 and 1 at texel centres."""
    fine = np.zeros((SIDE * FINER, SIDE * FINER, 3), np.float32)
    for where, colour in layers_of(chart, _finer(skin)):
        fine[where] = colour
    return np.rint(cv2.resize(fine, (SIDE, SIDE), interpolation=cv2.INTER_AREA)).astype(np.uint8)


def _finer(skin: Skin) -> Skin:
    """The places of a tile's samples."""
    rows, columns = _ramps(SIDE * FINER)
    last = np.float32(len(skin.y_SS) - 1)
    column_SS, row_SS = np.meshgrid(columns * last, (1 - rows) * last)
    fields = (skin.x_SS, skin.y_SS, skin.z_SS, skin.along_SS)
    x, y, z, along = (np.asarray(cv2.remap(one, column_SS, row_SS, cv2.INTER_LINEAR), np.float32) for one in fields)
    return Skin(limb=skin.limb, x_SS=x, y_SS=y, z_SS=z, along_SS=along)


def paint_atlas() -> U8:
    """The whole image (6·SIDE, 4·SIDE, 4) uint8: transparent on the head above the collar."""
    tiles = np.stack([paint_tile(chart, skin) for chart, skin in enumerate(skins(), 1)])
    alpha = np.full((CHARTS, SIDE, SIDE, 1), 255, np.uint8)
    alpha[HEAD[0] - 1 :, ..., 0] = garment_cover({"suit": Cut()}, SIDE)[HEAD[0] - 1 :]
    return join_tiles(np.concatenate([tiles, alpha], axis=3))


def write_default_atlas(path: Path = DEFAULT_ATLAS) -> None:
    """Write the default atlas."""
    Image.fromarray(paint_atlas()).save(path, optimize=True)


if __name__ == "__main__":
    write_default_atlas()

"""A town square in the sun with houses, paving and trees: the background of the demo clip.

Every colour is a function of the position on the floor or on the house fronts, so any camera sees it correctly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, Bool, Float
from models.surface.raster import Camera
from stages.world.backgrounds.environment import pixel_rays
from stages.world.backgrounds.painted import noise

Color = tuple[float, float, float]

FRONT_Z, KERB_Z = -6.5, -4.3
"""z of the house fronts and of the kerb before them, metres."""

STOREY = 3.3

SKY = ((0.88, 0.91, 0.94), (0.45, 0.66, 0.90))

GLASS: Color = (0.20, 0.27, 0.34)

WOOD: Color = (0.33, 0.22, 0.15)

AWNING = np.array([[0.75, 0.22, 0.18], [0.93, 0.9, 0.84]], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A house front from x = `left` to `right`, its height (metres) and colours; windows every `step` metres."""

    left: float
    right: float
    high: float
    wall: Color
    frame: Color
    shutter: Color | None
    step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree at (x, z), the height and radius of its crown, metres."""

    x: float
    z: float
    crown_y: float
    radius: float


HOUSES = (
    House(left=-30, right=-8.2, high=7.5, wall=(0.72, 0.66, 0.56), frame=(0.9, 0.88, 0.82), shutter=None, step=2.2),
    House(
        left=-8.2, right=-3.1, high=8.0, wall=(0.80, 0.60, 0.34), frame=(0.93, 0.9, 0.84), shutter=(0.23, 0.36, 0.28),
        step=1.7,
    ),
    House(left=-3.1, right=2.6, high=7.2, wall=(0.74, 0.47, 0.39), frame=(0.92, 0.89, 0.85), shutter=None, step=1.9),
    House(left=2.6, right=6.4, high=2.3, wall=(0.62, 0.58, 0.52), frame=(0.6, 0.56, 0.5), shutter=None, step=99.0),
    House(
        left=6.4, right=30, high=7.8, wall=(0.62, 0.67, 0.70), frame=(0.95, 0.95, 0.93), shutter=(0.30, 0.36, 0.48),
        step=1.8,
    ),
)

TREES = (Tree(x=4.5, z=-8.5, crown_y=4.3, radius=2.2), Tree(x=-6.9, z=-4.9, crown_y=4.1, radius=1.5))


def paint_plaza(camera: Camera) -> F32:
    """The square as the camera sees it, (H, W, 3) in 0..1."""
    eye, ray = pixel_rays(camera)
    grain_GG = noise(np.random.default_rng(3), 256, 256, coarsest=6, octaves=5)
    height = np.clip(ray[..., 1] / 0.6, 0, 1)[..., None]
    image = (np.array(SKY[0]) + height * (np.array(SKY[1]) - np.array(SKY[0]))).astype(np.float32)
    pixel = 1 / camera.focal
    for tree in TREES[:1]:
        _plant(image, eye, ray, tree, grain_GG)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_floor = np.where(ray[..., 1] < -1e-4, -eye[1] / ray[..., 1], np.inf)
        to_front = np.where(ray[..., 2] < -1e-4, (FRONT_Z - eye[2]) / ray[..., 2], np.inf)
    at = eye + np.minimum(to_front, 200)[..., None] * ray
    high = np.select([(at[..., 0] >= h.left) & (at[..., 0] < h.right) for h in HOUSES], [h.high for h in HOUSES], 0.0)
    front = (to_front < to_floor) & (at[..., 1] < high)
    image[front] = _fronts(at[front][:, 0], at[front][:, 1], to_front[front] * pixel, grain_GG)
    floor = to_floor < to_front
    ground = eye + to_floor[floor][:, None] * ray[floor]
    image[floor] = _paving(ground[:, 0], ground[:, 2], to_floor[floor] * pixel, -ray[floor][:, 1], grain_GG)
    for tree in TREES[1:]:
        _plant(image, eye, ray, tree, grain_GG)
    return np.clip(image, 0, 1).astype(np.float32)


def _grain(grain_GG: F32, x: Float, y: Float, size: float) -> F32:
    """Noise (P,) in 0..1, mirrored every `size` metres to avoid seams."""
    cells = len(grain_GG)
    row, column = (np.abs(np.mod(one / size, 2) - 1) * (cells - 1) for one in (y, x))
    return grain_GG[row.astype(int), column.astype(int)]


def _tone(x: Float, y: Float) -> Float:
    """A pseudo-random number in 0..1 for each cell."""
    return np.mod(np.sin(x * 12.9898 + y * 78.233) * 43758.5453, 1)


def _inside(x: Float, y: Float, half: tuple[float, float], soft: Float) -> F32:
    """Coverage (P, 1) by a box about the origin with edges `soft` metres wide."""
    apart = np.maximum(np.abs(x) - half[0], np.abs(y) - half[1])
    return np.clip(0.5 - apart / np.maximum(soft, 1e-4), 0, 1)[:, None].astype(np.float32)


def _mixed(color_P3: F32, other: Color | Float, share_P1: F32) -> F32:
    return np.asarray(color_P3 + share_P1 * (np.asarray(other, np.float32) - color_P3), np.float32)


def _fronts(x: Float, y: Float, soft: Float, grain_GG: F32) -> F32:
    """Colours (P, 3) of the houses at points of their fronts; `soft` is the width of a pixel there, metres."""
    color = np.zeros((len(x), 3), np.float32)
    for house in HOUSES:
        mine = np.flatnonzero((x >= house.left) & (x < house.right))
        if len(mine):
            color[mine] = _house(house, x[mine], y[mine], soft[mine], grain_GG)
    # Stains, and darker walls near the ground.
    color *= (0.80 + 0.28 * _grain(grain_GG, x, y, 5.0))[:, None]
    color *= (0.70 + 0.30 * np.clip(y / 0.8, 0, 1) ** 0.5)[:, None]
    return color


def _house(house: House, x: Float, y: Float, soft: Float, grain_GG: F32) -> F32:
    color = np.tile(np.array(house.wall, np.float32), (len(x), 1))
    blocks = 0.9 + 0.2 * _tone(np.floor(x / 0.7), np.floor(y / 0.35))
    stone = np.array([0.52, 0.50, 0.47], np.float32) * blocks[:, None]
    color = _mixed(color, stone, _inside(x * 0, y, (1.0, 0.7), soft))
    for level in (STOREY, house.high - 0.12):
        color = _mixed(color, house.frame, _inside(x * 0, y - level, (1.0, 0.10), soft))
        color = _mixed(color, color * np.float32(0.72), _inside(x * 0, y - level + 0.22, (1.0, 0.12), soft + 0.1))
    middle = (house.left + house.right) / 2 if house.right - house.left < 10 else house.left + 5 * house.step
    across = np.mod(x - middle + house.step / 2, house.step) - house.step / 2
    number = np.round((x - middle - across) / house.step)
    for storey in (1, 0):
        if house.step > 50:
            break
        color = _windows(house, color, across, y - storey * STOREY, soft, number, storey)
    return color


def _windows(house: House, color: F32, across: Float, y: Float, soft: Float, number: Float, storey: int) -> F32:
    """A row of windows; on the ground floor every third is a door, and awnings cover the others."""
    door = (number % 3 == 0) & (storey == 0)
    for chosen, half, middle, inner in ((~door, (0.46, 0.72), 1.75, GLASS), (door, (0.55, 1.2), 1.2, WOOD)):
        at = np.flatnonzero(chosen & (y > -0.2) & (y < STOREY))
        u, v, w = across[at], y[at] - middle, soft[at]
        some = color[at]
        shade = _inside(u - 0.06, v + 0.06, (half[0] + 0.1, half[1] + 0.1), w + 0.05)
        some = _mixed(some, some * np.float32(0.6), shade)
        some = _mixed(some, house.frame, _inside(u, v, (half[0] + 0.08, half[1] + 0.08), w))
        pane = np.array(inner, np.float32) * (0.8 + 0.5 * np.clip(0.5 + v / 2 + 0.3 * u, 0, 1))[:, None]
        some = _mixed(some, pane, _inside(u, v, half, w))
        bars = np.maximum(_inside(u, v, (0.025, half[1]), w), _inside(u, v - 0.25, (half[0], 0.025), w))
        some = _mixed(some, house.frame, bars)
        if house.shutter and chosen is not door:
            slats = np.array(house.shutter, np.float32) * (0.85 + 0.2 * (np.mod(v, 0.11) > 0.05))[:, None]
            for side in (-1, 1):
                some = _mixed(some, slats, _inside(u - side * (half[0] + 0.28), v, (0.2, half[1] + 0.04), w))
        color[at] = some
    if storey == 0 and not house.shutter:
        color = _awning(color, across, y, soft, ~door)
    return color


def _awning(color: F32, across: Float, y: Float, soft: Float, chosen: Bool) -> F32:
    """Striped awnings over windows, and their shade."""
    at = np.flatnonzero(chosen)
    u, v = across[at], y[at]
    some = _mixed(color[at], color[at] * np.float32(0.55), _inside(u - 0.1, v - 2.05, (0.75, 0.25), soft[at] + 0.25))
    stripe = np.where((np.mod(u, 0.3) < 0.15)[:, None], AWNING[0], AWNING[1])
    stripe = stripe * (0.75 + 0.4 * np.clip((v - 2.2) / 0.5, 0, 1))[:, None].astype(np.float32)
    color[at] = _mixed(some, stripe, _inside(u, v - 2.45, (0.72, 0.24), soft[at]))
    return color


def _paving(x: Float, z: Float, soft: Float, fall: Float, grain_GG: F32) -> F32:
    """Colours (P, 3) of the square, the kerb and the pavement before the houses."""
    deep = soft / np.maximum(fall, 1e-3)
    color = np.zeros((len(x), 3), np.float32)
    for near, size, first in ((z >= KERB_Z, 0.62, (0.62, 0.57, 0.50)), (z < KERB_Z, 0.4, (0.58, 0.58, 0.57))):
        at = np.flatnonzero(near)
        row = np.floor(z[at] / size)
        shifted = x[at] + 0.5 * size * (row % 2)
        tone = 0.88 + 0.2 * _tone(np.floor(shifted / size), row)
        joint = np.maximum(
            _inside(np.mod(shifted + size / 2, size) - size / 2, x[at] * 0, (0.009, 1), soft[at]),
            _inside(np.mod(z[at] + size / 2, size) - size / 2, x[at] * 0, (0.009, 1), deep[at]),
        )
        # Distant joints are thinner than a pixel, so they fade.
        joint = joint * np.clip(0.018 / np.maximum(deep[at], 0.018), 0, 1)[:, None]
        color[at] = _mixed(np.array(first, np.float32) * tone[:, None].astype(np.float32), (0.36, 0.33, 0.30), joint)
    kerb = _inside(x * 0, z - KERB_Z, (1, 0.11), deep)
    color = _mixed(color, (0.70, 0.69, 0.66), kerb)
    color = _mixed(color, color * np.float32(0.55), _inside(x * 0, z - KERB_Z - 0.17, (1, 0.05), deep))
    shade = 1 - 0.45 * np.exp(-np.maximum(z - FRONT_Z, 0) / 0.5)
    return color * ((0.80 + 0.30 * _grain(grain_GG, x, z, 6.0)) * shade)[:, None]


def _plant(image_HW3: F32, eye: F32, ray: F32, tree: Tree, grain_GG: F32) -> None:
    """Paint a tree into the image, in place: a trunk, and a crown of clumps lit from above left."""
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(ray[..., 2] < -1e-4, (tree.z - eye[2]) / ray[..., 2], np.inf)
    x = eye[0] + np.minimum(far, 200) * ray[..., 0] - tree.x
    y = eye[1] + np.minimum(far, 200) * ray[..., 1]
    stem = (np.abs(x + 0.03 * np.sin(3 * y)) < 0.11 - 0.012 * y) & (y > 0) & (y < tree.crown_y)
    clumps = _grain(grain_GG, x, y, 2.2)
    leaves = _grain(grain_GG, x + 7, y, 1.1)
    radius = np.hypot(x, 1.15 * (y - tree.crown_y)) / tree.radius
    crown = (radius + 0.55 * (clumps - 0.5) + 0.22 * (leaves - 0.5)) < 0.88
    bark = np.array([0.33, 0.26, 0.20]) * (0.8 + 0.5 * np.clip(-x[stem] / 0.1, -1, 1))[:, None]
    image_HW3[stem] = bark
    light = 0.55 + 0.35 * (y[crown] - tree.crown_y) / tree.radius - 0.2 * x[crown] / tree.radius
    light = light + 0.75 * (leaves[crown] - 0.5) + 0.55 * (clumps[crown] - 0.4)
    image_HW3[crown] = np.array([0.10, 0.17, 0.06]) + np.clip(light, 0, 1.2)[:, None] * np.array([0.34, 0.40, 0.13])

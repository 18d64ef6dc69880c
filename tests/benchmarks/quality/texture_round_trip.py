"""How much of a texture survives rendering and unwrapping.

    python -m tests.benchmarks.quality.texture_round_trip

A synthetic person turns round once. Half of the views are unwrapped, the other half are held out. Surfaces are exact,
so that every loss is the texture code's. PSNR in dB over 8-bit colours inside the person, two pixels off the edge.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from scipy import ndimage

from models.surface.atlas import DEFAULT_ATLAS, atlas_from_tiles, split_tiles
from models.surface.atlas_file import read_texels
from models.surface.inpainting import close_gaps, fill_all
from models.surface.raster import Camera
from models.surface.texels import open_body_cover
from models.surface.unwrapping import TexelMemory, observe_texels
from stages.drawing.compositing import FrameCanvas, Visible, visible_part
from stages.drawing.texture import draw_texture
from stages.payloads import U8, PersonSurface
from stages.synthetic.ground_truth import ground_truth_surface
from stages.world.bodies.body_shapes import random_shape
from stages.world.bodies.people import Person, pose_person
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.camera.rendering import render_people
from stages.world.camera.shading import random_lights
from stages.world.clothes.garments import random_outfit

VIEWS = 16
TREMBLE, TREMBLE_REACH = 2.0, 6.0
"""Error of a jittered surface in pixels, and the distance over which it is constant."""
WIDER = 4
"""Pixels by which a dilated surface exceeds the person: a hundredth of the height, as the built-in network's do."""
SIDE = 200
HEIGHT, WIDTH, DISTANCE = 480, 480, 3.2
"""Pixels, and metres to the camera: the person is about 370 pixels tall."""


def views(count: int) -> list[tuple[U8, PersonSurface]]:
    """A person in patterned clothes who turns and moves arms and legs: images, and the exact surface in each."""
    rng = np.random.default_rng(5)
    person = Person(score_C=random_shape(rng, 0.0, 1.0, 0.0), outfit=random_outfit(rng, ("checks", "stripes")))
    facing_33 = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    camera = Camera(
        rotation_33=facing_33,
        shift_3=-facing_33 @ np.array([0, 0.95, DISTANCE], np.float32),
        focal=1.4 * HEIGHT,
        center_2=(WIDTH / 2, HEIGHT / 2),
        height=HEIGHT,
        width=WIDTH,
    )
    lights = random_lights(rng)
    made = []
    for number in range(count):
        mesh = pose_person(person, RANDOM_POSES["stand" if number % 4 else "walk"](rng), 2 * np.pi * number / count)
        picture_HW3 = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
        truth = render_people(picture_HW3, [person], [mesh], camera, lights)
        made.append((np.rint(np.clip(picture_HW3, 0, 1) * 255).astype(np.uint8), ground_truth_surface(truth, 1)))
    return made


def trembling(surface: PersonSurface, rng: np.random.Generator) -> PersonSurface:
    """The surface shifted by `TREMBLE` pixels, in another direction in every image and part of the body."""
    shape = surface.labels_hw.shape
    place_y, place_x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    away_x, away_y = (
        cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), TREMBLE_REACH) for _ in range(2)
    )
    place_x += away_x / away_x.std() * np.float32(TREMBLE)
    place_y += away_y / away_y.std() * np.float32(TREMBLE)
    labels_hw = cv2.remap(surface.labels_hw, place_x, place_y, cv2.INTER_NEAREST)
    axes = (cv2.remap(np.ascontiguousarray(axis), place_x, place_y, cv2.INTER_NEAREST) for axis in surface.uv_2hw)
    return replace(surface, labels_hw=np.asarray(labels_hw, np.uint8), uv_2hw=np.stack(list(axes)))


def widened(surface: PersonSurface) -> PersonSurface:
    """The surface with an outline `WIDER` pixels too wide: added pixels take the nearest label."""
    wide_hw = cv2.copyMakeBorder(surface.labels_hw, *[WIDER] * 4, cv2.BORDER_CONSTANT)
    far_hw, nearest = ndimage.distance_transform_edt(wide_hw == 0, return_indices=True)
    uv_2hw = np.pad(surface.uv_2hw, ((0, 0), (WIDER, WIDER), (WIDER, WIDER)))
    labels_hw = np.where(far_hw <= WIDER, wide_hw[tuple(nearest)], 0).astype(np.uint8)
    x0, y0 = surface.x0 - WIDER, surface.y0 - WIDER
    return replace(surface, x0=x0, y0=y0, labels_hw=labels_hw, uv_2hw=uv_2hw[:, *nearest] * (labels_hw > 0))


def worn(rgb_HW3: U8, surface: PersonSurface, tiles_PSSC: U8) -> U8:
    """The image with the tiles on the person, opaque and unshaded."""
    drawn_HW3 = rgb_HW3.copy()
    visible = seen_on(rgb_HW3, drawn_HW3, surface)
    draw_texture(visible, atlas_from_tiles(tiles_PSSC), opacity=1.0, shading=0.0)
    return drawn_HW3


def seen_on(source_HW3: U8, drawn_HW3: U8, surface: PersonSurface) -> Visible:
    """The person on an image of drawing."""
    visible = visible_part(FrameCanvas(source_HW3=source_HW3, rgb_HW3=drawn_HW3), surface)
    assert visible is not None
    return visible


def unwrapped(images: list[tuple[U8, PersonSurface]]) -> U8:
    """Tiles (24, SIDE, SIDE, 4) unwrapped from the images."""
    memory = TexelMemory(side=SIDE)
    for rgb_HW3, surface in images:
        visible = seen_on(rgb_HW3, rgb_HW3.copy(), surface)
        memory.add(observe_texels(visible.canvas.source_HW3, visible.labels_hw, visible.uv_2hw, None, SIDE))
    return close_gaps(memory.tiles())


def psnr(one: U8, other: U8) -> float:
    """Decibels between values (M, 3)."""
    squared = np.square(one.astype(float) - other.astype(float)).mean()
    return float(10 * np.log10(255**2 / max(squared, 1e-9)))


def inner(surface: PersonSurface, shape: tuple[int, ...]) -> np.ndarray:
    """Mask (H, W) of the person, two pixels off the edge."""
    mask_HW = np.zeros(shape[:2], np.uint8)
    height, width = surface.labels_hw.shape
    mask_HW[surface.y0 : surface.y0 + height, surface.x0 : surface.x0 + width] = surface.labels_hw > 0
    return np.asarray(cv2.erode(mask_HW, np.ones((5, 5), np.uint8)) > 0)


def over_views(pairs: list[tuple[U8, U8]], surfaces: list[PersonSurface]) -> float:
    """PSNR over all inner pixels of several images."""
    masks = [inner(surface, one.shape) for surface, (one, _) in zip(surfaces, pairs, strict=True)]
    ones = np.concatenate([one[mask] for mask, (one, _) in zip(masks, pairs, strict=True)])
    return psnr(ones, np.concatenate([other[mask] for mask, (_, other) in zip(masks, pairs, strict=True)]))


def measured() -> dict[str, float]:
    """All figures by name."""
    turned = views(VIEWS)
    shown, held = turned[::2], turned[1::2]
    surfaces = [surface for _, surface in held]
    painted = split_tiles(read_texels(DEFAULT_ATLAS)[..., :3])
    back = unwrapped([(worn(rgb, surface, painted), surface) for rgb, surface in shown])
    seen = (back[..., 3] > 0) & open_body_cover(SIDE)
    filled = fill_all(back)
    clothes = fill_all(unwrapped(shown))
    rng = np.random.default_rng(6)
    wide = fill_all(unwrapped([(rgb, widened(surface)) for rgb, surface in shown]))
    trembled = fill_all(unwrapped([(rgb, trembling(surface, rng)) for rgb, surface in shown]))
    return {
        "share of the surface seen": float(seen.sum() / open_body_cover(SIDE).sum()),
        "painted atlas, texels that were seen": psnr(back[..., :3][seen], painted[seen]),
        "painted atlas, worn in held-out views": over_views(
            [(worn(rgb, s, filled), worn(rgb, s, painted)) for rgb, s in held], surfaces
        ),
        "lit clothes, worn in the views unwrapped": over_views(
            [(worn(rgb, s, clothes), rgb) for rgb, s in shown], [s for _, s in shown]
        ),
        "lit clothes, worn in held-out views": over_views([(worn(rgb, s, clothes), rgb) for rgb, s in held], surfaces),
        "the same of surfaces too wide, worn in held-out views": over_views(
            [(worn(rgb, s, wide), rgb) for rgb, s in held], surfaces
        ),
        "the same of trembling surfaces, worn in held-out views": over_views(
            [(worn(rgb, s, trembled), rgb) for rgb, s in held], surfaces
        ),
    }


def main() -> None:
    """Print the figures."""
    for name, value in measured().items():
        print(f"{name}: {value:.2f}")


if __name__ == "__main__":
    main()

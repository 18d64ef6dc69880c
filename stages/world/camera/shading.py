"""Shading of the visible surface: albedo of clothes, skin and face, lit by ambient light and a few lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, I32
from models.body.open_body import load_body
from models.surface.raster import Hits, blend
from stages.world.bodies.people import Mesh, Person
from stages.world.camera.shadows import ShadowMap, light_share
from stages.world.clothes.attachments import AttachedMesh
from stages.world.clothes.patterns import pattern_colors
from stages.world.clothes.rest_body import rest_body

Rng = np.random.Generator

EYE = np.array([0.031, 1.671, 0.131], np.float32)

MOUTH = np.array([0.0, 1.594, 0.155], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lights:
    """Linear RGB light from above (sky) and below (ground), and of L distant lamps with unit directions toward them."""

    sky_3: F32
    ground_3: F32
    toward_L3: F32
    color_L3: F32


def random_lights(rng: Rng) -> Lights:
    """One to three random lamps; the light on a surface that faces the brightest one adds up to about 1."""
    count = int(rng.integers(1, 4))
    toward = rng.normal(0, 1, (count, 3)) + np.array([0, 0.7, 0.5])
    if rng.random() < 0.75:  # photos are seldom taken against the main light
        toward[0, 2] = abs(toward[0, 2])
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    strength = rng.dirichlet(np.ones(count))[:, None] * rng.uniform(0.35, 0.95)
    tint = 1 + rng.normal(0, 0.07, (count, 3))
    ambient = rng.uniform(0.25, 0.6)
    return Lights(
        sky_3=(ambient * (1 + rng.normal(0, 0.05, 3))).astype(np.float32),
        ground_3=(ambient * rng.uniform(0.4, 0.9) * (1 + rng.normal(0, 0.05, 3))).astype(np.float32),
        toward_L3=toward.astype(np.float32), color_L3=(strength * tint).astype(np.float32),
    )


def even_light() -> Lights:
    """Light that is equal from all sides: colours do not depend on the surface's direction. The lamp above is off."""
    all_3, none_3 = np.full(3, 0.9, np.float32), np.zeros(3, np.float32)
    up_3 = np.array([0, 1, 0], np.float32)
    return Lights(sky_3=all_3, ground_3=all_3, toward_L3=up_3[None], color_L3=none_3[None])


def shade(person: Person, mesh: Mesh, hits: Hits, eye_3: F32, lights: Lights, lamp: ShadowMap) -> F32:
    """Linear colours (P, 3) at the hits of one person's body.

    Args:
        eye_3: the camera's position in the world.
        lamp: shadow map of the first lamp; the other lamps cast no shadows.
    """
    body, rest = load_body(), rest_body()
    corner_P3 = body.face_F3[hits.face_P]
    rest_P3 = blend(rest.point_V3, corner_P3, hits.bary_P3)
    normal_P3 = blend(mesh.normal_V3, corner_P3, hits.bary_P3)
    albedo_P3, gloss_P = _albedo(person, corner_P3, hits, rest_P3)
    normal_P3 = _wrinkled(normal_P3, rest_P3, person, gloss_P)
    point_P3 = blend(mesh.vertex_V3, corner_P3, hits.bary_P3)
    return _lit_colors(albedo_P3, gloss_P, normal_P3, point_P3, eye_3, lights, lamp)


def shade_attachment(extra: AttachedMesh, hits: Hits, eye_3: F32, lights: Lights, lamp: ShadowMap) -> F32:
    """As `shade`, for an attached mesh; cloth is lit on its visible side."""
    corner_P3 = extra.surface.face_G3[hits.face_P]
    albedo_P3 = pattern_colors(extra.pattern, blend(extra.surface.rest_W3, corner_P3, hits.bary_P3))
    normal_P3 = blend(extra.normal_W3, corner_P3, hits.bary_P3)
    point_P3 = blend(extra.vertex_W3, corner_P3, hits.bary_P3)
    normal_P3 = normal_P3 * np.sign((normal_P3 * (eye_3 - point_P3)).sum(axis=1, keepdims=True))
    normal_P3 /= np.linalg.norm(normal_P3, axis=1, keepdims=True) + 1e-6
    if extra.wrinkles:
        rest_P3 = blend(extra.surface.rest_W3, corner_P3, hits.bary_P3)
        normal_P3 = _bumped(normal_P3, rest_P3, np.float32(extra.wrinkles), extra.pattern.offset)
    gloss_P = np.full(len(albedo_P3), extra.gloss, np.float32)
    return _lit_colors(albedo_P3, gloss_P, normal_P3, point_P3, eye_3, lights, lamp)


def _lit_colors(
    albedo_P3: F32, gloss_P: F32, normal_P3: F32, point_P3: F32, eye_3: F32, lights: Lights, lamp: ShadowMap
) -> F32:
    up = 0.5 + 0.5 * normal_P3[:, 1:2]
    light = lights.ground_3 + up * (lights.sky_3 - lights.ground_3)
    view = eye_3 - point_P3
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    gleam = np.zeros(len(light), np.float32)
    reach_P = light_share(lamp, point_P3)
    for toward, color in zip(lights.toward_L3, lights.color_L3, strict=True):
        facing = normal_P3 @ toward
        light = light + (reach_P * np.clip((facing + 0.15) / 1.15, 0, None))[:, None] * color
        half = view + toward
        half /= np.linalg.norm(half, axis=1, keepdims=True) + 1e-6
        gleam += reach_P * np.clip((normal_P3 * half).sum(1), 0, 1) ** 24 * (facing > 0) * color.mean()
        reach_P = np.ones_like(reach_P)
    return albedo_P3 * light + (gloss_P * gleam)[:, None]


def _albedo(person: Person, corner_P3: I32, hits: Hits, rest_P3: F32) -> tuple[F32, F32]:
    outfit = person.outfit
    color = np.broadcast_to(outfit.skin_3, rest_P3.shape).copy()
    gloss = np.full(len(rest_P3), 0.10, np.float32)
    _paint_face(color, person, hits, rest_P3)
    for garment in outfit.garments:
        field = blend(garment.field_V[:, None], corner_P3, hits.bary_P3)[:, 0]
        on = field > 0
        if on.any():
            color[on] = pattern_colors(garment.pattern, rest_P3[on])
            # The hem is a slightly darker line.
            color[on] *= np.where(field[on] < 0.006, 0.75, 1.0)[:, None]
            gloss[on] = garment.gloss
    return color, gloss


def _paint_face(color_P3: F32, person: Person, hits: Hits, rest_P3: F32) -> None:
    """Paint eyes, eyebrows and lips by position on the head, in place."""
    head = np.flatnonzero((rest_P3[:, 1] > 1.55) & (rest_P3[:, 2] > 0.06))
    if not len(head):
        return
    outfit = person.outfit
    x, y = np.abs(rest_P3[head, 0]), rest_P3[head, 1]
    brow = (np.abs(x - 0.033) < 0.021) & (np.abs(y - 1.690 - 0.12 * (0.05 - x)) < 0.0035)
    color_P3[head[brow]] = outfit.hair_3 * 0.8
    thick = np.maximum(0.0095 - 0.12 * x, 1e-3)
    lips = ((x / 0.024) ** 2 + ((y - MOUTH[1]) / thick) ** 2) < 1
    color_P3[head[lips]] = outfit.lips_3
    eyeball = load_body().eye_F[hits.face_P[head]]
    if eyeball.any():
        at = head[eyeball]
        apart = np.hypot(x[eyeball] - EYE[0], y[eyeball] - EYE[1])
        white = np.array([0.88, 0.87, 0.86], np.float32)
        color_P3[at] = np.where((apart < 0.0062)[:, None], outfit.iris_3, white)
        color_P3[at[apart < 0.0026]] = 0.02


def _wrinkled(normal_P3: F32, rest_P3: F32, person: Person, gloss_P: F32) -> F32:
    """Normals with small folds of cloth as bumps (bump mapping)."""
    if not person.outfit.garments:
        return normal_P3
    cloth = (gloss_P < 0.08) * np.float32(0.16)
    return _bumped(normal_P3, rest_P3, cloth[:, None], person.outfit.garments[0].pattern.offset)


def _bumped(normal_P3: F32, rest_P3: F32, strength: F32 | np.float32, phase: float) -> F32:
    """Normals tilted by small folds of some strength, one for all or (P, 1)."""
    x, y, z = rest_P3.T
    tilt = np.stack(
        [
            np.sin(47 * y + 18 * x + 3 * np.sin(13 * z + 9 * x) + phase),
            np.sin(38 * z - 24 * y + 2 * phase),
            np.sin(31 * x + 29 * y + 3 * phase),
        ],
        axis=1,
    )
    bent = normal_P3 + strength * tilt
    return bent / (np.linalg.norm(bent, axis=1, keepdims=True) + 1e-6)

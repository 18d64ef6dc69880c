"""The world `far`: bodies, poses, clothes, backgrounds and camera from generators that no other world uses.

It shares the body surface, the lighting model and the renderer with the other worlds. A score on `far` measures how
well a network generalises beyond `train`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, Bool, Float
from models.body.open_body import load_body
from models.surface.raster import Camera
from stages.world.backgrounds.painted import FAR_BACKGROUNDS, far_color
from stages.world.bodies.far_poses import far_pose
from stages.world.bodies.people import Mesh, Person, moved_on_floor, pose_person
from stages.world.camera.camera_effects import far_photograph
from stages.world.camera.framing import floor_position
from stages.world.camera.rendering import render_people
from stages.world.camera.shading import Lights
from stages.world.clothes.garments import Garment, Outfit
from stages.world.clothes.patterns import FAR_PATTERNS, Pattern
from stages.world.clothes.rest_body import rest_body
from stages.world.clothes.skirts import Skirt
from stages.world.scene import Scene, annotated_scene

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class FarWorld:
    """The world `far`: size of its images, and the probabilities of 1, 2, 3 … people."""

    name: str = "far"
    height: int = 240
    width: int = 320
    people: tuple[float, ...] = (0.5, 0.3, 0.15, 0.05)


def far_scene(world: FarWorld, seed: int, index: int) -> Scene:
    """Scene number `index`. Equal arguments give equal bytes, whatever was drawn before."""
    rng = np.random.default_rng([seed, index, *world.name.encode()])
    count = 1 + int(rng.choice(len(world.people), p=np.asarray(world.people) / sum(world.people)))
    people = [far_person(rng) for _ in range(count)]
    first, *others = (pose_person(person, far_pose(rng), float(rng.uniform(0, 2 * np.pi))) for person in people)
    camera = _far_camera(world, rng, first)
    meshes = [first, *(_beside(rng, camera, first, mesh) for mesh in others)]
    painter = FAR_BACKGROUNDS[str(rng.choice(list(FAR_BACKGROUNDS)))]
    image = np.clip(painter(rng, world.height, world.width), 0, 1).astype(np.float32)
    truth = render_people(image, people, meshes, camera, _far_lights(rng))
    hidden = np.zeros(image.shape[:2], bool)
    if rng.random() < 0.3:
        _lattice(rng, image, hidden)
    return annotated_scene(far_photograph(rng, image), truth, hidden, meshes, camera)


def far_person(rng: Rng) -> Person:
    """A body with normally distributed shape coefficients, in clothes bounded by planes and spheres."""
    score = np.clip(rng.normal(0, 0.85, load_body().score_SC.shape[1]), -2, 2).astype(np.float32)
    skin = np.array([0.93, 0.77, 0.66]) * (1 - rng.beta(1.2, 1.5) * np.array([0.70, 0.78, 0.84]))
    hair = far_color(rng) * 0.6
    rest = rest_body()
    x, y, z = rest.point_V3.T
    lean = rng.normal(0, 0.35)
    neck, hem = rng.uniform(1.40, 1.55), rng.uniform(0.75, 1.15)
    upper = np.minimum(y - hem - lean * x, neck + rng.normal(0, 0.4) * x - y)
    upper = np.where(rest.arm_V > -0.9, (rng.uniform(-0.3, 2.1) - rest.arm_V) * 0.25, upper)
    lower = np.minimum(1.05 + rng.normal(0, 0.15) * x - y, (rng.uniform(0.2, 2.1) - rest.leg_V) * 0.35)
    lower = np.where(rest.arm_V > -0.5, -1.0, lower)
    crown = np.array([0, 1.73, -0.02 - rng.uniform(0, 0.04)])
    ball = rng.uniform(0.085, 0.13) - np.linalg.norm((rest.point_V3 - crown) * [1, 0.8, 1], axis=1)
    feet = np.where(rest.leg_V > 0.9, rng.uniform(0.05, 0.35) - y + 0.2 * z, -1.0)
    garments = [_far_garment(rng, field) for field in (lower, upper, feet)]
    garments.append(
        Garment(
            field_V=np.where(rest.head_V > 0, ball, -1).astype(np.float32), thickness=0.02, folds=0.004,
            pattern=_far_pattern(rng, hair, hair * 0.7), gloss=0.2,
        )
    )
    outfit = Outfit(
        garments=tuple(garments), skin_3=skin.astype(np.float32), hair_3=hair, iris_3=far_color(rng) * 0.5,
        lips_3=(skin * [1.0, 0.7, 0.7]).astype(np.float32),
    )
    return Person(score_C=score, outfit=outfit, attachments=(_far_skirt(rng),) if rng.random() < 0.2 else ())


def _far_skirt(rng: Rng) -> Skirt:
    return Skirt(
        rings=int(rng.integers(10, 30)), flare=float(rng.uniform(0, 0.3)), folds=int(rng.integers(3, 16)), phase=0.0,
        pattern=_far_pattern(rng, far_color(rng), far_color(rng)),
    )


def _far_garment(rng: Rng, field_V: Float) -> Garment:
    thick = float(rng.gamma(2, 0.006))
    return Garment(
        field_V=field_V.astype(np.float32), thickness=min(thick, 0.04), folds=0.2 * min(thick, 0.03),
        pattern=_far_pattern(rng, far_color(rng), far_color(rng)), gloss=float(rng.uniform(0.02, 0.3)),
    )


def _far_pattern(rng: Rng, first_3: F32, second_3: F32) -> Pattern:
    return Pattern(
        kind=str(rng.choice(list(FAR_PATTERNS))), first_3=first_3, second_3=second_3.astype(np.float32),
        direction_3=np.array([0, 1, 0], np.float32), size=float(rng.gamma(3, 0.015) + 0.01),
        offset=float(rng.uniform(0, 9)),
    )


def _far_camera(world: FarWorld, rng: Rng, mesh: Mesh) -> Camera:
    """A camera on a sphere around the person that looks at a point of the body; field of view 18° to 95°."""
    low, high = mesh.vertex_V3.min(axis=0), mesh.vertex_V3.max(axis=0)
    size = float(np.linalg.norm(high - low))
    angle = float(np.radians(rng.uniform(18, 95)))
    focal = 0.5 * world.width / np.tan(angle / 2)
    share = float(rng.beta(2, 2.2)) * 1.1 + 0.15
    away = max(0.9, focal * size / (share * world.height))
    up, around = float(np.radians(rng.uniform(-8, 50))), float(rng.uniform(-0.6, 0.6))
    target = low + (high - low) * rng.uniform(0.25, 0.75, 3)
    back = np.array([np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)])
    eye = target + away * back
    right = np.cross([0, 1, 0], back)
    right /= np.linalg.norm(right)
    roll = rng.normal(0, 0.09)
    down = -np.cross(back, right)
    across, below = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    rotation = np.stack([across, below, -back]).astype(np.float32)
    return Camera(
        rotation_33=rotation, shift_3=(-rotation @ eye).astype(np.float32), focal=float(focal),
        center_2=(world.width / 2, world.height / 2), height=world.height, width=world.width,
    )


def _beside(rng: Rng, camera: Camera, first: Mesh, mesh: Mesh) -> Mesh:
    """Another person moved into the image, at up to twice the distance of the first."""
    depth = float(camera.to_camera(first.vertex_V3.mean(axis=0, keepdims=True))[0, 2])
    return moved_on_floor(
        mesh, *floor_position(camera, float(rng.uniform(0.05, 0.95)) * camera.width, depth * rng.uniform(0.8, 2))
    )


def _far_lights(rng: Rng) -> Lights:
    """Ambient light, and one or two lamps at random azimuths."""
    around = rng.uniform(0, 2 * np.pi, int(rng.integers(1, 3)))
    up = rng.uniform(0.2, 1.3, len(around))
    toward = np.stack([np.cos(around) * np.cos(up), np.sin(up), np.sin(around) * np.cos(up)], axis=1)
    return Lights(
        sky_3=(far_color(rng) * 0.25 + rng.uniform(0.25, 0.5)).astype(np.float32),
        ground_3=far_color(rng) * 0.3 + np.float32(0.1), toward_L3=toward.astype(np.float32),
        color_L3=rng.uniform(0.2, 0.7, (len(around), 3)).astype(np.float32),
    )


def _lattice(rng: Rng, image_HW3: F32, hidden_HW: Bool) -> None:
    """Paint bars over the people, in place."""
    height, width = hidden_HW.shape
    y, x = np.mgrid[:height, :width]
    slant = rng.uniform(-1, 1)
    bars = np.mod((x + slant * y) / rng.uniform(30, 110) + rng.random(), 1) < rng.uniform(0.04, 0.16)
    image_HW3[bars] = far_color(rng)
    hidden_HW |= bars

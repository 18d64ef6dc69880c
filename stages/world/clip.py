"""Clips: the same two people walking through the same place, frame after frame, each frame a `Scene`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.surface.raster import Camera
from stages.world.people import Person
from stages.world.rotations import LEFT, about
from stages.world.scene import Scene, World, annotated, draw, random_person
from stages.world.shading import Lights
from stages.world.stage_set import cast_shadows, paint_set, random_set
from stages.world.walking import Gait, gait_of, walking

F32 = npt.NDArray[np.float32]
Rng = np.random.Generator

FINENESS = 2  # the picture is drawn this many times larger and averaged down


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """Someone on their way: place (x, z) at the middle of the clip, heading, and where in the cycle they are."""

    person: Person
    gait: Gait
    middle_2: tuple[float, float]
    yaw: float
    phase: float


def clip(world: World, seed: int, n_frames: int, fps: float, size: tuple[int, int]) -> Iterator[Scene]:
    """Consecutive scenes of two people who walk past each other before a still camera.

    Args:
        world: whose bodies and clothes they have.
        size: height and width in pixels.

    Instance 1 and 2 stay the same person in every frame in which both are seen.
    """
    rng = np.random.default_rng([seed, *b"clip", *world.name.encode()])
    place, walkers = random_set(rng), _walkers(world, rng)
    camera, lights = _camera(*size), _daylight(rng)
    fine = _finer(camera)
    picture = paint_set(place, fine)
    for frame in range(n_frames):
        yield _frame(picture, walkers, camera, fine, lights, (frame - (n_frames - 1) / 2) / fps)


def _walkers(world: World, rng: Rng) -> list[Walker]:
    adults = replace(world, children=0.0)
    walkers = []
    for side in (1, -1):
        person = random_person(adults, rng)
        walkers.append(Walker(
            person=person, gait=gait_of(person, briskness=float(rng.uniform(0.92, 1.05))),
            middle_2=(0.35 * side, 0.45 * side), yaw=-side * float(rng.uniform(1.0, 1.2)), phase=float(rng.random()),
        ))
    return walkers


def _camera(height: int, width: int) -> Camera:
    """At eye height, 5.6 m from the middle, a little downward; people are about half the picture tall."""
    focal = 1.3 * height
    facing = np.diag([1, -1, -1]).astype(np.float32) @ about(LEFT, 0.10)
    eye = np.array([0.0, 1.55, 5.6], np.float32)
    return Camera(
        rotation_33=facing.astype(np.float32), shift_3=(-facing @ eye).astype(np.float32), focal=focal,
        center_2=(width / 2, height / 2), height=height, width=width,
    )


def _finer(camera: Camera) -> Camera:
    return replace(
        camera, focal=camera.focal * FINENESS, height=camera.height * FINENESS, width=camera.width * FINENESS,
        center_2=(camera.center_2[0] * FINENESS, camera.center_2[1] * FINENESS),
    )


def _daylight(rng: Rng) -> Lights:
    toward = np.array([[float(rng.choice([-1, 1])) * 0.55, 0.75, 0.5]], np.float32)
    return Lights(
        sky_3=np.array([0.50, 0.53, 0.58], np.float32), ground_3=np.array([0.32, 0.30, 0.28], np.float32),
        toward_L3=toward / np.linalg.norm(toward), color_L3=np.array([[0.66, 0.62, 0.56]], np.float32),
    )


def _frame(picture_HW3: F32, walkers: list[Walker], camera: Camera, fine: Camera, lights: Lights, t: float) -> Scene:
    meshes, people = [], [walker.person for walker in walkers]
    for walker in walkers:
        # The phase shifts time by part of a cycle; the start is moved back by the way made in it.
        shift = walker.phase * walker.gait.period
        back = walker.gait.speed * shift
        start = (walker.middle_2[0] - back * np.sin(walker.yaw), walker.middle_2[1] - back * np.cos(walker.yaw))
        meshes.append(walking(walker.person, walker.gait, start, walker.yaw, t + shift))
    view = picture_HW3.copy()
    cast_shadows(view, fine, meshes, lights.toward_L3[0], 0.42)
    draw(view, people, meshes, fine, lights)
    small = cv2.resize(view, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    truth = draw(np.zeros_like(small), people, meshes, camera, lights)
    rgb = (np.clip(small, 0, 1) * 255).astype(np.uint8)
    return annotated(rgb, truth, np.zeros(small.shape[:2], bool), meshes, camera)

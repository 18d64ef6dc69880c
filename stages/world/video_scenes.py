"""Frames of video clips by seed and index, with depth, exact optical flow and identities.

Scenes are numbered through all clips of a seed: scene i is frame i mod `frames` of clip i // `frames`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from models.arrays import F32
from models.surface.raster import Camera, Hits
from stages.world.backgrounds.environment import FLOOR, FRONT, Place, prospect
from stages.world.backgrounds.floor_and_wall import StageSet, random_set
from stages.world.backgrounds.occluders import furnished
from stages.world.backgrounds.photos import hung
from stages.world.bodies.contact import meeting
from stages.world.bodies.motions import Actor, actor
from stages.world.bodies.rotations import LEFT, about
from stages.world.camera.camera_effects import Film, develop, random_film
from stages.world.camera.camera_motion import CAMERAS, CameraWork
from stages.world.camera.corruptions import WEATHER
from stages.world.camera.motion_blur import Exposure, covered, exposed
from stages.world.camera.optical_flow import Moment, depth_everywhere, flow, in_the_open, moment
from stages.world.camera.rendering import maps, paint_people
from stages.world.camera.shading import Lights, random_lights
from stages.world.camera.shadows import cast_shadows
from stages.world.image_scenes import random_person
from stages.world.scene import Moving, Scene, annotated, shown
from stages.world.video_worlds import MovingWorld

Rng = np.random.Generator

PERSON = 1.7  # metres, to say how tall people are in the picture

JOINTS = 1.0  # pixels over which the joints of floors and walls are averaged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """Everything of one clip; `first_track` is the identity of its first person."""

    world: MovingWorld
    salt: tuple[int, ...]
    place: Place
    actors: tuple[Actor, ...]
    work: CameraWork
    lights: Lights
    film: Film
    shutter: float
    darkness: float
    first_track: int
    weather: tuple[str, ...]

    def time(self, frame: float) -> float:
        """Seconds from the middle of the clip."""
        return (frame - (self.world.frames - 1) / 2) / self.world.rate


def moving_scene(world: MovingWorld, seed: int, index: int) -> Scene:
    """Scene number `index`: the same arguments give the same bytes, in any order. `Scene.moving` is there."""
    made = _clip(world, seed, index // world.frames)
    frame = index % world.frames
    here = _moment(made, frame)
    hits = in_the_open(here)
    meshes = list(here.meshes)
    truth = maps(hits, meshes, here.camera)
    exposure = Exposure(
        on=flow(here, hits, _moment(made, frame + 1)), back=flow(here, hits, _moment(made, frame - 1)),
        shutter=made.shutter,
    )
    passing = np.random.default_rng([*made.salt, frame])
    rgb = develop(made.film, passing, _picture(made, here, hits, exposure, passing))
    still = annotated(rgb, truth, np.zeros(rgb.shape[:2], bool), meshes, here.camera)
    numbers = shown(truth.instance_HW, meshes, here.camera)
    return replace(still, depth_HW=depth_everywhere(here, hits), moving=Moving(
        track_N=np.array(numbers, np.int32).reshape(-1) - 1 + made.first_track,
        next_2HW=exposure.on.way_2HW, previous_2HW=exposure.back.way_2HW, next_seen_HW=exposure.on.seen_HW,
        previous_seen_HW=exposure.back.seen_HW,
    ))


@lru_cache(maxsize=2)
def _clip(world: MovingWorld, seed: int, number: int) -> Clip:
    salt = (seed, number, *world.name.encode())
    rng = np.random.default_rng(salt)
    base = _base_camera(world, rng)
    count = int(rng.integers(world.people[0], world.people[1] + 1))
    place = random_set(rng)
    place = replace(place, wall_z=max(place.wall_z, 0.5 * (count - 1) * world.lane + 3))
    lights = random_lights(rng)
    return Clip(
        world=world, salt=salt, place=_place(world, salt, place, base, count),
        actors=_actors(world, rng, count, base), work=CAMERAS[str(rng.choice(world.cameras))](rng, base), lights=lights,
        film=random_film(rng), shutter=float(rng.uniform(*world.shutter)), darkness=float(rng.uniform(0.2, 0.5)),
        first_track=number * world.people[1],
        weather=tuple(rng.choice(world.weather, 1).tolist()) if world.weather else (),
    )


def _place(world: MovingWorld, salt: tuple[int, ...], place: StageSet, base: Camera, count: int) -> Place:
    """The place, or a picture in its stead, with what stands in front; with random numbers of its own."""
    rng = np.random.default_rng([*salt, *b"place"])
    shown: Place = place
    if world.backgrounds and rng.random() < world.photo_share:
        shown = hung(rng, world.backgrounds[rng.integers(len(world.backgrounds))], base, place.wall_z)
    things = int(rng.integers(world.fronts[0], world.fronts[1] + 1))
    if not things:
        return shown
    nearest = 0.5 * (count - 1) * world.lane
    return furnished(rng, shown, things, world.width / base.focal * world.away[0], (nearest + 0.4, nearest + 1.2))


def _base_camera(world: MovingWorld, rng: Rng) -> Camera:
    """Somewhere about eye height, looking at the middle."""
    away = float(rng.uniform(*world.away))
    eye = np.array([rng.normal(0, 0.4), rng.uniform(0.9, 2.4), away], np.float32)
    pitch = float(np.arctan2(eye[1] - 0.5 * PERSON, away)) + float(rng.normal(0, 0.02))
    facing = np.diag([1, -1, -1]).astype(np.float32) @ about(LEFT, pitch)
    return Camera(
        rotation_33=facing.astype(np.float32), shift_3=(-facing @ eye).astype(np.float32),
        focal=float(rng.uniform(*world.tall)) * world.height * away / PERSON,
        center_2=(world.width / 2, world.height / 2), height=world.height, width=world.width,
    )


def _actors(world: MovingWorld, rng: Rng, count: int, base: Camera) -> tuple[Actor, ...]:
    """Everyone, each on a way of their own, from the furthest to the nearest."""
    kinds, chances = zip(*world.motions, strict=True)
    half = (world.frames + 2) / 2 / world.rate
    actors: list[Actor] = []
    if count > 1 and world.contact and rng.random() < world.contact:
        two = (random_person(world.dressed, rng), random_person(world.dressed, rng))
        middle = (float(rng.uniform(-0.3, 0.3)), -0.5 * (count - 2) * world.lane)
        actors += meeting(rng, two, middle, float(rng.uniform(-np.pi, np.pi)), half)
    for k in range(len(actors), count):
        z = (k - (count - 1) / 2) * world.lane
        wide = world.width / base.focal * (float(base.shift_3[2]) - z)
        middle = (float(rng.uniform(-0.38, 0.38)) * wide, z)
        kind = str(rng.choice(kinds, p=np.asarray(chances) / sum(chances)))
        yaw = float(rng.choice([-1, 1])) * np.pi / 2 + float(rng.normal(0, world.aside))
        actors.append(actor(kind, random_person(world.dressed, rng), rng, middle, yaw, half))
    return tuple(actors)


@lru_cache(maxsize=4)
def _moment(made: Clip, frame: int) -> Moment:
    t = made.time(frame)
    return moment(made.place, tuple(one.mesh(t) for one in made.actors), made.work.at(t))


@lru_cache(maxsize=2)
def _seen_standing(made: Clip) -> F32:
    """The place without anyone, as a camera that stands still sees it through the whole clip."""
    return made.place.paint(prospect(made.place, made.work.base), JOINTS)


def _picture(made: Clip, here: Moment, hits: Hits, exposure: Exposure, passing: Rng) -> F32:
    """The frame before it is developed, (H, W, 3) in about 0..1; `passing` makes what is of this frame only."""
    place = made.place.paint(here.view, JOINTS) if made.work.moves else _seen_standing(made)
    meshes = list(here.meshes)
    shaded = place.copy()
    cast_shadows(shaded, here.camera, meshes, made.lights.toward_L3[0], made.darkness)
    place = np.clip(np.where((here.view.part_HW == FLOOR)[..., None], shaded, place), 0, 1)
    sharp = place.copy()
    paint_people(sharp, hits, [one.person for one in made.actors], meshes, here.camera, made.lights)
    color_P3 = np.clip(sharp.reshape(-1, 3)[hits.pixel_P], 0, 1)
    picture = exposed(exposure, hits, color_P3, place)
    if (here.view.part_HW >= FRONT).any():
        picture = covered(exposure, hits, picture, place, here.view.part_HW >= FRONT)
    for name in made.weather:
        picture = WEATHER[name](np.random.default_rng([*made.salt, *name.encode()]), passing, picture)
    return picture

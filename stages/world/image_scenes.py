"""Scenes of the worlds of single images, by seed and index."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.arrays import F32, U8
from models.surface.raster import Camera
from stages.world.backgrounds.environment import prospect
from stages.world.backgrounds.floor_and_wall import random_set
from stages.world.backgrounds.occluders import occluder
from stages.world.backgrounds.painted import BACKDROPS, Backdrop, clouds, flat
from stages.world.backgrounds.photos import window
from stages.world.bodies.body_shapes import human_shape, random_shape
from stages.world.bodies.contact import CONTACTS
from stages.world.bodies.costumes import in_loose_clothes, in_skirt, with_bag, with_hairdo, with_locks
from stages.world.bodies.people import Mesh, Person, moved, pose_person
from stages.world.bodies.random_poses import POSES
from stages.world.camera.camera_effects import photograph
from stages.world.camera.corruptions import WEATHER
from stages.world.camera.framing import camera_before, floor_place
from stages.world.camera.rendering import draw
from stages.world.camera.shading import Lights, random_lights
from stages.world.camera.shadows import splat_shadows
from stages.world.clothes.garments import random_outfit
from stages.world.image_worlds import World
from stages.world.scene import LEAST_PIXELS, Scene, annotated

Rng = np.random.Generator

SHAPES = {"even": random_shape, "human": human_shape}


def scene(world: World, seed: int, index: int) -> Scene:
    """Scene number `index` of a world: the same arguments give the same bytes, in any order."""
    rng, people, meshes, camera = cast_of(world, seed, index)
    behind = backdrop(world, rng, camera)
    return photographed(world, rng, behind, people, meshes, camera, random_lights(rng))


def cast_of(world: World, seed: int, index: int) -> tuple[Rng, list[Person], list[Mesh], Camera | None]:
    """Who stands where in a scene, the camera, and the random numbers with which the scene goes on."""
    rng = np.random.default_rng([seed, index, *world.name.encode()])
    count = int(rng.choice(len(world.people), p=np.asarray(world.people) / sum(world.people)))
    people = [random_person(world, rng) for _ in range(count)]
    meshes, camera = _cast(world, rng, people)
    return rng, people, meshes, camera


def backdrop(world: World, rng: Rng, camera: Camera | None) -> Backdrop:
    """A background of the world; a "set" is a place in space and needs the camera that sees it."""
    if world.backgrounds and rng.random() < world.photo_share:
        picture = world.backgrounds[rng.integers(len(world.backgrounds))]
        return flat(window(rng, picture, world.height, world.width))
    kind = str(rng.choice(world.backdrops))
    if kind == "set":
        place = random_set(rng)
        if camera is None:
            return flat(clouds(rng, world.height, world.width))
        view = prospect(place, camera)
        return Backdrop(picture_HW3=place.paint(view, 0.0), depth_HW=view.depth_HW)
    return flat(np.clip(BACKDROPS[kind](rng, world.height, world.width), 0, 1))


def random_person(world: World, rng: Rng) -> Person:
    """A body and clothes of the world."""
    person = Person(
        score_C=SHAPES[world.heights](rng, *world.bodies, world.children), outfit=random_outfit(rng, world.patterns)
    )
    # A share of nothing draws no random number: worlds without such things stay as they are.
    if world.skirts and rng.random() < world.skirts:
        person = in_skirt(person, rng, world.patterns)
    if world.locks and rng.random() < world.locks:
        person = with_locks(person, rng)
    if world.bags and rng.random() < world.bags:
        person = with_bag(person, rng, world.patterns)
    if world.loose and rng.random() < world.loose:
        person = in_loose_clothes(person, rng, world.patterns)
    if world.hairdos and rng.random() < world.hairdos:
        person = with_hairdo(person, rng, world.patterns)
    return person


def _cast(world: World, rng: Rng, people: list[Person]) -> tuple[list[Mesh], Camera | None]:
    """Posed people in their places, and the camera that sees them."""
    names, chances = zip(*world.poses, strict=True)
    meshes = _touching(world, rng, people)
    camera = _first_camera(world, rng, meshes[0]) if meshes else None
    for person in people[len(meshes):]:
        pose = POSES[str(rng.choice(names, p=np.asarray(chances) / sum(chances)))](rng)
        mesh = pose_person(person, pose, float(rng.uniform(*world.facing)))
        if camera is None:
            camera = _first_camera(world, rng, mesh)
        else:
            first_depth = float(camera.to_camera(meshes[0].vertex_V3.mean(axis=0, keepdims=True))[0, 2])
            column = float(rng.uniform(0.0, 1.0)) * world.width
            depth = first_depth * float(np.exp(rng.uniform(-0.35, 0.7)))
            mesh = moved(mesh, *floor_place(camera, column, depth))
        meshes.append(mesh)
    return meshes, camera


def _touching(world: World, rng: Rng, people: list[Person]) -> list[Mesh]:
    """The first two people in contact, in so many scenes as the world says; else nobody."""
    if not world.contact or len(people) < 2 or rng.random() >= world.contact:
        return []
    pair = CONTACTS[rng.integers(len(CONTACTS))](rng, (people[0], people[1]), float(rng.uniform(*world.facing)))
    return [pair.first, pair.second]


def _first_camera(world: World, rng: Rng, mesh: Mesh) -> Camera:
    tall = float(np.exp(rng.uniform(np.log(world.tall[0]), np.log(world.tall[1])))) * world.height
    spread = 0.5 if tall < 0.9 * world.height else 0.3
    center = (
        world.width * (0.5 + float(rng.uniform(-spread, spread)) * 0.8),
        world.height * (0.52 + float(rng.normal(0, 0.10 if tall < 0.9 * world.height else 0.2))),
    )
    return camera_before(rng, mesh, world.height, world.width, tall, center, world.pitch, world.roll, world.lens)


def photographed(
    world: World, rng: Rng, behind: Backdrop, people: list[Person], meshes: list[Mesh], camera: Camera | None,
    lights: Lights,
) -> Scene:
    """Light the people, put them before the picture, let things hide them, and take the photograph."""
    picture = behind.picture_HW3.copy()
    if camera is None:
        return _empty(behind, _taken(world, rng, picture))
    splat_shadows(rng, picture, meshes, camera, lights.toward_L3[0])
    truth = draw(picture, people, meshes, camera, lights)
    hidden = np.zeros(picture.shape[:2], bool)
    for k in range(len(people)):
        ys, xs = np.nonzero(truth.instance_HW == k + 1)
        if len(ys) > LEAST_PIXELS and rng.random() < world.occluded:
            for _ in range(world.occluders):
                mask, colors = occluder(rng, world.height, world.width, (xs.min(), ys.min(), xs.max(), ys.max()))
                picture[mask] = colors[mask]
                hidden |= mask
    made = annotated(_taken(world, rng, picture), truth, hidden, meshes, camera, world.least)
    return replace(made, depth_HW=np.where(np.isinf(made.depth_HW), behind.depth_HW, made.depth_HW))


def _taken(world: World, rng: Rng, picture_HW3: F32) -> U8:
    """The photograph, through the world's weather."""
    if world.weather:
        picture_HW3 = WEATHER[str(rng.choice(world.weather))](rng, rng, picture_HW3)
    return photograph(rng, picture_HW3)


def _empty(behind: Backdrop, rgb_HW3: U8) -> Scene:
    shape = rgb_HW3.shape[:2]
    return Scene(
        rgb_HW3=rgb_HW3, label_HW=np.zeros(shape, np.uint8), uv_2HW=np.zeros((2, *shape), np.float16),
        instance_HW=np.zeros(shape, np.uint8), box_N4=np.zeros((0, 4), np.float32),
        keypoint_N173=np.zeros((0, 17, 3), np.float32), depth_HW=behind.depth_HW,
    )

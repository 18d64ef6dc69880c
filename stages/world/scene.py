"""Scenes by seed and index: a picture of 0–4 people with labels, UV, instances, boxes and keypoints, all exact."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.surface.raster import Camera
from stages.world.bodies.contact import CONTACTS
from stages.world.bodies.costumes import in_loose_clothes, with_hairdo
from stages.world.bodies.people import Mesh, Person, in_skirt, moved, pose_person, random_shape, with_bag, with_locks
from stages.world.bodies.postures import POSES
from stages.world.bodies.statures import human_shape
from stages.world.camera.drawing import Truth, draw
from stages.world.camera.lens import photograph
from stages.world.camera.shading import Lights, random_lights
from stages.world.clothes.wardrobe import random_outfit
from stages.world.places.backdrops import BACKDROPS, Backdrop, clouds, flat, occluder, window
from stages.world.places.places import prospect
from stages.world.places.stage_set import random_set
from stages.world.places.weather import WEATHER
from stages.world.staging import camera_before, floor_place
from stages.world.worlds import LEAST_PIXELS, World

Rng = np.random.Generator

SHAPES = {"even": random_shape, "human": human_shape}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture and all that is true of it; N people, nearest last.

    Attributes:
        rgb_HW3: the picture.
        label_HW: 0 background, 1..24 the chart seen.
        uv_2HW: U, V of the chart, float16; 0 on the background.
        instance_HW: 0 background, 1..N.
        box_N4: x0, y0, x1, y1 of each person's visible pixels, in pixels (x1, y1 exclusive).
        keypoint_N173: COCO-17 as x, y, visibility (2 seen, 1 hidden but in the picture, 0 outside: x = y = 0).
        depth_HW: metres along the camera's axis, of everything that stands in space; infinite in the sky and where the
            background is only a picture; 0 on things that were painted over people.
        moving: flow and identities, in worlds that move.
    """

    rgb_HW3: U8
    label_HW: U8
    uv_2HW: npt.NDArray[np.float16]
    instance_HW: U8
    box_N4: F32
    keypoint_N173: F32
    depth_HW: F32
    moving: Moving | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """What is true of a frame among its neighbours.

    Attributes:
        track_N: identity of each person of the scene; the same person keeps it as long as the clip lasts.
        next_2HW, previous_2HW: where the point that a pixel's centre shows is seen one frame later and earlier: way
            right and down, pixels, float32. Known everywhere: people, floor, walls, sky.
        next_seen_HW, previous_seen_HW: that it is seen there: inside the picture and with nothing before it.
    """

    track_N: npt.NDArray[np.int32]
    next_2HW: F32
    previous_2HW: F32
    next_seen_HW: npt.NDArray[np.bool_]
    previous_seen_HW: npt.NDArray[np.bool_]


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
    _cast_shadows(rng, picture, meshes, camera, lights)
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


def _cast_shadows(rng: Rng, picture_HW3: F32, meshes: list[Mesh], camera: Camera, lights: Lights) -> None:
    """Soft shadows on the floor, away from the first lamp: bodies flattened onto y = 0, splatted and blurred."""
    height, width = picture_HW3.shape[:2]
    toward = lights.toward_L3[0]
    slope = toward / max(float(toward[1]), 0.4)
    small = np.zeros((height // 4 + 1, width // 4 + 1), np.float32)
    for mesh in meshes:
        point = mesh.vertex_V3[::5]
        flat = point - point[:, 1:2] * slope
        seen = camera.to_camera(flat.astype(np.float32))
        pixel = (camera.to_pixels(seen)[seen[:, 2] > 0.1] / 4).astype(int)
        inside = (pixel >= 0).all(axis=1) & (pixel[:, 0] < small.shape[1]) & (pixel[:, 1] < small.shape[0])
        small[pixel[inside, 1], pixel[inside, 0]] = 1
    soft = cv2.GaussianBlur(small, (0, 0), 1.6)
    dark = cv2.resize(soft, (small.shape[1] * 4, small.shape[0] * 4))[:height, :width]
    picture_HW3 *= 1 - np.float32(rng.uniform(0.1, 0.55)) * np.clip(dark, 0, 1)[..., None]


def annotated(
    rgb_HW3: U8, truth: Truth, hidden_HW: npt.NDArray[np.bool_], meshes: list[Mesh], camera: Camera,
    least: int = LEAST_PIXELS,
) -> Scene:
    """Truth without what is hidden; people with too few visible pixels are left out of all annotations."""
    instance = np.where(hidden_HW, 0, truth.instance_HW)
    numbers = shown(instance, meshes, camera, least)
    renumber = np.zeros(len(meshes) + 1, np.uint8)
    renumber[numbers] = np.arange(1, len(numbers) + 1)
    instance = renumber[instance]
    label = np.where(instance > 0, truth.label_HW, 0).astype(np.uint8)
    uv = np.where(instance > 0, truth.uv_2HW, 0).astype(np.float16)
    boxes = [mask_box(instance == k + 1) for k in range(len(numbers))]
    keypoints = [_keypoints(meshes[k - 1], truth, hidden_HW, k, camera) for k in numbers]
    depth = np.where(hidden_HW, 0, np.where(truth.depth_HW > 0, truth.depth_HW, np.inf))
    return Scene(
        rgb_HW3=rgb_HW3, label_HW=label, uv_2HW=uv, instance_HW=instance,
        box_N4=np.array(boxes, np.float32).reshape(-1, 4),
        keypoint_N173=np.array(keypoints, np.float32).reshape(-1, 17, 3), depth_HW=depth.astype(np.float32),
    )


def shown(instance_HW: U8, meshes: list[Mesh], camera: Camera, least: int = LEAST_PIXELS) -> list[int]:
    """Numbers (from 1) of those with enough visible pixels, the furthest first: a new number says who is nearer."""
    numbers = [k + 1 for k in range(len(meshes)) if (instance_HW == k + 1).sum() >= least]
    numbers.sort(key=lambda k: -float(camera.to_camera(meshes[k - 1].vertex_V3.mean(axis=0, keepdims=True))[0, 2]))
    return numbers


def mask_box(mask_HW: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around the set pixels, the last two exclusive."""
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _keypoints(mesh: Mesh, truth: Truth, hidden_HW: npt.NDArray[np.bool_], number: int, camera: Camera) -> F32:
    """Joints lie inside the body: one is seen when its own person's surface is at most 0.16 m before it."""
    seen = camera.to_camera(mesh.keypoint_K3[:17])
    pixel = camera.to_pixels(seen)
    height, width = truth.label_HW.shape
    column, row = np.floor(pixel[:, 0]).astype(int), np.floor(pixel[:, 1]).astype(int)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (seen[:, 2] > 0.05)
    column, row = column.clip(0, width - 1), row.clip(0, height - 1)
    before = seen[:, 2] - truth.depth_HW[row, column]
    clear = inside & (truth.instance_HW[row, column] == number) & (before < 0.16) & ~hidden_HW[row, column]
    state = np.where(clear, 2.0, np.where(inside, 1.0, 0.0))
    return np.concatenate([np.where(inside[:, None], pixel, 0), state[:, None]], axis=1)


def _empty(behind: Backdrop, rgb_HW3: U8) -> Scene:
    shape = rgb_HW3.shape[:2]
    return Scene(
        rgb_HW3=rgb_HW3, label_HW=np.zeros(shape, np.uint8), uv_2HW=np.zeros((2, *shape), np.float16),
        instance_HW=np.zeros(shape, np.uint8), box_N4=np.zeros((0, 4), np.float32),
        keypoint_N173=np.zeros((0, 17, 3), np.float32), depth_HW=behind.depth_HW,
    )

"""Renders scenes of the worlds of single images, by seed and index."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.arrays import F32, U8, Bool
from models.body.open_body import KEYPOINT_NAMES
from models.surface.raster import Camera
from stages.world.backgrounds.environment import environment_view
from stages.world.backgrounds.floor_and_wall import random_floor_and_wall
from stages.world.backgrounds.occluders import painted_occluder
from stages.world.backgrounds.painted import PAINTED_BACKGROUNDS, Background, clouds, without_depth
from stages.world.backgrounds.photos import random_crop_of
from stages.world.backgrounds.things import random_thing
from stages.world.bodies.body_shapes import human_shape, random_shape
from stages.world.bodies.contact import CONTACTS
from stages.world.bodies.costumes import (
    in_loose_clothes,
    in_skirt,
    in_wardrobe_clothes,
    with_bag,
    with_hair_style,
    with_long_hair,
)
from stages.world.bodies.groups import Place, random_group
from stages.world.bodies.people import Mesh, Person, moved_on_floor, pose_person
from stages.world.bodies.real_poses import POSES
from stages.world.camera.camera_effects import photograph
from stages.world.camera.corruptions import CORRUPTIONS
from stages.world.camera.framing import floor_position, framing_camera
from stages.world.camera.rendering import render_people
from stages.world.camera.shading import Lights, even_light, random_lights
from stages.world.camera.shadows import splat_shadows
from stages.world.clothes.garments import random_outfit
from stages.world.image_worlds import ImageWorld
from stages.world.scene import MIN_PIXELS, Scene, annotated_scene

Rng = np.random.Generator

SHAPES = {"even": random_shape, "human": human_shape}


def image_scene(world: ImageWorld, seed: int, index: int) -> Scene:
    """Scene number `index` of a world. Equal arguments give equal bytes, whatever was drawn before."""
    rng, people, meshes, camera = people_and_camera(world, seed, index)
    background = background_of(world, rng, camera)
    lights = random_lights(rng) if world.lamps else even_light()
    return rendered_scene(world, rng, background, people, meshes, camera, lights)


def people_and_camera(world: ImageWorld, seed: int, index: int) -> tuple[Rng, list[Person], list[Mesh], Camera | None]:
    """The people of a scene, their meshes, the camera (None without people), and the random generator after them."""
    rng = np.random.default_rng([seed, index, *world.name.encode()])
    count = int(rng.choice(len(world.people), p=np.asarray(world.people) / sum(world.people)))
    group = random_group(rng, count) if world.groups and count > 1 and rng.random() < world.groups else []
    people = [random_person(world, rng) for _ in range(count)]
    for number, place in enumerate(group, 1):
        if place.is_child:
            child_C = SHAPES[world.height_distribution](rng, *world.body_range, 1.0)
            people[number] = replace(people[number], score_C=child_C)
    meshes, camera = _posed_people(world, rng, people, group)
    return rng, people, meshes, camera


def background_of(world: ImageWorld, rng: Rng, camera: Camera | None) -> Background:
    """A random background of the world; "floor_and_wall" has depth and needs the camera."""
    if world.background_images and rng.random() < world.image_share:
        image = world.background_images[rng.integers(len(world.background_images))]
        return without_depth(random_crop_of(rng, image, world.height, world.width))
    kind = str(rng.choice(world.procedural_backgrounds))
    if kind == "floor_and_wall":
        floor_and_wall = random_floor_and_wall(rng)
        if camera is None:
            return without_depth(clouds(rng, world.height, world.width))
        view = environment_view(floor_and_wall, camera)
        return Background(image_HW3=floor_and_wall.paint(view, 0.0), depth_HW=view.depth_HW)
    return without_depth(np.clip(PAINTED_BACKGROUNDS[kind](rng, world.height, world.width), 0, 1))


def random_person(world: ImageWorld, rng: Rng) -> Person:
    """A person with a random body and clothes of the world."""
    score_C = SHAPES[world.height_distribution](rng, *world.body_range, world.child_share)
    outfit = random_outfit(rng, world.patterns)
    person = Person(score_C=score_C, outfit=outfit if world.clothes else replace(outfit, garments=()))
    # A share of 0 draws no random number, so a new kind of clothing does not change the worlds without it.
    if world.wardrobe and rng.random() < world.wardrobe:
        person = in_wardrobe_clothes(person, rng, world.patterns)
        return with_bag(person, rng, world.patterns) if rng.random() < world.bags else person
    if world.skirts and rng.random() < world.skirts:
        person = in_skirt(person, rng, world.patterns)
    if world.long_hair and rng.random() < world.long_hair:
        person = with_long_hair(person, rng)
    if world.bags and rng.random() < world.bags:
        person = with_bag(person, rng, world.patterns)
    if world.loose_clothing and rng.random() < world.loose_clothing:
        person = in_loose_clothes(person, rng, world.patterns)
    if world.hair_styles and rng.random() < world.hair_styles:
        person = with_hair_style(person, rng, world.patterns)
    return person


def _posed_people(
    world: ImageWorld, rng: Rng, people: list[Person], group: list[Place]
) -> tuple[list[Mesh], Camera | None]:
    """The posed people in their places, and the camera (None without people).

    `group` places all but the first; without it they are anywhere in the view.
    """
    names, chances = zip(*world.poses, strict=True)
    meshes = _people_in_contact(world, rng, people)
    camera = _first_camera(world, rng, meshes[0]) if meshes else None
    for number, person in enumerate(people[len(meshes) :], len(meshes)):
        place = group[number - 1] if group and number else None
        pose = POSES[str(rng.choice(names, p=np.asarray(chances) / sum(chances)))](rng)
        yaw = float(rng.uniform(*world.yaw_range))
        mesh = pose_person(person, pose, yaw if place is None or place.yaw is None else place.yaw)
        if camera is None:
            camera = _first_camera(world, rng, mesh)
        elif place is not None:
            mesh = moved_on_floor(mesh, place.x, place.z)
        else:
            first_depth = float(camera.to_camera(meshes[0].vertex_V3.mean(axis=0, keepdims=True))[0, 2])
            column = float(rng.uniform(0.0, 1.0)) * world.width
            depth = first_depth * float(np.exp(rng.uniform(-0.35, 0.7)))
            mesh = moved_on_floor(mesh, *floor_position(camera, column, depth))
        meshes.append(mesh)
    return meshes, camera


def _people_in_contact(world: ImageWorld, rng: Rng, people: list[Person]) -> list[Mesh]:
    """The first two people in contact, with the probability `world.contact`; otherwise an empty list."""
    if not world.contact or len(people) < 2 or rng.random() >= world.contact:
        return []
    pair = CONTACTS[rng.integers(len(CONTACTS))](rng, (people[0], people[1]), float(rng.uniform(*world.yaw_range)))
    return [pair.first, pair.second]


def _first_camera(world: ImageWorld, rng: Rng, mesh: Mesh) -> Camera:
    person_px = (
        float(np.exp(rng.uniform(np.log(world.person_height[0]), np.log(world.person_height[1])))) * world.height
    )
    spread = 0.5 if person_px < 0.9 * world.height else 0.3
    center = (
        world.width * (0.5 + float(rng.uniform(-spread, spread)) * 0.8),
        world.height * (0.52 + float(rng.normal(0, 0.10 if person_px < 0.9 * world.height else 0.2))),
    )
    return framing_camera(
        rng, mesh, world.height, world.width, person_px, center, world.pitch_range, world.roll_std, world.focal_range
    )


def rendered_scene(
    world: ImageWorld,
    rng: Rng,
    background: Background,
    people: list[Person],
    meshes: list[Mesh],
    camera: Camera | None,
    lights: Lights,
) -> Scene:
    """Render the people with shadows over the background, add occluders, and apply corruptions and camera effects."""
    image = background.image_HW3.copy()
    if camera is None:
        return _empty(background, _photograph(world, rng, image))
    if world.lamps:
        splat_shadows(rng, image, meshes, camera, lights.toward_L3[0])
    truth = render_people(image, people, meshes, camera, lights)
    hidden = np.zeros(image.shape[:2], bool)
    for k in range(len(people)):
        ys, xs = np.nonzero(truth.instance_HW == k + 1)
        if len(ys) > MIN_PIXELS and rng.random() < world.occluded_share:
            for _ in range(world.occluders):
                mask, colors = painted_occluder(
                    rng, world.height, world.width, (xs.min(), ys.min(), xs.max(), ys.max())
                )
                image[mask] = colors[mask]
                hidden |= mask
    if world.things:
        _hold_things(world, rng, image, hidden, meshes, camera)
    scene = annotated_scene(_photograph(world, rng, image), truth, hidden, meshes, camera, world.min_pixels)
    return replace(scene, depth_HW=np.where(np.isinf(scene.depth_HW), background.depth_HW, scene.depth_HW))


def _hold_things(
    world: ImageWorld, rng: Rng, image_HW3: F32, hidden_HW: Bool, meshes: list[Mesh], camera: Camera
) -> None:
    """Paint things before some people's hands and trunks into the image and the hidden pixels, in place."""
    for mesh in meshes:
        if rng.random() >= world.things:
            continue
        side = "left" if rng.random() < 0.5 else "right"
        names = (f"{side}_wrist", f"{side}_elbow", "left_shoulder", "right_hip")
        wrist, elbow, shoulder, hip = (mesh.keypoint_K3[KEYPOINT_NAMES.index(name)] for name in names)
        at = wrist + 0.35 * (wrist - elbow) if rng.random() < 0.7 else (shoulder + hip) / 2
        seen = camera.to_camera(at[None])
        if seen[0, 2] < 0.3:
            continue
        column, row = camera.to_pixels(seen)[0].tolist()
        thing = random_thing(rng, column, row, camera.focal / float(seen[0, 2]))
        rows, columns = thing.over(image_HW3)
        hidden_HW[rows, columns] |= thing.inside(thing.alpha_hw, rows, columns) > 0.5


def _photograph(world: ImageWorld, rng: Rng, image_HW3: F32) -> U8:
    """Apply one of the world's corruptions, if it has any, and the camera effects."""
    if world.corruptions:
        image_HW3 = CORRUPTIONS[str(rng.choice(world.corruptions))](rng, rng, image_HW3)
    return photograph(rng, image_HW3)


def _empty(background: Background, rgb_HW3: U8) -> Scene:
    shape = rgb_HW3.shape[:2]
    return Scene(
        rgb_HW3=rgb_HW3, label_HW=np.zeros(shape, np.uint8), uv_2HW=np.zeros((2, *shape), np.float16),
        instance_HW=np.zeros(shape, np.uint8), box_N4=np.zeros((0, 4), np.float32),
        keypoint_N173=np.zeros((0, 17, 3), np.float32), depth_HW=background.depth_HW,
    )

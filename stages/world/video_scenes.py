"""Frames of video clips by seed and index, with depth, exact optical flow and identities.

Scenes are numbered through all clips of a seed: scene i is frame i mod `frames` of clip i // `frames`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from models.arrays import F32
from models.surface.raster import Camera, Hits
from stages.world.backgrounds.environment import FLOOR, OCCLUDER, Environment, environment_view
from stages.world.backgrounds.floor_and_wall import FloorAndWall, random_floor_and_wall
from stages.world.backgrounds.occluders import with_occluders
from stages.world.backgrounds.photos import photo_plane
from stages.world.bodies.contact import actors_in_contact
from stages.world.bodies.motions import Actor, random_actor
from stages.world.bodies.rotations import LEFT, axis_rotation
from stages.world.camera.camera_effects import VideoSensor, capture_frame, random_video_sensor
from stages.world.camera.camera_motion import CAMERA_MOTIONS, CameraMotion
from stages.world.camera.corruptions import CORRUPTIONS
from stages.world.camera.motion_blur import Exposure, motion_blurred, occluders_over_people
from stages.world.camera.optical_flow import FrameGeometry, depth_map, exact_flow, frame_geometry, visible_hits
from stages.world.camera.rendering import paint_people, surface_maps
from stages.world.camera.shading import Lights, random_lights
from stages.world.camera.shadows import cast_shadows
from stages.world.image_scenes import random_person
from stages.world.scene import MotionTruth, Scene, annotated_scene, visible_people_far_to_near
from stages.world.video_worlds import VideoWorld

Rng = np.random.Generator

PERSON_HEIGHT = 1.7  # metres: the height that `VideoWorld.person_height` refers to
ANTI_ALIASING = 1.0  # pixels over which joints between tiles and bricks are averaged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """Everything that stays the same through a clip.

    Attributes:
        salt: seed of the clip's random generators.
        shutter: exposure time as a share of the time between frames.
        darkness: how much the shadow on the floor darkens, 0..1.
        first_track: identity of the first person.
    """

    world: VideoWorld
    salt: tuple[int, ...]
    environment: Environment
    actors: tuple[Actor, ...]
    camera_motion: CameraMotion
    lights: Lights
    sensor: VideoSensor
    shutter: float
    darkness: float
    first_track: int
    corruptions: tuple[str, ...]

    def time(self, frame: float) -> float:
        """Seconds from the middle of the clip."""
        return (frame - (self.world.frames - 1) / 2) / self.world.fps


def video_scene(world: VideoWorld, seed: int, index: int) -> Scene:
    """Scene number `index` of a world, with `Scene.moving`. Equal arguments give equal bytes in any order."""
    return clip_scene(video_clip(world, seed, index // world.frames), index % world.frames)


def clip_scene(clip: Clip, frame: int) -> Scene:
    """One frame of a clip, with `Scene.moving`; frame 0 is the first."""
    here = _frame_geometry(clip, frame)
    hits = visible_hits(here)
    meshes = list(here.meshes)
    truth = surface_maps(hits, meshes, here.camera)
    exposure = Exposure(
        forward=exact_flow(here, hits, _frame_geometry(clip, frame + 1)),
        backward=exact_flow(here, hits, _frame_geometry(clip, frame - 1)), shutter=clip.shutter,
    )
    frame_rng = np.random.default_rng([*clip.salt, frame])
    rgb = capture_frame(clip.sensor, frame_rng, _frame(clip, here, hits, exposure, frame_rng))
    still = annotated_scene(rgb, truth, np.zeros(rgb.shape[:2], bool), meshes, here.camera)
    numbers = visible_people_far_to_near(truth.instance_HW, meshes, here.camera)
    return replace(
        still,
        depth_HW=depth_map(here, hits),
        moving=MotionTruth(
            track_N=np.array(numbers, np.int32).reshape(-1) - 1 + clip.first_track,
            next_2HW=exposure.forward.flow_2HW, previous_2HW=exposure.backward.flow_2HW,
            next_seen_HW=exposure.forward.visible_HW, previous_seen_HW=exposure.backward.visible_HW,
        ),
    )


@lru_cache(maxsize=2)
def video_clip(world: VideoWorld, seed: int, number: int) -> Clip:
    """Clip number `number` of a world. Equal arguments give equal clips."""
    salt = (seed, number, *world.name.encode())
    rng = np.random.default_rng(salt)
    base = _base_camera(world, rng)
    count = int(rng.integers(world.people[0], world.people[1] + 1))
    floor_and_wall = random_floor_and_wall(rng)
    floor_and_wall = replace(
        floor_and_wall, wall_z=max(floor_and_wall.wall_z, 0.5 * (count - 1) * world.lane_spacing + 3)
    )
    lights = random_lights(rng)
    return Clip(
        world=world,
        salt=salt,
        environment=_environment(world, salt, floor_and_wall, base, count),
        actors=_actors(world, rng, count, base),
        camera_motion=CAMERA_MOTIONS[str(rng.choice(world.camera_motions))](rng, base),
        lights=lights,
        sensor=random_video_sensor(rng),
        shutter=float(rng.uniform(*world.shutter)),
        darkness=float(rng.uniform(0.2, 0.5)),
        first_track=number * world.people[1],
        corruptions=tuple(rng.choice(world.corruptions, 1).tolist()) if world.corruptions else (),
    )


def _environment(
    world: VideoWorld, salt: tuple[int, ...], floor_and_wall: FloorAndWall, base: Camera, count: int
) -> Environment:
    """The environment of a clip, or a background image instead of it, with occluders.

    It has a random generator of its own, so occluders and images do not change the rest of the clip.
    """
    rng = np.random.default_rng([*salt, *b"place"])
    environment: Environment = floor_and_wall
    if world.background_images and rng.random() < world.image_share:
        environment = photo_plane(
            rng, world.background_images[rng.integers(len(world.background_images))], base, floor_and_wall.wall_z
        )
    number = int(rng.integers(world.occluders[0], world.occluders[1] + 1))
    if not number:
        return environment
    nearest = 0.5 * (count - 1) * world.lane_spacing
    return with_occluders(
        rng, environment, number, world.width / base.focal * world.camera_distance[0], (nearest + 0.4, nearest + 1.2)
    )


def _base_camera(world: VideoWorld, rng: Rng) -> Camera:
    """A camera at about eye height that looks at the origin."""
    distance = float(rng.uniform(*world.camera_distance))
    eye = np.array([rng.normal(0, 0.4), rng.uniform(0.9, 2.4), distance], np.float32)
    pitch = float(np.arctan2(eye[1] - 0.5 * PERSON_HEIGHT, distance)) + float(rng.normal(0, 0.02))
    facing = np.diag([1, -1, -1]).astype(np.float32) @ axis_rotation(LEFT, pitch)
    return Camera(
        rotation_33=facing.astype(np.float32), shift_3=(-facing @ eye).astype(np.float32),
        focal=float(rng.uniform(*world.person_height)) * world.height * distance / PERSON_HEIGHT,
        center_2=(world.width / 2, world.height / 2), height=world.height, width=world.width,
    )


def _actors(world: VideoWorld, rng: Rng, count: int, base: Camera) -> tuple[Actor, ...]:
    """The people of a clip, each on a path of their own, from the furthest to the nearest."""
    kinds, chances = zip(*world.motions, strict=True)
    half = (world.frames + 2) / 2 / world.fps
    actors: list[Actor] = []
    if count > 1 and world.contact and rng.random() < world.contact:
        two = (random_person(world.appearance, rng), random_person(world.appearance, rng))
        middle = (float(rng.uniform(-0.3, 0.3)), -0.5 * (count - 2) * world.lane_spacing)
        actors += actors_in_contact(rng, two, middle, float(rng.uniform(-np.pi, np.pi)), half)
    for k in range(len(actors), count):
        z = (k - (count - 1) / 2) * world.lane_spacing
        wide = world.width / base.focal * (float(base.shift_3[2]) - z)
        middle = (float(rng.uniform(-0.38, 0.38)) * wide, z)
        kind = str(rng.choice(kinds, p=np.asarray(chances) / sum(chances)))
        yaw = float(rng.choice([-1, 1])) * np.pi / 2 + float(rng.normal(0, world.yaw_std))
        actors.append(random_actor(kind, random_person(world.appearance, rng), rng, middle, yaw, half))
    return tuple(actors)


@lru_cache(maxsize=4)
def _frame_geometry(clip: Clip, frame: int) -> FrameGeometry:
    t = clip.time(frame)
    return frame_geometry(clip.environment, tuple(one.mesh(t) for one in clip.actors), clip.camera_motion.at(t))


@lru_cache(maxsize=2)
def _empty_background(clip: Clip) -> F32:
    """The environment without people, which a still camera sees unchanged through the clip."""
    return clip.environment.paint(environment_view(clip.environment, clip.camera_motion.base), ANTI_ALIASING)


def _frame(clip: Clip, here: FrameGeometry, hits: Hits, exposure: Exposure, frame_rng: Rng) -> F32:
    """The frame (H, W, 3), about 0..1, before the sensor's effects; `frame_rng` draws what changes with each frame."""
    background = (
        clip.environment.paint(here.view, ANTI_ALIASING) if clip.camera_motion.moves else _empty_background(clip)
    )
    meshes = list(here.meshes)
    shaded = background.copy()
    cast_shadows(shaded, here.camera, meshes, clip.lights.toward_L3[0], clip.darkness)
    background = np.clip(np.where((here.view.part_HW == FLOOR)[..., None], shaded, background), 0, 1)
    sharp = background.copy()
    paint_people(sharp, hits, [one.person for one in clip.actors], meshes, here.camera, clip.lights)
    color_P3 = np.clip(sharp.reshape(-1, 3)[hits.pixel_P], 0, 1)
    image = motion_blurred(exposure, hits, color_P3, background)
    if (here.view.part_HW >= OCCLUDER).any():
        image = occluders_over_people(exposure, hits, image, background, here.view.part_HW >= OCCLUDER)
    for name in clip.corruptions:
        image = CORRUPTIONS[name](np.random.default_rng([*clip.salt, *name.encode()]), frame_rng, image)
    return image

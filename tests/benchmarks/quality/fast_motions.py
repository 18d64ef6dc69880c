"""Kicks, jumps, spins and leaps of real people as clips with exact truth: pose, camera, floor, surface of every pixel.

Some walks of the synthetic worlds stand beside them, for measures of feet.

No pose of them stands in the library of poses, and no training world holds them. The motions are in
`tests/golden/fast_motions.npz`; people, clothes, headings, cameras and places are random with fixed seeds. Cameras are
still and tilted by up to 20°.

    python -m tests.benchmarks.quality.fast_motions FOLDER [NAME/VIEW …]

writes the frames of clips as PNG.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import binary_opening, gaussian_filter1d
from scipy.spatial.transform import Rotation

from models.arrays import F32, Float
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.camera import PinholeCamera
from models.body.open_body import bones_over_time, load_body
from models.body.pose_library import STORED_BONES, UNIT, all_bones
from models.motion.contact_path import PathErrors
from models.motion.foot_lock import locked_feet
from models.motion.soles import soles_over_time
from models.surface.raster import Camera
from stages.world.backgrounds.floor_and_wall import random_floor_and_wall
from stages.world.bodies.motions import Actor
from stages.world.bodies.people import DressedBody, Mesh, Person, dressed_rest_body, pose_dressed
from stages.world.bodies.poses import BonePose, bone_rotations, finger_turns, mirrored_turn
from stages.world.bodies.rotations import LEFT, axis_rotation
from stages.world.bodies.walking import gait_of, walk
from stages.world.camera.camera_effects import random_video_sensor
from stages.world.camera.camera_motion import still
from stages.world.camera.shading import random_lights
from stages.world.image_scenes import random_person
from stages.world.scene import Scene
from stages.world.video_scenes import Clip, clip_scene
from stages.world.video_worlds import HELD_OUT_PEOPLE, VideoWorld

FPS = 30.0
FILE = Path(__file__).parents[2] / "golden" / "fast_motions.npz"
VIEWS = 3
"""Clips of each motion: other people, headings and cameras."""

SEED = 62
WALK, WALK_FRAMES = "walk", 90
MAX_TILT, ROLL = np.radians(20.0), np.radians(2.5)
NEAR_FLOOR = 0.15
"""Metres from the usual height of the lowest sole within which a person stands on the floor."""

SLIDES, LOW = 0.6, 0.045
"""A part of a captured sole stands where it is slower (m/s) and lower (m) than this for four frames."""

CAPTURED = PathErrors(root_3=(0.03, 0.01, 0.03), foot_3=(0.01, 0.01, 0.01), bend_3=(0.002, 0.002, 0.002))
"""Errors of a capture that was carried over to another body."""

SPORTSPEOPLE = replace(HELD_OUT_PEOPLE, child_share=0.0, skirts=0.0, bags=0.0, loose_clothing=0.0)
"""Adults of no training world, in clothes that show how they move."""

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class FastClip:
    """One clip.

    Attributes:
        name: motion and view, as `kick/0`.
        truth: the motion in the world's axes: y is up, the floor is y = 0.
        camera: the camera in these axes.
        clip: what the renderer needs.
    """

    name: str
    truth: BodyMotion
    camera: Camera
    clip: Clip

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.truth.second_T)

    def scene(self, frame: int) -> Scene:
        """A frame with its exact surface."""
        return clip_scene(self.clip, frame)

    def seen_by_camera(self) -> BodyMotion:
        """The truth in the camera's frame (x right, y down, z forward)."""
        turn_33, rotation_TB33 = self.camera.rotation_33, self.truth.rotation_TK33.copy()
        rotation_TB33[:, 0] = turn_33 @ rotation_TB33[:, 0]
        lens = PinholeCamera(focal_px=self.camera.focal, center_2=np.array(self.camera.center_2, np.float32))
        root_T3 = self.truth.root_T3 @ turn_33.T + self.camera.shift_3
        return replace(self.truth, rotation_TK33=rotation_TB33, root_T3=root_T3.astype(np.float32), camera=lens)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedActor:
    """A person who moves as captured; between frames the motion is interpolated."""

    person: Person
    rest: DressedBody
    motion: BodyMotion

    def mesh(self, t: float) -> Mesh:
        """See `Actor`; t = 0 is the middle of the clip."""
        last = len(self.motion.root_T3) - 1
        at = float(np.clip(t * FPS + last / 2, 0, last - 1e-4))
        low, share = int(at), at - int(at)
        turn_B33, root_3 = self.motion.rotation_TK33[low], self.motion.root_T3[low]
        if share > 1e-3:
            way_B3 = Rotation.from_matrix(np.swapaxes(turn_B33, 1, 2) @ self.motion.rotation_TK33[low + 1]).as_rotvec()
            turn_B33 = (turn_B33 @ Rotation.from_rotvec(share * way_B3).as_matrix()).astype(np.float32)
            root_3 = ((1 - share) * root_3 + share * self.motion.root_T3[low + 1]).astype(np.float32)
        return pose_dressed(self.rest, BonePose(turn_B33=turn_B33), 0.0, root_3)


@cache
def motions() -> dict[str, tuple[F32, F32]]:
    """By name: rotations (T, B, 3, 3) of all bones, and the path (T, 3) of the mean body's root, metres."""
    with np.load(FILE) as data:
        vector_TK3 = (np.cumsum(data["step_TK3"], axis=0) * UNIT).astype(np.float32)
        root_T3 = (data["root_T3"] / 1e4).astype(np.float32)
        assert tuple(data["bones"]) == STORED_BONES
        ends = np.cumsum(data["frames"])[:-1]
        parts = zip(data["names"], np.split(vector_TK3, ends), np.split(root_T3, ends), strict=True)
        return {str(name): (np.stack([all_bones(one) for one in vector]), root) for name, vector, root in parts}


def clip_names() -> list[str]:
    """Names of all clips, those of fast motions first."""
    return [f"{name}/{view}" for name in (*motions(), WALK) for view in range(VIEWS)]


def fast_clip(name: str) -> FastClip:
    """The clip of a name, as `kick/0`. Equal names give equal bytes."""
    motion, view = name.split("/")
    rng = np.random.default_rng([SEED, int(view), *motion.encode()])
    person = random_person(SPORTSPEOPLE, rng)
    if motion == WALK:
        truth = replace(turned(*walked(person), rng), shape_C=person.score_C)
    else:
        truth = without_sliding(grounded(turned(*motions()[motion], rng), person.score_C))
    return filmed(name, person, truth, rng)


def filmed(name: str, person: Person, truth: BodyMotion, rng: Rng) -> FastClip:
    """A clip of one person's motion, before a random wall and a random camera."""
    motion, view = name.split("/")
    camera = framed(truth, rng)
    world = VideoWorld(name="fast", height=camera.height, width=camera.width, frames=len(truth.root_T3), fps=FPS)
    place = random_floor_and_wall(rng)
    actor: Actor = CapturedActor(person=person, rest=dressed_rest_body(person), motion=truth)
    clip = Clip(
        world=world,
        salt=(SEED, int(view), *motion.encode()),
        environment=replace(place, wall_z=max(place.wall_z, 1.5 - float(truth.root_T3[:, 2].min()))),
        actors=(actor,),
        camera_motion=still(rng, camera),
        lights=random_lights(rng),
        sensor=random_video_sensor(rng),
        shutter=float(rng.uniform(0.1, 0.5)),
        darkness=float(rng.uniform(0.2, 0.5)),
        first_track=0,
        corruptions=(),
    )
    return FastClip(name=name, truth=truth, camera=camera, clip=clip)


def walked(person: Person) -> tuple[F32, F32]:
    """Rotations and path of a walk, as `motions` gives them, for this person."""
    body, gait = load_body(), gait_of(person)
    steps = [walk(gait, t) for t in (np.arange(WALK_FRAMES) / FPS).tolist()]
    root_T3 = [[0, height, gait.speed * frame / FPS] for frame, (_, height) in enumerate(steps)]
    return np.stack([bone_rotations(body, pose, 0.0) for pose, _ in steps]), np.array(root_T3, np.float32)


def turned(turn_TB33: F32, root_T3: F32, rng: Rng) -> BodyMotion:
    """The motion with a random heading about the middle of its path, with relaxed fingers."""
    yaw = axis_rotation(np.array([0, 1, 0], np.float32), float(rng.uniform(-np.pi, np.pi)))
    body, turn_TB33 = load_body(), turn_TB33.copy()
    turn_TB33[:, 0] = yaw @ turn_TB33[:, 0]
    for bone, turn_33 in finger_turns(float(rng.uniform(0.2, 0.8))).items():
        turn_TB33[:, body.bone(f"{bone}.L")] = turn_33
        turn_TB33[:, body.bone(f"{bone}.R")] = mirrored_turn(turn_33)
    middle_3 = np.array([1, 0, 1]) * (root_T3.min(axis=0) + root_T3.max(axis=0)) / 2
    frames = len(turn_TB33)
    return BodyMotion(
        rotation_TK33=turn_TB33,
        root_T3=((root_T3 - middle_3) @ yaw.T).astype(np.float32),
        shape_C=np.zeros(len(body.component_CV3), np.float32),
        second_T=np.arange(frames) / FPS,
        confidence_TJ=np.ones((frames, len(body.keypoint_KV)), np.float32),
        presence_T=seen_in_all(frames),
        camera=None,
    )


def grounded(motion: BodyMotion, shape_C: F32) -> BodyMotion:
    """The motion of another shape, whose lowest sole lies on the floor whenever the person stands.

    A capture's floor is uneven by centimetres. The correction is interpolated through jumps, so their heights stay.
    """
    _, head_B3 = load_body().rest(shape_C)
    root_T3 = motion.root_T3 * np.float32(leg_length(head_B3) / leg_length(load_body().rest(0 * shape_C)[1]))
    low_T = soles_over_time(shape_C, *bones_over_time(motion.rotation_TK33, head_B3, root_T3))[..., 1].min(axis=(1, 2))
    standing = np.abs(low_T - np.percentile(low_T, 30)) < NEAR_FLOOR
    at_T = np.arange(len(low_T))
    floor_T = np.interp(at_T, at_T[standing], low_T[standing])
    root_T3[:, 1] -= np.minimum(gaussian_filter1d(floor_T, 1.0), low_T)
    return replace(motion, root_T3=root_T3.astype(np.float32), shape_C=shape_C)


def without_sliding(motion: BodyMotion) -> BodyMotion:
    """The motion whose soles stand still where they are low and slow: captured feet slide by millimetres a frame."""
    head_B3 = load_body().rest(motion.shape_C)[1]
    sole_TPS3 = soles_over_time(
        motion.shape_C, *bones_over_time(motion.rotation_TK33.astype(np.float64), head_B3, motion.root_T3)
    )
    centre_TP3 = gaussian_filter1d(sole_TPS3.mean(axis=2), 1.0, axis=0)
    slow_TP = np.linalg.norm(np.gradient(centre_TP3, axis=0), axis=2) * FPS < SLIDES
    return locked_feet(motion, binary_opening(slow_TP & (centre_TP3[..., 1] < LOW), np.ones((4, 1))), errors=CAPTURED)


def leg_length(head_B3: Float) -> float:
    """Length of thigh and shin, metres."""
    hip, knee, ankle = (head_B3[load_body().bone(f"{bone}.L")] for bone in ("upperleg01", "lowerleg01", "foot"))
    return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))


def framed(motion: BodyMotion, rng: Rng) -> Camera:
    """A camera of 480 × 640 with a random tilt, as near as lets the image hold the whole motion."""
    height, width = 640, 480
    focal = float(rng.uniform(0.75, 1.1)) * height
    pitch, aside = float(rng.uniform(-MAX_TILT, MAX_TILT)), float(rng.uniform(-0.1, 0.1))
    turn_33 = axis_rotation(np.array([0, 0, 1], np.float32), float(rng.normal(0, ROLL)))
    turn_33 = turn_33 @ np.diag([1, -1, -1]).astype(np.float32) @ axis_rotation(LEFT, pitch)
    _, placed_TB3 = bones_over_time(motion.rotation_TK33, load_body().rest(motion.shape_C)[1], motion.root_T3)
    point_N3 = placed_TB3.reshape(-1, 3)
    middle = float(point_N3[:, 1].min() + point_N3[:, 1].max()) / 2
    for distance in np.geomspace(2.5, 15, 40).tolist():
        eye = np.array([aside * distance, max(0.25, middle + distance * np.tan(0.8 * pitch)), distance], np.float32)
        camera = Camera(
            rotation_33=turn_33.astype(np.float32),
            shift_3=(-turn_33 @ eye).astype(np.float32),
            focal=focal,
            center_2=(width / 2, height / 2),
            height=height,
            width=width,
        )
        seen_N3 = camera.to_camera(point_N3.astype(np.float32))
        pixel_N2 = camera.to_pixels(seen_N3)
        inside = (pixel_N2 > 0.04 * width) & (pixel_N2 < np.array([0.96 * width, height - 0.04 * width]))
        if seen_N3[:, 2].min() > 1 and inside.all():
            break
    return camera


def main(folder: Path, names: list[str]) -> None:
    """Write the frames of clips as PNG."""
    for name in names or clip_names():
        clip = fast_clip(name)
        (folder / name).mkdir(parents=True, exist_ok=True)
        for frame in range(clip.frames):
            bgr = np.ascontiguousarray(clip.scene(frame).rgb_HW3[..., ::-1])
            cv2.imwrite(str(folder / name / f"{frame:04d}.png"), bgr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])

"""Errors of the up direction of people who stand, lie, exercise on the floor or turn over, before tilted cameras.

    python -m tests.benchmarks.quality.up_direction [--seed 9000] [--cases 24] [--poles] [--source auto] [ACTION …]

A row for each action: median, 95th percentile and maximum in degrees, share up to 5°, share of cases that are stated to
be certain, and the largest error of these. Headings, tilts of the camera, sizes and speeds of movements, and errors of
the fit are random. Constants of `models/motion` were chosen with seeds below 5000. Names of captured motions begin with
the name of their library. `--poles`: the camera also sees 24 vertical lines.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.arrays import F32, F64
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.body_pose import SomeVertices
from models.body.camera import default_camera
from models.body.open_body import load_body
from models.body.pose_library import all_bones, load_poses
from models.motion.ground import Ground, estimated_ground
from models.motion.up_direction import UpSource
from tests.benchmarks.quality.fit_noise import FitNoise, as_fitted

Rng = np.random.Generator

FRAMES, FPS = 60, 30.0
LIBRARY_MOTIONS = (
    "deepmimic/cartwheel", "deepmimic/crawl", "mesh2motion/crawl", "deepmimic/getup_faceup", "deepmimic/getup_facedown",
    "deepmimic/roll", "mesh2motion/pushup",
)  # fmt: skip
WIDTH, HEIGHT, POLES = 640, 480, 24
AWAY_M = 4.0


def turns(axis: str, degrees: float | F64) -> F64:
    """Rotations (T, 3, 3) about an axis of the body."""
    angle_T = np.broadcast_to(np.asarray(degrees, np.float64), FRAMES)
    return Rotation.from_euler(axis, angle_T[:, None], degrees=True).as_matrix()


def wave(rng: Rng, low: float, high: float) -> F64:
    """Angles (T,) that move between two values, one to two times."""
    phase_T = np.linspace(0, 2 * np.pi * rng.uniform(1, 2), FRAMES) + rng.uniform(0, 2 * np.pi)
    return low + (high - low) * (0.5 - 0.5 * np.cos(phase_T))


def on_floor(bone_turn: Mapping[str, F64]) -> BodyMotion:
    """The motion of some bones, `.L` and `.R` included in their names; the lowest skin of each frame is on y = 0."""
    body = load_body()
    rotation_TB33 = np.tile(np.eye(3, dtype=np.float32), (FRAMES, len(body.bones), 1, 1))
    for name, turn_T33 in bone_turn.items():
        rotation_TB33[:, body.bone(name)] = turn_T33
    return lowered(rotation_TB33)


def lowered(rotation_TB33: F32) -> BodyMotion:
    """The motion of rotations, with the lowest skin of each frame on y = 0."""
    body = load_body()
    motion = BodyMotion(
        rotation_TK33=rotation_TB33, root_T3=np.zeros((len(rotation_TB33), 3), np.float32),
        shape_C=np.zeros(len(body.component_CV3), np.float32), second_T=np.arange(len(rotation_TB33)) / FPS,
        confidence_TJ=np.ones((len(rotation_TB33), len(body.keypoint_KV)), np.float32),
        presence_T=seen_in_all(len(rotation_TB33)), camera=None,
    )
    skin = SomeVertices.of(np.arange(0, len(body.mean_V3), 40))
    low_T = np.array([skin.posed(motion.pose(t))[:, 1].min() for t in range(len(rotation_TB33))])
    motion.root_T3[:, 1] = -low_T
    return motion


def both(name: str, left_T33: F64) -> dict[str, F64]:
    """The same bend, which is about the axis x, of a left and a right bone."""
    return {f"{name}.L": left_T33, f"{name}.R": left_T33}


def flat_arms(rng: Rng, spread: float = 25.0) -> dict[str, F64]:
    """Arms beside the body, so that they are on the floor where it lies."""
    left, right = rng.normal(-30, spread, 2).tolist()
    return {"upperarm01.L": turns("z", left), "upperarm01.R": turns("z", -right)}


def arms(rng: Rng, spread: float = 25.0) -> dict[str, F64]:
    """Arms in random directions."""
    angles = {side: rng.normal(0, spread, 2).tolist() for side in "LR"}
    return {f"upperarm01.{side}": turns("x", x) @ turns("z", z) for side, (x, z) in angles.items()}


def lying(rng: Rng, pitch: float) -> BodyMotion:
    """Somebody on the back (−90) or the belly (90), who moves the legs."""
    knees = rng.uniform(0, 90)
    hip_T, knee_T = wave(rng, 0, -0.7 * knees if pitch < 0 else 0), wave(rng, 0, knees)
    legs = both("upperleg01", turns("x", hip_T)) | both("lowerleg01", turns("x", knee_T))
    feet = both("foot", turns("x", 60 if pitch > 0 else 0))
    return on_floor({"root": turns("x", pitch), **legs, **feet, **flat_arms(rng)})


def sit_ups(rng: Rng) -> BodyMotion:
    """The trunk rises from the back while the feet stand on the floor."""
    trunk_T, thigh, shin = wave(rng, -90, rng.uniform(-50, -10)), rng.uniform(-145, -120), rng.uniform(-40, -20)
    hip = both("upperleg01", turns("x", thigh - trunk_T))
    return on_floor({"root": turns("x", trunk_T), **hip, **both("lowerleg01", turns("x", -shin - thigh)), **arms(rng)})


def push_ups(rng: Rng) -> BodyMotion:
    """A straight body on hands and toes."""
    pitch_T = wave(rng, rng.uniform(68, 74), rng.uniform(80, 88))
    return on_floor({"root": turns("x", pitch_T), **both("upperarm01", turns("x", -pitch_T))})


def sits(rng: Rng) -> BodyMotion:
    """On the floor with legs to the front."""
    lean_T = wave(rng, rng.uniform(-25, -5), rng.uniform(0, 20))
    return on_floor({"root": turns("x", lean_T), **both("upperleg01", turns("x", -88 - lean_T)), **arms(rng)})


def stands(rng: Rng) -> BodyMotion:
    """Upright, with knees that bend a little."""
    bend_T = wave(rng, 0, rng.uniform(5, 40))
    legs = both("upperleg01", turns("x", -bend_T)) | both("lowerleg01", turns("x", 2 * bend_T))
    return on_floor({**legs, **both("foot", turns("x", -bend_T)), **arms(rng, 40)})


def on_side(rng: Rng) -> BodyMotion:
    """On the left or right side, legs bent."""
    bend, side = rng.uniform(0, 80), rng.choice([-90.0, 90.0])
    legs = both("upperleg01", turns("x", -bend)) | both("lowerleg01", turns("x", bend))
    return on_floor({"root": turns("z", side), **legs, **flat_arms(rng, 5)})


def rolls(rng: Rng) -> BodyMotion:
    """From the back over a side."""
    way_T = rng.choice([-1.0, 1.0]) * np.linspace(0, rng.uniform(120, 360), FRAMES)
    return on_floor({"root": turns("x", -90) @ turns("y", way_T), **flat_arms(rng, 5)})


def handstand(rng: Rng) -> BodyMotion:
    """Upside down; the legs part and close."""
    part_T = wave(rng, 0, rng.uniform(5, 50))
    legs = {"upperleg01.L": turns("z", part_T), "upperleg01.R": turns("z", -part_T)}
    arms_up = {"upperarm01.L": turns("z", 130), "upperarm01.R": turns("z", -130)}
    return on_floor({"root": turns("z", 180 + wave(rng, -8, 8)), **legs, **arms_up})


def cartwheel(rng: Rng) -> BodyMotion:
    """One turn about the front axis, legs and arms spread."""
    turn_T = rng.choice([-1.0, 1.0]) * np.linspace(0, 360, FRAMES)
    legs = {"upperleg01.L": turns("z", 35), "upperleg01.R": turns("z", -35)}
    arms_up = {"upperarm01.L": turns("z", 110), "upperarm01.R": turns("z", -110)}
    return on_floor({"root": turns("z", turn_T), **legs, **arms_up})


def captured(name: str, rng: Rng) -> BodyMotion:
    """A part of a motion of the library of poses, interpolated between its poses."""
    library = load_poses()
    chosen_N = np.flatnonzero(library.motion_N == library.motions.index(name))
    chosen_N = chosen_N[np.argsort(library.frame_N[chosen_N])]
    turn_NB33 = np.stack([all_bones(vector_K3) for vector_K3 in library.vector_NK3[chosen_N]])
    steps = min(len(chosen_N) - 1, 14)
    first = rng.uniform(0, len(chosen_N) - 1 - steps)
    at_T = np.linspace(first, first + steps, FRAMES)
    at_N = np.arange(len(turn_NB33))
    turns_B = [Slerp(at_N, Rotation.from_matrix(turn_N33))(at_T).as_matrix() for turn_N33 in turn_NB33.swapaxes(0, 1)]
    return lowered(np.stack(turns_B, axis=1).astype(np.float32))


ACTIONS: Mapping[str, Callable[[Rng], BodyMotion]] = {
    "stands": stands, "supine": lambda rng: lying(rng, -90), "prone": lambda rng: lying(rng, 90), "on a side": on_side,
    "rolls over": rolls, "sit-ups": sit_ups, "push-ups": push_ups, "sits": sits, "handstand": handstand,
    "cartwheel": cartwheel,
    **{name: lambda rng, name=name: captured(name, rng) for name in LIBRARY_MOTIONS},
}  # fmt: skip


def poles(rng: Rng, view_33: F64) -> F32:
    """24 vertical lines (24, 4) before a camera of a rotation, whose ends err by a third of a pixel."""
    foot_P3 = np.stack([rng.uniform(-3, 3, POLES), np.full(POLES, -1.2), rng.uniform(-8, -3, POLES)], axis=1)
    ends_P23 = np.stack([foot_P3, foot_P3], axis=1)
    ends_P23[:, 1, 1] = rng.uniform(0, 1.3, POLES)
    seen_P23 = (ends_P23 @ view_33.T).reshape(-1, 3)
    pixel_P22 = default_camera(WIDTH, HEIGHT).project(seen_P23.astype(np.float32)).reshape(POLES, 2, 2)
    return (pixel_P22 + rng.normal(0, 0.3, pixel_P22.shape)).reshape(POLES, 4).astype(np.float32)


def case(
    action: str, seed: int, source: UpSource = "auto", *, upright_lines: bool = False, turned: float = 0.0
) -> tuple[float, Ground]:
    """Degrees between the true and the estimated up direction of a random case, and the estimate.

    Args:
        action: one of `ACTIONS`.
        seed: of everything that is random.
        source: see `estimated_up`.
        upright_lines: whether the camera sees 24 vertical lines.
        turned: degrees by which the camera is rolled in addition.
    """
    rng = np.random.default_rng([seed, *action.encode()])
    motion = ACTIONS[action](rng)
    heading, pitch, roll = rng.uniform(-180, 180), rng.uniform(-5, 25), rng.normal(0, 2)
    view_33 = Rotation.from_euler("zx", [roll + turned, 180 + pitch], degrees=True).as_matrix()
    turn_33 = view_33 @ Rotation.from_euler("y", heading, degrees=True).as_matrix()
    middle_3 = motion.root_T3.mean(axis=0)
    seen = motion.moved(turn_33, np.array([0.2, 0.4, AWAY_M]) - turn_33 @ middle_3)
    seen = as_fitted(replace(seen, camera=default_camera(WIDTH, HEIGHT)), FitNoise(), rng)
    ground = estimated_ground(seen, [poles(rng, view_33)] if upright_lines else (), source)
    return float(np.degrees(np.arccos(np.clip(ground.up_3 @ view_33[:, 1], -1, 1)))), ground


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("actions", nargs="*", default=list(ACTIONS), metavar="ACTION")
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--source", choices=["auto", "camera", "body"], default="auto")
    parser.add_argument("--poles", action="store_true")
    options = parser.parse_args()
    print("| action | median | p95 | max | up to 5° | certain | max of certain |\n|---|---|---|---|---|---|---|")
    for action in options.actions:
        found = [
            case(action, options.seed + k, options.source, upright_lines=options.poles) for k in range(options.cases)
        ]
        error_N, sure_N = np.array([error for error, _ in found]), np.array([ground.sure for _, ground in found])
        certain = f"{error_N[sure_N].max():.1f}" if sure_N.any() else "–"
        print(
            f"| {action} | {np.median(error_N):.1f} | {np.percentile(error_N, 95):.1f} | {error_N.max():.1f} "
            f"| {np.mean(error_N <= 5):.2f} | {sure_N.mean():.2f} | {certain} |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()

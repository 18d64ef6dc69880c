"""How exactly the turn of a camera is found by the background, on clips of the world `video` with known cameras.

    python -m tests.benchmarks.quality.camera_turns [--clips N]

Two rows for each clip of cameras that pan, zoom, shake in a hand, or stand still, one with the focal length given and
one with 60° assumed: turn and error in degrees, focal length in larger sides of the frame, and the mean error of
people's paths from their start, metres, with the camera's turn and as if it stood still. Bodies have their true poses,
as a fit with the given or assumed focal length places them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.motion.camera_estimation import BackgroundMatch, estimated_camera
from models.surface.raster import Camera
from stages.bodies.background_tracking import BackgroundTracker
from stages.payloads import PersonSurface
from stages.world.scene import Scene
from stages.world.video_scenes import clip_scene, video_clip
from stages.world.video_worlds import VIDEO_WORLDS

SEED, HEIGHT, WIDTH, STEP = 77, 360, 480, 2
ASSUMED = 0.866
"""Focal length of 60°, in larger sides."""
KINDS = ("panning", "zooming", "shaking", "still")
Paths = dict[int, list[tuple[int, F64]]]
Film = tuple[list[BackgroundMatch | None], list[Camera], Paths, float]


def filmed(kind: str, number: int) -> Film:
    """Matches of the background, cameras and people's places of a clip, and its frames a second."""
    world = replace(VIDEO_WORLDS["video"], camera_motions=(kind,), height=HEIGHT, width=WIDTH)
    clip, follower = video_clip(world, SEED, number), BackgroundTracker()
    matches, cameras, paths = [], [], dict[int, list[tuple[int, F64]]]()
    for frame in range(0, world.frames, STEP):
        scene = clip_scene(clip, frame)
        matches.append(follower.match(scene.rgb_HW3, [_surface(scene)]))
        cameras.append(clip.camera_motion.at(clip.time(frame)))
        assert scene.moving is not None
        for identity, pose in zip(scene.moving.track_N.tolist(), scene.pose_N, strict=False):
            paths.setdefault(identity, []).append((len(matches) - 1, pose.root_3.astype(np.float64)))
    return matches, cameras, paths, world.fps / STEP


def row(label: str, film: Film, given: bool) -> str:
    """One line of the table. `given`: whether the focal length of the first frame is known."""
    matches, cameras, paths, fps = film
    focal_T = np.array([camera.focal for camera in cameras]) / max(HEIGHT, WIDTH)
    turn_T33 = np.stack([camera.rotation_33 for camera in cameras]).astype(np.float64)
    shift_T3 = np.stack([camera.shift_3 for camera in cameras]).astype(np.float64)
    back_T33 = turn_T33[0] @ turn_T33.swapaxes(1, 2)
    fitted = float(focal_T[0]) if given else ASSUMED
    found = estimated_camera(matches, fitted, fps)
    off_T = Rotation.from_matrix(found.rotation_T33.swapaxes(1, 2) @ back_T33).magnitude()
    made, still, length = [], [], []
    for path in paths.values():
        t = np.array([one for one, _ in path])
        if len(t) < len(matches) / 2:
            continue
        seen_T3 = np.stack([root_3 for _, root_3 in path])
        world_T3 = np.einsum("tji,tj->ti", turn_T33[t], seen_T3 - shift_T3[t])
        true_T3 = world_T3 @ turn_T33[0].T + shift_T3[0]
        placed_T3 = seen_T3 * np.column_stack([np.ones((len(t), 2)), fitted / focal_T[t]])
        farther_T3 = np.column_stack([np.ones((len(t), 2)), found.focal_T[t] / fitted])
        back_T3 = np.einsum("tij,tj->ti", found.rotation_T33[t], placed_T3 * farther_T3)
        way_T3 = true_T3 - true_T3[0]
        made.append(np.linalg.norm(back_T3 - back_T3[0] - way_T3, axis=1).mean())
        still.append(np.linalg.norm(placed_T3 - placed_T3[0] - way_T3, axis=1).mean())
        length.append(np.linalg.norm(np.diff(true_T3, axis=0), axis=1).sum())
    most = np.degrees(Rotation.from_matrix(back_T33).magnitude().max())
    return (
        f"{label:10s} {'given  ' if given else 'assumed'} {found.kind:7s} turn {most:5.1f}°"
        f" off {np.degrees(off_T.mean()):.2f}° at most {np.degrees(off_T.max()):.2f}°"
        f"  focal {focal_T[0]:.2f} found {found.focal_T[0]:.2f}"
        f"  zoom {focal_T.max() / focal_T.min():.2f} found {found.zoom:.2f}"
        f"  path {np.mean(length):.1f} m off {np.mean(made):.2f} m, as if still {np.mean(still):.2f} m"
    )


def _surface(scene: Scene) -> PersonSurface:
    """All people of a scene as one surface."""
    return PersonSurface(x0=0, y0=0, labels_hw=scene.label_HW, uv_2hw=scene.uv_2HW)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4, help="clips of each kind")
    options = parser.parse_args()
    for kind in KINDS:
        for number in range(options.clips):
            film = filmed(kind, number)
            for given in (True, False):
                print(row(f"{kind} {number}", film, given), flush=True)


if __name__ == "__main__":
    main()

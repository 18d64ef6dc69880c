"""How wrong joint angles are at known squats: between limbs in the image plane, and of the fitted bodies.

    python -m tests.benchmarks.quality.squat_angles [--people 4] [--focal known]

People of no training world squat once in two seconds; both legs move alike. Each is rendered from the front, from 30°
and 60° aside and from the side, with random clothes, tilts of the camera and walls. The built-in network reads ten
frames a second, and bodies are fitted to its surfaces as `--export csv` does.

Angles between limbs are compared with those between the true limbs in space; angles of bodies also with the true ones
in clinical terms. Rows: mean absolute error in degrees; at the bottom, where knees are bent by nine tenths of the most;
the difference between the left and the right joint, which is near 0 in truth; and the share of frames with an angle.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from models.arrays import F32, F64
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.body_pose import posed_keypoints
from models.body.fitted_body import FittedBody
from models.body.open_body import KEYPOINT_NAMES, bones_over_time, load_body
from models.motion.clinical_angles import JOINT_ANGLES, clinical_angles, seen_angles
from models.motion.soles import soles_over_time
from models.surface.keypoints import shown_keypoints
from stages.bodies.fit import FitBodies
from stages.payloads import FrameChunk, PersonSurface, VideoInfo
from stages.people.densepose import DensePose
from stages.people.detect import Detect
from stages.results.formats.image_plane_angles import SPANS, image_plane_angles
from stages.world.bodies.poses import AnglePose, Arm, Leg, bone_rotations
from stages.world.bodies.rotations import LEFT, axis_rotation, limb_direction
from stages.world.image_scenes import random_person
from tests.benchmarks.quality.fast_motions import FPS, SPORTSPEOPLE, FastClip, filmed

SEED, FRAMES, EVERY = 71, 60, 3
HEADINGS_DEG = {"front": 0, "30 aside": 30, "60 aside": 60, "side": 90}
BOTTOM = 0.9
CLINICAL = ("hip_flexion", "knee_flexion", "ankle_flexion", "shoulder_flexion", "elbow_flexion", "hip_abduction")
JOINTS = ("shoulder", "elbow", "hip", "knee")

Row = dict[str, F64]


def squat(depth: float, knee_deg: float) -> AnglePose:
    """A squat with arms stretched to the front and soles that lie flat; depth 0: standing, 1: knees bent most."""
    raised, lean, aside = np.radians([10 + 70 * depth, 25 * depth, 8 + 10 * depth]).tolist()
    thigh, knee = np.radians([0.9 * knee_deg * depth, 4 + (knee_deg - 4) * depth]).tolist()
    arm = Arm(toward=limb_direction(raised, 0.14), elbow=0.2)
    leg = Leg(toward=limb_direction(thigh, aside), knee=knee, ankle=lean - thigh + knee)
    tilt_33 = axis_rotation(LEFT, lean)
    return AnglePose(left_arm=arm, right_arm=arm, left_leg=leg, right_leg=leg, tilt_33=tilt_33)


def squat_clip(number: int, view: str) -> tuple[FastClip, F64]:
    """A clip, and how deep the person is in each frame (0..1)."""
    rng = np.random.default_rng([SEED, number])
    person, knee_deg = random_person(SPORTSPEOPLE, rng), float(rng.uniform(80, 120))
    yaw = float(np.radians(HEADINGS_DEG[view] * rng.choice([-1, 1])))
    depth_T = (1 - np.cos(2 * np.pi * np.arange(FRAMES) / FRAMES)) / 2
    turn_TB33 = np.stack([bone_rotations(load_body(), squat(depth, knee_deg), yaw) for depth in depth_T.tolist()])
    return filmed(f"squat/{number}", person, _on_the_floor(turn_TB33, person.score_C), rng), depth_T


def _on_the_floor(turn_TB33: F32, shape_C: F32) -> BodyMotion:
    """The motion whose ankles stay above one place of the floor, on which the lowest sole is."""
    body = load_body()
    head_B3 = body.rest(shape_C)[1]
    turned_TB33, placed_TB3 = bones_over_time(turn_TB33, head_B3, np.zeros((FRAMES, 3), np.float32))
    root_T3 = -placed_TB3[:, [body.bone("foot.L"), body.bone("foot.R")]].mean(axis=1)
    root_T3[:, 1] = -soles_over_time(shape_C, turned_TB33, placed_TB3)[..., 1].min(axis=(1, 2))
    return BodyMotion(
        rotation_TK33=turn_TB33, root_T3=root_T3.astype(np.float32), shape_C=shape_C,
        second_T=np.arange(FRAMES) / FPS, confidence_TJ=np.ones((FRAMES, len(KEYPOINT_NAMES)), np.float32),
        presence_T=seen_in_all(FRAMES), camera=None,
    )  # fmt: skip


def found_in(clip: FastClip, known_focal: bool) -> Iterator[tuple[int, PersonSurface, FittedBody | None]]:
    """Frame, surface and body of the largest person that the network finds."""
    chosen = range(0, FRAMES, EVERY)
    rate = Fraction(int(FPS), EVERY)
    video = VideoInfo(
        path="", width=clip.camera.width, height=clip.camera.height, still=False, rate=rate, time_base=1 / rate
    )
    rgb_THW3 = np.stack([clip.scene(frame).rgb_HW3 for frame in chosen])
    frames = FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.arange(len(chosen)), first=0, video=video)
    ((people, features),) = Detect(Detect.Config())(frames)
    (surfaces,) = DensePose(DensePose.Config())(frames, people, features)
    area_N = np.array([(surface.labels_hw > 0).sum() for surface in surfaces.people])
    for t in range(len(chosen)):
        here_N = np.flatnonzero(people.frame_N == t)
        if len(here_N):
            people.id_N[here_N[np.argmax(area_N[here_N])]] = 1
    focal_px = float(clip.camera.focal) if known_focal else None
    fit = FitBodies(FitBodies.Config(look_ahead=2, focal_px=focal_px))
    (bodies,) = [*fit(frames, people, surfaces), *fit.flush()]
    for t, frame in enumerate(chosen):
        here_N = np.flatnonzero(people.frame_N == t)
        for n, body in zip(here_N, bodies.of_people(t, len(here_N)), strict=True):
            if people.id_N[n] == 1:
                yield frame, surfaces.people[n], body


def angles_in_space(keypoint_J3: F32) -> F64:
    """The angle of each of `SPANS` in space, degrees."""
    place = {name: keypoint_J3[k].astype(np.float64) for k, name in enumerate(KEYPOINT_NAMES)}
    found = []
    for one, vertex, other in SPANS.values():
        a_3, b_3 = place[one] - place[vertex], place[other] - place[vertex]
        found.append(np.degrees(np.arccos(a_3 @ b_3 / np.linalg.norm(a_3) / np.linalg.norm(b_3))))
    return np.array(found)


def rows_of(clip: FastClip, known_focal: bool) -> Iterator[tuple[int, dict[str, Row]]]:
    """Of each frame the measured and true angles by method and joint; index 0 is left."""
    clinical_TA = clinical_angles(clip.truth)
    for frame, surface, body in found_in(clip, known_focal):
        true_8 = angles_in_space(posed_keypoints(clip.truth.pose(frame)))
        plane_8 = image_plane_angles(shown_keypoints(surface))[:8].astype(np.float64)
        body_8 = np.full(8, np.nan) if body is None else angles_in_space(posed_keypoints(body.pose))
        told_A = seen_angles([body])[0]
        rows: dict[str, Row] = {}
        for joint in JOINTS:
            pair = [list(SPANS).index(f"{side}_{joint}") for side in ("left", "right")]
            for method, found_8 in (("image plane", plane_8), ("body", body_8)):
                rows[f"{method}: angle at the {joint}"] = np.stack([found_8[pair], true_8[pair]])
        for name in CLINICAL:
            pair = [JOINT_ANGLES.index(f"{side}_{name}") for side in ("left", "right")]
            rows[f"body: {name}"] = np.stack([told_A[pair], clinical_TA[frame, pair]]).astype(np.float64)
        yield frame, rows


def main() -> None:
    """Print a table for each view and for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--focal", choices=["known", "assumed"], default="assumed")
    options = parser.parse_args()
    found: dict[str, dict[str, list[tuple[bool, F64]]]] = defaultdict(lambda: defaultdict(list))
    for view in HEADINGS_DEG:
        for number in range(options.people):
            clip, depth_T = squat_clip(number, view)
            for frame, rows in rows_of(clip, options.focal == "known"):
                for name, pair in rows.items():
                    for group in (view, "all"):
                        found[group][name].append((depth_T[frame] >= BOTTOM, pair))
        printed(view, found[view])
    printed("all", found["all"])


def printed(view: str, rows: dict[str, list[tuple[bool, F64]]]) -> None:
    """One line a row."""
    for name, values in sorted(rows.items()):
        deep_T, pair_T22 = np.array([deep for deep, _ in values]), np.stack([pair for _, pair in values])
        error_T2 = np.abs(pair_T22[:, 0] - pair_T22[:, 1])
        aside_T2 = np.diff(pair_T22, axis=2)[..., 0]
        print(
            f"{view:9s} {name:32s} error {np.nanmean(error_T2):5.1f}  at the bottom {np.nanmean(error_T2[deep_T]):5.1f}"
            f"  left − right {np.nanmean(np.abs(aside_T2[:, 0])):5.1f}"
            f"  at the bottom {np.nanmean(np.abs(aside_T2[deep_T, 0])):5.1f}"
            f"  (true {np.abs(aside_T2[:, 1]).mean():.1f})  known {np.isfinite(error_T2).mean():.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""How far the worlds' poses are from those of real people and the other way round, and how real people's joints turn.

    python -m tests.benchmarks.quality.pose_statistics [--poses 400] [--kept-apart CMU DEEPMIMIC MESH2MOTION]

The distance of two poses is the root mean square of the angles between their joints: chest against hips, head against
chest, and shoulder, elbow, hip, knee, ankle of both sides. Hands are left out. A pose's distance from real people is
that of the nearest pose of the library or its mirror image.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from models.arrays import F32, Float
from models.body.open_body import forward_kinematics, load_body
from models.body.pose_library import STORED_BONES, all_bones, load_poses, mirrored_vectors
from stages.world.bodies.far_poses import far_pose
from stages.world.bodies.poses import Pose, bone_rotations
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.bodies.real_poses import POSES
from stages.world.image_worlds import IMAGE_WORLDS
from tools.bake_poses import HELD_OUT_MOTIONS, NamedMotion, named_motions, sound_frames, with_mended_feet

Rng = np.random.Generator

CHAIN = {"chest": ("root", "spine01"), "head": ("spine01", "head")}
LIMB_CHAIN = {
    "shoulder": ("spine01", "upperarm01"),
    "elbow": ("upperarm01", "lowerarm01"),
    "hip": ("root", "upperleg01"),
    "knee": ("upperleg01", "lowerleg01"),
    "ankle": ("lowerleg01", "foot"),
}
JOINTS = [
    *CHAIN.items(),
    *(
        (f"{joint}.{s}", (above if above in ("root", "spine01") else f"{above}.{s}", f"{bone}.{s}"))
        for joint, (above, bone) in LIMB_CHAIN.items()
        for s in "LR"
    ),
]
LIMBS = {"all": [*CHAIN, *LIMB_CHAIN]} | {joint: [joint] for joint in (*CHAIN, *LIMB_CHAIN)}
"""Columns of the tables: all joints together, and each alone."""


def joint_turns(turn_B33: F32) -> F32:
    """Rotations (J, 9) of `JOINTS`: of each bone against the one above it in its chain."""
    body = load_body()
    turned = np.empty_like(turn_B33)
    for b, parent in enumerate(body.parent_B.tolist()):
        turned[b] = turn_B33[b] if parent < 0 else turned[parent] @ turn_B33[b]
    pairs = [(body.bone(above), body.bone(bone)) for _, (above, bone) in JOINTS]
    return np.stack([(turned[above].T @ turned[bone]).ravel() for above, bone in pairs])


@cache
def real_turns() -> F32:
    """Joints (2P, J, 9) of the library's poses and their mirror images."""
    vectors = load_poses().vector_PK3
    return np.stack([joint_turns(all_bones(v)) for v in (*vectors, *map(mirrored_vectors, vectors))])


def nearest(turn_NJ9: F32, other_PJ9: F32, limbs: Sequence[str]) -> Float:
    """Distance (N,) in degrees of each pose from the nearest other, over the named joints; the worse side."""
    sides = ("",) if set(limbs) & set(CHAIN) else (".L", ".R")
    found = []
    for side in sides:
        chosen = [j for j, (name, _) in enumerate(JOINTS) if name.split(".")[0] in limbs and name.endswith(side)]
        found.append(_least(turn_NJ9[:, chosen], other_PJ9[:, chosen]))
    return np.max(found, axis=0)


def _least(one_NJ9: F32, other_PJ9: F32) -> Float:
    square_NP = np.zeros((len(one_NJ9), len(other_PJ9)), np.float32)
    for j in range(one_NJ9.shape[1]):
        square_NP += np.arccos(np.clip((one_NJ9[:, j] @ other_PJ9[:, j].T - 1) / 2, -1, 1)) ** 2
    return np.degrees(np.sqrt(square_NP.min(axis=1) / one_NJ9.shape[1]))


def drawn(pose: Callable[[Rng], Pose], count: int) -> F32:
    """Joints (N, J, 9) of random poses."""
    body = load_body()
    rngs = (np.random.default_rng(seed) for seed in range(count))
    return np.stack([joint_turns(bone_rotations(body, pose(rng), 0.0)) for rng in rngs])


def of_world(name: str) -> Callable[[Rng], Pose]:
    """Poses as a world of images draws them."""
    names, chances = zip(*IMAGE_WORLDS[name].poses, strict=True)
    return lambda rng: POSES[str(rng.choice(names, p=np.asarray(chances) / sum(chances)))](rng)


def apart(sources: Sequence[Path]) -> list[NamedMotion]:
    """The motions that gave no pose to the library."""
    return [one for one in named_motions(*sources) if one.name in HELD_OUT_MOTIONS]


def turns_of(motions: Sequence[NamedMotion], count: int) -> dict[str, F32]:
    """Joints of poses of motions, by source."""
    found: dict[str, list[F32]] = {}
    for one in motions:
        motion = with_mended_feet(one.motion)
        frames = np.flatnonzero(sound_frames(motion))
        chosen = frames[np.linspace(0, len(frames) - 1, min(count // 4, len(frames))).astype(int)]
        found.setdefault(one.name.split("/")[0], []).extend(joint_turns(t) for t in motion.turn_TB33[chosen])
    return {f"kept apart: {place}": np.stack(turns) for place, turns in found.items()}


def print_speeds(motions: Sequence[NamedMotion]) -> None:
    """Print frames, rate and the 99th percentile of the speed of wrists and ankles of motions, on the mean body."""
    body = load_body()
    print("| motion | frames | a second | wrists m/s | ankles m/s | mended | unsound |\n|---|---|---|---|---|---|---|")
    for one in motions:
        motion = with_mended_feet(one.motion)
        steps = zip(motion.turn_TB33, motion.root_T3, strict=True)
        place_TB3 = np.stack([forward_kinematics(body, body.bone_mean_B3, *step)[1] for step in steps])
        speed_TB = np.linalg.norm(np.diff(place_TB3, axis=0), axis=2) / motion.frame_time
        sound = sound_frames(motion)
        pairs = ((f"{bone}.L", f"{bone}.R") for bone in ("wrist", "foot"))
        fast = [np.percentile(speed_TB[sound[1:]][:, [body.bone(name) for name in pair]], 99) for pair in pairs]
        mended = int((motion.turn_TB33 != one.motion.turn_TB33).any(axis=(1, 2, 3)).sum())
        cells = (
            f"{len(sound)} | {1 / motion.frame_time:.0f} | {fast[0]:.1f} | {fast[1]:.1f} | {mended} | {(~sound).sum()}"
        )
        print(f"| `{one.name}` | {cells} |")


def print_distances(rows: dict[str, F32], others: Callable[[str], F32]) -> None:
    """Print the median and 95th percentile of the distances of each row from its others, limb by limb."""
    print(f"| poses | {' | '.join(LIMBS)} |\n|---|{'---|' * len(LIMBS)}")
    for name, turns in rows.items():
        cells = (np.percentile(nearest(turns, others(name), limbs), (50, 95)) for limbs in LIMBS.values())
        print(f"| {name} | {' | '.join(f'{half:.0f} ({most:.0f})' for half, most in cells)} |", flush=True)


def print_ranges() -> None:
    """Print how far each stored bone turns: quantiles over captured poses, right bones mirrored to the left."""
    library = load_poses()
    captured = [not library.motions[number].startswith("mesh2motion/") for number in library.motion_P]
    vectors = library.vector_PK3[captured]
    both = np.concatenate([vectors, np.stack([mirrored_vectors(v) for v in vectors])])
    print("| bone | about left | about up | about front |\n|---|---|---|---|")
    for k, bone in enumerate(STORED_BONES):
        if not bone.endswith(".R"):
            low_3, high_3 = np.degrees(np.quantile(both[:, k], (0.005, 0.995), axis=0)).round()
            cells = " | ".join(f"{low:.0f} … {high:.0f}" for low, high in zip(low_3, high_3, strict=True))
            print(f"| {bone.split('.')[0]} | {cells} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poses", type=int, default=400, help="of each kind")
    parser.add_argument("--kept-apart", type=Path, nargs=3, help="the sources, as for bake_poses")
    options = parser.parse_args()
    kinds = {f"world {name}": of_world(name) for name in ("train", "val", "supple")}
    kinds |= {"world far": far_pose, **RANDOM_POSES}
    rows = {name: drawn(pose, options.poses) for name, pose in kinds.items()}
    if options.kept_apart:
        motions = apart(options.kept_apart)
        print_speeds(motions)
        rows |= turns_of(motions, options.poses)
    print("From random poses to the nearest real one")
    print_distances(rows, lambda name: real_turns())
    print("From the library's poses to the nearest of ten times as many random ones")
    some = real_turns()[np.random.default_rng(0).permutation(len(real_turns()))[: options.poses]]
    worlds = {name: drawn(of_world(name), 10 * options.poses) for name in ("train", "supple")}
    print_distances(dict.fromkeys(worlds, some), worlds.__getitem__)
    print_ranges()


if __name__ == "__main__":
    main()

"""How far the worlds' poses are from those of real people, and how far real people's joints turn.

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
from models.body.bake_poses import KEPT_APART, named_motions, sound_frames, within_limits
from models.body.pose_library import STORED_BONES, all_bones, load_poses, mirrored_vectors, stored_vectors
from models.surface.body import load_body
from stages.world.bodies.far_poses import far_pose
from stages.world.bodies.poses import Pose, bone_rotations
from stages.world.bodies.random_poses import RANDOM_POSES
from stages.world.image_worlds import IMAGE_WORLDS

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
LIMBS = {"all": [*CHAIN, *LIMB_CHAIN], "trunk and head": [*CHAIN], "one arm": ["shoulder", "elbow"]} | {
    "one leg": ["hip", "knee", "ankle"]
}


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


def nearest(turn_NJ9: F32, limbs: Sequence[str]) -> Float:
    """Distance (N,) in degrees of each pose from the nearest real one, over the named joints; the worse side."""
    sides = ("",) if "chest" in limbs else (".L", ".R")
    found = []
    for side in sides:
        chosen = [j for j, (name, _) in enumerate(JOINTS) if name.split(".")[0] in limbs and name.endswith(side)]
        found.append(_least(turn_NJ9[:, chosen], real_turns()[:, chosen]))
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
    return lambda rng: RANDOM_POSES[str(rng.choice(names, p=np.asarray(chances) / sum(chances)))](rng)


def kept_apart(sources: Sequence[Path], count: int) -> dict[str, F32]:
    """Joints of poses of the motions that gave no pose to the library, by source."""
    found: dict[str, list[F32]] = {}
    for one in named_motions(*sources):
        if one.name in KEPT_APART:
            sound = sound_frames(one.motion) & within_limits(stored_vectors(one.motion.turn_TB33))
            frames = np.flatnonzero(sound)
            chosen = frames[np.linspace(0, len(frames) - 1, min(count // 4, len(frames))).astype(int)]
            found.setdefault(one.name.split("/")[0], []).extend(joint_turns(t) for t in one.motion.turn_TB33[chosen])
    return {f"kept apart: {place}": np.stack(turns) for place, turns in found.items()}


def print_ranges() -> None:
    """Print how far each stored bone turns: quantiles of its rotation vector, right bones mirrored to the left."""
    vectors = load_poses().vector_PK3
    both = np.concatenate([vectors, np.stack([mirrored_vectors(v) for v in vectors])])
    print("| bone | about left | about up | about front |\n|---|---|---|---|")
    for k, bone in enumerate(STORED_BONES):
        if not bone.endswith(".R"):
            low_3, high_3 = np.degrees(np.quantile(both[:, k], (0.005, 0.995), axis=0)).round()
            cells = " | ".join(f"{low:.0f} … {high:.0f}" for low, high in zip(low_3, high_3, strict=True))
            print(f"| {bone.split('.')[0]} | {cells} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poses", type=int, default=400, help="of each kind")
    parser.add_argument("--kept-apart", type=Path, nargs=3, help="the sources, as for bake_poses")
    options = parser.parse_args()
    kinds = {"world train": of_world("train"), "world val": of_world("val"), "world supple": of_world("supple")}
    kinds |= {"world far": far_pose, **RANDOM_POSES}
    rows = {name: drawn(pose, options.poses) for name, pose in kinds.items()}
    if options.kept_apart:
        rows |= kept_apart(options.kept_apart, options.poses)
    print(f"| poses | {' | '.join(LIMBS)} |\n|---|{'---|' * len(LIMBS)}")
    for name, turns in rows.items():
        cells = (np.percentile(nearest(turns, limbs), (50, 95)) for limbs in LIMBS.values())
        print(f"| {name} | {' | '.join(f'{half:.0f} ({most:.0f})' for half, most in cells)} |", flush=True)
    print_ranges()


if __name__ == "__main__":
    main()

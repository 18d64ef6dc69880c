"""Creates `real_poses.npz` from the sources: `python -m tools.bake_poses CMU DEEPMIMIC MESH2MOTION`.

CMU is a clone of DragonForgedTheArtist/IClone-CMU-Mocap, DEEPMIMIC one of xbpeng/DeepMimic, MESH2MOTION a folder of GLB
files of Mesh2Motion's human animations (docs/poses.md).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.animation.bvh_reader import read_bvh
from models.animation.gltf_reader import read_gltf_motions
from models.arrays import F32, Bool, Index
from models.body.deepmimic_reader import read_deepmimic
from models.body.open_body import load_body
from models.body.pose_library import FORMAT, POSES_FILE, STORED_BONES, UNIT, stored_vectors, without_heading
from models.body.retarget import RetargetedMotion, SourceSkeleton, retargeted
from models.body.skeletal_motion import SkeletalMotion, euler_rotations
from models.body.source_skeletons import character_creator, deepmimic_humanoid, game_rig

POSES = 6000
MAX_SPEED = 40.0
"""Radians per second. A joint that is faster between two frames is an error of the capture."""

LIMITS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "spine05": ((-45, -30, -30), (60, 30, 30)),
    "clavicle": ((-30, -45, -25), (30, 35, 65)),
    "lowerarm02": ((-55, -55, -55), (55, 55, 55)),
    "wrist": ((-90, -90, -90), (90, 90, 90)),
    "upperleg01": ((-140, -80, -45), (60, 80, 90)),
    "lowerleg01": ((-25, -30, -30), (160, 30, 30)),
    "foot": ((-50, -50, -45), (80, 50, 45)),
}
"""Minimum and maximum of the rotation vectors about left, up and front, degrees; those of right bones are mirrored.

They are wide: a rotation outside of them is an error of the capture.
"""

POINTED = 40.0
"""Degrees by which a foot points down that replaces one outside of its limits. Captures of dancers who point their feet
contain feet that are flipped over."""

CMU = "CMU Graphics Lab Motion Capture Database by IClone-CMU-Mocap; may be copied, modified, redistributed; no resale"
DEEPMIMIC = "DeepMimic by Xue Bin Peng; MIT"
MESH2MOTION = "Mesh2Motion's human animations, keyed by hand; CC0"

HELD_OUT_MOTIONS = (
    *("cmu/001_01", "cmu/002_04", "cmu/003_01", "cmu/003_02", "cmu/005_16", "cmu/005_17"),
    *("deepmimic/jump", "deepmimic/kick", "deepmimic/spin", "deepmimic/sideflip"),
    *("mesh2motion/backflip", "mesh2motion/jumping-jacks"),
)
"""Motions without poses in the library, so that tests and scores can use them: fast ones, and CMU's subject 3."""

JOINTS = (
    *("head", "neck01", "spine01", "spine03"),
    *(f"{bone}.{s}" for bone in ("lowerarm01", "wrist", "finger3-1", "lowerleg01", "foot", "toe2-1") for s in "LR"),
)
"""Joints whose positions decide how different two poses are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedMotion:
    """A motion of the open body, with its name and its source and licence."""

    name: str
    licence: str
    motion: RetargetedMotion


def named_motions(cmu: Path, deepmimic: Path, mesh2motion: Path) -> list[NamedMotion]:
    """All motions of the sources. DeepMimic's folders `sie` (non-commercial), `amass` and `long` are not read."""
    found = []

    def add(name: str, licence: str, motion: SkeletalMotion, skeleton: SourceSkeleton) -> None:
        found.append(NamedMotion(name=name, licence=licence, motion=retargeted(motion, skeleton)))

    for file in sorted((cmu / "All_BVH" / "subjects").glob("*/*.bvh")):
        add(f"cmu/{file.stem}", CMU, read_bvh(file), character_creator())
    for file in sorted((deepmimic / "data" / "motions").glob("humanoid3d_*.txt")):
        name = file.stem.removeprefix("humanoid3d_")
        add(f"deepmimic/{name}", DEEPMIMIC, read_deepmimic(file), deepmimic_humanoid())
    for file in sorted(mesh2motion.glob("*.glb")):
        motions = read_gltf_motions(file, "pelvis")
        for name, motion in motions.items():
            add(f"mesh2motion/{file.stem if len(motions) == 1 else name}", MESH2MOTION, motion, game_rig())
    return found


def beyond_limits(vector_TK3: F32) -> Bool:
    """Whether each stored bone (T, K) exceeds its `LIMITS`."""
    beyond = np.zeros(vector_TK3.shape[:2], bool)
    for k, bone in enumerate(STORED_BONES):
        if bone.split(".")[0] in LIMITS:
            low_3, high_3 = np.radians(LIMITS[bone.split(".")[0]])
            left_T3 = vector_TK3[:, k] * np.array([1, -1, -1] if bone.endswith(".R") else [1, 1, 1])
            beyond[:, k] = ((left_T3 < low_3) | (left_T3 > high_3)).any(axis=1)
    return beyond


def with_mended_feet(motion: RetargetedMotion) -> RetargetedMotion:
    """The motion with pointed feet in place of feet outside of their limits."""
    beyond_TK, body = beyond_limits(stored_vectors(motion.turn_TB33)), load_body()
    turn_TB33 = motion.turn_TB33.copy()
    for bone in ("foot.L", "foot.R"):
        flipped = beyond_TK[:, STORED_BONES.index(bone)]
        turn_TB33[flipped, body.bone(bone)] = euler_rotations(np.radians([[POINTED]]), "X")
    return replace(motion, turn_TB33=turn_TB33)


def sound_frames(motion: RetargetedMotion) -> Bool:
    """Frames (T,) with all bones within limits, and none faster than `MAX_SPEED` from the last or to the next one."""
    turn = motion.turn_TB33
    cosine = (np.einsum("tbij,tbij->tb", turn[1:], turn[:-1]) - 1) / 2
    spike = (np.arccos(np.clip(cosine, -1, 1)) / motion.frame_time > MAX_SPEED).any(axis=1)
    sound: Bool = np.logical_not(beyond_limits(stored_vectors(turn)).any(axis=1))
    sound[1:] &= ~spike
    sound[:-1] &= ~spike
    return sound


def joint_places(turn_TB33: F32) -> F32:
    """Positions (T, J, 3) of `JOINTS` of the mean body relative to its root, metres."""
    body = load_body()
    turned, placed = np.empty_like(turn_TB33), np.zeros(turn_TB33.shape[:3], np.float32)
    for b, parent in enumerate(body.parent_B.tolist()):
        if parent < 0:
            turned[:, b] = turn_TB33[:, b]
        else:
            turned[:, b] = turned[:, parent] @ turn_TB33[:, b]
            placed[:, b] = placed[:, parent] + turned[:, parent] @ (body.bone_mean_B3[b] - body.bone_mean_B3[parent])
    return placed[:, [body.bone(name) for name in JOINTS]]


def farthest_points(point_ND: F32, count: int) -> tuple[Index, float]:
    """Indices of `count` points, each the farthest from those before it, and the largest distance of a point from them.

    `point_ND`: N points.
    """
    chosen, distance_N = [0], np.linalg.norm(point_ND - point_ND[0], axis=1)
    while len(chosen) < min(count, len(point_ND)):
        chosen.append(int(distance_N.argmax()))
        distance_N = np.minimum(distance_N, np.linalg.norm(point_ND - point_ND[chosen[-1]], axis=1))
    return np.array(chosen), float(distance_N.max())


def write_poses(sources: tuple[Path, Path, Path], out: Path) -> None:
    """Read the sources, choose the poses that differ most from each other, and write the file."""
    motions = [motion for motion in named_motions(*sources) if motion.name not in HELD_OUT_MOTIONS]
    vectors, points, origins, dropped = [], [], [], 0
    for number, named in enumerate(motions):
        motion = with_mended_feet(named.motion)
        frames = np.flatnonzero(sound_frames(motion))
        turn_TB33 = motion.turn_TB33[frames]
        dropped += len(motion.turn_TB33) - len(frames)
        turn_TB33[:, 0] = without_heading(turn_TB33[:, 0])
        vectors.append(stored_vectors(turn_TB33))
        points.append(joint_places(turn_TB33).reshape(len(frames), -1))
        origins.append(np.stack([np.full(len(frames), number), frames], axis=1))
    point_ND, origin_N2 = np.concatenate(points), np.concatenate(origins)
    chosen, radius = farthest_points(point_ND, POSES)
    chosen = np.sort(chosen)
    np.savez_compressed(
        out,
        allow_pickle=False,
        format=np.array(FORMAT),
        bones=np.array(STORED_BONES),
        vector_PK3=np.round(np.concatenate(vectors)[chosen] / UNIT).astype(np.int16),
        motion_P=origin_N2[chosen, 0].astype(np.int16),
        frame_P=origin_N2[chosen, 1].astype(np.int16),
        motions=np.array([named.name for named in motions]),
        licences=np.array([named.licence for named in motions]),
    )
    print(
        f"{out}: {len(chosen)} of {len(point_ND)} frames of {len(motions)} motions, {out.stat().st_size / 1e6:.2f} MB"
    )
    print(f"{dropped} frames dropped as errors of the capture")
    near = 1000 * radius / np.sqrt(len(JOINTS))
    print(f"every frame is within {near:.0f} mm (root mean square over {len(JOINTS)} joints) of a pose kept")


if __name__ == "__main__":
    write_poses((Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])), POSES_FILE)

"""Packs fast motions that no pose of the library comes from into one small file, at 30 frames a second.

Run as `python -m tests.golden.make_fast_motions CMU DEEPMIMIC`: clones of DragonForgedTheArtist/IClone-CMU-Mocap (CMU
Graphics Lab Motion Capture Database; may be copied, modified, redistributed; no resale) and of xbpeng/DeepMimic (MIT).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, RotationSpline

from models.animation.bvh_reader import read_bvh
from models.arrays import F32
from models.body.deepmimic_reader import read_deepmimic
from models.body.pose_library import STORED_BONES, UNIT, stored_vectors
from models.body.retarget import retargeted
from models.body.source_skeletons import character_creator, deepmimic_humanoid
from tools.bake_poses import HELD_OUT_MOTIONS, with_mended_feet

FPS = 30
WINDOWS = {
    "forward_jump": ("cmu/001_01", 1.5, 5.5),
    "jump_and_turn": ("cmu/001_01", 9.9, 13.9),
    "jump_and_balance": ("cmu/002_04", 0.0, 4.0),
    "leap": ("cmu/005_16", 0.0, 4.3),
    "turning_leap": ("cmu/005_17", 1.5, 6.0),
    "jump": ("deepmimic/jump", 0.0, 9.0),
    "kick": ("deepmimic/kick", 0.0, 9.0),
    "spin": ("deepmimic/spin", 0.0, 9.0),
    "sideflip": ("deepmimic/sideflip", 0.0, 9.0),
}
"""By name: the motion, and from which second to which."""


def resampled(vector_TK3: F32, frame_time: float, second_S: F32) -> F32:
    """Rotation vectors at other times, on smooth curves through the given ones."""
    at_T = np.arange(len(vector_TK3)) * frame_time
    return np.stack(
        [
            RotationSpline(at_T, Rotation.from_rotvec(vector_TK3[:, k]))(second_S).as_rotvec()
            for k in range(vector_TK3.shape[1])
        ],
        axis=1,
    )


def with_steady_feet(vector_TK3: F32) -> F32:
    """Rotation vectors whose feet turn smoothly: the mended ones of a dancer jump from frame to frame."""
    steady_TK3 = vector_TK3.copy()
    for foot in ("foot.L", "foot.R"):
        k = STORED_BONES.index(foot)
        steady_TK3[:, k] = gaussian_filter1d(vector_TK3[:, k], 3, axis=0)
    return steady_TK3


def main(cmu: Path, deepmimic: Path) -> None:
    """Write the file beside this script."""
    vectors, roots, lengths = [], [], []
    for source, start, end in WINDOWS.values():
        assert source in HELD_OUT_MOTIONS
        folder, name = source.split("/")
        if folder == "cmu":
            read = read_bvh(cmu / "All_BVH" / "subjects" / name[:3] / f"{name}.bvh")
            motion = with_mended_feet(retargeted(read, character_creator()))
        else:
            read = read_deepmimic(deepmimic / "data" / "motions" / f"humanoid3d_{name}.txt")
            motion = with_mended_feet(retargeted(read, deepmimic_humanoid()))
        whole = (len(motion.root_T3) - 1) * motion.frame_time
        second_S = np.arange(start, min(end, whole), 1 / FPS)
        at_T = np.arange(len(motion.root_T3)) * motion.frame_time
        vector_TK3 = stored_vectors(motion.turn_TB33)
        vector_TK3 = with_steady_feet(vector_TK3) if source.startswith("cmu/005") else vector_TK3
        vectors.append(resampled(vector_TK3, motion.frame_time, second_S))
        roots.append(CubicSpline(at_T, motion.root_T3)(second_S))
        lengths.append(len(second_S))
    step_TK3 = np.round(np.concatenate(vectors) / UNIT).astype(np.int32)
    out = Path(__file__).with_name("fast_motions.npz")
    np.savez_compressed(
        out,
        allow_pickle=False,
        names=np.array(list(WINDOWS)),
        sources=np.array([source for source, _, _ in WINDOWS.values()]),
        frames=np.array(lengths, np.int32),
        bones=np.array(STORED_BONES),
        step_TK3=np.diff(step_TK3, axis=0, prepend=0).astype(np.int32),
        root_T3=np.round(np.concatenate(roots) * 1e4).astype(np.int32),
    )
    print(f"{out}: {sum(lengths)} frames, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

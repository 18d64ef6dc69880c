"""Scores of what happens to a motion between fit and file, on clips of fast motions with exact truth.

    python -m tests.benchmarks.quality.motion_scores [--exact] [--json FILE]

The fit is simulated: the truth with errors as a fit to dense surfaces makes them (`--exact`: without errors). A row a
clip, and their means: error of up (degrees), error of the path (share of its length), MPJPE, acceleration error, jerk,
kept peak speeds; of feet: skate, drift, sinking, floating, F1 of contacts, each for unlocked feet, feet locked by the
detected contacts, and feet locked by the true ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F64, Bool, Float
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, load_body
from models.motion.film_measures import film_joints, film_measures
from models.motion.foot_lock import locked_feet
from models.motion.foot_measures import foot_measures, true_contacts
from models.motion.ground import upright
from models.motion.grounding import GroundedMotion, grounded_motion
from models.motion.soles import soles_over_time
from tests.benchmarks.quality.fast_motions import FPS, FastClip, clip_names, fast_clip
from tests.benchmarks.quality.fit_noise import FitNoise, as_fitted

Row = dict[str, float]


def posed(motion: BodyMotion) -> tuple[F64, F64]:
    """Joints (T, J, 3) and soles (T, P, S, 3) of a motion."""
    head_B3 = load_body().rest(motion.shape_C)[1]
    turned_TB33, placed_TB3 = bones_over_time(motion.rotation_TB33.astype(np.float64), head_B3, motion.root_T3)
    return film_joints(placed_TB3), soles_over_time(motion.shape_C, turned_TB33, placed_TB3)


def path_error(true_T3: Float, made_T3: Float) -> float:
    """Mean distance of two paths after the best turn and shift, as a share of the true path's length, which is taken
    without trembling."""
    true_T3, made_T3 = (gaussian_filter1d(one.astype(np.float64), 2, axis=0) for one in (true_T3, made_T3))
    length = float(np.linalg.norm(np.diff(true_T3, axis=0), axis=1).sum())
    true_T3, made_T3 = true_T3 - true_T3.mean(axis=0), made_T3 - made_T3.mean(axis=0)
    left, _, right = np.linalg.svd(made_T3.T @ true_T3)
    turn_33 = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    return float(np.linalg.norm(made_T3 @ turn_33 - true_T3, axis=1).mean()) / length


def film_row(clip: FastClip, made: GroundedMotion) -> Row:
    """Scores that have nothing to do with feet."""
    up = float(np.clip(made.ground.up_3 @ clip.camera.rotation_33[:, 1], -1, 1))
    true_TJ3, _ = posed(upright(clip.seen_by_camera(), made.ground))
    film = film_measures(true_TJ3, posed(made.motion)[0], FPS)
    return {
        "up": float(np.degrees(np.arccos(up))),
        "path": 100 * path_error(clip.truth.root_T3, made.motion.root_T3),
        "mpjpe": film.mpjpe_mm,
        "acceleration": film.acceleration,
        "jerk": film.jerk,
        "true_jerk": film.true_jerk,
        "kept": float(np.mean(film.peaks_kept)) if film.peaks_kept else float("nan"),
    }


def foot_row(clip: FastClip, motion: BodyMotion, stated_TP: Bool) -> Row:
    """Scores of feet. `f1` is of parts of soles, `f1_foot` of feet."""
    true_TP = true_contacts(posed(clip.truth)[1], FPS)
    measures = foot_measures(posed(motion)[1], true_TP, stated_TP, FPS)
    true_TF, stated_TF = (
        np.stack([one[:, :2].any(axis=1), one[:, 2:].any(axis=1)], axis=1) for one in (true_TP, stated_TP)
    )
    return {
        "skate": measures.skate,
        "drift": measures.drift,
        "sinking": measures.sinking,
        "floating": measures.floating,
        "f1": measures.f1,
        "f1_foot": 2 * float((true_TF & stated_TF).sum()) / max(1.0, float(true_TF.sum() + stated_TF.sum())),
    }


def scores(name: str, noise: FitNoise | None) -> dict[str, Row]:
    """Rows of one clip."""
    clip = fast_clip(name)
    seen = clip.seen_by_camera()
    if noise is not None:
        seen = as_fitted(seen, noise, np.random.default_rng([*name.encode()]))
    free, locked = grounded_motion(seen, lock=False), grounded_motion(seen)
    true_TP = true_contacts(posed(clip.truth)[1], FPS)
    best = locked_feet(free.motion, true_TP, free.ground.shift_3)
    return {
        "film, unlocked": film_row(clip, free),
        "film, locked": film_row(clip, locked),
        "feet, unlocked": foot_row(clip, free.motion, free.contact_TP),
        "feet, locked": foot_row(clip, locked.motion, locked.contact_TP),
        "feet, locked by true contacts": foot_row(clip, best, true_TP),
    }


def printed(label: str, rows: Mapping[str, Row]) -> None:
    """One line a row."""
    for name, row in rows.items():
        print(f"{label:20s} {name:30s} " + "  ".join(f"{key} {value:.3g}" for key, value in row.items()), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exact", action="store_true", help="the truth without errors")
    parser.add_argument("--clips", nargs="+", default=clip_names(), help="names as kick/0")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kept: dict[str, dict[str, Row]] = {}
    for name in options.clips:
        kept[name] = scores(name, None if options.exact else FitNoise())
        printed(name, kept[name])
    first = next(iter(kept.values()))
    for what, summary in (("mean", np.nanmean), ("median", np.nanmedian)):
        rows = {
            name: {key: float(summary([one[name][key] for one in kept.values()])) for key in row}
            for name, row in first.items()
        }
        printed(what, rows)
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()

"""Scores of what happens to a motion between fit and file, on clips of fast motions with exact truth.

    python -m tests.benchmarks.quality.motion_scores [--exact | --surfaces FOLDER] [--json FILE]

The fit is simulated: the truth with errors as a fit to dense surfaces makes them (`--exact`: without errors). With
`--surfaces` bodies are fitted to FOLDER/NAME_VIEW, which `run_pipeline.py NAME_VIEW.mp4 --export surfaces=…` wrote from
a clip that `fast_motions` rendered; clips without such a folder are left out. Pixels are those between the joints of
the fit and of the result. A row
a clip, and their means: error of up (degrees), error of the path (share of its length), MPJPE, acceleration error,
jerk, kept peak speeds; of feet: skate, drift, sinking, floating, F1 of contacts, each for unlocked feet, feet locked by
the detected contacts, and feet locked by the true ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F64, Bool, Float
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, load_body
from models.metrics.foot_errors import foot_errors, true_contacts
from models.metrics.motion_errors import MEASURED_JOINTS, motion_errors, root_aligned_joints
from models.motion.foot_lock import locked_feet
from models.motion.ground import upright
from models.motion.grounding import GroundedMotion, grounded_motion
from models.motion.soles import soles_over_time
from models.time_steps import frame_steps
from pipeline.stage import Job
from stages.bodies.fit import FitBodies
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.recorded_clip import recorded_motion
from stages.payloads import Bodies, FrameChunk
from stages.results.replay import Replay
from tests.benchmarks.quality.fast_motions import FPS, FastClip, clip_names, fast_clip
from tests.benchmarks.quality.fit_noise import FitNoise, as_fitted

Row = dict[str, float]

TRUNK, FEET = ("root", "neck01", "head", "upperarm01.L", "upperarm01.R"), ("foot.L", "foot.R")
"""Joints of which pixels are measured apart."""


def posed(motion: BodyMotion) -> tuple[F64, F64]:
    """Joints (T, J, 3) and soles (T, P, S, 3) of a motion."""
    head_B3 = load_body().rest(motion.shape_C)[1]
    turned_TB33, placed_TB3 = bones_over_time(motion.all_rotations().astype(np.float64), head_B3, motion.root_T3)
    return root_aligned_joints(placed_TB3), soles_over_time(motion.shape_C, turned_TB33, placed_TB3)


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
    film = motion_errors(true_TJ3, posed(made.motion)[0], FPS)
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
    measures = foot_errors(posed(motion)[1], true_TP, stated_TP, FPS)
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


def pixel_row(seen: BodyMotion, made: GroundedMotion) -> Row:
    """Medians of the pixels between the joints of a fit and of the result, of head and trunk, of feet, and the 95th
    percentile of all."""
    assert seen.camera is not None
    back = made.motion.moved(made.ground.axes_33.T, -made.ground.axes_33.T @ made.ground.shift_3)
    pixel_TB2 = [seen.camera.project(_joints(one).reshape(-1, 3).astype(np.float32)) for one in (seen, back)]
    off_TJ = np.linalg.norm(pixel_TB2[0] - pixel_TB2[1], axis=1).reshape(len(seen.second_T), -1)
    trunk, feet = ([MEASURED_JOINTS.index(name) for name in names] for names in (TRUNK, FEET))
    return {
        "trunk": float(np.median(off_TJ[:, trunk])),
        "feet": float(np.median(off_TJ[:, feet])),
        "all": float(np.median(off_TJ)),
        "all_p95": float(np.percentile(off_TJ, 95)),
    }


def _joints(motion: BodyMotion) -> F64:
    """Places (T, J, 3) of `MEASURED_JOINTS`."""
    head_B3 = load_body().rest(motion.shape_C)[1]
    _, placed_TB3 = bones_over_time(motion.all_rotations().astype(np.float64), head_B3, motion.root_T3)
    return placed_TB3[:, [load_body().bone(name) for name in MEASURED_JOINTS]]


def fitted_motion(folder: Path, clip: FastClip) -> BodyMotion:
    """The body fitted to saved surfaces of a clip, as `-c animate` takes it; the focal length is known.

    Raises SystemExit where some frames have no body.
    """
    stage, recorded = FitBodies(FitBodies.Config(look_ahead=0, focal_px=float(clip.camera.focal))), RecordedBodies()
    waiting: list[FrameChunk] = []

    def record(found: Iterable[Bodies]) -> None:
        for bodies in found:
            chunk = waiting.pop(0)
            for t in range(len(chunk)):
                recorded.add_frame(chunk.second(t), bodies.in_frame(t))

    for chunk, people, surfaces in Replay(Replay.Config())(Job(index=0, input=str(folder), output=None, stem="clip")):
        waiting.append(chunk)
        record(stage(chunk, people, surfaces))
    record(stage.flush())
    motion = recorded_motion(max(recorded.people.values(), key=len), frame_steps(np.array(recorded.seconds)))
    if len(motion.second_T) != clip.frames:
        raise SystemExit(f"{folder}: {len(motion.second_T)} of {clip.frames} frames have a body")
    return motion


def scores(name: str, noise: FitNoise | None, surfaces: Path | None) -> dict[str, Row]:
    """Rows of one clip."""
    clip = fast_clip(name)
    seen = clip.seen_by_camera()
    if surfaces is not None:
        seen = fitted_motion(surfaces / name.replace("/", "_"), clip)
    elif noise is not None:
        seen = as_fitted(seen, noise, np.random.default_rng([*name.encode()]))
    free, locked = grounded_motion(seen, lock=False), grounded_motion(seen)
    true_TP = true_contacts(posed(clip.truth)[1], FPS)
    best = locked_feet(free.motion, true_TP, free.ground.shift_3)
    return {
        "film, unlocked": film_row(clip, free),
        "film, locked": film_row(clip, locked),
        "pixels, unlocked": pixel_row(seen, free),
        "pixels, locked": pixel_row(seen, locked),
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
    parser.add_argument("--surfaces", type=Path, help="folder of saved surfaces of rendered clips")
    parser.add_argument("--clips", nargs="+", default=clip_names(), help="names as kick/0")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kept: dict[str, dict[str, Row]] = {}
    for name in options.clips:
        if options.surfaces is not None and not (options.surfaces / name.replace("/", "_")).is_dir():
            continue
        kept[name] = scores(name, None if options.exact else FitNoise(), options.surfaces)
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

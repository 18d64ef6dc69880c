"""How often true joint angles are within the stated intervals, on people and films with exact truth.

    python -m tests.benchmarks.quality.angle_intervals FILE.npz [--worlds val far] [--scenes 150] [--seed 76101]
        [--films FOLDER --clips kick/0 …] [--fit]

Each fitted body gives an error and a spread for each of the `CLINICAL_ANGLES`. People of a world are fitted from one
image each, from the network's surfaces, with the known focal length; those that the network finds and that are at least
100 pixels tall count. Clips of `fast_motions` go through the whole pipeline and are smoothed and locked as `-c animate`
does. Errors of the pelvis are relative to the true up direction. FILE keeps all errors; a FILE that exists is read, and
what is asked for is added. The table states the share of errors inside of the intervals. `--fit` prints constants for
`models/motion/angle_intervals.py` from the even scenes and tests them on the odd ones and on the films.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from models.arrays import F64
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.body_pose import BodyPose
from models.body.fitted_body import FittedBody
from models.fitting.surface_fit import fit_surface
from models.inference.open_network import open_network
from models.motion.angle_intervals import COVERAGE, GROUPS, SPREAD_M, angle_spreads, group_of_angles, half_widths
from models.motion.angle_table import angles_over_time
from models.motion.ground import upright
from models.motion.grounding import grounded_motion
from models.network import NetworkConfig
from stages.evaluation.protocols import match_boxes_to_people
from stages.evaluation.synthetic_truth import scene_truth
from stages.synthetic.synthesize import Synthesize, scene_generator
from tests.benchmarks.quality.fast_motions import fast_clip
from tests.benchmarks.quality.fitted_bodies import HEIGHT, LEAST_HEIGHT, WIDTH
from tests.benchmarks.quality.followed_films import recorded
from tests.benchmarks.quality.motion_scores import fitted_motion

UPRIGHT_33 = np.diag([1.0, -1, -1])
Errors = tuple[int, F64, F64]
"""Number of the scene, or −1 for a film; errors (A,) in degrees; confidences (J,)."""


def true_and_fitted(true: BodyPose, fitted: FittedBody) -> F64:
    """Errors (A,) of the angles of a fit, degrees: the shorter way round."""
    rotation_233 = np.stack([true.rotation_B33, fitted.pose.rotation_B33])
    pair = BodyMotion(
        rotation_TK33=rotation_233, root_T3=np.zeros((2, 3), np.float32), shape_C=fitted.pose.shape_C,
        second_T=np.arange(2.0), confidence_TJ=np.stack([fitted.confidence_J] * 2), presence_T=seen_in_all(2),
        camera=None,
    )
    angle_2A = angles_over_time(pair.moved(UPRIGHT_33, np.zeros(3))).astype(np.float64)
    return np.asarray(angle_2A[1] - angle_2A[0])


def of_world(world: str, seed: int, scenes: range) -> Iterator[Errors]:
    """The errors of the people of a world that the network finds."""
    draw = scene_generator(Synthesize.Config(world=world, seed=seed, height=HEIGHT, width=WIDTH))
    network = open_network(NetworkConfig(weights="light"), 1)
    for index in scenes:
        image = scene_truth(draw(index), world, index, seed)
        if image.camera is None or not image.people:
            continue
        (found,), features = network.detect(image.rgb_HW3[None], still=True)
        (surface_D,) = network.surfaces(features, [found.box_N4])
        for g, d in enumerate(match_boxes_to_people(found.box_N4, found.score_N, image).tolist()):
            pose = image.people[g].pose
            body = None if d < 0 or image.people[g].height < LEAST_HEIGHT else fit_surface(surface_D[d], image.camera)
            if body is not None and pose is not None:
                yield index, true_and_fitted(pose, body), body.confidence_J.astype(np.float64)


def of_film(folder: Path, name: str) -> Iterator[Errors]:
    """The errors of every frame of a clip, as the files of an animation have them."""
    clip = fast_clip(name)
    fitted = fitted_motion(recorded(folder, clip, "none", None), clip)
    made = grounded_motion(fitted)
    true = upright(clip.seen_by_camera(), made.ground)
    both = [angles_over_time(replace(one, camera=None)).astype(np.float64) for one in (true, made.motion)]
    error_TA = np.mod(both[1] - both[0] + 180, 360) - 180
    for error_A, confidence_J in zip(error_TA, made.motion.confidence_TJ.astype(np.float64), strict=True):
        yield -1, error_A, confidence_J


def fitted_constants(spread_NA: F64, error_NA: F64) -> dict[str, tuple[float, float]]:
    """For each group of angles the half width in degrees at `SPREAD_M`, and the exponent of the spread.

    They minimize the pinball loss, so that the share `COVERAGE` of errors is inside.
    """
    found, group_A = {}, np.array(group_of_angles())
    for group in GROUPS:
        log_N = np.log(spread_NA[:, group_A == group].ravel() / SPREAD_M)
        size_N = np.abs(error_NA[:, group_A == group].ravel())

        def loss(x_2: F64, log_N: F64 = log_N, size_N: F64 = size_N) -> float:
            over_N = size_N - np.exp(x_2[0] + x_2[1] * log_N)
            return float(np.maximum(COVERAGE * over_N, (COVERAGE - 1) * over_N).mean())

        begin = float(np.log(np.quantile(size_N, COVERAGE)))
        best = min((minimize(loss, [begin, slope], method="Nelder-Mead") for slope in (0, 1)), key=lambda one: one.fun)
        found[group] = (round(float(np.exp(best.x[0])), 1), round(float(np.clip(best.x[1], 0, 2)), 2))
    return found


def printed(label: str, error_NA: F64, width_NA: F64) -> None:
    """The share of errors inside, the mean half width and the mean error, of each group and of all."""
    inside_NA, group_A = np.abs(error_NA) <= width_NA, np.array(group_of_angles())
    print(f"\n{label}: {len(error_NA)} bodies, {inside_NA.mean():.3f} inside, half width {width_NA.mean():.1f}°")
    for group in GROUPS:
        of_A = group_A == group
        means = inside_NA[:, of_A].mean(), width_NA[:, of_A].mean(), np.abs(error_NA[:, of_A]).mean()
        print("| {} | {:.2f} | {:.1f} | {:.1f} |".format(group, *means))


def main() -> None:
    """Collect, print, and fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--worlds", nargs="*", default=[])
    parser.add_argument("--scenes", type=int, default=150)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=76101)
    parser.add_argument("--films", type=Path)
    parser.add_argument("--clips", nargs="*", default=[])
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    found: list[Errors] = []
    if options.file.exists():
        with np.load(options.file) as arrays:
            found = list(zip(*(arrays[name] for name in ("scene", "error", "confidence")), strict=True))
    scenes = range(options.first, options.first + options.scenes)
    sources = [of_world(world, options.seed, scenes) for world in options.worlds]
    sources += [of_film(options.films, name) for name in options.clips]
    for source in sources:
        for number, one in enumerate(source):
            found.append(one)
            if number % 20 == 0:
                saved(options.file, found)
        saved(options.file, found)
    scene_N, error_NA, confidence_NJ = (np.array(column) for column in zip(*found, strict=True))
    parts = {"even scenes": (scene_N >= 0) & (scene_N % 2 == 0), "odd scenes": scene_N % 2 == 1, "films": scene_N < 0}
    parts["odd scenes"] &= scene_N >= 0
    spread_NA = angle_spreads(confidence_NJ)
    width_NA = half_widths(confidence_NJ).astype(np.float64)
    if options.fit:
        chosen_N = parts["even scenes"]
        constants = fitted_constants(spread_NA[chosen_N], error_NA[chosen_N])
        print(constants)
        base_A, slope_A = np.array([constants[group] for group in group_of_angles()]).T
        width_NA = base_A * (spread_NA / SPREAD_M) ** slope_A
    for label, some_N in parts.items():
        if some_N.any():
            printed(label, error_NA[some_N], width_NA[some_N])


def saved(path: Path, found: Sequence[Errors]) -> None:
    """Write all errors."""
    scene_N, error_NA, confidence_NJ = (np.array(column) for column in zip(*found, strict=True))
    np.savez(path, scene=scene_N, error=error_NA, confidence=confidence_NJ)


if __name__ == "__main__":
    main()

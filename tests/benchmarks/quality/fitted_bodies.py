"""How near fitted bodies are to the true ones: dense fits and fits to joints alone, beside the network itself.

    python -m tests.benchmarks.quality.fitted_bodies val far --scenes 60 [--seed 62001] [--records FILE.jsonl]
        [--weights FILE.safetensors] [--methods dense joints]

Scenes of a world are rendered at 640×480 with the worlds' own cameras, whose focal length is given to the fits. People
of at least 100 pixels that the network finds count; "whole" are those with 15 of 17 keypoints visible. Rows:

- dense, searched, lift, joints: the ways that `-c evaluate --set evaluate.bodies=true` compares
- exact: a dense fit to the true surface of the visible pixels
- dense, height stated: the dense fit at the person's true height
- true joints: a fit to the true visible joints alone
- network: the network's surface itself, without a body

Joints: distance relative to the hips (MPJPE), after similarity alignment (PA), of people with every joint; people
without a fit count 300 mm. AUC and GPS are those of the rendered body at the annotated points. In brackets: bootstrap
intervals over people. Below: heights of the dense fit beside true ones (median ratio, and correlation of logarithms),
and how often its joints are within 100 mm, by their stated confidence.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from models.arrays import F32
from models.body.fitted_body import FittedBody
from models.fitting.compared_fits import METHODS, BodyMethod, prepare_methods
from models.fitting.joint_fit import fit_joints
from models.fitting.surface_fit import EXACT, JOINT_TOLERANCE_M, fit_surface
from models.inference.open_network import open_network
from models.metrics.bootstrap import Ratio, estimate, whole_value
from models.metrics.gps import gps_paper
from models.metrics.posed_joints import HIPS, MAIN_JOINTS
from models.network import NetworkConfig
from models.structures import SurfaceMap
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from models.surface.keypoints import person_keypoints
from stages.bodies.body_height import at_height, standing_height
from stages.evaluation.body_measures import FAILURE_MM, NETWORK, WHOLE_JOINTS
from stages.evaluation.body_scores import body_score, result_in_image, timed_body
from stages.evaluation.measures import auc_measures
from stages.evaluation.person_scores import BodyScore
from stages.evaluation.protocols import found_instance, match_boxes_to_people
from stages.evaluation.synthetic_truth import scene_truth
from stages.evaluation.true_images import TrueImage
from stages.synthetic.synthesize import Synthesize, scene_generator

HEIGHT, WIDTH = 480, 640
LEAST_HEIGHT = 100
VISIBLE = 2
ROWS = ("exact", "dense", "searched", "lift", "dense, height stated", "joints", "true joints", NETWORK)
BUT_HIPS = [k for k, joint in enumerate(MAIN_JOINTS) if joint not in HIPS]
"""Joints whose distance from the hips can err much."""
CONFIDENCES = (0.15, 0.3, 0.5, 0.7, 0.9)
"""Limits of the groups of joints by stated confidence."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One person under one method; millimetres, nan for the network's surface alone. `sure_M`: stated confidences.
    `true_m`, `fitted_m`: standing heights, metres."""

    world: str
    scene: int
    person: int
    method: str
    visible_17: list[bool]
    joint_mm: list[float]
    aligned_mm: float
    vertex_mm: float
    seconds: float
    auc10: float
    auc30: float
    gps: float
    sure_M: list[float] = field(default_factory=list)
    true_m: float = float("nan")
    fitted_m: float = float("nan")


def true_surface(image: TrueImage, g: int) -> SurfaceMap:
    """The visible surface of a person, as a renderer knows it."""
    assert image.dense is not None
    x0, y0, x1, y1 = image.boxes[g].astype(int)
    window = slice(y0, y1), slice(x0, x1)
    mine_hw = image.dense.instance_HW[window] == g + 1
    return SurfaceMap(
        x0=int(x0), y0=int(y0), labels_hw=np.where(mine_hw, image.dense.label_HW[window], 0).astype(np.uint8),
        uv_2hw=np.where(mine_hw, image.dense.uv_2HW[(slice(None), *window)], 0).astype(np.float32),
    )  # fmt: skip


def methods_for(image: TrueImage, g: int) -> dict[str, BodyMethod]:
    """The compared ways to a body, and those that are told some of the truth about a person."""
    known_173, pose = image.people[g].keypoint_173, image.people[g].pose
    assert known_173 is not None and pose is not None
    told_173 = known_173 * (known_173[:, 2:] == VISIBLE)
    told_173[:, 2] = told_173[:, 2] > 0
    exact, height_m = true_surface(image, g), standing_height(pose.shape_C)
    return {
        **METHODS,
        "exact": lambda _, camera: fit_surface(exact, camera, EXACT),
        "dense, height stated": lambda surface, camera: None
        if (fit := fit_surface(surface, camera)) is None
        else at_height(fit, height_m),
        "true joints": lambda _, camera: fit_joints(told_173, camera),
    }


def record(image: TrueImage, g: int, method: str, score: BodyScore, body: FittedBody | None) -> Record:
    """One person's numbers."""
    person, errors, error_M = image.people[g], score.errors, score.result.error_M
    assert person.keypoint_173 is not None and error_M is not None and person.pose is not None
    auc = {name.lower(): whole_value(one) for name, one in auc_measures([error_M]).items()}
    nothing = [float("nan")] * len(MAIN_JOINTS)
    return Record(
        world=image.set_name, scene=int(image.name), person=g, method=method, gps=gps_paper(error_M),
        sure_M=[] if body is None else body.confidence_J[MAIN_JOINTS].tolist(),
        true_m=standing_height(person.pose.shape_C),
        fitted_m=np.nan if body is None else standing_height(body.pose.shape_C),
        visible_17=(person.keypoint_173[:, 2] == VISIBLE).tolist(), seconds=score.seconds,
        joint_mm=nothing if errors is None else errors.joint_M.tolist(), auc10=auc["auc10"], auc30=auc["auc30"],
        aligned_mm=np.nan if errors is None else errors.aligned,
        vertex_mm=np.nan if errors is None else errors.vertices,
    )  # fmt: skip


def person_records(
    image: TrueImage, g: int, surface: SurfaceMap, box_4: F32, geometry: SurfaceGeometry, names: Sequence[str]
) -> Iterator[Record]:
    """Some methods on the predicted surface of a person."""
    assert image.camera is not None
    methods = methods_for(image, g)
    for name in names:
        if name == NETWORK:
            shown = found_instance(surface, box_4, 1.0)
            result = result_in_image(image, g, shown, person_keypoints(surface).astype(float), geometry)
            yield record(image, g, name, BodyScore(result=result), None)
            continue
        timed = timed_body(methods[name], surface, image.camera)
        yield record(image, g, name, body_score(image, g, timed, geometry), timed.body)


def records(world: str, seed: int, scenes: range, weights: str, methods: Sequence[str] = ROWS) -> Iterator[Record]:
    """Some methods on the people of a world that a network finds."""
    draw = scene_generator(Synthesize.Config(world=world, seed=seed, height=HEIGHT, width=WIDTH))
    prepare_methods()
    network, geometry = open_network(NetworkConfig(weights=weights), 1), open_body_geometry()
    for index in scenes:
        image = scene_truth(draw(index), world, index, seed)
        if image.camera is None or not image.people:
            continue
        (found,), features = network.detect(image.rgb_HW3[None], still=True)
        (surface_D,) = network.surfaces(features, [found.box_N4])
        for g, d in enumerate(match_boxes_to_people(found.box_N4, found.score_N, image).tolist()):
            points = image.people[g].instance.points
            if d < 0 or image.people[g].height < LEAST_HEIGHT or points is None or not len(points):
                continue
            yield from person_records(image, g, surface_D[d], found.box_N4[d], geometry, methods)


def confidence_rows(some: Sequence[Record]) -> Iterator[str]:
    """Stated and true shares of near joints, by stated confidence."""
    pairs = [(one.sure_M[k], one.joint_mm[k]) for one in some if one.sure_M for k in BUT_HIPS]
    if not pairs:
        return
    sure_N = np.array([sure for sure, _ in pairs])
    near_N = np.array([error_mm < 1e3 * JOINT_TOLERANCE_M for _, error_mm in pairs])
    yield "\n| joints of the dense fit | stated | within 100 mm |\n|---|---|---|"
    group_N = np.digitize(sure_N, CONFIDENCES)
    for group in np.unique(group_N):
        chosen_N = group_N == group
        yield f"| {chosen_N.sum()} | {sure_N[chosen_N].mean():.2f} | {near_N[chosen_N].mean():.2f} |"


def height_rows(some: Sequence[Record]) -> Iterator[str]:
    """Fitted and true heights of each world."""
    yield "\n| world | people | true height m, 10th to 90th percentile | fitted / true | 10th to 90th | correlation |"
    yield "|---" * 6 + "|"
    for world in dict.fromkeys(one.world for one in some):
        heights = [(one.true_m, one.fitted_m) for one in some if one.world == world and np.isfinite(one.fitted_m)]
        true_N, ratio_N = np.array(heights)[:, 0], np.array(heights)[:, 1] / np.array(heights)[:, 0]
        low, high = np.percentile(ratio_N, [10, 90])
        correlation = np.corrcoef(np.log(np.array(heights).T))[0, 1]
        shortest, tallest = np.percentile(true_N, [10, 90])
        yield (
            f"| `{world}` | {len(heights)} | {shortest:.2f} to {tallest:.2f} | {np.median(ratio_N):.2f} "
            f"| {low:.2f} to {high:.2f} | {correlation:.2f} |"
        )


def mean_with_interval(value_P: Sequence[float], digits: int = 0) -> str:
    """The mean over people and its bootstrap interval."""
    known_P = np.array([value for value in value_P if np.isfinite(value)])
    if not len(known_P):
        return "–"
    found = estimate(Ratio(hits_P=known_P, trials_P=np.ones(len(known_P))))
    return f"{found.value:.{digits}f} ({found.low:.{digits}f}–{found.high:.{digits}f})"


def row(some: Sequence[Record]) -> str:
    """A line of the table."""
    mpjpe = [float(np.mean(one.joint_mm)) for one in some]
    seen, hidden = ([], [])
    for one in some:
        for joint, error in zip(MAIN_JOINTS, one.joint_mm, strict=True):
            (seen if one.visible_17[joint] else hidden).append(error)
    failed = [100.0 * (value > FAILURE_MM) if np.isfinite(value) else np.nan for value in mpjpe]
    joints = f"{np.mean(seen):.0f} / {np.mean(hidden):.0f}" if hidden and np.isfinite(mpjpe).any() else "–"
    columns = [
        mean_with_interval(mpjpe), mean_with_interval([one.aligned_mm for one in some]),
        mean_with_interval([one.vertex_mm for one in some]), mean_with_interval(failed), joints,
        *(mean_with_interval([getattr(one, name) for one in some], 3) for name in ("auc10", "auc30", "gps")),
        "–" if np.isnan(some[0].seconds) else f"{1e3 * np.mean([one.seconds for one in some]):.0f}",
    ]  # fmt: skip
    return " | ".join(columns)


def table(found: Sequence[Record]) -> str:
    """All rows in Markdown."""
    lines = [
        "| world | people | method | MPJPE mm | PA mm | vertices mm | over 150 mm, % | seen / hidden joints mm | AUC10 "
        "| AUC30 | GPS | ms |",
        "|---" * 12 + "|",
    ]
    for world in dict.fromkeys(one.world for one in found):
        for group, whole in (("all", False), ("whole", True)):
            for method in ROWS:
                some = [
                    one for one in found
                    if (one.world, one.method) == (world, method) and (not whole or sum(one.visible_17) >= WHOLE_JOINTS)
                ]  # fmt: skip
                if some:
                    lines.append(f"| `{world}` | {len(some)} {group} | {method} | {row(some)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table; with --records also keep, and begin with, the records of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worlds", nargs="+")
    parser.add_argument("--scenes", type=int, default=60, help="of each world")
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--weights", default="light", help="of the network")
    parser.add_argument("--methods", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--seed", type=int, default=62001)
    parser.add_argument("--records", type=Path, help="records are appended to this file, and the table is of all of it")
    options = parser.parse_args()
    found: list[Record] = []
    if options.records and options.records.exists():
        found = [Record(**json.loads(line)) for line in options.records.read_text().splitlines()]
    for world in options.worlds:
        scenes = range(options.first, options.first + options.scenes)
        for one in records(world, options.seed, scenes, options.weights, options.methods):
            found.append(one)
            if options.records:
                with options.records.open("a") as file:
                    file.write(json.dumps(asdict(one)) + "\n")
    dense = [one for one in found if one.method == "dense"]
    print("\n".join([table(found), *height_rows(dense), *confidence_rows(dense)]))


if __name__ == "__main__":
    main()

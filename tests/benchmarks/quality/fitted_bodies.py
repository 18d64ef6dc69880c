"""How near fitted bodies are to the true ones: dense fits and fits to joints alone, beside the network itself.

    python -m tests.benchmarks.quality.fitted_bodies val far --scenes 60 [--seed 62001] [--records FILE.jsonl]
        [--weights FILE.safetensors] [--methods dense joints]

Scenes of a world are rendered at 640×480 with the worlds' own cameras, whose focal length is given to the fits. People
of at least 100 pixels that the network finds count; "whole" are those with 15 of 17 keypoints visible. Rows:

- exact: a dense fit to the true surface of the visible pixels
- dense: a dense fit to the network's surface and joints, from where the lift puts the body
- searched: the same from the surface's own starts
- lift: the lift of the network's surface alone
- dense, height stated: the first at the person's true height
- joints: a fit to the network's joints alone
- true joints: a fit to the true visible joints alone
- network: the network's surface itself, without a body

Joints: distance relative to the hips (MPJPE), after similarity alignment (PA), of people with every joint; people
without a fit count 300 mm. AUC and GPS are those of the rendered body at the annotated points. In brackets: bootstrap
intervals over people.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.body.body_pose import posed_keypoints, posed_vertices
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from models.body.reduced_pose import whole_pose
from models.fitting.joint_fit import fit_joints
from models.fitting.least_squares import library_prior
from models.fitting.lifted_start import lifted_start
from models.fitting.surface_fit import EXACT, SurfaceFitSettings, fit_surface
from models.inference.open_network import open_network
from models.lift.lift_weights import built_in_lift
from models.metrics.bootstrap import Ratio, estimate
from models.metrics.gps import gps_paper
from models.metrics.instances import point_errors
from models.metrics.posed_joints import MAIN_JOINTS, from_hips, similarity_aligned
from models.network import NetworkConfig
from models.structures import SurfaceMap
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from models.surface.keypoints import person_keypoints
from models.surface.raster import Camera, blend, rasterize
from stages.bodies.body_height import at_height, standing_height
from stages.evaluation.protocols import found_instance, match_boxes_to_people
from stages.evaluation.synthetic_truth import scene_truth
from stages.evaluation.true_images import TrueImage, TruePerson
from stages.synthetic.synthesize import Synthesize, scene_generator

HEIGHT, WIDTH = 480, 640
LEAST_HEIGHT = 100
WHOLE, VISIBLE = 15, 2
NO_FIT_MM, FAILURE_MM = 300.0, 150.0
METHODS = ("exact", "dense", "searched", "lift", "dense, height stated", "joints", "true joints", "network")


@dataclass(frozen=True, kw_only=True)
class Record:
    """One person under one method; millimetres, nan for the network's surface alone."""

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


def fits(
    image: TrueImage, g: int, camera: PinholeCamera, surface: SurfaceMap, methods: Sequence[str]
) -> Iterator[tuple[str, FittedBody | None, float]]:
    """The fits of a person by some of the methods, and their processor seconds."""
    known_173 = image.people[g].keypoint_173
    assert known_173 is not None
    told_173 = known_173 * (known_173[:, 2:] == VISIBLE)
    told_173[:, 2] = told_173[:, 2] > 0
    exact, joints = true_surface(image, g), person_keypoints(surface)
    pose = image.people[g].pose
    assert pose is not None
    height_m = standing_height(pose.shape_C)
    for name, fit in (
        ("exact", lambda: fit_surface(exact, camera, EXACT)),
        ("dense", lambda: fit_surface(surface, camera)),
        ("searched", lambda: fit_surface(surface, camera, SurfaceFitSettings(lifted=False))),
        ("lift", lambda: lifted_body(surface, camera)),
        ("dense, height stated", lambda: fit_at_height(surface, camera, height_m)),
        ("joints", lambda: fit_joints(joints, camera)),
        ("true joints", lambda: fit_joints(told_173, camera)),
    ):
        if name in methods:
            start = time.process_time()
            yield name, fit(), time.process_time() - start


def fit_at_height(surface: SurfaceMap, camera: PinholeCamera, height_m: float) -> FittedBody | None:
    """A dense fit, scaled to a stated height."""
    fit = fit_surface(surface, camera)
    return None if fit is None else at_height(fit, height_m)


def lifted_body(surface: SurfaceMap, camera: PinholeCamera) -> FittedBody | None:
    """The body that the lift tells, of which nothing else is known."""
    start = lifted_start(surface, camera, library_prior(), built_in_lift())
    if start is None:
        return None
    body = load_body()
    return FittedBody(
        pose=whole_pose(start), camera=camera, confidence_J=np.zeros(len(body.keypoint_KV), np.float32),
        seen_B=np.zeros(len(body.bones), np.float32), residual=0.0, is_person=1.0,
    )


def body_errors(person: TruePerson, fit: FittedBody | None) -> tuple[list[float], float, float]:
    """Joint errors, aligned error and vertex error of a person, millimetres."""
    assert person.pose is not None
    if fit is None:
        return [NO_FIT_MM] * len(MAIN_JOINTS), NO_FIT_MM, NO_FIT_MM
    found_J3, true_J3 = posed_keypoints(fit.pose), posed_keypoints(person.pose)
    main = (from_hips(found_J3, found_J3) - from_hips(true_J3, true_J3))[MAIN_JOINTS]
    aligned_M3 = similarity_aligned(found_J3[MAIN_JOINTS].astype(float), true_J3[MAIN_JOINTS].astype(float))
    vertices = from_hips(posed_vertices(fit.pose), found_J3) - from_hips(posed_vertices(person.pose), true_J3)
    return (
        (1e3 * np.linalg.norm(main, axis=1)).tolist(),
        1e3 * float(np.linalg.norm(aligned_M3 - true_J3[MAIN_JOINTS], axis=1).mean()),
        1e3 * float(np.linalg.norm(vertices, axis=1).mean()),
    )


def rendered_fit(fit: FittedBody | None) -> SurfaceMap | None:
    """The surface of a fitted body in the whole frame."""
    if fit is None:
        return None
    view = Camera(
        rotation_33=np.eye(3, dtype=np.float32), shift_3=np.zeros(3, np.float32), focal=fit.camera.focal_px,
        center_2=(float(fit.camera.center_2[0]), float(fit.camera.center_2[1])), height=HEIGHT, width=WIDTH,
    )  # fmt: skip
    body = load_body()
    hits = rasterize(view, posed_vertices(fit.pose).astype(np.float32), body.face_F3)
    labels, uv_2P = np.zeros(HEIGHT * WIDTH, np.uint8), np.zeros((2, HEIGHT * WIDTH), np.float32)
    labels[hits.pixel_P] = body.chart_F[hits.face_P]
    corner_P3 = 3 * hits.face_P[:, None] + np.arange(3)
    uv_2P[:, hits.pixel_P] = blend(body.corner_uv_F32.reshape(-1, 2), corner_P3, hits.bary_P3).T
    return SurfaceMap(x0=0, y0=0, labels_hw=labels.reshape(HEIGHT, WIDTH), uv_2hw=uv_2P.reshape(2, HEIGHT, WIDTH))


def surface_scores(
    person: TruePerson, surface: SurfaceMap | None, geometry: SurfaceGeometry
) -> dict[str, float]:
    """AUC10, AUC30 and GPS at the annotated points."""
    found = None
    if surface is not None:
        height, width = surface.labels_hw.shape
        grid_4 = np.array([surface.x0, surface.y0, surface.x0 + width, surface.y0 + height], np.float32)
        found = found_instance(surface, grid_4, 1.0)
    error_M = point_errors(geometry, person.instance, found)
    auc = {f"auc{limit}": float(np.clip(1 - 100 * error_M / limit, 0, None).mean()) for limit in (10, 30)}
    return auc | {"gps": gps_paper(error_M)}


def records(
    world: str, seed: int, scenes: range, weights: str, methods: Sequence[str] = METHODS
) -> Iterator[Record]:
    """Some methods on the people of a world that a network finds."""
    draw = scene_generator(Synthesize.Config(world=world, seed=seed, height=HEIGHT, width=WIDTH))
    network, geometry = open_network(NetworkConfig(weights=weights), 1), open_body_geometry()
    for index in scenes:
        image = scene_truth(draw(index), world, index, seed)
        if image.camera is None or not image.people:
            continue
        (found,), features = network.detect(image.rgb_HW3[None], still=True)
        (surface_D,) = network.surfaces(features, [found.box_N4])
        for g, d in enumerate(match_boxes_to_people(found.box_N4, found.score_N, image).tolist()):
            person = image.people[g]
            points = person.instance.points
            if d < 0 or person.height < LEAST_HEIGHT or points is None or not len(points):
                continue
            assert person.keypoint_173 is not None
            about = {"world": world, "scene": index, "person": g}
            seen = (person.keypoint_173[:, 2] == VISIBLE).tolist()
            for method, fit, seconds in fits(image, g, image.camera, surface_D[d], methods):
                joint_mm, aligned, vertex = body_errors(person, fit)
                scores = surface_scores(person, rendered_fit(fit), geometry)
                yield Record(
                    **about, method=method, visible_17=seen, joint_mm=joint_mm, aligned_mm=aligned, vertex_mm=vertex,
                    seconds=seconds, **scores,
                )  # fmt: skip
            if "network" not in methods:
                continue
            nothing = [float("nan")] * len(MAIN_JOINTS)
            scores = surface_scores(person, surface_D[d], geometry)
            yield Record(
                **about, method="network", visible_17=seen, joint_mm=nothing, aligned_mm=np.nan, vertex_mm=np.nan,
                seconds=np.nan, **scores,
            )  # fmt: skip


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
            for method in METHODS:
                some = [
                    one for one in found
                    if (one.world, one.method) == (world, method) and (not whole or sum(one.visible_17) >= WHOLE)
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
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
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
    print(table(found))


if __name__ == "__main__":
    main()

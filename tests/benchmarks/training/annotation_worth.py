"""What annotation is worth: the built-in surface network, fine-tuned on few people with few points each.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.training.annotation_worth runs/worth --world stress_lying

The people are of a world on which the built-in weights are weak, annotated by the simulated annotator (error 3.4 cm).
Only the last layer learns, which reads charts, U and V off the features; with `--deep` the last two blocks before it
learn too. What these layers read is computed once. Steps and rate are chosen on people of a third seed, for the table's
middle. Scored people have exact points.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from models.arrays import F64, U8
from models.body.charts import mirror_uv
from models.light.architecture.preprocessing import CROP
from models.light.architecture.surface_net import GRID, PART, UV_RANGE, SurfaceNet, U, V
from models.light.architecture.weight_files import load_networks
from models.light.architecture.weight_paths import weights_path
from models.losses.light_surface import MEAN_METRES, UV_METRES, UV_WEIGHT
from models.metrics.bootstrap import Ratio, difference, estimate
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from stages.annotations.point_picking import POINT_RANGE
from stages.synthetic.simulated_annotators import annotate_person
from stages.synthetic.synthesize import Synthesize, scene_generator
from stages.training.light.canvases import mirror_label
from stages.training.light.crop_geometry import CropTransform, box_crop_transform
from stages.training.light.crops import warp_antialiased
from stages.training.light.mixes import CropMix
from stages.training.light.other_people import other_people_planes
from stages.world.scene import Scene

PEOPLE, POINTS = (20, 60, 200), (5, 20, 100)
PERSON_S, POINT_S = 120.0, 6.0
"""Assumed seconds for a person's box and parts, and for a point; `-c annotation_errors` measures annotators' own."""
HOURS = (1.0, 4.0, 10.0)
VIEWS = 2
"""Crops of each annotated person."""
SCORED = 150
LEAST_HEIGHT = 100
BATCH, DEEP_BATCH = 16, 4
"""People of a step; fewer where more layers learn, which takes longer."""
PLAIN = CropMix(
    rotated=0, rotated_any=0, roll_aligned=0, degraded=0, distant=0, video_degraded=0,
)
TURNED = CropMix(rotated=0.5, rotated_any=0, roll_aligned=0, degraded=0, distant=0, video_degraded=0)
SEEDS = (0, 1, 2)
AUC_CM = 30.0
FRESH_GRID = ((200, 400), (1e-3, 3e-3))
LAST_GRID = ((100, 400), (1e-5, 3e-5, 1e-4, 1e-3))
DEEP_GRID = ((60, 120), (3e-5, 1e-4, 3e-4))
"""Steps and rates to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Some crops of one person, or of several, and what is annotated at their M points.

    Attributes:
        x_BCSS: what the layers that learn read, of each crop; half precision.
        at_M3: crop, row and column of `x_BCSS` that a point is in.
        cell_M: which of the four cells of its place a point is in.
        chart_M: 0..23; mirrored where the crop is, as U and V are.
        uv_M2: as annotated.
        number_M: which of the person's points each is.
    """

    x_BCSS: torch.Tensor
    at_M3: torch.Tensor
    cell_M: torch.Tensor
    chart_M: torch.Tensor
    uv_M2: torch.Tensor
    number_M: torch.Tensor

    def kept(self, inside_M: torch.Tensor) -> Seen:
        """Some of the points."""
        return replace(self, **{name: getattr(self, name)[inside_M] for name in OF_POINTS})


OF_POINTS = tuple(one.name for one in fields(Seen) if one.name != "x_BCSS")


def joined(people: Sequence[Seen]) -> Seen:
    """The points of all."""
    first = np.cumsum([0, *(len(each.x_BCSS) for each in people)])
    at_M3 = torch.cat([each.at_M3 + torch.tensor([int(n), 0, 0]) for each, n in zip(people, first, strict=False)])
    all_of = {name: torch.cat([getattr(each, name) for each in people]) for name in ("x_BCSS", *OF_POINTS)}
    return Seen(**{**all_of, "at_M3": at_M3})


class Tail(torch.nn.Module):
    """The layers of the surface network that learn: the last one, which `deep` precedes by the blocks at stride 4."""

    def __init__(self, net: SurfaceNet, deep: bool) -> None:
        super().__init__()
        self.refine = copy.deepcopy(net.refined4) if deep else torch.nn.Identity()
        self.read = copy.deepcopy(net.read)

    def forward(self, points: Seen) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of charts (M, 24), and U and V of every chart (M, 24, 2)."""
        crop_M, row_M, column_M = points.at_M3.T
        x_MC = self.refine(points.x_BCSS.float())[crop_M, :, row_M, column_M]
        all_M734 = functional.linear(x_MC, self.read.weight.flatten(1), self.read.bias).unflatten(1, (73, 4))
        at_M73 = all_M734[torch.arange(len(points.cell_M)), :, points.cell_M]
        return at_M73[:, PART], torch.stack([at_M73[:, U], at_M73[:, V]], 2) * UV_RANGE[0] + UV_RANGE[1]


@torch.no_grad()
def at_points(net: SurfaceNet, crops: Seen) -> Seen:
    """The same for the last layer alone: what it reads at the points."""
    crop_M, row_M, column_M = crops.at_M3.T
    x_MC = net.refined4(crops.x_BCSS.float())[crop_M, :, row_M, column_M]
    at_M3 = torch.zeros_like(crops.at_M3)
    at_M3[:, 0] = torch.arange(len(at_M3))
    return replace(crops, x_BCSS=x_MC[:, :, None, None].half(), at_M3=at_M3)


def people_of(world: str, seed: int, count: int) -> list[tuple[Scene, int]]:
    """The first people of a seed who are tall enough."""
    draw, index = scene_generator(Synthesize.Config(world=world, seed=seed)), 0
    found: list[tuple[Scene, int]] = []
    while len(found) < count:
        scene = draw(index)
        for number, box_4 in enumerate(scene.box_N4, start=1):
            if max(box_4[2] - box_4[0], box_4[3] - box_4[1]) >= LEAST_HEIGHT:
                found.append((scene, number))
        index += 1
    return found[:count]


def seen(net: SurfaceNet, scene: Scene, number: int, noise: float, seeds: list[int], mix: CropMix) -> Seen:
    """One crop of a person, and its annotated points."""
    person = annotate_person(scene, number, 1, 1, np.random.default_rng(seeds[:2]), noise)
    points, box_4 = person.points, np.asarray(scene.box_N4[number - 1], np.float64)
    assert points is not None
    random = np.random.default_rng(seeds)
    view = box_crop_transform(box_4, random, mix)
    xy_M2 = np.stack([points.x_M, points.y_M], 1) / POINT_RANGE * (box_4[2:] - box_4[:2]) + box_4[:2]
    uv_M2 = np.stack([points.u_M, points.v_M], 1)
    planes = _others(scene, number, view, random)
    return crop_points(net, scene.rgb_HW3, planes, view, xy_M2, points.chart_M.astype(np.uint8), uv_M2)


@torch.no_grad()
def crop_points(
    net: SurfaceNet, rgb_HW3: U8, planes_CC2: U8, view: CropTransform, xy_M2: F64, chart_M: U8, uv_M2: F64
) -> Seen:
    """A crop and the points in it, mirrored where the crop is.

    Args:
        planes_CC2: where other people are in the crop.
        xy_M2: pixels of the image.
    """
    rgb_CC3 = warp_antialiased(rgb_HW3, view, np.ones(2), CROP)
    crop = torch.from_numpy(np.concatenate([rgb_CC3, planes_CC2], 2)[None, ..., : net.channels].astype(np.float32))
    at_M2 = np.floor(view.to_crop(xy_M2) * GRID).astype(int)
    if view.flip:
        uv_M2 = np.stack(mirror_uv(chart_M, *uv_M2.T), 1)
        chart_M = mirror_label(chart_M)
    inside = np.flatnonzero(((at_M2 >= 0) & (at_M2 < GRID)).all(1))
    column_M, row_M = at_M2[inside].T
    return Seen(
        x_BCSS=before_refinement(net, crop.permute(0, 3, 1, 2)).half(),
        at_M3=torch.from_numpy(np.stack([0 * row_M, row_M // 2, column_M // 2], 1)),
        cell_M=torch.from_numpy(row_M % 2 * 2 + column_M % 2),
        chart_M=torch.from_numpy(chart_M[inside].astype(np.int64)) - 1,
        uv_M2=torch.from_numpy(uv_M2[inside].astype(np.float32)), number_M=torch.from_numpy(inside),
    )


def before_refinement(net: SurfaceNet, crop_NCHW: torch.Tensor) -> torch.Tensor:
    """What the blocks at stride 4 read."""
    kept: list[torch.Tensor] = []
    hook = net.refined4.register_forward_pre_hook(lambda _, given: kept.append(given[0].clone()))
    net.features(crop_NCHW)
    hook.remove()
    return kept[0]


def _others(scene: Scene, number: int, view: CropTransform, random: np.random.Generator) -> U8:
    own_4 = np.asarray(scene.box_N4[number - 1], np.float64)
    return other_people_planes(view, own_4, np.delete(scene.box_N4, number - 1, 0), None, CROP, random)


def fine_tuned(
    start: Tail, people: Sequence[Seen], steps: int, rate: float, seed: int, batch: int = BATCH
) -> Tail:
    """The layers after training on annotated points alone."""
    tail, rng = copy.deepcopy(start), np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(tail.parameters(), rate, weight_decay=0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 10) * (1 - step / steps)
        loss = point_loss(tail, joined([people[i] for i in rng.integers(0, len(people), batch)]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tail


def point_loss(tail: Tail, points: Seen) -> torch.Tensor:
    """Cross entropy of charts, and the error of U and V by its length on the skin."""
    part_M24, uv_M242 = tail(points)
    found_M2 = uv_M242[torch.arange(len(points.chart_M)), points.chart_M]
    gap_M2 = (found_M2 - points.uv_M2).abs() * (UV_METRES / MEAN_METRES)[points.chart_M]
    return functional.cross_entropy(part_M24, points.chart_M) + UV_WEIGHT * gap_M2.sum(1).mean()


@torch.no_grad()
def errors(tail: Tail, people: Sequence[Seen], geometry: SurfaceGeometry) -> list[F64]:
    """Geodesic errors at the points of each person, centimetres."""
    found: list[F64] = []
    for points in people:
        part_M24, uv_M242 = tail(points)
        chart_M = part_M24.argmax(1)
        u_M, v_M = uv_M242[torch.arange(len(chart_M)), chart_M].clamp(0, 1).numpy().T
        found_M = geometry.points(chart_M.numpy() + 1, u_M, v_M)
        true_M = geometry.points(points.chart_M.numpy() + 1, *points.uv_M2.numpy().T)
        found.append(100.0 * geometry.between(found_M, true_M).astype(np.float64))
    return found


def auc_of(error_PM: Sequence[F64]) -> Ratio:
    """The area under the curve of right points up to `AUC_CM`, person by person."""
    share = [np.clip(1 - one / AUC_CM, 0, 1).sum() for one in error_PM]
    return Ratio(hits_P=np.array(share), trials_P=np.array([float(len(one)) for one in error_PM]))


def chosen(people: Sequence[Seen], count: int, points: int, seed: int) -> list[Seen]:
    """Some people with some of their points."""
    rng = np.random.default_rng([seed, count, points])
    found = []
    for person in np.random.default_rng(seed).permutation(len(people))[:count]:
        numbers = rng.permutation(np.unique(people[person].number_M.numpy()))[:points]
        found.append(people[person].kept(torch.isin(people[person].number_M, torch.from_numpy(numbers))))
    return found


def main() -> None:
    """Train and score every cell of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--world", default="stress_lying")
    parser.add_argument("--weights", default="light")
    parser.add_argument("--fresh", action="store_true", help="the last layer begins at random, as for new charts")
    parser.add_argument("--deep", action="store_true", help="the blocks at stride 4 learn too; with 20 points alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = load_networks(weights_path(options.weights))[1].eval()
    options.folder.mkdir(parents=True, exist_ok=True)
    geometry = open_body_geometry()
    train, tests = features(net, options.world, options.folder / f"{options.world}.pt")
    if not options.deep:
        train = [at_points(net, one) for one in train]
        tests = {name: [at_points(net, one) for one in people] for name, people in tests.items()}
    if options.fresh:
        torch.manual_seed(0)
        net.read.reset_parameters()
    start = Tail(net, options.deep).eval()
    before = {name: errors(start, people, geometry) for name, people in tests.items()}
    print("before", {name: estimate(auc_of(one)).value for name, one in before.items()}, flush=True)
    grid = FRESH_GRID if options.fresh else DEEP_GRID if options.deep else LAST_GRID
    batch = DEEP_BATCH if options.deep else BATCH
    steps, rate = choice(start, train, tests["choice"], geometry, grid, batch)
    rows = []
    equal = [(int(3600 * hours / (PERSON_S + POINT_S * points)), points) for hours in HOURS for points in POINTS]
    cells = [*product(PEOPLE, POINTS), *(cell for cell in equal if cell[0] <= max(PEOPLE))]
    for people, points in [(count, 20) for count in PEOPLE] if options.deep else cells:
        after = []
        for seed in SEEDS:
            tail = fine_tuned(start, chosen(train, people, points, seed), steps, rate, seed, batch)
            after.append(errors(tail, tests["score"], geometry))
        rows.append(row_of(people, points, before["score"], after))
        print(rows[-1], flush=True)
    base = estimate(auc_of(before["score"]))
    found = {
        "world": options.world, "steps": steps, "rate": rate, "before": [base.value, base.low, base.high],
        "before_cm": float(np.concatenate(before["score"]).mean()), "rows": rows,
    }
    kind = "_fresh" * options.fresh + "_deep" * options.deep
    (options.folder / f"{options.world}{kind}.json").write_text(json.dumps(found, indent=1))


def features(net: SurfaceNet, world: str, kept: Path) -> tuple[list[Seen], dict[str, list[Seen]]]:
    """The annotated people, and those to choose by and to score; they are computed once and kept in a file."""
    if not kept.exists():
        train = [
            joined([seen(net, scene, number, 1.0, [71, i, view], TURNED) for view in range(VIEWS)])
            for i, (scene, number) in enumerate(people_of(world, 71, max(PEOPLE)))
        ]
        tests = {
            name: [seen(net, *one, 0.0, [seed, i, 0], PLAIN) for i, one in enumerate(people_of(world, seed, count))]
            for name, seed, count in (("choice", 72, 50), ("score", 73, SCORED))
        }
        torch.save((train, tests), kept)
    found: tuple[list[Seen], dict[str, list[Seen]]] = torch.load(kept, weights_only=False)
    return found


def choice(
    start: Tail, train: Sequence[Seen], people: Sequence[Seen], geometry: SurfaceGeometry,
    grid: tuple[Sequence[int], Sequence[float]], batch: int,
) -> tuple[int, float]:
    """Steps and learning rate that are best for 60 people with 20 points, on people who are not scored."""
    found = {}
    for steps, rate in product(*grid):
        tail = fine_tuned(start, chosen(train, 60, 20, 9), steps, rate, 9, batch)
        found[steps, rate] = estimate(auc_of(errors(tail, people, geometry))).value
        print("choice", steps, rate, round(found[steps, rate], 4), flush=True)
    return max(found, key=lambda key: found[key])


def row_of(people: int, points: int, before: Sequence[F64], after: Sequence[Sequence[F64]]) -> dict[str, object]:
    """One cell: the mean over seeds of the score, and its difference with the paired interval over people."""
    together = [np.concatenate(one) for one in zip(*after, strict=True)]
    thrice = [np.tile(one, len(after)) for one in before]
    gain = difference(auc_of(thrice), auc_of(together))
    return {
        "people": people, "points": points, "hours": people * (PERSON_S + POINT_S * points) / 3600,
        "auc": estimate(auc_of(together)).value,
        "gain": [gain.value, gain.low, gain.high], "cm": float(np.concatenate(together).mean()),
        "seeds": [estimate(auc_of(one)).value for one in after],
    }


if __name__ == "__main__":
    main()

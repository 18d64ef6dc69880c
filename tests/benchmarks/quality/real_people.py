"""Is a detection in a photo a person? What the surface's confidence, a fitted body and the detector tell of it.

    python -m tests.benchmarks.quality.real_people PEOPLE.json IMAGES [PEOPLE.json IMAGES ...] [--every N]
        [--weights FILE.safetensors]

PEOPLE.json is in COCO's format; every N-th photo is read. Each detection is fitted alone, with the default camera.
Detections that match a person (IoU .5) are told from those that match none (IoU below .3 and not in a crowd). Printed:
the area under the ROC curve, and the stated and true shares of people, of the built-in `person_probability`, and of
logistic models of single numbers with every fifth photo left out in turn. Joints of bodies in photos are scored by
`-c evaluate --set evaluate.bodies=true`.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.special import expit

from models.arrays import F64, Bool, Float
from models.body.camera import default_camera
from models.body.reduced_pose import reduced_pose
from models.body.rotation_vectors import rotation_logarithm
from models.fitting.correspondences import correspondences
from models.fitting.least_squares import library_prior
from models.fitting.surface_fit import fit_surface, person_probability
from models.inference.open_network import open_network
from models.network import NetworkConfig
from models.structures import SurfaceMap

MIN_SCORE, LEAST_PIXELS = 0.03, 150
SAME, APART = 0.5, 0.3
FEATURES = ("log residual", "confidence", "pose prior", "shape", "detector's score")
MODELS = ((0,), (1,), (0, 1), (0, 1, 2, 3), (4,), (1, 4))
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Found:
    """A detection: box x0, y0, x1, y1, and `FEATURES`."""

    box_4: Float
    feature_F: F64


@dataclass(frozen=True, kw_only=True)
class Photo:
    """Annotations of people and detections of a photo."""

    people: list[dict[str, Any]]
    found: list[Found]


def fitted(surface: SurfaceMap, box_4: Float, score: float, height: int, width: int) -> Found | None:
    """A detection with its fit; None without one."""
    camera = default_camera(width, height)
    fit = fit_surface(surface, camera)
    if fit is None:
        return None
    prior = library_prior()
    away_X = rotation_logarithm(reduced_pose(fit.pose).rotation_R33[1:]).ravel() - prior.mean_X
    features = [
        np.log(fit.residual), correspondences(surface).confidence, np.sqrt(away_X @ prior.precision_XX @ away_X),
        np.linalg.norm(fit.pose.shape_C), score,
    ]  # fmt: skip
    return Found(box_4=box_4, feature_F=np.array(features))


def photos(file: Path, images: Path, every: int, weights: str) -> Iterator[Photo]:
    """Every N-th photo of a file."""
    told = json.loads(file.read_text(encoding="utf-8"))
    people = defaultdict(list)
    for one in told["annotations"]:
        people[one["image_id"]].append(one)
    network = open_network(NetworkConfig(weights=weights, tta="adaptive_fast"), 1)
    for record in told["images"][::every]:
        bgr_HW3 = cv2.imread(str(images / record["file_name"]))
        (found,), features = network.detect(np.ascontiguousarray(bgr_HW3[None, :, :, ::-1]), still=True)
        (surfaces,) = network.surfaces(features, [found.box_N4])
        tried = [
            fitted(surface, box_4, float(score), *bgr_HW3.shape[:2])
            for surface, box_4, score in zip(surfaces, found.box_N4, found.score_N, strict=True)
            if score >= MIN_SCORE and (surface.labels_hw > 0).sum() >= LEAST_PIXELS
        ]
        yield Photo(people=people[record["id"]], found=[one for one in tried if one is not None])


def overlap(box_4: Float, given_4: Sequence[float]) -> float:
    """IoU of a box x0, y0, x1, y1 with one of x, y, width, height."""
    x, y, width, height = given_4
    across = max(0.0, min(box_4[2], x + width) - max(box_4[0], x))
    inside = across * max(0.0, min(box_4[3], y + height) - max(box_4[1], y))
    return float(inside / ((box_4[2] - box_4[0]) * (box_4[3] - box_4[1]) + width * height - inside))


def person_samples(taken: Sequence[Photo]) -> tuple[F64, Bool, F64]:
    """Features (D, F) of detections, whether each is a person, and the number of its photo."""
    samples = []
    for number, photo in enumerate(taken):
        alone = [one["bbox"] for one in photo.people if not one.get("iscrowd")]
        crowds = [one["bbox"] for one in photo.people if one.get("iscrowd")]
        for one in photo.found:
            nearest = max((overlap(one.box_4, box) for box in alone), default=0.0)
            x, y = (one.box_4[:2] + one.box_4[2:]) / 2
            crowded = any(left <= x <= left + w and top <= y <= top + h for left, top, w, h in crowds)
            if nearest >= SAME or (nearest < APART and not crowded):
                samples.append((one.feature_F, nearest >= SAME, number))
    feature_D, person_D, photo_D = zip(*samples, strict=True)
    return np.stack(feature_D), np.array(person_D), np.array(photo_D, np.float64)


def logistic(feature_DF: F64, person_D: Bool) -> F64:
    """Bias and weights of raw features, by Newton's method with a weak normal prior on the standardized weights."""
    mean_F, spread_F = feature_DF.mean(axis=0), feature_DF.std(axis=0)
    design_DW = np.column_stack([np.ones(len(feature_DF)), (feature_DF - mean_F) / spread_F])
    shrink_W = np.r_[1e-9, np.ones(len(mean_F))]
    weight_W = np.zeros(len(shrink_W))
    for _ in range(50):
        told_D = expit(design_DW @ weight_W)
        slope_W = design_DW.T @ (person_D - told_D) - shrink_W * weight_W
        bend_WW = (design_DW * (told_D * (1 - told_D))[:, None]).T @ design_DW + np.diag(shrink_W)
        weight_W = weight_W + np.linalg.solve(bend_WW, slope_W)
    raw_F = weight_W[1:] / spread_F
    return np.r_[weight_W[0] - raw_F @ mean_F, raw_F]


def roc_area(told_D: F64, person_D: Bool) -> float:
    """How often a person is told more probable than a false one."""
    higher = told_D[person_D][:, None] - told_D[~person_D]
    return float(((higher > 0) + (higher == 0) / 2).mean())


def person_rows(taken: Sequence[Photo]) -> Iterator[str]:
    """How well people are told from false detections."""
    feature_DF, person_D, photo_D = person_samples(taken)
    yield f"{len(person_D)} detections, {person_D.sum()} of them people"
    built_in = [person_probability(confidence) for confidence in feature_DF[:, FEATURES.index("confidence")]]
    yield f"person_probability: {told_row(np.array(built_in), person_D)}"
    for chosen in MODELS:
        some_DF, told_D = feature_DF[:, chosen], np.zeros(len(person_D))
        for fold in range(FOLDS):
            left_D = photo_D % FOLDS == fold
            weight_W = logistic(some_DF[~left_D], person_D[~left_D])
            told_D[left_D] = expit(weight_W[0] + some_DF[left_D] @ weight_W[1:])
        names = " + ".join(FEATURES[f] for f in chosen)
        weights = np.round(logistic(some_DF, person_D), 2).tolist()
        yield f"{names}: {told_row(told_D, person_D)}; weights {weights}"


def told_row(told_D: F64, person_D: Bool) -> str:
    """Area under the ROC curve, and stated and true shares of people in groups of stated ones."""
    group_D = np.digitize(told_D, [0.2, 0.5, 0.8, 0.95])
    shares = ", ".join(
        f"{told_D[group_D == b].mean():.2f}: {person_D[group_D == b].mean():.2f} of {(group_D == b).sum()}"
        for b in np.unique(group_D)
    )
    return f"area {roc_area(told_D, person_D):.3f}; stated: true {shares}"


def main() -> None:
    """Print all rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, help="PEOPLE.json IMAGES, of one or more sets")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--weights", default="light", help="of the network")
    options = parser.parse_args()
    pairs = zip(options.sets[::2], options.sets[1::2], strict=True)
    taken = [one for file, images in pairs for one in photos(file, images, options.every, options.weights)]
    print("\n".join(person_rows(taken)))


if __name__ == "__main__":
    main()

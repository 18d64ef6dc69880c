"""The evaluation of DensePose's reference code: average precision and recall by GPS, GPSm and mask IoU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import Bool, Float, Int
from models.metrics.average_precision import ImageVerdicts, precision_and_recall
from models.metrics.densepose_matching import Candidates, match
from models.metrics.gps import gps, masked_gps
from models.metrics.instances import ImageInstances, TrueInstance, point_errors_of_all, points_of_annotation
from models.metrics.masks import annotated_mask, box_overlaps, found_mask, mask_overlaps
from models.surface.geometry import Geometry

MAX_DETECTIONS = 20
THRESHOLD_T: Float = np.linspace(0.5, 0.95, 10)
AREAS: dict[str, tuple[float, float]] = {"": (0.0, 1e10), "m": (32.0**2, 96.0**2), "l": (96.0**2, 1e10)}
"""Area ranges in pixels, by the letter that follows AP and AR."""

SINGLE_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarities:
    """Detections of one image compared with its annotated people.

    Attributes:
        order_D: for each row, the index of its detection in `ImageInstances.found`; best score first, at most 20.
        score_D, found_D4: scores and boxes (x, y, width, height) of the detections.
        true_G4, area_G: boxes of the people, and their annotated areas in pixels.
        annotated_G, crowd_G, masked_G: whether the person has annotated points; whether it is a region of many people;
            whether it has a mask.
        chart_GM: true charts of each person's points; empty without points.
        error_GDM: for each person the geodesic errors (D, M) of all detections at its points, metres.
        mask_iou_DG, box_iou_DG: 0..1, float64.
    """

    order_D: Sequence[int]
    score_D: Float
    found_D4: Float
    true_G4: Float
    area_G: Float
    annotated_G: Bool
    crowd_G: Bool
    masked_G: Bool
    chart_GM: Sequence[Int]
    error_GDM: Sequence[Float]
    mask_iou_DG: Float
    box_iou_DG: Float

    def gps_at(self, kappa_25: Float) -> Float:
        """GPS of all pairs, 0..1; 0 for people without points, and if no point lies in the detected box.

        Args:
            kappa_25: the constant κ of GPS for each true chart, metres (`gps.KAPPA_PAPER_25` or
                `gps.KAPPA_REFERENCE_25`).
        """
        value_DG = np.zeros((len(self.order_D), len(self.chart_GM)))
        for g, (chart_M, error_DM) in enumerate(zip(self.chart_GM, self.error_GDM, strict=True)):
            value_DG[:, g] = [gps(error_M, chart_M, kappa_25) for error_M in error_DM]
        return value_DG


def true_instance(annotation: Mapping[str, Any], height: int, width: int) -> TrueInstance:
    """An annotated person from DensePose-COCO. Raises: ModelError if points or masks are damaged.

    Args:
        annotation: the COCO record.
        height, width: of the image.
    """
    return TrueInstance(
        box_4=np.asarray(annotation["bbox"], np.float64),
        area=float(annotation["area"]),
        crowd=bool(annotation.get("iscrowd", 0)),
        points=points_of_annotation(annotation),
        mask=annotated_mask(annotation, height, width),
    )


def similarities(image: ImageInstances, geometry: Geometry) -> Similarities:
    """Compare the best 20 detections of an image with all annotated people.

    Args:
        image: people of one image.
        geometry: of the body.
    """
    score_D = np.array([found.score for found in image.found])
    order_D = np.argsort(-score_D, kind="stable")[:MAX_DETECTIONS].tolist() if len(score_D) else []
    found = [image.found[d] for d in order_D]
    crowd_G = np.array([true.crowd for true in image.true], bool)
    nothing, nowhere = np.zeros(0, np.int64), np.zeros((len(found), 0))
    masks = [found_mask(one, image.height, image.width) for one in found]
    return Similarities(
        order_D=order_D,
        score_D=np.array([one.score for one in found], np.float64),
        found_D4=boxes(found),
        true_G4=boxes(image.true),
        area_G=np.array([true.area for true in image.true], np.float64),
        annotated_G=np.array([true.points is not None for true in image.true], bool),
        crowd_G=crowd_G,
        masked_G=np.array([true.mask is not None for true in image.true], bool),
        chart_GM=[nothing if true.points is None else true.points.chart_M for true in image.true],
        error_GDM=[
            nowhere if true.points is None else point_errors_of_all(geometry, true, found) for true in image.true
        ],
        mask_iou_DG=mask_overlaps(masks, [true.mask for true in image.true], crowd_G),
        box_iou_DG=box_overlaps(boxes(found), boxes(image.true), crowd_G),
    )


def boxes(instances: Sequence[Any]) -> Float:
    """Boxes of instances, (N, 4) float64."""
    return np.array([one.box_4 for one in instances], np.float64).reshape(-1, 4)


def verdicts_of(
    known: Similarities, value_DG: Float, counts_G: Bool, outside_D: Bool, threshold_T: Float
) -> ImageVerdicts:
    """Match the detections of one image by one measure.

    Args:
        known: the detections of the image, compared with its people.
        value_DG: the measure.
        counts_G: whether a person is evaluated; detections of the other people are ignored.
        outside_D: detections outside of the area range; they are ignored if they match no person.
        threshold_T: increasing.
    """
    ignored_G = ~counts_G
    sorted_G = np.argsort(ignored_G, kind="stable")
    candidates = Candidates(
        value_DG=value_DG[:, sorted_G],
        box_iou_DG=known.box_iou_DG[:, sorted_G],
        ignored_G=ignored_G[sorted_G],
        crowd_G=known.crowd_G[sorted_G],
        outside_D=outside_D,
    )
    verdicts = match(candidates, threshold_T)
    return ImageVerdicts(score_D=known.score_D, verdicts=verdicts, people=int(counts_G.sum()))


def verdicts_by_area(
    known: Similarities, value_DG: Float, area: tuple[float, float], threshold_T: Float = THRESHOLD_T
) -> ImageVerdicts:
    """`verdicts_of` for people with points and an area in the range `area` (pixels, both ends included)."""
    low, high = area
    area_D = known.found_D4[:, 2] * known.found_D4[:, 3]
    counts_G = known.annotated_G & (low <= known.area_G) & (known.area_G <= high)
    return verdicts_of(known, value_DG, counts_G, (area_D < low) | (area_D > high), threshold_T)


def precision_table(
    known: Sequence[Similarities], value_DG: Sequence[Float], threshold_T: Float = THRESHOLD_T
) -> dict[str, float]:
    """AP, AP50, AP75, APm, APl, AR, AR50, AR75, ARm and ARl of one measure: 0..1, or nan if no person is evaluated.

    Args:
        known: for each image, its detections compared with its people.
        value_DG: the measure for each image; rows and columns as in `known`.
        threshold_T: increasing. With thresholds below 0.5 the result also has AP20, AP30 and AP40.
    """
    numbers: dict[str, float] = {}
    for letter, area in AREAS.items():
        verdicts = [
            verdicts_by_area(one, value, area, threshold_T) for one, value in zip(known, value_DG, strict=True)
        ]
        curves = precision_and_recall(verdicts)
        precision_T, recall_T = (np.full(len(threshold_T), np.nan),) * 2 if curves is None else (
            curves[0].mean(axis=1), curves[1])
        numbers |= {f"AP{letter}": float(precision_T.mean()), f"AR{letter}": float(recall_T.mean())}
        if not letter:
            numbers |= at_single_thresholds(precision_T, recall_T, threshold_T)
    return numbers


def at_single_thresholds(precision_T: Float, recall_T: Float, threshold_T: Float) -> dict[str, float]:
    """Average precision at single thresholds, such as AP50; average recall at 0.5 and 0.75 only."""
    numbers = {}
    for threshold in SINGLE_THRESHOLDS:
        at = np.flatnonzero(np.isclose(threshold_T, threshold))
        if len(at):
            numbers[f"AP{threshold * 100:.0f}"] = float(precision_T[at[0]])
            if threshold >= 0.5:
                numbers[f"AR{threshold * 100:.0f}"] = float(recall_T[at[0]])
    return numbers


def evaluate_densepose(
    images: Sequence[ImageInstances], geometry: Geometry, kappa_25: Float
) -> dict[str, dict[str, float]]:
    """The three tables by name: "GPS", "GPSm", "IoU".

    Args:
        images: in the order of their ids, which decides between detections with equal scores.
        geometry: of the body.
        kappa_25: the constant κ of GPS for each true chart, metres: `gps.KAPPA_REFERENCE_25` as in the reference, or
            `gps.KAPPA_PAPER_25`.
    """
    known = [similarities(image, geometry) for image in images]
    gps_DG = [one.gps_at(kappa_25) for one in known]
    masked_DG = [masked_gps(value, one.mask_iou_DG) for value, one in zip(gps_DG, known, strict=True)]
    return {
        "GPS": precision_table(known, gps_DG),
        "GPSm": precision_table(known, masked_DG),
        "IoU": precision_table(known, [one.mask_iou_DG for one in known]),
    }

"""The measures of one set, with bootstrap intervals over its people or images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from models.arrays import I64
from models.metrics.average_precision import Ranking, ranking
from models.metrics.bootstrap import NOTHING, Estimate, ratio, resampled
from models.metrics.coco_ap import CocoFound, CocoTruth, box_ap, keypoint_ap
from models.metrics.densepose_evaluator import THRESHOLD_T, Similarities, precision_table, verdicts_by_area, verdicts_of
from models.metrics.gps import KAPPA_PAPER_25, KAPPA_REFERENCE_25, gps_paper, masked_gps
from models.metrics.masks import box_overlaps
from models.surface.geometry import Float
from stages.evaluation.person_scores import STEPS, ImageScore, PersonResult, PersonScore
from stages.evaluation.protocols import corner_and_size

Measures = dict[str, Estimate]
LIMITS_CM = (10, 30)
"""Limits of the areas under the curve of correct points (paper §4.1)."""
EVERY_AREA = (0.0, 1e10)
ANNOTATORS = "annotators"


def measures(images: Sequence[ImageScore], min_height: float) -> dict[str, Measures]:
    """All measures of a set, by column: the requested protocols, and simulated annotators.

    Args:
        images: of the set, at least one.
        min_height: height in pixels from which people count in recall and part of joint.
    """
    people = [person for image in images for person in image.people]
    columns: dict[str, Measures] = {}
    for name in images[0].known:
        columns[name] = detection_measures(images, min_height) if name == "detected" else {}
        columns[name] |= ap_measures(images, name) | point_measures(people, name) | pixel_measures(people, name)
        columns[name] |= joint_measures([person for person in people if person.height >= min_height], name)
    columns[ANNOTATORS] = annotator_measures(people)
    return {column: kept for column, found in columns.items() if (kept := without_missing(found))}


def without_missing(found: Measures) -> Measures:
    """The measures for which the set has data."""
    return {name: one for name, one in found.items() if not np.isnan(one.value)}


def without_interval(value: float) -> Estimate:
    """A number without an interval."""
    return Estimate(value=float(value), low=float("nan"), high=float("nan"))


def detection_measures(images: Sequence[ImageScore], min_height: float) -> Measures:
    """COCO's box and keypoint AP; recall and precision of people of sufficient height with confident detections."""
    truth, found = [_annotated(one) for one in images], [_detected(one) for one in images]
    boxes, joints_found = box_ap(truth, found), keypoint_ap(truth, found)
    spread = resampled(partial(_mean_precision, box_ranking(truth, found)), len(images))
    hits_P = np.array([one.found for image in images for one in image.people if one.height >= min_height], float)
    right_K = np.concatenate([one.matched_K for one in images]).astype(float)
    return {
        "box_AP": without_interval(boxes["AP"]),
        "box_AP50": Estimate(value=boxes["AP50"], low=spread.low, high=spread.high),
        "keypoint_AP": without_interval(joints_found["AP"]),
        "keypoint_AP50": without_interval(joints_found["AP50"]),
        "recall": ratio(hits_P, np.ones(len(hits_P))),
        "precision": ratio(right_K, np.ones(len(right_K))),
    }


def _annotated(one: ImageScore) -> CocoTruth:
    given = one.known["detected"]
    return CocoTruth(
        height=one.height,
        width=one.width,
        box_N4=given.true_G4,
        area_N=given.area_G,
        crowd_N=given.crowd_G.tolist(),
        keypoint_N173=one.keypoint_G173,
    )


def _detected(one: ImageScore) -> CocoFound:
    """The detections; those with scores so low that they have no surface have no keypoints either."""
    keypoint_N173 = np.zeros((len(one.found.box_N4), 17, 3))
    keypoint_N173[: len(one.keypoint_D173)] = one.keypoint_D173
    return CocoFound(box_N4=corner_and_size(one.found.box_N4), score_N=one.found.score_N, keypoint_N173=keypoint_N173)


def box_ranking(truth: Sequence[CocoTruth], found: Sequence[CocoFound]) -> Ranking:
    """Detections matched at box IoU .5, for the interval of COCO's AP50."""
    verdicts = []
    for one, other in zip(truth, found, strict=True):
        crowd_G = np.array(one.crowd_N, bool)
        iou_DG = box_overlaps(other.box_N4, one.box_N4, crowd_G)
        nowhere = np.zeros((len(other.score_N), 0))
        boxes = Similarities(
            order_D=range(len(other.score_N)),
            score_D=other.score_N,
            found_D4=other.box_N4,
            true_G4=one.box_N4,
            area_G=one.area_N,
            annotated_G=~crowd_G,
            crowd_G=crowd_G,
            chart_GM=[],
            error_GDM=[],
            mask_iou_DG=nowhere,
            box_iou_DG=iou_DG,
        )
        outside_D = np.zeros(len(other.score_N), bool)
        verdicts.append(verdicts_of(boxes, iou_DG, ~crowd_G, outside_D, THRESHOLD_T[:1]))
    return ranking(verdicts)


def ap_measures(images: Sequence[ImageScore], protocol: str) -> Measures:
    """Average precision and recall by GPS and GPSm with the paper's kappa and the reference's, and by mask IoU."""
    known = [image.known[protocol] for image in images]
    paper, reference = ([one.gps_at(kappa) for one in known] for kappa in (KAPPA_PAPER_25, KAPPA_REFERENCE_25))
    values = {
        "GPS": paper,
        "GPSm": _masked(paper, known),
        "GPS_ref": reference,
        "GPSm_ref": _masked(reference, known),
        "mask": [one.mask_iou_DG for one in known],
    }
    numbers: Measures = {}
    for name, value_DG in values.items():
        found = precision_table(known, value_DG)
        names = found if name in ("GPS", "GPSm") else ("AP", "AR")
        numbers |= {f"{name}_{measure}": without_interval(found[measure]) for measure in names}
        if name in ("GPS", "GPSm"):
            verdicts = [verdicts_by_area(one, value, EVERY_AREA) for one, value in zip(known, value_DG, strict=True)]
            ranked = ranking(verdicts)
            numbers[f"{name}_AP"] = resampled(partial(_mean_precision, ranked), len(images))
            numbers[f"{name}_AR"] = resampled(partial(_mean_recall, ranked), len(images))
    return numbers


def _masked(gps_DG: Sequence[Float], known: Sequence[Similarities]) -> list[Float]:
    return [masked_gps(value, one.mask_iou_DG) for value, one in zip(gps_DG, known, strict=True)]


def _mean_precision(ranked: Ranking, weight_P: I64) -> float:
    curves = ranked.curves(weight_P)
    return float("nan") if curves is None else float(curves[0].mean())


def _mean_recall(ranked: Ranking, weight_P: I64) -> float:
    curves = ranked.curves(weight_P)
    return float("nan") if curves is None else float(curves[1].mean())


def point_measures(people: Sequence[PersonScore], protocol: str) -> Measures:
    """AUC10 and AUC30 of one protocol."""
    return auc_measures([one.results[protocol].error_M for one in people])


def auc_measures(errors: Iterable[Float | None]) -> Measures:
    """AUC10 and AUC30 from every person's errors in metres; a point adds 1 - error / limit, at least 0."""
    known_errors = [one for one in errors if one is not None]
    count_P = np.array([len(one) for one in known_errors], float)
    numbers = {}
    for limit in LIMITS_CM:
        left_P = np.array([np.clip(1 - 100 * one / limit, 0, None).sum() for one in known_errors])
        numbers[f"AUC{limit}"] = ratio(left_P, count_P)
    return numbers


def pixel_measures(people: Sequence[PersonScore], protocol: str) -> Measures:
    """Accuracy of charts inside true masks, IoU of masks, and median errors of U and V where the chart is right."""
    results = [one.results[protocol] for one in people]
    dense = [one.chart_2525 for one in results if one.chart_2525 is not None]
    right_P = np.array([np.trace(one) for one in dense], float)
    true_P, covered_P = (np.array([one[:, low:].sum() for one in dense], float) for low in (0, 1))
    mask_P = np.array([one.mask_iou for one in results if not np.isnan(one.mask_iou)])
    return {
        "part_accuracy": ratio(right_P, true_P),
        "part_agreement": ratio(right_P, covered_P),
        "mask_iou": ratio(mask_P, np.ones(len(mask_P))),
        "median_dU": median_uv_error(results, 0),
        "median_dV": median_uv_error(results, 1),
    }


def median_uv_error(results: Sequence[PersonResult], axis: int) -> Estimate:
    """Median of |difference| of U (0) or V (1), 0..1, over the pixels whose chart is right; nan without any."""
    uv_error_PS = np.array([one.uv_error_2S[axis] for one in results if one.uv_error_2S is not None]).reshape(-1, STEPS)
    return resampled(partial(_median, uv_error_PS), len(uv_error_PS))


def _median(uv_error_PS: I64, weight_P: I64) -> float:
    """The median error over people's pixels from histograms; each person is counted `weight_P` times."""
    uv_error_S = weight_P @ uv_error_PS
    if not uv_error_S.any():
        return float("nan")
    return float(np.searchsorted(np.cumsum(uv_error_S), uv_error_S.sum() / 2) / (STEPS - 1))


def joint_measures(people: Sequence[PersonScore], protocol: str) -> Measures:
    """Part of joint: share of the visible keypoints whose predicted chart touches the joint."""
    pairs = [(one.results[protocol].joint_17, one.visible_17) for one in people]
    hits_P = np.array([right.sum() for right, visible in pairs if right is not None and visible is not None], float)
    trials_P = np.array([visible.sum() for right, visible in pairs if right is not None and visible is not None], float)
    return {"part_of_joint": ratio(hits_P, trials_P)}


def annotator_measures(people: Sequence[PersonScore]) -> Measures:
    """The human row of the paper's tables: annotators scored against the truth."""
    errors = [error_M for one in people for error_M in one.annotator_AM]
    value_P = np.array([gps_paper(one) for one in errors])
    return auc_measures(errors) | {"GPS": ratio(value_P, np.ones(len(value_P))) if errors else NOTHING}

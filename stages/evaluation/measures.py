"""The measures of one set, as samples that can be drawn again for bootstrap intervals over people or images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.metrics.average_precision import Ranked, ranking
from models.metrics.bootstrap import Estimate, Fixed, HistogramMedian, Ratio, Sample, estimate, whole_value
from models.metrics.coco_ranking import MOST_BOXES, MOST_KEYPOINTS, ComparedImage, coco_ranking
from models.metrics.densepose_evaluator import THRESHOLD_T, Similarities, precision_table, verdicts_by_area
from models.metrics.gps import KAPPA_PAPER_25, KAPPA_REFERENCE_25, gps_paper, masked_gps
from models.metrics.joints import keypoint_similarities
from models.metrics.masks import box_overlaps
from models.surface.geometry import Float
from stages.evaluation.keypoint_measures import keypoint_measures
from stages.evaluation.person_scores import STEPS, ImageScore, PersonResult, PersonScore
from stages.evaluation.protocols import corner_and_size
from stages.evaluation.silhouette_measures import silhouette_measures

Measures = dict[str, Estimate]
Samples = dict[str, Sample]
LIMITS_CM = (10, 30)
"""Limits of the areas under the curve of correct points (paper §4.1)."""
EVERY_AREA = (0.0, 1e10)
ANNOTATORS = "annotators"
COMPANY = {"alone": False, "others": True}
"""Ends of the names of further columns, and whether other people are in the boxes of those who count in them."""


def measures(images: Sequence[ImageScore], min_height: float) -> dict[str, Measures]:
    """All measures of a set with their intervals, by column (see `samples`)."""
    return {column: estimates(found) for column, found in samples(images, min_height).items()}


def estimates(found: Mapping[str, Sample]) -> Measures:
    """The measures with their intervals."""
    return {name: estimate(one) for name, one in found.items()}


def samples(images: Sequence[ImageScore], min_height: float) -> dict[str, Samples]:
    """All measures of a set, by column: the requested protocols, their split by company, and simulated annotators.

    Measures for which the set has no data are left out, and columns without any measure.

    Args:
        images: of the set, at least one.
        min_height: height in pixels from which people count in recall, silhouettes and joints.
    """
    people = [person for image in images for person in image.people]
    tall = [person for person in people if person.height >= min_height]
    columns: dict[str, Samples] = {}
    for name in images[0].known:
        columns[name] = detection_measures(images, min_height) if name == "detected" else {}
        columns[name] |= ap_measures(images, name) | point_measures(people, name) | pixel_measures(people, name)
        columns[name] |= joint_measures(tall, name) | keypoint_measures(tall, name) | silhouette_measures(tall, name)
    for name in images[0].known:
        for company, accompanied in COMPANY.items():
            chosen = [person for person in tall if person.accompanied == accompanied]
            columns[f"{name}_{company}"] = silhouette_measures(chosen, name)
    columns[ANNOTATORS] = annotator_measures(people)
    return {column: kept for column, found in columns.items() if (kept := without_missing(found))}


def without_missing(found: Mapping[str, Sample]) -> Samples:
    """The measures for which the set has data."""
    return {name: one for name, one in found.items() if not np.isnan(whole_value(one))}


def without_interval(value: float) -> Fixed:
    """A number without an interval."""
    return Fixed(estimate=Estimate(value=float(value), low=float("nan"), high=float("nan")))


def detection_measures(images: Sequence[ImageScore], min_height: float) -> Samples:
    """COCO's AP of boxes and keypoints; recall of people and precision of detections of sufficient height.

    `wrong_boxes` and `false_people`: shares of these detections that match nobody, on or near an annotated person or
    crowd, and elsewhere.
    """
    hits_P = np.array([one.found for image in images for one in image.people if one.height >= min_height], float)
    shown_I4 = np.array(
        [(one.shown.matched, one.shown.in_crowd, one.shown.near_person, one.shown.elsewhere) for one in images], float
    )
    all_I = shown_I4.sum(axis=1)
    compared = {"box": [compared_boxes(one) for one in images], "keypoint": [compared_keypoints(one) for one in images]}
    precision: Samples = {
        f"{name}_AP{ending}": Ranked(ranking=coco_ranking(found, threshold_T), what="precision")
        for name, found in compared.items()
        for ending, threshold_T in (("", THRESHOLD_T), ("50", THRESHOLD_T[:1]))
    }
    return precision | {
        "recall": Ratio(hits_P=hits_P, trials_P=np.ones(len(hits_P))),
        "precision": Ratio(hits_P=shown_I4[:, 0], trials_P=all_I - shown_I4[:, 1]),
        "wrong_boxes": Ratio(hits_P=shown_I4[:, 1] + shown_I4[:, 2], trials_P=all_I),
        "false_people": Ratio(hits_P=shown_I4[:, 3], trials_P=all_I),
    }


def compared_boxes(one: ImageScore) -> ComparedImage:
    """The best detections of an image compared with its people by IoU of boxes."""
    true, best = one.known["detected"], one.found.box_N4[:MOST_BOXES]
    return ComparedImage(
        value_DG=box_overlaps(corner_and_size(best), true.true_G4, true.crowd_G),
        score_D=one.found.score_N[: len(best)].astype(np.float64),
        counts_G=~true.crowd_G,
        crowd_G=true.crowd_G,
    )


def compared_keypoints(one: ImageScore) -> ComparedImage:
    """The best detections of an image compared with its people by OKS; only people with annotated keypoints count."""
    true, best = one.known["detected"], one.keypoint_D173[:MOST_KEYPOINTS]
    return ComparedImage(
        value_DG=keypoint_similarities(best, one.keypoint_G173, true.area_G, true.true_G4),
        score_D=one.found.score_N[: len(best)].astype(np.float64),
        counts_G=~true.crowd_G & np.asarray((one.keypoint_G173[:, :, 2] > 0).any(axis=1)),
        crowd_G=true.crowd_G,
    )


def ap_measures(images: Sequence[ImageScore], protocol: str) -> Samples:
    """Average precision and recall by GPS and GPSm with the paper's kappa and the reference's, and by mask IoU.

    People without surface points do not count, as in the reference. Sets without any points have COCO's AP of masks.
    """
    known = [image.known[protocol] for image in images]
    if not any(one.annotated_G.any() for one in known):
        return coco_mask_measures(known)
    paper, reference = ([one.gps_at(kappa) for one in known] for kappa in (KAPPA_PAPER_25, KAPPA_REFERENCE_25))
    values = {
        "GPS": paper,
        "GPSm": _masked(paper, known),
        "GPS_ref": reference,
        "GPSm_ref": _masked(reference, known),
        "mask": [one.mask_iou_DG for one in known],
    }
    numbers: Samples = {}
    for name, value_DG in values.items():
        found = precision_table(known, value_DG)
        names = found if name in ("GPS", "GPSm") else ("AP", "AR")
        numbers |= {f"{name}_{measure}": without_interval(found[measure]) for measure in names}
        if name in ("GPS", "GPSm", "mask"):
            verdicts = [verdicts_by_area(one, value, EVERY_AREA) for one, value in zip(known, value_DG, strict=True)]
            ranked = ranking(verdicts)
            numbers[f"{name}_AP"] = Ranked(ranking=ranked, what="precision")
            numbers[f"{name}_AR"] = Ranked(ranking=ranked, what="recall")
    return numbers


def coco_mask_measures(known: Sequence[Similarities]) -> Samples:
    """COCO's AP and AR of masks; people without a mask are ignored."""
    compared = [
        ComparedImage(
            value_DG=one.mask_iou_DG, score_D=one.score_D, counts_G=one.masked_G & ~one.crowd_G, crowd_G=one.crowd_G
        )
        for one in known
    ]
    ranked, ranked_50 = coco_ranking(compared, THRESHOLD_T), coco_ranking(compared, THRESHOLD_T[:1])
    return {
        "mask_AP": Ranked(ranking=ranked, what="precision"),
        "mask_AP50": Ranked(ranking=ranked_50, what="precision"),
        "mask_AR": Ranked(ranking=ranked, what="recall"),
    }


def _masked(gps_DG: Sequence[Float], known: Sequence[Similarities]) -> list[Float]:
    return [masked_gps(value, one.mask_iou_DG) for value, one in zip(gps_DG, known, strict=True)]


def point_measures(people: Sequence[PersonScore], protocol: str) -> Samples:
    """AUC10 and AUC30 of one protocol."""
    return auc_measures([one.results[protocol].error_M for one in people])


def auc_measures(errors: Iterable[Float | None]) -> Samples:
    """AUC10 and AUC30 from every person's errors in metres; a point adds 1 - error / limit, at least 0."""
    known_errors = [one for one in errors if one is not None]
    count_P = np.array([len(one) for one in known_errors], float)
    numbers: Samples = {}
    for limit in LIMITS_CM:
        left_P = np.array([np.clip(1 - 100 * one / limit, 0, None).sum() for one in known_errors])
        numbers[f"AUC{limit}"] = Ratio(hits_P=left_P, trials_P=count_P)
    return numbers


def pixel_measures(people: Sequence[PersonScore], protocol: str) -> Samples:
    """Accuracy of charts inside true masks, IoU of masks, and median errors of U and V where the chart is right."""
    results = [one.results[protocol] for one in people]
    dense = [one.chart_2525 for one in results if one.chart_2525 is not None]
    right_P = np.array([np.trace(one) for one in dense], float)
    true_P, covered_P = (np.array([one[:, low:].sum() for one in dense], float) for low in (0, 1))
    mask_P = np.array([one.mask_iou for one in results if not np.isnan(one.mask_iou)])
    return {
        "part_accuracy": Ratio(hits_P=right_P, trials_P=true_P),
        "part_agreement": Ratio(hits_P=right_P, trials_P=covered_P),
        "mask_iou": Ratio(hits_P=mask_P, trials_P=np.ones(len(mask_P))),
        "median_dU": median_uv_error(results, 0),
        "median_dV": median_uv_error(results, 1),
    }


def median_uv_error(results: Sequence[PersonResult], axis: int) -> HistogramMedian:
    """Median of |difference| of U (0) or V (1), 0..1, over the pixels whose chart is right; nan without any."""
    pixels_PS = np.array([one.uv_error_2S[axis] for one in results if one.uv_error_2S is not None]).reshape(-1, STEPS)
    return HistogramMedian(pixels_PS=pixels_PS)


def joint_measures(people: Sequence[PersonScore], protocol: str) -> Samples:
    """Part of joint: share of the visible keypoints whose predicted chart touches the joint."""
    pairs = [(one.results[protocol].joint_17, one.visible_17) for one in people]
    hits_P = np.array([right.sum() for right, visible in pairs if right is not None and visible is not None], float)
    trials_P = np.array([visible.sum() for right, visible in pairs if right is not None and visible is not None], float)
    return {"part_of_joint": Ratio(hits_P=hits_P, trials_P=trials_P)}


def annotator_measures(people: Sequence[PersonScore]) -> Samples:
    """The human row of the paper's tables: annotators scored against the truth."""
    errors = [error_M for one in people for error_M in one.annotator_AM]
    value_P = np.array([gps_paper(one) for one in errors])
    return auc_measures(errors) | {"GPS": Ratio(hits_P=value_P, trials_P=np.ones(len(value_P)))}

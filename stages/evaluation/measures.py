"""The measures of a set, as samples over people or images, from which bootstrap intervals are computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.metrics.average_precision import Ranked, ranking
from models.metrics.bootstrap import Estimate, Fixed, HistogramMedian, Ratio, Sample, estimate, whole_value
from models.metrics.coco_ranking import MAX_BOXES, MAX_KEYPOINTS, ComparedImage, coco_ranking
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
"""Limits of people's areas in square pixels, without effect."""
ANNOTATORS = "annotators"
"""Name of the column of simulated annotators."""
COMPANY = {"alone": False, "others": True}
"""Suffixes of further columns, each with the `PersonScore.accompanied` of the people that it counts."""


def measures(images: Sequence[ImageScore], min_height: float) -> dict[str, Measures]:
    """All measures of a set with their intervals, by column (see `samples`)."""
    return {column: estimates(found) for column, found in samples(images, min_height).items()}


def estimates(found: Mapping[str, Sample]) -> Measures:
    """The measures with their intervals."""
    return {name: estimate(sample) for name, sample in found.items()}


def samples(images: Sequence[ImageScore], min_height: float) -> dict[str, Samples]:
    """All measures of a set, by column: the requested protocols, each also by `COMPANY`, and simulated annotators.

    Measures for which the set has no data are left out, and columns without any measure.

    Args:
        images: of the set, at least one.
        min_height: smaller people, in pixels, do not count in recall, silhouettes and joints.
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
    return {column: known for column, found in columns.items() if (known := without_missing(found))}


def without_missing(found: Mapping[str, Sample]) -> Samples:
    """The measures for which the set has data."""
    return {name: sample for name, sample in found.items() if not np.isnan(whole_value(sample))}


def without_interval(value: float) -> Fixed:
    """A number without an interval."""
    return Fixed(estimate=Estimate(value=float(value), low=float("nan"), high=float("nan")))


def detection_measures(images: Sequence[ImageScore], min_height: float) -> Samples:
    """COCO's AP of boxes and keypoints; recall of people and precision of detections of sufficient height.

    `wrong_boxes`: share of the detections without a match that touch an annotated person or crowd. `false_people`:
    share of those that touch none.
    """
    people = [person for image in images for person in image.people]
    hits_P = np.array([person.found for person in people if person.height >= min_height], float)
    all_counts = [image.counts for image in images]
    count_I4 = np.array([(of.matched, of.in_crowd, of.near_person, of.elsewhere) for of in all_counts], float)
    all_I = count_I4.sum(axis=1)
    compared = {
        "box": [compared_boxes(image) for image in images],
        "keypoint": [compared_keypoints(image) for image in images],
    }
    precision: Samples = {
        f"{name}_AP{ending}": Ranked(ranking=coco_ranking(found, threshold_T), what="precision")
        for name, found in compared.items()
        for ending, threshold_T in (("", THRESHOLD_T), ("50", THRESHOLD_T[:1]))
    }
    return precision | {
        "recall": Ratio(hits_P=hits_P, trials_P=np.ones(len(hits_P))),
        "precision": Ratio(hits_P=count_I4[:, 0], trials_P=all_I - count_I4[:, 1]),
        "wrong_boxes": Ratio(hits_P=count_I4[:, 1] + count_I4[:, 2], trials_P=all_I),
        "false_people": Ratio(hits_P=count_I4[:, 3], trials_P=all_I),
    }


def compared_boxes(image: ImageScore) -> ComparedImage:
    """The best detections of an image, compared with its people by IoU of boxes."""
    true, best = image.known["detected"], image.found.box_N4[:MAX_BOXES]
    return ComparedImage(
        value_DG=box_overlaps(corner_and_size(best), true.true_G4, true.crowd_G),
        score_D=image.found.score_N[: len(best)].astype(np.float64), counts_G=~true.crowd_G, crowd_G=true.crowd_G,
    )


def compared_keypoints(image: ImageScore) -> ComparedImage:
    """The best detections of an image, compared by OKS with its people who have annotated keypoints."""
    true, best = image.known["detected"], image.keypoint_D173[:MAX_KEYPOINTS]
    return ComparedImage(
        value_DG=keypoint_similarities(best, image.keypoint_G173, true.area_G, true.true_G4),
        score_D=image.found.score_N[: len(best)].astype(np.float64),
        counts_G=~true.crowd_G & np.asarray((image.keypoint_G173[:, :, 2] > 0).any(axis=1)), crowd_G=true.crowd_G,
    )


def ap_measures(images: Sequence[ImageScore], protocol: str) -> Samples:
    """Average precision and recall by GPS and GPSm, with the kappa of the paper and of the reference, and by mask IoU.

    People without surface points do not count, as in the reference. A set without points gets COCO's AP of masks.
    """
    known = [image.known[protocol] for image in images]
    if not any(image.annotated_G.any() for image in known):
        return coco_mask_measures(known)
    paper, reference = ([image.gps_at(kappa) for image in known] for kappa in (KAPPA_PAPER_25, KAPPA_REFERENCE_25))
    values = {
        "GPS": paper,
        "GPSm": _masked(paper, known),
        "GPS_ref": reference,
        "GPSm_ref": _masked(reference, known),
        "mask": [image.mask_iou_DG for image in known],
    }
    numbers: Samples = {}
    for name, value_DG in values.items():
        found = precision_table(known, value_DG)
        names = found if name in ("GPS", "GPSm") else ("AP", "AR")
        numbers |= {f"{name}_{measure}": without_interval(found[measure]) for measure in names}
        if name in ("GPS", "GPSm", "mask"):
            pairs = zip(known, value_DG, strict=True)
            ranked = ranking([verdicts_by_area(image, value, EVERY_AREA) for image, value in pairs])
            numbers[f"{name}_AP"] = Ranked(ranking=ranked, what="precision")
            numbers[f"{name}_AR"] = Ranked(ranking=ranked, what="recall")
    return numbers


def coco_mask_measures(known: Sequence[Similarities]) -> Samples:
    """COCO's AP and AR of masks; people without a mask are ignored."""
    compared = [
        ComparedImage(
            value_DG=image.mask_iou_DG, score_D=image.score_D, counts_G=image.masked_G & ~image.crowd_G,
            crowd_G=image.crowd_G,
        )
        for image in known
    ]
    ranked, ranked_50 = coco_ranking(compared, THRESHOLD_T), coco_ranking(compared, THRESHOLD_T[:1])
    return {
        "mask_AP": Ranked(ranking=ranked, what="precision"),
        "mask_AP50": Ranked(ranking=ranked_50, what="precision"),
        "mask_AR": Ranked(ranking=ranked, what="recall"),
    }


def _masked(gps_DG: Sequence[Float], known: Sequence[Similarities]) -> list[Float]:
    return [masked_gps(value, image.mask_iou_DG) for value, image in zip(gps_DG, known, strict=True)]


def point_measures(people: Sequence[PersonScore], protocol: str) -> Samples:
    """AUC10 and AUC30 of one protocol."""
    return auc_measures([person.results[protocol].error_M for person in people])


def auc_measures(errors: Iterable[Float | None]) -> Samples:
    """AUC10 and AUC30 of each person's errors in metres: the mean over points of 1 - error / limit, at least 0."""
    known_errors = [error_M for error_M in errors if error_M is not None]
    count_P = np.array([len(error_M) for error_M in known_errors], float)
    numbers: Samples = {}
    for limit in LIMITS_CM:
        area_P = np.array([np.clip(1 - 100 * error_M / limit, 0, None).sum() for error_M in known_errors])
        numbers[f"AUC{limit}"] = Ratio(hits_P=area_P, trials_P=count_P)
    return numbers


def pixel_measures(people: Sequence[PersonScore], protocol: str) -> Samples:
    """Accuracy of charts inside true masks, IoU of masks, and median errors of U and V at pixels of the right chart."""
    results = [person.results[protocol] for person in people]
    dense = [result.chart_2525 for result in results if result.chart_2525 is not None]
    right_P = np.array([np.trace(pixels_2525) for pixels_2525 in dense], float)
    true_P, covered_P = (np.array([pixels_2525[:, low:].sum() for pixels_2525 in dense], float) for low in (0, 1))
    mask_P = np.array([result.mask_iou for result in results if not np.isnan(result.mask_iou)])
    return {
        "part_accuracy": Ratio(hits_P=right_P, trials_P=true_P),
        "part_agreement": Ratio(hits_P=right_P, trials_P=covered_P),
        "mask_iou": Ratio(hits_P=mask_P, trials_P=np.ones(len(mask_P))),
        "median_dU": median_uv_error(results, 0),
        "median_dV": median_uv_error(results, 1),
    }


def median_uv_error(results: Sequence[PersonResult], axis: int) -> HistogramMedian:
    """Median error, 0..1, of U (axis 0) or V (axis 1) over pixels of the right chart; nan without such pixels."""
    histograms = [result.uv_error_2S[axis] for result in results if result.uv_error_2S is not None]
    return HistogramMedian(pixels_PS=np.array(histograms).reshape(-1, STEPS))


def joint_measures(people: Sequence[PersonScore], protocol: str) -> Samples:
    """Part of joint: share of the visible keypoints whose predicted chart touches the joint."""
    pairs = [(person.results[protocol].joint_17, person.visible_17) for person in people]
    hits_P = np.array([right.sum() for right, visible in pairs if right is not None and visible is not None], float)
    trials_P = np.array([visible.sum() for right, visible in pairs if right is not None and visible is not None], float)
    return {"part_of_joint": Ratio(hits_P=hits_P, trials_P=trials_P)}


def annotator_measures(people: Sequence[PersonScore]) -> Samples:
    """The row of human annotators in the paper's tables: their answers scored against the truth."""
    errors = [error_M for person in people for error_M in person.annotator_AM]
    value_P = np.array([gps_paper(error_M) for error_M in errors])
    return auc_measures(errors) | {"GPS": Ratio(hits_P=value_P, trials_P=np.ones(len(value_P)))}

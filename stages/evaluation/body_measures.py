"""Measures of bodies fitted to predicted surfaces, as samples over people, and the same measures of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import Bool
from models.body.camera import DEFAULT_FIELD
from models.fitting.compared_fits import METHODS
from models.metrics.average_precision import Ranked
from models.metrics.bootstrap import Median, Ratio
from models.metrics.coco_ranking import coco_ranking
from models.metrics.densepose_evaluator import THRESHOLD_T
from models.metrics.gps import gps_paper, masked_gps
from models.metrics.posed_joints import MAIN_JOINTS, PoseErrors
from models.surface.geometry import Float
from stages.evaluation.keypoint_measures import joint_samples
from stages.evaluation.measures import (
    Measures,
    Samples,
    auc_measures,
    compared_keypoints,
    without_interval,
    without_missing,
)
from stages.evaluation.person_scores import BodyScore, ImageScore, PersonScore
from stages.evaluation.score_tables import score_table

NETWORK = "network"
BODY_COLUMNS = (*METHODS, NETWORK)
WHOLE_JOINTS = 15
"""A person is whole with at least this number of the 17 keypoints visible."""
FAILURE_MM = 150.0
"""A fit fails with a larger MPJPE."""
UNKNOWN_BODIES = "true bodies are unknown, so errors in space are not measured, only places in the image"
WITHOUT_TRUTH = frozenset({"people", "body_ms"})
"""Measures of every set."""
PICTURE_MEASURES = ("PCK05", "PCK10")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredBody:
    """A person, and the score of a method's body or of the network's own prediction."""

    person: PersonScore
    score: BodyScore


def body_samples(images: Sequence[ImageScore]) -> dict[str, Samples]:
    """The measures of a set by method, and of the network for the same people; empty without bodies.

    Names that end in `_whole` are of people with at least 15 of 17 keypoints visible. Measures without truth in the
    set are left out.
    """
    columns = {}
    for name in BODY_COLUMNS:
        people = list(scored_bodies(images, name))
        whole = [scored for scored in people if is_whole(scored.person)]
        found = method_measures(people) | keypoint_precision(images, name)
        found |= {f"{measure}_whole": sample for measure, sample in method_measures(whole).items()}
        if known := without_missing(found):
            columns[name] = known
    return columns


def body_table(name: str, images: Sequence[ImageScore], columns: Mapping[tuple[str, str], Measures]) -> list[str]:
    """Lines about the bodies of a set, a column per method; none if bodies were not requested.

    Args:
        name: of the set.
        images: of the set.
        columns: the measures of all sets, by set and column.
    """
    bodies = [image.bodies for image in images if image.bodies is not None]
    if not bodies:
        return []
    found = {("", method): columns[name, method] for method in BODY_COLUMNS if (name, method) in columns}
    if not any(set(measured) - WITHOUT_TRUTH for measured in found.values()):
        return ["", f"{name}: bodies are not scored, because neither true bodies nor points nor joints are known"]
    unknown = any(body.of_person and not body.true_camera for body in bodies)
    about = f"{UNKNOWN_BODIES}; the field of view is taken to be {np.degrees(DEFAULT_FIELD):.0f}°" if unknown else ""
    title = f"{name}: bodies under the predicted surfaces, each from one image alone"
    lines = [title, about, *score_table(found, beside=len(BODY_COLUMNS))]
    return ["", *(line for line in lines if line.strip())]


def scored_bodies(images: Sequence[ImageScore], method: str) -> list[ScoredBody]:
    """The people of sufficient height, each with the score of a method."""
    people = [
        (image.people[g], scores)
        for image in images
        if image.bodies is not None
        for g, scores in image.bodies.of_person.items()
    ]
    if method != NETWORK:
        return [ScoredBody(person=person, score=scores[method]) for person, scores in people]
    first_results = ((person, next(iter(person.results.values()))) for person, _ in people)
    return [ScoredBody(person=person, score=BodyScore(result=result)) for person, result in first_results]


def is_whole(person: PersonScore) -> bool:
    """Whether at least `WHOLE_JOINTS` keypoints are visible."""
    return person.visible_17 is not None and bool(person.visible_17.sum() >= WHOLE_JOINTS)


def method_measures(people: Sequence[ScoredBody]) -> Samples:
    """All measures of people. Measures in the image include missed people, measures in space do not."""
    in_space = [(scored.score.errors, scored.person.visible_17) for scored in people if scored.score.errors is not None]
    found = space_measures([errors for errors, _ in in_space])
    found |= joint_errors([(errors, seen_17) for errors, seen_17 in in_space if seen_17 is not None])
    found |= auc_measures(scored.score.result.error_M for scored in people)
    found |= point_similarity(people) | joint_shares(people)
    found["body_ms"] = Median(value_P=1e3 * np.array([scored.score.seconds for scored in people], float))
    return {"people": without_interval(len(people) or np.nan)} | found


def space_measures(people: Sequence[PoseErrors]) -> Samples:
    """MPJPE, PA-MPJPE and error of vertices, millimetres, and the share of people with an MPJPE over `FAILURE_MM`."""
    each_P = np.ones(len(people))
    mpjpe_P = np.array([errors.mpjpe for errors in people])
    return {
        "MPJPE_mm": Ratio(hits_P=mpjpe_P, trials_P=each_P),
        "PA_mm": Ratio(hits_P=np.array([errors.aligned for errors in people]), trials_P=each_P),
        "vertices_mm": Ratio(hits_P=np.array([errors.vertices for errors in people]), trials_P=each_P),
        "over_150mm": Ratio(hits_P=(mpjpe_P > FAILURE_MM).astype(float), trials_P=each_P),
    }


def joint_errors(people: Sequence[tuple[PoseErrors, Bool]]) -> Samples:
    """The mean error of visible joints, and of hidden ones, millimetres."""
    error_PM = np.array([errors.joint_M for errors, _ in people]).reshape(-1, len(MAIN_JOINTS))
    seen_PM = np.array([seen_17[MAIN_JOINTS] for _, seen_17 in people], bool).reshape(-1, len(MAIN_JOINTS))
    return {
        f"{name}_mm": Ratio(hits_P=(error_PM * chosen_PM).sum(axis=1), trials_P=chosen_PM.sum(axis=1).astype(float))
        for name, chosen_PM in (("seen", seen_PM), ("hidden", ~seen_PM))
    }


def point_similarity(people: Sequence[ScoredBody]) -> Samples:
    """Mean GPS at the annotated points, and mean GPSm."""
    results = [scored.score.result for scored in people if scored.score.result.error_M is not None]
    gps_P = np.array([0.0 if result.error_M is None else gps_paper(result.error_M) for result in results])
    iou_P = np.array([result.mask_iou for result in results])
    masked_P: Float = np.isfinite(iou_P)
    return {
        "GPS": Ratio(hits_P=gps_P, trials_P=np.ones(len(gps_P))),
        "GPSm": Ratio(hits_P=masked_gps(gps_P, iou_P)[masked_P], trials_P=np.ones(int(masked_P.sum()))),
    }


def joint_shares(people: Sequence[ScoredBody]) -> Samples:
    """PCK of all visible joints in the image."""
    found = joint_samples([scored.score.result.joints for scored in people])
    return {name: found[name] for name in PICTURE_MEASURES}


def keypoint_precision(images: Sequence[ImageScore], method: str) -> Samples:
    """COCO's keypoint AP of the confident people, ranked by the detector's scores; empty unless all have bodies."""
    compared = []
    for image in images:
        joints = {} if image.bodies is None else image.bodies.keypoint_D173
        if not joints:
            return {}
        count = len(next(iter(joints.values())))
        keypoint_D173 = image.keypoint_D173[:count] if method == NETWORK else joints[method]
        compared.append(compared_keypoints(replace(image, keypoint_D173=keypoint_D173)))
    if not compared:
        return {}
    return {
        f"keypoint_AP{ending}": Ranked(ranking=coco_ranking(compared, threshold_T), what="precision")
        for ending, threshold_T in (("", THRESHOLD_T), ("50", THRESHOLD_T[:1]))
    }

"""What a network answers to one picture, held against its truth: person by person, with given and with found boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.assignment import answering
from models.metrics.densepose_evaluator import Similarities, similarities
from models.metrics.instances import FoundInstance, PictureInstances, point_errors
from models.metrics.joints import charts_under, part_of_joint
from models.network import Network
from models.structures import Detections, SurfaceMap
from models.surface.geometry import Float, Geometry
from stages.evaluation.truth import DenseTruth, TruePerson, TruePicture

Box = npt.NDArray[np.float32]
Int = npt.NDArray[np.int64]
CHARTS = 25
FULL = 255.0
"""What 1 of U and V is in a `FoundInstance`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found for one person; where somebody was missed everything is wrong.

    Attributes:
        chart_2525: pixels of the true mask by true chart (row) and found chart (column); None without dense truth.
        error_M: geodesic metres at the annotated points, infinite where nothing was found; None without points.
        chart_M: true charts of the points.
        joint_17, visible_17: whether the chart under each keypoint is right, and whether it is asked; None without.
        mask_iou: overlap of masks; nan where no mask is annotated.
    """

    chart_2525: Int | None
    error_M: Float | None
    chart_M: Int | None
    joint_17: npt.NDArray[np.bool_] | None
    visible_17: npt.NDArray[np.bool_] | None
    mask_iou: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScore:
    """One person of a set: how tall in pixels, which share of the joints is seen, and both protocols' answers."""

    picture: str
    height: float
    seen_share: float
    given: Answer
    detected: Answer
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way to ask a network about a picture: people found, their surfaces, and which answers for whom.

    Attributes:
        found: boxes with scores.
        surface_D: one a box.
        answer_G: for each true person the row of `found`, -1 for a missed one.
        known: overlaps of all found with all true people.
    """

    found: Detections
    surface_D: Sequence[SurfaceMap]
    answer_G: Int
    known: Similarities


def found_instance(surface: SurfaceMap, box_4: Box, score: float) -> FoundInstance:
    """A surface as the measures want it, its U and V not rounded (the reference rounds to 1/255)."""
    uv_2hw = np.clip(surface.uv_2hw.astype(np.float32), 0, 1) * FULL
    size_2 = box_4[2:] - box_4[:2]
    return FoundInstance(
        box_4=np.concatenate([box_4[:2], size_2]).astype(np.float64), score=score,
        iuv_3hw=np.concatenate([surface.labels_hw[None].astype(np.float32), uv_2hw]),
    )


def ask_given(
    network: Network, features: Any, picture: TruePicture, geometry: Geometry, kappa_25: Float
) -> Protocol:
    """The paper's single-person protocol: the boxes are given, person i answers for person i."""
    box_M4 = picture.boxes
    surfaces = network.surfaces(features, [box_M4])[0]
    found = Detections(box_N4=box_M4, score_N=np.ones(len(box_M4), np.float32))
    known = similarities(instances_of(picture, found, surfaces), geometry, kappa_25)
    return Protocol(found=found, surface_D=surfaces, answer_G=np.arange(len(box_M4)), known=known)


def ask_detected(
    network: Network, features: Any, found: Detections, picture: TruePicture, geometry: Geometry, kappa_25: Float,
    least_score: float,
) -> Protocol:
    """The multi-person protocol: everyone is to be found; who answers for whom is settled among the sure ones.

    Args:
        found: what the network detected in the picture, down to very low scores, for average precision.
        least_score: detections below it answer for nobody.
    """
    surfaces = network.surfaces(features, [found.box_N4])[0]
    known = similarities(instances_of(picture, found, surfaces), geometry, kappa_25)
    rows = np.asarray(known.order_D, np.int64)
    sure_D = known.score_D >= least_score
    answer_G = answering(known.box_iou_DG[sure_D], known.score_D[sure_D])
    answer_G[answer_G >= 0] = rows[sure_D][answer_G[answer_G >= 0]]
    return Protocol(found=found, surface_D=surfaces, answer_G=answer_G, known=known)


def instances_of(picture: TruePicture, found: Detections, surfaces: Sequence[SurfaceMap]) -> PictureInstances:
    """A picture's people, true and found."""
    height, width = picture.rgb_HW3.shape[:2]
    return PictureInstances(
        height=height, width=width, true=[one.instance for one in picture.people],
        found=[
            found_instance(surface, box_4, float(score))
            for surface, box_4, score in zip(surfaces, found.box_N4, found.score_N, strict=True)
        ],
    )


def answer_of(protocol: Protocol, picture: TruePicture, g: int, geometry: Geometry) -> Answer:
    """What a protocol says about person `g` of a picture."""
    d = int(protocol.answer_G[g])
    person = picture.people[g]
    surface = protocol.surface_D[d] if d >= 0 else None
    found = found_instance(surface, protocol.found.box_N4[d], 1.0) if surface is not None else None
    points = person.instance.points
    joint_17, visible_17 = part_of_joint(surface, person.keypoint_173) if person.keypoint_173 is not None else (
        None, None)
    return Answer(
        chart_2525=None if picture.dense is None else charts_found(surface, picture.dense, g + 1),
        error_M=None if points is None else point_errors(geometry, person.instance, found),
        chart_M=None if points is None else points.chart_M,
        joint_17=joint_17, visible_17=visible_17, mask_iou=mask_overlap(protocol, person, d, g),
    )


def mask_overlap(protocol: Protocol, person: TruePerson, d: int, g: int) -> float:
    """IoU of the true mask of person `g` with that of detection `d`; 0 for a missed person, nan without a true mask."""
    if person.instance.mask is None:
        return float("nan")
    rows = list(protocol.known.order_D)
    return float(protocol.known.mask_iou_DG[rows.index(d), g]) if d in rows else 0.0


def charts_found(surface: SurfaceMap | None, dense: DenseTruth, number: int) -> Int:
    """Pixels of a person's true mask by true chart (row) and found chart (column), (25, 25); a missed one has 0s."""
    y, x = np.nonzero((dense.instance_HW == number) & (dense.label_HW > 0))
    true_M = dense.label_HW[y, x].astype(np.int64)
    found_M = np.zeros_like(true_M) if surface is None else charts_under(surface, np.stack([x, y], axis=1))
    return np.bincount(true_M * CHARTS + found_M, minlength=CHARTS**2).reshape(CHARTS, CHARTS)


def person_scores(
    picture: TruePicture, given: Protocol, detected: Protocol, geometry: Geometry
) -> list[PersonScore]:
    """Everyone of a picture under both protocols."""
    return [
        PersonScore(
            picture=picture.name, height=person.height, seen_share=person.seen_share,
            given=answer_of(given, picture, g, geometry), detected=answer_of(detected, picture, g, geometry),
            found=bool(detected.answer_G[g] >= 0),
        )
        for g, person in enumerate(picture.people)
    ]

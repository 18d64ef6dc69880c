"""What a network answers to one picture, held against its truth, person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import I64, Bool
from models.metrics.annotator_errors import annotator_errors
from models.metrics.densepose_evaluator import Similarities
from models.metrics.instances import FoundInstance, point_errors
from models.metrics.masks import found_mask, mask_overlaps
from models.metrics.part_of_joint import charts_under, part_of_joint
from models.structures import Detections, SurfaceMap
from models.surface.geometry import Float, Geometry
from models.surface.keypoints import surface_keypoints
from stages.evaluation.protocols import Protocol, found_instance
from stages.evaluation.truth import DenseTruth, TruePerson, TruePicture

LABELS = 25
STEPS = 256
"""U and V are compared in steps of 1/255, as IUV pictures hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was found for one person; where somebody was missed everything is wrong.

    Attributes:
        chart_2525: pixels of the true mask by true chart (row) and found chart (column); None without dense truth.
        off_2S: of the pixels whose chart is right, how many are off by so many 255ths in U and in V; None without.
        error_M: geodesic metres at the annotated points, infinite where nothing was found; None without points.
        joint_17: whether the chart under each keypoint is right; None without keypoints.
        mask_iou: overlap of masks; nan where no mask is annotated.
    """

    chart_2525: I64 | None
    off_2S: I64 | None
    error_M: Float | None
    joint_17: Bool | None
    mask_iou: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScore:
    """One person of a set.

    Attributes:
        height: of the box, pixels.
        seen_share: share of the joints that is seen, nan where none is annotated.
        found: whether a sure detection answers.
        chart_M, vertex_M: chart and surface point of each annotated point.
        visible_17: keypoints that are asked about; None without.
        answers: by protocol, "detected" and "given", those that were asked for.
        annotator_AM: errors of simulated annotators at the points, metres.
    """

    height: float
    seen_share: float
    found: bool
    chart_M: I64
    vertex_M: npt.NDArray[np.integer[Any]]
    visible_17: Bool | None
    answers: Mapping[str, Answer]
    annotator_AM: Sequence[Float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureScore:
    """One picture of a set: what average precision, recall and the pictures of the report need of it.

    Attributes:
        set_name, name: of the set, and of the picture.
        height, width: of the picture, pixels.
        people: everyone annotated.
        known: by protocol the overlaps of all that was found with all that is true.
        found: all detections, down to very low scores; none where only given boxes were asked about.
        precise_K: of the sure detections of tall people, whether each answers for somebody; those in crowds left out.
        surface_G: by the first protocol, the surface that answers for each person.
        keypoint_G173: x, y, visibility of everyone's keypoints, then of the crowds; zeros where none are annotated.
        keypoint_D173: by the first protocol, those of the first D of the found, as their surfaces tell them.
    """

    set_name: str
    name: str
    height: int
    width: int
    people: tuple[PersonScore, ...]
    known: Mapping[str, Similarities]
    found: Detections
    precise_K: Bool
    surface_G: tuple[SurfaceMap | None, ...] = field(default=())
    keypoint_G173: Float = field(default_factory=lambda: np.zeros((0, 17, 3)))
    keypoint_D173: Float = field(default_factory=lambda: np.zeros((0, 17, 3)))


def true_keypoints(picture: TruePicture) -> Float:
    """COCO's keypoints of the people, then of the crowds, (G, 17, 3); zeros where none are annotated."""
    nothing = np.zeros((17, 3))
    told = [nothing if person.keypoint_173 is None else person.keypoint_173 for person in picture.people]
    return np.array([*told, *(nothing for _ in picture.crowds)]).reshape(-1, 17, 3)


def found_keypoints(protocol: Protocol) -> Float:
    """COCO's keypoints as the found surfaces tell them, (D, 17, 3)."""
    return np.array([surface_keypoints(surface) for surface in protocol.surface_D], np.float64).reshape(-1, 17, 3)


def person_score(picture: TruePicture, g: int, protocols: Mapping[str, Protocol], geometry: Geometry) -> PersonScore:
    """Person `g` of a picture under every protocol."""
    person, detected = picture.people[g], protocols.get("detected")
    points = person.instance.points
    nothing = np.zeros(0, np.int64)
    annotators = (
        ()
        if points is None
        else tuple(annotator_errors(geometry, one, points)[1].astype(np.float64) for one in person.annotators)
    )
    return PersonScore(
        height=person.height,
        seen_share=person.seen_share,
        found=detected is not None and bool(detected.answer_G[g] >= 0),
        chart_M=nothing if points is None else points.chart_M,
        vertex_M=nothing if points is None else geometry.nearest(points.chart_M, points.u_M, points.v_M),
        visible_17=None if person.keypoint_173 is None else part_of_joint(None, person.keypoint_173)[1],
        answers={name: answer_of(one, picture, g, geometry) for name, one in protocols.items()},
        annotator_AM=annotators,
    )


def answer_of(protocol: Protocol, picture: TruePicture, g: int, geometry: Geometry) -> Answer:
    """What a protocol says about person `g` of a picture."""
    d = int(protocol.answer_G[g])
    person = picture.people[g]
    surface = protocol.surface_D[d] if d >= 0 else None
    found = None if surface is None else found_instance(surface, protocol.found.box_N4[d], 1.0)
    chart_2525, off_2S = (None, None) if picture.dense is None else pixels_found(surface, picture.dense, g + 1)
    return Answer(
        chart_2525=chart_2525,
        off_2S=off_2S,
        error_M=None if person.instance.points is None else point_errors(geometry, person.instance, found),
        joint_17=None if person.keypoint_173 is None else part_of_joint(surface, person.keypoint_173)[0],
        mask_iou=mask_overlap(picture, person, found),
    )


def mask_overlap(picture: TruePicture, person: TruePerson, found: FoundInstance | None) -> float:
    """IoU of a person's true mask and the found one; 0 for a missed person, nan without a true mask."""
    if person.instance.mask is None:
        return float("nan")
    masks = [] if found is None else [found_mask(found, *picture.rgb_HW3.shape[:2])]
    return float(mask_overlaps(masks, [person.instance.mask], np.zeros(1, bool)).sum())


def pixels_found(surface: SurfaceMap | None, dense: DenseTruth, number: int) -> tuple[I64, I64]:
    """What was found at the pixels of a person's true mask; a missed person has background.

    Returns:
        pixels by true chart (row) and found chart (column), (25, 25); of those whose chart is right how many are off by
        0..255 steps in U and in V, (2, 256).
    """
    y, x = np.nonzero((dense.instance_HW == number) & (dense.label_HW > 0))
    true_M = dense.label_HW[y, x].astype(np.int64)
    found_M = np.zeros_like(true_M) if surface is None else charts_under(surface, np.stack([x, y], axis=1))
    chart_2525 = np.bincount(true_M * LABELS + found_M, minlength=LABELS**2).reshape(LABELS, LABELS)
    off_2S = np.zeros((2, STEPS), np.int64)
    if surface is not None:
        same = found_M == true_M
        found_2M = np.clip(surface.uv_2hw[:, y[same] - surface.y0, x[same] - surface.x0].astype(np.float32), 0, 1)
        step_2M = np.rint(np.abs(found_2M - dense.uv_2HW[:, y[same], x[same]]) * (STEPS - 1)).astype(np.int64)
        off_2S = np.stack([np.bincount(step_M, minlength=STEPS)[:STEPS] for step_M in step_2M])
    return chart_2525, off_2S

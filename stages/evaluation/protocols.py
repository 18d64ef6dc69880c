"""The two ways to ask a network about a picture: where the people are is given, or is to be found (paper §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from models.arrays import Bool
from models.inference.single_person import without_background
from models.light.inference.surface_assembly import integer_box
from models.metrics.densepose_evaluator import MOST_DETECTIONS, Similarities, similarities
from models.metrics.instances import ANNOTATION_SIDE, FoundInstance, ImageInstances
from models.metrics.masks import box_overlaps
from models.metrics.person_matching import match_by_iou
from models.network import Network
from models.structures import Detections, SurfaceMap
from models.surface.geometry import Float, Geometry
from stages.evaluation.truth import TruePicture

Box = npt.NDArray[np.float32]
IN_CROWD = 0.5
"""A detection that lies in a crowd by this share of itself is neither right nor wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way to ask about a picture: who was found, their surfaces, and which answers for whom.

    Attributes:
        found: boxes with scores, best first.
        surface_D: one for each of the first D.
        answer_G: for each true person the row of `found`, -1 for a missed one.
        known: overlaps of what was found with all true people.
    """

    found: Detections
    surface_D: Sequence[SurfaceMap]
    answer_G: npt.NDArray[np.int64]
    known: Similarities


def found_instance(surface: SurfaceMap, box_4: Box, score: float) -> FoundInstance:
    """A surface as the measures want it; U and V stay unrounded, where the reference rounds to 1/255.

    Measures place the grid by the box, so one that reaches beyond the box is its own.
    """
    grid = (surface.x0, surface.y0, *surface.labels_hw.shape[::-1])
    uv_2hw = np.clip(surface.uv_2hw.astype(np.float32), 0, 1) * ANNOTATION_SIDE
    return FoundInstance(
        box_4=corner_and_size(box_4[None])[0] if integer_box(box_4) == grid else np.array(grid, np.float64),
        score=score,
        iuv_3hw=np.concatenate([surface.labels_hw[None].astype(np.float32), uv_2hw]),
    )


def corner_and_size(box_N4: Box) -> Float:
    """x0, y0, x1, y1 as x, y, width, height; sides in float32, as networks cut their grids."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], axis=1).astype(np.float64)


def instances_of(picture: TruePicture, found: Detections, surface_D: Sequence[SurfaceMap]) -> ImageInstances:
    """A picture's people, true ones and those of the found that have a surface."""
    height, width = picture.rgb_HW3.shape[:2]
    rows = zip(surface_D, found.box_N4[: len(surface_D)], found.score_N[: len(surface_D)], strict=True)
    return ImageInstances(
        height=height,
        width=width,
        true=picture.instances,
        found=[found_instance(surface, box_4, float(score)) for surface, box_4, score in rows],
    )


def ask_given(network: Network, features: Any, picture: TruePicture, geometry: Geometry) -> Protocol:
    """The single-person protocol: the boxes are given, person i answers for person i."""
    return answered(network.surfaces(features, [picture.boxes])[0], picture, geometry)


def answered(surface_M: Sequence[SurfaceMap], picture: TruePicture, geometry: Geometry) -> Protocol:
    """A surface for each person of a picture, in their own boxes; average precision ranks them by their sureness."""
    box_M4 = picture.boxes
    found = Detections(box_N4=box_M4, score_N=np.ones(len(box_M4), np.float32))
    ranked = replace(found, score_N=np.array([surface.mean_confidence for surface in surface_M], np.float32))
    known = similarities(instances_of(picture, ranked, surface_M), geometry)
    return Protocol(found=found, surface_D=surface_M, answer_G=np.arange(len(box_M4)), known=known)


def ask_cut_out(network: Network, picture: TruePicture, geometry: Geometry) -> Protocol:
    """The single-person protocol with oracle masks (DensePose*, paper §4.2): everyone alone before the mean colour.

    Of people without a mask the background stays.
    """
    box_M4 = picture.boxes
    surface_M = []
    for person, box_4 in zip(picture.people, box_M4, strict=True):
        mask = person.instance.mask
        seen = picture.rgb_HW3 if mask is None else without_background(picture.rgb_HW3, coco_mask.decode(mask) > 0)
        _, features = network.detect(seen[None], still=picture.still)
        surface_M += network.surfaces(features, [box_4[None]])[0]
    return answered(surface_M, picture, geometry)


def ask_detected(
    network: Network, features: Any, found: Detections, picture: TruePicture, geometry: Geometry, sure_score: float
) -> Protocol:
    """The multi-person protocol: everyone is to be found; who answers for whom is settled among the sure detections.

    Args:
        found: what the network detected, best first, down to very low scores, for average precision.
        sure_score: detections below it answer for nobody.
    """
    sure = sure_of(found, sure_score)
    surface_D = network.surfaces(features, [found.box_N4[: max(len(sure), MOST_DETECTIONS)]])[0]
    return Protocol(
        found=found,
        surface_D=surface_D,
        answer_G=answers(sure.box_N4, sure.score_N, picture),
        known=similarities(instances_of(picture, found, surface_D), geometry),
    )


def sure_of(found: Detections, score: float) -> Detections:
    """Those of a score or more, of detections that begin with the best."""
    sure = int((found.score_N >= score).sum())
    return Detections(box_N4=found.box_N4[:sure], score_N=found.score_N[:sure])


def answers(box_D4: Box, score_D: npt.NDArray[np.float32], picture: TruePicture) -> npt.NDArray[np.int64]:
    """For each true person of a picture the row of the box that answers, -1 for a missed one."""
    nobody_is_a_crowd = np.zeros(len(picture.people), bool)
    iou_DG = box_overlaps(corner_and_size(box_D4), corner_and_size(picture.boxes), nobody_is_a_crowd)
    return match_by_iou(iou_DG, score_D)


def precise(box_D4: Box, answer_G: npt.NDArray[np.int64], picture: TruePicture, tall: float) -> Bool:
    """Of the sure detections at least `tall` pixels high, whether each answers for somebody: (K,).

    Those that answer for nobody but lie in a crowd are left out.
    """
    right_D = np.isin(np.arange(len(box_D4)), answer_G)
    counts_D = box_D4[:, 3] - box_D4[:, 1] >= tall
    if picture.crowds:
        crowd_K4 = np.array([crowd.box_4 for crowd in picture.crowds])
        share_DK = box_overlaps(corner_and_size(box_D4), crowd_K4, np.ones(len(crowd_K4), bool))
        counts_D &= right_D | (share_DK.max(axis=1, initial=0) < IN_CROWD)
    return right_D[counts_D]

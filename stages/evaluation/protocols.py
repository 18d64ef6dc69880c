"""The protocols of the paper (§4.1): people are predicted in true boxes, or in boxes that the network detects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from models.arrays import F32, I64
from models.inference.single_person import without_background
from models.light.inference.surface_assembly import integer_box
from models.metrics.densepose_evaluator import MAX_DETECTIONS, Similarities, similarities
from models.metrics.instances import ANNOTATION_SIDE, FoundInstance, ImageInstances
from models.metrics.masks import box_overlaps
from models.metrics.person_matching import match_by_iou
from models.network import Network
from models.structures import Detections, SurfaceMap
from models.surface.geometry import Float, Geometry
from stages.evaluation.true_images import TrueImage


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolResult:
    """The predictions for one image under one protocol, and their matches with the true people.

    Attributes:
        found: boxes with scores, best first.
        surface_D: the surfaces of the first D boxes.
        match_G: for each true person the matched row of `found`, -1 for a missed person.
        known: similarities of the predicted people with all true people.
    """

    found: Detections
    surface_D: Sequence[SurfaceMap]
    match_G: I64
    known: Similarities


def found_instance(surface: SurfaceMap, box_4: F32, score: float) -> FoundInstance:
    """A surface in the format of the measures. U and V are not rounded; the reference rounds them to 1/255.

    Measures derive the position of the grid from the box. Where the grid is larger than the box, it replaces the box.
    """
    grid = (surface.x0, surface.y0, *surface.labels_hw.shape[::-1])
    uv_2hw = np.clip(surface.uv_2hw.astype(np.float32), 0, 1) * ANNOTATION_SIDE
    embedded = surface.embedded
    return FoundInstance(
        box_4=corner_and_size(box_4[None])[0] if integer_box(box_4) == grid else np.array(grid, np.float64),
        score=score, iuv_3hw=np.concatenate([surface.labels_hw[None].astype(np.float32), uv_2hw]),
        mask_hw=surface.mask_hw, vertex_hw=None if embedded is None else embedded.vertex_hw,
        mesh="" if embedded is None else embedded.mesh,
    )


def corner_and_size(box_N4: F32) -> Float:
    """Boxes x0, y0, x1, y1 as x, y, width, height; sides are computed in float32, like the networks' grids."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], axis=1).astype(np.float64)


def image_instances(image: TrueImage, found: Detections, surface_D: Sequence[SurfaceMap]) -> ImageInstances:
    """The people of an image: the true ones, and the predicted ones that have a surface."""
    height, width = image.rgb_HW3.shape[:2]
    rows = zip(surface_D, found.box_N4[: len(surface_D)], found.score_N[: len(surface_D)], strict=True)
    return ImageInstances(
        height=height, width=width, true=image.instances,
        found=[found_instance(surface, box_4, float(score)) for surface, box_4, score in rows],
    )


def predict_given_boxes(network: Network, features: Any, image: TrueImage, geometry: Geometry) -> ProtocolResult:
    """The single-person protocol: the network predicts in true boxes; prediction i belongs to person i."""
    return result_in_given_boxes(network.surfaces(features, [image.boxes])[0], image, geometry)


def result_in_given_boxes(surface_M: Sequence[SurfaceMap], image: TrueImage, geometry: Geometry) -> ProtocolResult:
    """The result of one surface per person in the true boxes; average precision ranks them by mean confidence."""
    box_M4 = image.boxes
    found = Detections(box_N4=box_M4, score_N=np.ones(len(box_M4), np.float32))
    ranked = replace(found, score_N=np.array([surface.mean_confidence for surface in surface_M], np.float32))
    known = similarities(image_instances(image, ranked, surface_M), geometry)
    return ProtocolResult(found=found, surface_D=surface_M, match_G=np.arange(len(box_M4)), known=known)


def predict_masked_people(network: Network, image: TrueImage, geometry: Geometry) -> ProtocolResult:
    """The single-person protocol with oracle masks (DensePose*, paper §4.2): the background is set to the mean colour.

    People without a true mask keep their background.
    """
    box_M4 = image.boxes
    surface_M = []
    for person, box_4 in zip(image.people, box_M4, strict=True):
        mask = person.instance.mask
        masked = image.rgb_HW3 if mask is None else without_background(image.rgb_HW3, coco_mask.decode(mask) > 0)
        _, features = network.detect(masked[None], still=image.still)
        surface_M += network.surfaces(features, [box_4[None]])[0]
    return result_in_given_boxes(surface_M, image, geometry)


def predict_detected_boxes(
    network: Network, features: Any, found: Detections, image: TrueImage, geometry: Geometry, score: float
) -> ProtocolResult:
    """The multi-person protocol: the network detects people; confident detections are matched with true people.

    Args:
        network: predicts.
        features: of the image.
        found: detections of the network, best first, down to very low scores, for average precision.
        image: with its truth.
        geometry: distances on the body.
        score: detections with lower scores are not matched with people.
    """
    confident = confident_detections(found, score)
    surface_D = network.surfaces(features, [found.box_N4[: max(len(confident), MAX_DETECTIONS)]])[0]
    return ProtocolResult(
        found=found, surface_D=surface_D, match_G=match_boxes_to_people(confident.box_N4, confident.score_N, image),
        known=similarities(image_instances(image, found, surface_D), geometry),
    )


def confident_detections(found: Detections, score: float) -> Detections:
    """The detections with at least this score; `found` is sorted by score."""
    count = int((found.score_N >= score).sum())
    return Detections(box_N4=found.box_N4[:count], score_N=found.score_N[:count])


def match_boxes_to_people(box_D4: F32, score_D: F32, image: TrueImage) -> I64:
    """The row of the matched box for each true person of an image; -1 for a missed person."""
    no_crowds = np.zeros(len(image.people), bool)
    iou_DG = box_overlaps(corner_and_size(box_D4), corner_and_size(image.boxes), no_crowds)
    return match_by_iou(iou_DG, score_D)

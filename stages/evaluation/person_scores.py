"""Scores of the predictions for one image against the ground truth, person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pycocotools import mask as coco_mask

from models.arrays import I64, Bool, Int
from models.metrics.annotator_errors import annotator_errors
from models.metrics.densepose_evaluator import Similarities
from models.metrics.instances import FoundInstance, point_errors
from models.metrics.joints import JointFit, joint_fit
from models.metrics.masks import found_mask, mask_overlaps
from models.metrics.part_of_joint import charts_under, part_of_joint
from models.metrics.posed_joints import PoseErrors
from models.metrics.silhouettes import SilhouetteFit, silhouette_fit
from models.structures import Detections, SurfaceMap
from models.surface.geometry import Float, Geometry
from models.surface.keypoints import person_keypoints
from stages.evaluation.detection_counts import DetectionCounts
from stages.evaluation.protocols import ProtocolResult, found_instance
from stages.evaluation.true_images import DenseTruth, TrueImage, TruePerson

LABELS = 25
"""Charts and background."""
ACCOMPANIED_SHARE = 0.05
"""A person is accompanied if others cover at least this share of their box."""
STEPS = 256
"""Bins of the histograms of errors of U and V: steps of 1/255, the resolution of IUV images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonResult:
    """The prediction of one person compared with the truth; all of a missed person counts as wrong.

    Attributes:
        chart_2525: pixels of the true mask by true chart (row) and predicted chart (column); None without dense truth.
        uv_error_2S: histograms of the errors of U and of V, in 1/255, at pixels of the right chart; None without dense
            truth.
        error_M: geodesic errors at the annotated points in metres, infinite without a prediction; None without points.
        joint_17: whether the chart at each keypoint is right; None without keypoints.
        mask_iou: IoU of the masks; nan without an annotated mask.
        silhouette: None for a missed person and without an annotated mask.
        joints: None without annotated keypoints.
    """

    chart_2525: I64 | None
    uv_error_2S: I64 | None
    error_M: Float | None
    joint_17: Bool | None
    mask_iou: float
    silhouette: SilhouetteFit | None = None
    joints: JointFit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonScore:
    """One person of a set.

    Attributes:
        height: of the box, pixels.
        visible_share: share of the keypoints that are visible; nan without annotated keypoints.
        found: whether a confident detection matches.
        chart_M, vertex_M: chart and number of the surface point of each annotated point.
        visible_17: whether each keypoint is visible; None without keypoints.
        results: by requested protocol: "detected", "given", "cut_out".
        annotator_AM: errors of each simulated annotator at the points, metres.
        accompanied: whether the mask of another annotated person covers at least 5 % of the box.
    """

    height: float
    visible_share: float
    found: bool
    chart_M: I64
    vertex_M: Int
    visible_17: Bool | None
    results: Mapping[str, PersonResult]
    annotator_AM: Sequence[Float] = ()
    accompanied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyScore:
    """The body of one person by one method.

    Attributes:
        result: of the rendered body in the image: annotated points, mask and joints.
        errors: of the body in space; None where the true pose is unknown, and for missed people.
        seconds: processor time; nan for missed people.
    """

    result: PersonResult
    errors: PoseErrors | None = None
    seconds: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBodies:
    """The bodies of an image.

    Attributes:
        of_person: scores by index of the person, then by method, of people of sufficient height.
        keypoint_D173: by method, the joints in the image of the first D predicted people; empty unless all of them
            have bodies.
        true_camera: whether the camera and the true bodies are known; else the camera is a default.
    """

    of_person: Mapping[int, Mapping[str, BodyScore]] = field(default_factory=dict)
    keypoint_D173: Mapping[str, Float] = field(default_factory=dict)
    true_camera: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScore:
    """Scores of one image of a set.

    Attributes:
        set_name, name: of the set, and of the image.
        height, width: of the image, pixels.
        people: of all annotated people.
        known: by protocol, the similarities of all predicted people with all true people.
        found: all detections, down to very low scores; the true boxes where boxes were given.
        counts: of the confident detections of sufficient height.
        surface_G: the predicted surface of each true person under the first protocol.
        keypoint_G173: x, y, visibility of the keypoints of people, then of crowds; zeros without annotations.
        keypoint_D173: keypoints of the first D predicted people under the first protocol.
        bodies: fitted to the surfaces of the first protocol; None if not requested.
    """

    set_name: str
    name: str
    height: int
    width: int
    people: tuple[PersonScore, ...]
    known: Mapping[str, Similarities]
    found: Detections
    counts: DetectionCounts
    surface_G: tuple[SurfaceMap | None, ...] = field(default=())
    keypoint_G173: Float = field(default_factory=lambda: np.zeros((0, 17, 3)))
    keypoint_D173: Float = field(default_factory=lambda: np.zeros((0, 17, 3)))
    bodies: ImageBodies | None = None


def true_keypoints(image: TrueImage) -> Float:
    """COCO's keypoints of the people, then of the crowds, (G, 17, 3); zeros without annotations."""
    nothing = np.zeros((17, 3))
    keypoints = [nothing if person.keypoint_173 is None else person.keypoint_173 for person in image.people]
    return np.array([*keypoints, *(nothing for _ in image.crowds)]).reshape(-1, 17, 3)


def found_keypoints(protocol: ProtocolResult) -> Float:
    """COCO's keypoints of the predicted people, (D, 17, 3): of the keypoint head, else of the surfaces."""
    return np.array([person_keypoints(surface) for surface in protocol.surface_D], np.float64).reshape(-1, 17, 3)


def person_score(image: TrueImage, g: int, protocols: Mapping[str, ProtocolResult], geometry: Geometry) -> PersonScore:
    """Person `g` of an image under every protocol."""
    person, detected = image.people[g], protocols.get("detected")
    points = person.instance.points
    nothing = np.zeros(0, np.int64)
    others_HW = None if person.instance.mask is None else mask_of_others(image, g)
    annotators = (
        ()
        if points is None
        else tuple(annotator_errors(geometry, marks, points)[1].astype(np.float64) for marks in person.annotators)
    )
    return PersonScore(
        height=person.height,
        visible_share=person.visible_share,
        found=detected is not None and bool(detected.match_G[g] >= 0),
        chart_M=nothing if points is None else points.chart_M,
        vertex_M=nothing if points is None else geometry.nearest(points.chart_M, points.u_M, points.v_M),
        visible_17=None if person.keypoint_173 is None else part_of_joint(None, person.keypoint_173)[1],
        results={name: person_result(protocol, image, g, geometry, others_HW) for name, protocol in protocols.items()},
        annotator_AM=annotators,
        accompanied=is_accompanied(image, g),
    )


def person_result(
    protocol: ProtocolResult, image: TrueImage, g: int, geometry: Geometry, others_HW: Bool | None
) -> PersonResult:
    """The result of person `g` of an image under one protocol. `others_HW`: None if the person's mask is unknown."""
    d = int(protocol.match_G[g])
    person = image.people[g]
    surface = protocol.surface_D[d] if d >= 0 else None
    found = None if surface is None else found_instance(surface, protocol.found.box_N4[d], 1.0)
    chart_2525, uv_error_2S = (None, None) if image.dense is None else chart_confusion(surface, image.dense, g + 1)
    return PersonResult(
        chart_2525=chart_2525,
        uv_error_2S=uv_error_2S,
        error_M=None if person.instance.points is None else point_errors(geometry, person.instance, found),
        joint_17=None if person.keypoint_173 is None else part_of_joint(surface, person.keypoint_173)[0],
        mask_iou=mask_overlap(image, person, found),
        silhouette=None if found is None or others_HW is None else silhouette_fit_of(found, person, others_HW),
        joints=joint_fit_of(surface, person),
    )


def silhouette_fit_of(found: FoundInstance, person: TruePerson, others_HW: Bool) -> SilhouetteFit | None:
    """The fit of the predicted silhouette; None for an empty true mask."""
    true_HW = coco_mask.decode(person.instance.mask) > 0
    if not true_HW.any():
        return None
    found_HW = coco_mask.decode(found_mask(found, *true_HW.shape)) > 0
    return silhouette_fit(found_HW, true_HW, others_HW, *person.instance.box_4[2:])


def joint_fit_of(surface: SurfaceMap | None, person: TruePerson) -> JointFit | None:
    """The fit of the predicted joints; None without annotated keypoints."""
    if person.keypoint_173 is None or not person.keypoint_173[:, 2].any():
        return None
    found_173 = None if surface is None else person_keypoints(surface).astype(np.float64)
    return joint_fit(found_173, person.keypoint_173, person.instance.area, person.instance.box_4)


def mask_of_others(image: TrueImage, g: int) -> Bool:
    """The pixels of all annotated people and crowds except person `g`, bool (H, W)."""
    masks = [instance.mask for k, instance in enumerate(image.instances) if k != g and instance.mask is not None]
    if not masks:
        return np.zeros(image.rgb_HW3.shape[:2], bool)
    return np.asarray(coco_mask.decode(coco_mask.merge(masks)) > 0)


def is_accompanied(image: TrueImage, g: int) -> bool:
    """Whether the mask of another person, or of a crowd, covers at least 5 % of the box of person `g`."""
    x, y, width, height = image.people[g].instance.box_4
    window = slice(max(int(y), 0), int(np.ceil(y + height))), slice(max(int(x), 0), int(np.ceil(x + width)))
    masks = [instance.mask for k, instance in enumerate(image.instances) if k != g and instance.mask is not None]
    covered = max((int(coco_mask.decode(mask)[window].sum()) for mask in masks), default=0)
    return covered >= ACCOMPANIED_SHARE * width * height


def mask_overlap(image: TrueImage, person: TruePerson, found: FoundInstance | None) -> float:
    """IoU of a person's true and predicted masks; 0 for a missed person, nan without a true mask."""
    if person.instance.mask is None:
        return float("nan")
    masks = [] if found is None else [found_mask(found, *image.rgb_HW3.shape[:2])]
    return float(mask_overlaps(masks, [person.instance.mask], np.zeros(1, bool)).sum())


def chart_confusion(surface: SurfaceMap | None, dense: DenseTruth, number: int) -> tuple[I64, I64]:
    """Predicted charts, and errors of U and V, at the pixels of a person's true mask; background for a missed person.

    Returns:
        pixels by true chart (row) and predicted chart (column), (25, 25); histograms of the errors of U and of V in
        steps of 1/255 over pixels with the right chart, (2, 256).
    """
    y, x = np.nonzero((dense.instance_HW == number) & (dense.label_HW > 0))
    true_M = dense.label_HW[y, x].astype(np.int64)
    found_M = np.zeros_like(true_M) if surface is None else charts_under(surface, np.stack([x, y], axis=1))
    chart_2525 = np.bincount(true_M * LABELS + found_M, minlength=LABELS**2).reshape(LABELS, LABELS)
    uv_error_2S = np.zeros((2, STEPS), np.int64)
    if surface is not None:
        same = found_M == true_M
        found_2M = np.clip(surface.uv_2hw[:, y[same] - surface.y0, x[same] - surface.x0].astype(np.float32), 0, 1)
        step_2M = np.rint(np.abs(found_2M - dense.uv_2HW[:, y[same], x[same]]) * (STEPS - 1)).astype(np.int64)
        uv_error_2S = np.stack([np.bincount(step_M, minlength=STEPS)[:STEPS] for step_M in step_2M])
    return chart_2525, uv_error_2S

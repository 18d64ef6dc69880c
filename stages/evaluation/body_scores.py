"""Scores of bodies that are fitted to predicted surfaces, for each person of an image: in space and in the image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Float
from models.body.body_pose import posed_keypoints, posed_vertices
from models.body.camera import PinholeCamera, default_camera
from models.body.fitted_body import FittedBody
from models.fitting.compared_fits import METHODS, BodyMethod
from models.metrics.instances import FoundInstance, point_errors
from models.metrics.joints import joint_fit
from models.metrics.posed_joints import pose_errors
from models.structures import SurfaceMap
from models.surface.body_image import body_image
from models.surface.geometry import Geometry
from stages.evaluation.person_scores import BodyScore, ImageBodies, PersonResult, mask_overlap
from stages.evaluation.protocols import ProtocolResult, found_instance
from stages.evaluation.true_images import TrueImage

COCO_JOINTS = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedBody:
    """A fitted body, None where the fit found none, and its processor time in seconds."""

    body: FittedBody | None
    seconds: float


def timed_body(method: BodyMethod, surface: SurfaceMap, camera: PinholeCamera) -> TimedBody:
    """The body that a method fits to a surface, with its processor time."""
    start = time.process_time()
    body = method(surface, camera)
    return TimedBody(body=body, seconds=time.process_time() - start)


def image_bodies(
    image: TrueImage, protocol: ProtocolResult, confident: int | None, min_height: float, geometry: Geometry
) -> ImageBodies:
    """The bodies fitted to the surfaces of a protocol by every method, each from this image alone.

    Args:
        image: with its truth.
        protocol: the predictions.
        confident: number of predicted people, from the first, that all get bodies, for average precision; None: bodies
            for those who match a true person.
        min_height: true people of smaller height, in pixels, do not count.
        geometry: distances on the body.
    """
    match_g = {g: int(protocol.match_G[g]) for g, person in enumerate(image.people) if person.height >= min_height}
    wanted = {d for d in match_g.values() if d >= 0} | set(range(confident or 0))
    camera = camera_of_image(image)
    bodies = {
        name: {d: timed_body(method, protocol.surface_D[d], camera) for d in sorted(wanted)}
        for name, method in METHODS.items()
    }
    of_person = {
        g: {name: body_score(image, g, of_d.get(d), geometry) for name, of_d in bodies.items()}
        for g, d in match_g.items()
    }
    ranked = () if confident is None else range(confident)
    joints = {name: stacked([keypoints_in_image(of_d[d].body) for d in ranked]) for name, of_d in bodies.items()}
    return ImageBodies(
        of_person=of_person, keypoint_D173={} if confident is None else joints, true_camera=image.camera is not None
    )


def camera_of_image(image: TrueImage) -> PinholeCamera:
    """The camera of an image; where it is unknown, a camera with the default field of view."""
    height, width = image.rgb_HW3.shape[:2]
    return default_camera(width, height) if image.camera is None else image.camera


def stacked(joint_173: Sequence[Float | None]) -> Float:
    """Keypoints of people (D, 17, 3); zeros for those without a body."""
    nothing = np.zeros((COCO_JOINTS, 3))
    return np.array([nothing if joints is None else joints for joints in joint_173]).reshape(-1, COCO_JOINTS, 3)


def body_score(image: TrueImage, g: int, found: TimedBody | None, geometry: Geometry) -> BodyScore:
    """The score of person `g` of an image; `found`: None for a missed person."""
    pose, body = image.people[g].pose, None if found is None else found.body
    rendered = None if body is None else rendered_body(body, *image.rgb_HW3.shape[:2])
    result = result_in_image(image, g, rendered, keypoints_in_image(body), geometry)
    if found is None:
        return BodyScore(result=result)
    errors = None if pose is None else pose_errors(None if body is None else body.pose, pose)
    return BodyScore(result=result, errors=errors, seconds=found.seconds)


def result_in_image(
    image: TrueImage, g: int, found: FoundInstance | None, joint_173: Float | None, geometry: Geometry
) -> PersonResult:
    """The result of a predicted surface and joints for person `g`: annotated points, mask and joints only."""
    person, true_173 = image.people[g], image.people[g].keypoint_173
    annotated = true_173 is not None and true_173[:, 2].any()
    size = (person.instance.area, person.instance.box_4)
    return PersonResult(
        chart_2525=None,
        uv_error_2S=None,
        error_M=None if person.instance.points is None else point_errors(geometry, person.instance, found),
        joint_17=None,
        mask_iou=mask_overlap(image, person, found),
        joints=joint_fit(joint_173, true_173, *size) if true_173 is not None and annotated else None,
    )


def rendered_body(body: FittedBody, height: int, width: int) -> FoundInstance | None:
    """The rendered surface of a body in an image of this size; None for a body outside of the image."""
    shown = body_image(posed_vertices(body.pose), body.camera, height, width)
    if shown is None:
        return None
    labels_hw, uv_2hw = shown.surface()
    surface = SurfaceMap(x0=shown.x0, y0=shown.y0, labels_hw=labels_hw, uv_2hw=uv_2hw)
    grid_4 = np.array([shown.x0, shown.y0, shown.x0 + shown.width, shown.y0 + shown.height], np.float32)
    return found_instance(surface, grid_4, 1.0)


def keypoints_in_image(body: FittedBody | None) -> Float | None:
    """COCO's keypoints of a body projected into its image, (17, 3): x, y, 1; None without a body."""
    if body is None:
        return None
    pixel_172 = body.camera.project(posed_keypoints(body.pose)[:COCO_JOINTS])
    return np.column_stack([pixel_172, np.ones(COCO_JOINTS)])

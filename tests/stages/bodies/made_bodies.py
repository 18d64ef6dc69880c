"""Bodies of known pose and place, and the surfaces that a perfect network would find of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from scipy.spatial.transform import Rotation

from models.body.body_pose import BodyPose, posed_bones, posed_vertices
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.surface.body_image import body_image
from pipeline.stage import Job
from stages.bodies.animate import Animate
from stages.payloads import Bodies, FrameChunk, People, PersonSurface, Surfaces, VideoInfo

HEIGHT, WIDTH, FOCAL = 240, 320, 300.0
CAMERA = PinholeCamera(focal_px=FOCAL, center_2=np.array([WIDTH / 2, HEIGHT / 2], np.float32))
VIDEO = VideoInfo(path="", width=WIDTH, height=HEIGHT, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
UPRIGHT_33 = np.diag([1.0, -1.0, -1.0])
"""The root's rotation of somebody who stands upright and faces the camera."""


def made_body(
    place: tuple[float, float, float] = (0, 0, 3.0), turn_deg: float = 0, bend_deg: float = 0, shape: float = 0
) -> FittedBody:
    """Somebody upright whose root is at a place, turned about the vertical, with bent elbows."""
    body = load_body()
    rotation_B33 = np.tile(np.eye(3), (len(body.bones), 1, 1))
    rotation_B33[0] = UPRIGHT_33 @ Rotation.from_euler("y", turn_deg, degrees=True).as_matrix()
    for side, sign in (("L", -1), ("R", 1)):
        bend = Rotation.from_euler("y", sign * bend_deg, degrees=True).as_matrix()
        rotation_B33[body.bone(f"lowerarm01.{side}")] = bend
    shape_C = np.zeros(len(body.component_CV3), np.float32)
    shape_C[1] = shape
    pose = BodyPose(rotation_B33=rotation_B33.astype(np.float32), root_3=np.array(place, np.float32), shape_C=shape_C)
    return FittedBody(
        pose=pose,
        camera=CAMERA,
        confidence_J=np.full(len(KEYPOINT_NAMES), 0.9, np.float32),
        seen_B=np.ones(len(body.bones), np.float32),
        residual=0.01,
        is_person=0.8,
    )


def raised() -> FittedBody:
    """Somebody whose arms point up."""
    body = made_body()
    rotation_B33 = body.pose.rotation_B33.copy()
    for side, sign in (("L", 1), ("R", -1)):
        up_33 = Rotation.from_euler("z", sign * 120, degrees=True).as_matrix()
        rotation_B33[load_body().bone(f"upperarm01.{side}")] = up_33
    return replace(body, pose=replace(body.pose, rotation_B33=rotation_B33.astype(np.float32)))


def left_elbow_deg(body: FittedBody) -> float:
    """By how much the left elbow is bent in space, from the places of its bones."""
    limb = [load_body().bone(f"{name}.L") for name in ("upperarm01", "lowerarm01", "wrist")]
    upper_3, lower_3 = np.diff(posed_bones(body.pose)[1][limb], axis=0)
    return float(np.degrees(np.arccos(upper_3 @ lower_3 / np.linalg.norm(upper_3) / np.linalg.norm(lower_3))))


def surface_of_body(body: FittedBody, height: int = HEIGHT, width: int = WIDTH) -> PersonSurface:
    """The surface of a body as the camera shows it, without error."""
    image = body_image(posed_vertices(body.pose), body.camera, height, width)
    assert image is not None
    labels_hw, uv_2hw = image.surface()
    confidence_hw = np.where(labels_hw > 0, np.float32(0.9), np.float32(0))
    return PersonSurface(x0=image.x0, y0=image.y0, labels_hw=labels_hw, uv_2hw=uv_2hw, confidence_hw=confidence_hw)


def shown(frames: list[list[tuple[int, FittedBody]]]) -> tuple[People, Surfaces]:
    """People and exact surfaces of frames from the identity and body of everybody in them."""
    surfaces = [surface_of_body(body) for people in frames for _, body in people]
    box = [[s.x0, s.y0, s.x0 + s.labels_hw.shape[1], s.y0 + s.labels_hw.shape[0]] for s in surfaces]
    ids = [identity for people in frames for identity, _ in people]
    people = People(
        frame_N=np.repeat(np.arange(len(frames), dtype=np.int32), [len(people) for people in frames]),
        box_N4=np.array(box, np.float32).reshape(-1, 4),
        score_N=np.full(len(ids), 0.9, np.float32),
        id_N=np.array(ids, np.int32),
    )
    return people, Surfaces(people=tuple(surfaces))


def grey_frames(count: int, first: int = 0, video: VideoInfo = VIDEO) -> FrameChunk:
    """Plain frames."""
    rgb_THW3 = np.full((count, video.height, video.width, 3), 90, np.uint8)
    return FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.arange(first, first + count), first=first, video=video)


def recorded_by(stage: Animate, made: Job, frames: FrameChunk, bodies: Bodies) -> None:
    """Show the stage a chunk. People are not in the pictures, so there are no surfaces to leave out."""
    nobody = People(
        frame_N=np.zeros(0, np.int32), box_N4=np.zeros((0, 4), np.float32), score_N=np.zeros(0, np.float32),
        id_N=np.zeros(0, np.int32),
    )
    assert list(stage(made, frames, nobody, Surfaces(people=()), bodies)) == []

"""The face teacher's geometry, against the open body's own mesh seen from known directions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.body.charts import MIRROR_CHART
from models.errors import ModelError
from models.light.teachers.face_surface import face_points, face_surface, turned_degrees
from models.light.teachers.face_teacher import POINTS, FaceTeacher, decode_faces, tilt
from models.surface.charted_mesh import open_body_mesh
from models.surface.raster import Camera, rasterize

pytestmark = pytest.mark.quick

SHARED = Path(__file__).parents[4] / "shared" / "assets"
SIDE, PER_METRE = 96, 400.0
"""Cells of an image, and its cells for a metre of the body."""
MIDDLE = np.array([0.0, 1.64, 0.1])
"""What the image's centre shows of the body, metres."""


def turn(yaw: float, pitch: float = 0.0) -> np.ndarray:
    """Rotation of the body: to the person's left, then up; degrees."""
    a, b = np.radians([yaw, pitch])
    around_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]]) @ around_y


def image_of(place_N3: np.ndarray, rotation_33: np.ndarray) -> np.ndarray:
    """Points of the body in an orthographic image: x, y, depth in pixels."""
    return ((place_N3 - MIDDLE) @ rotation_33.T) * (1, -1, -1) * PER_METRE + (SIDE / 2, SIDE / 2, 0)


def points_seen(rotation_33: np.ndarray) -> np.ndarray:
    """What a perfect teacher says about the turned mean body; its unused points are at the centre."""
    point_K3 = np.full((POINTS, 3), SIDE / 2)
    point_K3[face_points().index_N] = image_of(face_points().place_N3, rotation_33)
    return point_K3


def truth(rotation_33: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chart and UV of the turned mean body in every pixel."""
    mesh = open_body_mesh()
    at_V3 = image_of(mesh.vertex_V3, rotation_33)
    far = 1e5
    z_V = far + at_V3[:, 2:]
    camera_V3 = np.concatenate([at_V3[:, :2] * z_V / far, z_V], 1).astype(np.float32)
    eye = np.eye(3, dtype=np.float32)
    camera = Camera(rotation_33=eye, shift_3=eye[0] * 0, focal=far, center_2=(0.0, 0.0), height=SIDE, width=SIDE)
    hits = rasterize(camera, camera_V3, mesh.face_F3)
    chart_P, uv_2P = np.zeros(SIDE * SIDE, np.uint8), np.zeros((2, SIDE * SIDE))
    chart_P[hits.pixel_P] = mesh.chart_F[hits.face_P]
    uv_2P[:, hits.pixel_P] = np.einsum("pk,pki->ip", hits.bary_P3, mesh.corner_uv_F32[hits.face_P])
    return chart_P.reshape(SIDE, SIDE), uv_2P.reshape(2, SIDE, SIDE)


REGION = np.array([0.0, 0.0, SIDE, SIDE])


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 0), (-35, 10), (0, -20)])
def test_the_face_shows_the_bodys_own_surface(yaw: float, pitch: float) -> None:
    rotation = turn(yaw, pitch)
    chart_LL, uv_2LL = face_surface(points_seen(rotation), REGION, SIDE)
    true_LL, true_2LL = truth(rotation)
    known = chart_LL > 0
    assert known.sum() > 1500
    assert np.isin(true_LL[known], (23, 24)).all()
    assert (chart_LL == true_LL)[known].mean() > 0.96  # the others touch the middle of the face
    same = known & (chart_LL == true_LL)
    gap_2 = 255 * np.abs(uv_2LL - true_2LL)[:, same]
    assert (np.median(gap_2, 1) < 2).all() and (gap_2.mean(1) < 4).all()


@pytest.mark.parametrize(("yaw", "pitch", "angle"), [(0, 0, 0), (30, 0, 30), (-50, 0, 50), (0, 20, 20)])
def test_how_far_a_face_is_turned(yaw: float, pitch: float, angle: float) -> None:
    assert turned_degrees(points_seen(turn(yaw, pitch))) == pytest.approx(angle, abs=0.01)
    rolled = points_seen(turn(yaw, pitch))
    rolled[:, :2] = (rolled[:, :2] - SIDE / 2) @ np.array([[0.8, -0.6], [0.6, 0.8]]) * 3 + 40
    rolled[:, 2] *= 3
    assert turned_degrees(rolled) == pytest.approx(angle, abs=0.01)


def test_the_points_are_symmetric() -> None:
    points = face_points()
    assert (points.twin_K[points.twin_K] == np.arange(POINTS)).all()
    other = np.searchsorted(points.index_N, points.twin_K[points.index_N])
    np.testing.assert_allclose(points.place_N3[other], points.place_N3 * (-1, 1, 1), atol=1.5e-3)
    chart_LL, _ = face_surface(points_seen(turn(20)), REGION, SIDE)
    mirrored_LL, _ = face_surface(points_seen(turn(-20)), REGION, SIDE)
    assert (MIRROR_CHART[chart_LL[:, ::-1]] != mirrored_LL).mean() < 0.01


def test_skin_behind_the_nose_is_hidden_and_shown_from_the_other_side() -> None:
    beside_nose = np.abs(face_points().place_N3 - (0.02, 1.63, 0.14)).sum(1).argmin()
    for yaw, shown in ((38, True), (-38, False)):
        seen_K3 = points_seen(turn(yaw))
        x, y = seen_K3[face_points().index_N[beside_nose], :2].astype(int)
        chart_LL, uv_2LL = face_surface(seen_K3, REGION, SIDE)
        true_LL, true_2LL = truth(turn(yaw))
        if chart_LL[y, x]:
            assert np.abs(uv_2LL - true_2LL)[:, y, x].max() < 0.06 and chart_LL[y, x] == true_LL[y, x]
        assert shown <= (chart_LL[y, x] > 0)


def test_anchors_of_the_detector() -> None:
    answer = np.zeros((896, 17), np.float32)
    answer[:, 3:5] = 8, 16
    answer[:, 5:9] = -2, 1, 3, 1
    answer[3, 0] = 2.0
    score_A, box_A4, eye_A22 = decode_faces(answer)
    assert score_A[3] == pytest.approx(1 / (1 + np.exp(-2))) and score_A[0] == 0.5
    np.testing.assert_allclose(box_A4[3], (12 - 4, 4 - 8, 12 + 4, 4 + 8))  # the second cell of 8 pixels
    np.testing.assert_allclose(eye_A22[2 * 256 + 6 * 9 + 5], ((24 - 2, 24 + 1), (24 + 3, 24 + 1)))  # of 16 pixels
    assert tilt(np.array([[10.0, 10.0], [20.0, 20.0]])) == pytest.approx(np.pi / 4)


class MadeNetworks:
    """Stand for both networks: a face whose points are where the crop is brightest, or mirrored beside it."""

    def __init__(self, shift: float) -> None:
        self.shift = shift

    def detect(self, x_NHWC: Any) -> dict[str, Any]:
        """One face at the centre of the square, a quarter as large, eyes level."""
        answer = np.full((1, 896, 17), -9.0, np.float32)
        answer[0, 0] = [5, 60, 60, 32, 32, 50, 56, 70, 56, *[0] * 8]
        return {"Identity": answer}

    def mesh(self, x_NHWC: Any) -> dict[str, Any]:
        """All points around the brightest pixel, 60 pixels wide; shifted by some pixels."""
        row, column = np.unravel_index(x_NHWC[0, ..., 0].argmax(), (192, 192))
        points = face_points()
        place_K3 = np.full((POINTS, 3), (0.0, MIDDLE[1], MIDDLE[2]))
        place_K3[points.index_N] = points.place_N3
        at_K3 = (place_K3 - place_K3.mean(0)) * (1, -1, -1) * 600 + (column + 0.5 + self.shift, row + 0.5, 0)
        return {"a": at_K3.astype(np.float32).reshape(1, 1, 1, -1), "b": np.full((1, 1), 0.75), "c": np.zeros((1, 10))}


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_points_of_both_predictions_are_mapped_to_the_image(shift: float) -> None:
    """The centre of the points is the bright spot; the mirrored prediction takes a shift back and shows it."""
    made, teacher = MadeNetworks(shift), FaceTeacher.__new__(FaceTeacher)
    teacher._detector, teacher._mesh = made.detect, made.mesh  # type: ignore[assignment]
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(picture, (200, 150), 1, (255, 255, 255), -1)
    face = teacher(picture, np.array([100.0, 50.0, 300.0, 250.0]))
    assert face is not None and face.presence == 0.75
    np.testing.assert_allclose(face.point_K3[:, :2].mean(0), (200.5, 150.5), atol=1.0)
    assert (face.flip_gap > 0.01) == (shift > 0)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ModelError, match=r"facemesh-detection-short\.json"):
        FaceTeacher(Path("nowhere"))


@pytest.mark.skipif(not (SHARED / "real_iuv" / "tex2shape").is_dir(), reason="needs ../shared: photos with IUV")
def test_a_real_face_agrees_with_the_original_network() -> None:
    """Median differences of U and V are those of two runs of the original network, 8 to 17 of 255."""
    name = "spotlight_001"
    rgb = np.asarray(cv2.imread(str(SHARED / "real_iuv" / "tex2shape" / f"{name}.jpg")))[..., ::-1]
    iuv = np.asarray(cv2.imread(str(SHARED / "real_iuv" / "tex2shape" / f"{name}_IUV.png")))
    row, column = np.nonzero(np.isin(iuv[..., 0], (23, 24)))
    centre, half = np.array([column.mean(), row.mean()]), float(np.ptp(row))
    face = FaceTeacher(SHARED / "oracles" / "human-models")(
        np.ascontiguousarray(rgb), np.concatenate([centre - half, centre + half])
    )
    assert face is not None and face.presence > 0.9 and face.flip_gap < 0.03
    chart, uv = face_surface(face.point_K3, np.array([0.0, 0, 1024, 1024]), 1024)
    same = (chart > 0) & (chart == iuv[..., 0])
    assert same.sum() > 0.9 * (chart > 0).sum()
    gap_2 = np.median(np.abs(255 * uv - np.moveaxis(iuv[..., 1:], 2, 0))[:, same], 1)
    assert (gap_2 < 12).all()

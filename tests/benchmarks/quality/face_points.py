"""Where the face teacher's 468 points lie on the open body: writes `models/light/teachers/face_points.npz`.

    python -m tests.benchmarks.quality.face_points --faces FOLDER --canonical canonical_face_model.obj

The teacher sees shaded pictures of bodies of many shapes, a little turned. Each point lies on a known place of the
skin; its place on the mean body is the median over the pictures, made symmetric. Left out are the outline of the face,
which slides over the skin as the head turns, and points on which the pictures disagree. MediaPipe's canonical face
(Apache-2.0) says which points are on the outline and which are mirror images.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F64, I64, U8
from models.body.open_body import load_body
from models.light.teachers.face_surface import POINTS_FILE, face_skin
from models.light.teachers.face_teacher import POINTS, FaceTeacher
from models.surface.charted_mesh import open_body_mesh
from models.surface.raster import Camera, rasterize

SIDE, DISTANCE, WIDE = 320, 1.6, 0.42
"""Pixels of a picture's sides, metres to the camera, metres that a picture shows at that distance."""
VIEWS = ((0.0, 0.0), (0.25, 0.0), (-0.25, 0.0), (0.0, 0.15))
"""Yaw and pitch of the heads, radians."""
SHAPES, ADULT = 12, 0.5
"""Number of body shapes, and the age from which they are drawn."""
SKIN, EYE, IRIS, IRIS_METRES = (205, 160, 135), (235, 235, 235), (60, 45, 35), 0.006
AGREE = 0.005
"""Metres by which the pictures may differ from the median of a point that is kept."""


def shapes(random: np.random.Generator) -> Iterator[F64]:
    """Scores of the mean shape and of adults."""
    body = load_body()
    grown = np.flatnonzero(body.phenotype_SP[:, body.phenotypes.index("age")] > ADULT)
    yield np.zeros(len(body.component_CV3))
    yield from body.score_SC[random.choice(grown, SHAPES - 1, replace=False)].astype(np.float64)


def picture(score_C: F64, yaw: float, pitch: float, light_3: F64) -> tuple[U8, I64, F64]:
    """A shaded head (H,W,3), and in every pixel the face of the mesh (-1: none) and the weights of its corners."""
    body = load_body()
    vertex_V3 = body.rest(score_C.astype(np.float32))[0].astype(np.float64)
    corner_F33 = vertex_V3[body.face_F3]
    normal_V3 = np.zeros_like(vertex_V3)
    normal_F3 = np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0])
    for k in range(3):
        np.add.at(normal_V3, body.face_F3[:, k], normal_F3)
    normal_V3 /= np.maximum(np.linalg.norm(normal_V3, axis=1, keepdims=True), 1e-12)
    around_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turn_33 = around_x @ around_y
    nose_3, *eye_23 = body.keypoint_KV[:3] @ vertex_V3
    middle_3 = nose_3 / 2 + (eye_23[0] + eye_23[1]) / 4 - (0, 0, 0.07)
    to_camera_33 = np.diag([1, -1, -1]) @ turn_33
    camera = Camera(
        rotation_33=to_camera_33.astype(np.float32),
        shift_3=((0, 0, DISTANCE) - to_camera_33 @ middle_3).astype(np.float32),
        focal=DISTANCE * SIDE / WIDE, center_2=(SIDE / 2, SIDE / 2), height=SIDE, width=SIDE,
    )
    hits = rasterize(camera, camera.to_camera(vertex_V3.astype(np.float32)), body.face_F3)
    corner_P3 = body.face_F3[hits.face_P]
    normal_P3 = np.einsum("pk,pki->pi", hits.bary_P3, normal_V3[corner_P3]) @ turn_33.T
    place_P3 = np.einsum("pk,pki->pi", hits.bary_P3, vertex_V3[corner_P3])
    colour_P3 = np.tile(np.array(SKIN, np.float64), (len(place_P3), 1))
    eye_P = body.eye_F[hits.face_P]
    colour_P3[eye_P] = EYE
    eyeball_V = np.unique(body.face_F3[body.eye_F])
    for side in (-1, 1):
        one_V = eyeball_V[np.sign(vertex_V3[eyeball_V, 0]) == side]
        pupil_3 = vertex_V3[one_V[vertex_V3[one_V, 2].argmax()]]
        colour_P3[eye_P & (np.linalg.norm(place_P3 - pupil_3, axis=1) < IRIS_METRES)] = IRIS
    shade_P = 0.45 + 0.55 * np.clip(normal_P3 @ (light_3 / np.linalg.norm(light_3)), 0, 1)
    rgb, face, weight = np.full((SIDE**2, 3), 120.0), np.full(SIDE**2, -1), np.zeros((SIDE**2, 3))
    rgb[hits.pixel_P] = colour_P3 * shade_P[:, None]
    face[hits.pixel_P], weight[hits.pixel_P] = hits.face_P, hits.bary_P3
    smooth = cv2.GaussianBlur(rgb.reshape(SIDE, SIDE, 3).clip(0, 255).astype(np.uint8), (0, 0), 0.8)
    return np.asarray(smooth, np.uint8), face.reshape(SIDE, SIDE), weight.reshape(SIDE, SIDE, 3)


def places_seen(teacher: FaceTeacher) -> F64:
    """The points' places on the mean body in each picture (N,468,3); NaN beside the body."""
    random, mesh, seen = np.random.default_rng(0), open_body_mesh(), []
    for score_C in shapes(random):
        for yaw, pitch in VIEWS:
            light_3 = random.normal(0, 1, 3) * (0.6, 0.4, 0) + (0, 0.5, 1.2)
            rgb, face_HW, weight_HW3 = picture(score_C, yaw, pitch, light_3)
            face = teacher(rgb, np.array([0.0, 0, SIDE, SIDE]))
            if face is None:
                continue
            column_K, row_K = np.floor(face.point_K3[:, :2]).astype(int).clip(0, SIDE - 1).T
            corner_K33 = mesh.vertex_V3[mesh.face_F3[face_HW[row_K, column_K]]]
            place_K3 = np.einsum("kc,kci->ki", weight_HW3[row_K, column_K], corner_K33)
            seen.append(np.where(face_HW[row_K, column_K, None] < 0, np.nan, place_K3))
    return np.array(seen)


def canonical_face(path: Path) -> tuple[I64, set[int]]:
    """The mirror image of each point, and the points of the outline, where edges have one triangle."""
    lines = [line.split() for line in path.read_text().splitlines()]
    vertex_K3 = np.array([[float(x) for x in one[1:4]] for one in lines if one[:1] == ["v"]])
    triangles = [[int(x.split("/")[0]) - 1 for x in one[1:4]] for one in lines if one[:1] == ["f"]]
    edges = Counter(frozenset((one[k], one[k - 1])) for one in triangles for k in range(3))
    assert len(vertex_K3) == POINTS
    outline = {point for edge, count in edges.items() if count == 1 for point in edge}
    return cKDTree(vertex_K3).query(vertex_K3 * (-1, 1, 1))[1].astype(np.int64), outline


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the points and print how well the pictures agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=Path, required=True, help="the face teacher's folder")
    parser.add_argument("--canonical", type=Path, required=True, help="google/mediapipe's canonical_face_model.obj")
    chosen = parser.parse_args(arguments)
    twin_K, outline = canonical_face(chosen.canonical)
    place_NK3 = places_seen(FaceTeacher(chosen.faces))
    median_K3 = np.nanmedian(place_NK3, 0)
    spread_K = np.nanmedian(np.linalg.norm(place_NK3 - median_K3, axis=2), 0)
    skin = face_skin()
    _, nearest_K = skin.tree.query((median_K3 + median_K3[twin_K] * (-1, 1, 1)) / 2)
    kept_K = (spread_K < AGREE) & (spread_K[twin_K] < AGREE)
    kept_K[list(outline)] = False
    np.savez(
        POINTS_FILE,
        chart_K=np.where(kept_K, skin.chart_S[nearest_K], 0).astype(np.uint8),
        uv_K2=np.where(kept_K[:, None], skin.uv_S2[nearest_K], 0).astype(np.float32),
        twin_K=twin_K.astype(np.uint16),
        source=np.array("places of MediaPipe's face mesh points (Apache-2.0) on the open body"),
    )
    middle, most = 1000 * np.percentile(spread_K[kept_K], (50, 95))
    print(f"{len(place_NK3)} pictures, {kept_K.sum()} points; spread: median {middle:.1f} mm, 95 % {most:.1f} mm")
    return 0


if __name__ == "__main__":
    sys.exit(main())

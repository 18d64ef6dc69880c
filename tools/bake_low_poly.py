"""Creates `low_poly.npz`: `python -m tools.bake_low_poly [OUT]`.

Vertices are chosen as farthest points, each with its mirror image. The distance between two vertices is its root mean
square over many poses, so fingers that touch in the rest pose are distant. Then weights are fitted with which the
nearest chosen vertices give each vertex of the body.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64, I64, Bool
from models.body.body_pose import BodyPose, posed_vertices
from models.body.low_poly import FORMAT, LOW_POLY_FILE
from models.body.open_body import load_body
from models.body.pose_library import PoseLibrary, all_bones, load_poses, mirrored_vectors

POSES, SEED = 160, 1
VERTICES, SOURCES = 500, 12
FINGER_TURN = 0.25
"""Standard deviation of the rotation vectors of finger bones, radians an axis."""
NOISE = 0.002
"""Standard deviation, in metres, of a noise of the chosen vertices for which the weights are optimal. It keeps weights
small."""
DENSITY = {3: 2.2, 4: 2.2, 5: 1.5, 6: 1.5, 23: 1.5, 24: 1.5}
"""Density of the chosen vertices on the charts of hands, feet and head, relative to the other charts."""
EYE_DENSITY = 0.3
"""The same on the eyeballs."""
CHUNK = 500
"""Number of vertices whose weights are computed together, which limits memory."""
FOR_TESTS = "mesh2motion/"
"""First part of the names of motions whose poses are only used in tests."""


def random_poses(library: PoseLibrary, chosen_N: Bool, count: int, seed: int) -> F32:
    """Vertices (V, M, 3) of random shapes in M poses or mirrored poses of a library, with random fingers; metres."""
    body, rng = load_body(), np.random.default_rng(seed)
    fingers = [bone for bone, name in enumerate(body.bones) if name.startswith("finger")]
    posed = np.empty((len(body.mean_V3), count, 3), np.float32)
    for number, pose in enumerate(rng.choice(np.flatnonzero(chosen_N), count, replace=False)):
        vector_K3 = library.vector_NK3[pose]
        rotation_B33 = all_bones(mirrored_vectors(vector_K3) if rng.random() < 0.5 else vector_K3)
        turn_N33 = Rotation.from_rotvec(rng.normal(0, FINGER_TURN, (len(fingers), 3))).as_matrix()
        rotation_B33[fingers] = turn_N33
        shape_C = rng.normal(0, 1, len(body.component_CV3)).astype(np.float32)
        posed[:, number] = posed_vertices(
            BodyPose(rotation_B33=rotation_B33, root_3=np.zeros(3, np.float32), shape_C=shape_C)
        )
    return posed


def poses_for_tests(library: PoseLibrary) -> Bool:
    """Which poses (N,) are only used in tests."""
    return np.array([name.startswith(FOR_TESTS) for name in library.motions])[library.motion_N]


def chosen_vertices(posed_VX: F32) -> I64:
    """`VERTICES` farthest points in pairs of mirror images; the first one is the top of the head."""
    body = load_body()
    chart_V = np.zeros(len(posed_VX), np.int64)
    chart_V[body.face_F3.ravel()] = np.repeat(body.chart_F, 3)
    density_V = np.array([DENSITY.get(chart, 1.0) for chart in chart_V.tolist()], np.float32)
    density_V[body.face_F3[body.eye_F].ravel()] = EYE_DENSITY
    distance_V = np.full(len(posed_VX), np.inf, np.float32)
    chosen: list[int] = []
    following = int(body.mean_V3[:, 1].argmax())
    while len(chosen) < VERTICES:
        for vertex in sorted({following, int(body.twin_V[following])}):
            chosen.append(vertex)
            distance_V = np.minimum(distance_V, np.linalg.norm(posed_VX - posed_VX[vertex], axis=1))
        following = int((distance_V * density_V).argmax())
    return np.array(chosen)


def upsampling(posed_VM3: F32, vertex_L: I64) -> tuple[I64, F64]:
    """Indices and weights of the `SOURCES` nearest chosen vertices of each vertex of the left half."""
    posed_VX = posed_VM3.reshape(len(posed_VM3), -1).astype(np.float64) / np.sqrt(posed_VM3.shape[1])
    chosen_LX = posed_VX[vertex_L]
    left = int((load_body().twin_V >= np.arange(len(posed_VX))).sum())
    ridge_KK = 3 * NOISE**2 * (np.eye(SOURCES - 1) + 1)  # the first weight is 1 − the sum of the others
    sources, weights = [], []
    for first in range(0, left, CHUNK):
        own_NX = posed_VX[first : min(first + CHUNK, left)]
        far_NL = np.square(chosen_LX).sum(axis=1) - 2 * own_NX @ chosen_LX.T
        source_NK = np.argsort(far_NL, axis=1, kind="stable")[:, :SOURCES]
        source_NKX = chosen_LX[source_NK]
        way_NKX = source_NKX[:, 1:] - source_NKX[:, :1]
        moment_NK1 = way_NKX @ (own_NX - source_NKX[:, 0])[..., None]
        weight_NK = np.linalg.solve(way_NKX @ way_NKX.transpose(0, 2, 1) + ridge_KK, moment_NK1 + 3 * NOISE**2)[..., 0]
        sources.append(source_NK)
        weights.append(np.concatenate([1 - weight_NK.sum(axis=1, keepdims=True), weight_NK], axis=1))
    return np.concatenate(sources), np.concatenate(weights)


def write_low_poly(out: Path) -> None:
    """Choose vertices, fit the weights, and write the file."""
    library = load_poses()
    posed_VM3 = random_poses(library, ~poses_for_tests(library), POSES, SEED)
    vertex_L = chosen_vertices(posed_VM3.reshape(len(posed_VM3), -1))
    source_NK, weight_NK = upsampling(posed_VM3, vertex_L)
    np.savez_compressed(
        out, allow_pickle=False, format=np.array(FORMAT), vertex_L=vertex_L.astype(np.uint16),
        source_VK=source_NK.astype(np.uint16), weight_VK=weight_NK.astype(np.float16),
    )
    gain = np.sqrt(np.square(weight_NK).sum(axis=1))
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB; errors of the chosen vertices times {gain.mean():.2f} (mean)")


if __name__ == "__main__":
    write_low_poly(Path(sys.argv[1]) if len(sys.argv) > 1 else LOW_POLY_FILE)

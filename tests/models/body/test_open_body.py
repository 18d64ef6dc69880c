"""The open body: exact symmetry, skinning, charts without folds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from models.body.charts import COARSE_OF_CHART, MIRROR_CHART, mirror_maps, mirror_uv
from models.body.open_body import KEYPOINT_NAMES, forward_kinematics, load_body, read_body, skin
from models.errors import ModelError

pytestmark = pytest.mark.quick

FLIP = np.array([-1, 1, 1], np.float32)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def shape(body):
    return np.random.default_rng(0).normal(0, 1, len(body.component_CV3)).astype(np.float32)


def random_turns(body, seed):
    """Rotations of all bones by up to half a radian, from Rodrigues' formula."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(0, 1, (len(body.bones), 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = rng.uniform(0, 0.5, len(body.bones))[:, None, None]
    k = np.zeros((len(body.bones), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    k -= k.transpose(0, 2, 1)
    return (np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k).astype(np.float32)


def test_every_shape_is_exactly_symmetric(body, shape):
    vertex, head = body.rest(shape)
    assert np.array_equal(vertex[body.twin_V] * FLIP, vertex)
    assert np.abs(head[body.twin_B] * FLIP - head).max() < 1e-6


def test_faces_charts_and_uv_are_mirrored_exactly(body):
    assert np.array_equal(body.twin_V[body.face_F3][:, ::-1], body.face_F3[body.twin_F])
    assert np.array_equal(MIRROR_CHART[body.chart_F], body.chart_F[body.twin_F])
    chart = np.repeat(body.chart_F[:, None], 3, axis=1)
    u, v = mirror_uv(chart, body.corner_uv_F32[..., 0], body.corner_uv_F32[..., 1])
    turned = np.stack([u, v], axis=-1)[:, ::-1]
    assert np.abs(turned - body.corner_uv_F32[body.twin_F]).max() <= 6.1e-8  # one rounding of 1 − u in float32


def test_a_mirrored_pose_gives_a_mirrored_body(body, shape):
    vertex, head = body.rest(shape)
    turns = random_turns(body, 1)
    mirrored = turns[body.twin_B] * FLIP[:, None] * FLIP[None]
    root = np.zeros(3, np.float32)
    posed, other = (skin(body, vertex, head, *forward_kinematics(body, head, t, root)) for t in (turns, mirrored))
    assert np.abs(other[body.twin_V] * FLIP - posed).max() < 1e-4


def test_skinning_keeps_the_rest_pose_and_lengths_under_rotation(body, shape):
    vertex, head = body.rest(shape)
    still = np.tile(np.eye(3, dtype=np.float32), (len(body.bones), 1, 1))
    same = skin(body, vertex, head, *forward_kinematics(body, head, still, head[0]))
    assert np.abs(same - vertex).max() < 1e-5
    turns = random_turns(body, 2)
    turned, placed = forward_kinematics(body, head, turns, head[0])
    child = np.flatnonzero(body.parent_B >= 0)
    before = np.linalg.norm(head[child] - head[body.parent_B[child]], axis=1)
    after = np.linalg.norm(placed[child] - placed[body.parent_B[child]], axis=1)
    assert np.abs(after - before).max() < 1e-5
    assert np.abs(np.linalg.det(turned) - 1).max() < 1e-4


def test_adults_have_plausible_sizes(body):
    adult = body.phenotype_SP[:, body.phenotypes.index("age")] >= 0.6
    heights = [np.ptp(body.rest(score)[0][:, 1]) for score in body.score_SC[adult][:60]]
    assert min(heights) > 1.2 and max(heights) < 2.4
    assert 1.6 < np.median(heights) < 1.9


def test_joints_are_anatomically_plausible(body):
    vertex, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    place = dict(zip(KEYPOINT_NAMES, body.keypoint_KV @ vertex, strict=True))
    assert place["nose"][2] > place["left_ear"][2] + 0.05
    assert place["left_eye"][0] > 0 > place["right_eye"][0]
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert place[f"left_{name}"][0] > 0.05
        assert np.allclose(place[f"left_{name}"] * FLIP, place[f"right_{name}"], atol=1e-5)
    order = [place[f"left_{name}"][1] for name in ("eye", "shoulder", "elbow", "hip", "knee", "ankle")]
    assert order == sorted(order, reverse=True)


def test_charts_do_not_fold_and_uv_is_in_the_unit_square(body):
    uv = body.corner_uv_F32.astype(np.float64)
    assert uv.min() >= 0 and uv.max() <= 1
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    for chart in range(1, 25):
        skin_area = area[(body.chart_F == chart) & ~body.eye_F]
        assert (skin_area > 0).all() or (skin_area < 0).all(), f"chart {chart} folds"


def pieces_and_rims(body, chart):
    """Euler characteristic of a chart in UV, number of connected pieces, and number of border loops."""
    faces = np.flatnonzero((body.chart_F == chart) & ~body.eye_F)
    corner = np.concatenate([body.face_F3[faces][..., None], np.round(body.corner_uv_F32[faces], 6)], axis=-1)
    _, name = np.unique(corner.reshape(-1, 3), axis=0, return_inverse=True)
    corner_F3 = name.reshape(-1, 3)
    sides = np.sort(np.concatenate([corner_F3[:, [0, 1]], corner_F3[:, [1, 2]], corner_F3[:, [2, 0]]]), axis=1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    assert uses.max() <= 2
    count = int(name.max()) + 1
    rim = edges[uses == 1]
    return count - len(edges) + len(faces), joined(count, edges), joined(count, rim) - (count - len(np.unique(rim)))


def joined(count, edges):
    """Number of connected groups of `count` points."""
    link = csr_array((np.ones(len(edges)), edges.T), shape=(count, count))
    return connected_components(link, directed=False)[0]


@pytest.mark.parametrize("chart", range(1, 25))
def test_each_chart_is_a_disc(body, chart):
    """Hands are two discs, palm and back; the head's charts have a hole for the eyeball, a separate surface."""
    expected = {3: (2, 2, 2), 4: (2, 2, 2), 23: (0, 1, 2), 24: (0, 1, 2)}.get(chart, (1, 1, 1))
    assert pieces_and_rims(body, chart) == expected


def test_charts_have_densepose_orientation(body):
    """dU × dV points out of the body on these charts and into it on the others, as measured on DensePose's charts."""
    outward = {1, 3, 4, 5, 6, 7, 10, 12, 14, 15, 18, 19, 22, 23, 24}
    uv = body.corner_uv_F32
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    assert {c for c in range(1, 25) if area[body.chart_F == c].sum() > 0} == outward


@pytest.mark.parametrize(("chart", "u", "v"), [
    (1, "down", "right"), (2, "down", "right"), (7, "down", "right"), (8, "down", "left"), (9, "up", "left"),
    (10, "up", "right"), (11, "up", "right"), (12, "up", "left"), (13, "down", "right"), (14, "down", "left"),
    (15, "left", "up"), (16, "right", "up"), (23, "front", "up"), (24, "back", "up"), (5, "front", "front"),
])
def test_u_and_v_grow_in_densepose_directions(body, chart, u, v):
    """Mean gradients over the chart compared with DensePose's (limbs of the rest pose hang at 45°)."""
    directions = {"down": (0, -1, 0), "up": (0, 1, 0), "left": (1, 0, 0), "right": (-1, 0, 0), "front": (0, 0, 1),
            "back": (0, 0, -1)}
    vertex, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    mine = body.chart_F == chart
    point, uv = vertex[body.face_F3[mine]].reshape(-1, 3), body.corner_uv_F32[mine].reshape(-1, 2)
    point, uv = point - point.mean(axis=0), uv - uv.mean(axis=0)
    for k, direction in enumerate((u, v)):
        assert (uv[:, k] * (point @ np.array(directions[direction]))).mean() > 0, f"axis {k}"


# Landmark → chart, U, V on DensePose's charts, and the bound in docs/open_body.md.
LANDMARKS = {
    "nose": (24, 0.002, 0.477, 0.04), "eye": (24, 0.214, 0.597, 0.04), "ear": (24, 0.554, 0.485, 0.04),
    "finger1": (4, 0.983, 0.358, 0.05), "finger2": (4, 0.957, 0.798, 0.05), "finger3": (4, 0.788, 0.976, 0.05),
    "finger4": (4, 0.633, 0.980, 0.05), "finger5": (4, 0.529, 0.879, 0.05), "toe1": (5, 0.867, 0.702, 0.07),
    "toe5": (5, 0.642, 1.0, 0.05), "heel": (5, 0.225, 0.116, 0.06),
}


def landmark_points(body):
    """Landmarks on the mean body: extreme points of nose and ear, tips of fingers and toes, back of the heel."""
    vertex, head = body.rest(np.zeros(len(body.component_CV3), np.float32))
    bone = dict(zip(body.bones, head, strict=True))
    of_head = vertex[np.unique(body.face_F3[body.chart_F == 24])]
    of_foot = vertex[np.unique(body.face_F3[body.chart_F == 5])]

    def tip(name, last):
        direction = bone[f"{name}-{last}.L"] - bone[f"{name}-1.L"]
        own = [b for b, bone_name in enumerate(body.bones) if bone_name.startswith(name) and bone_name.endswith(".L")]
        near = vertex[body.weight_VB[:, own].sum(axis=1) > 0.5]
        return near[(near @ direction).argmax()]

    return {
        "nose": of_head[of_head[:, 2].argmax()], "ear": of_head[of_head[:, 0].argmax()],
        "eye": bone["eye.L"] + [0, 0, 0.012], "heel": of_foot[(of_foot[:, 2] + np.abs(of_foot[:, 1] - 0.035)).argmin()],
        **{f"finger{k}": tip(f"finger{k}", 3) for k in range(1, 6)}, "toe1": tip("toe1", 2), "toe5": tip("toe5", 3),
    }


def landmark_error(body, name):
    """Distance in UV to DensePose's landmark, from the nearest point within 8 mm of the open body's landmark.

    Tips lie on seams, where a point of the skin has several UV.
    """
    chart, u, v, _ = LANDMARKS[name]
    vertex, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    mine = np.flatnonzero(body.chart_F == chart)
    apart = np.linalg.norm(vertex[body.face_F3[mine]] - landmark_points(body)[name], axis=-1)
    places = body.corner_uv_F32[mine][apart < max(0.008, apart.min() + 1e-6)]
    return float(np.linalg.norm(places - [u, v], axis=1).min())


@pytest.mark.parametrize("name", sorted(LANDMARKS))
def test_landmarks_are_near_densepose_landmarks(body, name):
    assert landmark_error(body, name) < LANDMARKS[name][3]


def chart_neighbours(face_F3, chart_F):
    """For each chart, the charts that share an edge with it."""
    pairs = np.sort(face_F3[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    owner = np.repeat(chart_F, 3).astype(int)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, owner = pairs[order], owner[order]
    same = (pairs[1:] == pairs[:-1]).all(axis=1) & (owner[1:] != owner[:-1])
    touching: dict[int, set[int]] = {chart: set() for chart in range(1, 25)}
    for a, b in zip(owner[1:][same], owner[:-1][same], strict=True):
        touching[int(a)].add(int(b))
        touching[int(b)].add(int(a))
    return {chart: frozenset(others) for chart, others in touching.items()}


def test_neighbouring_charts_share_a_joint(body):
    neighbours = chart_neighbours(body.face_F3, body.chart_F)
    assert {24, 1, 2} <= neighbours[23] | {24}
    assert neighbours[4] == {19, 21} and neighbours[5] == {12, 14}
    for chart, others in neighbours.items():
        assert {int(MIRROR_CHART[o]) for o in others} == neighbours[int(MIRROR_CHART[chart])]


def test_mirroring_a_map_twice_changes_nothing():
    rng = np.random.default_rng(0)
    label, uv = rng.integers(0, 25, (9, 12)).astype(np.uint8), rng.random((2, 9, 12)).astype(np.float32)
    uv *= label > 0
    once = mirror_maps(label, uv)
    again = mirror_maps(*once)
    assert np.array_equal(again[0], label)
    assert np.abs(again[1] - uv).max() < 1e-6
    assert (once[1][:, once[0] == 0] == 0).all()


def test_coarse_parts_are_those_of_densepose_coco():
    """The coarse segmentation of DensePose-COCO."""
    torso_to_legs = [1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9]
    assert COARSE_OF_CHART.tolist() == [0, *torso_to_legs, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14]


def test_missing_or_foreign_body_files_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.npz.*tools\.bake_body"):
        read_body(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "other.npz", format=np.array(99))
    with pytest.raises(ModelError, match=r"other\.npz.*format"):
        read_body(tmp_path / "other.npz")

"""The open body's charts compared with DensePose's `UV_Processed.mat` (skipped without the reference material)."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.body.open_body import load_body
from models.surface.atlas import atlas_from_tiles, sample_atlas, split_tiles

pytestmark = pytest.mark.quick

SIDE = 256


def footprint(triangles_F32):
    """Mask of the part of the unit square that triangles cover."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for triangle in np.round(triangles_F32 * (SIDE - 1)).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 1)
    return mask > 0


def signed_area(triangles_F32):
    a, b = triangles_F32[:, 1] - triangles_F32[:, 0], triangles_F32[:, 2] - triangles_F32[:, 0]
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()


@pytest.fixture(scope="module")
def densepose(shared):
    """{chart: UV triangles (F, 3, 2)} of DensePose."""
    data = pytest.importorskip("scipy.io").loadmat(shared / "assets" / "uv" / "UV_Processed.mat")
    uv = np.concatenate([data["All_U_norm"], data["All_V_norm"]], axis=1)
    face, chart = data["All_Faces"].astype(int) - 1, data["All_FaceIndices"][:, 0]
    return {c: uv[face[chart == c]] for c in range(1, 25)}


# Hands and feet: fingers and toes are thin and need not overlap (their tips are tested as landmarks).
LEAST = {3: 0.55, 4: 0.55, 5: 0.80, 6: 0.80}


@pytest.mark.parametrize("chart", range(1, 25))
def test_charts_cover_the_same_part_of_the_square_as_densepose(densepose, chart):
    body = load_body()
    ours = footprint(body.corner_uv_F32[body.chart_F == chart])
    theirs = footprint(densepose[chart])
    overlap = (ours & theirs).sum() / (ours | theirs).sum()
    assert overlap > LEAST.get(chart, 0.92), f"{overlap:.3f}"


@pytest.mark.parametrize("chart", range(1, 25))
def test_charts_have_the_same_orientation_as_densepose(densepose, chart):
    body = load_body()
    assert signed_area(body.corner_uv_F32[body.chart_F == chart]) * signed_area(densepose[chart]) > 0


TURNS = [(np.array(turn), np.array(shift)) for turn, shift in (
    ([[1, 0], [0, 1]], [0, 0]), ([[-1, 0], [0, 1]], [1, 0]), ([[1, 0], [0, -1]], [0, 1]), ([[-1, 0], [0, -1]], [1, 1]),
    ([[0, 1], [1, 0]], [0, 0]), ([[0, -1], [1, 0]], [1, 0]), ([[0, 1], [-1, 0]], [0, 1]), ([[0, -1], [-1, 0]], [1, 1]),
)]
"""The eight symmetries of a square tile; the first is the identity."""


def seams(body):
    """Pairs of faces (S, 2) on both sides of chart borders."""
    side = np.sort(np.concatenate([body.face_F3[:, [0, 1]], body.face_F3[:, [1, 2]], body.face_F3[:, [2, 0]]]), axis=1)
    order = np.lexsort(side.T)
    same = (side[order][1:] == side[order][:-1]).all(axis=1)
    pair = np.stack([order[:-1][same], order[1:][same]], axis=1) % len(body.face_F3)
    return pair[body.chart_F[pair[:, 0]] != body.chart_F[pair[:, 1]]]


def test_a_densepose_atlas_is_continuous_over_chart_borders(shared):
    """Its colours differ less between charts than with any tile mirrored or rotated.

    Hands and feet have too short a border to say so by; their tips are tested as landmarks.
    """
    body = load_body()
    image = cv2.imread(str(shared / "assets" / "uv" / "texture_from_SURREAL.png"))[..., ::-1]
    atlas = atlas_from_tiles(split_tiles(np.ascontiguousarray(image)))
    middle_F2 = body.corner_uv_F32.mean(axis=1)

    def colours(faces, turn):
        uv = (middle_F2[faces] @ turn[0].T + turn[1]).astype(np.float32)
        return sample_atlas(atlas.levels[0], body.chart_F[faces][None], uv.T[:, None])[0, :, :3].astype(float)

    pair, steps = seams(body), {}
    for chart in range(1, 25):
        here = np.concatenate([pair[body.chart_F[pair[:, 0]] == chart], pair[body.chart_F[pair[:, 1]] == chart, ::-1]])
        beside = colours(here[:, 1], TURNS[0])
        steps[chart] = np.array([np.abs(colours(here[:, 0], turn) - beside).mean() for turn in TURNS])
    for chart in set(steps) - {3, 4, 5, 6}:
        assert steps[chart][0] < 1.1 * steps[chart][1:].min(), f"chart {chart}: {steps[chart].round()}"
    total = sum(steps.values())
    assert total[0] < 0.7 * total[1:].min()

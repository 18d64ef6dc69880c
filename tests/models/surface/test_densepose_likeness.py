"""The open charts against DensePose's own `UV_Processed.mat` (skipped where the reference material is absent)."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.surface.body import load_body

SIDE = 256


def footprint(triangles_F32):
    """The part of the unit square that triangles cover, as a mask."""
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
def test_charts_cover_the_same_part_of_the_square(densepose, chart):
    body = load_body()
    ours = footprint(body.corner_uv_F32[body.chart_F == chart])
    theirs = footprint(densepose[chart])
    overlap = (ours & theirs).sum() / (ours | theirs).sum()
    assert overlap > LEAST.get(chart, 0.92), f"{overlap:.3f}"


@pytest.mark.parametrize("chart", range(1, 25))
def test_charts_are_turned_over_where_theirs_are(densepose, chart):
    body = load_body()
    assert signed_area(body.corner_uv_F32[body.chart_F == chart]) * signed_area(densepose[chart]) > 0

"""Distortion of charts with known stretch, and of the open body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.open_body import load_body
from models.surface.distortion import chart_distortion

pytestmark = pytest.mark.quick


def one_chart(point_V3, face_F3, corner_uv_F32):
    """A body that consists of a flat sheet in chart 1."""
    body = load_body()
    faces = len(face_F3)
    return replace(
        body, mean_V3=point_V3, component_CV3=np.zeros((16, len(point_V3), 3), np.float32), face_F3=face_F3,
        chart_F=np.ones(faces, np.uint8), eye_F=np.zeros(faces, bool), corner_uv_F32=corner_uv_F32,
    )


def sheet(shear):
    """A sheet of 2 × 1 m with four triangles; its UV fills the unit square, sheared along U."""
    point = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0], [1, 0.5, 0]], np.float32)
    face = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]], np.int32)
    uv = point[:, :2] / [2, 1]
    uv[:, 0] += shear * uv[:, 1]
    return one_chart(point, face, uv[face].astype(np.float32))


def test_a_scaled_sheet_has_no_distortion():
    measured = chart_distortion(sheet(0.0), 1)
    assert measured.area == pytest.approx(2.0) and measured.filled == pytest.approx(1.0)
    assert measured.stretch_median == pytest.approx(1.0, abs=1e-5) and measured.flipped == 0


def test_shear_has_the_ratio_of_its_singular_values():
    """Gradients of U: (1/2, s), of V: (0, 1); each axis is scaled to the same root mean square first."""
    s = 0.5
    jacobian = np.array([[0.5, 0.0], [s, 1.0]])
    sizes = np.linalg.svd(jacobian / np.sqrt((jacobian**2).sum(axis=0)), compute_uv=False)
    assert chart_distortion(sheet(s), 1).stretch_p95 == pytest.approx(sizes[0] / sizes[1], rel=1e-4)


def test_a_flipped_triangle_is_reported():
    body = sheet(0.0)
    uv = body.corner_uv_F32.copy()
    uv[0] = uv[0, [1, 0, 2]]
    assert chart_distortion(replace(body, corner_uv_F32=uv), 1).flipped == pytest.approx(0.25)


@pytest.mark.parametrize("chart", range(1, 25))
def test_charts_of_the_open_body_are_within_the_stated_bounds(chart):
    """The bounds of docs/open_body.md; areas compared with a DensePose body."""
    reference = {1: 0.21, 2: 0.30, 3: 0.035, 5: 0.06, 7: 0.09, 9: 0.10, 11: 0.055, 13: 0.059, 15: 0.032, 17: 0.045,
                 19: 0.029, 21: 0.034, 23: 0.077}
    measured = chart_distortion(load_body(), chart)
    assert measured.flipped == 0
    assert measured.stretch_median < 1.65 and measured.stretch_p95 < 3.0 and measured.filled > 0.45
    expected = reference.get(chart) or reference[chart - 1]
    assert measured.area == pytest.approx(expected, rel=0.3)

"""The six views of the drawn parts: every place of the surface can be clicked, and a click gives the place back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.arrays import F32, F64, U8
from models.body.charts import COARSE_NAMES, COARSE_OF_CHART, MIRROR_COARSE
from models.surface.chart_lookup import ChartLookup, SurfacePoints, corner_mean
from models.surface.charted_mesh import open_body_mesh
from stages.studio.views.part_views import SIDE, part_views
from stages.studio.views.view_clicks import ChartPoint, clicked_point, views_of_point
from stages.studio.views.view_pictures import views_png

REACHABLE = 0.995
CLICK_ERROR_M = 0.005
LEFT_HALF = [part for part, name in enumerate(COARSE_NAMES) if part and "right" not in name]
SAMPLES = 80


def area_of(part: int) -> tuple[np.ndarray, F64]:
    """Faces of a part, and their areas in square metres."""
    mesh = open_body_mesh()
    face_K = np.flatnonzero(COARSE_OF_CHART[mesh.chart_F] == part)
    corner_K33 = mesh.vertex_V3[mesh.face_F3[face_K]].astype(np.float64)
    across_K3 = np.cross(corner_K33[:, 1] - corner_K33[:, 0], corner_K33[:, 2] - corner_K33[:, 0])
    return face_K, np.linalg.norm(across_K3, axis=1) / 2


def random_places(part: int, count: int, seed: int = 0) -> tuple[list[ChartPoint], F32]:
    """Places spread evenly over the area of a part, and where they are in the rest pose."""
    mesh, rng = open_body_mesh(), np.random.default_rng([seed, part])
    face_K, area_K = area_of(part)
    face_M = rng.choice(face_K, count, p=area_K / area_K.sum())
    weight_M3 = rng.dirichlet([1, 1, 1], count)
    point_M3 = corner_mean(mesh.vertex_V3, mesh, SurfacePoints(face_M=face_M, weight_M3=weight_M3.astype(np.float32)))
    uv_M2 = np.einsum("mk,mkd->md", weight_M3, mesh.corner_uv_F32[face_M])
    places = [
        ChartPoint(chart=int(chart), u=float(u), v=float(v))
        for chart, (u, v) in zip(mesh.chart_F[face_M], uv_M2, strict=True)
    ]
    return places, point_M3


@pytest.fixture(scope="module")
def lookup() -> ChartLookup:
    return ChartLookup(open_body_mesh())


def test_all_of_the_body_can_be_clicked(lookup: ChartLookup) -> None:
    """Share of the area that some view sees, and how far a click on the nearest whole pixel is from the place."""
    reached, area, error_m = 0.0, 0.0, []
    for part in LEFT_HALF:
        weight = area_of(part)[1].sum() * (1 if MIRROR_COARSE[part] == part else 2)
        places, point_M3 = random_places(part, SAMPLES * (8 if COARSE_NAMES[part] in ("torso", "head") else 1))
        seen_M = [views_of_point(part, place) for place in places]
        reached += weight * float(np.mean([len(seen) > 0 for seen in seen_M]))
        area += weight
        for seen, point_3 in zip(seen_M, point_M3, strict=True):
            clicks = [clicked_point(part, view, int(x) + 0.5, int(y) + 0.5) for view, x, y in seen]
            gaps = [np.linalg.norm(on_body(lookup, click) - point_3) for click in clicks if click is not None]
            error_m += [min(gaps)] if gaps else []
    assert reached / area >= REACHABLE
    assert np.median(error_m) <= CLICK_ERROR_M


def on_body(lookup: ChartLookup, place: ChartPoint) -> F32:
    points = lookup(np.array([place.chart]), np.array([place.u]), np.array([place.v]))
    return np.asarray(corner_mean(open_body_mesh().vertex_V3, open_body_mesh(), points)[0], np.float32)


def test_a_click_beside_the_part_counts_only_near_it() -> None:
    seen = part_views(1)[0]
    row = SIDE // 2
    first = int(np.flatnonzero(seen.chart_SS[row])[0])
    assert clicked_point(1, 0, first - 3, row) == clicked_point(1, 0, first, row)
    assert clicked_point(1, 0, 1, 1) is None


def test_the_front_view_shows_the_front_chart() -> None:
    middle = SIDE / 2
    front, back = clicked_point(1, 0, middle, middle), clicked_point(1, 1, middle, middle)
    assert front is not None and back is not None and (front.chart, back.chart) == (2, 1)
    # The person faces the camera in the front view: its left is at the right.
    face, other = clicked_point(14, 0, middle + 40, middle), clicked_point(14, 0, middle - 40, middle)
    assert face is not None and other is not None and (face.chart, other.chart) == (24, 23)


def test_the_palm_is_the_inner_side_of_the_hand() -> None:
    """The thumb of the left hand points to the front, so seen on the palm, fingers down, it is at the right."""
    for part, side in ((3, 1), (2, -1)):
        palm = part_views(part)[0]
        thumb = np.nanargmax(palm.point_SS3[..., 2])  # the foremost place
        assert (thumb % SIDE - SIDE / 2) * side > SIDE / 8


def test_views_of_twins_are_mirror_images() -> None:
    left, right = (part_views(part)[0].chart_SS > 0 for part in (12, 13))
    assert (left != right[:, ::-1]).mean() < 0.01


def test_the_pictures_show_six_views() -> None:
    picture: U8 = np.asarray(cv2.imdecode(np.frombuffer(views_png(1), np.uint8), cv2.IMREAD_COLOR))
    assert picture.shape == (2 * SIDE, 3 * SIDE, 3)
    paper_HW = (picture == picture[0, 0]).all(axis=2)
    for number, seen in enumerate(part_views(1)):
        top, left = number // 3 * SIDE, number % 3 * SIDE
        assert (paper_HW[top : top + SIDE, left : left + SIDE] == (seen.chart_SS == 0)).mean() > 0.999


def test_a_click_on_the_border_of_a_view_is_inside_of_it() -> None:
    for part in (1, 2):
        assert clicked_point(part, 0, SIDE, SIDE) == clicked_point(part, 0, SIDE - 1, SIDE - 1)

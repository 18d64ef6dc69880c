"""Painting through the body: exact where the body is right, the network's where it is wrong, whole in any case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.body_pose import posed_vertices
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from models.painting import body_paint as painter
from models.painting.body_paint import BodyPaint, PaintMemory, body_paint
from models.painting.mesh_image import mesh_image
from models.painting.painting_mesh import load_painting_mesh
from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.raster import Camera, rasterize
from stages.payloads import PersonSurface
from tests.stages.bodies.made_bodies import made_body, surface_of_body

pytestmark = pytest.mark.quick
BODY = made_body(turn_deg=25, bend_deg=40)


def painted(surface: PersonSurface, body: FittedBody, **given: object) -> BodyPaint:
    memory = given.pop("memory", None)
    origin_2 = (surface.x0, surface.y0)
    paint = body_paint(surface.labels_hw, surface.uv_2hw, surface.confidence_hw, origin_2, body, memory, **given)
    assert paint is not None
    return paint


def rest_places(labels_M: np.ndarray, uv_2M: np.ndarray) -> np.ndarray:
    """Places on the whole mesh at rest, metres."""
    found = open_body_lookup()(labels_M, *uv_2M.astype(np.float64))
    return corner_mean(open_body_mesh().vertex_V3, open_body_mesh(), found)


def errors(paint: BodyPaint | PersonSurface, surface: PersonSurface) -> np.ndarray:
    """Metres at rest between what is painted and the truth, of every pixel of the person."""
    inside = surface.labels_hw > 0
    mine, true = (
        rest_places(labels_hw[inside], uv_2hw[:, inside])
        for labels_hw, uv_2hw in ((paint.labels_hw, paint.uv_2hw), (surface.labels_hw, surface.uv_2hw))
    )
    return np.linalg.norm(mine - true, axis=1)


def test_the_mesh_is_a_part_of_the_body_with_all_its_charts() -> None:
    painting, body = load_painting_mesh(), load_body()
    assert np.array_equal(painting.mesh.vertex_V3, body.mean_V3[painting.vertex_N])
    assert set(painting.mesh.chart_F.tolist()) == set(range(1, 25))
    sides = np.sort(painting.mesh.face_F3[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, count = np.unique(sides, axis=0, return_counts=True)
    assert count.max() == 2 and (count == 1).sum() < 20  # closed but for the edges of the eyes
    # The corners of a face have the U, V that the whole mesh has there.
    corner_K = painting.mesh.face_F3.reshape(-1)
    place_K3 = rest_places(np.repeat(painting.mesh.chart_F, 3), painting.mesh.corner_uv_F32.reshape(-1, 2).T)
    away_K = np.linalg.norm(place_K3 - painting.mesh.vertex_V3[corner_K], axis=1)
    assert np.median(away_K) < 1e-3 and np.quantile(away_K, 0.99) < 0.01


def test_points_of_the_skin_are_found_and_move_as_the_body_does() -> None:
    painting, body = load_painting_mesh(), load_body()
    surface = surface_of_body(BODY)
    inside = surface.labels_hw > 0
    corner_M3, share_M3 = painting.points(surface.labels_hw[inside], surface.uv_2hw[:, inside].astype(np.float32))
    assert np.allclose(share_M3.sum(axis=1), 1) and share_M3.min() >= 0
    found_M3 = np.einsum("mk,mki->mi", share_M3, painting.mesh.vertex_V3[corner_M3])
    away_M = np.linalg.norm(found_M3 - rest_places(surface.labels_hw[inside], surface.uv_2hw[:, inside]), axis=1)
    assert np.median(away_M) < 0.002 and np.quantile(away_M, 0.98) < 0.01
    assert np.allclose(painting.body_vertices.posed(BODY.pose), posed_vertices(BODY.pose)[painting.vertex_N], atol=1e-5)
    assert len(body.mean_V3) > len(painting.vertex_N)


def test_the_first_harmonic_is_constant_and_they_are_orthonormal_over_the_skin() -> None:
    painting = load_painting_mesh()
    assert np.ptp(painting.basis_NH[:, 0]) < 0.01
    corner_F33 = painting.mesh.vertex_V3[painting.mesh.face_F3].astype(np.float64)
    cross_F3 = np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0])
    area_V = np.zeros(len(painting.vertex_N))
    np.add.at(area_V, painting.mesh.face_F3, (np.linalg.norm(cross_F3, axis=1) / 6)[:, None])
    moments = painting.basis_NH.T @ (area_V[:, None] / area_V.sum() * painting.basis_NH)
    assert np.abs(moments - np.eye(len(moments))).max() < 0.01
    assert (np.diff(painting.frequency_H) > -1e-3).all()


@pytest.mark.parametrize("cells", [10**9, 1500], ids=["every pixel", "coarser cells"])
def test_a_right_body_paints_the_true_skin_within_the_silhouette(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter, "FINE_PIXELS", cells)
    monkeypatch.setattr(painter, "COMPARED_CELLS", cells)
    surface = surface_of_body(BODY)
    paint = painted(surface, BODY)
    assert np.array_equal(paint.labels_hw > 0, surface.labels_hw > 0)
    away = errors(paint, surface)
    assert np.median(away) < 0.008 and np.quantile(away, 0.9) < 0.03
    assert paint.body_share > 0.97 and paint.apart < 0.03 and not paint.memory.by_surface


def mesh_before_camera(body: FittedBody, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the painting mesh in an enlarged picture, and their depths."""
    vertex_V3 = load_painting_mesh().body_vertices.posed(body.pose)
    return scale * body.camera.project(vertex_V3), vertex_V3[:, 2]


@pytest.mark.parametrize("corner", [(0, 0), (310, 200)], ids=["whole", "cut by the picture"])
def test_the_picture_of_the_mesh_is_that_of_the_exact_z_buffer(corner: tuple[int, int]) -> None:
    painting, height, width = load_painting_mesh(), 420, 560
    place_V2, depth_V = mesh_before_camera(BODY, 2)
    place_V2 -= np.float32(corner)
    image = mesh_image(place_V2, depth_V, height, width)
    flat = Camera(
        rotation_33=np.eye(3, dtype=np.float32), shift_3=np.zeros(3, np.float32), focal=1.0, center_2=(0.0, 0.0),
        height=height, width=width,
    )  # fmt: skip
    camera_V3 = np.concatenate([place_V2, np.ones((len(place_V2), 1), np.float32)], axis=1) * depth_V[:, None]
    hits = rasterize(flat, camera_V3.astype(np.float32), painting.mesh.face_F3)
    assert image is not None and len(hits.pixel_P) > 3000
    assert (image.labels_hw > 0).sum() == pytest.approx(len(hits.pixel_P), rel=2e-3)
    found_P = image.labels_hw.reshape(-1)[hits.pixel_P]
    same_P = found_P == painting.mesh.chart_F[hits.face_P]
    assert same_P.mean() > 0.998
    uv_P2 = np.einsum("pk,pki->pi", hits.bary_P3, painting.mesh.corner_uv_F32[hits.face_P])
    away_P = np.abs(image.uv_2hw.reshape(2, -1).T[hits.pixel_P] - uv_P2).max(axis=1)[same_P]
    assert np.quantile(away_P, 0.99) < 1e-3
    deep_P = np.abs(image.depth_hw.reshape(-1)[hits.pixel_P] / hits.depth_P - 1)[same_P]
    assert np.quantile(deep_P, 0.99) < 1e-3


def test_the_warp_carries_a_body_that_stands_beside_the_person() -> None:
    surface = surface_of_body(BODY)
    beside = replace(BODY, pose=replace(BODY.pose, root_3=BODY.pose.root_3 + np.array([0.06, 0, 0], np.float32)))
    away = errors(painted(surface, beside), surface)
    assert np.median(away) < 0.015  # 6 cm without the warp


def test_the_warp_believes_a_good_fit_as_much_as_the_points() -> None:
    """All points of a limb are off by the same two centimetres: the paint is off by less."""
    surface = surface_of_body(BODY)
    labels_hw, uv_2hw = np.roll(surface.labels_hw, 2, axis=0), np.roll(surface.uv_2hw, 2, axis=1)
    shin = np.isin(surface.labels_hw, (11, 12, 13, 14)) & np.isin(labels_hw, (11, 12, 13, 14))
    wrong = replace(
        surface, labels_hw=np.where(shin, labels_hw, surface.labels_hw),
        uv_2hw=np.where(shin, uv_2hw, surface.uv_2hw),
    )  # fmt: skip
    given, found = (errors(one, surface)[shin[surface.labels_hw > 0]] for one in (wrong, painted(wrong, BODY)))
    assert np.median(given) > 0.015 and np.median(found) < 0.85 * np.median(given)


def test_a_body_that_looks_the_other_way_is_a_misfit_and_stays_one_until_it_is_clearly_right() -> None:
    surface = surface_of_body(BODY)
    assert painted(surface, made_body(turn_deg=205, bend_deg=40)).memory.by_surface
    wrong = surface.labels_hw == 9  # right upper leg front: about a tenth of the picture
    share = wrong.sum() / (surface.labels_hw > 0).sum()
    labels_hw = np.where(wrong, 23, surface.labels_hw).astype(np.uint8)
    between = replace(surface, labels_hw=labels_hw)
    assert painter.RIGHT_SHARE < share < painter.WRONG_SHARE
    assert not painted(between, BODY).memory.by_surface
    assert painted(between, BODY, memory=PaintMemory(by_surface=True)).memory.by_surface
    assert not painted(surface, BODY, memory=PaintMemory(by_surface=True)).memory.by_surface


def test_the_network_paints_a_region_where_it_sees_something_else() -> None:
    surface = surface_of_body(BODY)
    rows, columns = np.nonzero(surface.labels_hw == 2)
    middle, reach = (int(np.median(rows)), int(np.median(columns))), 9
    region = np.zeros(surface.labels_hw.shape, bool)
    region[middle[0] - reach : middle[0] + reach, middle[1] - reach : middle[1] + reach] = True
    labels_hw = np.where(region, 22, surface.labels_hw).astype(np.uint8)  # a forearm before the chest
    uv_2hw = np.where(region, np.float32(0.5), surface.uv_2hw)
    paint = painted(replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw), BODY)
    assert (paint.labels_hw[region] == 22).mean() > 0.85 and not paint.memory.by_surface
    assert (paint.labels_hw[~region] == 22).sum() < 1.2 * (surface.labels_hw == 22).sum() + 60
    lone = np.zeros_like(region)
    lone[middle[0], middle[1]] = True  # a single pixel decides nothing
    paint = painted(replace(surface, labels_hw=np.where(lone, 22, surface.labels_hw).astype(np.uint8)), BODY)
    assert paint.labels_hw[middle] == 2


def test_hands_are_where_the_network_sees_them() -> None:
    """Fits do not bend fingers: beside the network's hand no finger of the mesh is painted."""
    surface = surface_of_body(BODY)
    hand = np.isin(surface.labels_hw, (3, 4))
    rows = np.nonzero(hand)[0]
    fist = hand & (np.arange(hand.shape[0])[:, None] < np.median(rows))
    labels_hw = np.where(hand & ~fist, 2, surface.labels_hw).astype(np.uint8)
    paint = painted(replace(surface, labels_hw=labels_hw), BODY)
    assert hand.sum() > 60
    assert np.array_equal(np.isin(paint.labels_hw, (3, 4)), np.isin(labels_hw, (3, 4)))


def test_a_coarser_picture_shows_what_a_fine_one_shows() -> None:
    """U and V change from pixel to pixel, also within a square of the grid; borders are off by less than a square."""
    height, width = 480, 640
    made = [mesh_image(*mesh_before_camera(BODY, 2), height, width, step) for step in (1, 2)]
    (fine_hw, fine_2hw), (coarse_hw, coarse_2hw) = (image.pixels(height, width) for image in made if image is not None)
    same = (fine_hw == coarse_hw) & (fine_hw > 0)
    assert same.sum() > 0.95 * (fine_hw > 0).sum()
    away = np.abs(fine_2hw - coarse_2hw).max(axis=0)[same]
    assert np.median(away) < 0.003 and np.quantile(away, 0.95) < 0.04


def test_skin_between_the_mesh_and_a_wider_silhouette_takes_the_nearest_of_the_body() -> None:
    """Clothes are wider than the body: a row of pixels beside the leg continues the leg."""
    surface = surface_of_body(BODY)
    labels_hw, uv_2hw = surface.labels_hw.copy(), surface.uv_2hw.copy()
    row = int(np.quantile(np.nonzero(labels_hw == 13)[0], 0.5))
    last = int(np.nonzero(labels_hw[row])[0].max())
    labels_hw[row - 8 : row + 8, last - 2 : last + 3] = labels_hw[row, last]
    # Six centimetres away, which is not enough for the network to decide.
    wrong_2 = uv_2hw[:, row, last] + np.array([0, 0.3 if uv_2hw[1, row, last] < 0.5 else -0.3], np.float32)
    uv_2hw[:, row - 8 : row + 8, last - 2 : last + 3] = wrong_2[:, None, None]
    paint = painted(replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw), BODY)
    before = painted(surface, BODY)
    place = rest_places(paint.labels_hw[row, [last + 2]], paint.uv_2hw[:, row, [last + 2]])
    edge = rest_places(before.labels_hw[row, [last]], before.uv_2hw[:, row, [last]])
    assert np.linalg.norm(place - edge) < 0.03
    theirs = rest_places(labels_hw[row, [last + 2]], uv_2hw[:, row, [last + 2]])
    assert 0.04 < np.linalg.norm(theirs - edge) < 0.075


def test_the_frame_before_steadies_the_warp() -> None:
    """The network's skin jumps up and down by a pixel from frame to frame; the person stands still."""
    surface = surface_of_body(BODY)
    memory, steady, alone = PaintMemory(), [], []
    for frame in range(8):
        shift = 1 if frame % 2 else -1
        labels_hw, uv_2hw = np.roll(surface.labels_hw, shift, axis=0), np.roll(surface.uv_2hw, shift, axis=1)
        jumping = replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw)
        carry = (lambda then_K2, _: then_K2) if frame else None
        paint = painted(jumping, BODY, memory=memory, carry=carry)
        memory = paint.memory
        steady.append(float(memory.pixel_K2[:, 1].mean()))
        alone.append(float(painted(jumping, BODY).memory.pixel_K2[:, 1].mean()))
    assert np.abs(np.diff(steady[3:])).mean() < 0.5 * np.abs(np.diff(alone[3:])).mean()


def test_a_body_out_of_sight_paints_nothing() -> None:
    surface = surface_of_body(BODY)
    for place in ((0, 0, -3.0), (40.0, 0, 3.0)):
        lost = made_body(place)
        origin_2 = (surface.x0, surface.y0)
        if place[2] < 0:
            assert body_paint(surface.labels_hw, surface.uv_2hw, None, origin_2, lost, None) is None
        else:
            paint = body_paint(surface.labels_hw, surface.uv_2hw, None, origin_2, lost, None)
            assert paint is None or paint.memory.by_surface

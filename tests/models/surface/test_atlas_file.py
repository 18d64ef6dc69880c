"""Atlases from image files: padding, whole-body maps, readable logos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from models.errors import ModelError
from models.surface.atlas import DEFAULT_ATLAS, atlas_from_tiles, join_tiles, sample_atlas, split_tiles
from models.surface.atlas_file import AtlasBuilder, load_atlas, read_texels
from models.surface.atlas_rims import rim_sources, take_texels
from models.surface.charted_mesh import open_body_mesh
from models.surface.logos import Logo, alpha_over, bearing_at, place_logo
from models.surface.texels import CHARTS, open_body_cover, texel_faces
from models.surface.whole_body_map import MapReader, figures, map_of_tiles, read_layout

SIDE = 64


def on_paper(colour: int, side: int = SIDE) -> np.ndarray:
    """Tiles that are painted on the open body's charts and black elsewhere, like DensePose's atlases."""
    return np.where(open_body_cover(side)[..., None], np.uint8(colour), np.uint8(0)) * np.ones(3, np.uint8)


def test_texel_faces_of_one_triangle() -> None:
    """One triangle in a tile of 5 texels: U grows to the right, V up, borders are included."""
    corner = np.array([[[0, 0], [1, 0], [0, 1]]], np.float32)
    texels = texel_faces(np.array([3], np.uint8), corner, 5)
    expected = np.tril(np.ones((5, 5), bool))
    assert np.array_equal(texels.cover()[2], expected) and texels.cover().sum() == expected.sum()
    place = np.einsum("pk,kx->px", texels.weight_P3, corner[0])
    row, column = np.divmod(texels.texel_P % 25, 5)
    assert np.allclose(place, np.stack([column / 4, 1 - row / 4], axis=1), atol=1e-5)


def test_empty_texels_around_charts_are_padded() -> None:
    tiles = on_paper(120)
    tiles[4][tiles[4].max(axis=-1) > 0] = (200, 10, 30)
    source = rim_sources(tiles)
    assert source is not None
    whole = take_texels(tiles, source)
    assert (whole.max(axis=-1) > 0).all()
    assert (whole[4] == (200, 10, 30)).all() and (whole[0] == 120).all()


def test_black_garments_and_holes_inside_charts_stay_black() -> None:
    full = np.full((CHARTS, SIDE, SIDE, 3), 90, np.uint8)
    full[8] = 0
    assert np.array_equal(take_texels(full, rim_sources(full)), full)
    holed = on_paper(120)
    holed[0, 30:34, 30:34] = 0  # in the middle of the back
    assert (take_texels(holed, rim_sources(holed))[0, 31:33, 31:33] == 0).all()


def test_transparency_inside_a_chart_is_kept() -> None:
    tiles = np.zeros((CHARTS, SIDE, SIDE, 4), np.uint8)
    tiles[1][open_body_cover(SIDE)[1]] = (50, 60, 70, 255)
    tiles[1, 30:34, 30:34] = 0
    whole = take_texels(tiles, rim_sources(tiles))
    assert (whole[1, 31:33, 31:33] == 0).all()
    assert (whole[1, 0, 0] == (50, 60, 70, 255)).all() and not whole[5].any()


def test_means_of_texels_ignore_the_colour_of_transparent_ones() -> None:
    tiles = np.zeros((CHARTS, 16, 16, 4), np.uint8)
    tiles[..., :3] = (0, 255, 0)
    tiles[:, :, 8:] = (200, 0, 0, 255)
    middle = np.full((2, 1, 1), 0.5, np.float32)
    read = sample_atlas(atlas_from_tiles(tiles).levels[1], np.array([[1]], np.uint8), middle)
    red, green, _, alpha = read[0, 0].astype(int)
    assert alpha in range(120, 136) and green == 0 and abs(red - 200 * alpha / 255) <= 2


def test_the_published_atlas_loses_its_black_rims(shared: Path) -> None:
    """After padding, DensePose's texture is not black at the borders of the open body's charts."""
    path = shared / "assets" / "uv" / "texture_from_SURREAL.png"
    before = split_tiles(read_texels(path))
    after = load_atlas(path).levels[0].reshape(CHARTS, 200, 200, 4)[..., :3]
    kernel = np.ones((3, 3), np.uint8)
    cover = open_body_cover(200).astype(np.uint8)
    rim = np.stack([(one > 0) & (cv2.erode(one, kernel, borderValue=0) == 0) for one in cover])
    black_before, black_after = ((tiles.max(axis=-1) <= 2)[rim].mean() for tiles in (before, after))
    assert black_before > 0.25
    assert black_after < 0.12  # the rest is dark in the texture itself
    changed = (before != after).any(axis=-1)
    assert (before[changed].max(axis=-1) <= 2).mean() > 0.7


def test_a_whole_body_map_reproduces_its_tiles() -> None:
    """Front of the torso: the figure shows it from the front, so only sharpness is lost."""
    ramp = np.linspace(0, 255, 100)
    tiles = np.zeros((CHARTS, 100, 100, 3), np.uint8)
    tiles[..., 0], tiles[..., 1] = ramp[None, None, :], ramp[None, :, None]
    tiles[..., 2] = np.arange(10, 250, 10)[:, None, None]
    layout = figures()
    picture = map_of_tiles(tiles, layout, 1000)
    assert picture.shape == (1000, 1000, 4)
    assert 0.15 < (picture[..., 3] > 0).mean() < 0.4
    back = MapReader(layout, 1000)(picture[..., :3])
    step = (back.shape[1] - 1) / 99
    at = np.rint(np.arange(100) * step).astype(int)
    middle = np.ix_([1], at[25:65], at[35:65])
    assert np.abs(back[middle][0].astype(int) - tiles[1, 25:65, 35:65]).max() <= 12  # some of 2.6 levels a texel


def test_the_map_shows_the_front_at_the_left_and_the_back_at_the_right() -> None:
    tiles = np.zeros((CHARTS, 32, 32, 3), np.uint8)
    tiles[1], tiles[0], tiles[3] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    picture = map_of_tiles(tiles, figures(), 500)
    red, green = np.argwhere(picture[..., 0] == 255), np.argwhere(picture[..., 1] == 255)
    assert red[:, 1].mean() < 250 < green[:, 1].mean()
    hand = np.argwhere(picture[:, :250, 2] == 255)[:, 1].mean()
    assert hand > 125  # the left hand of a person who faces the viewer


def made_body(folder: Path) -> tuple[Path, np.ndarray]:
    """A body of two triangles in two charts: DensePose's chart file, and an .obj with its own texture coordinates."""
    vertex = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], float)
    savemat(folder / "UV_Processed.mat", {
        "All_Faces": np.array([[1, 2, 3], [4, 5, 6]]), "All_FaceIndices": np.array([[7], [8]]),
        "All_U_norm": np.array([[0, 1, 0, 1, 0, 1]], float).T, "All_V_norm": np.array([[0, 0, 1, 0, 1, 1]], float).T,
        "All_vertices": np.array([[1, 2, 3, 2, 3, 4]]),
    })  # fmt: skip
    place = np.array([[0.1, 0.1], [0.4, 0.1], [0.1, 0.4], [0.9, 0.6], [0.6, 0.9], [0.9, 0.9]])
    lines = [f"v {x} {y} {z}" for x, y, z in vertex] + [f"vt {x} {y}" for x, y in place]
    (folder / "body.obj").write_text("\n".join([*lines, "f 2/2 3/3 1/1", "f 4/6 2/4 3/5"]) + "\n")
    return folder / "body.obj", place


def test_an_obj_defines_a_layout(tmp_path: Path) -> None:
    """The corner U=1, V=0 of chart 7 is vertex 2, which the .obj places at (.4, .1), with V upward."""
    path, _ = made_body(tmp_path)
    layout = read_layout(str(path))
    assert layout.chart_F.tolist() == [7, 8]
    assert np.allclose(layout.map_xy_F32[0], [[0.1, 0.9], [0.4, 0.9], [0.1, 0.6]])
    assert np.allclose(layout.map_xy_F32[1], [[0.9, 0.4], [0.6, 0.1], [0.9, 0.1]])
    picture = np.zeros((400, 400, 3), np.uint8)
    picture[200:, :200], picture[:200, 200:] = (250, 0, 0), (0, 0, 250)
    atlas = AtlasBuilder(str(path))(picture)
    side = atlas.levels[0].shape[1]
    tiles = atlas.levels[0].reshape(CHARTS, side, side, 4)
    assert (tiles[6, ..., 0] == 250).all() and (tiles[7, ..., 2] == 250).all()


def test_unusable_layouts_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"sheet: there is no such whole-body layout; give figures"):
        read_layout("sheet")
    with pytest.raises(ModelError, match=r"UV_Processed\.mat: is missing, and this program cannot include it"):
        read_layout(str(tmp_path / "body.obj"))
    path, _ = made_body(tmp_path)
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("f ")))
    with pytest.raises(ModelError, match="has no texture coordinates"):
        read_layout(str(path))
    Image.new("RGB", (40, 30)).save(tmp_path / "wide.png")
    with pytest.raises(ModelError, match=r"wide\.png: a whole-body map of 40×30 pixels is not square"):
        load_atlas(tmp_path / "wide.png", AtlasBuilder("figures"))


# Directions of the viewer's right and of down the body, from the axes of DensePose's charts: (whether right is along U,
# its sign, sign of down). Front of the torso: U down, V to the person's right, which is the viewer's left.
AXES = {
    2: (False, -1, 1),
    1: (False, 1, 1),
    23: (True, 1, -1),  # right half of the head: U to the front, V up; seen from the person's right, front is right
    24: (True, 1, -1),  # left half: U to the back, V up; seen from the left, back is right
    13: (False, -1, 1),  # lower leg right, front: U down, V to the person's right
    10: (False, -1, -1),  # upper leg left, front: U up, V to the person's right
    8: (False, -1, 1),  # upper leg left, back: U down, V to the person's left, which from behind is the viewer's left
}


@pytest.mark.parametrize("chart", AXES)
def test_logos_are_upright_on_densepose_axes(chart: int) -> None:
    bearing = bearing_at(chart, 0.5, 0.5)
    assert (bearing.right_along_u, bearing.right, bearing.down) == AXES[chart]


@pytest.mark.parametrize("chart", [1, 2, 7, 10, 13, 17, 24])
def test_a_logo_is_readable_from_outside(chart: int, tmp_path: Path) -> None:
    """Its red, green and blue corners are on the body as in the image: not rotated and not mirrored."""
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[:20, :20], picture[:20, 20:], picture[20:, :20] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    logo = Logo(picture="x", chart=chart, box=(0.2, 0.2, 0.8, 0.8))
    tile = place_logo(np.zeros((CHARTS, 32, 32, 3), np.uint8), logo, picture)[chart - 1].astype(int)
    corners = [np.argwhere((tile == colour).all(axis=-1)).mean(axis=0) for colour in np.eye(3, dtype=int) * 255]
    side = len(tile)
    uv = [(column / (side - 1), 1 - row / (side - 1)) for row, column in corners]
    red, green, blue = (on_body(chart, *at) for at in uv)
    right, down = green - red, blue - red
    outward = np.cross(down, right)  # seen from outside, down × right points at the viewer (y is up)
    assert outward @ normal_at(chart, 0.5, 0.5) > 0
    if chart != 17:  # arms point sideways in the rest pose
        assert down[1] < 0 and abs(down[1]) > abs(right[1])


def on_body(chart: int, u: float, v: float) -> np.ndarray:
    mesh = open_body_mesh()
    face, weight = nearest_face(chart, u, v)
    return weight @ mesh.vertex_V3[mesh.face_F3[face]]


def normal_at(chart: int, u: float, v: float) -> np.ndarray:
    mesh = open_body_mesh()
    a, b, c = mesh.vertex_V3[mesh.face_F3[nearest_face(chart, u, v)[0]]]
    return np.cross(b - a, c - a)


def nearest_face(chart: int, u: float, v: float) -> tuple[int, np.ndarray]:
    """The face of the chart with the nearest centre, without `ChartLookup`."""
    mesh = open_body_mesh()
    mine = np.flatnonzero(mesh.chart_F == chart)
    centre = mesh.corner_uv_F32[mine].mean(axis=1)
    return int(mine[np.abs(centre - (u, v)).sum(axis=1).argmin()]), np.full(3, 1 / 3)


def test_logos_keep_aspect_box_and_rotation() -> None:
    picture = np.full((20, 60, 3), 255, np.uint8)
    logo = Logo(picture="x", box=(0.2, 0.3, 0.6, 0.7))
    placed = place_logo(np.zeros((CHARTS, 32, 32, 3), np.uint8), logo, picture)[1]
    rows, columns = np.nonzero(placed.max(axis=-1))
    side = placed.shape[0] - 1
    bearing = bearing_at(2, 0.4, 0.5)
    wide = np.ptp(rows) / side * bearing.metres_v  # along V
    high = np.ptp(columns) / side * bearing.metres_u
    assert wide / high == pytest.approx(3, rel=0.1)
    assert columns.min() >= 0.2 * side - 1 and columns.max() <= 0.6 * side + 1
    assert np.ptp(rows) == pytest.approx(0.4 * side, abs=3)
    turned = place_logo(np.zeros((CHARTS, 32, 32, 3), np.uint8), Logo(picture="x", turn=1), picture)[1]
    rows, columns = np.nonzero(turned.max(axis=-1))
    assert np.ptp(columns) * bearing.metres_u > 2 * np.ptp(rows) * bearing.metres_v


def test_transparent_logos_over_transparent_atlases() -> None:
    below = np.array([[[100, 100, 100, 0], [100, 100, 100, 255]]], np.uint8)
    above = np.array([[[200, 0, 0, 128], [200, 0, 0, 128]]], np.uint8)
    over = alpha_over(below, above)
    assert over[0, 0].tolist() == [200, 0, 0, 128]
    assert np.abs(over[0, 1].astype(int) - [150, 50, 50, 255]).max() <= 1


def test_invalid_logos_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no chart 'wing'"):
        Logo(picture="x", chart="wing")
    with pytest.raises(ValueError, match=r"box is \[0\.5, 0, 0\.4, 1\]"):
        Logo(picture="x", box=(0.5, 0, 0.4, 1))
    assert Logo(picture="x", chart="torso_back").number == 1
    with pytest.raises(ModelError, match=r"nowhere\.png: no such image file"):
        AtlasBuilder(logos=[Logo(picture="nowhere.png")])


def test_a_map_of_the_default_atlas_has_its_colours(tmp_path: Path) -> None:
    """Through the whole-body map, the suit has the same colours on the fronts of torso and legs."""
    tiles = split_tiles(read_texels(DEFAULT_ATLAS))
    Image.fromarray(map_of_tiles(tiles, figures(), 1200)).save(tmp_path / "map.png")
    through = load_atlas(tmp_path / "map.png", AtlasBuilder("figures"))
    straight = atlas_from_tiles(tiles)
    ramp = np.linspace(0.35, 0.65, 40, dtype=np.float32)
    uv = np.stack(np.meshgrid(ramp, ramp))
    for chart in (2, 9, 10, 13, 14):
        labels = np.full((40, 40), chart, np.uint8)
        one, other = (sample_atlas(atlas.levels[0], labels, uv)[..., :3].astype(int) for atlas in (through, straight))
        assert np.median(np.abs(one - other).max(axis=-1)) <= 6, chart
    assert join_tiles(tiles).shape == (1200, 800, 4)

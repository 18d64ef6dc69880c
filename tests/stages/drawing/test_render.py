"""Rendering: what is drawn where, to the pixel."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.body.camera import PinholeCamera
from models.surface.atlas import CHARTS, join_tiles
from models.surface.body_image import body_image
from models.surface.charted_mesh import open_body_mesh
from models.surface.garments import Cut
from pipeline.stage import StageError
from stages.bodies.body_paints import BodyPaints, PersonPaint
from stages.drawing.chart_colours import part_palette
from stages.drawing.render import Render
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo
from stages.people.depth_order import painters_order

pytestmark = pytest.mark.quick

SIDE = 52


def chunk(rgb_THW3: np.ndarray) -> FrameChunk:
    """Read-only frames, as from Ray."""
    frames, height, width = rgb_THW3.shape[:3]
    rgb_THW3.flags.writeable = False
    info = VideoInfo(path="x.mp4", width=width, height=height, still=False, rate=None, time_base=Fraction(1, 25))
    return FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.arange(frames), first=0, video=info)


def people_of(boxes: list[tuple[float, ...]], frames: list[int] | None = None, scores: Any = None) -> People:
    count = len(boxes)
    return People(
        frame_N=np.array(frames or [0] * count, np.int32),
        box_N4=np.array(boxes, np.float32).reshape(-1, 4),
        score_N=np.array(scores if scores is not None else [0.9] * count, np.float32),
        id_N=np.arange(count, dtype=np.int32),
    )


def patch(x0: int, y0: int, height: int, width: int, label: int, uv: tuple[float, float] = (0.5, 0.5)) -> PersonSurface:
    """A filled rectangle of one chart at one UV position."""
    uv_2hw = np.broadcast_to(np.array(uv, np.float32)[:, None, None], (2, height, width))
    labels_hw = np.full((height, width), label, np.uint8)
    labels_hw.flags.writeable = False
    return PersonSurface(x0=x0, y0=y0, labels_hw=labels_hw, uv_2hw=uv_2hw)


def drawn(config: dict[str, Any], frames: FrameChunk, people: People, surfaces: list[PersonSurface]) -> np.ndarray:
    stage = Render(Render.Config(**config))
    overlays = list(stage(frames, people, Surfaces(people=tuple(surfaces))))
    assert len(overlays) == 1
    return overlays[0].rgb_THW3


def plain_atlas(folder: Path, colours: dict[int, tuple[int, ...]], channels: int = 3) -> str:
    tiles = np.zeros((CHARTS, SIDE, SIDE, channels), np.uint8)
    for part, colour in colours.items():
        tiles[part - 1] = colour
    Image.fromarray(join_tiles(tiles)).save(folder / "atlas.png")
    return str(folder / "atlas.png")


def test_a_coded_atlas_returns_the_rendered_coordinates(tmp_path: Path) -> None:
    """Each texel holds (10·chart, 255·U, 255·V); the rendered person must show its own labels and UV."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    tiles = np.stack(
        [np.stack([np.full_like(rows, 10 * p), 255 * columns, 255 * (1 - rows)], axis=-1) for p in range(1, CHARTS + 1)]
    )
    Image.fromarray(join_tiles(np.rint(tiles).astype(np.uint8))).save(tmp_path / "atlas.png")
    rng = np.random.default_rng(3)
    labels = np.repeat(np.repeat(rng.integers(1, 25, (8, 6), dtype=np.uint8), 10, axis=0), 10, axis=1)
    y, x = np.mgrid[0:80, 0:60].astype(np.float32)
    uv = np.stack([x / 59, 1 - y / 79])
    person = PersonSurface(x0=20, y0=10, labels_hw=labels, uv_2hw=uv)
    config = {"atlas": str(tmp_path / "atlas.png"), "opacity": 1.0, "shading": 0.0}
    frames = chunk(np.full((1, 100, 100, 3), 77, np.uint8))
    out = drawn(config, frames, people_of([(20, 10, 80, 90)]), [person])
    inside = out[0, 10:90, 20:80].astype(float)
    sure = (np.abs(x % 10 - 4.5) < 4) & (np.abs(y % 10 - 4.5) < 4)  # at chart borders colours are mixed
    assert np.abs(inside[..., 0] - 10.0 * labels)[sure].max() <= 1
    assert np.abs(inside[..., 1] - 255 * uv[0])[sure].max() <= 3
    assert np.abs(inside[..., 2] - 255 * uv[1])[sure].max() <= 3
    seam = (labels[:, 9] != labels[:, 10]) & (np.abs(y[:, 0] % 10 - 4.5) < 4)
    step = 10.0 * labels[seam, 10] - 10.0 * labels[seam, 9]
    assert np.allclose((inside[seam, 9, 0] - 10.0 * labels[seam, 9]) / step, 1 / 3, atol=0.1)  # one of three columns
    outside = np.ones((100, 100), bool)
    outside[10:90, 20:80] = False
    assert (out[0][outside] == 77).all()


@pytest.mark.parametrize("style", ["texture", "parts", "uv", "boxes"])
def test_input_frames_and_background_stay_unchanged(style: str) -> None:
    rng = np.random.default_rng(4)
    frames = chunk(rng.integers(0, 256, (1, 60, 60, 3), dtype=np.uint8))
    before = frames.rgb_THW3.copy()
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = 2
    person = PersonSurface(x0=20, y0=30, labels_hw=labels, uv_2hw=np.full((2, 20, 20), 0.5, np.float16))
    out = drawn({"style": style}, frames, people_of([(20, 30, 40, 50)]), [person])
    assert np.array_equal(frames.rgb_THW3, before)
    changed = (out[0] != before[0]).any(axis=-1)
    assert changed.any()
    if style != "boxes":
        assert not changed[:35].any() and not changed[45:].any()
        assert not changed[:, :25].any() and not changed[:, 35:].any()


def test_style_none_returns_the_frames_themselves() -> None:
    frames = chunk(np.random.default_rng(5).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8))
    assert drawn({"style": "none"}, frames, people_of([(0, 0, 8, 8)]), [patch(0, 0, 8, 8, 1)]) is frames.rgb_THW3


def test_frames_that_could_not_be_processed_pass_unchanged() -> None:
    frames = chunk(np.full((1, 8, 8, 3), 9, np.uint8))
    assert Render(Render.Config(style="parts")).blank(frames, None, None).rgb_THW3 is frames.rgb_THW3


def test_opacity_blends_by_a_plain_formula(tmp_path: Path) -> None:
    frames = chunk(np.full((1, 40, 40, 3), 100, np.uint8))
    config = {"atlas": plain_atlas(tmp_path, {2: (200, 0, 50)}), "opacity": 0.5, "shading": 0.0}
    out = drawn(config, frames, people_of([(10, 10, 30, 30)]), [patch(10, 10, 20, 20, 2)])
    assert np.abs(out[0, 20, 20].astype(int) - [150, 50, 75]).max() <= 1


def test_edges_of_a_person_are_soft_and_stay_inside(tmp_path: Path) -> None:
    frames = chunk(np.zeros((1, 40, 40, 3), np.uint8))
    labels = np.zeros((40, 40), np.uint8)
    labels[10:30, 10:30] = 2
    person = PersonSurface(x0=0, y0=0, labels_hw=labels, uv_2hw=np.full((2, 40, 40), 0.5, np.float32))
    config = {"atlas": plain_atlas(tmp_path, {2: (240, 240, 240)}), "opacity": 1.0, "shading": 0.0}
    row = drawn(config, frames, people_of([(0, 0, 40, 40)]), [person])[0, 20, :, 0]
    assert row[9] == 0 and row[30] == 0
    # Two of three neighbours across the edge belong to the person; cover begins at .3 and is full at 1.
    assert row[10] == pytest.approx(240 * (2 / 3 - 0.3) / 0.7, abs=2)
    assert (row[11:29] == 240).all()


def test_transparent_texels_let_the_original_through(tmp_path: Path) -> None:
    frames = chunk(np.full((1, 20, 20, 3), 60, np.uint8))
    atlas = plain_atlas(tmp_path, {1: (250, 250, 250, 255), 2: (250, 250, 250, 0)}, channels=4)
    config = {"atlas": atlas, "opacity": 1.0, "shading": 0.0}
    surfaces = [patch(0, 0, 20, 10, 1), patch(10, 0, 20, 10, 2)]
    out = drawn(config, frames, people_of([(0, 0, 10, 20), (10, 0, 20, 20)]), surfaces)
    assert out[0, 10, 5].tolist() == [250] * 3
    assert out[0, 10, 15].tolist() == [60] * 3


def test_shading_keeps_the_light_of_the_original(tmp_path: Path) -> None:
    """A limb lit from one side: with full shading the texture's brightness follows the original's."""
    frame = np.zeros((1, 40, 40, 3), np.uint8)
    frame[:, :, :20], frame[:, :, 20:] = 80, 120
    config = {"atlas": plain_atlas(tmp_path, {2: (100, 100, 100)}), "opacity": 1.0, "shading": 1.0}
    out = drawn(config, chunk(frame), people_of([(0, 0, 40, 40)]), [patch(0, 0, 40, 40, 2)])[0, 20, :, 0].astype(float)
    assert out[5] < 100 < out[35]
    assert out[35] / out[5] == pytest.approx(128 / 88, abs=0.03)  # (120 + 8) / (80 + 8): lumas count from −8
    flat = drawn({**config, "shading": 0.0}, chunk(frame.copy()), people_of([(0, 0, 40, 40)]), [patch(0, 0, 40, 40, 2)])
    assert (flat == 100).all()


def test_dark_clothes_do_not_blacken_the_texture(tmp_path: Path) -> None:
    """Black trousers under a white shirt: each limb is compared with its own mean, so the texture hardly changes."""
    frame = np.full((1, 40, 40, 3), 210, np.uint8)
    frame[:, 20:] = 25
    labels = np.full((40, 40), 2, np.uint8)
    labels[20:] = 9
    person = PersonSurface(x0=0, y0=0, labels_hw=labels, uv_2hw=np.full((2, 40, 40), 0.5, np.float32))
    config = {"atlas": plain_atlas(tmp_path, {2: (120,) * 3, 9: (120,) * 3}), "opacity": 1.0}
    out = drawn(config, chunk(frame), people_of([(0, 0, 40, 40)]), [person])[0, :, 20, 0].astype(float)
    assert 0.7 < out[35] / out[5] < 1


def test_grids_beyond_the_frame_are_cropped(tmp_path: Path) -> None:
    config = {"atlas": plain_atlas(tmp_path, {2: (200, 200, 200)}), "opacity": 1.0, "shading": 0.0}
    frames = chunk(np.zeros((1, 30, 30, 3), np.uint8))
    surfaces = [patch(-5, -6, 12, 12, 2), patch(25, 24, 12, 12, 2), patch(200, 0, 5, 5, 2), patch(0, -50, 5, 5, 2)]
    boxes = [(s.x0, s.y0, s.x0 + 12, s.y0 + 12) for s in surfaces]
    lit = drawn(config, frames, people_of(boxes), surfaces)[0, :, :, 0] > 0
    expected = np.zeros((30, 30), bool)
    expected[:6, :7] = True
    expected[24:, 25:] = True
    assert np.array_equal(lit, expected)


def test_people_without_identity_are_behind_and_smoothed_nearness_counts() -> None:
    boxes, sure = np.array([[0, 0, 9, 20], [0, 0, 9, 50]], np.float32), np.float32([0.9, 0.2])
    surfaces = [patch(0, 0, 20, 9, 5), patch(0, 0, 50, 9, 5)]
    assert painters_order(boxes, sure, surfaces, 60) == [0, 1]
    assert painters_order(boxes, sure, surfaces, 60, id_N=np.array([1, -1], np.int32)) == [1, 0]
    both = np.array([1, 2], np.int32)
    assert painters_order(boxes, sure, surfaces, 60, both, np.float32([9, 0])) == [1, 0]
    assert painters_order(boxes, sure, surfaces, 60, both, np.float32([np.nan, 9])) == [0, 1]
    apart = boxes + np.float32([[0, 0, 0, 0], [30, 0, 30, 0]])
    assert painters_order(apart, sure, surfaces, 60, both, np.float32([9, 0])) == [0, 1]


def test_the_person_with_lower_feet_is_in_front() -> None:
    order = painters_order(
        np.array([[0, 0, 9, 50], [0, 0, 9, 20], [0, 0, 9, 50]], np.float32),
        np.float32([0.5, 1, 0.9]),
        [patch(0, 0, 50, 9, 5), patch(0, 0, 20, 9, 5), patch(0, 0, 50, 9, 5)],
        60,
    )
    assert order == [1, 0, 2]
    palette = part_palette()
    frames = chunk(np.zeros((1, 60, 40, 3), np.uint8))
    surfaces = [patch(0, 10, 40, 40, 1), patch(0, 0, 40, 40, 23)]
    out = drawn({"style": "parts", "opacity": 1.0}, frames, people_of([(0, 10, 40, 50), (0, 0, 40, 40)]), surfaces)
    assert out[0, 25, 20].tolist() == palette[1].tolist()
    assert out[0, 5, 20].tolist() == palette[23].tolist()


def test_people_are_drawn_into_their_own_frame_and_low_scores_are_not() -> None:
    frames = chunk(np.zeros((3, 20, 20, 3), np.uint8))
    people = people_of([(0, 0, 20, 20)] * 2, frames=[1, 2], scores=[0.9, 0.2])
    out = drawn({"style": "parts", "min_score": 0.5}, frames, people, [patch(0, 0, 20, 20, 5)] * 2)
    assert [bool(frame.any()) for frame in out] == [False, True, False]


def test_part_colours_are_distinct() -> None:
    palette = part_palette()[1:].astype(float)
    distance = np.linalg.norm(palette[:, None] - palette[None], axis=-1)
    assert distance[~np.eye(CHARTS, dtype=bool)].min() > 20


def test_uv_colours_grow_with_u_and_v() -> None:
    frames = chunk(np.zeros((1, 60, 60, 3), np.uint8))
    corners = {(u, v): patch(0, 0, 60, 60, 11, (u, v)) for u in (0.05, 0.95) for v in (0.05, 0.95)}
    red, green = (
        {
            at: int(drawn({"style": "uv"}, frames, people_of([(0, 0, 60, 60)]), [s])[0, 30, 30, c])
            for at, s in corners.items()
        }
        for c in (0, 1)
    )
    for other in (0.05, 0.95):
        assert red[0.95, other] > red[0.05, other] + 80
        assert green[other, 0.95] > green[other, 0.05] + 80


def test_boxes_have_edges_at_the_box_and_any_box_can_be_drawn() -> None:
    frames = chunk(np.zeros((1, 200, 200, 3), np.uint8))
    out = drawn({"style": "boxes"}, frames, people_of([(50, 60, 150, 160)]), [patch(50, 60, 1, 1, 1)])[0]
    lit = out.any(axis=-1)
    assert lit[60:160, 50].all() and lit[60:160, 149].all() and lit[60, 50:150].all() and lit[159, 50:150].all()
    assert not lit[70:150, 60:140].any()
    far = [(-1e9, -5.0, 1e9, 1e9), (199.0, 199.0, 199.5, 199.5), (-900, -900, -800, -800)]
    drawn({"style": "boxes"}, frames, people_of(far), [patch(0, 0, 1, 1, 1)] * 3)


def test_invalid_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"texture, parts, uv, u, v, grid, contours, confidence, skeleton, boxes"):
        Render.Config(style="sepia")
    with pytest.raises(ValueError, match=r"opacity is 1\.5"):
        Render.Config(opacity=1.5)
    with pytest.raises(StageError, match=r"render\.atlas: .*nowhere\.png: no such image file"):
        Render(Render.Config(atlas=str(tmp_path / "nowhere.png")))


def standing_body(height: int = 300) -> PersonSurface:
    """The exact surface of the body at rest, seen from the front."""
    mesh = open_body_mesh()
    ahead_V3 = mesh.vertex_V3 * np.array([1, -1, -1], np.float32) + np.array([0, 0.9, 4], np.float32)
    camera = PinholeCamera(focal_px=2.0 * height, center_2=np.full(2, height / 2, np.float32))
    image = body_image(ahead_V3, camera, height, height)
    assert image is not None
    labels_hw, uv_2hw = image.surface()
    return PersonSurface(x0=image.x0, y0=image.y0, labels_hw=labels_hw, uv_2hw=uv_2hw)


@pytest.mark.parametrize("paint", ["surface", "body"])
def test_garments_cut_a_texture_level_by_surface_and_by_body(tmp_path: Path, paint: str) -> None:
    atlas = plain_atlas(tmp_path, dict.fromkeys(range(1, CHARTS + 1), (200, 60, 20)))
    person = standing_body()
    paints = BodyPaints(
        people=(PersonPaint(labels_hw=person.labels_hw, uv_2hw=person.uv_2hw, body_share=1.0, misfit=False),)
    )
    config = {"atlas": atlas, "opacity": 1.0, "shading": 0.0, "paint": paint, "garments": {"trousers": Cut(hem=51.0)}}
    stage = Render(Render.Config(**config))
    frames = chunk(np.full((1, 300, 300, 3), 77, np.uint8))
    people = people_of([(person.x0, person.y0, person.x0 + 1, person.y0 + 1)])
    (overlay,) = stage(frames, people, Surfaces(people=(person,)), None, paints if paint == "body" else None)
    painted_HW = overlay.rgb_THW3[0, ..., 0] > 150
    lowest_W = np.where(painted_HW, np.arange(300)[:, None], 0).max(axis=0)[painted_HW.any(axis=0)]
    knee_row = 150 + 600 * (0.9 - 0.51) / 3.97
    assert len(lowest_W) > 40 and np.median(np.abs(lowest_W - knee_row)) < 1.5
    assert (lowest_W <= knee_row + 2).all()
    assert not painted_HW[: int(150 + 600 * (0.9 - 1.08) / 4)].any()  # nothing above the waist

"""Textures and styles: identities, atlas videos, parts, alpha, styles side by side, depth order."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from models.body.charts import CHART_NAMES
from models.surface.atlas import CHARTS, join_tiles
from models.surface.atlas_file import AtlasBuilder
from pipeline.stage import StageError
from stages.drawing.part_groups import PART_GROUPS, charts_of
from stages.drawing.person_atlases import AtlasVideo
from stages.drawing.render import Render
from stages.drawing.styles import STYLES
from stages.payloads import FrameChunk, Overlay, People, PersonSurface, Surfaces, VideoInfo
from stages.people.depth_order import painters_order, pixels_per_metre
from stages.synthetic.ground_truth import ground_truth_surfaces
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene

pytestmark = pytest.mark.quick

SIDE = 16
SIZE = 40


def frames_of(rgb_THW3: np.ndarray, rate: int = 25) -> FrameChunk:
    count, height, width = rgb_THW3.shape[:3]
    rgb_THW3.flags.writeable = False
    video = VideoInfo(path="", width=width, height=height, still=False, rate=None, time_base=Fraction(1, rate))
    return FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.arange(count), first=0, video=video)


def grey(count: int = 1) -> FrameChunk:
    return frames_of(np.full((count, SIZE, SIZE, 3), 100, np.uint8))


def people_of(count: int, frames: list[int] | None = None) -> People:
    return People(
        frame_N=np.array(frames or [0] * count, np.int32),
        box_N4=np.tile(np.float32([0, 0, SIZE, SIZE]), (count, 1)),
        score_N=np.full(count, 0.9, np.float32),
        id_N=np.arange(count, dtype=np.int32),
    )


def block(label: int, x0: int = 0, confidence: float | None = None) -> PersonSurface:
    """A person of one chart, as high as the frame and half as wide."""
    shape = (SIZE, SIZE // 2)
    return PersonSurface(
        x0=x0, y0=0, labels_hw=np.full(shape, label, np.uint8), uv_2hw=np.full((2, *shape), 0.5, np.float32),
        confidence_hw=None if confidence is None else np.full(shape, confidence, np.float32),
    )  # fmt: skip


def drawn(frames: FrameChunk, people: People, surfaces: list[PersonSurface], **config: Any) -> Overlay:
    (overlay,) = Render(Render.Config(**config))(frames, people, Surfaces(people=tuple(surfaces)))
    return overlay


def atlas_file(path: Path, colour: tuple[int, ...]) -> str:
    Image.fromarray(join_tiles(np.full((CHARTS, SIDE, SIDE, len(colour)), colour, np.uint8))).save(path)
    return str(path)


def film_file(path: Path, greys: list[int]) -> str:
    """A lossless video of 10 frames per second, each an atlas of one grey."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 4 * SIDE, 6 * SIDE, "bgr0"
        for level in greys:
            frame = np.full((6 * SIDE, 4 * SIDE, 3), level, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
        file.mux(stream.encode())
    return str(path)


def test_each_identity_has_its_own_atlas(tmp_path: Path) -> None:
    everyone, other = atlas_file(tmp_path / "a.png", (200, 0, 0)), atlas_file(tmp_path / "b.png", (0, 0, 200))
    config = {"atlas": everyone, "atlas_of": {"1": other}, "shading": 0.0, "opacity": 1.0}
    out = drawn(grey(), people_of(2), [block(2), block(2, SIZE // 2)], **config).rgb_THW3[0]
    assert out[20, 10].tolist() == [200, 0, 0] and out[20, 30].tolist() == [0, 0, 200]
    bare = drawn(grey(), people_of(2), [block(2), block(2, SIZE // 2)], **(config | {"atlas_of": {"1": "none"}}))
    assert bare.rgb_THW3[0, 20, 10].tolist() == [200, 0, 0] and bare.rgb_THW3[0, 20, 30].tolist() == [100] * 3


def test_an_atlas_video_plays_along_and_starts_again(tmp_path: Path) -> None:
    """Ten frames per second in a video of five: every second frame of the atlas video, and after .4 s the first
    again."""
    path = film_file(tmp_path / "film.mkv", [10, 60, 110, 160])
    frames = frames_of(np.full((5, SIZE, SIZE, 3), 100, np.uint8), rate=5)
    config = {"atlas": path, "shading": 0.0, "opacity": 1.0}
    out = drawn(frames, people_of(5, [0, 1, 2, 3, 4]), [block(2)] * 5, **config).rgb_THW3[:, 20, 10, 0]
    assert out.tolist() == [10, 110, 10, 110, 10]


def test_an_atlas_video_returns_the_same_frame_for_the_same_time(tmp_path: Path) -> None:
    path = film_file(tmp_path / "film.mkv", [10, 60, 110, 160])
    times = [Fraction(t) for t in ("0", "0.05", "0.1", "0.25", "0.39", "0.4", "0.75", "-1")]
    expected = [10, 10, 60, 110, 160, 10, 160, 10]
    video = AtlasVideo(path, AtlasBuilder())
    for i in (3, 0, 6, 1, 5, 2, 7, 4, 3):
        assert video.at(times[i]).levels[0][0, 0, 0] == expected[i], times[i]
    assert AtlasVideo(path, AtlasBuilder()).at(Fraction("10.05")).levels[0][0, 0, 0] == 10


def test_a_video_without_atlases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(StageError, match=r"render\.atlas: .*x\.mp4: is not a readable video"):
        Render(Render.Config(atlas=str(tmp_path / "x.mp4")))
    Image.new("RGB", (30, 30)).save(tmp_path / "square.png")
    with pytest.raises(StageError, match=r"render\.atlas: .*square\.png: an atlas of 30×30"):
        Render(Render.Config(atlas=str(tmp_path / "square.png")))


def test_only_the_named_parts_are_drawn(tmp_path: Path) -> None:
    atlas = atlas_file(tmp_path / "a.png", (200, 0, 0))
    config = {"atlas": atlas, "only": ("shirt",), "shading": 0.0, "opacity": 1.0}
    out = drawn(grey(), people_of(2), [block(2), block(9, SIZE // 2)], **config).rgb_THW3[0]
    assert out[20, 10].tolist() == [200, 0, 0] and out[20, 30].tolist() == [100] * 3


def test_part_groups_contain_the_named_charts() -> None:
    """DensePose's numbering: torso 1 2, hands 3 4, feet 5 6, legs 7–10 and 11–14, arms 15–22, head 23 24."""
    assert charts_of(["shirt"]) == {1, 2, 15, 16, 17, 18}
    assert charts_of(["trousers"]) == set(range(7, 15))
    assert charts_of(["shoes", "gloves"]) == {3, 4, 5, 6}
    assert charts_of(["head", "torso_front"]) == {2, 23, 24}
    assert charts_of(["left"]) | charts_of(["right"]) | {1, 2} == set(range(1, 25))
    assert not charts_of(["left"]) & charts_of(["right"])
    assert all(group <= set(range(1, 25)) and group for group in PART_GROUPS.values())
    assert all("left" in CHART_NAMES[chart] for chart in charts_of(["left"]))
    with pytest.raises(ValueError, match=r"there is no part 'shrt': did you mean 'shirt'"):
        Render.Config(only=("shrt",))


def test_people_alone_on_a_transparent_background(tmp_path: Path) -> None:
    """Over black the transparent result is the opaque one on black; straight colours are those of the atlas."""
    config = {"atlas": atlas_file(tmp_path / "a.png", (200, 40, 0)), "shading": 0.0, "opacity": 1.0}
    surfaces, people = [block(2), block(2, SIZE // 4)], people_of(2)
    clear = drawn(grey(), people, surfaces, background="transparent", **config)
    assert clear.alpha_THW is not None
    black = drawn(grey(), people, surfaces, background="black", **config)
    over_black = clear.rgb_THW3 * (clear.alpha_THW / 255)[..., None]
    assert np.abs(over_black - black.rgb_THW3).max() <= 2
    assert (clear.alpha_THW[0, :, 31:] == 0).all() and (clear.alpha_THW[0, 5:-5, 5:25] == 255).all()
    drawn_at = clear.alpha_THW[0] > 60
    assert np.abs(clear.rgb_THW3[0][drawn_at].astype(int) - (200, 40, 0)).max() <= 4


@pytest.mark.parametrize("style", ["boxes", "skeleton"])
def test_lines_have_alpha_too(style: str) -> None:
    made = image_scene(IMAGE_WORLDS["val"], 0, 3)
    frames = frames_of(made.rgb_HW3[None].copy())
    surfaces = list(ground_truth_surfaces(made).people)
    people = People(
        frame_N=np.zeros(len(surfaces), np.int32), box_N4=made.box_N4, score_N=np.ones(len(surfaces), np.float32),
        id_N=np.arange(len(surfaces), dtype=np.int32),
    )  # fmt: skip
    assert surfaces
    clear = drawn(frames, people, surfaces, style=style, background="transparent")
    white = drawn(frames, people, surfaces, style=style, background="white")
    assert clear.alpha_THW is not None and 0 < (clear.alpha_THW > 0).mean() < 0.5
    share = (clear.alpha_THW / 255)[..., None]
    assert (
        np.abs(clear.rgb_THW3 * share + 255 * (1 - share) - white.rgb_THW3).max() <= 8
    )  # soft edges of two bones in one pixel


def test_the_skeleton_is_that_of_the_networks_own_joints() -> None:
    """Joints of the keypoint head are drawn where they are, also off the surface; unsure ones are not."""
    keypoint_173 = np.zeros((17, 3), np.float32)
    keypoint_173[[5, 7, 9]] = [[6.5, 30.5, 0.9], [18.5, 34.5, 0.9], [34.5, 8.5, 0.01]]  # shoulder, elbow, wrist
    surface = replace(block(2), keypoint_K3=keypoint_173)
    frame_HW3 = drawn(grey(), people_of(1), [surface], style="skeleton").rgb_THW3[0]
    plain_HW3 = grey().rgb_THW3[0]
    changed_HW = (frame_HW3 != plain_HW3).any(axis=2)
    assert changed_HW[30, 6] and changed_HW[34, 18] and changed_HW[32, 12]
    assert not changed_HW[:24].any() and not changed_HW[:, 26:].any()


def test_low_confidence_shows_the_original(tmp_path: Path) -> None:
    config = {"atlas": atlas_file(tmp_path / "a.png", (200, 0, 0)), "shading": 0.0, "opacity": 1.0, "fade": 1.0}
    reds = [
        int(drawn(grey(), people_of(1), [block(2, confidence=c)], **config).rgb_THW3[0, 20, 10, 0])
        for c in (0.0, 0.25, 0.5, 1.0, None)
    ]
    assert reds == [100, pytest.approx(150, abs=1), 200, 200, 200]


def test_confidence_is_drawn_or_its_absence_is_an_error() -> None:
    low, high = (
        drawn(grey(), people_of(1), [block(2, confidence=c)], style="confidence", opacity=1.0).rgb_THW3[0, 20, 10]
        for c in (0.0, 1.0)
    )
    assert np.abs(low.astype(int) - (68, 1, 84)).max() <= 1  # viridis' ends, as published
    assert np.abs(high.astype(int) - (253, 231, 37)).max() <= 1
    with pytest.raises(StageError, match="confidence of these surfaces is unknown"):
        drawn(grey(), people_of(1), [block(2)], style="confidence")


def test_styles_side_by_side_are_the_styles_alone() -> None:
    frames = frames_of(np.random.default_rng(1).integers(0, 255, (2, SIZE, SIZE, 3), dtype=np.uint8))
    surfaces, people = [block(2), block(9, SIZE // 2)], people_of(2, [0, 1])
    both = drawn(frames, people, surfaces, style="none+parts+uv").rgb_THW3
    apart = [drawn(frames, people, surfaces, style=style).rgb_THW3 for style in ("none", "parts", "uv")]
    assert np.array_equal(both, np.concatenate(apart, axis=2))
    with pytest.raises(ValueError, match="there is no style 'sepia'"):
        Render.Config(style="parts+sepia")


@pytest.mark.parametrize("style", [style for style in STYLES if style not in ("none", "boxes", "skeleton")])
def test_no_style_changes_the_surroundings_or_the_input_frames(style: str) -> None:
    made = image_scene(IMAGE_WORLDS["val"], 0, 5)
    before = made.rgb_HW3.copy()
    frames = frames_of(made.rgb_HW3[None].copy())
    surfaces = [
        PersonSurface(
            x0=one.x0, y0=one.y0, labels_hw=one.labels_hw, uv_2hw=one.uv_2hw,
            confidence_hw=np.full(one.labels_hw.shape, 0.7, np.float32),
        )
        for one in ground_truth_surfaces(made).people
    ]  # fmt: skip
    people = People(
        frame_N=np.zeros(len(surfaces), np.int32), box_N4=made.box_N4, score_N=np.ones(len(surfaces), np.float32),
        id_N=np.arange(len(surfaces), dtype=np.int32),
    )  # fmt: skip
    out = drawn(frames, people, surfaces, style=style).rgb_THW3[0]
    around = made.label_HW == 0
    assert np.array_equal(out[around], before[around])
    assert (out[~around] != before[~around]).any(axis=-1).mean() > 0.1


def test_u_and_v_alone_follow_their_own_coordinate() -> None:
    ramp = np.linspace(0, 1, SIZE, dtype=np.float32)
    u, v = np.meshgrid(ramp, 1 - ramp)
    person = PersonSurface(x0=0, y0=0, labels_hw=np.full((SIZE, SIZE), 2, np.uint8), uv_2hw=np.stack([u, v]))
    for style, axis in (("u", 0), ("v", 1)):
        out = drawn(grey(), people_of(1), [person], style=style, opacity=1.0).rgb_THW3[0, 3:-3, 3:-3].astype(int)
        along, across = np.abs(np.diff(out, axis=1 - axis)).sum(), np.abs(np.diff(out, axis=axis)).sum()
        assert along > 20 * across  # colours change along the coordinate and not across it


def test_contours_run_where_the_coordinate_is_a_multiple() -> None:
    """U from 0 to 1 over 120 pixels, 12 lines: about each tenth column (9.92 k) is drawn, the others are not."""
    ramp = np.linspace(0, 1, 120, dtype=np.float32)
    uv = np.stack([np.broadcast_to(ramp, (120, 120)), np.full((120, 120), 0.54, np.float32)])
    person = PersonSurface(x0=0, y0=0, labels_hw=np.full((120, 120), 2, np.uint8), uv_2hw=uv)
    frames = frames_of(np.full((1, 120, 120, 3), 200, np.uint8))
    row = drawn(frames, people_of(1), [person], style="contours").rgb_THW3[0, 60].astype(int)
    lit = np.abs(row - 200).sum(axis=-1) > 100
    assert {round(k * 119 / 12) for k in range(1, 12)} <= set(np.flatnonzero(lit).tolist())
    assert not lit[5::10].any()


def test_the_larger_person_is_in_front_if_feet_are_out_of_view() -> None:
    """Both are cut by the lower edge of the image: boxes end alike, and the person drawn twice as large is nearer."""
    (person,) = ground_truth_surfaces(someone()).people
    half = person.labels_hw.shape[0] // 2
    far = PersonSurface(x0=0, y0=0, labels_hw=person.labels_hw[:half], uv_2hw=person.uv_2hw[:, :half])
    near = PersonSurface(
        x0=0,
        y0=0,
        labels_hw=far.labels_hw.repeat(2, axis=0).repeat(2, axis=1)[half:],
        uv_2hw=far.uv_2hw.repeat(2, axis=1).repeat(2, axis=2)[:, half:],
    )
    assert pixels_per_metre(near) == pytest.approx(2 * pixels_per_metre(far), rel=0.25)
    boxes = np.array([[0, 0, 50, half], [0, 0, 50, half]], np.float32)
    assert painters_order(boxes, np.float32([0.5, 0.9]), [near, far], half) == [1, 0]
    assert painters_order(boxes, np.float32([0.9, 0.5]), [far, near], half) == [0, 1]


def test_the_scale_of_a_body_is_measured_on_its_surface() -> None:
    """Against the known distance between shoulder and ankle of standing people: about 1.35 m of an adult."""
    made = someone()
    joints = made.keypoint_N173[0]
    span = joints[15:17, 1].mean() - joints[5:7, 1].mean()
    (person,) = ground_truth_surfaces(made).people
    assert pixels_per_metre(person) == pytest.approx(span / 1.35, rel=0.3)
    nobody = PersonSurface(x0=0, y0=0, labels_hw=np.zeros((9, 9), np.uint8), uv_2hw=np.zeros((2, 9, 9), np.float32))
    assert pixels_per_metre(nobody) == 0


def someone() -> Scene:
    """A scene of one standing person who is entirely visible."""
    for index in range(100):
        made = image_scene(IMAGE_WORLDS["train"], 0, index)
        joints = made.keypoint_N173
        if len(joints) == 1 and joints[0, [0, 5, 6, 15, 16], 2].min() == 2 and joints[0, 15, 1] - joints[0, 0, 1] > 100:
            return made
    raise AssertionError("no such scene")

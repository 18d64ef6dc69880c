"""IUV, person images, part colours and alpha videos: compared with plain loops, stated rules and other programs'
files."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from models.body.charts import CHART_NAMES
from pipeline.stage import StageError
from stages.drawing.part_groups import PART_GROUPS
from stages.payloads import Overlay, Surfaces
from stages.results.export import Export
from stages.results.formats.frame_result import frame_results, quantised
from stages.results.formats.identity_masks import IDENTITY_COLOURS, IdentityColours
from stages.results.formats.iuv import person_numbers
from stages.results.formats.part_colours import PARULA, VIRIDIS
from stages.results.formats.writer import MaskSettings
from stages.results.frames import PICTURES, Frames
from tests.stages.results.formats.made_frames import (
    HEIGHT,
    PEOPLE,
    SURFACES,
    VIDEO,
    WIDTH,
    export,
    frames_of,
    in_frame,
    job_of,
    people_of,
    surface_of,
)

pytestmark = pytest.mark.quick

ONE = people_of([0], [[10.4, 5, 40.5, 44.2]], [3])
ONE_SURFACE = Surfaces(people=(SURFACES.people[1],))


def film(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def orthonormal_axes(path: Path, number: int) -> np.ndarray:
    with av.open(str(path)) as file:
        return next(islice(file.decode(video=0), number, None)).to_ndarray(format="rgb24")


def test_iuv_is_chart_u_v_in_bgr_with_255ths_truncated(tmp_path: Path) -> None:
    export({"iuv": tmp_path}, frames_of(1), ONE, ONE_SURFACE)
    expected = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    surface = SURFACES.people[1]
    for row, column, y, x in in_frame(surface):
        u, v = (int(min(max(float(value) * 255, 0), 255)) for value in surface.uv_2hw[:, y, x])
        expected[row, column] = surface.labels_hw[y, x], u, v
    assert np.array_equal(cv2.imread(str(tmp_path / "frame_000000.png"), cv2.IMREAD_UNCHANGED), expected)


def test_real_iuv_files_have_our_layout(shared: Path, tmp_path: Path) -> None:
    """The original network's image, read as a surface and exported, is the same image again."""
    real = cv2.imread(str(shared / "assets/real_iuv/fb_densepose/demo_im_IUV.png"), cv2.IMREAD_UNCHANGED)
    inds = cv2.imread(str(shared / "assets/real_iuv/fb_densepose/demo_im_INDS.png"), cv2.IMREAD_UNCHANGED)
    height, width = real.shape[:2]
    surface = replace(
        SURFACES.people[0],
        x0=0,
        y0=0,
        labels_hw=np.ascontiguousarray(real[..., 0]),
        uv_2hw=(real[..., 1:].transpose(2, 0, 1) + np.float32(0.5)) / np.float32(255),
    )
    video = replace(VIDEO, width=width, height=height, still=True)
    people = people_of([0], [[0, 0, width, height]], [-1])
    to = {"iuv": tmp_path / "iuv", "inds": tmp_path / "inds"}
    export(to, frames_of(1, video=video), people, Surfaces(people=(surface,)))
    assert np.array_equal(cv2.imread(str(tmp_path / "iuv" / "walk.png"), cv2.IMREAD_UNCHANGED), real)
    ours = cv2.imread(str(tmp_path / "inds" / "walk.png"), cv2.IMREAD_UNCHANGED)
    assert ours.dtype == inds.dtype == np.uint8 and ours.shape == inds.shape
    assert np.array_equal(ours > 0, inds > 0)


def test_nearer_people_occlude_farther_ones_in_every_image(tmp_path: Path) -> None:
    export({"iuv": tmp_path / "iuv", "inds": tmp_path / "inds"}, frames_of(1))
    iuv = cv2.imread(str(tmp_path / "iuv" / "frame_000000.png"), cv2.IMREAD_UNCHANGED)
    inds = cv2.imread(str(tmp_path / "inds" / "frame_000000.png"), cv2.IMREAD_UNCHANGED)
    expected_person = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected_chart = np.zeros((HEIGHT, WIDTH), np.uint8)
    for person in (0, 1):  # person 1 stands lower in the picture
        for row, column, y, x in in_frame(SURFACES.people[person]):
            expected_person[row, column] = PEOPLE.id_N[person]
            expected_chart[row, column] = SURFACES.people[person].labels_hw[y, x]
    assert np.array_equal(inds, expected_person)
    assert np.array_equal(iuv[..., 0], expected_chart)
    assert {3, 7} <= set(np.unique(inds).tolist())


def test_people_are_numbered_by_identity_and_those_without_one_from_the_top() -> None:
    ids = np.array([4, -1, 9, -1], np.int32)
    assert person_numbers(ids, still=False).tolist() == [4, 255, 9, 254]
    assert person_numbers(ids, still=True).tolist() == [1, 2, 3, 4]
    assert person_numbers(np.array([201, -1], np.int32), still=False).tolist() == [201, 65535]


def test_a_large_identity_makes_the_image_16_bit(tmp_path: Path) -> None:
    export({"inds": tmp_path}, frames_of(1), replace(ONE, id_N=np.array([4464], np.int32)), ONE_SURFACE)
    picture = cv2.imread(str(tmp_path / "frame_000000.png"), cv2.IMREAD_UNCHANGED)
    assert picture.dtype == np.uint16 and set(np.unique(picture).tolist()) == {0, 4464}


def test_masks_are_the_numbers_of_people_on_a_part(tmp_path: Path) -> None:
    """Parts by chart: a plain loop; a video has the same numbers in all channels."""
    to = {"inds": tmp_path / "inds", "iuv": tmp_path / "iuv", "masks": tmp_path / "masks"}
    export(to, frames_of(1))
    numbers, iuv, whole = (cv2.imread(str(folder / "frame_000000.png"), cv2.IMREAD_UNCHANGED) for folder in to.values())
    assert np.array_equal(whole, numbers)
    part = CHART_NAMES[int(np.bincount(iuv[iuv[..., 0] > 0][:, 0]).argmax())].replace(" ", "_")
    expected = np.where(np.isin(iuv[..., 0], list(PART_GROUPS[part])), numbers, 0)
    assert 0 < np.count_nonzero(expected) < np.count_nonzero(numbers)
    export({"masks": tmp_path / "part"}, frames_of(1), masks=MaskSettings(of=part))
    assert np.array_equal(cv2.imread(str(tmp_path / "part" / "frame_000000.png"), cv2.IMREAD_UNCHANGED), expected)
    export({"masks": tmp_path / "part.mkv"}, frames_of(1), masks=MaskSettings(of=part))
    (frame,) = film(tmp_path / "part.mkv")
    assert np.array_equal(frame, np.repeat(expected[..., None], 3, axis=2))


def test_a_video_of_masks_refuses_numbers_that_it_cannot_hold(tmp_path: Path) -> None:
    people = replace(ONE, id_N=np.array([4464], np.int32))
    with pytest.raises(StageError, match=r"up to 255.*name a folder"):
        export({"masks": tmp_path / "m.mkv"}, frames_of(1), people, ONE_SURFACE)


def test_settings_of_masks_are_checked() -> None:
    with pytest.raises(ValueError, match="did you mean 'shirt'"):
        MaskSettings(of="shirts")
    with pytest.raises(ValueError, match="--export masks=PATH"):
        Export.Config(to={"inds": "x"}, masks=MaskSettings(of="shirt"))


def test_confidence_is_that_of_the_visible_person(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    sure = [rng.random(one.labels_hw.shape).astype(np.float32) for one in SURFACES.people[:2]]
    pairs = zip(SURFACES.people, sure, strict=False)
    surfaces = Surfaces(people=tuple(replace(one, confidence_hw=its) for one, its in pairs))
    people = people_of([0, 0], PEOPLE.box_N4[:2].tolist(), [7, 3])
    export({"confidence": tmp_path}, frames_of(1), people, surfaces)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for person in (0, 1):  # person 1 stands lower in the picture
        for row, column, y, x in in_frame(SURFACES.people[person]):
            expected[row, column] = round(float(sure[person][y, x] * np.float32(255)))
    assert np.array_equal(cv2.imread(str(tmp_path / "frame_000000.png"), cv2.IMREAD_UNCHANGED), expected)
    with pytest.raises(StageError, match="the confidence of these surfaces is unknown"):
        export({"confidence": tmp_path}, frames_of(1), ONE, ONE_SURFACE)


@pytest.mark.parametrize("name", ["film.mkv", "film.mp4", "film.mov"])
def test_videos_of_images_are_lossless_and_on_time(tmp_path: Path, name: str) -> None:
    export({"iuv": tmp_path / "png", "iuv_video": tmp_path / name}, frames_of(3, first=4))
    pictures = film(tmp_path / name)
    for t, picture in enumerate(pictures):
        png = cv2.imread(str(tmp_path / "png" / f"frame_{4 + t:06d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(picture[..., ::-1], png)
    assert len(pictures) == 3
    with av.open(str(tmp_path / name)) as file:
        seconds = [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]
        assert [stream.type for stream in file.streams] == ["video"]
    assert np.allclose(seconds, [0.16, 0.2, 0.24], atol=1e-3)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "png"])


def test_odd_sizes_and_non_square_pixels_stay_unchanged(tmp_path: Path) -> None:
    video = replace(VIDEO, width=37, height=25, sample_aspect=Fraction(4, 3))
    people = people_of([0], [[2, 2, 30, 20]], [1])
    surfaces = Surfaces(people=(surface_of(8, 2, 2, 18, 28),))
    to = {"iuv": tmp_path / "png", "iuv_video": tmp_path / "a.mkv", "magicanimate": tmp_path / "b.mp4"}
    export(
        {**to, "prores": tmp_path / "c.mov", "webm": tmp_path / "d.webm"}, frames_of(1, video=video), people, surfaces
    )
    png = cv2.imread(str(tmp_path / "png" / "frame_000000.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(film(tmp_path / "a.mkv")[0][..., ::-1], png)
    assert np.array_equal(film(tmp_path / "b.mp4")[0], VIRIDIS[png[..., 0]])
    for name in ("c.mov", "d.webm"):
        with av.open(str(tmp_path / name)) as file:
            assert (file.streams.video[0].width, file.streams.video[0].height) == (37, 25)


def test_the_colour_maps_are_those_of_the_tools() -> None:
    """(68, 1, 84) is MagicAnimate's stated background; number p is value trunc(p · 255/24) of OpenCV's ramp."""
    assert VIRIDIS[0].tolist() == [68, 1, 84]
    for colours, colormap in ((VIRIDIS, cv2.COLORMAP_VIRIDIS), (PARULA, cv2.COLORMAP_PARULA)):
        for part in range(25):
            value = np.array([[part * 255 // 24]], np.uint8)
            assert cv2.applyColorMap(value, colormap)[0, 0, ::-1].tolist() == colours[part].tolist()


def test_part_colours_follow_the_charts(tmp_path: Path) -> None:
    export({"iuv": tmp_path / "iuv", "magicanimate": tmp_path / "v", "parula": tmp_path / "p"}, frames_of(1))
    chart = cv2.imread(str(tmp_path / "iuv" / "frame_000000.png"), cv2.IMREAD_UNCHANGED)[..., 0]
    viridis = cv2.imread(str(tmp_path / "v" / "frame_000000.png"))[..., ::-1]
    parula = cv2.imread(str(tmp_path / "p" / "frame_000000.png"))[..., ::-1]
    for part in range(25):
        assert (viridis[chart == part] == VIRIDIS[part]).all()
        assert (parula[chart == part] == (PARULA[part] if part else 0)).all()


def common_colours(path: Path, frame: int, least: int) -> np.ndarray:
    picture = orthonormal_axes(path, frame).reshape(-1, 3)
    colours, count = np.unique(picture, axis=0, return_counts=True)
    return colours[count >= least].astype(int)


@pytest.mark.parametrize("name", ["running.mp4", "multi_dancing.mp4"])
def test_magicanimates_own_videos_have_these_colours(shared: Path, name: str) -> None:
    """They are 4:2:0 video, so the colour of an area is within a few levels of the colour map."""
    common = common_colours(shared / "assets/real_iuv/magic_animate" / name, 5, 400)
    distance = np.abs(common[:, None] - VIRIDIS.astype(int)).max(axis=2)
    assert len(common) > 5 and distance.min(axis=1).max() <= 6
    assert len(set(distance.argmin(axis=1).tolist())) > 4
    apart = np.abs(VIRIDIS.astype(int)[:, None] - VIRIDIS.astype(int)).max(axis=2)
    assert np.sort(apart, axis=1)[:, 1].min() > 4  # neighbours on the ramp can be told apart at that distance
    other = np.abs(common[:, None] - PARULA.astype(int)).max(axis=2).min(axis=1)
    assert other.max() > 20  # and the other ramp would not have passed


def test_vid2denseposes_video_has_parula_on_black(shared: Path) -> None:
    """The right half shows its network's image, scaled, so only the colours of large areas are pure."""
    path = shared / "assets/real_iuv/vid2densepose/old_side_by_side.mp4"
    picture = orthonormal_axes(path, 60)
    colours, count = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    saturated = colours.max(axis=1).astype(int) - colours.min(axis=1) > 60
    common = colours[saturated & (count > 900)].astype(int)
    distance = np.abs(common[:, None] - PARULA.astype(int)).max(axis=2).min(axis=1)
    assert len(common) >= 5 and distance.max() <= 12
    assert count[(colours == 0).all(axis=1)][0] > 100_000


def test_dp_segm_is_detectron2s_blending(tmp_path: Path) -> None:
    """0.3 grey + 0.7 parula, truncated, person over person, within each box; grey outside of all boxes unchanged."""
    frames = frames_of(1)
    export({"dp_segm": tmp_path}, frames)
    ours = cv2.imread(str(tmp_path / "frame_000000.png"))[..., ::-1]
    grey = cv2.cvtColor(frames.rgb_THW3[0][..., ::-1].copy(), cv2.COLOR_BGR2GRAY)
    assert np.array_equal(ours, blended(np.repeat(grey[..., None], 3, axis=2), PARULA, (0, 1)))


def blended(under_HW3: np.ndarray, ramp: np.ndarray, persons: tuple[int, ...], share: float = 0.7) -> np.ndarray:
    """0.3 of what is below and 0.7 (`share`) of the colour, truncated, person over person, by plain loops."""
    image = under_HW3.astype(float)
    for person in persons:
        surface = SURFACES.people[person]
        for y in range(surface.labels_hw.shape[0]):
            for x in range(surface.labels_hw.shape[1]):
                row, column, part = y + surface.y0, x + surface.x0, surface.labels_hw[y, x]
                if 0 <= row < HEIGHT and 0 <= column < WIDTH:
                    colour = ramp[part] if part else image[row, column]
                    image[row, column] = np.trunc(image[row, column] * (1.0 - share) + colour * share)
    return image.astype(np.uint8)


def test_vid2densepose_is_viridis_over_the_colour_of_nobody(tmp_path: Path) -> None:
    """Flode-Labs/vid2densepose, main.py: an image of viridis(0), and the visualizer with alpha 1 over it."""
    export({"vid2densepose": tmp_path}, frames_of(1))
    ours = cv2.imread(str(tmp_path / "frame_000000.png"))[..., ::-1]
    nobody = np.broadcast_to(np.array([68, 1, 84]), (HEIGHT, WIDTH, 3))
    assert np.array_equal(ours, blended(nobody, VIRIDIS, (0, 1), share=1.0))
    assert ours[HEIGHT - 1, 0].tolist() == [68, 1, 84]


def test_leffa_is_parula_over_black_without_doubtful_people(tmp_path: Path) -> None:
    """franciszzj/Leffa, densepose_predictor.py: scores from .5, an image of zeros, alpha 0.7."""
    people = replace(PEOPLE, score_N=np.array([0.49, 0.5, 0.9], np.float32))
    export({"leffa": tmp_path}, frames_of(1), people)
    ours = cv2.imread(str(tmp_path / "frame_000000.png"))[..., ::-1]
    assert np.array_equal(ours, blended(np.zeros((HEIGHT, WIDTH, 3)), PARULA, (1,)))


def test_scail_gives_identities_its_colours_from_left_to_right(tmp_path: Path) -> None:
    """zai-org/SCAIL-Pose, track.py: blue, red, green … by the middle of the mask in the first frame."""
    chunk = frames_of(3)
    export({"scail": tmp_path / "drive.mkv", "scail_replace": tmp_path / "white"}, chunk)
    drive = film(tmp_path / "drive.mkv")
    white = [cv2.imread(str(tmp_path / "white" / f"frame_{t:06d}.png"))[..., ::-1] for t in range(3)]
    blue, red = [0, 0, 255], [255, 0, 0]
    export({"inds": tmp_path / "inds"}, chunk)
    for t in range(3):
        number = cv2.imread(str(tmp_path / "inds" / f"frame_{t:06d}.png"), cv2.IMREAD_UNCHANGED)
        for image, nobody in ((drive[t], [0, 0, 0]), (white[t], [255, 255, 255])):
            assert {tuple(c) for c in image[number == 7]} <= {tuple(blue)}  # identity 7 is left of identity 3
            assert {tuple(c) for c in image[number == 3]} <= {tuple(red)}
            assert (image[number == 0] == nobody).all()
    assert (drive[2] == blue).all(-1).any(), "the same person has the same colour later, alone"


def test_a_restart_gives_nobody_another_colour(tmp_path: Path) -> None:
    """The state of the first part, and a second part in which only the second person is left."""
    stage = Export(Export.Config(to={"scail": str(tmp_path)}))
    stage(job_of(), frames_of(1), people_of([0, 0], PEOPLE.box_N4[:2].tolist(), [7, 3]), SURFACES, None)
    later = Export(Export.Config(to={"scail": str(tmp_path)}))
    later.restore(stage.state())
    later(job_of(overwrite=True), frames_of(1, first=1), ONE, ONE_SURFACE, None)
    image = cv2.imread(str(tmp_path / "frame_000001.png"))[..., ::-1]
    assert {tuple(c) for c in image.reshape(-1, 3).tolist()} == {(0, 0, 0), (255, 0, 0)}


def test_more_than_six_people_begin_the_colours_anew_and_nobody_has_none() -> None:
    count = 8
    people = people_of([0] * count, [[4 * i, 0, 4 * i + 4, 8] for i in range(count)], [*range(1, count), -1])
    whole = np.full((8, 4), 2, np.uint8)
    surfaces = [replace(SURFACES.people[0], x0=4 * i, y0=0, labels_hw=whole, uv_2hw=np.zeros((2, 8, 4), np.float32))
                for i in range(count)]  # fmt: skip
    (result,) = frame_results(job_of(), frames_of(1), people, Surfaces(people=tuple(surfaces)), None)
    (mirrored,) = frame_results(job_of(), frames_of(1), people, Surfaces(people=tuple(surfaces[::-1])), None)
    first = IdentityColours()
    first.image(mirrored, (0, 0, 0))
    assert first.order == [7, 6, 5, 4, 3, 2, 1], "from left to right, not by score"
    row = IdentityColours().image(result, (0, 0, 0))[4, 2::4][:count].tolist()
    assert row[:6] == [list(colour) for colour in IDENTITY_COLOURS] and row[6] == row[0] and row[7] == [0, 0, 0]


def test_each_single_image_colours_its_people_from_left_to_right() -> None:
    colours, box_24 = IdentityColours(), PEOPLE.box_N4[:2]
    for first, second in ((0, 1), (1, 0)):
        people = people_of([0, 0], box_24.tolist(), [-1, -1])
        pair = Surfaces(people=tuple(replace(SURFACES.people[0], x0=WIDTH // 2 * n, y0=0) for n in (first, second)))
        chunk = replace(frames_of(1), video=replace(VIDEO, still=True))
        (result,) = frame_results(job_of(), chunk, people, pair, None)
        image_HW3 = colours.image(result, (0, 0, 0))
        shown = [image_HW3[:, WIDTH // 2 * n :][:, : WIDTH // 2].max(axis=(0, 1)).tolist() for n in (0, 1)]
        assert shown == [[0, 0, 255], [255, 0, 0]]


@pytest.mark.parametrize("kind", [*PICTURES, "masks:clothes"])
def test_a_frame_in_memory_has_the_pictures_of_the_exports(kind: str, tmp_path: Path) -> None:
    chunk = frames_of(1)
    name, _, part = kind.partition(":")
    export({name: tmp_path}, chunk, **({"masks": MaskSettings(of=part)} if part else {}))
    here = PEOPLE.some(np.array([0, 1]))
    (frame,) = Frames(Frames.Config())(chunk, here, Surfaces(people=SURFACES.people[:2]), None)
    expected = cv2.imread(str(tmp_path / "frame_000000.png"), cv2.IMREAD_UNCHANGED)
    made = frame.picture(kind)
    assert np.array_equal(made if made.ndim == 2 else made[..., ::-1], expected)
    with pytest.raises(StageError, match="there is no picture 'parts'; known: iuv, inds, masks"):
        frame.picture("parts")


def alpha_of(path: Path, t: int = 0) -> np.ndarray:
    """The alpha plane, 0..255."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        decoder = stream.codec_context
        if decoder.name.startswith("vp9") or "vp9" in decoder.codec.canonical_name:
            decoder = av.VideoCodecContext.create("libvpx-vp9", "r")
            decoder.extradata = stream.codec_context.extradata
        frames = [frame for packet in file.demux(stream) for frame in decoder.decode(packet)]
        return frames[t].reformat(format="rgba").to_ndarray()[..., 3]


@pytest.mark.parametrize(("kind", "name", "far"), [("prores", "layer.mov", 1), ("webm", "layer.webm", 24)])
def test_alpha_videos_are_opaque_on_people_alone(tmp_path: Path, kind: str, name: str, far: int) -> None:
    block = np.zeros((40, 30), np.uint8)
    block[4:36, 5:25] = 2
    surface = replace(SURFACES.people[1], labels_hw=block, uv_2hw=np.zeros((2, 40, 30), np.float32))
    frames = frames_of(2)
    overlay = Overlay(rgb_THW3=np.full_like(frames.rgb_THW3, 200))
    export({kind: tmp_path / name}, frames, ONE, Surfaces(people=(surface,)), overlay=overlay)
    alpha = alpha_of(tmp_path / name).astype(int)
    expected = np.zeros((HEIGHT, WIDTH), int)
    expected[5 + 4 : 5 + 36, 10 + 5 : 10 + 25] = 255
    assert np.abs(alpha - expected).max() <= far
    assert alpha_of(tmp_path / name, 1).max() == 0  # nobody is in the second frame
    with av.open(str(tmp_path / name)) as file:
        rgb = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(rgb[expected == 255] - 200).max() <= 8


@pytest.mark.parametrize(("kind", "name"), [("prores", "layer.mov"), ("webm", "layer.webm")])
def test_the_transparent_part_holds_nothing_of_the_background(tmp_path: Path, kind: str, name: str) -> None:
    """A viewer that ignores alpha sees the person and a strip around it, not the room."""
    frames = frames_of(2)
    bright = replace(frames, rgb_THW3=np.full_like(frames.rgb_THW3, 200))
    block = np.full((8, 8), 2, np.uint8)
    surface = replace(SURFACES.people[1], labels_hw=block, uv_2hw=np.zeros((2, 8, 8), np.float32), x0=4, y0=4)
    export({kind: tmp_path / name}, bright, ONE, Surfaces(people=(surface,)))
    with av.open(str(tmp_path / name)) as file:
        decoded = [frame.to_ndarray(format="rgb24").astype(int) for frame in file.decode(video=0)]
    assert np.abs(decoded[0][4:12, 4:12] - 200).max() <= 8 and np.abs(decoded[0][:20, :20] - 200).max() <= 16
    assert decoded[0][:, 40:].max() <= 8 and decoded[0][44:].max() <= 8
    assert decoded[1].max() <= 8  # nobody is in the second frame


def test_files_declare_their_alpha(tmp_path: Path) -> None:
    """ProRes 4444 by its four-character code, WebM by its AlphaMode element (Matroska's number 53 C0)."""
    export({"prores": tmp_path / "a.mov", "webm": tmp_path / "a.webm"}, frames_of(1), ONE, ONE_SURFACE)
    with av.open(str(tmp_path / "a.mov")) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.codec_tag == "ap4h" and stream.codec_context.pix_fmt.startswith("yuva444p")
    assert b"\x53\xc0\x81\x01" in (tmp_path / "a.webm").read_bytes()


def test_a_rendered_alpha_is_kept(tmp_path: Path) -> None:
    frames = frames_of(1)
    alpha = np.full((1, HEIGHT, WIDTH), 128, np.uint8)
    overlay = Overlay(rgb_THW3=frames.rgb_THW3, alpha_THW=alpha)
    export({"prores": tmp_path / "a.mov"}, frames, ONE, ONE_SURFACE, overlay=overlay)
    assert np.abs(alpha_of(tmp_path / "a.mov").astype(int) - 128).max() <= 1


def test_images_side_by_side_cannot_have_alpha(tmp_path: Path) -> None:
    overlay = Overlay(rgb_THW3=np.zeros((1, HEIGHT, 2 * WIDTH, 3), np.uint8))
    with pytest.raises(StageError, match="this style draws 128×48 from frames of 64×48"):
        export({"prores": tmp_path / "a.mov"}, frames_of(1), ONE, ONE_SURFACE, overlay=overlay)


def test_images_and_videos_are_refused_for_the_other_kinds(tmp_path: Path) -> None:
    still = frames_of(1, video=replace(VIDEO, still=True))
    with pytest.raises(StageError, match="a single image is no video"):
        export({"iuv_video": tmp_path / "a.mkv"}, still, ONE, ONE_SURFACE)
    with pytest.raises(StageError, match=r'"prores" cannot be written as ".mp4".*use .mov'):
        export({"prores": tmp_path / "a.mp4"}, frames_of(1), ONE, ONE_SURFACE)
    with pytest.raises(StageError, match="several inputs cannot go to one file"):
        export({"iuv": tmp_path / "a.mkv"}, frames_of(1), ONE, ONE_SURFACE, job=job_of(several=True))
    assert not list(tmp_path.iterdir())


def test_bytes_of_charts_are_those_of_the_reference_rule() -> None:
    labels = np.array([[0, 3, 3, 3]], np.uint8)
    uv = np.array([[[0.9, 0.999, 1.2, -0.1]], [[0.9, 0.5, 1.0, 0.0039]]], np.float32)
    assert quantised(labels, uv).tolist() == [[[0, 0, 0], [3, 254, 127], [3, 255, 255], [3, 0, 0]]]

"""Conversion of frames: orientation, pixel aspect, colour, HDR, alpha, interlacing and size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stages.video.decoding.hdr_tone_mapping import compress, hlg_nits, pq_nits, sdr_code
from stages.video.decoding.orientation import EXIF_ORIENTATIONS, Orientation, orientation_of_matrix
from stages.video.decoding.video_frames import display_matrix
from tests.stages.video.numbered_videos import HEIGHT, WIDTH, frames_of, number_in, numbered, write_video
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick

FRAMES = [numbered(i) for i in range(12)]
LOSSLESS = {"crf": "0", "preset": "ultrafast"}


def numbers(path: Path) -> list[int]:
    """The numbers that the frames of a file show."""
    return [number_in(rgb) for _, rgb in frames_of(path)]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_video_becomes_upright_with_its_pixel_aspect(tmp_path: Path, rotation: int) -> None:
    stored = [np.rot90(p, -(rotation // 90)) for p in FRAMES]
    source = write_video(tmp_path / "in.mp4", stored, rotation=rotation, aspect=Fraction(4, 3))
    with av.open(str(source)) as container:
        assert display_matrix(next(container.decode(video=0))) is not None
    output = tmp_path / "out.mp4"
    transcode(source, output)
    assert numbers(output) == list(range(12))
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (WIDTH, HEIGHT)
        assert stream.sample_aspect_ratio == (Fraction(4, 3) if rotation == 180 else Fraction(3, 4))
        assert display_matrix(next(container.decode(video=0))) is None


@pytest.mark.parametrize("target", ["mp4", "mkv", "mov"])
def test_sample_aspect_is_kept(tmp_path: Path, target: str) -> None:
    source = write_video(tmp_path / "in.mp4", FRAMES, aspect=Fraction(16, 11))
    transcode(source, tmp_path / f"out.{target}")
    with av.open(str(tmp_path / f"out.{target}")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


def test_frames_are_stretched_with_a_warning_where_no_pixel_aspect_can_be_stored(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", FRAMES, aspect=Fraction(3, 2))
    run = transcode(source, tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (96, 48)
    assert "64×48 are stretched to 96×48" in run.warnings


def test_every_display_matrix_is_undone() -> None:
    """Compared with the definition: a stored pixel (x, y) is shown at (a·x + c·y, b·x + d·y), shifted to be visible."""
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    one = 1 << 16
    for a, b, c, d in [
        (1, 0, 0, 1),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (-1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, 1, -1, 0),
        (0, -1, 1, 0),
        (0, -1, -1, 0),
    ]:
        matrix = np.array([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30], "<i4").tobytes()
        shown = {(a * x + c * y, b * x + d * y): image[y, x] for y in range(2) for x in range(3)}
        left, top = min(x for x, _ in shown), min(y for _, y in shown)
        result = orientation_of_matrix(matrix).apply(image)
        assert all((result[y - top, x - left] == value).all() for (x, y), value in shown.items())


def test_exif_orientations_are_the_eight_orientations() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    expected = {
        1: image,
        2: image[:, ::-1],
        3: image[::-1, ::-1],
        4: image[::-1],
        5: image.transpose(1, 0, 2),
        6: np.rot90(image, -1),
        7: np.rot90(image[::-1, ::-1].transpose(1, 0, 2), 0),
        8: np.rot90(image),
    }
    for orientation, upright in expected.items():
        turn: Orientation = EXIF_ORIENTATIONS[orientation]
        assert (turn.apply(image) == upright).all(), orientation
        assert turn.size(3, 2) == upright.shape[1::-1]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("libx264", "yuv420p10le", "mp4"),
        ("libx264", "yuv444p", "mp4"),
        ("libx264", "yuv422p", "mkv"),
        ("libx264", "gray", "mkv"),
        ("libx264rgb", "rgb24", "mkv"),
        ("ffv1", "gray16le", "mkv"),
        ("ffv1", "gbrp12le", "mkv"),
        ("ffv1", "yuv444p16le", "mkv"),
        ("prores_ks", "yuv422p10le", "mov"),
        ("libvpx-vp9", "yuv420p", "webm"),
        ("libsvtav1", "yuv420p10le", "mp4"),
        ("gif", "rgb8", "gif"),
        ("apng", "rgb24", "apng"),
        ("mjpeg", "yuvj422p", "avi"),
        ("mjpeg", "yuvj420p", "mjpeg"),
    ],
)
def test_every_pixel_format(
    tmp_path: Path, codec: str, pix_fmt: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVT_LOG", "0")
    base = Fraction(1, 25) if suffix == "gif" else Fraction(1, 30)
    source = write_video(tmp_path / f"in.{suffix}", FRAMES, codec=codec, pix_fmt=pix_fmt, time_base=base)
    output = tmp_path / "out.mp4"
    run = transcode(source, output)
    assert numbers(output) == list(range(12))
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.pix_fmt in ("yuv420p", "yuvj420p")
    grey = decoded(source)[0][0].rgb_THW3[0, 30:].astype(int) - FRAMES[0][30:]
    # GIF dithers between 256 colours: right on average only.
    assert np.abs(grey.mean(axis=(0, 1)) if codec == "gif" else grey).max() <= (20 if codec == "gif" else 6)
    assert run.facts["truncated"] is False


def test_odd_sizes_get_one_more_column_and_row(tmp_path: Path) -> None:
    images = [numbered(i, WIDTH + 1, HEIGHT + 1) for i in range(12)]
    source = write_video(tmp_path / "in.mkv", images, codec="ffv1", pix_fmt="yuv444p")
    run = transcode(source, tmp_path / "out.mp4", encode={"crf": 0.0})
    frames = [rgb for _, rgb in frames_of(tmp_path / "out.mp4")]
    assert frames[0].shape == (HEIGHT + 2, WIDTH + 2, 3)
    assert (frames[0][-1] == frames[0][-2]).all()
    assert [number_in(f) for f in frames] == list(range(12))
    assert "odd size 65×49" in run.warnings


def test_alpha_of_video_is_composited_over_black(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgra"
        rgba = np.dstack([np.full((48, 64, 3), 200, np.uint8), np.full((48, 64), 255, np.uint8)])
        rgba[:, 32:, 3], rgba[24:, 32:, 3] = 0, 128
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="bgra")))
        container.mux(stream.encode(None))
    chunks, facts = decoded(path)
    rgb = chunks[0].rgb_THW3[0]
    assert rgb[10, 10].tolist() == [200] * 3
    assert rgb[10, 50].tolist() == [0] * 3
    assert rgb[40, 50].tolist() == [100] * 3
    assert "transparent" in facts["warnings"][0]


def closed_form(y: int, cb: int, cr: int, kr: float, kb: float, full: bool) -> np.ndarray:
    """RGB of one YCbCr colour by the definition in BT.601, BT.709 and BT.2020."""
    luma = y / 255 if full else (y - 16) / 219
    blue, red = ((v - 128) / (255 if full else 224) for v in (cb, cr))
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return 255 * np.array([r, g, b])


@pytest.mark.parametrize(
    ("matrix", "kr", "kb"),
    [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (5, 0.299, 0.114), (9, 0.2627, 0.0593), (7, 0.212, 0.087)],
)
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_the_matrix_and_range_of_the_file(
    tmp_path: Path, matrix: int, kr: float, kb: float, full: bool
) -> None:
    path = tmp_path / "in.mp4"
    write_plain_yuv(path, (120, 100, 160), (1, 1, matrix, 2 if full else 1))
    chunks, _ = decoded(path)
    assert np.abs(chunks[0].rgb_THW3[0, 20, 20] - closed_form(120, 100, 160, kr, kb, full)).max() < 3
    video = chunks[0].video
    assert (video.color_primaries, video.color_trc, video.colorspace, video.full_range) == (1, 1, matrix, full)
    transcode(path, tmp_path / "out.mp4", encode={"crf": 0.0})
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (
            1,
            1,
            matrix,
            2 if full else 1,
        )
        planes = [int(np.frombuffer(plane, np.uint8)[0]) for plane in frame.planes]
    assert np.abs(np.array(planes) - (120, 100, 160)).max() <= 3


def write_plain_yuv(path: Path, colour: tuple[int, int, int], tags: tuple[int, int, int, int]) -> None:
    """Three frames of one YCbCr colour, losslessly, with tags (primaries, transfer, matrix, range)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options=LOSSLESS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        for _ in range(3):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane, value in zip(frame.planes, colour, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_unspecified_colour_stays_unspecified_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    write_plain_yuv(path, (120, 100, 160), (2, 2, 2, 1))
    transcode(path, tmp_path / "out.mp4", encode={"crf": 0.0})
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (2, 2, 2)
        planes = [int(np.frombuffer(plane, np.uint8)[0]) for plane in frame.planes]
    assert np.abs(np.array(planes) - (120, 100, 160)).max() <= 3


def test_hdr_curves_by_their_definitions() -> None:
    """ST 2084 and BT.2100 at published points; reference white stays bright, black stays black, nothing clips early."""
    assert pq_nits(np.array([0.0, 0.5081, 0.7518, 1.0])) == pytest.approx([0, 100, 1000, 10_000], rel=2e-3)
    assert hlg_nits(np.array([[0.75, 0.75, 0.75], [1.0, 1.0, 1.0]]))[:, 0] == pytest.approx([203, 1000], rel=1e-2)
    light = np.linspace(0, 1000 / 203, 500)
    assert (np.diff(compress(light)) > 0).all()
    assert compress(np.array([0.0, 0.3, 1000 / 203])) == pytest.approx([0, 0.3, 1])
    grey = sdr_code(np.repeat(np.linspace(0, 1, 20)[:, None], 3, 1), 16, 9)
    assert np.abs(grey - grey[:, :1]).max() < 2e-3
    assert (np.diff(grey[:, 0]) >= 0).all()
    assert 0.80 < sdr_code(np.full((1, 3), 0.5807), 16, 9)[0, 0] < 0.95


@pytest.mark.parametrize(("trc", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_tone_mapped_with_a_warning(tmp_path: Path, trc: int, name: str) -> None:
    source = write_video(
        tmp_path / "in.mp4",
        FRAMES,
        codec="libx265",
        pix_fmt="yuv420p10le",
        tags=(9, trc, 9, 1),
        options={"x265-params": "log-level=none:lossless=1"},
    )
    output = tmp_path / "out.mp4"
    run = transcode(source, output, encode={"crf": 1.0})
    assert name in run.warnings
    with av.open(str(output)) as container:
        frame = next(container.decode(video=0))
        assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (1, 1, 1)
    rgb = decoded(source)[0][0].rgb_THW3[0]
    expected = 255 * sdr_code(np.full((1, 3), 110 / 255), trc, 9)[0]
    assert np.abs(rgb[40, 30] - expected).max() < 5


def test_interlaced_video_is_deinterlaced_frame_for_frame(tmp_path: Path) -> None:
    """A bright block that moves between the fields leaves combs in the stored frames and none in the output."""

    def field(position: int) -> np.ndarray:
        image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        image[:, position : position + 16] = 220
        return image

    woven = []
    for i in range(12):
        image = field(4 * i % 44)
        image[1::2] = field(4 * i % 44 + 4)[1::2]
        woven.append(image)
    options = {"crf": "1", "x264-params": "tff=1"}
    source = write_video(tmp_path / "in.mkv", woven, options={**options, "flags": "+ildct+ilme"})
    output = tmp_path / "out.mp4"
    run = transcode(source, output, encode={"crf": 1.0})
    assert "12 interlaced frames" in run.warnings

    def combing(path: Path) -> float:
        return float(
            np.mean([np.abs(rgb[1:-1].astype(int) * 2 - rgb[:-2] - rgb[2:]).mean() for _, rgb in frames_of(path)])
        )

    assert len(frames_of(output)) == 12
    assert [t for t, _ in frames_of(output)] == pytest.approx([float(t) for t, _ in frames_of(source)], abs=1e-3)
    assert combing(output) < combing(source) / 4


def test_max_size_keeps_the_aspect_ratio(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", FRAMES)
    chunks, _ = decoded(source, max_size=32)
    assert chunks[0].rgb_THW3.shape[1:] == (24, 32, 3)
    assert decoded(source, max_size=640)[0][0].rgb_THW3.shape[1:] == (HEIGHT, WIDTH, 3)


def test_frames_of_another_size_are_resized_to_the_first_one(tmp_path: Path) -> None:
    small = write_video(tmp_path / "a.ts", FRAMES)
    large = write_video(tmp_path / "b.ts", [numbered(i).repeat(2, 0).repeat(2, 1) for i in range(12)])
    joined = tmp_path / "in.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    run = transcode(joined, tmp_path / "out.mp4")
    frames = frames_of(tmp_path / "out.mp4")
    assert {rgb.shape for _, rgb in frames} == {(HEIGHT, WIDTH, 3)}
    assert [number_in(rgb) for _, rgb in frames] == [*range(12), *range(12)]
    assert "size changes" in run.warnings

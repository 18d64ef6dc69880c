"""Still images, read and written: every mode and depth, upright, as 8 bits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from pipeline.stage import StageError
from stages.video.decoding.orientation import EXIF_ORIENTATIONS
from tests.stages.video.numbered_videos import frames_of
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick

IMAGE = np.dstack(
    [
        np.tile(np.linspace(10, 240, 40), (30, 1)),
        np.tile(np.linspace(240, 10, 30)[:, None], (1, 40)),
        np.full((30, 40), 77),
    ]
).astype(np.uint8)
IMAGE[:8, :8] = (250, 20, 20)


def still(path: Path) -> np.ndarray:
    """The one frame of an input."""
    chunks, facts = decoded(path)
    assert len(chunks) == 1 and len(chunks[0]) == 1
    assert chunks[0].video.still
    assert facts["frames_in"] == 1
    return chunks[0].rgb_THW3[0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    """The stored image is such that its orientation restores IMAGE."""
    transpose = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = Image.fromarray(IMAGE) if transpose is None else Image.fromarray(IMAGE).transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "in.png", exif=exif)
    assert (still(tmp_path / "in.png") == IMAGE).all()
    assert orientation in EXIF_ORIENTATIONS


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_lossless_formats_are_exact(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(IMAGE).save(tmp_path / f"in.{suffix}", **options)
    assert (still(tmp_path / f"in.{suffix}") == IMAGE).all()


def test_jpeg_is_what_pillow_reads(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "in.jpg", quality=90)
    assert (still(tmp_path / "in.jpg") == np.asarray(Image.open(tmp_path / "in.jpg"))).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("colour", [False, True])
def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path, suffix: str, colour: bool) -> None:
    wide = (IMAGE.astype(np.uint16) * 257) + 100
    pixels = wide[..., ::-1] if colour else wide[..., 0]
    cv2.imwrite(str(tmp_path / f"in.{suffix}"), pixels)
    expected = IMAGE if colour else np.repeat(IMAGE[..., :1], 3, -1)
    assert np.abs(still(tmp_path / f"in.{suffix}").astype(int) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_every_mode(tmp_path: Path, mode: str) -> None:
    grey = IMAGE[..., 0]
    if mode == "F":
        Image.fromarray((grey / 255).astype(np.float32)).save(tmp_path / "in.tif")
        expected = np.repeat(grey[..., None], 3, -1)
    elif mode == "I;16":
        Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "in.tif")
        expected = np.repeat(grey[..., None], 3, -1)
    else:
        image = Image.fromarray(IMAGE).convert(mode)
        image.save(tmp_path / "in.tif")
        expected = np.asarray(image.convert("RGB"))
    assert np.abs(still(tmp_path / "in.tif").astype(int) - expected).max() <= 1


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).convert("CMYK").save(tmp_path / "in.jpg", quality=98)
    assert np.abs(still(tmp_path / "in.jpg").astype(int) - IMAGE).mean() < 4


def test_alpha_of_images_is_composited_over_black_with_a_warning(tmp_path: Path) -> None:
    alpha = np.full(IMAGE.shape[:2], 255, np.uint8)
    alpha[:, 20:], alpha[:, 30:] = 128, 0
    Image.fromarray(np.dstack([IMAGE, alpha])).save(tmp_path / "in.png")
    expected = np.round(IMAGE * (alpha[..., None] / 255))
    assert np.abs(still(tmp_path / "in.png") - expected).max() <= 1
    assert "transparent" in decoded(tmp_path / "in.png")[1]["warnings"][0]


def test_animations_are_videos_and_single_images_are_not(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(IMAGE, i, 1)) for i in range(5)]
    frames[0].save(tmp_path / "many.gif", save_all=True, append_images=frames[1:], duration=[40, 80, 120, 40, 40])
    frames[0].save(tmp_path / "one.gif")
    frames[0].save(tmp_path / "many.png", save_all=True, append_images=frames[1:], duration=50)
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    chunks, facts = decoded(tmp_path / "many.gif")
    assert facts["frames_in"] == 5
    seconds = [float(pts * chunk.video.time_base) for chunk in chunks for pts in chunk.pts_T.tolist()]
    assert seconds == pytest.approx([0, 0.04, 0.12, 0.24, 0.28])
    assert decoded(tmp_path / "many.png")[1]["frames_in"] == 5
    frames[0].save(
        tmp_path / "many.webp", save_all=True, append_images=frames[1:], duration=[40, 80, 120, 40, 40], lossless=True
    )
    chunks, facts = decoded(tmp_path / "many.webp")
    assert facts["frames_in"] == 5
    assert [pts * chunk.video.time_base * 1000 for chunk in chunks for pts in chunk.pts_T.tolist()] == [
        0,
        40,
        120,
        240,
        280,
    ]
    assert (chunks[0].rgb_THW3[2] == np.roll(IMAGE, 2, 1)).all()
    transcode(tmp_path / "many.webp", tmp_path / "out.mp4", decode={"start": 0.1})
    assert [float(time) for time, _ in frames_of(tmp_path / "out.mp4")] == pytest.approx([0.02, 0.14, 0.18])
    still(tmp_path / "one.gif")
    assert (still(tmp_path / "pages.tif") == IMAGE).all()
    assert "first of 5 pages" in decoded(tmp_path / "pages.tif")[1]["warnings"][0]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
def test_images_are_written_by_suffix(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "in.png")
    run = transcode(tmp_path / "in.png", tmp_path / f"out.{suffix}")
    assert run.written is not None and run.written.frames == 1
    written = np.asarray(Image.open(tmp_path / f"out.{suffix}").convert("RGB")).astype(int)
    assert np.abs(written - IMAGE).mean() < (3 if suffix in ("jpg", "webp") else 0.001)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", f"out.{suffix}"]


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_an_image_as_a_video_has_one_frame(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(
        str(tmp_path / f"in.{suffix}"),
        IMAGE[..., ::-1].astype(np.uint16) * 257 if suffix == "tif" else IMAGE[..., ::-1],
    )
    transcode(tmp_path / f"in.{suffix}", tmp_path / "out.mp4", encode={"crf": 5.0})
    frames = frames_of(tmp_path / "out.mp4")
    assert len(frames) == 1
    # Chroma subsampling halves the resolution of colour and keeps its mean.
    assert np.abs(frames[0][1].astype(int) - IMAGE).mean() < 6


def test_a_video_cannot_be_written_as_an_image(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(IMAGE, i, 1)) for i in range(5)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:], duration=40)
    with pytest.raises(StageError, match="cannot be written as an image"):
        transcode(tmp_path / "in.gif", tmp_path / "out.png")
    assert [p.name for p in tmp_path.iterdir()] == ["in.gif"]


NOISE = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)


def _cut(folder: Path, suffix: str, share: float, **options: object) -> tuple[Path, np.ndarray]:
    """A file with the first part of an image, and the pixels of the whole image."""
    Image.fromarray(NOISE).save(folder / f"whole.{suffix}", **options)
    data = (folder / f"whole.{suffix}").read_bytes()
    (folder / f"cut.{suffix}").write_bytes(data[: int(len(data) * share)])
    with Image.open(folder / f"whole.{suffix}") as image:
        return folder / f"cut.{suffix}", np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "gif", "ppm", "tga"])
def test_a_truncated_image_shows_what_decodes(tmp_path: Path, suffix: str) -> None:
    path, whole = _cut(tmp_path, suffix, 0.6)
    run = transcode(path, tmp_path / "out.png")
    shown = np.asarray(Image.open(tmp_path / "out.png"))
    right_H = (shown == whole).all(axis=(1, 2))
    assert shown.shape == whole.shape and 80 <= right_H.sum() <= 120
    assert run.facts["truncated"] is True
    assert run.warnings.startswith("the image is damaged or cut short: image file is truncated")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    chunks, facts = decoded(tmp_path / f"whole.{suffix}")
    assert (chunks[0].rgb_THW3[0] == whole).all() and facts["truncated"] is False


def test_a_truncated_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path, whole = _cut(tmp_path, "jpg", 0.6, exif=exif)
    chunks, facts = decoded(path)
    assert facts["truncated"] is True
    assert (chunks[0].rgb_THW3[0, :, 100:] == np.rot90(whole, -1)[:, 100:]).all()


@pytest.mark.parametrize("suffix", ["webp", "jp2"])
def test_a_damaged_image_without_pixels_is_one_plain_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(StageError, match=r"damaged|can be decoded"):
        decoded(_cut(tmp_path, suffix, 0.5)[0])


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_an_image_that_ends_before_its_pixels_is_one_plain_error(tmp_path: Path, suffix: str) -> None:
    path, _ = _cut(tmp_path, suffix, 1)
    data = path.read_bytes()
    begin = data.index(b"\xff\xda") + 14 if suffix == "jpg" else data.index(b"IDAT") + 8
    path.write_bytes(data[:begin])
    with pytest.raises(StageError, match="is a damaged image"):
        decoded(path)


def test_max_size_of_images(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "in.png")
    chunks, _ = decoded(tmp_path / "in.png", max_size=20)
    assert chunks[0].rgb_THW3.shape == (1, 15, 20, 3)
    assert (chunks[0].video.width, chunks[0].video.height) == (20, 15)


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1"])
def test_a_tiff_of_other_pixels_becomes_a_readable_tiff(tmp_path: Path, mode: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "camera maker"
    Image.fromarray(IMAGE).convert(mode).save(tmp_path / "in.tif", exif=exif)
    transcode(tmp_path / "in.tif", tmp_path / "out.tif")
    with Image.open(tmp_path / "out.tif") as written:
        assert np.array_equal(np.asarray(written), decoded(tmp_path / "in.tif")[0][0].rgb_THW3[0])
        assert written.getexif().get(0x010F) == "camera maker"


def test_a_jpeg_leaves_out_exif_that_it_cannot_hold(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "long" * 20_000
    Image.fromarray(IMAGE).save(tmp_path / "in.png", exif=exif)
    for suffix, warns in (("jpg", True), ("png", False)):
        run = transcode(tmp_path / "in.png", tmp_path / f"out.{suffix}")
        assert ("EXIF data was left out" in run.warnings) == warns and (tmp_path / f"out.{suffix}").is_file()


def test_profile_and_exif_are_copied_without_the_orientation(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera maker"
    Image.fromarray(IMAGE).save(tmp_path / "in.jpg", exif=exif, icc_profile=profile)
    for suffix in ("jpg", "png", "webp"):
        transcode(tmp_path / "in.jpg", tmp_path / f"out.{suffix}")
        with Image.open(tmp_path / f"out.{suffix}") as written:
            assert written.size == (30, 40)
            assert written.info["icc_profile"] == profile
            assert written.getexif().get(0x010F) == "camera maker"
            assert 0x0112 not in written.getexif()


def test_an_image_that_only_ffmpeg_reads_is_a_still_image(tmp_path: Path) -> None:
    """Pillow is not asked to read SGI."""
    Image.fromarray(IMAGE).save(tmp_path / "in.sgi")
    run = transcode(tmp_path / "in.sgi", tmp_path / "out.png")
    assert run.written is not None and run.written.frames == 1
    assert (np.asarray(Image.open(tmp_path / "out.png")) == IMAGE).all()


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM", "SGI", "PCX", "QOI", "TGA"]
)
@pytest.mark.parametrize("name", ["photo", "photo.mp4", "photo.jpe", "PHOTO.TXT"])
def test_the_content_decides_and_not_the_suffix(tmp_path: Path, kind: str, name: str) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "made", kind)
    (tmp_path / "made").rename(tmp_path / name)
    assert still(tmp_path / name).shape == IMAGE.shape

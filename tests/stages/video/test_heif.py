"""HEIF images: tiles, orientation, 10 bits and HDR, and one plain error for damaged files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from pipeline.stage import StageError
from stages.video.decoding.demuxing import is_single_image, open_container
from stages.video.decoding.hdr_tone_mapping import sdr_code
from tests.stages.video.numbered_videos import numbered, write_video
from tests.stages.video.test_still_images import IMAGE, still
from tests.stages.video.video_runs import decoded, transcode

LARGE = IMAGE.repeat(6, 0).repeat(6, 1)
"""180 rows of 240 columns: no multiples of 64, the size of tiles."""
EXIF_UPRIGHT, EXIF_LYING = (b"\x01\x12\x00\x03\x00\x00\x00\x01\x00" + bytes([value]) for value in (1, 6))


def heic(path: Path, rgb_HW3: np.ndarray, orientation: int = 1, **options: Any) -> Path:
    """A lossless image. libheif writes an orientation both as EXIF and as boxes, like phones."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "camera maker"
    image = pillow_heif.from_pillow(Image.fromarray(rgb_HW3))
    image.save(path, quality=-1, chroma=444, matrix_coefficients=0, exif=exif.tobytes(), **options)
    return path


def decodes_to(image: np.ndarray, path: Path) -> bool:
    """Whether a file decodes to `image`, up to rounding."""
    found = still(path)
    return found.shape == image.shape and np.abs(found.astype(int) - image).max() <= 2


def test_tiles_are_joined_and_cropped(tmp_path: Path) -> None:
    path = heic(tmp_path / "in.heic", LARGE, tile_size=64)
    with open_container(str(path)) as container:
        assert len(container.streams.video) == 12, "not the kind of file that phones write"
    assert decodes_to(LARGE, path)


@pytest.mark.parametrize("tiled", [False, True])
def test_the_rotation_box_is_applied_once(tmp_path: Path, tiled: bool) -> None:
    stored = np.rot90(LARGE)
    path = heic(tmp_path / "in.heic", stored, 6, **({"tile_size": 64} if tiled else {}))
    data = path.read_bytes()
    assert b"irot" in data and EXIF_LYING in data
    assert decodes_to(LARGE, path)


def test_exif_rotates_an_image_without_a_rotation_box(tmp_path: Path) -> None:
    path = heic(tmp_path / "in.heic", np.rot90(LARGE))
    path.write_bytes(path.read_bytes().replace(EXIF_UPRIGHT, EXIF_LYING))
    assert decodes_to(LARGE, path)


def test_the_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    for name in ("photo.jpg", "photo.mp4", "photo", "PHOTO.HEIC", "photo.hif"):
        assert decodes_to(LARGE, heic(tmp_path / "made.heic", LARGE).rename(tmp_path / name))


def test_alpha_is_composited_over_black(tmp_path: Path) -> None:
    rgba = np.dstack([LARGE, np.full(LARGE.shape[:2], 255, np.uint8)])
    rgba[:, 120:, 3] = 0
    found = still(heic(tmp_path / "in.heic", rgba))
    assert not found[:, 122:].any() and np.abs(found[:, :118].astype(int) - LARGE[:, :118]).max() <= 2
    assert "transparent" in decoded(tmp_path / "in.heic")[1]["warnings"][0]


def test_the_primary_of_several_images_is_read_with_a_warning(tmp_path: Path) -> None:
    burst = pillow_heif.from_pillow(Image.fromarray(LARGE[::-1].copy()))
    burst.add_from_pillow(Image.fromarray(LARGE))
    burst.save(tmp_path / "in.heic", quality=-1, chroma=444, matrix_coefficients=0, primary_index=1)
    assert decodes_to(LARGE, tmp_path / "in.heic")
    assert "only the primary one of 2 images" in decoded(tmp_path / "in.heic")[1]["warnings"][0]


def ten_bits(path: Path, rgb_HW3: np.ndarray, curve: int) -> Path:
    """An image of 10 bits in BT.2020, with a transfer curve."""
    made = pillow_heif.from_bytes(
        mode="RGB;16", size=rgb_HW3.shape[1::-1], data=(rgb_HW3.astype(np.uint16) * 257).tobytes()
    )
    tags = {"color_primaries": 9, "transfer_characteristics": curve, "matrix_coefficients": 0, "full_range_flag": 1}
    made.save(path, quality=-1, chroma=444, **tags)
    return path


def test_ten_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    assert decodes_to(LARGE, ten_bits(tmp_path / "in.heic", LARGE, 1))


@pytest.mark.parametrize(("curve", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_images_are_tone_mapped_like_hdr_videos(tmp_path: Path, curve: int, name: str) -> None:
    path = ten_bits(tmp_path / "in.heic", LARGE, curve)
    expected = 255 * sdr_code(LARGE / 255, curve, 9)
    assert np.abs(still(path) - expected).mean() < 3
    assert name in decoded(path)[1]["warnings"][0]


def test_profile_and_exif_are_copied_to_the_output(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = heic(tmp_path / "in.heic", np.rot90(LARGE), 6, icc_profile=profile)
    transcode(path, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        assert written.size == (240, 180) and written.info["icc_profile"] == profile
        assert written.getexif().get(0x010F) == "camera maker" and 0x0112 not in written.getexif()


def test_a_file_url_is_read_as_the_file(tmp_path: Path) -> None:
    path = heic(tmp_path / "a photo.heic", LARGE, tile_size=64)
    chunks, _ = decoded(path.as_uri())
    assert chunks[0].video.still and chunks[0].rgb_THW3.shape == (1, 180, 240, 3)


def test_odd_sizes(tmp_path: Path) -> None:
    odd = np.ascontiguousarray(LARGE[:179, :237])
    assert decodes_to(odd, heic(tmp_path / "in.heic", odd, tile_size=64))
    assert still(ten_bits(tmp_path / "hdr.heic", odd, 16)).shape == odd.shape


def test_an_error_names_the_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = heic(tmp_path / "in.heic", LARGE)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(StageError, match=r"pillow-heif: .*pip install"):
        decoded(path)


def test_an_image_sequence_is_a_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", [numbered(i) for i in range(5)], codec="libx265")
    for brand in (b"hevc", b"msf1"):
        data = path.read_bytes()
        (tmp_path / "burst.heic").write_bytes(data[:8] + brand + data[12:])
        chunks, facts = decoded(tmp_path / "burst.heic")
        assert facts["frames_in"] == 5 and not chunks[0].video.still


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_one_plain_error_and_never_a_tile(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (180, 240, 3), dtype=np.uint8)
    data = heic(tmp_path / "whole.heic", noise, tile_size=64).read_bytes()
    (tmp_path / "cut.heic").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(StageError, match="damaged image"):
        decoded(tmp_path / "cut.heic")


def test_single_tiles_of_ffmpeg_are_refused(tmp_path: Path) -> None:
    """FFmpeg reads what is no local file, such as a URL. It reads single tiles, not the image."""
    path = heic(tmp_path / "in.heic", LARGE, tile_size=64)
    data = path.read_bytes()
    path.write_bytes(data[:8] + b"abcd" + data[12:])
    with pytest.raises(StageError, match="an image of tiles"):
        decoded(path)


def test_ffmpeg_reads_an_image_without_tiles(tmp_path: Path) -> None:
    for path, still_one in (
        (heic(tmp_path / "in.heic", LARGE), True),
        (write_video(tmp_path / "in.mp4", [numbered(0)]), False),
    ):
        with open_container(str(path)) as container:
            assert is_single_image(container) == still_one

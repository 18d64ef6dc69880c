"""Side data of frames and EXIF of photos: orientation is applied once, unknown types change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.stage import StageError, local_path
from stages.live.address import read_address
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.orientation import EXIF_ORIENTATIONS
from stages.video.decoding.video_frames import VideoFrames
from tests.stages.video.camera_jpegs import IMAGE, camera_jpeg, mjpeg_file
from tests.stages.video.heif_files import heif_photo
from tests.stages.video.numbered_videos import numbered
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick


def corners(rgb_HW3: np.ndarray[Any, Any]) -> list[str]:
    """The colour of each quadrant, from the upper left, row by row."""
    height, width = rgb_HW3.shape[:2]
    names = []
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            pixel = rgb_HW3[y, x]
            names.append("rgb"[int(pixel.argmax())] if pixel.max() > 90 else "-")
    return names


@pytest.mark.parametrize("suffix", ["avi", "mov", "mkv", "mjpeg"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_exif_in_each_frame_of_a_video(tmp_path: Path, suffix: str, orientation: int) -> None:
    video = mjpeg_file(tmp_path / f"in.{suffix}", [camera_jpeg(IMAGE, orientation)] * 8)
    chunks, facts = decoded(video)
    assert facts["frames_in"] == 8 and not facts["truncated"]
    expected = EXIF_ORIENTATIONS[orientation].apply(IMAGE)
    assert corners(chunks[0].rgb_THW3[0]) == corners(expected)
    assert (chunks[0].video.height, chunks[0].video.width) == expected.shape[:2]


def test_a_video_of_camera_jpegs_is_transcoded(tmp_path: Path) -> None:
    video = mjpeg_file(tmp_path / "in.avi", [camera_jpeg(numbered(i), 1) for i in range(8)])
    run = transcode(video, tmp_path / "out.mp4")
    assert run.written is not None and run.written.frames == 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("version", [0, 1])
def test_exif_rotates_a_heif_photo_without_a_rotation_box(tmp_path: Path, orientation: int, version: int) -> None:
    path = tmp_path / "in.heic"
    path.write_bytes(heif_photo(IMAGE, orientation, version=version))
    chunks, _ = decoded(path)
    assert corners(chunks[0].rgb_THW3[0]) == corners(EXIF_ORIENTATIONS[orientation].apply(IMAGE))


def test_a_heif_photo_with_a_rotation_box_is_rotated_once(tmp_path: Path) -> None:
    path = tmp_path / "in.heic"
    path.write_bytes(heif_photo(IMAGE, 6, irot=3))
    chunks, _ = decoded(path)
    assert corners(chunks[0].rgb_THW3[0]) == corners(EXIF_ORIENTATIONS[6].apply(IMAGE))


@pytest.mark.parametrize("cut", [20, 60, 120, 200, 300])
def test_a_truncated_heif_photo_is_one_plain_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "in.heic"
    path.write_bytes(heif_photo(IMAGE, 6)[:cut])
    with pytest.raises(StageError):
        decoded(path)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_rotates_photos_of_every_format_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = tmp_path / f"in.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(IMAGE).save(path, exif=exif)
    by_pillow, by_ffmpeg = decoded(path)[0][0].rgb_THW3[0], next(iter(VideoFrames(str(path), FrameSelection())))[1]
    expected = EXIF_ORIENTATIONS[orientation].apply(IMAGE)
    assert corners(by_pillow) == corners(by_ffmpeg) == corners(expected)


@pytest.mark.parametrize("name", ["photo.jpg", "a photo.jpg"])
def test_a_photo_by_file_url(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(camera_jpeg(IMAGE, 6))
    named, by_url = decoded(path)[0][0], decoded(path.as_uri())[0][0]
    assert by_url.video.still and (named.rgb_THW3 == by_url.rgb_THW3).all()
    assert corners(by_url.rgb_THW3[0]) == corners(EXIF_ORIENTATIONS[6].apply(IMAGE))
    assert read_address(path.as_uri()).target == str(path)


def test_only_local_file_urls_are_paths() -> None:
    assert local_path("file:///a%20b/c.mp4") == "/a b/c.mp4"
    assert local_path("file://localhost/c.mp4") == "/c.mp4"
    for name in ("file://elsewhere/c.mp4", "http://host/c.mp4", "c.mp4", "/c%20.mp4", "file:c.mp4"):
        assert local_path(name) == name

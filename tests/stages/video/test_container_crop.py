"""The crop that a container asks for is applied to all frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.stage import StageError
from stages.video.decoding.container_crop import NO_CROP, ContainerCrop, container_crop
from tests.stages.training.made_crops import in_container, with_crop
from tests.stages.video.numbered_videos import write_video
from tests.stages.video.video_runs import decoded, transcode

pytestmark = pytest.mark.quick

WIDTH, HEIGHT = 96, 64
ROWS = np.arange(HEIGHT)[:, None, None] * np.ones((1, WIDTH, 3)) * 3
COLUMNS = np.arange(WIDTH)[None, :, None] * np.array([1.0, 0.0, 0.5])
FRAMES = [np.clip(ROWS + COLUMNS + i, 0, 255).astype(np.uint8) for i in range(10)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("plain") / "in.mkv", FRAMES, time_base=Fraction(1, 25))


@pytest.fixture
def cropped(plain: Path, tmp_path: Path) -> Path:
    return with_crop(plain, tmp_path / "cropped.mkv", top=10, bottom=6, left=7)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
def test_frames_have_the_crop_of_the_container(
    plain: Path, cropped: Path, tmp_path: Path, suffix: str
) -> None:
    source = in_container(cropped, tmp_path / f"in.{suffix}")
    whole, part = decoded(plain)[0][0], decoded(source)[0][0]
    assert (part.video.width, part.video.height) == (WIDTH - 7, HEIGHT - 16)
    assert (part.rgb_THW3 == whole.rgb_THW3[:, 10:-6, 7:]).all()
    assert part.video.sample_aspect == 1


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_crop_comes_before_rotation(plain: Path, cropped: Path, tmp_path: Path, rotation: int) -> None:
    turned = decoded(in_container(cropped, tmp_path / "in.mp4", rotation=rotation))[0][0]
    whole = decoded(plain)[0][0].rgb_THW3[0, 10:-6, 7:]
    assert (turned.rgb_THW3[0] == np.rot90(whole, rotation // 90)).all()
    assert (turned.video.height, turned.video.width) == np.rot90(whole, rotation // 90).shape[:2]


def test_crop_and_max_size(plain: Path, cropped: Path) -> None:
    small = decoded(cropped, max_size=40)[0][0]
    assert max(small.rgb_THW3.shape[1:3]) == 40
    shown = decoded(plain)[0][0].rgb_THW3[:, 10:-6, 7:]
    assert abs(small.rgb_THW3[0].mean((0, 1)) - shown[0].mean((0, 1))).max() < 2


def test_the_output_has_the_cropped_size(cropped: Path, tmp_path: Path) -> None:
    transcode(cropped, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (WIDTH - 6, HEIGHT - 16)  # H.264 repeats one column to be even
        assert container_crop(container, stream) == NO_CROP


def test_videos_without_a_crop(plain: Path, tmp_path: Path) -> None:
    for suffix in ("mkv", "mp4", "ts"):
        source = in_container(plain, tmp_path / f"in.{suffix}")
        with av.open(str(source)) as container:
            assert container_crop(container, container.streams.video[0]) == NO_CROP


def test_a_crop_larger_than_the_frame_is_ignored(plain: Path, tmp_path: Path) -> None:
    """FFmpeg rejects such a file; but the frames of a video may become smaller."""
    with pytest.raises(StageError):
        decoded(with_crop(plain, tmp_path / "in.mkv", top=60, bottom=60))
    assert ContainerCrop(left=50, right=50).size(90, 20) == (90, 20)
    assert ContainerCrop(left=50, right=50).apply(FRAMES[0][:, :90]).shape[1] == 90

"""Which images are annotated: files, and every n-th frame of videos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.stage import StageError
from stages.annotations.image_folders import read_rgb
from stages.studio.given_images import check_media, given_images
from stages.studio.work.task_list import TaskImage
from tests.stages.video.numbered_videos import number_in, numbered, write_video

pytestmark = pytest.mark.quick


def test_every_nth_frame_of_a_video_is_an_image(tmp_path: Path) -> None:
    """A frame's name tells which frame of the film it is; frames are written once."""
    film = write_video(tmp_path / "film.mp4", [numbered(number) for number in range(20)])
    frames = tmp_path / "people.frames"
    images = given_images([film], frames, every=6)
    assert [one.task.name for one in images] == [f"film.mp4.every6/{k:06d}.jpg" for k in (0, 6, 12, 18)]
    assert [number_in(read_rgb(one.path)) for one in images] == [0, 6, 12, 18]
    film.write_bytes(b"")  # nothing is decoded again
    assert given_images([film], frames, every=6) == images
    assert sorted(path.name for path in frames.iterdir()) == ["film.mp4.every6"]


def test_a_video_that_cannot_be_read_leaves_no_frames(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no video at all")
    with pytest.raises(StageError, match=r"film\.mp4"):
        given_images([film], tmp_path / "people.frames", every=6)
    assert not list((tmp_path / "people.frames").iterdir())
    check_media(film)
    with pytest.raises(StageError, match="neither image nor video"):
        check_media(tmp_path / "notes.txt")


def test_images_of_the_same_name_get_names_of_their_own(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "photo.png" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        cv2.imwrite(str(path), np.zeros((4, 6, 3), np.uint8))
    alone = given_images(paths[:1], tmp_path / "frames", every=1)
    assert [one.task for one in alone] == [TaskImage(name="photo.png", height=4, width=6)]
    both = given_images(paths, tmp_path / "frames", every=1)
    assert [one.task.name for one in both] == [path.as_posix() for path in paths]

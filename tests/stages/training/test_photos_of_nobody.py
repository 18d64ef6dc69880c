"""What people say of a photo counts more than what the teachers see in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.arrays import F32, U8
from models.light.architecture.detector_locations import detector_locations
from stages.training.data.label_photos import LabelPhotos, all_pictures
from stages.training.data.labelled_photos import DENSE, FALSE, SIDE, LabelledPhoto, write_shard
from stages.training.data.labels_from_teachers import Teachers, label_photo
from stages.training.data.photo_pool import PhotoPool
from stages.training.light.canvases import CANVAS
from stages.training.light.detector_batches import DetectorBatches
from stages.training.light.mixes import SheetMix

pytestmark = pytest.mark.quick


class Believer:
    """A teacher that sees a person everywhere."""

    def __call__(self, rgb_HW3: U8, **_: Any) -> tuple[F32, F32]:
        """One person as large as the photo."""
        height, width = rgb_HW3.shape[:2]
        return np.array([[0, 0, width, height]], np.float32), np.ones(1, np.float32)


class EverywhereTeacher:
    """A teacher of locations that is sure of all of them."""

    def __call__(self, rgb_SS3: U8) -> F32:
        """Score 1 at each location."""
        return np.ones((len(detector_locations(CANVAS, CANVAS)[0]), 5), np.float32)


def test_a_photo_of_nobody_is_background_and_its_locations_are_taught_to_be_empty(tmp_path: Path) -> None:
    folder = tmp_path / "clothes"
    folder.mkdir()
    for name in ("coat.png", "hat.png"):
        cv2.imwrite(str(folder / name), np.full((60, 40, 3), 90, np.uint8))
    believer: Any = Believer()
    teachers = Teachers(parts=believer, boxes=believer, poses=None, joints=None, masks=None, faces=None)
    photos = [label_photo(image, teachers, 0) for image in all_pictures(LabelPhotos.Config(nobody=(str(folder),)))]
    assert [photo.name for photo in photos] == ["clothes/coat.png", "clothes/hat.png"]
    for photo in photos:
        assert photo.kind_M.tolist() == [FALSE] and not photo.people and not photo.dense_DD.any()
        assert photo.box_M4.tolist() == [[0, 0, SIDE, SIDE]], "where the teacher is wrong"
        assert photo.rgb_SS3.shape == (SIDE, SIDE, 3) and photo.aspect == pytest.approx(2 / 3)

    write_shard(tmp_path / "0000.npz", photos)
    pool = PhotoPool([tmp_path / "0000.npz"])
    everywhere: Any = EverywhereTeacher()

    def taught(shown: PhotoPool) -> U8:
        mix = SheetMix(synthetic=0, composited=0, mosaic=0.5)
        batches = DetectorBatches(shown, None, indices=range(4), seed=3, teacher=everywhere, mix=mix)
        return batches(0)[-1][..., 0].numpy()

    assert (taught(pool) == 0).all()
    box_M4, kind_M = np.array([[9, 9, 99, 99]], np.float32), np.zeros(1, np.uint8)
    pool.photos[:] = [replace(photo, box_M4=box_M4, kind_M=kind_M) for photo in pool.photos]
    assert (taught(pool) == 1).all()


def test_the_box_teacher_predicts_nothing_on_annotated_photos_which_are_drawn_as_often_as_wanted(
    tmp_path: Path,
) -> None:
    blank = LabelledPhoto(
        name="blank.jpg",
        rgb_SS3=np.zeros((SIDE, SIDE, 3), np.uint8),
        aspect=1.0,
        dense_DD=np.ones((DENSE, DENSE), np.uint8),
        box_M4=np.array([[9, 9, 99, 99]], np.float32),
        kind_M=np.zeros(1, np.uint8),
        people=(),
    )
    write_shard(tmp_path / "0000.npz", [replace(blank, name=f"{k}.jpg") for k in range(30)])
    pool = PhotoPool([tmp_path / "0000.npz"])
    pool.annotated = [4]
    everywhere: Any = EverywhereTeacher()

    def silent_share(annotated: float) -> float:
        mix = SheetMix(synthetic=0, mosaic=0, annotated=annotated)
        batches = DetectorBatches(pool, None, indices=range(40), seed=3, teacher=everywhere, mix=mix)
        scores = batches(0)[-1][..., 0].numpy()
        assert set(np.unique(scores)) <= {-1.0, 1.0} and (scores == scores[:, :1]).all()
        return float((scores[:, 0] == -1).mean())

    assert silent_share(0) < 0.2 < silent_share(0.5) < 0.8 and silent_share(1) == 1

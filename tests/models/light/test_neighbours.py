"""The surface network sees the other people of a frame where they are."""

from __future__ import annotations

import numpy as np
import pytest

from models.light.architecture.preprocessing import CROP
from models.light.architecture.surface_net import GRID
from models.light.inference.crop_view import CropView, rotation_about
from models.light.inference.neighbours import FirstSilhouette, Neighbours, neighbours_of_each

pytestmark = pytest.mark.quick
REGION_4 = np.array([100, 50, 180, 210], np.float32)


def covered(neighbours: Neighbours, view: CropView) -> tuple[np.ndarray, np.ndarray]:
    """The planes of boxes and silhouettes, as shares."""
    box_CC, silhouette_CC = np.moveaxis(neighbours.planes(view) / 255, 2, 0)
    return box_CC, silhouette_CC


def test_a_box_covers_its_pixels_of_the_crop() -> None:
    other = Neighbours(box_K4=np.array([[140, 90, 300, 130], [100, 50, 110, 60]]), score_K=np.array([0.8, 0.2]))
    box_CC, silhouette_CC = covered(other, CropView.of_region(REGION_4))
    wanted_CC = np.zeros((CROP, CROP))
    wanted_CC[:10, :20] = 0.2  # a pixel of the frame is 2 by 1 pixels of the crop
    wanted_CC[40:80, 80:] = 0.8
    assert (np.abs(box_CC - wanted_CC) > 0.01).mean() < 0.01 and not silhouette_CC.any()


def test_planes_follow_a_rotated_view() -> None:
    region_4 = np.array([100, 50, 260, 210], np.float32)
    other = Neighbours(box_K4=np.array([[180, 50, 260, 130]]), score_K=np.ones(1))  # upper right
    view = CropView.of_region(region_4)
    upright_CC, _ = covered(other, view)
    turned_CC, _ = covered(other, view.of_transformed_frame(rotation_about(np.array([180.0, 130]), 90)))
    assert upright_CC[:79, 81:].all() and not upright_CC[81:].any()
    assert turned_CC[81:, 81:].all() and not turned_CC[:79].any()  # lower right


def test_a_first_silhouette_is_seen_where_it_is() -> None:
    logit_GG = np.full((GRID, GRID), -20, np.float32)
    logit_GG[:, : GRID // 2] = 20
    one = FirstSilhouette.of_logit(person_GG=logit_GG, region_4=np.array([140, 50, 220, 210], np.float32))
    other = Neighbours(box_K4=np.zeros((0, 4)), score_K=np.zeros(0), silhouette_K=(one,))
    _, silhouette_CC = covered(other, CropView.of_region(REGION_4))
    assert silhouette_CC[2:-2, 84:158].min() > 0.99 and silhouette_CC[:, :76].max() == 0


def test_everyone_has_all_others() -> None:
    box_N4 = np.arange(12.0).reshape(3, 4)
    silhouettes = [FirstSilhouette.of_logit(person_GG=np.zeros((2, 2)), region_4=box_4) for box_4 in box_N4]
    found = list(neighbours_of_each(box_N4, np.array([0.1, 0.2, 0.3]), silhouettes))
    assert [one.box_K4[:, 0].tolist() for one in found] == [[4, 8], [0, 8], [0, 4]]
    assert [one.score_K.tolist() for one in found] == [[0.2, 0.3], [0.1, 0.3], [0.1, 0.2]]
    assert [one.region_4[0] for one in found[1].silhouette_K] == [0, 8]


def test_the_second_box_of_a_person_is_no_neighbour_of_the_first_but_sees_it() -> None:
    box_N4 = np.array([[0, 0, 100, 200], [5, 10, 100, 190], [60, 0, 160, 200], [0, 0, 90, 200]], np.float32)
    score_N = np.array([0.9, 0.4, 0.8, 0.05])
    first, second, other, _ = neighbours_of_each(box_N4, score_N)
    assert first.score_K.tolist() == [0.8]
    assert second.score_K.tolist() == [0.9, 0.8]
    assert other.score_K.tolist() == [0.9, 0.4]


def test_two_boxes_with_one_silhouette_are_one_person() -> None:
    def silhouette(left: int) -> FirstSilhouette:
        logit_GG = np.full((GRID, GRID), -20, np.float32)
        logit_GG[:, left : left + 20] = 20
        return FirstSilhouette.of_logit(person_GG=logit_GG, region_4=np.array([0, 0, 160, 160], np.float32))

    box_N4 = np.array([[0, 0, 50, 160], [0, 80, 120, 160], [20, 0, 130, 160]], np.float32)
    found = list(neighbours_of_each(box_N4, np.array([0.9, 0.5, 0.4]), [silhouette(at) for at in (5, 7, 50)]))
    assert [one.score_K.tolist() for one in found] == [[0.4], [0.9, 0.4], [0.9, 0.5]]
    assert [len(one.silhouette_K) for one in found] == [1, 2, 2]

"""The people of a frame in the formats of other libraries, and as a notebook shows them."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_masks

from pipeline.stage import StageError
from stages.payloads import People, PersonSurface
from stages.results.formats.part_colours import PARULA
from stages.results.people_with_surfaces import PeopleWithSurfaces

pytestmark = pytest.mark.quick


def surface(x0: int, y0: int, chart: int) -> PersonSurface:
    return PersonSurface(x0=x0, y0=y0, labels_hw=np.full((2, 2), chart, np.uint8), uv_2hw=np.full((2, 2, 2), 0.5))


@pytest.fixture
def two() -> PeopleWithSurfaces:
    """Two people who overlap in one pixel; the second is nearer, the first reaches out of the frame."""
    people = People(
        frame_N=np.zeros(2, np.int32),
        box_N4=np.array([[0, -1, 2, 1], [1, 0, 3, 2]], np.float32),
        score_N=np.array([0.9, 0.8], np.float32),
        id_N=np.array([4, 7], np.int32),
        near_N=np.array([0, 1], np.float32),
    )
    return PeopleWithSurfaces.of(people, (surface(0, -1, 3), surface(1, 0, 5)), height=3, width=4)


def test_coco_results(two: PeopleWithSurfaces) -> None:
    one, other = two.to_coco(12)
    assert (one["image_id"], one["track_id"], other["track_id"]) == (12, 4, 7)
    assert other["bbox"] == [1.0, 0.0, 2.0, 2.0] and one["score"] == pytest.approx(0.9)
    mask_HW = coco_masks.decode(one["segmentation"])
    assert mask_HW.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_iuv_has_the_nearer_person_where_both_are(two: PeopleWithSurfaces) -> None:
    assert two.to_iuv()[..., 0].tolist() == [[3, 5, 5, 0], [0, 5, 5, 0], [0, 0, 0, 0]]
    assert two.to_iuv()[0, 0].tolist() == [3, 127, 127]


def test_detections_of_supervision(two: PeopleWithSurfaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", SimpleNamespace(Detections=SimpleNamespace))
    found = two.to_detections()
    assert found.xyxy.tolist() == [[0, -1, 2, 1], [1, 0, 3, 2]] and found.tracker_id.tolist() == [4, 7]
    assert (
        found.mask.shape == (2, 3, 4)
        and found.mask.sum((1, 2)).tolist() == [2, 4]
        and found.class_id.tolist() == [0, 0]
    )
    unknown = PeopleWithSurfaces.of(
        People(frame_N=two.frame_N, box_N4=two.box_N4, score_N=two.score_N, id_N=np.array([-1, -1])),
        two.surface_N,
        3,
        4,
    )
    assert unknown.to_detections().tracker_id is None
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(StageError, match=r"needs the package supervision .*; install it: pip install supervision"):
        two.to_detections()


def test_detections_of_the_real_library(two: PeopleWithSurfaces) -> None:
    library = pytest.importorskip("supervision")
    found = two.to_detections()
    assert isinstance(found, library.Detections) and found.area.tolist() == [2, 4]
    assert len(found[found.tracker_id == 7]) == 1


def test_some_of_them_keep_their_surfaces(two: PeopleWithSurfaces) -> None:
    for chosen in (np.array([1]), two.score_N < 0.85):
        rest = two.some(chosen)
        assert isinstance(rest, PeopleWithSurfaces) and rest.id_N.tolist() == [7]
        assert set(rest.to_iuv()[..., 0].ravel().tolist()) == {0, 5}
    assert two.some(np.zeros(0, int)).to_coco() == [] and not two.some(np.zeros(0, int)).to_iuv().any()


def test_a_notebook_shows_charts_in_colours(two: PeopleWithSurfaces) -> None:
    shown = cv2.imdecode(np.frombuffer(two._repr_png_(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert shown[0, 1].tolist() == PARULA[5].tolist() and not shown[2].any()

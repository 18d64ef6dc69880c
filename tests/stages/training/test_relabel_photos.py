"""A second round of labels: the student fills what was left open, where it is sure and the mirror image agrees."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.structures import SurfaceMap
from models.surface.charts import MIRROR_CHART
from stages.annotations.photos import IGNORE, LABELS, SIDE, LabelledPhoto, PersonLabels, held_out, write_shard
from stages.synthetic.synthesize import Synthesize, painter
from stages.training.data.relabel_photos import RelabelPhotos
from stages.training.data.second_labels import SecondLabels, second_labels
from stages.training.payloads import PhotoShards, Round

HEIGHT, WIDTH = 60, 90
BOX = np.array([20, 10, 80, 50], np.float32)


class Student:
    """Says the chart that the red channel shows and the confidence that the green one does, in its box alone."""

    def __init__(self, *, forgets_sides: bool = False) -> None:
        self.forgets_sides = forgets_sides

    def __call__(self, rgb_HW3: np.ndarray, box_4: np.ndarray) -> SurfaceMap:
        x0, y0, x1, y1 = map(int, box_4)
        part = rgb_HW3[y0:y1, x0:x1]
        mirrored = rgb_HW3[0, 0, 2] == 0  # the first pixel of the picture is marked
        chart = MIRROR_CHART[part[..., 0]] if mirrored and not self.forgets_sides else part[..., 0]
        uv = np.zeros((2, *chart.shape), np.float32)
        return SurfaceMap(x0=x0, y0=y0, labels_hw=chart, uv_2hw=uv, confidence_hw=part[..., 1] / np.float32(100))


def picture() -> np.ndarray:
    """Charts 3 and 9 beside each other, in stripes of little and of much confidence."""
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[:, :50, 0], rgb[:, 50:, 0] = 3, 9
    rgb[:30, :, 1], rgb[30:, :, 1] = 40, 90
    rgb[0, 0, 2] = 255
    return rgb


def person(label_LL: np.ndarray) -> PersonLabels:
    """Its region is the whole picture, a cell a pixel and a half."""
    region = np.array([0, 0, WIDTH, HEIGHT], np.float32)
    return PersonLabels(box_4=BOX, region_4=region, label_LL=label_LL, weight_LL=np.full(label_LL.shape, 200, np.uint8))


def test_open_cells_are_filled_where_the_student_is_sure() -> None:
    label = np.full((40, 60), IGNORE, np.uint8)
    label[:, :20] = 0
    again = second_labels(picture(), person(label), Student(), SecondLabels(fill=0.7))
    assert (again.label_LL[:, :20] == 0).all()
    assert (again.weight_LL[:, :20] == 200).all()
    assert (again.label_LL[20:33, 20:33] == 3).all()
    assert (again.label_LL[20:33, 34:53] == 9).all()
    assert (again.weight_LL[20:33, 34:53] == round(0.9 * 255)).all()
    assert (again.label_LL[:20, 20:] == IGNORE).all(), "unsure"
    assert (again.label_LL[34:, 20:] == IGNORE).all(), "outside of the box"
    assert (label[:, 20:] == IGNORE).all(), "what was given stays as it was"


def test_what_the_mirror_image_contradicts_does_not_count() -> None:
    label = np.full((40, 60), IGNORE, np.uint8)
    again = second_labels(picture(), person(label), Student(forgets_sides=True), SecondLabels(fill=0.7))
    assert (again.label_LL == IGNORE).all()


def test_labels_that_are_contradicted_are_struck_out_if_asked_for() -> None:
    label = np.full((40, 60), 3, np.uint8)
    usual = second_labels(picture(), person(label), Student(), SecondLabels())
    assert (usual.label_LL == 3).all()
    strict = second_labels(picture(), person(label), Student(), SecondLabels(strike=0.8))
    assert (strict.label_LL[20:33, 34:53] == IGNORE).all()
    assert (strict.label_LL[20:33, 14:33] == 3).all()
    assert (strict.label_LL[:20] == 3).all()


def photo(index: int) -> tuple[LabelledPhoto, np.ndarray]:
    """One synthetic person whom no teacher labelled, as a photo; and the true charts of the cells."""
    made = painter(Synthesize.Config(world="stress_plain", seed=3))(index)
    height, width = made.label_HW.shape
    x0, y0, x1, y1 = box = made.box_N4[0]
    share = (np.arange(LABELS) + 0.5) / LABELS
    rows, columns = (y0 + share * (y1 - y0)).astype(int), (x0 + share * (x1 - x0)).astype(int)
    truth = (made.label_HW * (made.instance_HW == 1))[rows][:, columns]
    box_4 = box * np.array([SIDE / width, SIDE / height] * 2, np.float32)
    label = np.full((LABELS, LABELS), IGNORE, np.uint8)
    label[0] = 0
    one = PersonLabels(box_4=box_4, region_4=box_4, label_LL=label, weight_LL=np.zeros((LABELS, LABELS), np.uint8))
    taken = LabelledPhoto(
        name=f"photo{index}.jpg",
        aspect=width / height,
        rgb_SS3=cv2.resize(made.rgb_HW3, (SIDE, SIDE), interpolation=cv2.INTER_AREA),
        box_M4=box_4[None],
        kind_M=np.zeros(1, np.uint8),
        dense_DD=np.zeros((52, 52), np.uint8),
        people=(one,),
    )
    return taken, truth


def test_the_built_in_weights_read_people_whom_no_teacher_labelled(tmp_path: Path) -> None:
    photos, truths = zip(*map(photo, range(4, 12)), strict=True)
    kept_out = np.array([held_out(one.name) for one in photos])
    assert 0 < kept_out.sum() < 4
    path = tmp_path / "0000.npz"
    write_shard(path, photos)
    stage = RelabelPhotos(RelabelPhotos.Config(folder=str(tmp_path)))
    given = PhotoShards(paths=(str(path),))
    (made,) = stage(Round(index=0, count=2), given)
    (after,) = map(Path, made.paths)
    assert after.parent == tmp_path / "photos_again"
    with np.load(path) as old, np.load(after) as new:
        label_MLL = new["person_label"]
        assert (label_MLL[kept_out] == old["person_label"][kept_out]).all()
        assert all((new[name] == old[name]).all() for name in old if not name.startswith("person_"))
    assert (label_MLL[:, 0] == 0).all()
    truth_MLL = np.stack(truths)
    body = (label_MLL > 0) & (label_MLL != IGNORE)
    assert body.sum() > 0.15 * (truth_MLL > 0).sum()
    assert (label_MLL == truth_MLL)[body].mean() > 0.7
    before = after.stat().st_mtime_ns
    list(stage(Round(index=1, count=2), given))
    assert after.stat().st_mtime_ns == before

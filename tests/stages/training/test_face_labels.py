"""U and V of real faces on their way from the teacher to the loss."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from models.body.charts import MIRROR_CHART
from models.light.architecture.preprocessing import CROP
from models.light.teachers.face_surface import face_points, face_surface
from models.light.teachers.face_teacher import POINTS, TeacherFace
from models.losses.light_surface import UNKNOWN_UV
from stages.annotations.image_collections import held_out
from stages.training.data.face_labels import head_square, with_face
from stages.training.data.labelled_photos import LABELS, SIDE, LabelledPhoto, PersonLabels, mask_of_labels, write_shard
from stages.training.data.photo_pool import PhotoPool, PoolPerson, PoolPhoto
from stages.training.light.crop_geometry import box_crop_transform
from stages.training.light.crops import photo_crop
from stages.training.light.surface_batches import stack_crops
from tests.stages.training.plain_mix import PLAIN

pytestmark = pytest.mark.quick

CELLS = 80
"""Cells of these label maps along a side, two pixels each."""
REGION = np.array([100.0, 40.0, 260.0, 200.0])
"""Two pixels for a cell of the labels."""


class MadeFaces:
    """A teacher that answers one face for every square."""

    def __init__(self, face: TeacherFace | None) -> None:
        self.face, self.asked = face, np.zeros(4)

    def __call__(self, rgb_HW3: np.ndarray, region_4: np.ndarray) -> TeacherFace | None:
        """The face."""
        self.asked = region_4
        return self.face


def made_face(presence: float = 1.0, flip_gap: float = 0.01, yaw: float = 0.0) -> TeacherFace:
    """The mean body's face in the middle of the region, turned by degrees."""
    a = np.radians(yaw)
    around = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    point_K3 = np.full((POINTS, 3), 120.0)
    points = face_points()
    point_K3[points.index_N] = (points.place_N3 - (0, 1.64, 0.1)) @ around.T * (1, -1, -1) * 400 + (180, 120, 0)
    return TeacherFace(point_K3, presence, flip_gap)


def head_labels() -> np.ndarray:
    """A head of which the person's left is on the right, over a torso."""
    label_LL = np.zeros((CELLS, CELLS), np.uint8)
    label_LL[15:65, 20:40], label_LL[15:65, 40:60], label_LL[65:, 10:70] = 23, 24, 2
    return label_LL


def labelled(face: TeacherFace | None) -> tuple[np.ndarray, np.ndarray]:
    """The labels with a face."""
    return with_face(MadeFaces(face), np.zeros((300, 400, 3), np.uint8), REGION, head_labels())  # type: ignore[arg-type]


def test_the_cells_of_a_sure_face_have_its_surface() -> None:
    face = made_face()
    label_LL, uv_2LL = labelled(face)
    chart_LL, true_2LL = face_surface(face.point_K3, REGION, CELLS)
    known_LL = uv_2LL.any(0)
    assert known_LL.sum() > 300 and (known_LL == (chart_LL > 0)).all()
    assert (label_LL[known_LL] == chart_LL[known_LL]).all()
    assert (label_LL == head_labels())[~known_LL].all()
    assert np.abs(uv_2LL / 255 - true_2LL)[:, known_LL].max() < 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    "face", [None, made_face(presence=0.8), made_face(flip_gap=0.04), made_face(yaw=45), made_face(yaw=-45)]
)
def test_no_face_is_taken_that_is_not_sure(face: TeacherFace | None) -> None:
    label_LL, uv_2LL = labelled(face)
    assert not uv_2LL.any() and (label_LL == head_labels()).all()


def test_a_face_beside_the_persons_head_is_another_persons() -> None:
    face = made_face()
    face.point_K3[:, 0] += 60
    assert not labelled(face)[1].any()


def test_the_face_is_looked_for_in_twice_the_head() -> None:
    faces = MadeFaces(None)
    with_face(faces, np.zeros((300, 400, 3), np.uint8), REGION, head_labels())  # type: ignore[arg-type]
    np.testing.assert_allclose(faces.asked, (180 - 100, 120 - 100, 180 + 100, 120 + 100))
    few_LL = np.where(np.arange(CELLS)[:, None] < 18, head_labels(), np.uint8(0))
    few_LL[:, :36], few_LL[:, 40:] = 0, 0
    assert head_square(few_LL, REGION) is None  # four cells of two pixels


def pool_person(uv_2LL: np.ndarray) -> tuple[PoolPhoto, PoolPerson]:
    """A person of a photo, with U and V."""
    photo = PoolPhoto(
        name="x",
        natural=(480, 360),
        rgb_SS3=np.zeros((SIDE, SIDE, 3), np.uint8),
        box_M4=np.zeros((0, 4)),
        kind_M=np.zeros(0),
        dense_DD=np.zeros((52, 52), np.uint8),
    )
    label = head_labels()
    person = PoolPerson(
        photo=0,
        box_4=REGION,
        region_4=REGION,
        label_LL=label,
        weight_LL=np.full_like(label, 255),
        mask_LL=mask_of_labels(label),
        uv_2LL=uv_2LL,
    )
    return photo, person


@pytest.mark.parametrize("seed", range(6))
def test_u_and_v_of_a_photo_stay_on_their_pixels(seed: int) -> None:
    row, column = np.mgrid[:CELLS, :CELLS]
    known_LL = (row > 20) & (row < 50) & (column > 25) & (column < 52)
    photo, person = pool_person(np.where(known_LL, np.stack([column * 3, row * 3]), 0).astype(np.uint8))
    crop = photo_crop(photo, person, CROP, np.random.default_rng(seed), PLAIN)
    scale = SIDE / np.array(photo.natural)
    view = box_crop_transform(REGION / np.tile(scale, 2), np.random.default_rng(seed), PLAIN)
    known = crop.uv_2GG[0] != UNKNOWN_UV
    assert known.any() and ((crop.uv_2GG == UNKNOWN_UV).all(0) == ~known).all()
    y, x = np.nonzero(known)
    matrix = view.matrix(len(crop.label_GG), scale / 2, -REGION[:2] / 2)
    at = matrix @ np.stack([x, y, np.ones(len(x))])
    u, v = 255 * crop.uv_2GG[:, y, x] / 3
    assert np.abs(v - at[1]).max() < 0.52  # the nearest cell
    assert np.abs((85 - u if view.flip else u) - at[0]).max() < 0.52
    row, column = np.indices(known.shape).reshape(2, -1)
    beside_x, beside_y = np.abs(matrix @ np.stack([column, row, np.ones(row.size)]) - [[38.5], [35.0]])
    assert known.reshape(-1)[(beside_x < 12.4) & (beside_y < 13.4)].all()  # the whole known area is kept
    half = np.where(at[0] < 39.5, 23, 24)
    assert (crop.label_GG[y, x] == (MIRROR_CHART[half] if view.flip else half))[np.abs(at[0] - 39.5) > 0.5].all()


def test_places_with_a_known_cell_are_learned_and_no_others() -> None:
    uv_2LL = np.zeros((2, CELLS, CELLS), np.uint8)
    photo, without = pool_person(uv_2LL)
    uv_2LL = uv_2LL.copy()
    uv_2LL[:, 30:40, 30:40] = 99
    made = [
        photo_crop(photo, person, CROP, np.random.default_rng(0), PLAIN)
        for person in (without, dataclasses.replace(without, uv_2LL=uv_2LL))
    ]
    assert (made[0].uv_2GG == UNKNOWN_UV).all()
    *_, body, exact = stack_crops(made)
    half = len(made[0].label_GG) // 2
    known = (made[1].uv_2GG[0] != UNKNOWN_UV).reshape(half, 2, half, 2)
    assert (np.sort(exact.numpy()) == half**2 + np.flatnonzero(known.any((1, 3)))).all()
    assert np.isin(exact.numpy(), body.numpy()).all()


def test_shards_keep_u_and_v_where_there_are_any(tmp_path: Path) -> None:
    name = next(f"{i}.jpg" for i in range(9) if not held_out(f"{i}.jpg"))
    label = head_labels()
    uv_2LL = np.arange(2 * LABELS**2).reshape(2, LABELS, LABELS).astype(np.uint8)
    people = [
        PersonLabels(box_4=REGION, region_4=REGION, label_LL=label, weight_LL=label, mask_LL=mask_of_labels(label)),
    ]
    people.append(dataclasses.replace(people[0], uv_2LL=uv_2LL))
    for number, some in enumerate((people[:1], people)):
        photo = LabelledPhoto(
            name=name,
            aspect=1.0,
            rgb_SS3=np.zeros((SIDE, SIDE, 3), np.uint8),
            box_M4=np.zeros((0, 4), np.float32),
            kind_M=np.zeros(0, np.uint8),
            dense_DD=np.zeros((52, 52), np.uint8),
            people=tuple(some),
        )
        path = tmp_path / f"{number:04d}.npz"
        write_shard(path, [photo])
        with np.load(path) as shard:
            assert len(shard["person_uv"]) == (0, 2)[number]
        kept = PhotoPool([path]).people
        assert [bool(one.uv_2LL.any()) for one in kept] == [False, True][: len(some)]
    assert (kept[1].uv_2LL == uv_2LL).all()

"""Which annotations look wrong: planted mistakes in the truth of a synthetic scene are found, and little else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from models.metrics.instances import AnnotatedPoints
from pipeline.command.cli import main
from stages.annotations.densepose_coco import DenseSet, read_dense_set, write_dense_set
from stages.studio.annotation_check import check_pictures, findings, suspicious_points
from stages.studio.asked_pixels import pixels_to_ask
from stages.studio.given_images import given_images
from stages.studio.people_file import people_file
from stages.studio.work.actions import Answer, Ask, ChangeGroup, Paint, SetBox
from stages.studio.work.part_map import PixelMask, packed_map
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import TaskImage, TaskList, after_entry
from stages.studio.work.undo_history import WorkEntry
from stages.world.scene import Scene
from tests.stages.studio.workplaces import scene_of_a_person


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of_a_person()


@pytest.fixture(scope="module")
def dense_set(scene: Scene) -> DenseSet:
    return truth_file(scene)


def truth_file(scene: Scene) -> DenseSet:
    """The truth of a scene's first person as a studio's file."""
    coarse_HW = np.where(scene.instance_HW == 1, COARSE_OF_CHART[scene.label_HW], 0).astype(np.uint8)
    height, width = coarse_HW.shape
    image = TaskImage(name="image.png", height=height, width=width)
    x0, y0, x1, y1 = scene.box_N4[0].tolist()
    work = PersonWork(box_4=(x0, y0, x1, y1), parts=packed_map(coarse_HW, 0, 0))
    did: list[SetBox | Paint | Ask | Answer] = [SetBox(person=1, box_4=work.box_4)]
    for part in np.unique(coarse_HW[coarse_HW > 0]).tolist():
        did.append(Paint(person=1, part=part, mask=PixelMask.of_array(coarse_HW == part, 0, 0)))
        pixels = pixels_to_ask(work, part, image)
        did.append(Ask(person=1, part=part, pixels=pixels))
        for number, (x, y) in enumerate(pixels):
            u, v = (float(np.clip(one, 0, 1)) for one in scene.uv_2HW[:, y, x])
            chart = int(scene.label_HW[y, x])
            did.append(Answer(person=1, part=part, number=number, verdict="surface", chart=chart, u=u, v=v))
    entry = WorkEntry(annotator="ann", image=image.name, at=1.0, seconds=1, action=ChangeGroup(actions=tuple(did)))
    return people_file(after_entry(TaskList(images=(image,)), entry))


def with_mistake(points: AnnotatedPoints, number: int) -> AnnotatedPoints:
    """One answer on the other side of its chart."""
    u_M, v_M = points.u_M.copy(), points.v_M.copy()
    u_M[number], v_M[number] = (0.05 if one > 0.5 else 0.95 for one in (u_M[number], v_M[number]))
    return dataclasses.replace(points, u_M=u_M, v_M=v_M)


def test_the_truth_looks_right_and_mistakes_do_not(dense_set: DenseSet) -> None:
    (person,) = dense_set.people
    assert person.points is not None and len(person.points.x_M) > 60
    none = findings(person)
    assert none.suspicious_M.mean() <= 0.03 and none.outside_M.mean() <= 0.03 and none.empty_parts == ()
    torso = np.flatnonzero(COARSE_OF_CHART[person.points.chart_M] == 1).tolist()
    found = [suspicious_points(with_mistake(person.points, k), person.box_4)[k] for k in torso]
    assert np.mean(found) >= 0.8


def test_points_of_one_pixel_are_compared(dense_set: DenseSet) -> None:
    """As of a part of a tiny person, or where several annotators' points are in one file."""
    (points,) = (person.points for person in dense_set.people)
    assert points is not None
    torso = np.flatnonzero(COARSE_OF_CHART[points.chart_M] == 1)[[0, 0, 0, 0, 0, 0, -1]]
    fields = {name: getattr(points, name)[torso] for name in ("chart_M", "u_M", "v_M")}
    one = dataclasses.replace(points, x_M=np.full(7, 9.0), y_M=np.full(7, 9.0), **fields)
    assert suspicious_points(one, (0, 0, 10, 10)).tolist() == [False] * 6 + [True]


def test_gaps_and_points_on_other_parts_are_listed(dense_set: DenseSet) -> None:
    (person,) = dense_set.people
    points = person.points
    assert points is not None
    torso_M = COARSE_OF_CHART[points.chart_M] == 1
    rest = dataclasses.replace(points, **{
        name: getattr(points, name)[~torso_M] for name in ("x_M", "y_M", "chart_M", "u_M", "v_M")
    })
    assert findings(dataclasses.replace(person, points=rest)).empty_parts == ("torso",)
    moved = dataclasses.replace(points, chart_M=np.where(torso_M, 24, points.chart_M))
    assert (findings(dataclasses.replace(person, points=moved)).outside_M[torso_M]).all()
    bare = dataclasses.replace(person, points=None)
    assert "no points on: torso" in findings(bare).text()


def test_a_picture_for_each_person(scene: Scene, dense_set: DenseSet, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "image.png"), scene.rgb_HW3[..., ::-1])
    write_dense_set(tmp_path / "people.json", dense_set)
    images = given_images([tmp_path / "image.png"], tmp_path / "frames", every=1)
    ((name, _),) = check_pictures(read_dense_set(tmp_path / "people.json"), images, tmp_path / "people.check")
    picture = cv2.imread(str(tmp_path / "people.check" / name))
    assert name == "image.png.1.png" and picture is not None
    first, second = np.split(picture[:, : picture.shape[1] // 3 * 3].astype(int), 3, axis=1)[:2]
    assert (np.abs(first - second).max(axis=-1) > 30).mean() > 0.05  # the parts are tinted in the first alone


def test_a_check_says_how_many_people_look_wrong(
    scene: Scene,
    dense_set: DenseSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite(str(tmp_path / "image.png"), scene.rgb_HW3[..., ::-1])
    (person,) = dense_set.people
    assert person.points is not None
    wrong = dataclasses.replace(person, points=with_mistake(person.points, 3))
    write_dense_set(tmp_path / "people.json", dataclasses.replace(dense_set, people=(wrong,)))
    assert main(["image.png", "-c", "annotate", "-o", "people.json", "--set", "check=true"]) == 0
    assert "1 of 1 people look wrong; people.check/findings.txt says where" in capsys.readouterr().err
    assert (tmp_path / "people.check" / "findings.txt").read_text().startswith("image.png.1.png: ")

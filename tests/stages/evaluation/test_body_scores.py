"""Bodies scored: the true body has no error, a turned one a known error, and none counts as wrong."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.metrics.instances import TrueInstance
from models.metrics.posed_joints import NO_BODY_MM
from models.structures import SurfaceMap
from stages.evaluation.body_measures import UNKNOWN_BODIES
from stages.evaluation.saved_samples import FILE_NAME
from stages.evaluation.synthetic_truth import scene_truth
from stages.evaluation.true_images import TrueImage, TruePerson
from stages.evaluation.write_scores import WriteScores
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from tests.models.metrics.ruled_body import LineBody
from tests.stages.evaluation.scored_people import Oracle, scored

TURN = math.radians(10)


@pytest.fixture(scope="module")
def images() -> list[TrueImage]:
    """Scenes with people, and one without."""
    found = [scene_truth(image_scene(IMAGE_WORLDS["val"], 0, index), "val", index) for index in range(5)]
    assert {len(one.people) for one in found} == {0, 1, 2}
    return found


def true_bodies(images: list[TrueImage]) -> dict[Any, FittedBody]:
    """The true body of everybody, by the grid of the surface that `Oracle` predicts."""
    oracle, found = Oracle(images), {}
    for image in images:
        for person, box_4 in zip(image.people, image.boxes, strict=True):
            assert person.pose is not None and image.camera is not None
            found[grid(oracle.surface(image, box_4))] = FittedBody(
                pose=person.pose, camera=image.camera, confidence_J=np.zeros(23, np.float32),
                seen_B=np.zeros(104, np.float32), residual=0.0, is_person=1.0,
            )  # fmt: skip
    return found


def grid(surface: SurfaceMap) -> tuple[int, ...]:
    return (surface.x0, surface.y0, *surface.labels_hw.shape, int(surface.labels_hw.sum()))


def turned(body: FittedBody) -> FittedBody:
    """The body after a turn around the camera's axis."""
    turn_33 = np.eye(3, dtype=np.float32)
    turn_33[:2, :2] = [[math.cos(TURN), -math.sin(TURN)], [math.sin(TURN), math.cos(TURN)]]
    rotation_B33 = body.pose.rotation_B33.copy()
    rotation_B33[0] = turn_33 @ rotation_B33[0]
    return dataclasses.replace(body, pose=dataclasses.replace(body.pose, rotation_B33=rotation_B33))


def with_bodies(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    images: list[TrueImage],
    true: dict[Any, FittedBody],
    kept: float = 1.0,
    **settings: Any,
) -> WriteScores:
    """An evaluation in which one method tells the true bodies, one turned ones, and two tell nobody."""

    def nobody(surface: SurfaceMap, camera: PinholeCamera) -> None:
        return None

    methods = {
        "dense": lambda surface, camera: true[grid(surface)],
        "searched": lambda surface, camera: turned(true[grid(surface)]),
        "lift": nobody,
        "joints": nobody,
    }
    monkeypatch.setattr("stages.evaluation.body_scores.METHODS", methods)
    return scored(
        monkeypatch, folder, Oracle(images, kept=kept), images, LineBody(), bodies=True, min_height=60.0, **settings
    )


def columns_of(written: WriteScores) -> dict[str, dict[str, float]]:
    (found,) = written.summary()["sets"].values()
    return {name: {measure: one["value"] for measure, one in column.items()} for name, column in found.items()}


def test_true_turned_and_missing_bodies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], images: list[TrueImage]
) -> None:
    found = columns_of(with_bodies(monkeypatch, tmp_path, images, true_bodies(images)))
    tall = [person for image in images for person in image.people if person.height >= 60]
    assert found["dense"]["people"] == found["network"]["people"] == len(tall) >= 5
    assert found["dense"]["MPJPE_mm"] == pytest.approx(0, abs=1e-3)
    assert found["dense"]["PA_mm"] == pytest.approx(0, abs=1e-2)
    assert found["dense"]["vertices_mm"] == pytest.approx(0, abs=1e-2)
    assert found["dense"]["PCK05"] == 1 and found["dense"]["over_150mm"] == 0
    assert found["dense"]["GPSm"] > 0.5, "clothes and what stands before a person cost some of the outline"
    assert 30 < found["searched"]["MPJPE_mm"] < 2 * math.sin(TURN / 2) * 1000, "joints are within a metre of the hips"
    assert found["searched"]["PA_mm"] == pytest.approx(0, abs=1e-2), "a turn does not count after alignment"
    assert found["lift"]["MPJPE_mm"] == found["lift"]["PA_mm"] == NO_BODY_MM
    assert found["lift"]["over_150mm"] == 1
    assert found["lift"]["AUC10"] == found["lift"]["GPS"] == found["lift"]["PCK10"] == 0
    assert found["network"]["AUC10"] == pytest.approx(1) and "MPJPE_mm" not in found["network"]
    printed = capsys.readouterr().out
    assert "bodies under the predicted surfaces" in printed and UNKNOWN_BODIES not in printed
    assert (tmp_path / FILE_NAME).exists()


def test_missed_people_have_wrong_places_but_no_errors_in_space(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage]
) -> None:
    images = [one for one in images if len(one.people) == 2]
    found = columns_of(with_bodies(monkeypatch, tmp_path, images, true_bodies(images), kept=0.5, boxes="detected"))
    assert found["dense"]["MPJPE_mm"] == pytest.approx(0, abs=1e-3)
    assert 0 < found["dense"]["PCK10"] < 1
    assert 0 < found["network"]["GPS"] < 1


def test_without_true_bodies_joints_in_the_image_are_scored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], images: list[TrueImage]
) -> None:
    """As photos of COCO: keypoints alone. The sentence says that the camera is assumed."""
    true, photos = true_bodies(images), []
    for image in images:
        people = tuple(
            dataclasses.replace(
                person, pose=None, annotators=(), instance=dataclasses.replace(person.instance, points=None)
            )
            for person in image.people
        )
        photos.append(dataclasses.replace(image, people=people, camera=None))
    found = columns_of(with_bodies(monkeypatch, tmp_path, photos, true, boxes="detected"))
    assert found["dense"]["PCK05"] == 1
    assert found["dense"]["keypoint_AP"] == pytest.approx(1) and found["lift"]["keypoint_AP"] == 0
    assert not {"MPJPE_mm", "AUC10", "GPS"} & set(found["dense"])
    printed = capsys.readouterr().out
    assert UNKNOWN_BODIES in printed and "60°" in printed


def test_boxes_alone_tell_nothing_of_bodies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], images: list[TrueImage]
) -> None:
    true, photos = true_bodies(images), []
    for image in images:
        boxes = [TrueInstance(box_4=one.instance.box_4, area=one.instance.area) for one in image.people]
        people = tuple(TruePerson(instance=box) for box in boxes)
        photos.append(dataclasses.replace(image, people=people, camera=None))
    with_bodies(monkeypatch, tmp_path, photos, true, boxes="detected")
    assert "val: bodies are not scored" in capsys.readouterr().out

"""Silhouettes, joints and detections of a set, and the paired difference of two networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.metrics.bootstrap import estimate
from models.metrics.coco_ap import CocoFound, CocoTruth, box_ap, keypoint_ap, mask_ap
from models.metrics.densepose_evaluator import THRESHOLD_T, Similarities
from models.metrics.instances import TrueInstance
from models.metrics.masks import pasted
from models.structures import Detections, SurfaceMap
from pipeline.stage import StageError
from stages.evaluation.detection_counts import DetectionCounts, detection_counts
from stages.evaluation.measures import samples
from stages.evaluation.person_scores import ImageScore
from stages.evaluation.saved_samples import read_samples
from stages.evaluation.synthetic_truth import scene_truth
from stages.evaluation.true_images import TrueImage, TruePerson
from stages.evaluation.write_scores import WriteScores
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from tests.stages.evaluation.scored_people import Eroded, Oracle, scored


@pytest.fixture(scope="module")
def images() -> list[TrueImage]:
    return [scene_truth(image_scene(IMAGE_WORLDS["val"], 0, index), "val", index) for index in range(12)]


def test_silhouettes_are_measured_over_found_people_and_by_company(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage]
) -> None:
    written = scored(monkeypatch, tmp_path, Eroded(images, kept=0.7), images, boxes="detected")
    (scores,) = written._sets.values()
    tall = [one for image in scores.images for one in image.people if one.height >= 100]
    fits = [(one.accompanied, fit) for one in tall if (fit := one.results["detected"].silhouette) is not None]
    found = written.flat()
    assert 0 < len(fits) < len(tall), "missed people have no silhouette"
    assert found["silhouette_IoU"] == pytest.approx(np.mean([fit.iou for _, fit in fits]))
    assert found["silhouette_median"] == pytest.approx(np.median([fit.iou for _, fit in fits]))
    assert found["area_ratio"] < 1 and found["spill_far"] == found["spill_rim"] == found["spill_people"] == 0
    for ending, accompanied in (("alone", False), ("others", True)):
        own = [fit.iou for company, fit in fits if company == accompanied]
        assert own and found[f"silhouette_IoU_detected_{ending}"] == pytest.approx(np.mean(own))


def test_the_truth_has_perfect_silhouettes_and_company_is_that_of_the_masks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage]
) -> None:
    written = scored(monkeypatch, tmp_path, Oracle(images), images)
    found = written.flat()
    for name in ("silhouette_IoU", "area_ratio", "boundary_IoU", "boundary_F", "silhouette_over_85"):
        assert found[name] == found[f"{name}_given"] == pytest.approx(1)
    assert found["wrong_boxes"] == found["false_people"] == 0
    (scores,) = written._sets.values()
    for image, score in zip(images, scores.images, strict=True):
        assert image.dense is not None
        for g, person in enumerate(score.people):
            x0, y0, x1, y1 = image.boxes[g].astype(int)
            window = image.dense.instance_HW[y0:y1, x0:x1]
            most = max((int((window == k + 1).sum()) for k in range(len(score.people)) if k != g), default=0)
            assert person.accompanied == (most >= 0.05 * window.size)


class WithHeads(Oracle):
    """A network with heads of its own: joints off by 6 % of the box, and the box as the mask."""

    def surface(self, image: Any, box_4: Any) -> SurfaceMap:
        one = super().surface(image, box_4)
        g = int(np.flatnonzero((image.boxes == box_4).all(axis=1))[0])
        keypoint_173 = image.people[g].keypoint_173.copy()
        keypoint_173[:, 0] += 0.06 * max(image.people[g].instance.box_4[2:])
        keypoint_173[:, 2] = 1
        return dataclasses.replace(
            one, keypoint_K3=keypoint_173.astype(np.float32), mask_hw=np.ones(one.labels_hw.shape, bool)
        )


def test_the_heads_of_a_network_are_what_is_scored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage]
) -> None:
    written = scored(monkeypatch, tmp_path, WithHeads(images), images, boxes="detected")
    found = written.flat()
    tall = [one for image in images for one in image.people if one.height >= 100]
    boxes, areas = ([one.instance.box_4[2:].prod() for one in tall], [one.instance.area for one in tall])
    assert found["area_ratio"] == pytest.approx(sum(boxes) / sum(areas), rel=0.05)
    assert found["absent"] == found["PCK05"] == 0 and found["PCK10"] == found["PCK10_wrists"] == 1
    assert 0 < found["OKS_recall"] < found["OKS_recall_50"] <= 1


def people_at(box_N4: list[list[float]], crowd_N4: list[list[float]]) -> TrueImage:
    def instance(box_4: list[float], crowd: bool) -> TrueInstance:
        return TrueInstance(box_4=np.array(box_4, float), area=box_4[2] * box_4[3], crowd=crowd)

    return TrueImage(
        set_name="made",
        name="made",
        rgb_HW3=np.zeros((400, 600, 3), np.uint8),
        people=tuple(TruePerson(instance=instance(one, False)) for one in box_N4),
        crowds=tuple(instance(one, True) for one in crowd_N4),
    )


@pytest.mark.quick
def test_wrong_detections_have_their_kinds() -> None:
    image = people_at([[100, 100, 100, 200]], [[400, 0, 200, 400]])
    box_K4 = np.array(
        [
            [100, 100, 200, 300],  # the person
            [100, 200, 200, 300],  # half of the person, IoU .5
            [420, 100, 500, 300],  # in the crowd
            [0, 0, 80, 150],  # elsewhere
            [0, 0, 80, 99],  # elsewhere, and too small to count
            [350, 100, 450, 300],  # half in the crowd
            [340, 100, 440, 300],  # less than half in the crowd
        ],
        np.float32,
    )
    found = detection_counts(box_K4, np.array([0]), image, 100.0)
    assert found == DetectionCounts(matched=1, in_crowd=2, near_person=1, elsewhere=2) and found.judged == 4


def random_scores(seed: int) -> tuple[list[ImageScore], list[CocoTruth], list[CocoFound]]:
    """Images with people, one of whom is a crowd and one without keypoints, and with disturbed detections."""
    random = np.random.default_rng(seed)
    scores, truth, found = [], [], []
    for index in range(20):
        true_G4 = np.concatenate([random.uniform(0, 300, (5, 2)), random.uniform(30, 200, (5, 2))], axis=1)
        joint_G173 = np.concatenate([random.uniform(size=(5, 17, 2)), np.full((5, 17, 1), 2.0)], axis=2)
        joint_G173[:, :, :2] = true_G4[:, None, :2] + joint_G173[:, :, :2] * true_G4[:, None, 2:]
        joint_G173[[0, 1]] = 0
        crowd_G = np.arange(5) == 0
        off = random.uniform(0, 0.08, 5)[:, None]
        found_D4 = np.concatenate([true_G4 * (1 + off), random.uniform(20, 100, (4, 4))])
        joint_D173 = np.concatenate([joint_G173, random.uniform(0, 300, (4, 17, 3))])
        joint_D173[:5, :, :2] += off[:, :, None] * true_G4[:, None, 2:]
        joint_D173[[0, 1]] = random.uniform(0, 300, (2, 17, 3))
        score_D = np.sort(random.uniform(size=9))[::-1].astype(np.float32)
        order = random.permutation(9)
        found_D4, joint_D173 = found_D4[order].astype(np.float32), joint_D173[order]
        corners_D4 = np.concatenate([found_D4[:, :2], found_D4[:, :2] + found_D4[:, 2:]], axis=1)
        area_G = true_G4[:, 2] * true_G4[:, 3]
        known = Similarities(
            order_D=range(9),
            score_D=score_D.astype(float),
            found_D4=found_D4.astype(float),
            true_G4=true_G4,
            area_G=area_G,
            annotated_G=np.zeros(5, bool),
            crowd_G=crowd_G,
            masked_G=np.zeros(5, bool),
            chart_GM=[np.zeros(0, int)] * 5,
            error_GDM=[np.zeros((9, 0))] * 5,
            mask_iou_DG=np.zeros((9, 5)),
            box_iou_DG=np.zeros((9, 5)),
        )
        scores.append(
            ImageScore(
                set_name="made",
                name=str(index),
                height=600,
                width=600,
                people=(),
                known={"detected": known},
                found=Detections(box_N4=corners_D4, score_N=score_D),
                counts=DetectionCounts(),
                keypoint_G173=joint_G173,
                keypoint_D173=joint_D173,
            )
        )
        sides_D4 = np.concatenate([corners_D4[:, :2], corners_D4[:, 2:] - corners_D4[:, :2]], axis=1).astype(float)
        truth.append(
            CocoTruth(
                height=600, width=600, box_N4=true_G4, area_N=area_G, crowd_N=crowd_G.tolist(), keypoint_N173=joint_G173
            )
        )
        found.append(CocoFound(box_N4=sides_D4, score_N=score_D.astype(float), keypoint_N173=joint_D173))
    return scores, truth, found


def test_box_and_keypoint_ap_equal_pycocotools() -> None:
    assert len(THRESHOLD_T) == 10, "COCO has ten thresholds"
    scores, truth, found = random_scores(3)
    mine = {name: estimate(one) for name, one in samples(scores, 0)["detected"].items()}
    for kind, expected in (("box", box_ap(truth, found)), ("keypoint", keypoint_ap(truth, found))):
        assert 0.05 < expected["AP"] < 0.95
        for name in ("AP", "AP50"):
            one = mine[f"{kind}_{name}"]
            assert one.value == pytest.approx(expected[name], abs=1e-6), f"{kind}_{name}"
            assert one.low < one.value < one.high


def test_mask_ap_without_points_is_that_of_pycocotools(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage]
) -> None:
    """COCO's sets have masks, crowds and images without people; a detection there is false."""
    cut = [without_points(one, crowd=k % 3 == 0, nobody=k % 4 == 1) for k, one in enumerate(images)]
    network = Eroded(images)
    (held,) = scored(monkeypatch, tmp_path, network, cut, boxes="detected")._sets.values()
    scores = held.images
    truth, found = [], []
    for one, score in zip(cut, scores, strict=True):
        (detections,), image = network.detect(one.rgb_HW3[None])
        grids = [network.surface(image, box_4) for box_4 in detections.box_N4]
        height, width = one.rgb_HW3.shape[:2]
        mask = [pasted(grid.labels_hw > 0, grid.x0, grid.y0, height, width) for grid in grids]
        true = one.instances
        truth.append(
            CocoTruth(
                height=height,
                width=width,
                box_N4=np.array([each.box_4 for each in true]).reshape(-1, 4),
                area_N=np.array([each.area for each in true]),
                crowd_N=[each.crowd for each in true],
                mask=[each.mask for each in true if each.mask is not None],
            )
        )
        found.append(CocoFound(box_N4=score.found.box_N4, score_N=score.found.score_N.astype(float), mask=mask))
    expected, mine = mask_ap(truth, found), samples(scores, 0)["detected"]
    assert 0.1 < expected["AP"] < 0.95
    for name, theirs in (("mask_AP", "AP"), ("mask_AP50", "AP50"), ("mask_AR", "AR100")):
        assert estimate(mine[name]).value == pytest.approx(expected[theirs], abs=1e-6), name


def without_points(image: TrueImage, crowd: bool, nobody: bool) -> TrueImage:
    """The image without surface points; with its first person as a crowd, or without any annotation."""
    people = tuple(
        dataclasses.replace(one, instance=dataclasses.replace(one.instance, points=None)) for one in image.people
    )
    crowds = tuple(dataclasses.replace(one.instance, crowd=True) for one in people[:1] if crowd)
    kept = people[len(crowds) :]
    bare = dataclasses.replace(image, people=() if nobody else kept, crowds=() if nobody else crowds)
    return dataclasses.replace(bare, dense=None)


def test_a_network_is_compared_with_an_earlier_one_on_the_same_people(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage], capsys: pytest.CaptureFixture[str]
) -> None:
    before = scored(monkeypatch, tmp_path / "before", Eroded(images), images).flat()
    capsys.readouterr()
    against = str(tmp_path / "before")
    after = scored(monkeypatch, tmp_path / "after", Oracle(images), images, against=against).flat()
    table = capsys.readouterr().out
    document = json.loads((tmp_path / "after" / "scores.json").read_text())
    changed: dict[str, Any] = document["differences"]["val"]["detected"]
    for name in ("silhouette_IoU", "part_accuracy", "mask_AP", "box_AP", "GPSm_AP", "AUC10", "median_dU"):
        assert changed[name]["value"] == pytest.approx(after[name] - before[name], abs=1e-9), name
    gain = changed["silhouette_IoU"]
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]" in table.partition("difference to")[2]
    again = scored(monkeypatch, tmp_path / "again", Oracle(images), images, against=str(tmp_path / "after"))
    assert all(one.value == 0 for column in again._differences().values() for one in column.values())


def test_samples_are_read_as_they_were_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, images: list[TrueImage]
) -> None:
    written = scored(monkeypatch, tmp_path, Eroded(images), images)
    held = read_samples(tmp_path)
    assert held.keys() == written._samples.keys()
    for key, own in written._samples.items():
        assert held[key].keys() == own.keys()
        assert {name: dataclasses.astuple(estimate(one)) for name, one in held[key].items()} == {
            name: pytest.approx(dataclasses.astuple(estimate(one)), nan_ok=True) for name, one in own.items()
        }


@pytest.mark.quick
def test_a_folder_without_samples_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="no samples") as error:
        WriteScores(WriteScores.Config(against=str(tmp_path)))
    assert "write_scores.folder" in str(error.value.remedy)
    (tmp_path / "samples.npz").write_bytes(b"damaged")
    with pytest.raises(StageError, match="no samples"):
        WriteScores(WriteScores.Config(against=str(tmp_path)))

"""The whole evaluation of known predictions: truth against itself, shifted truth, missed people."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from models.inference.single_person import FILL
from models.metrics.coco_ap import CocoFound, CocoTruth, mask_ap
from models.metrics.densepose_evaluator import THRESHOLD_T
from models.metrics.pointwise import area_under_curve
from models.network import NetworkConfig
from models.structures import Detections, SurfaceMap
from models.surface.keypoints import surface_keypoints
from pipeline.command.cli import main
from pipeline.stage import StageError
from stages import STAGES
from stages.evaluation.breakdown import breakdowns
from stages.evaluation.evaluate import Evaluate
from stages.evaluation.ground_truth import GroundTruth
from stages.evaluation.score_tables import score_table
from stages.evaluation.synthetic_truth import scene_truth
from stages.evaluation.true_images import TrueImage
from stages.synthetic.ground_truth import ground_truth_surface
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS, STRESS_IMAGE_WORLDS
from tests.models.metrics.ruled_body import LineBody
from tests.stages.evaluation.scored_people import JOB, Eroded, Oracle, low_scenes, scored

PERFECT = (
    "box_AP",
    "box_AP50",
    "recall",
    "precision",
    "GPS_AP",
    "GPS_AR",
    "GPSm_AP",
    "GPSm_AR",
    "GPS_ref_AP",
    "mask_AP",
    "AUC10",
    "AUC30",
    "part_accuracy",
    "part_agreement",
    "mask_iou",
)


def test_truth_against_itself_is_perfect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = [scene_truth(image_scene(IMAGE_WORLDS["val"], 0, index), "val", index) for index in range(4)]
    found = scored(monkeypatch, tmp_path, Oracle(images), images).flat()
    for name in PERFECT:
        assert found[name] == pytest.approx(1, abs=1e-9), name
        if f"{name}_given" in found:
            assert found[f"{name}_given"] == pytest.approx(1, abs=1e-9), name
    assert found["median_dU"] == found["median_dV"] == 0
    assert 0.5 < found["AUC10_annotators"] < found["AUC30_annotators"] < 1, "people who err are not perfect"


@pytest.mark.parametrize("centimetres", [2, 12, 20])
def test_shifted_truth_has_a_closed_form(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, centimetres: int) -> None:
    """On a body whose charts are rulers every point has this error, and nothing else is wrong."""
    images = low_scenes(4)
    found = scored(monkeypatch, tmp_path, Oracle(images, shift=centimetres), images, LineBody()).flat()
    gps = math.exp(-((centimetres / 100) ** 2) / (2 * 0.255**2))
    for ending in ("", "_given"):
        assert found[f"AUC10{ending}"] == pytest.approx(max(1 - centimetres / 10, 0), abs=1e-6)
        assert found[f"AUC30{ending}"] == pytest.approx(1 - centimetres / 30, abs=1e-6)
        assert found[f"GPS_AP{ending}"] == found[f"GPS_AR{ending}"] == pytest.approx((gps >= THRESHOLD_T).mean())
        assert found[f"GPSm_AP{ending}"] == pytest.approx((math.sqrt(gps) >= THRESHOLD_T).mean())
        assert found[f"part_accuracy{ending}"] == found[f"mask_AP{ending}"] == 1
        assert found[f"median_dU{ending}"] == pytest.approx(centimetres / 255)
        assert found[f"median_dV{ending}"] == 0


@pytest.mark.parametrize(("film", "still"), [("", True), ("walk", False)])
def test_images_are_predicted_as_stills_and_frames_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, film: str, still: bool
) -> None:
    images = [dataclasses.replace(one, video=film) for one in low_scenes(1)]
    asked = []

    class Asked(Oracle):
        def detect(self, rgb_THW3: Any, *, still: bool = False) -> tuple[list[Detections], Any]:
            asked.append(still)
            return super().detect(rgb_THW3)

    monkeypatch.setattr("stages.evaluation.evaluate.open_network", lambda config, threads: Asked(images))
    monkeypatch.setattr("stages.evaluation.evaluate.geometry_of", lambda folder: LineBody())
    list(Evaluate(Evaluate.Config(oracle_masks=True, boxes="given"))(images[0]))
    assert asked == [still] * (1 + len(images[0].people))


def test_missed_people_are_wrong_in_every_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = [one for one in low_scenes(8) if len(one.people) == 2]
    assert len(images) >= 2
    found = scored(monkeypatch, tmp_path, Oracle(images, kept=0.5), images, LineBody(), min_height=1.0).flat()
    points = np.array([[len(person.instance.points or ()) for person in one.people] for one in images])
    area = np.array([[person.instance.area for person in one.people] for one in images])
    assert found["AUC30"] == pytest.approx(points[:, 0].sum() / points.sum())
    assert found["part_accuracy"] == pytest.approx(area[:, 0].sum() / area.sum())
    assert found["recall"] == found["GPS_AR"] == 0.5
    assert found["precision"] == found["part_agreement"] == found["AUC30_given"] == 1
    assert found["GPS_AP"] == pytest.approx(51 / 101), "recalls 0, .01 … .50 are reached"


@pytest.mark.parametrize(("confidence_of_right", "precision"), [(0.9, 51 / 101), (0.1, 51 / 101 / 2)])
def test_in_given_boxes_people_are_ranked_by_confidence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, confidence_of_right: float, precision: float
) -> None:
    """Half of the predictions are right: average precision depends on which come first."""

    class Half(Oracle):
        def surface(self, image: TrueImage, box_4: Any) -> SurfaceMap:
            seen = super().surface(image, box_4)
            right = bool((box_4 == image.boxes[0]).all())
            labels_hw = seen.labels_hw
            if not right:
                labels_hw = np.where(labels_hw > 0, 25 - labels_hw, 0).astype(np.uint8)
            sure_hw = np.full(labels_hw.shape, confidence_of_right if right else 0.5, np.float32)
            return dataclasses.replace(seen, labels_hw=labels_hw, confidence_hw=sure_hw)

    images = [one for one in low_scenes(8) if len(one.people) == 2]
    found = scored(monkeypatch, tmp_path, Half(images), images, LineBody(), boxes="given").flat()
    assert found["GPS_AR"] == 0.5
    assert found["GPS_AP"] == pytest.approx(precision, abs=0.02)


@pytest.mark.parametrize("boxes", ["given", "detected"])
def test_only_requested_protocols_are_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, boxes: str) -> None:
    images = low_scenes(2)
    found = scored(monkeypatch, tmp_path, Oracle(images), images, LineBody(), boxes=boxes).flat()
    assert found["AUC10"] == pytest.approx(1) and found["GPS_AP"] == pytest.approx(1)
    assert ("box_AP" in found) == (boxes == "detected")
    assert not [name for name in found if name.endswith("_given")]


def test_the_breakdowns_add_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = low_scenes(8)
    written = scored(monkeypatch, tmp_path, Oracle(images, shift=6, kept=0.5), images, LineBody())
    (tally,) = written._sets.values()
    tables = breakdowns(tally.images)
    people = sum(len(one.people) for one in images)
    heights = [person.height for one in images for person in one.people]
    assert sum(row["people"] for row in tables["by height"].values()) == people
    assert tables["by height"]["50 to 80 px"]["people"] == sum(50 <= one < 80 for one in heights)
    assert sum(row["people"] for row in tables["by joints seen"].values()) == people
    charts = tables["by chart, given boxes"]
    assert len(charts) == 24 and sum(row["pixels"] for row in charts.values()) == pytest.approx(1)
    assert all(
        row["right"] == 1 and row["AUC30"] == pytest.approx(0.8, abs=1e-6) for row in charts.values() if row["pixels"]
    )


def test_images_of_the_errors_are_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = [scene_truth(image_scene(IMAGE_WORLDS["val"], 0, index), "val", index) for index in range(3)]
    good, bad = tmp_path / "good", tmp_path / "bad"
    scored(monkeypatch, good, Oracle(images), images, boxes="given")
    scored(monkeypatch, bad, Oracle(images, shift=120), images, boxes="given")
    for kind in ("curves", "body", "worst"):
        assert cv2.imread(str(good / f"val_{kind}.png")) is not None
    bright = [cv2.imread(str(folder / "val_body.png"))[30:, :460].astype(int) for folder in (good, bad)]
    assert (bright[1][..., 1] > 150).sum() > 4 * (bright[0][..., 1] > 150).sum(), "yellow and green are large errors"
    assert "AUC10" in (good / "scores.txt").read_text()


def test_the_command_prints_a_table_and_reports_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    words = ["-c", "evaluate", "--set", "data=[val, stress_back]", "--set", "scenes=2", "--report", str(report)]
    assert main([*words, "--set", f"write_scores.folder={tmp_path}"], STAGES) == 0
    table = capsys.readouterr().out
    found = json.loads(report.read_text())
    wanted = {"box_AP50", "GPS_AP", "GPSm_AP", "GPS_AR", "AUC10", "AUC30", "part_accuracy", "AUC30_given"}
    assert wanted <= found["metrics"].keys() and all(0 <= found["metrics"][name] <= 1 for name in wanted)
    given = found["inputs"][0]["sets"]["stress_back"]["given"]["AUC30"]
    assert given["low"] <= given["value"] <= given["high"] and f"{given['value']:.3f}" in table
    assert f"{found['metrics']['AUC30']:.3f}" in table
    assert found["weights"]["name"] == "light" and found["inputs"][0]["frames_in"] == 4
    by_hand = [line.split() for line in table.splitlines() if line.startswith("AUC30 ")]
    assert float(by_hand[0][1]) == pytest.approx(found["metrics"]["AUC30"], abs=1e-3)


def test_an_unknown_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="did you mean 'stress_rain'"):
        GroundTruth(GroundTruth.Config(data="stress_ran"))
    with pytest.raises(StageError, match="neither a synthetic world nor a path"):
        GroundTruth(GroundTruth.Config(data=str(tmp_path / "nowhere")))
    with pytest.raises(StageError, match="no set of a kind"):
        GroundTruth(GroundTruth.Config(data=str(tmp_path)))


@pytest.mark.parametrize(("settings", "complaint"), [({"data": ()}, "names no set"), ({"scenes": 0}, "at least 1")])
def test_settings_out_of_range_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        GroundTruth.Config(**settings)


def test_a_min_score_of_the_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"network\.min_score is not used here: set evaluate\.score"):
        Evaluate.Config(network=NetworkConfig(min_score=0.3))


def test_several_sets_follow_each_other_and_stress_is_a_group() -> None:
    source = GroundTruth(GroundTruth.Config(data=("far", "stress"), scenes=1))
    names = [image.set_name for _, image in source(JOB)]
    assert names[0] == "far" and len(names) == len(set(names)) == source.length() == 1 + len(STRESS_IMAGE_WORLDS)
    assert {"stress_plain", "stress_rain", "stress_contact"} <= set(names)
    assert source.summary()["frames_in"] == len(names)


def test_a_wide_table_continues_below() -> None:
    from models.metrics.bootstrap import Estimate

    one = Estimate(value=0.25, low=0.2, high=0.31)
    lines = score_table({(f"set{number}", "given"): {"AUC10": one} for number in range(6)})
    assert max(map(len, lines)) < 120 and sum("0.250 [0.200, 0.310]" in line for line in lines) == 2
    assert "set0" in lines[0] and "set4" in lines[4]


def test_errors_at_points_are_those_of_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Areas from sums by person equal the closed form over all points together."""
    images = low_scenes(4)
    written = scored(monkeypatch, tmp_path, Oracle(images, shift=7, kept=0.5), images, LineBody())
    (tally,) = written._sets.values()
    errors = np.concatenate(
        [
            person.results["detected"].error_M
            for one in tally.images
            for person in one.people  # type: ignore[misc]
        ]
    )
    assert written.flat()["AUC10"] == pytest.approx(area_under_curve(100 * errors, 10))


class Silhouettes:
    """A network to which every pixel that is not the mean colour is a person."""

    def detect(self, rgb_THW3: Any, *, still: bool = False) -> tuple[list[Detections], Any]:
        return [Detections(box_N4=np.zeros((0, 4), np.float32), score_N=np.zeros(0, np.float32))], rgb_THW3[0]

    def surfaces(self, features: Any, boxes: list[Any]) -> list[list[SurfaceMap]]:
        found = []
        for x0, y0, x1, y1 in boxes[0].astype(int).tolist():
            label_hw = (features[y0:y1, x0:x1] != FILL).any(axis=2).astype(np.uint8)
            found.append(
                SurfaceMap(x0=x0, y0=y0, labels_hw=label_hw, uv_2hw=np.zeros((2, *label_hw.shape), np.float32))
            )
        return [found]


def test_oracle_masks_remove_the_background(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The predicted mask is then exactly the true mask; with the background it is the whole box."""
    made = (scene_truth(image_scene(IMAGE_WORLDS["val"], 0, index), "val", index) for index in range(20))
    image = next(one for one in made if len(one.people) > 1)
    monkeypatch.setattr("stages.evaluation.evaluate.open_network", lambda config, threads: Silhouettes())
    config = Evaluate.Config(boxes="given", oracle_masks=True)
    score = next(Evaluate(config)(image))[0]
    for person in score.people:
        assert person.results["cut_out"].mask_iou > 0.99
        assert person.results["given"].mask_iou < 0.9


def test_keypoints_of_the_true_surface_are_found_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """COCO's keypoint AP is 1 where the truth comes from the surfaces, and 0 where it is a person's height away."""
    images, off = [], []
    for index in range(4):
        made = image_scene(IMAGE_WORLDS["val"], 0, index)
        truth = [surface_keypoints(ground_truth_surface(made, number + 1)) for number in range(len(made.box_N4))]
        people = scene_truth(made, "val", index).people
        for kept, shift in ((images, 0.0), (off, 1.0)):
            kept.append(
                dataclasses.replace(
                    scene_truth(made, "val", index),
                    people=tuple(
                        dataclasses.replace(person, keypoint_173=moved(keypoint_173, shift * person.height))
                        for person, keypoint_173 in zip(people, truth, strict=True)
                    ),
                )
            )
    found = scored(monkeypatch, tmp_path, Oracle(images), images, boxes="detected").flat()
    assert found["keypoint_AP"] == pytest.approx(1) and found["keypoint_AP50"] == pytest.approx(1)
    found = scored(monkeypatch, tmp_path, Oracle(off), off, boxes="detected").flat()
    assert found["keypoint_AP50"] == pytest.approx(0)


def moved(keypoint_173: Any, down: float) -> Any:
    """Keypoints as annotated and visible ones, moved down by some pixels."""
    visible_17 = keypoint_173[:, 2] > 0
    return np.stack([keypoint_173[:, 0], keypoint_173[:, 1] + down * visible_17, 2.0 * visible_17], axis=1)


def test_mask_ap_equals_pycocotools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = [scene_truth(image_scene(IMAGE_WORLDS["val"], 0, index), "val", index) for index in range(12)]
    network = Eroded(images)
    found = scored(monkeypatch, tmp_path, network, images, boxes="detected").flat()
    truth, answers = [], []
    for one in images:
        height, width = one.rgb_HW3.shape[:2]
        (detections,), _ = network.detect(one.rgb_HW3[None])
        masks = []
        for box_4 in detections.box_N4:
            surface, whole = network.surface(one, box_4), np.zeros((height, width), np.uint8, order="F")
            high, wide = surface.labels_hw.shape
            whole[surface.y0 : surface.y0 + high, surface.x0 : surface.x0 + wide] = surface.labels_hw > 0
            masks.append(coco_mask.encode(whole))
        boxes = np.array([person.instance.box_4 for person in one.people]).reshape(-1, 4)
        truth.append(
            CocoTruth(
                height=height,
                width=width,
                box_N4=boxes,
                area_N=np.array([person.instance.area for person in one.people]),
                crowd_N=[False] * len(boxes),
                mask=[person.instance.mask for person in one.people if person.instance.mask is not None],
            )
        )
        answers.append(CocoFound(box_N4=boxes, score_N=detections.score_N.astype(float), mask=masks))
    expected = mask_ap(truth, answers)
    assert 0.1 < expected["AP"] < 0.95
    assert found["mask_AP"] == pytest.approx(expected["AP"], abs=1e-6)
    assert found["mask_AR"] == pytest.approx(expected["AR100"], abs=1e-6)

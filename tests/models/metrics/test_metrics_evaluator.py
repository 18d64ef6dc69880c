"""The DensePose evaluator compared with the reference's numbers, closed forms, pycocotools, and a plain loop."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.metrics import densepose_matching
from models.metrics.coco_ap import CocoFound, CocoTruth, box_ap
from models.metrics.densepose_evaluator import (
    THRESHOLD_T,
    evaluate_densepose,
    precision_table,
    similarities,
    true_instance,
)
from models.metrics.densepose_matching import Candidates, match
from models.metrics.gps import KAPPA_PAPER_25, KAPPA_REFERENCE_25
from models.metrics.instances import FoundInstance, ImageInstances, TrueInstance
from models.surface.distance_tables import TriangleTable
from models.surface.geometry import Geometry
from models.surface.smpl_files import ReferenceGeometry
from tests.models.metrics.ruled_body import LineBody, RuledBody, RuledTable, image, moved, person, ruled_vertices

pytestmark = pytest.mark.quick

REFERENCE_NAMES = {"GPS": "GPS", "GPSm": "GPSM", "IoU": "IOU"}


@pytest.fixture(scope="module")
def golden(root: Path) -> dict[str, Any]:
    """The reference's images in the order of their ids, with its results."""
    stored = np.load(root / "tests/golden/evaluator.npz")
    data = json.loads(stored["eval_full"].tobytes())
    data["pictures"] = {one["id"]: golden_picture(data, one, stored) for one in data["images"]}
    return data


def golden_picture(data: dict[str, Any], record: dict[str, Any], stored: Any) -> ImageInstances:
    size = record["height"], record["width"]
    found = [
        FoundInstance(box_4=np.array(one["bbox"]), score=one["score"], iuv_3hw=stored[f"det{i}"])
        for i, one in enumerate(data["detections"]) if one["image_id"] == record["id"]
    ]
    true = [true_instance(one, *size) for one in data["annotations"] if one["image_id"] == record["id"]]
    return ImageInstances(height=size[0], width=size[1], true=true, found=found)


def test_similarities_equal_the_reference(golden: dict[str, Any]) -> None:
    for number, one in golden["pictures"].items():
        expected = golden["expected"]["per_image"][str(number)]
        known = similarities(one, RuledBody())
        rows = [i for i, found in enumerate(golden["detections"]) if found["image_id"] == number]
        assert [rows[d] for d in known.order_D] == expected["det_index"]
        np.testing.assert_allclose(known.gps_at(KAPPA_REFERENCE_25), expected["gps"], atol=1e-9)
        np.testing.assert_allclose(known.box_iou_DG, expected["bbox_iou"], atol=1e-9)
        np.testing.assert_allclose(known.mask_iou_DG, expected["mask_iou"], atol=1e-9)


def as_read_from_files() -> Geometry:
    """The same body as read from files in DensePose's format."""
    table_of_rules: Any = RuledTable()
    return ReferenceGeometry(*ruled_vertices(), TriangleTable(table_of_rules))


@pytest.mark.parametrize("body", [RuledBody, as_read_from_files])
def test_tables_equal_the_reference(golden: dict[str, Any], body: Callable[[], Geometry]) -> None:
    tables = evaluate_densepose(list(golden["pictures"].values()), body(), KAPPA_REFERENCE_25)
    for name, theirs in REFERENCE_NAMES.items():
        expected = golden["expected"]["metrics"][theirs]
        assert tables[name].keys() == expected.keys()
        for measure, value in expected.items():
            assert 100 * tables[name][measure] == pytest.approx(value, abs=1e-6), (name, measure)


def test_the_fixture_detects_a_missing_second_matching_pass(
    golden: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(densepose_matching, "inherit_ignored", lambda *_: None)
    without = evaluate_densepose(list(golden["pictures"].values()), RuledBody(), KAPPA_REFERENCE_25)
    assert abs(100 * without["GPS"]["AP"] - golden["expected"]["metrics"]["GPS"]["AP"]) > 0.1


def test_the_golden_file_has_the_fixtures_values(root: Path, shared: Path) -> None:
    fixtures = shared / "reference/fixtures/open"
    stored, maps = np.load(root / "tests/golden/evaluator.npz"), np.load(fixtures / "eval_full_det_iuv.npz")
    for name in ("eval_full", "eval_gps_lowlevel"):
        assert json.loads(stored[name].tobytes()) == json.loads((fixtures / f"{name}.json").read_text())
    for name in maps.files:
        np.testing.assert_array_equal(stored[name], maps[name])


def people() -> list[tuple[TrueInstance, FoundInstance]]:
    return [person(1, 10, 10, 40, 60), person(2, 100, 20, 60, 80), person(3, 200, 150, 120, 180)]


@pytest.mark.parametrize("kappa_25", [KAPPA_PAPER_25, KAPPA_REFERENCE_25])
def test_truth_against_itself_is_perfect(kappa_25: Any) -> None:
    tables = evaluate_densepose([image(people()), image(people()[:2])], LineBody(), kappa_25)
    for name in ("GPS", "GPSm", "IoU"):
        assert len(tables[name]) == 10
        assert list(tables[name].values()) == pytest.approx([1] * 10, abs=1e-12)


@pytest.mark.parametrize("centimetres", [5, 12, 20, 30, 31])
def test_shifted_truth_has_a_closed_form(centimetres: int) -> None:
    """Every person has the same GPS, so AP and AR are the share of thresholds below it."""
    pairs = [(true, moved(found, centimetres)) for true, found in people()]
    tables = evaluate_densepose([image(pairs)], LineBody(), KAPPA_PAPER_25)
    value = math.exp(-((centimetres / 100) ** 2) / (2 * 0.255**2))
    share = (value >= THRESHOLD_T).mean()
    assert tables["GPS"]["AP"] == tables["GPS"]["AR"] == pytest.approx(share)
    assert tables["GPS"]["AP75"] == (value >= 0.75)
    assert tables["GPSm"]["AP"] == pytest.approx((math.sqrt(value) >= THRESHOLD_T).mean())
    assert tables["IoU"]["AP"] == 1


def test_missed_people_and_false_positives() -> None:
    pairs = people()
    half = ImageInstances(height=400, width=400, true=[true for true, _ in pairs], found=[pairs[0][1]])
    tables = evaluate_densepose([half], LineBody(), KAPPA_PAPER_25)
    assert tables["GPS"]["AR"] == pytest.approx(1 / 3)
    assert tables["GPS"]["AP"] == pytest.approx(34 / 101)  # recalls 0, .01 … .33 are reached
    missed = dataclasses.replace(half, found=[])
    assert evaluate_densepose([missed], LineBody(), KAPPA_PAPER_25)["GPS"]["AP"] == 0
    assert math.isnan(evaluate_densepose([dataclasses.replace(half, true=[])], LineBody(), KAPPA_PAPER_25)["GPS"]["AP"])


def test_detections_in_images_without_annotations_are_ignored() -> None:
    pairs = people()
    unannotated = [(dataclasses.replace(true, points=None), found) for true, found in pairs]
    tables = evaluate_densepose([image(pairs), image(unannotated)], LineBody(), KAPPA_PAPER_25)
    assert tables["GPS"]["AP"] == 1


def random_boxes(random: Any, count: int) -> Any:
    corner, size = random.uniform(0, 200, (count, 2)), random.uniform(30, 150, (count, 2))
    return np.concatenate([corner, size], axis=1)


def test_precision_and_recall_equal_pycocotools_on_random_boxes() -> None:
    """With box IoU and without ignored people, the rules are COCO's."""
    random = np.random.default_rng(5)
    known, truth, found = [], [], []
    for _ in range(12):
        true_N4 = random_boxes(random, int(random.integers(1, 6)))
        guess_N4 = np.concatenate([true_N4 + random.normal(0, 9, true_N4.shape), random_boxes(random, 3)])
        score_N = random.uniform(0, 1, len(guess_N4))
        blank = [np.zeros((3, int(h), int(w)), np.uint8) for w, h in guess_N4[:, 2:]]
        detected = [
            FoundInstance(box_4=b, score=s, iuv_3hw=i) for b, s, i in zip(guess_N4, score_N, blank, strict=True)
        ]
        points = person(0, 0, 0, 20, 20)[0].points
        annotated = [TrueInstance(box_4=box, area=float(box[2] * box[3]), points=points) for box in true_N4]
        one = ImageInstances(height=400, width=400, true=annotated, found=detected)
        known.append(similarities(one, LineBody()))
        area_N, crowd_N = true_N4[:, 2] * true_N4[:, 3], [False] * len(true_N4)
        truth.append(CocoTruth(height=400, width=400, box_N4=true_N4, area_N=area_N, crowd_N=crowd_N))
        found.append(CocoFound(box_N4=guess_N4, score_N=score_N))
    ours = precision_table(known, [one.box_iou_DG for one in known])
    theirs = box_ap(truth, found)
    assert 0.1 < theirs["AP"] < 0.9
    for mine, name in (("AP", "AP"), ("AP50", "AP50"), ("AP75", "AP75"), ("AR", "AR100")):
        assert ours[mine] == pytest.approx(theirs[name], abs=1e-12)


def plain_match(case: Candidates, thresholds: Any) -> tuple[Any, Any]:
    """The reference's rules as one nested loop."""
    count_d, count_g = case.value_DG.shape
    matched = np.zeros((len(thresholds), count_d), bool)
    ignored = np.full((len(thresholds), count_d), all(case.ignored_G))
    for t, threshold in enumerate(thresholds):
        taken = [False] * count_g
        for d in range(count_d):
            best, at_least = -1, min(threshold, 1 - 1e-10)
            for g in range(count_g):
                if taken[g] and not case.crowd_G[g]:
                    continue
                if best >= 0 and not case.ignored_G[best] and case.ignored_G[g]:
                    break
                if case.value_DG[d, g] >= at_least and case.value_DG[d, g] > 0:
                    best, at_least = g, case.value_DG[d, g]
            if best >= 0:
                matched[t, d], ignored[t, d], taken[best] = True, case.ignored_G[best], True
    for d in range(count_d if count_g else 0):
        if matched[-1, d]:
            continue
        best, at_least = -1, 0.8
        for g in range(count_g):
            if (not taken[g] or case.crowd_G[g]) and case.box_iou_DG[d, g] >= at_least:
                best, at_least = g, case.box_iou_DG[d, g]
        if best >= 0:
            ignored[:, d] = case.ignored_G[best]
            if case.ignored_G[best]:
                matched[-1, d] = taken[best] = True
    return matched, ignored | (~matched & case.outside_D)


def test_matching_equals_a_plain_loop_on_random_cases() -> None:
    random = np.random.default_rng(11)
    shared_fates = 0
    for _ in range(400):
        count_d, count_g = random.integers(0, 7), random.integers(0, 6)
        case = Candidates(
            value_DG=np.round(random.uniform(0, 1, (count_d, count_g)), 1),  # rounded, so that there are ties
            box_iou_DG=np.round(random.uniform(0.5, 1, (count_d, count_g)), 1),
            ignored_G=np.sort(random.uniform(size=count_g) < 0.4),
            crowd_G=random.uniform(size=count_g) < 0.2,
            outside_D=random.uniform(size=count_d) < 0.2,
        )
        verdicts = match(case, THRESHOLD_T)
        matched, ignored = plain_match(case, THRESHOLD_T)
        np.testing.assert_array_equal(verdicts.matched_TD, matched)
        np.testing.assert_array_equal(verdicts.ignored_TD, ignored)
        shared_fates += int((verdicts.ignored_TD[0] & ~verdicts.matched_TD[0] & ~case.outside_D).sum())
    assert shared_fates > 50


def test_lower_thresholds_add_columns(golden: dict[str, Any]) -> None:
    images = list(golden["pictures"].values())
    known = [similarities(one, RuledBody()) for one in images]
    values = [one.gps_at(KAPPA_REFERENCE_25) for one in known]
    low = precision_table(known, values, np.linspace(0.2, 0.95, 16))
    assert {"AP20", "AP30", "AP40"} <= low.keys() and not {"AR20", "AP60"} & low.keys()
    assert low["AP50"] == precision_table(known, values)["AP50"]

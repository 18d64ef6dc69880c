"""Scores against hand-made cases and pycocotools."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from models.metrics.joints import CHARTS_AT_JOINT
from models.structures import Detections, SurfaceMap
from stages.scores import Ratio, average_precision, join, joint_hits, labels_at, match, part_hits


def array(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def found(boxes: np.ndarray, *scores: float) -> Detections:
    return Detections(box_N4=boxes, score_N=np.array(scores, np.float32))


def test_the_best_score_answers_first_and_once() -> None:
    truth = array((0, 0, 10, 10), (20, 0, 30, 10), (50, 50, 60, 60))
    boxes = array((0, 0, 10, 9), (0, 0, 10, 10), (21, 0, 30, 10))
    assert match(truth, found(boxes, 0.5, 0.4, 0.9)).tolist() == [0, 2, -1]
    assert match(truth, found(array())).tolist() == [-1, -1, -1]
    assert match(array(), found(boxes, 0.5, 0.4, 0.9)).tolist() == []


def test_average_precision_equals_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(0)
    truth, results, scores, right = [], [], [], []
    for image in range(1, 13):
        corner = rng.uniform(0, 200, (4, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(20, 60, (4, 2))], 1).astype(np.float32)
        shifted = np.concatenate([boxes[:3] + rng.normal(0, 6, (3, 4)), boxes[:2] + 150]).astype(np.float32)
        detections = found(shifted, *rng.random(5))
        for box in boxes:
            size = (box[2:] - box[:2]).tolist()
            truth.append({"image_id": image, "category_id": 1, "bbox": [*box[:2].tolist(), *size], "iscrowd": 0})
        for box, score in zip(shifted, detections.score_N, strict=True):
            size = (box[2:] - box[:2]).tolist()
            results.append(
                {"image_id": image, "category_id": 1, "bbox": [*box[:2].tolist(), *size], "score": float(score)}
            )
        scores.append(detections.score_N)
        right.append(np.isin(np.arange(5), match(boxes, detections)))
    for number, row in enumerate(truth):
        row |= {"id": number + 1, "area": row["bbox"][2] * row["bbox"][3]}
    with contextlib.redirect_stdout(io.StringIO()):
        reference = coco.COCO()
        reference.dataset = {
            "images": [{"id": i} for i in range(1, 13)],
            "annotations": truth,
            "categories": [{"id": 1}],
        }
        reference.createIndex()
        scored = evaluation.COCOeval(reference, reference.loadRes(results), "bbox")
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    assert 0.1 < scored.stats[1] < 0.95
    assert average_precision(scores, right, 48) == pytest.approx(scored.stats[1], abs=1e-6)


def test_perfect_and_empty_precision() -> None:
    assert average_precision([np.array([0.9, 0.8])], [np.array([True, True])], 2) == 1
    assert average_precision([], [], 5) == 0


def surface() -> SurfaceMap:
    labels = np.zeros((20, 10), np.uint8)
    labels[:5], labels[5:] = 23, 2
    return SurfaceMap(x0=100, y0=50, labels_hw=labels, uv_2hw=np.zeros((2, 20, 10), np.float32))


def test_labels_are_read_in_frame_pixels() -> None:
    points = np.array([[100.0, 50.0], [109.9, 54.9], [105, 55], [99.9, 60], [105, 70]])
    assert labels_at(surface(), points).tolist() == [23, 23, 2, 0, 0]


def test_joints_ask_for_the_right_side() -> None:
    keypoints = np.zeros((17, 3), np.float32)
    names = list(CHARTS_AT_JOINT)
    for name, point in (("left_eye", (103, 52, 2)), ("right_eye", (107, 52, 2)), ("left_hip", (103, 60, 2))):
        keypoints[names.index(name)] = point
    keypoints[names.index("left_knee")] = (103, 65, 1)  # hidden: not asked
    hits, trials = joint_hits(surface(), keypoints)
    assert trials.sum() == 3
    assert [name for name, hit in zip(names, hits, strict=True) if hit] == ["right_eye", "left_hip"]
    assert joint_hits(None, keypoints)[0].sum() == 0


def test_parts_count_inside_the_true_mask() -> None:
    label, mine = np.zeros((100, 200), np.uint8), np.zeros((100, 200), bool)
    label[50:60, 100:110], mine[50:60, 95:110] = 23, True
    assert part_hits(surface(), label, mine) == (50, 100)
    assert part_hits(None, label, mine) == (0, 100)


def test_intervals_hold_the_value_and_shrink_with_people() -> None:
    rng = np.random.default_rng(1)
    few, many = (Ratio(hits=(rng.random(n) < 0.6).astype(float), trials=np.ones(n)) for n in (30, 3000))
    for ratio in (few, many):
        low, high = ratio.interval()
        assert low < ratio.value < high
    assert np.diff(many.interval()) < np.diff(few.interval()) / 5
    assert np.diff(many.interval())[0] == pytest.approx(2 * 1.96 * (0.6 * 0.4 / 3000) ** 0.5, rel=0.15)
    assert np.isnan(join([]).value)

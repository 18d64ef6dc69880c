"""Joints: OKS equals pycocotools, and distances are shares of the box."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from models.metrics.joints import JOINT_GROUPS, joint_fit, keypoint_similarities

pytestmark = pytest.mark.quick


def people(count: int, seed: int) -> np.ndarray:
    """Joints in and around boxes of 100×200 pixels, with visibility 0, 1 or 2."""
    random = np.random.default_rng(seed)
    return np.concatenate(
        [random.uniform((0, 0), (100, 200), (count, 17, 2)), random.integers(0, 3, (count, 17, 1))], axis=2
    )


def test_oks_equals_pycocotools() -> None:
    found, true = people(4, 1), people(3, 2)
    true[2, :, 2] = 0
    area, box = np.array([9000.0, 15000, 800]), np.array([[0.0, 0, 100, 200], [10, 5, 80, 190], [20, 20, 10, 30]])
    coco = COCO()
    coco.dataset = {
        "images": [{"id": 1, "height": 300, "width": 300}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {
                "id": g + 1,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "area": area[g],
                "bbox": box[g].tolist(),
                "keypoints": true[g].ravel().tolist(),
                "num_keypoints": int((true[g, :, 2] > 0).sum()),
            }
            for g in range(3)
        ],
    }
    coco.createIndex()
    answers = [
        {"image_id": 1, "category_id": 1, "score": 1 - 0.1 * d, "keypoints": one.ravel().tolist()}
        for d, one in enumerate(found)
    ]
    evaluation = COCOeval(coco, coco.loadRes(answers), "keypoints")
    evaluation._prepare()
    expected = evaluation.computeOks(1, 1)
    np.testing.assert_allclose(keypoint_similarities(found, true, area, box), expected, rtol=1e-9)
    assert expected.max() > 0.01


def test_distances_are_shares_of_the_longer_side() -> None:
    true = people(1, 3)[0]
    true[:, 2] = 2
    true[3, 2], true[4, 2] = 1, 0
    found = true.copy()
    found[:, 0] += 10
    found[:, 2] = 1
    found[9] = 0
    fit = joint_fit(found, true, 15000, np.array([0.0, 0, 100, 200]))
    told = np.arange(17) != 9
    np.testing.assert_allclose(fit.distance_17[told], 10 / 200)
    assert np.isinf(fit.distance_17[9]) and not fit.seen_17[3] and not fit.seen_17[4] and fit.annotated == 16


def test_a_missed_person_has_no_joint() -> None:
    fit = joint_fit(None, people(1, 3)[0], 15000, np.array([0.0, 0, 100, 200]))
    assert fit.oks == 0 and np.isinf(fit.distance_17).all()


def test_every_keypoint_has_one_group() -> None:
    assert sorted(k for group in JOINT_GROUPS.values() for k in group) == list(range(17))

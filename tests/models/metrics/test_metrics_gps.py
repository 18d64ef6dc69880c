"""Geodesic point similarity: closed forms and the reference's numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from models.metrics.gps import KAPPA_REFERENCE_25, gps, gps_paper, masked_gps

pytestmark = pytest.mark.quick


def test_an_error_of_thirty_centimetres_counts_one_half() -> None:
    """The paper's choice of kappa: half the size of a body part, about 30 cm, gives 0.5."""
    assert gps_paper(np.array([0.30])) == pytest.approx(0.5, abs=2e-3)
    assert gps_paper(np.array([0.255])) == pytest.approx(math.exp(-0.5))
    assert gps_paper(np.array([0.0, np.inf])) == 0.5
    assert gps_paper(np.zeros(0)) == 0


def test_an_error_of_kappa_counts_the_same_on_every_part() -> None:
    for chart in range(1, 25):
        error_M = np.array([KAPPA_REFERENCE_25[chart]])
        assert gps(error_M, np.array([chart]), KAPPA_REFERENCE_25) == pytest.approx(math.exp(-0.5))


def test_reference_constants_by_part() -> None:
    assert [KAPPA_REFERENCE_25[c] for c in (1, 3, 5, 7, 11, 15, 19, 23)] == [
        0.351, 0.107, 0.126, 0.237, 0.173, 0.142, 0.128, 0.150,
    ]
    from models.body.charts import COARSE_OF_CHART, MIRROR_CHART

    assert (KAPPA_REFERENCE_25[1:] == KAPPA_REFERENCE_25[MIRROR_CHART[1:]]).all()
    for coarse in range(1, 15):
        assert len(set(KAPPA_REFERENCE_25[coarse == COARSE_OF_CHART])) == 1


def test_equals_the_reference(root: Path) -> None:
    cases = json.loads(np.load(root / "tests/golden/evaluator.npz")["eval_gps_lowlevel"].tobytes())
    assert len(cases) == 6
    for case in cases:
        error_M = np.array([float(value) for value in case["geodesic"]])
        assert gps(error_M, np.array(case["chart"]), KAPPA_REFERENCE_25) == pytest.approx(case["gps"], abs=1e-9)


def test_gpsm_combines_gps_and_mask_iou() -> None:
    assert masked_gps(np.array([[0.81]]), np.array([[0.25]]))[0, 0] == pytest.approx(0.45)

"""Logits as probabilities, against torch's own, and where powers would overflow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.light.inference.logistic import logistic

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_sigmoid_in_its_own_precision(dtype: type[np.floating]) -> None:
    logit = np.linspace(-25, 25, 101).astype(dtype)
    found = logistic(logit)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, torch.from_numpy(logit).sigmoid().numpy(), rtol=1e-6)


@pytest.mark.filterwarnings("error")
def test_far_logits_are_sure_and_warn_of_nothing() -> None:
    np.testing.assert_allclose(logistic(np.array([-500, 500], np.float32)), [0, 1], atol=1e-12)

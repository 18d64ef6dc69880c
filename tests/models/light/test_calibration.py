"""The light network's confidence: its calibration beside the weights, and hidden parts against uncertain ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.light.architecture.weight_paths import calibration_path
from models.light.inference.calibration import NEUTRAL, Calibration, read_calibration, write_calibration
from models.light.inference.surface_assembly import cell_confidence

pytestmark = pytest.mark.quick


def test_slope_and_offset_act_on_log_odds() -> None:
    """ln(0.8 / 0.2) = 1.386; halved and lowered by 1: −0.307, which is 0.4239."""
    found = Calibration(slope=0.5, offset=-1.0)(np.array([0.8], np.float32))
    assert float(found[0]) == pytest.approx(0.42388, abs=1e-4)


def test_two_calibrations_in_a_row_are_one() -> None:
    first, second, p = Calibration(slope=0.5, offset=0.3), Calibration(slope=2.0, offset=-0.2), np.linspace(0.1, 0.9, 9)
    assert np.allclose(second.after(first)(p), second(first(p)), atol=1e-6)


def test_a_calibration_is_read_back_and_neutral_where_there_is_none(tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    assert read_calibration(weights, "abc") == NEUTRAL
    write_calibration(weights, "abc", Calibration(slope=0.7, offset=-0.1))
    assert read_calibration(weights, "abc") == Calibration(slope=0.7, offset=-0.1)
    assert read_calibration(weights, "of other weights") == NEUTRAL


@pytest.mark.parametrize("text", ["", "[]", '{"slope": 1}', '{"slope": "steep", "offset": 0}'])
def test_a_damaged_calibration_is_named(tmp_path: Path, text: str) -> None:
    weights = tmp_path / "mine.safetensors"
    calibration_path(weights).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="calibration") as caught:
        read_calibration(weights, "abc")
    assert "mine.confidence.json" in str(caught.value)


def test_hidden_parts_are_confident_background_and_uncertain_ones_are_not() -> None:
    """Cells: clearly hidden, almost the person, person with a certain chart, person with an uncertain chart."""
    person, chart = np.array([-6.0, -0.1, 6.0, 6.0]), np.array([0.9, 0.9, 0.9, 0.2])
    hidden, border, certain, uncertain = cell_confidence(person, chart, NEUTRAL).tolist()
    assert hidden > 0.99 and certain == pytest.approx(0.9, abs=0.01)
    assert border == pytest.approx(0.525, abs=0.01) and uncertain == pytest.approx(0.2, abs=0.01)

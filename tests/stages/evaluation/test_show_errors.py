"""The error view: exact answers are blue, shifted ones have the shift's colour, missed and made-up pixels theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.surface.chart_lookup import SurfacePoints
from pipeline.configuration.config import load_config
from stages import STAGES
from stages.evaluation.error_colours import FALSE, MAX_ERROR, MISSED, error_image, error_ramp
from stages.evaluation.show_errors import surface_error
from stages.evaluation.video_scores import SurfaceFrame
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene

pytestmark = pytest.mark.quick


class Sheets:
    """A surface of 24 flat sheets of a metre by a metre, ten metres apart: distances are known without a table."""

    def points(self, part_M: np.ndarray, u_M: np.ndarray, v_M: np.ndarray) -> SurfacePoints:
        return SurfacePoints(face_M=part_M, weight_M3=np.stack([u_M, v_M, np.zeros_like(u_M)], axis=1))

    def between(self, a: SurfacePoints, b: SurfacePoints) -> np.ndarray:
        apart = np.linalg.norm(a.weight_M3 - b.weight_M3, axis=1)
        return np.where(a.face_M == b.face_M, apart, 10).astype(np.float32)


def answered(made: Scene, **changes: Any) -> SurfaceFrame:
    label, uv = made.label_HW.copy(), made.uv_2HW.astype(np.float32)
    return SurfaceFrame(**({"label_HW": label, "uv_2HW": uv} | changes))


@pytest.fixture(scope="module")
def made() -> Scene:
    return next(s for s in (image_scene(IMAGE_WORLDS["val"], 0, i) for i in range(20)) if (s.label_HW > 0).sum() > 4000)


def test_the_truth_has_no_error_and_a_shift_has_its_size(made: Scene) -> None:
    assert surface_error(Sheets(), answered(made), made).max() == 0  # type: ignore[arg-type]
    shifted = made.uv_2HW.astype(np.float32)
    low = (made.label_HW > 0) & (shifted[0] < 0.8)
    shifted[0] += 0.1
    error = surface_error(Sheets(), answered(made, uv_2HW=shifted), made)  # type: ignore[arg-type]
    assert np.allclose(error[low], 0.1, atol=1e-3)
    assert not error[made.label_HW == 0].any()


def test_large_people_are_measured_on_a_grid_that_covers_them(made: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.evaluation.show_errors.MAX_PIXELS", 500)
    wrong = np.where(made.label_HW > 0, made.label_HW % 24 + 1, 0).astype(np.uint8)
    error = surface_error(Sheets(), answered(made, label_HW=wrong), made)  # type: ignore[arg-type]
    inside = made.label_HW > 0
    assert error.shape == inside.shape and (error[inside] == 10).mean() > 0.8


def test_kinds_of_error_have_different_colours() -> None:
    rgb = np.full((200, 200, 3), 90, np.uint8)
    truth, found = np.zeros((200, 200), bool), np.zeros((200, 200), bool)
    truth[20:60], found[40:80] = True, True
    error = np.zeros((200, 200), np.float32)
    error[50:60] = np.inf
    shown = error_image(rgb, error, truth, found)
    assert (shown[30, 100] == MISSED).all() and (shown[70, 100] == FALSE).all()
    assert (shown[45, 100] == error_ramp()[0]).all() and (shown[55, 100] == error_ramp()[255]).all()
    assert (shown[100, 100] == 31).all()  # dim grey
    assert MAX_ERROR == 0.3
    assert error_ramp()[0].argmax() == 2 and error_ramp()[255].argmax() == 0  # blue is right, red is wrong


def test_the_configuration_is_valid() -> None:
    config = load_config("errors", ["show_errors.min_score=0.7"], STAGES)
    assert config.stages["show_errors"].min_score == 0.7
    with pytest.raises(Exception, match=r"min_score is 2\.0, must be from 0 to 1"):
        load_config("errors", ["show_errors.min_score=2"], STAGES)

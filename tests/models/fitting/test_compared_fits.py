"""Each way to a body finds a person on an exact surface, nearly in the true place, and nobody on an empty one."""

from __future__ import annotations

import numpy as np
import pytest
from posed_people import CAMERA, RenderedPerson, person

from models.body.body_pose import BodyPose
from models.fitting.compared_fits import METHODS
from models.metrics.posed_joints import pose_errors
from models.structures import SurfaceMap


@pytest.fixture(scope="module")
def walker() -> RenderedPerson:
    return person(3, 0.3)


@pytest.mark.parametrize(("method", "most_mm"), [("dense", 60), ("searched", 60), ("lift", 180), ("joints", 100)])
def test_a_person_is_found(walker: RenderedPerson, method: str, most_mm: float) -> None:
    fit = METHODS[method](SurfaceMap(x0=0, y0=0, labels_hw=walker.labels_hw, uv_2hw=walker.uv_2hw), CAMERA)
    assert fit is not None
    true = BodyPose(rotation_B33=walker.rotation_B33, root_3=walker.root_3, shape_C=walker.shape_C)
    assert pose_errors(fit.pose, true).mpjpe < most_mm


@pytest.mark.parametrize("method", METHODS)
def test_nobody_is_found_where_nothing_is_seen(method: str) -> None:
    empty = SurfaceMap(x0=0, y0=0, labels_hw=np.zeros((40, 30), np.uint8), uv_2hw=np.zeros((2, 40, 30), np.float32))
    assert METHODS[method](empty, CAMERA) is None

"""Gaps between mesh and silhouette: each continues its own limb."""

from __future__ import annotations

import numpy as np
import pytest

from models.painting.gap_fill import LEAST_PIXELS, LIMB_OF_LABEL, filled
from models.painting.mesh_image import MeshImage

pytestmark = pytest.mark.quick
LEFT_LEG, RIGHT_LEG, CHEST, LEFT_ARM = 10, 9, 2, 21
HEIGHT, WIDTH, METRE = 40, 60, 200.0


def image_of(*stripes: tuple[int, int, int]) -> MeshImage:
    """Upright stripes of charts: (chart, first column, column after the last); U is the column, V the row."""
    labels_hw = np.zeros((HEIGHT, WIDTH), np.uint8)
    for chart, first, last in stripes:
        labels_hw[:, first:last] = chart
    row_hw, column_hw = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    uv_2hw = np.stack([column_hw / WIDTH, row_hw / HEIGHT]) * (labels_hw > 0)
    return MeshImage(step=1, labels_hw=labels_hw, uv_2hw=uv_2hw, depth_hw=np.ones((HEIGHT, WIDTH), np.float32))


def test_limbs_are_those_of_the_charts() -> None:
    assert LIMB_OF_LABEL[:25].tolist() == [0, 1, 1, 4, 3, 5, 6, 6, 5, 6, 5, 6, 5, 6, 5, 3, 4, 3, 4, 3, 4, 3, 4, 2, 2]


def test_between_the_legs_each_pixel_continues_its_own_leg() -> None:
    """The network's border between the legs is not in the middle of the gap."""
    image = image_of((RIGHT_LEG, 10, 20), (LEFT_LEG, 36, 50))
    own_hw = np.full((HEIGHT, WIDTH), LEFT_LEG, np.uint8)
    own_hw[:, :24] = RIGHT_LEG
    made = filled(image, own_hw, own_hw, METRE)
    assert np.array_equal(made.labels_hw, own_hw)
    assert np.allclose(made.uv_2hw[0, :, 24:36], 36 / WIDTH) and np.allclose(made.uv_2hw[0, :, 20:24], 19 / WIDTH)
    assert np.allclose(made.uv_2hw[1, :, 10:50], np.arange(HEIGHT)[:, None] / HEIGHT)  # straight across
    near = filled(image, own_hw, own_hw, 50.0)  # the left leg is 12 pixels away: 24 cm
    assert (near.labels_hw[:, 24:28] == RIGHT_LEG).all() and (near.labels_hw[:, 30:] == LEFT_LEG).all()


def test_a_hanging_arm_does_not_continue_the_trunk_but_a_leg_does() -> None:
    own_hw = np.full((HEIGHT, WIDTH), CHEST, np.uint8)
    beside = filled(image_of((CHEST, 10, 20), (LEFT_ARM, 26, 30)), own_hw, own_hw, METRE)
    assert (beside.labels_hw[:, 20:26] == CHEST).all()
    below = filled(image_of((CHEST, 10, 20), (LEFT_LEG, 26, 30)), own_hw, own_hw, METRE)
    assert (below.labels_hw[:, 24:26] == LEFT_LEG).all()


def test_only_wanted_pixels_are_filled_and_single_ones_by_the_nearest() -> None:
    image = image_of((RIGHT_LEG, 10, 20), (LEFT_LEG, 36, 50))
    own_hw = np.full((HEIGHT, WIDTH), RIGHT_LEG, np.uint8)
    own_hw[: LEAST_PIXELS - 1, 21] = LEFT_LEG
    wanted_hw = np.zeros_like(own_hw)
    wanted_hw[:, 20:24] = 1
    made = filled(image, own_hw, wanted_hw, METRE)
    assert (made.labels_hw[:, 20:24] == RIGHT_LEG).all() and not made.labels_hw[:, 24:36].any()
    whole = image_of((RIGHT_LEG, 0, WIDTH))
    assert filled(whole, own_hw, wanted_hw, METRE) is whole

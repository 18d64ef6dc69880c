"""Motion blur: a moving point is spread along its path, a still one stays sharp."""

from __future__ import annotations

import numpy as np
import pytest

from models.surface.raster import Hits
from stages.world.camera.motion_blur import MAX_SAMPLES, Exposure, motion_blurred
from stages.world.camera.optical_flow import ExactFlow

pytestmark = pytest.mark.quick

HEIGHT, WIDTH = 24, 60


def steady(right, place=0.0):
    """People move right by `right` pixels per frame, the background by `place`."""

    def flow(sign):
        way = np.zeros((2, HEIGHT, WIDTH), np.float32)
        way[0] = sign * right
        behind = np.zeros_like(way)
        behind[0] = sign * place
        return ExactFlow(flow_2HW=way, visible_HW=np.ones((HEIGHT, WIDTH), bool), background_flow_2HW=behind)

    return flow(1), flow(-1)


def block(rows, columns):
    row, column = np.mgrid[rows, columns]
    pixel = (row * WIDTH + column).reshape(-1).astype(np.int32)
    count = len(pixel)
    return Hits(
        pixel_P=pixel,
        face_P=np.zeros(count, np.int32),
        bary_P3=np.ones((count, 3), np.float32) / 3,
        depth_P=np.ones(count, np.float32),
    )


def taken(right, shutter, hits, place_HW3, place=0.0):
    on, back = steady(right, place)
    white = np.ones((len(hits.pixel_P), 3), np.float32)
    return motion_blurred(Exposure(forward=on, backward=back, shutter=shutter), hits, white, place_HW3)


def test_a_still_frame_is_softened_by_less_than_a_pixel():
    hits = block(slice(5, 20), slice(20, 40))
    image = taken(0.0, 0.5, hits, np.zeros((HEIGHT, WIDTH, 3), np.float32))
    assert np.allclose(image[7:18, 22:38], 1, atol=1e-6)
    assert np.abs(image[:3]).max() == 0 and np.abs(image[:, 43:]).max() == 0
    assert image[..., 0].sum() == pytest.approx(15 * 20, rel=0.01)


@pytest.mark.parametrize(("right", "shutter"), [(8.0, 0.5), (12.0, 0.66), (3.0, 1.0)])
def test_a_moving_edge_becomes_a_ramp_as_long_as_its_path(right, shutter):
    hits = block(slice(0, HEIGHT), slice(15, 45))
    row = taken(right, shutter, hits, np.zeros((HEIGHT, WIDTH, 3), np.float32))[HEIGHT // 2, :, 0]
    way = right * shutter
    place = np.arange(WIDTH) + 0.5
    ideal = np.clip((place - (15 - way / 2)) / way, 0, 1) * np.clip(((45 + way / 2) - place) / way, 0, 1)
    assert np.abs(row - ideal).max() < 0.2 and np.abs(row - ideal).mean() < 0.02
    assert row.sum() == pytest.approx(30, rel=0.03)


def test_the_background_is_blurred_by_its_own_flow_also_beside_still_people():
    place_HW3 = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    place_HW3[:, 30:] = 1
    row = taken(0.0, 0.5, block(slice(0, 2), slice(0, 2)), place_HW3, place=8.0)[HEIGHT // 2, :, 0]
    ideal = np.clip((np.arange(WIDTH) + 0.5 - 28) / 4, 0, 1)
    assert np.abs(row - ideal).max() < 0.2


def test_diverging_neighbours_leave_no_crack():
    hits = block(slice(4, 20), slice(10, 50))
    on, back = steady(0.0)
    left = on.flow_2HW.copy()
    left[0, :, :30], left[0, :, 30:] = -2.0, 2.0
    on = ExactFlow(flow_2HW=left, visible_HW=on.visible_HW, background_flow_2HW=on.background_flow_2HW)
    white = np.ones((len(hits.pixel_P), 3), np.float32)
    image = motion_blurred(
        Exposure(forward=on, backward=back, shutter=0.6), hits, white, np.zeros((HEIGHT, WIDTH, 3), np.float32)
    )
    assert image[8:16, 14:46].min() > 0.9


def test_sample_times_are_even_in_number_and_evenly_spaced():
    on, back = steady(40.0)
    times = Exposure(forward=on, backward=back, shutter=0.5).sample_times(block(slice(0, 9), slice(0, 9)))
    assert (
        len(times) == MAX_SAMPLES and np.allclose(np.diff(times), 0.5 / MAX_SAMPLES) and sum(times) == pytest.approx(0)
    )

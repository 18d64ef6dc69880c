"""The output maps of a crop: chart candidates with their own U and V, and the logits of joints."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from models.light.architecture.output_maps import chart_candidates, person_logit, split_joints
from models.light.architecture.preprocessing import CROP
from models.light.architecture.surface_net import GRID, PickedSurface, SurfaceNet
from models.light.inference.crop_view import CropView, resample_maps, rotation_about
from models.light.inference.ensemble import combine, unflip
from tests.models.light.random_light import SMALL

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_most_probable_charts_are_kept_with_their_own_uv(count: int) -> None:
    torch.manual_seed(4)
    net = SurfaceNet(SMALL).eval()
    rgb_1CHW = 255 * torch.rand(1, 3, CROP, CROP)
    with torch.no_grad():
        whole, maps_LGG = net(rgb_1CHW), PickedSurface(net, count).eval()(rgb_1CHW)[0].numpy()
    assert maps_LGG.shape == (1 + 4 * count, GRID, GRID)
    np.testing.assert_allclose(maps_LGG[0], whole.person[0, 0], atol=1e-4)
    probability_PGG = whole.part.softmax(1)[0].numpy()
    ranked_PGG = np.sort(probability_PGG, 0)[::-1]
    for rank, (chart_GG, u_GG, v_GG, probability_GG) in enumerate(chart_candidates(maps_LGG)):
        at_1GG = chart_GG.astype(int)[None] - 1
        np.testing.assert_allclose(probability_GG, ranked_PGG[rank], atol=1e-5)
        u_PGG, v_PGG = whole.u[0].numpy(), whole.v[0].numpy()
        for found_GG, all_PGG in ((probability_GG, probability_PGG), (u_GG, u_PGG), (v_GG, v_PGG)):
            np.testing.assert_allclose(found_GG, np.take_along_axis(all_PGG, at_1GG, 0)[0], atol=1e-4)


def test_joints_follow_the_charts_and_change_none_of_them() -> None:
    torch.manual_seed(4)
    plain = SurfaceNet(SMALL).eval()
    net = SurfaceNet(dataclasses.replace(SMALL, joints=True)).eval()
    net.load_state_dict(plain.state_dict(), strict=False)
    assert net.joints is not None
    rgb_1CHW = 255 * torch.rand(1, 3, CROP, CROP)
    with torch.no_grad():
        alone_LGG, both_LGG = (PickedSurface(one).eval()(rgb_1CHW)[0].numpy() for one in (plain, net))
        place, visible = net.joints.logits(net.features(rgb_1CHW))
    maps_LGG, joint_2JSS = split_joints(both_LGG)
    assert joint_2JSS is not None and split_joints(alone_LGG)[1] is None
    np.testing.assert_array_equal(maps_LGG, alone_LGG)
    np.testing.assert_allclose(joint_2JSS, torch.stack([place[0], visible[0]]).numpy(), atol=1e-5)


def test_planes_of_other_people_change_nothing_until_they_are_learned() -> None:
    torch.manual_seed(4)
    net = SurfaceNet(dataclasses.replace(SMALL, others=True)).eval()
    crop_2CHW = 255 * torch.rand(1, 5, CROP, CROP).repeat(2, 1, 1, 1)
    crop_2CHW[1, 3:] = 0
    with torch.no_grad():
        before, same = net(crop_2CHW).person
        assert torch.equal(before, same)
        assert net.others is not None
        net.others.weight.normal_()
        assert not torch.equal(*net(crop_2CHW).person)


def test_the_logit_of_a_person_in_the_box_is_found_in_the_output() -> None:
    torch.manual_seed(5)
    sizes = dataclasses.replace(SMALL, joints=True, thing=True)
    net = SurfaceNet(sizes).eval()
    rgb_1CHW = 255 * torch.rand(1, 3, CROP, CROP)
    with torch.no_grad():
        assert net.thing is not None
        wanted = net.thing(net.all_features(rgb_1CHW).whole_NC).item()
        found_LGG = PickedSurface(net)(rgb_1CHW)[0].numpy()
        silent_LGG = PickedSurface(SurfaceNet(dataclasses.replace(SMALL, joints=True)).eval())(rgb_1CHW)[0].numpy()
        alone_LGG = PickedSurface(SurfaceNet(SMALL).eval())(rgb_1CHW)[0].numpy()
    assert person_logit(found_LGG) == pytest.approx(wanted, abs=1e-5) and wanted != 0
    assert person_logit(silent_LGG) == person_logit(alone_LGG) == 0
    assert split_joints(found_LGG)[1].shape == split_joints(silent_LGG)[1].shape  # type: ignore[union-attr]


def uniform_maps(*candidates: tuple[int, float, float, float]) -> np.ndarray:
    """Maps with the same candidates in every cell: chart, U, V and probability of each."""
    maps_LGG = np.ones((1 + 4 * len(candidates), 8, 8), np.float32)
    maps_LGG[1:] = np.array(candidates, np.float32).reshape(-1, 1, 1)
    return maps_LGG


def test_a_common_second_candidate_wins_over_different_first_ones() -> None:
    one = uniform_maps((3, 0.1, 0.2, 0.5), (7, 0.2, 0.6, 0.45))
    other = uniform_maps((9, 0.8, 0.9, 0.5), (7, 0.4, 0.8, 0.45))
    combined = combine([one, other])
    assert combined.shape == (5, 8, 8)
    np.testing.assert_allclose(combined[:, 4, 4], [1, 7, 0.3, 0.7, 0.45], atol=1e-6)
    np.testing.assert_allclose(combine([one[:5], other])[1:, 4, 4], [3, 0.1, 0.2, 0.25], atol=1e-6)


def test_every_candidate_is_resampled_and_flipped_like_the_first() -> None:
    rng = np.random.default_rng(2)
    maps_LGG = rng.random((9, GRID, GRID)).astype(np.float32)
    maps_LGG[[1, 5]] = rng.integers(1, 25, (2, GRID, GRID))
    second_LGG = maps_LGG[[0, 5, 6, 7, 8]]
    here = CropView.of_region(np.array([10, 20, 90, 140], np.float32))
    there = here.of_transformed_frame(rotation_about(np.array([50.0, 80.0]), 30))
    for made in (unflip, lambda maps: resample_maps(maps, here, there)):
        np.testing.assert_array_equal(made(maps_LGG)[:5], made(maps_LGG[:5]))
        np.testing.assert_array_equal(made(maps_LGG)[5:], made(second_LGG)[1:])

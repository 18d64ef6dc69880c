"""Direct DensePose: dynamic masks of all people at once, losses, and the product of masks and the global maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.architecture.backbone import LiteNet
from models.architecture.direct import DirectNet, DirectOutputs, person_locations, whole_image_sizes
from models.architecture.dynamic_masks import FILTERS, LAYERS, MASK_CHANNELS, REACH, person_masks
from models.architecture.rcnn import fold_norms
from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import initialise_from, load_trained, write_trained
from models.errors import ModelError
from models.inference import direct_network
from models.inference.direct_network import DirectNetwork, frame_surfaces, read_charts
from models.inference.network_check import check_network
from models.inference.preprocess import network_input
from models.inference.zoo_network import Limits
from models.light.architecture.weight_files import load_networks
from models.light.architecture.weight_paths import BUILT_IN
from models.losses.direct import coarse_masks, outline_cost, smooth_term
from models.network import NetworkConfig
from models.variant import SIZES, Variant

VARIANT = Variant(backbone="nano")
COARSER = replace(VARIANT, stride=8)


def plain_mask(feature_Chw: Tensor, filter_F: Tensor, centre_2: Tensor, stride: float, cell: float) -> Tensor:
    """One person's mask, cell after cell, as the paper describes it."""
    w1, b1, w2, b2, w3, b3 = filter_F.split(LAYERS)
    height, width = feature_Chw.shape[1:]
    mask = torch.empty(height, width)
    for row in range(height):
        for column in range(width):
            place = (torch.tensor([column + 0.5, row + 0.5]) * cell - centre_2) / (REACH * stride)
            x = torch.cat([feature_Chw[:, row, column], place])
            x = (w1.view(MASK_CHANNELS, -1) @ x + b1).relu()
            x = (w2.view(MASK_CHANNELS, -1) @ x + b2).relu()
            mask[row, column] = w3 @ x + b3[0]
    return mask


@pytest.mark.parametrize("at_once", [0, 7])
def test_all_people_at_once_have_the_masks_of_one_after_the_other(at_once: int) -> None:
    torch.manual_seed(0)
    feature, filters = torch.randn(MASK_CHANNELS, 5, 6), torch.randn(3, FILTERS)
    centre, stride = torch.rand(3, 2) * 24, torch.tensor([8.0, 16.0, 64.0])
    found = person_masks(feature, filters, centre, stride, cell=4, at_once=at_once)
    for person in range(3):
        alone = plain_mask(feature, filters[person], centre[person], float(stride[person]), 4)
        assert torch.allclose(found[person], alone, atol=1e-4)


def test_a_mask_moves_with_its_person() -> None:
    """With features that are the same everywhere, only the place relative to the person counts."""
    torch.manual_seed(1)
    feature, filters = torch.ones(MASK_CHANNELS, 16, 16), torch.randn(1, FILTERS).repeat(2, 1)
    centre = torch.tensor([[20.0, 20.0], [28.0, 24.0]])
    first, second = person_masks(feature, filters, centre, torch.tensor([8.0, 8.0]), cell=4)
    assert first.std() > 0
    assert torch.allclose(first[:-1, :-2], second[1:, 2:], atol=1e-4)


def test_locations_are_centres_of_the_levels_cells() -> None:
    centre, stride = person_locations(((2, 3), (1, 2), (1, 1), (1, 1)))
    assert centre[:3].tolist() == [[4, 4], [12, 4], [20, 4]]
    assert centre[6].tolist() == [8, 8] and stride.tolist() == [8] * 6 + [16] * 2 + [32, 64]


def test_the_published_backbone_has_branches_that_a_whole_image_can_bear() -> None:
    assert whole_image_sizes(Variant()) == replace(SIZES["r50"], head=256, depth=4)
    with torch.device("meta"):
        network = DirectNet(Variant())
    assert len([name for name in network.state_dict() if name.startswith("densepose_head.")]) == 8


def test_a_stride_of_8_needs_no_finer_level_and_finds_people_at_the_same_places() -> None:
    """Cells of maps and masks are twice as wide, so that one location's mask is the same in pixels."""
    networks = [DirectNet(variant).eval() for variant in (VARIANT, COARSER)]
    fine, coarse = (network.outputs(torch.zeros(1, 3, 64, 96)) for network in networks)
    assert (fine.map_cell, fine.mask_cell, coarse.map_cell, coarse.mask_cell) == (2, 4, 4, 8)
    assert coarse.maps["u"].shape == (1, 25, 16, 24) and coarse.features_BChw.shape == (1, MASK_CHANNELS, 8, 12)
    assert torch.equal(fine.centre_P2, coarse.centre_P2) and torch.equal(fine.stride_P, coarse.stride_P)
    assert not [name for name in networks[1].state_dict() if "fpn_lateral2" in name or "fpn_output2" in name]


def test_masks_are_compared_in_cells_of_two_pixels() -> None:
    mask = torch.zeros(1, 4, 4, dtype=torch.uint8)
    mask[0, 0, 0], mask[0, 2:, 1] = 1, 1
    assert coarse_masks(mask, 2).tolist() == [[[0, 0], [1, 0]]]
    exact, empty = torch.tensor([[[-40.0, -40], [40, -40]]]), torch.full((1, 2, 2), -40.0)
    assert outline_cost(exact, coarse_masks(mask, 2)).item() == pytest.approx(0, abs=1e-6)
    assert outline_cost(empty, coarse_masks(mask, 2)).item() == pytest.approx(0.5)  # 1 - (0 + 1) / (1 + 1)


def test_smoothness_counts_less_where_a_mask_ends_and_not_off_people() -> None:
    mask = torch.tensor([[[1.0, 1, 0, 0]]])
    step = torch.zeros(1, 1, 1, 4)
    costs = []
    for column in range(1, 4):
        u = step.clone()
        u[..., column:] = 0.5
        term = smooth_term(u, step, mask, torch.tensor([0]), 1.0)
        costs.append(term.total.item())
        assert float(term.divisor or 0) == 2  # two pairs of neighbours touch the person
    assert costs == pytest.approx([0.5, 0.5 * np.exp(-1), 0])


def diamond() -> Tensor:
    """Filters whose mask is a diamond around the location, one to the sides by 0.3 of the unit of places."""
    w1, w2 = torch.zeros(MASK_CHANNELS, MASK_CHANNELS + 2), torch.eye(MASK_CHANNELS)
    for row, (channel, sign) in enumerate(((0, 1), (0, -1), (1, 1), (1, -1))):
        w1[row, MASK_CHANNELS + channel] = sign
    b = torch.zeros(MASK_CHANNELS)
    return torch.cat([w1.flatten(), b, w2.flatten(), b, torch.full((MASK_CHANNELS,), -20.0), torch.tensor([6.0])])


def network_with(maps: dict[str, Tensor], variant: Variant = VARIANT) -> tuple[DirectNetwork, np.ndarray]:
    """A network with given global maps, and a diamond as everybody's mask; and a frame of its size."""
    torch.manual_seed(2)
    network = DirectNet(variant)
    outputs = network.outputs

    def given(x: Tensor) -> DirectOutputs:
        found = outputs(x)
        return replace(found, maps=maps, filter_BPF=diamond().expand(*found.logit_BP.shape, FILTERS))

    network.outputs = given  # type: ignore[method-assign]
    served = DirectNetwork(network, Limits(min_size=64, max_size=96, min_score=0.0), name="", sha256="")
    return served, np.random.default_rng(0).integers(0, 255, (1, 64, 96, 3), dtype=np.uint8)


def test_a_surface_is_the_product_of_the_mask_and_the_global_maps() -> None:
    fine = torch.zeros(1, 25, 32, 48)
    fine[:, 3, :, :24], fine[:, 7, :, 24:] = 9, 9
    u = torch.linspace(0, 1, 48).expand(1, 25, 32, 48)
    network, frame = network_with({"fine_segm": fine, "u": u, "v": u / 2, "coarse_segm": fine[:, :2]})
    found, features = network.detect(frame)
    box = np.array([[-4.0, 6, 70, 58], [30, 10, 60, 40]], np.float32)
    one, other = network.surfaces(features, [box])[0]
    assert (one.x0, one.y0, *one.labels_hw.shape) == (-4, 6, 52, 74)
    assert len(found[0]) > 0 and one.confidence_hw is not None
    shown = one.labels_hw > 0
    assert shown.any() and not shown.all(), "the diamond"
    column = np.arange(-4, 70)[None].repeat(52, 0)
    assert (one.labels_hw[shown & (column < 47)] == 3).all() and (one.labels_hw[shown & (column > 48)] == 7).all()
    expected = np.clip(((column + 0.5) / 2 - 0.5) / 47, 0, 1)
    assert np.abs(one.uv_2hw[0] - expected)[shown].max() < 1e-5
    assert np.abs(one.uv_2hw[1] - expected / 2)[shown].max() < 1e-5
    assert not one.uv_2hw[:, ~shown].any()
    # Each person alone has the same surface: nobody is changed by the others.
    alone = network.surfaces(features, [box[1:]])[0][0]
    assert np.array_equal(alone.labels_hw, other.labels_hw) and np.allclose(alone.uv_2hw, other.uv_2hw)
    assert network.surfaces(features, [np.zeros((0, 4), np.float32)]) == [[]]


def test_charts_are_read_once_a_pixel_whatever_the_number_of_people(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = {"fine_segm": torch.rand(1, 25, 32, 48), "u": torch.rand(1, 25, 32, 48), "v": torch.rand(1, 25, 32, 48)}
    network, frame = network_with(maps)
    _, features = network.detect(frame)
    read = []

    def counted(*arguments: Any) -> Tensor:
        read.append(int(arguments[1].sum()))
        return read_charts(*arguments)

    monkeypatch.setattr(direct_network, "read_charts", counted)
    box = np.array([[10.0, 6, 70, 58]], np.float32)
    frame_surfaces(features[0], box)
    frame_surfaces(features[0], box.repeat(50, 0))
    assert len(read) == 2 and read[0] == read[1] > 0


@pytest.mark.parametrize("variant", [VARIANT, COARSER], ids=["stride 4", "stride 8"])
def test_charts_between_cells_are_those_of_the_interpolated_logits(variant: Variant) -> None:
    torch.manual_seed(3)
    height, width = 128 // variant.stride, 192 // variant.stride
    fine = torch.rand(1, 25, height, width)
    fine[:, 4, height // 4 : -height // 4, width // 6 : width // 2] += 2
    maps = {"fine_segm": fine, "u": torch.zeros_like(fine), "v": torch.zeros_like(fine)}
    network, frame = network_with(maps, variant)
    _, features = network.detect(frame)
    canvas = read_charts(features[0], torch.ones(64, 96, dtype=torch.bool), (0, 0))
    full = torch.nn.functional.interpolate(fine, size=(64, 96), mode="bilinear", align_corners=False)[0]
    assert torch.equal(canvas[0].long(), full.argmax(dim=0))


def weights_file(folder: Path) -> Path:
    about = TrainedInfo(kind="direct", variant=VARIANT, min_size=64, max_size=96)
    path = folder / "direct.safetensors"
    write_trained(path, DirectNet(VARIANT).state_dict(), about)
    return path


def test_weights_are_read_strictly(tmp_path: Path) -> None:
    path = weights_file(tmp_path)
    network, about, _ = load_trained(path)
    assert isinstance(network, DirectNet) and about.kind == "direct"
    with pytest.raises(ModelError, match=r"trained network of kind 'direct'.*network\.kind=trained"):
        check_network(NetworkConfig(weights=str(path)))
    state = DirectNet(VARIANT).state_dict()
    state.pop("instances.filters.weight")
    write_trained(path, state, about)
    with pytest.raises(ModelError, match=r"1 missing \(instances\.filters\.weight"):
        load_trained(path)
    write_trained(path, DirectNet(VARIANT).state_dict(), replace(about, kind="fcn"))
    with pytest.raises(ModelError, match="unexpected"):
        load_trained(path)


def test_an_encoder_of_imagenet_starts_it(tmp_path: Path) -> None:
    """The package's names, whose layers are the same: written from an encoder, read back into the network."""
    network = DirectNet(Variant(backbone="lite0"))
    assert network.outputs(torch.zeros(1, 3, 64, 64)).features_BChw.shape == (1, MASK_CHANNELS, 16, 16)
    package = {
        "_conv_stem.weight": torch.full((32, 3, 3, 3), 0.5),
        "_blocks.0._depthwise_conv.weight": torch.full((32, 1, 3, 3), 0.25),
        "_fc.weight": torch.zeros(1000, 1280),
    }
    torch.save(package, tmp_path / "lite0.pth")
    found = initialise_from(network, tmp_path / "lite0.pth")
    assert found["taken"] == ["backbone.bottom_up.blocks.0.filter.0.weight", "backbone.bottom_up.stem.0.weight"]
    assert network.backbone.bottom_up.state_dict()["stem.0.weight"].unique().tolist() == [0.5]


def test_the_network_of_crops_starts_it_and_sees_in_an_image_what_it_sees_in_a_crop() -> None:
    network = DirectNet(Variant(backbone="light")).eval()
    drawn = initialise_from(network, BUILT_IN)["drawn"]
    assert {name.split(".")[0] for name in drawn} == {"backbone", "instances", "mask_features"}
    assert not [name for name in drawn if "bottom_up" in name]
    crops = load_networks(BUILT_IN)[1].eval()
    rgb = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (1, 160, 160, 3), dtype=np.uint8))
    planes = torch.zeros(1, crops.channels - 3, 160, 160)
    with torch.no_grad():
        wanted = crops(torch.cat([rgb.permute(0, 3, 1, 2).float(), planes], dim=1))
        found = network.outputs(network_input(rgb.numpy(), (160, 160)).permute(0, 3, 1, 2))
    assert (found.map_cell, found.mask_cell) == (2, 4) and found.features_BChw.shape == (1, MASK_CHANNELS, 40, 40)
    person, chart = wanted.person.sigmoid(), wanted.part.softmax(dim=1)
    probability = torch.cat([1 - person, person * chart], dim=1)
    torch.testing.assert_close(found.maps["fine_segm"].softmax(dim=1), probability, rtol=0, atol=1e-3)
    torch.testing.assert_close(found.maps["coarse_segm"].softmax(dim=1)[:, 1:], person, rtol=0, atol=1e-3)
    for name in ("u", "v"):
        torch.testing.assert_close(found.maps[name][:, 1:], getattr(wanted, name), rtol=0, atol=1e-3)


def test_batch_norms_are_folded_for_inference_without_a_change_of_results() -> None:
    network, x = LiteNet(), torch.randn(1, 3, 64, 64) * 50
    network.train()
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64) * 50)  # statistics that are not those of the start
        before = network.eval()(x)
        norms = sum(isinstance(one, nn.BatchNorm2d) for one in network.modules())
        fold_norms(network)
        after = network(x)
    assert norms == 48 and not any(isinstance(one, nn.BatchNorm2d) for one in network.modules())
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)

"""Every published variant has the layers of its checkpoint and runs from frame to surface."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
import yaml

from models.architecture.proposals import anchors_at
from models.architecture.rcnn import empty_rcnn
from models.architecture.roi_pooling import level_of, pool_levels, roi_align
from models.checkpoints.zoo import ZOO
from models.engines.prepared_rcnn import PreparedRCNN
from models.inference.zoo_network import Limits, ZooNetwork
from models.network import NetworkConfig
from models.surface.vertex_charts import VertexCharts
from models.variant import Variant

KEY_LISTS = {
    "R50_s1x": Variant(),
    "R101_s1x": Variant(backbone="r101"),
    "R50_DL": Variant(head="deeplab"),
    "R50_legacy": Variant(legacy=True),
    "R50_WC1M": Variant(confidence="wc1", segm_confidence=True),
    "R50_WC2M": Variant(confidence="wc2", segm_confidence=True),
    "R50_CSE": Variant(mesh="smpl_27554"),
    "R50_DL_CSE": Variant(head="deeplab", mesh="smpl_27554"),
    "R101_CSE": Variant(backbone="r101", mesh="smpl_27554"),
    "R101_DL_CSE": Variant(backbone="r101", head="deeplab", mesh="smpl_27554"),
}
COUNTS = {  # tensors and numbers in them, as the reference prints them
    "R50_s1x": (335, 63_927_330),
    "R101_s1x": (590, 82_971_682),
    "R50_DL": (359, 66_162_210),
    "R50_WC1M": (341, 64_148_541),
    "R50_WC2M": (345, 64_558_191),
    "R50_legacy": (319, 59_837_487),
    "R50_CSE": (333, 70_501_863),
    "R50_DL_CSE": (357, 72_736_743),
    "R101_CSE": (588, 89_546_215),
    "R101_DL_CSE": (612, 91_781_095),
}


def zoo_configs(root: Path) -> dict[str, NetworkConfig]:
    """The network section of every zoo configuration."""
    zoo = yaml.safe_load((root / "configs" / "zoo" / "zoo.yaml").read_text())
    read = {name: {**zoo["network"], **one["network"]} for name, one in zoo["variants"].items()}
    return {name: NetworkConfig(**{**one, "variant": Variant(**one.get("variant", {}))}) for name, one in read.items()}


def shapes_of(variant: Variant) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in empty_rcnn(variant).state_dict().items()}


@pytest.mark.parametrize("name", KEY_LISTS)
def test_tensor_and_parameter_counts(name: str) -> None:
    state = empty_rcnn(KEY_LISTS[name]).state_dict()
    assert (len(state), sum(value.numel() for value in state.values())) == COUNTS[name]


@pytest.mark.parametrize("name", KEY_LISTS)
def test_keys_and_shapes(name: str, shared: Path) -> None:
    expected = json.loads((shared / "reference" / "keys" / f"keys_{name}.json").read_text())
    assert shapes_of(KEY_LISTS[name]) == expected


def test_combined_variants_have_the_keys_of_their_parts() -> None:
    """There is no key list of these variants; each part must equal that of a variant with a list."""
    mixed = shapes_of(Variant(backbone="r101", head="deeplab", confidence="wc2", segm_confidence=True))
    parts = {
        "backbone.": shapes_of(KEY_LISTS["R101_s1x"]),
        "proposal_generator.": shapes_of(KEY_LISTS["R50_s1x"]),
        "roi_heads.box": shapes_of(KEY_LISTS["R50_s1x"]),
        "roi_heads.decoder.": shapes_of(KEY_LISTS["R50_s1x"]),
        "roi_heads.densepose_head.": shapes_of(KEY_LISTS["R50_DL"]),
        "roi_heads.densepose_predictor.": shapes_of(KEY_LISTS["R50_WC2M"]),
    }
    expected = {key: shape for start, shapes in parts.items() for key, shape in shapes.items() if key.startswith(start)}
    assert mixed == expected


def test_every_published_network_has_a_configuration(root: Path) -> None:
    configs = zoo_configs(root)
    assert {config.weights.removeprefix("zoo:") for config in configs.values()} == set(ZOO)
    assert len(configs) == len(ZOO) == 30


def test_configurations_set_the_variant_of_their_weights(root: Path) -> None:
    for name, config in zoo_configs(root).items():
        words = config.weights.removeprefix("zoo:").removeprefix("cse/").removeprefix("densepose_rcnn_").split("_")
        assert (config.variant.mesh == "smpl_27554") == ("cse/" in config.weights) == ("cse" in name), name
        confidence = next((word for word in words if word.startswith("WC")), "")
        assert config.variant.backbone == f"r{words[1]}", name
        assert (config.variant.head == "deeplab") == ("DL" in words), name
        assert config.variant.legacy == ("legacy" in words), name
        assert config.variant.confidence == (confidence[:3].lower() or "none"), name
        assert config.variant.segm_confidence == confidence.endswith("M"), name
        assert (config.precision, config.min_score) == ("fp32", 0.05), name
        assert (config.max_people, config.min_size, config.max_size) == (100, 800, 1333), name


RUNS = {
    "zoo_r101_s1x": (112, 2, ()),
    "zoo_r50_legacy": (56, 15, ()),
    "zoo_r50_wc1": (112, 2, ("sigma_2",)),
    "zoo_r50_dl_wc2m": (
        112,
        2,
        ("sigma_2", "kappa_u", "kappa_v", "fine_segm_confidence", "coarse_segm_confidence"),
    ),
}


@pytest.mark.parametrize("name", ["zoo_cse_r50_soft", "zoo_cse_r101_dl"])
def test_embeddings_get_the_charts_of_their_vertices(name: str, root: Path) -> None:
    torch.manual_seed(0)
    network = empty_rcnn(zoo_configs(root)[name].variant).to_empty(device="cpu")
    for value in network.state_dict().values():
        value.normal_(0, 0.05)
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.fill_(1)
    rng = np.random.default_rng(1)
    charts = VertexCharts(
        part_V=rng.integers(1, 25, 27554).astype(np.uint8), uv_V2=rng.uniform(size=(27554, 2)).astype(np.float32)
    )
    prepared = PreparedRCNN(network, engine="torch", device=torch.device("cpu"), precision="fp32", threads=1)
    zoo = ZooNetwork(prepared, Limits(min_size=96, max_size=160), name=name, sha256="", batch=1, charts=charts)
    _, features = zoo.detect(rng.integers(0, 255, (1, 72, 96, 3), dtype=np.uint8))
    (surface,) = zoo.surfaces(features, [np.array([[3.2, 5.9, 40.1, 70.3]], np.float32)])[0]
    assert surface.embedded is not None
    vertex = surface.embedded.vertex_hw
    shown = vertex >= 0
    assert shown.any()
    assert (surface.labels_hw[shown] == charts.part_V[vertex[shown]]).all()
    assert (surface.labels_hw[~shown] == 0).all()
    assert np.array_equal(surface.uv_2hw[:, shown].T, charts.uv_V2[vertex[shown]])
    assert surface.mask_hw is None  # the charts say which pixels are the person's


@pytest.mark.parametrize("name", RUNS)
def test_runs_from_frame_to_surface(name: str, root: Path) -> None:
    """Random weights and small frames with two sizes of people: shapes and names of the outputs."""
    side, coarse, uncertainty = RUNS[name]
    torch.manual_seed(0)
    network = empty_rcnn(zoo_configs(root)[name].variant).to_empty(device="cpu")
    for value in network.state_dict().values():
        value.normal_(0, 0.02).abs_()
    prepared = PreparedRCNN(network, engine="torch", device=torch.device("cpu"), precision="fp32", threads=1)
    maps = prepared.predict_surfaces(torch.randn(2, side // 4, side // 4, 256))
    assert maps["coarse_segm"].shape == (2, coarse, side, side)
    assert maps["fine_segm"].shape == maps["u"].shape == maps["v"].shape == (2, 25, side, side)
    zoo = ZooNetwork(prepared, Limits(min_size=96, max_size=160), name=name, sha256="", batch=2)
    frames = np.random.default_rng(0).integers(0, 255, (3, 72, 96, 3), dtype=np.uint8)
    _, features = zoo.detect(frames)
    box = np.array([[3.2, 5.9, 40.1, 70.3], [50, 2, 50.5, 2.4]], np.float32)
    surfaces = zoo.surfaces(features, [box, box[:0], box[:1]])
    assert [len(frame) for frame in surfaces] == [2, 0, 1]
    large, small = surfaces[0]
    assert (large.x0, large.y0, large.labels_hw.shape) == (3, 5, (64, 36))
    assert (small.x0, small.y0, small.labels_hw.shape) == (50, 2, (1, 1))
    assert large.labels_hw.max() <= 24
    assert (large.uv_2hw[:, large.labels_hw == 0] == 0).all()
    assert tuple(large.uncertainty) == uncertainty
    assert all(value.shape == (64, 36) for value in large.uncertainty.values())
    assert large.confidence_hw is not None and large.confidence_hw.shape == (64, 36)


def test_confidence_multiplies_the_segmentations() -> None:
    """c = softplus(x) + 0.01 multiplies the logits; for x = 0 that is log 2 + 0.01."""
    variants = (Variant(), Variant(confidence="wc1", segm_confidence=True))
    torch.manual_seed(0)
    x = torch.randn(1, 512, 28, 28)
    outputs = []
    for variant in variants:
        predictor = empty_rcnn(variant).roi_heads.densepose_predictor.to_empty(device="cpu")
        for name, value in predictor.state_dict().items():
            value.fill_(0.0 if "confidence" in name else 0.01)
        with torch.inference_mode():
            outputs.append(predictor(x))
    factor = np.log(2) + 0.01
    for name in ("fine_segm", "coarse_segm"):
        assert torch.allclose(outputs[1][name], outputs[0][name] * factor, rtol=1e-5)
        assert torch.allclose(outputs[1][f"{name}_confidence"], torch.tensor(factor, dtype=torch.float32))
    assert torch.equal(outputs[1]["u"], outputs[0]["u"])


def test_roi_align_equals_torchvision_without_alignment() -> None:
    """On boxes inside, across and outside of the border, also thin ones."""
    torch.manual_seed(0)
    maps = torch.randn(2, 8, 20, 30)
    box = torch.tensor(
        [[1.5, 2.5, 60.0, 50.2], [-30.0, -20, 10, 9], [100, 60, 140, 100], [50, 10, 50.1, 40], [-90, -90, -50, -60]]
    )
    image = torch.tensor([0, 1, 0, 1, 1])
    for bins in (7, 14, 28):
        rois = torch.cat([image[:, None].float(), box], dim=1)
        expected = torchvision.ops.roi_align(maps, rois, bins, 0.25, 2, False)
        pooled = roi_align(maps.permute(0, 2, 3, 1).contiguous(), image, box, 0.25, bins)
        assert torch.allclose(pooled.permute(0, 3, 1, 2), expected, atol=1e-5)


def test_the_pooling_level_depends_on_the_box_size() -> None:
    """Lin et al. 2017, eq. 1: a box of 224 px belongs to p4, one of half that size to p3; levels are clamped."""
    sides = torch.tensor([10.0, 111.9, 112.0, 223.9, 224.0, 447.9, 448.0, 5000.0])
    box = torch.stack([torch.zeros(8), torch.zeros(8), sides, sides], dim=1)
    assert level_of(box).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    levels = [torch.full((1, 64 >> index, 64 >> index, 4), float(index)) for index in range(4)]
    small = box[:1], box[4:5]
    pooled = pool_levels(levels, torch.zeros(2, dtype=torch.int64), torch.cat(small), 7)
    assert pooled.amax(dim=(1, 2, 3)).tolist() == [0.0, 2.0]


def test_first_anchor() -> None:
    """Value from the reference: level p2, ratio 0.5, centred on the origin."""
    first = anchors_at(torch.tensor([0]), 10, 4, 32)
    assert np.allclose(first.numpy(), [[-22.6274, -11.3137, 22.6274, 11.3137]], atol=1e-4)
    assert np.allclose(anchors_at(torch.tensor([3 * 11 + 1]), 10, 4, 32).numpy(), [[-12, -12, 20, 20]])

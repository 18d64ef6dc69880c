"""Every step of DensePose-RCNN against numbers printed by the reference implementation (tests/golden, ../shared).

Tolerances: 1e-4 on features and maps, 0.01 px on boxes, 1e-4 on scores, labels equal on 99.9 % of pixels.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from models.assembly import assemble
from models.box_head import choose_people
from models.pooling import pool_levels
from models.preprocess import network_input, network_size, resize_bgr
from models.rcnn import DensePoseRCNN, Variant, empty_rcnn, prepare_for_inference
from models.zoo_network import Limits, ZooNetwork
from tests.golden.weights_recipe import digest, recipe_weights

GOLDEN = Path(__file__).parent.parent / "golden"
PERSON_SHIFT = -5.5
CLOSE = 1e-4
MAPS = ("coarse_segm", "fine_segm", "u", "v")


def load_network(variant: Variant) -> DensePoseRCNN:
    network = empty_rcnn(variant)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    weights = recipe_weights(shapes, PERSON_SHIFT)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, assign=True)
    return prepare_for_inference(network, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the picture the reference was run on")
    rgb = data.astronaut()
    expected = json.loads(str(np.load(GOLDEN / "rcnn_r50_s1x.npz")["meta_json"]))["image_rgb_sha256"]
    if hashlib.sha256(rgb.tobytes()).hexdigest() != expected:
        pytest.skip("this scikit-image brings another astronaut than the reference was run on")
    return rgb


@pytest.fixture(scope="module")
def plain() -> DensePoseRCNN:
    return load_network(Variant())


@pytest.fixture(scope="module")
def deep() -> DensePoseRCNN:
    return load_network(Variant(head="deeplab"))


@pytest.fixture(scope="module")
def features(plain: DensePoseRCNN, picture: np.ndarray) -> SimpleNamespace:
    """The whole-picture part, once."""
    size_hw = network_size(*picture.shape[:2], 800, 1333)
    with torch.inference_mode():
        x = network_input(picture[None], size_hw)
        stages = plain.backbone.bottom_up(x)
        return SimpleNamespace(size_hw=size_hw, input=x, stages=stages, levels=plain.backbone.pyramid(stages))


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return dict(np.load(GOLDEN / "rcnn_r50_s1x.npz"))


@pytest.fixture(scope="module")
def golden_deep() -> dict[str, Any]:
    return dict(np.load(GOLDEN / "rcnn_r50_dl.npz"))


def slice_error(reference: dict[str, Any], name: str, value: torch.Tensor) -> float:
    """Largest difference on the cells that the reference kept."""
    index = np.ix_(*(reference[f"{name}_{axis}"] for axis in ("ic", "ih", "iw")))
    mine = np.stack([sample[index] for sample in value.numpy()])
    return float(np.abs(mine - reference[f"{name}_slice"]).max())


def first_image(count: int) -> torch.Tensor:
    return torch.zeros(count, dtype=torch.int64)


def test_recipe_gives_the_published_weights() -> None:
    """The digest is the fixtures' own: recipe, key names and shapes are all as the reference has them."""
    shapes = {name: tuple(value.shape) for name, value in empty_rcnn(Variant()).state_dict().items()}
    assert digest(recipe_weights(shapes)) == "171d9ca7a79204a2a8615e1f656a8f60dbc2e598a3618180d2e0a9c4bed51691"


def test_input_is_the_same_bytes(picture: np.ndarray, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    meta = json.loads(str(golden["meta_json"]))
    resized = resize_bgr(picture, features.size_hw)
    assert hashlib.sha256(np.ascontiguousarray(resized).tobytes()).hexdigest() == meta["resized_bgr_hwc_uint8_sha256"]
    assert slice_error(golden, "input", features.input) == 0


@pytest.mark.parametrize("level", range(2, 6))
def test_bottom_up(level: int, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    assert slice_error(golden, f"res{level}", features.stages[level - 2]) < CLOSE


@pytest.mark.parametrize("level", range(2, 7))
def test_pyramid(level: int, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    assert slice_error(golden, f"p{level}", features.levels[level - 2]) < CLOSE


def test_proposals_as_a_set(plain: DensePoseRCNN, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    with torch.inference_mode():
        found = plain.proposal_generator(features.levels, features.size_hw)[0]
    mine, theirs = found.box_N4.numpy(), golden["proposals"]
    assert mine.shape == theirs.shape
    distance = np.abs(mine[:, None] - theirs[None]).max(axis=2)
    assert distance.min(axis=0).max() < 0.01
    assert distance.min(axis=1).max() < 0.01
    assert np.abs(np.sort(found.logit_N.numpy()) - np.sort(golden["proposal_logits"])).max() < CLOSE


def test_box_head_and_detections(plain: DensePoseRCNN, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    proposals = torch.from_numpy(golden["proposals"])
    with torch.inference_mode():
        logits, deltas = plain.roi_heads.judge(features.levels, first_image(len(proposals)), proposals)
        limits = Limits()
        box, score = choose_people(
            logits, deltas, proposals, features.size_hw, limits.score_threshold, limits.nms_threshold, limits.max_people
        )
    kept = len(golden["cls_logits_shift0"])
    unshifted = logits.numpy()[:kept] - [PERSON_SHIFT, 0]
    assert np.abs(unshifted - golden["cls_logits_shift0"]).max() < CLOSE
    assert np.abs(deltas.numpy()[:kept] - golden["bbox_deltas"]).max() < CLOSE
    assert box.shape == golden["det_boxes_netscale"].shape
    assert np.abs(box.numpy() - golden["det_boxes_netscale"]).max() < 0.01
    assert np.abs(score.numpy() - golden["det_scores"]).max() < CLOSE


def test_decoder(plain: DensePoseRCNN, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    decoder = plain.roi_heads.decoder
    assert decoder is not None
    with torch.inference_mode():
        assert slice_error(golden, "dp_decoder", decoder(features.levels)) < CLOSE


@pytest.mark.parametrize("head", ["plain", "deep"])
def test_maps_and_surfaces(head: str, features: SimpleNamespace, request: pytest.FixtureRequest) -> None:
    """Pooling, head, predictor and assembly of two given boxes."""
    network: DensePoseRCNN = request.getfixturevalue(head)
    golden: dict[str, Any] = request.getfixturevalue("golden" if head == "plain" else "golden_deep")
    box = torch.from_numpy(golden["given_boxes_netscale"])
    heads = network.roi_heads
    with torch.inference_mode():
        pooled = heads.pool_people(features.levels, first_image(2), box)
        hidden = heads.densepose_head(pooled)
        maps = heads.densepose_predictor(hidden)
        found = [assemble({k: v[i] for k, v in maps.items()}, golden["given_boxes_orig"][i]) for i in (0, 1)]
    assert slice_error(golden, "dp_head", hidden) < CLOSE
    for name in MAPS:
        assert np.abs(maps[name][:, :, ::16, ::16].numpy() - golden[f"dp_{name}_sub16"]).max() < CLOSE
    for i, surface in enumerate(found):
        assert (surface.labels_hw[::5, ::5] == golden[f"given_label_sub5_{i}"]).mean() >= 0.999
        assert np.abs(surface.uv_2hw[:, ::17, ::19] - golden[f"given_uv_float_sub_{i}"]).max() < CLOSE


def test_frame_to_surfaces(plain: DensePoseRCNN, picture: np.ndarray, golden: dict[str, Any]) -> None:
    """The public way through: boxes and scores of the original picture, labels and quantised UV of the two best."""
    network = ZooNetwork(plain, Limits(), name="recipe", sha256="", batch=1)
    detections, features = network.detect(picture[None])
    surfaces = network.surfaces(features, [detections[0].box_N4])[0]
    assert np.abs(detections[0].box_N4 - golden["final_boxes"]).max() < 0.01
    assert np.abs(detections[0].score_N - golden["final_scores"]).max() < CLOSE
    assert len(surfaces) == len(detections[0])
    for i in (0, 1):
        label, *uv = golden[f"final_iuv_uint8_{i}"]
        assert (surfaces[i].labels_hw == label).mean() >= 0.999
        bytes_2hw = (surfaces[i].uv_2hw * 255).clip(0, 255).astype(np.uint8).astype(int)
        assert (np.abs(bytes_2hw - np.stack(uv)) <= 1).mean() >= 0.999


@pytest.mark.parametrize("head", ["plain", "deep"])
def test_full_fixtures(head: str, features: SimpleNamespace, shared: Path, request: pytest.FixtureRequest) -> None:
    """All pixels of the given boxes, which the small goldens only sample."""
    name = "R50_s1x" if head == "plain" else "R50_DL"
    full = np.load(shared / "reference" / "fixtures" / "open" / f"{name}__astronaut.npz")
    network: DensePoseRCNN = request.getfixturevalue(head)
    heads = network.roi_heads
    proposals = torch.from_numpy(full["proposals"])
    with torch.inference_mode():
        logits, deltas = heads.judge(features.levels, first_image(len(proposals)), proposals)
        pooled = pool_levels(features.levels, first_image(20), proposals[:20], 7)
        box = torch.from_numpy(full["given_boxes_netscale"])
        maps = heads.map_people(heads.pool_people(features.levels, first_image(2), box))
    assert slice_error(full, "box_pooled_first20", pooled) < CLOSE
    assert np.abs(logits.numpy() - [PERSON_SHIFT, 0] - full["cls_logits_shift0"]).max() < CLOSE
    assert np.abs(deltas.numpy() - full["bbox_deltas"]).max() < CLOSE
    for field in MAPS:
        assert np.abs(maps[field][:, :, ::4, ::4].numpy() - full[f"dp_{field}_sub4_f32"]).max() < CLOSE
        assert np.allclose(maps[field][0].numpy(), full[f"dp_{field}_box0_f16"], rtol=2e-3, atol=2e-3)
    for i in (0, 1):
        surface = assemble({k: v[i] for k, v in maps.items()}, full["given_boxes_orig"][i])
        expected = full[f"given_iuv_uint8_{i}"]
        assert (surface.labels_hw == expected[0]).mean() >= 0.999
        assert (
            abs(int((surface.labels_hw > 0).sum()) - int(full["given_mask_area"][i])) <= surface.labels_hw.size // 1000
        )
        bytes_2hw = (surface.uv_2hw * 255).clip(0, 255).astype(np.uint8).astype(int)
        assert (np.abs(bytes_2hw - expected[1:]) <= 1).mean() >= 0.999

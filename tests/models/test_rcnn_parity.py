"""Every step of DensePose-RCNN against numbers printed by the reference implementation (tests/golden, ../shared).

Tolerances: 1e-4 on features and maps, 0.01 px on boxes, 1e-4 on scores, labels equal on 99.9 % of pixels.
"""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

from models.architecture.box_head import choose_people
from models.architecture.rcnn import DensePoseRCNN, empty_rcnn
from models.architecture.roi_pooling import pool_levels
from models.engines.engine import Engine
from models.engines.prepared_rcnn import PreparedRCNN
from models.inference.assembly import assemble_surface
from models.inference.embedding_assembly import assemble_embedding, resized_maps
from models.inference.preprocess import network_input, network_size, resize_bgr
from models.inference.zoo_network import BatchFeatures, Limits, ZooNetwork
from models.structures import SurfaceMap
from models.variant import Variant
from tests.golden.weights_recipe import digest, recipe_weights

GOLDEN = Path(__file__).parent.parent / "golden"
PERSON_SHIFT = -5.5
CLOSE = 1e-4
MAPS = ("coarse_segm", "fine_segm", "u", "v")
EMBEDDED = ("coarse_segm", "embedding")
CERTAIN = 1e-3
"""Margin of squared distance above which the nearest vertex is no matter of rounding."""


ENGINES: tuple[Engine, ...] = ("torch", "openvino")


def load_network(variant: Variant, known: dict[str, np.ndarray]) -> DensePoseRCNN:
    """A network with the recipe's weights. `known` caches weights; missing ones are drawn and added to it."""
    network = empty_rcnn(variant)
    shapes = shapes_of(network)
    known |= recipe_weights({name: shape for name, shape in shapes.items() if name not in known})
    weights = {name: torch.from_numpy(known[name]) for name in shapes}
    bias = "roi_heads.box_predictor.cls_score.bias"
    weights[bias] = weights[bias] + torch.tensor([PERSON_SHIFT, 0])
    network.load_state_dict(weights, assign=True)
    return network.eval().requires_grad_(False)


def shapes_of(network: DensePoseRCNN) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def prepare(network: DensePoseRCNN, engine: Engine) -> PreparedRCNN:
    if engine == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
    cpu = torch.device("cpu")
    return PreparedRCNN(copy.deepcopy(network), engine=engine, device=cpu, precision="fp32", threads=2)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the picture the reference was run on")
    rgb = data.astronaut()
    expected = json.loads(str(np.load(GOLDEN / "rcnn_r50_s1x.npz")["meta_json"]))["image_rgb_sha256"]
    if hashlib.sha256(rgb.tobytes()).hexdigest() != expected:
        pytest.skip("this scikit-image brings another astronaut than the reference was run on")
    return rgb


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    return recipe_weights(shapes_of(empty_rcnn(Variant())))


@pytest.fixture(scope="module")
def plain(drawn: dict[str, np.ndarray]) -> DensePoseRCNN:
    return load_network(Variant(), dict(drawn))


@pytest.fixture(scope="module")
def deep(drawn: dict[str, np.ndarray]) -> DensePoseRCNN:
    return load_network(Variant(head="deeplab"), dict(drawn))


@pytest.fixture(scope="module", params=ENGINES)
def prepared(plain: DensePoseRCNN, request: pytest.FixtureRequest) -> PreparedRCNN:
    return prepare(plain, request.param)


@pytest.fixture(scope="module", params=ENGINES)
def prepared_deep(deep: DensePoseRCNN, request: pytest.FixtureRequest) -> PreparedRCNN:
    return prepare(deep, request.param)


@pytest.fixture(scope="module")
def features(plain: DensePoseRCNN, image: np.ndarray) -> SimpleNamespace:
    """The whole-image part as plain layers, computed once: norms not folded, channels first."""
    size_hw = network_size(*image.shape[:2], 800, 1333)
    x = network_input(image[None], size_hw).permute(0, 3, 1, 2)
    with torch.inference_mode():
        stages = plain.backbone.bottom_up(x.contiguous())
        pyramid = plain.backbone.pyramid(stages)
    levels = [level.permute(0, 2, 3, 1).contiguous() for level in pyramid[:4]]
    return SimpleNamespace(size_hw=size_hw, input=x, stages=stages, pyramid=pyramid, levels=levels)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return dict(np.load(GOLDEN / "rcnn_r50_s1x.npz"))


@pytest.fixture(scope="module")
def golden_deep() -> dict[str, Any]:
    return dict(np.load(GOLDEN / "rcnn_r50_dl.npz"))


def slice_error(reference: dict[str, Any], name: str, value: torch.Tensor) -> float:
    """Largest difference on the cells in the golden file."""
    index = np.ix_(*(reference[f"{name}_{axis}"] for axis in ("ic", "ih", "iw")))
    mine = np.stack([sample[index] for sample in value.numpy()])
    return float(np.abs(mine - reference[f"{name}_slice"]).max())


def test_the_recipe_reproduces_the_weights(drawn: dict[str, np.ndarray]) -> None:
    """The digest is from the fixtures: recipe, key names and shapes are those of the reference."""
    assert digest(drawn) == "171d9ca7a79204a2a8615e1f656a8f60dbc2e598a3618180d2e0a9c4bed51691"


def test_network_input_is_bit_equal(image: np.ndarray, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    meta = json.loads(str(golden["meta_json"]))
    resized = resize_bgr(image, features.size_hw)
    assert hashlib.sha256(np.ascontiguousarray(resized).tobytes()).hexdigest() == meta["resized_bgr_hwc_uint8_sha256"]
    assert slice_error(golden, "input", features.input) == 0


@pytest.mark.parametrize("level", range(2, 6))
def test_bottom_up(level: int, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    assert slice_error(golden, f"res{level}", features.stages[level - 2]) < CLOSE


@pytest.mark.parametrize("level", range(2, 7))
def test_pyramid(level: int, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    assert slice_error(golden, f"p{level}", features.pyramid[level - 2]) < CLOSE


def test_prepared_levels_and_proposals(
    prepared: PreparedRCNN, features: SimpleNamespace, golden: dict[str, Any]
) -> None:
    """Proposals are compared as a set: the order of proposals with nearly equal logits is not stable."""
    levels, proposals = prepared.propose(features.input.permute(0, 2, 3, 1), features.size_hw)
    for index, level in enumerate(levels):
        assert slice_error(golden, f"p{index + 2}", level.permute(0, 3, 1, 2)) < CLOSE
    mine, theirs = proposals[0].box_N4.numpy(), golden["proposals"]
    assert mine.shape == theirs.shape
    distance = np.abs(mine[:, None] - theirs[None]).max(axis=2)
    assert distance.min(axis=0).max() < 0.01
    assert distance.min(axis=1).max() < 0.01
    assert np.abs(np.sort(proposals[0].logit_N.numpy()) - np.sort(golden["proposal_logits"])).max() < CLOSE


def test_box_head_and_detections(prepared: PreparedRCNN, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    proposals = torch.from_numpy(golden["proposals"])
    logits, deltas = prepared.classify_boxes(features.levels, [proposals])
    limits = Limits()
    box, score = choose_people(
        logits, deltas, proposals, features.size_hw, limits.min_score, limits.nms_threshold, limits.max_people
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
        assert slice_error(golden, "dp_decoder", decoder(features.pyramid)) < CLOSE


WINDOWS = (
    [300, 200, 420, 410],
    [0, 0, 10, 10],
    [500, 700, 800, 800],
    [-50, 330, 9, 331],
    [790, 790, 900, 900],
    [9, 9, 790, 600],
)


@pytest.mark.parametrize("box", WINDOWS)
def test_decoding_a_window_equals_decoding_the_whole_map(
    box: list[float], prepared: PreparedRCNN, plain: DensePoseRCNN, features: SimpleNamespace
) -> None:
    """Pooling from the decoded window equals torchvision's pooling from the whole decoded map."""
    decoder = plain.roi_heads.decoder
    assert decoder is not None
    with torch.inference_mode():
        whole = decoder(features.pyramid)
    one = torch.tensor([box], dtype=torch.float32)
    expected = torchvision.ops.roi_align(whole, [one], 28, 0.25, 2, False)
    pooled = prepared.pool_people(features.levels, [one])
    assert torch.allclose(pooled.permute(0, 3, 1, 2), expected, atol=CLOSE)


@pytest.mark.parametrize("head", ["plain", "deep"])
def test_maps_and_surfaces(head: str, features: SimpleNamespace, request: pytest.FixtureRequest) -> None:
    """Head, predictor and assembly of two given boxes."""
    network: DensePoseRCNN = request.getfixturevalue(head)
    golden: dict[str, Any] = request.getfixturevalue("golden" if head == "plain" else "golden_deep")
    boxes = torch.from_numpy(golden["given_boxes_netscale"])
    decoder = network.roi_heads.decoder
    assert decoder is not None
    with torch.inference_mode():
        pooled = torchvision.ops.roi_align(decoder(features.pyramid), [boxes], 28, 0.25, 2, False)
        hidden = network.roi_heads.densepose_head(pooled)
        maps = network.roi_heads.densepose_predictor(hidden)
    assert slice_error(golden, "dp_head", hidden) < CLOSE
    check_surfaces(maps, golden)


def check_surfaces(maps: dict[str, torch.Tensor], golden: dict[str, Any]) -> None:
    for name in MAPS:
        assert np.abs(maps[name][:, :, ::16, ::16].numpy() - golden[f"dp_{name}_sub16"]).max() < CLOSE
    for i in (0, 1):
        surface = assemble_surface({name: value[i] for name, value in maps.items()}, golden["given_boxes_orig"][i])
        assert (surface.labels_hw[::5, ::5] == golden[f"given_label_sub5_{i}"]).mean() >= 0.999
        assert np.abs(surface.uv_2hw[:, ::17, ::19] - golden[f"given_uv_float_sub_{i}"]).max() < CLOSE


def test_prepared_people(prepared: PreparedRCNN, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    boxes = torch.from_numpy(golden["given_boxes_netscale"])
    check_surfaces(prepared.predict_surfaces(prepared.pool_people(features.levels, [boxes])), golden)


def test_prepared_people_deep(
    prepared_deep: PreparedRCNN, features: SimpleNamespace, golden_deep: dict[str, Any]
) -> None:
    boxes = torch.from_numpy(golden_deep["given_boxes_netscale"])
    check_surfaces(prepared_deep.predict_surfaces(prepared_deep.pool_people(features.levels, [boxes])), golden_deep)


@pytest.fixture(scope="module")
def embedding_network(drawn: dict[str, np.ndarray]) -> DensePoseRCNN:
    return load_network(Variant(mesh="smpl_27554"), dict(drawn))


@pytest.fixture(scope="module", params=ENGINES)
def prepared_embedding(embedding_network: DensePoseRCNN, request: pytest.FixtureRequest) -> PreparedRCNN:
    return prepare(embedding_network, request.param)


def test_prepared_embeddings(prepared_embedding: PreparedRCNN, features: SimpleNamespace) -> None:
    """Embeddings of vertices, maps, and the nearest vertices of two given boxes; without charts all labels are 0."""
    golden = np.load(GOLDEN / "rcnn_r50_cse.npz")
    vertex_VE = prepared_embedding.vertex_VE
    assert vertex_VE is not None
    assert np.abs(vertex_VE.numpy()[::97] - golden["vertex_emb_sub97_f32"]).max() < 1e-6
    boxes = torch.from_numpy(golden["given_boxes_netscale"])
    maps = prepared_embedding.predict_surfaces(prepared_embedding.pool_people(features.levels, [boxes]))
    for name in EMBEDDED:
        assert np.abs(maps[name][:, :, ::16, ::16].numpy() - golden[f"dp_{name}_sub16"]).max() < CLOSE
    for i in (0, 1):
        one = {name: value[i] for name, value in maps.items()}
        surface = assemble_embedding(one, golden["given_boxes_orig"][i], vertex_VE, None)
        assert surface.embedded is not None and surface.mask_hw is not None
        vertex, margin = golden[f"given_vertex_sub6_{i}"], golden[f"given_margin_sub6_{i}"]
        assert (surface.mask_hw[::6, ::6] == (margin >= 0)).mean() > 0.999
        certain = (margin >= CERTAIN) & surface.mask_hw[::6, ::6]
        assert certain.sum() > 300
        assert (surface.embedded.vertex_hw[::6, ::6] == vertex)[certain].mean() > 0.999
        assert (surface.embedded.vertex_hw[~surface.mask_hw] == -1).all()
        assert not surface.labels_hw.any()


def test_bf16_stays_close(plain: DensePoseRCNN, features: SimpleNamespace, golden: dict[str, Any]) -> None:
    """bf16 has no parity with the reference; its errors stay near those in docs/benchmarks/zoo_speed.md."""
    cpu = torch.device("cpu")
    prepared = PreparedRCNN(copy.deepcopy(plain), engine="torch", device=cpu, precision="bf16", threads=1)
    boxes = torch.from_numpy(golden["given_boxes_netscale"])
    maps = prepared.predict_surfaces(prepared.pool_people(features.levels, [boxes]))
    for i in (0, 1):
        surface = assemble_surface({name: value[i] for name, value in maps.items()}, golden["given_boxes_orig"][i])
        assert (surface.labels_hw[::5, ::5] == golden[f"given_label_sub5_{i}"]).mean() > 0.98
    for name in ("u", "v"):
        assert np.abs(maps[name][:, :, ::16, ::16].numpy() - golden[f"dp_{name}_sub16"]).max() < 0.03


def test_frame_to_surfaces(prepared: PreparedRCNN, image: np.ndarray, golden: dict[str, Any]) -> None:
    """The public interface: boxes and scores of the original image, labels and quantised UV of the two best people."""
    network = ZooNetwork(prepared, Limits(), name="recipe", sha256="", batch=1)
    detections, features = network.detect(image[None])
    surfaces = network.surfaces(features, [detections[0].box_N4[:2]])[0]
    assert np.abs(detections[0].box_N4 - golden["final_boxes"]).max() < 0.01
    assert np.abs(detections[0].score_N - golden["final_scores"]).max() < CLOSE
    assert len(surfaces) == 2
    for i in (0, 1):
        label, *uv = golden[f"final_iuv_uint8_{i}"]
        assert (surfaces[i].labels_hw == label).mean() >= 0.999
        assert (np.abs(quantised(surfaces[i]) - np.stack(uv)) <= 1).mean() >= 0.999


def test_results_do_not_depend_on_the_batch(prepared: PreparedRCNN, image: np.ndarray) -> None:
    """Bit equality on the CPU with a batch size of one: two frames in one call, and each alone."""
    network = ZooNetwork(prepared, Limits(min_size=160, max_size=240), name="recipe", sha256="", batch=1)
    frames = np.stack([image, image[:, ::-1]])
    together, features = network.detect(frames)
    surfaces = network.surfaces(features, [one.box_N4[:1] for one in together])
    for i in (0, 1):
        alone, own_features = network.detect(frames[i : i + 1])
        assert np.array_equal(alone[0].box_N4, together[i].box_N4)
        own = network.surfaces(own_features, [alone[0].box_N4[:1]])[0]
        assert all(np.array_equal(a.uv_2hw, b.uv_2hw) for a, b in zip(own, surfaces[i], strict=True))


def quantised(surface: SurfaceMap) -> np.ndarray:
    """U and V quantised to bytes as in the reference, in a signed type."""
    return (surface.uv_2hw * 255).clip(0, 255).astype(np.uint8).astype(int)


def test_full_fixture(prepared: PreparedRCNN, features: SimpleNamespace, shared: Path) -> None:
    check_full(prepared, features, shared, "R50_s1x")


def test_full_fixture_deep(prepared_deep: PreparedRCNN, features: SimpleNamespace, shared: Path) -> None:
    check_full(prepared_deep, features, shared, "R50_DL")


@pytest.mark.parametrize("variant", ["R50_CSE", "R50_DL_CSE"])
def test_full_embedding_fixture(
    variant: str, drawn: dict[str, np.ndarray], features: SimpleNamespace, shared: Path
) -> None:
    """Masks, resized embeddings and vertices of the given boxes, and the same of the two best detections."""
    full = np.load(shared / "reference" / "fixtures" / "open" / f"{variant}__astronaut.npz")
    head: Any = "deeplab" if "DL" in variant else "v1convx"
    prepared = prepare(load_network(Variant(head=head, mesh="smpl_27554"), dict(drawn)), "torch")
    assert prepared.vertex_VE is not None
    boxes = torch.from_numpy(full["given_boxes_netscale"])
    maps = prepared.predict_surfaces(prepared.pool_people(features.levels, [boxes]))
    for name in EMBEDDED:
        assert np.abs(maps[name][:, :, ::4, ::4].numpy() - full[f"dp_{name}_sub4_f32"]).max() < CLOSE
    for i in (0, 1):
        one = {name: value[i] for name, value in maps.items()}
        surface = assemble_embedding(one, full["given_boxes_orig"][i], prepared.vertex_VE, None)
        assert surface.embedded is not None and surface.mask_hw is not None
        height, width = full[f"given_mask_shape_{i}"]
        mask = np.unpackbits(full[f"given_mask_packed_{i}"], axis=1)[:height, :width]
        assert (surface.mask_hw == mask).mean() > 0.999
        embedding, coarse = resized_maps(surface.embedded)
        assert np.abs(embedding[:, ::17, ::19] - full[f"given_E_sub_{i}"]).max() < CLOSE
        assert np.abs(coarse[:, ::7, ::7] - full[f"given_S_sub_{i}"]).max() < CLOSE
        certain = full[f"given_margin_sub3_{i}"] >= CERTAIN
        near = surface.embedded.vertex_hw[::3, ::3]
        assert (near == full[f"given_vertex_sub3_{i}"])[certain & (near >= 0)].mean() > 0.999
    network = ZooNetwork(prepared, Limits(), name="recipe", sha256="", batch=1)
    found = (full["final_boxes"], (full["final_boxes"] * (features.size_hw[0] / 512)).astype(np.float32))
    groups = [BatchFeatures(levels=features.levels, network_hw=features.size_hw, frame_hw=(512, 512), found=[found])]
    for i, surface in enumerate(network.surfaces(groups, [full["final_boxes"][:2]])[0]):
        assert surface.embedded is not None and surface.mask_hw is not None
        inside = full[f"final_mask_{i}"] & surface.mask_hw
        assert (surface.mask_hw == full[f"final_mask_{i}"]).mean() > 0.999
        assert (surface.embedded.vertex_hw == full[f"final_vertex_{i}"])[inside].mean() > 0.99


def check_full(prepared: PreparedRCNN, features: SimpleNamespace, shared: Path, variant: str) -> None:
    """All pixels of the given boxes; the small golden files have samples only."""
    full = np.load(shared / "reference" / "fixtures" / "open" / f"{variant}__astronaut.npz")
    proposals = torch.from_numpy(full["proposals"])
    pooled = pool_levels(features.levels, torch.zeros(20, dtype=torch.int64), proposals[:20], 7)
    assert slice_error(full, "box_pooled_first20", pooled.permute(0, 3, 1, 2)) < CLOSE
    logits, deltas = prepared.classify_boxes(features.levels, [proposals])
    assert np.abs(logits.numpy() - [PERSON_SHIFT, 0] - full["cls_logits_shift0"]).max() < CLOSE
    assert np.abs(deltas.numpy() - full["bbox_deltas"]).max() < CLOSE
    boxes = torch.from_numpy(full["given_boxes_netscale"])
    maps = prepared.predict_surfaces(prepared.pool_people(features.levels, [boxes]))
    for field in MAPS:
        assert np.abs(maps[field][:, :, ::4, ::4].numpy() - full[f"dp_{field}_sub4_f32"]).max() < CLOSE
        assert np.allclose(maps[field][0].numpy(), full[f"dp_{field}_box0_f16"], rtol=2e-3, atol=2e-3)
    for i in (0, 1):
        surface = assemble_surface({name: value[i] for name, value in maps.items()}, full["given_boxes_orig"][i])
        expected = full[f"given_iuv_uint8_{i}"]
        assert (surface.labels_hw == expected[0]).mean() >= 0.999
        assert abs((surface.labels_hw > 0).sum() - int(full["given_mask_area"][i])) <= surface.labels_hw.size // 1000
        assert (np.abs(quantised(surface) - expected[1:]) <= 1).mean() >= 0.999

"""The light network as a whole, with random weights: engines agree, grouping changes nothing, bad files are named."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.body.charts import mirror_maps
from models.engines import engine
from models.engines.compiled_network import compile_network
from models.engines.engine import cpu_engine
from models.errors import ModelError
from models.light.architecture.detector import PersonDetector
from models.light.architecture.preprocessing import CROP, fit_size
from models.light.architecture.surface_net import PickedSurface, SurfaceNet
from models.light.architecture.weight_files import load_networks, read_sizes, write_weights
from models.light.inference.box_fitting import fit_box
from models.light.inference.duplicates import distinct_people
from models.light.inference.light_network import LightNetwork, open_light
from models.light.inference.nms import hard_nms, soft_nms
from models.network import NetworkConfig
from tests.models.light.random_light import write_random_light

SHAPE = (1, 3, 96, 128)
THRESHOLD = 0.002
"""Score threshold at which about 35 people per frame are found in noise."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_light(tmp_path_factory.mktemp("light") / "random.safetensors")


@pytest.fixture(scope="module")
def network(weights: Path) -> LightNetwork:
    return opened(weights, THRESHOLD)


def opened(weights: Path, threshold: float, *, refine_boxes: bool = True) -> LightNetwork:
    config = NetworkConfig(weights=str(weights), engine="torch", precision="fp32", min_score=threshold)
    return open_light(dataclasses.replace(config, refine_boxes=refine_boxes), 1)


def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 120, 160, 3), np.uint8)


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
@pytest.mark.parametrize(("make", "shape"), [(PersonDetector, SHAPE), (SurfaceNet, (1, 3, CROP, CROP))])
def test_engines_agree(make: type, shape: tuple[int, int, int, int]) -> None:
    torch.manual_seed(1)
    net = make() if make is PersonDetector else PickedSurface(make())
    pixels = (np.random.default_rng(0).random(shape) * 255).astype(np.float32)
    torch_out = compile_network(net, shape, engine="torch", precision="fp32", threads=1)(pixels)
    openvino_out = compile_network(net, shape, engine="openvino", precision="fp32", threads=1)(pixels)
    close = np.isclose(torch_out, openvino_out, atol=1e-3, rtol=1e-3)
    assert close.mean() > 0.999  # a tie between two charts may fall either way


def test_engine_is_chosen_openly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
    assert cpu_engine("auto") == "torch"
    with pytest.raises(ModelError, match="pip install openvino"):
        cpu_engine("openvino")


def test_a_person_is_found_once(network: LightNetwork) -> None:
    """No silhouette lies mostly on another."""
    (found,), features = network.detect(frames()[:1])
    (surfaces,) = network.surfaces(features, [found.box_N4])
    assert len(surfaces) > 1
    assert distinct_people(surfaces) == list(range(len(surfaces)))


def test_frames_do_not_depend_on_each_other(network: LightNetwork) -> None:
    together, _ = network.detect(frames())
    assert sum(len(found) for found in together) > 0
    for index, found in enumerate(together):
        alone = network.detect(frames()[index : index + 1])[0][0]
        np.testing.assert_array_equal(found.box_N4, alone.box_N4)
        np.testing.assert_array_equal(found.score_N, alone.score_N)


@pytest.mark.parametrize("engine_name", ["torch", "openvino"])
def test_frames_in_parallel_have_the_bits_of_frames_in_sequence(weights: Path, engine_name: Any) -> None:
    """With two threads, each on its own frames, against one thread."""
    if engine_name == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed")
    config = NetworkConfig(weights=str(weights), engine=engine_name, precision="fp32", min_score=THRESHOLD)
    before = torch.get_num_threads()
    one, two = open_light(config, 1), open_light(config, 2)
    torch.set_num_threads(before)
    many = np.concatenate([frames(), frames()[:, ::-1], frames()[:1]])
    (found, features), (found_2, features_2) = one.detect(many), two.detect(many)
    assert min(len(each) for each in found) > 0
    for each, other in zip(found, found_2, strict=True):
        np.testing.assert_array_equal(each.box_N4, other.box_N4)
        np.testing.assert_array_equal(each.score_N, other.score_N)
    boxes = [each.box_N4 for each in found]
    for here, there in zip(one.surfaces(features, boxes), two.surfaces(features_2, boxes), strict=True):
        for surface, other_surface in zip(here, there, strict=True):
            np.testing.assert_array_equal(surface.labels_hw, other_surface.labels_hw)
            np.testing.assert_array_equal(surface.uv_2hw, other_surface.uv_2hw)


def test_detections_are_ordered_and_inside(network: LightNetwork) -> None:
    for found in network.detect(frames())[0]:
        assert (np.diff(found.score_N) <= 0).all()
        assert (found.box_N4 >= 0).all()
        assert (found.box_N4 <= [160, 120, 160, 120]).all()
        assert found.box_N4.dtype == found.score_N.dtype == np.float32


def test_people_do_not_depend_on_each_other(network: LightNetwork) -> None:
    box_N4 = np.array([[10, 10, 60, 110], [80.5, -5, 159, 90], [0, 0, 1, 1]], np.float32)
    features = network.detect(frames()[:1])[1]
    forward, backward = network.surfaces(features, [box_N4])[0], network.surfaces(features, [box_N4[::-1]])[0]
    assert (np.array([one.labels_hw.shape for one in forward]) >= [(100, 50), (95, 78), (1, 1)]).all()
    for one, other in zip(forward, backward[::-1], strict=True):
        np.testing.assert_array_equal(one.labels_hw, other.labels_hw)
        np.testing.assert_array_equal(one.uv_2hw, other.uv_2hw)


def test_surfaces_returns_the_prediction_that_fitted_the_box(network: LightNetwork) -> None:
    """Its bounds and the box are near each other."""
    found, features = network.detect(frames()[:1])
    surfaces = network.surfaces(features, [found[0].box_N4])[0]
    assert len(surfaces) == len(found[0]) > 0
    for box_4, one in zip(found[0].box_N4, surfaces, strict=True):
        assert one is features.surface_T[0][box_4.tobytes()]
        height, width = one.labels_hw.shape
        assert one.x0 <= box_4[0] and one.y0 <= box_4[1]
        assert one.x0 + width >= int(box_4[2]) and one.y0 + height >= int(box_4[3])


def test_a_head_for_joints_adds_keypoints_and_changes_nothing_else(weights: Path, tmp_path: Path) -> None:
    sizes = read_sizes(weights)
    detector, surface = load_networks(weights)
    with_joints = dataclasses.replace(sizes, surface=dataclasses.replace(sizes.surface, joints=True))
    net = SurfaceNet(with_joints.surface)
    net.load_state_dict(surface.state_dict(), strict=False)
    write_weights(tmp_path / "joints.safetensors", detector.state_dict(), net.state_dict(), with_joints)
    box_N4 = np.array([[10, 5, 60, 110], [50, 20, 150, 90]], np.float32)
    results = []
    for path in (weights, tmp_path / "joints.safetensors"):
        light = opened(path, 0.9)
        _, features = light.detect(frames()[:1], still=True)
        results.append(light.surfaces(features, [box_N4])[0])
    for one, other in zip(*results, strict=True):
        assert np.array_equal(one.labels_hw, other.labels_hw) and np.array_equal(one.uv_2hw, other.uv_2hw)
        assert one.keypoint_K3 is None and other.keypoint_K3 is not None
        assert other.keypoint_K3.shape == (17, 3) and np.isfinite(other.keypoint_K3).all()


@pytest.mark.parametrize(
    ("wish", "still", "tta"),
    [
        ("auto", False, "adaptive_fast"),
        ("auto", True, "full"),
        ("adaptive_fast", True, "adaptive_fast"),
        ("adaptive", True, "adaptive"),
        ("full", False, "full"),
    ],
)
def test_auto_is_full_for_single_images_and_adaptive_fast_for_videos(
    weights: Path, monkeypatch: pytest.MonkeyPatch, wish: Any, still: bool, tta: str
) -> None:
    """8 passes or 1 to 2 per person, detected or given; with refined boxes the first pass is reused."""
    config = NetworkConfig(weights=str(weights), engine="torch", precision="fp32", min_score=THRESHOLD)
    network = open_light(dataclasses.replace(config, max_people=3, tta=wish), 1)
    calls = {"surface_network": 0, "first_pass": 0, "extend_to_full": 0}

    def counted(name: str) -> None:
        whole = getattr(network.predictor, name)

        def counting(*args: Any) -> Any:
            calls[name] += len(args[0]) if name == "surface_network" else 1
            return whole(*args)

        monkeypatch.setattr(network.predictor, name, counting)

    for name in calls:
        counted(name)
    (found,), features = network.detect(frames()[:1], still=still)
    assert len(found) > 0
    assert (calls["first_pass"] > 0) is (tta != "adaptive_fast")
    assert calls["extend_to_full"] == (len(found) if tta == "full" else 0)
    if tta != "adaptive_fast":
        least = 7 if tta == "full" else 1
        assert calls["surface_network"] - calls["first_pass"] >= least * len(found)
    calls["surface_network"] = 0
    network.surfaces(features, [np.array([[10, 10, 60, 110]], np.float32)])
    assert calls["surface_network"] in {"adaptive_fast": (1, 2), "adaptive": (2, 4, 6), "full": (8,)}[tta]


def test_full_finds_the_same_people_as_adaptive(weights: Path) -> None:
    config = NetworkConfig(weights=str(weights), engine="torch", precision="fp32", min_score=THRESHOLD)
    (adaptive,), _ = open_light(dataclasses.replace(config, tta="adaptive"), 1).detect(frames()[:1])
    (full,), features = open_light(config, 1).detect(frames()[:1], still=True)
    np.testing.assert_array_equal(adaptive.box_N4, full.box_N4)
    np.testing.assert_array_equal(adaptive.score_N, full.score_N)
    assert len(features.surface_T[0]) == len(full) > 0


def test_what_full_needs_is_said() -> None:
    with pytest.raises(ModelError, match=r"network\.tta: full test-time augmentation needs"):
        NetworkConfig(tta="full", roll_align=False)
    with pytest.raises(ModelError, match=r"network\.tta: only the light network supports this key"):
        NetworkConfig(tta="adaptive_fast", kind="zoo")


def test_the_confidence_of_the_surface_counts_in_the_score(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the confidence halves every score; people below the threshold are then not found."""

    def scores(light: LightNetwork, confidence: float) -> np.ndarray:
        monkeypatch.setattr("models.structures.SurfaceMap.mean_confidence", confidence)
        return np.concatenate([found.score_N for found in light.detect(frames())[0]])

    network = opened(weights, THRESHOLD, refine_boxes=False)
    high, low = scores(network, 1.0), scores(network, 0.25)
    np.testing.assert_allclose(low, high / 2, rtol=1e-6)
    middle = float(np.median(low))
    above = scores(opened(weights, middle, refine_boxes=False), 0.25)
    np.testing.assert_array_equal(above, low[low > middle])
    assert 0 < len(above) < len(low)


def test_single_images_show_people_of_lower_scores_than_videos(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At one level of passes; a threshold that is given holds for both."""
    usual = NetworkConfig(weights=str(weights), engine="torch", precision="fp32", tta="adaptive_fast")
    rank = np.sort(opened(weights, THRESHOLD, refine_boxes=False).detect(frames()[:1])[0][0].score_N)
    between = (rank[1:] + rank[:-1]) / 2
    least = {True: float(between[len(rank) // 3]), False: float(between[2 * len(rank) // 3])}
    monkeypatch.setattr("models.light.inference.light_network.shown_score", least.__getitem__)
    network = open_light(dataclasses.replace(usual, refine_boxes=False), 1)
    given = opened(weights, least[True], refine_boxes=False)
    score_N = {still: network.detect(frames()[:1], still=still)[0][0].score_N for still in (True, False)}
    np.testing.assert_array_equal(score_N[False], score_N[True][score_N[True] > least[False]])
    assert 0 < len(score_N[False]) < len(score_N[True])
    np.testing.assert_array_equal(given.detect(frames()[:1])[0][0].score_N, score_N[True])


def test_frames_without_people_have_no_surfaces(network: LightNetwork) -> None:
    features = network.detect(frames()[:2])[1]
    assert network.surfaces(features, [np.zeros((0, 4), np.float32)] * 2) == [[], []]


def test_the_long_side_of_the_detectors_input_is_bounded() -> None:
    assert fit_size(240, 320, (384, 512)) == (288, 384)
    assert fit_size(300, 400, (384, 512)) == (300, 400)
    assert fit_size(1280, 720, (384, 512)) == (512, 288)
    assert fit_size(1, 4000, (384, 384)) == (1, 384)


def test_the_detectors_input_has_square_pixels() -> None:
    """16:9 in 720 x 576 (PAL), 4:3 in 352 x 480, and a portrait of narrow pixels."""
    assert fit_size(576, 720, (384, 512), 64 / 45) == (288, 512)
    assert fit_size(480, 352, (384, 512), 20 / 11) == (384, 512)
    assert fit_size(960, 1080, (384, 512), 0.5) == (512, 288)


def test_bad_weights_are_named(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere.safetensors: .* missing; name a file"):
        open_light(NetworkConfig(weights=str(tmp_path / "nowhere.safetensors")), 1)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="not a safetensors file"):
        open_light(NetworkConfig(weights=str(broken)), 1)
    other = tmp_path / "other.safetensors"
    write_weights(other, PersonDetector().state_dict(), PersonDetector().state_dict())
    with pytest.raises(ModelError, match=r"do not fit the light network: surface\."):
        open_light(NetworkConfig(weights=str(other)), 1)


def test_hard_nms_equals_torchvision() -> None:
    from torchvision.ops import nms

    random = np.random.default_rng(0)
    corner = random.uniform(0, 100, (300, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 60, (300, 2))], 1).astype(np.float32)
    scores = random.random(300).astype(np.float32)
    expected = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5)
    assert hard_nms(boxes, scores, 0.5).tolist() == expected.tolist()
    assert hard_nms(boxes[:0], scores[:0], 0.5).tolist() == []


def test_soft_nms_equals_the_algorithm_of_its_paper() -> None:
    """Figure 2: the best box is taken, the scores of the others fall, and so on."""
    from torchvision.ops import box_iou

    random = np.random.default_rng(0)
    corner = random.uniform(0, 100, (40, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 60, (40, 2))], 1).astype(np.float32)
    scores = random.random(40).astype(np.float32)
    overlap = box_iou(torch.from_numpy(boxes), torch.from_numpy(boxes)).numpy()
    left, expected = scores.astype(float), {}
    while (left > 0.05).any():
        first = int(left.argmax())
        expected[first] = left[first]
        left *= np.exp(-(overlap[first] ** 2) / 0.3)
        left[first] = 0
    kept, now = soft_nms(boxes, scores, 0.3, 0.05)
    assert set(kept.tolist()) == set(expected) and 10 < len(kept) < 40 and (np.diff(now) <= 0).all()
    np.testing.assert_allclose(now, [expected[i] for i in kept], atol=2e-3)  # boxes in sixteenths of a pixel
    assert [len(one) for one in soft_nms(boxes[:0], scores[:0], 0.3, 0.05)] == [0, 0]


def test_with_flips_a_flipped_image_has_the_flipped_prediction(weights: Path) -> None:
    config = NetworkConfig(weights=str(weights), engine="torch", precision="fp32", roll_align=False)
    crop_CC3 = np.random.default_rng(0).integers(0, 256, (CROP, CROP, 3), np.uint8)
    box_4 = np.array([11, 11, CROP - 11, CROP - 11], np.float32)  # its crop is the whole image and a little more
    for flip, alike in ((True, True), ("auto", True), (False, False)):
        network = open_light(dataclasses.replace(config, flip=flip), 1)
        predictor = network.predictor
        people = predictor.run(predictor.predict(rgb_HW3, box_4) for rgb_HW3 in (crop_CC3, crop_CC3[:, ::-1]))
        plain_LGG, flipped_LGG = (person.maps_LGG for person in people)
        label_GG, uv_2GG = mirror_maps(flipped_LGG[1].astype(np.uint8), flipped_LGG[2:4])
        same_GG = label_GG == plain_LGG[1]
        assert bool(same_GG.mean() > 0.99) is alike  # either of two equally probable charts may win
        assert np.allclose(flipped_LGG[0, :, ::-1], plain_LGG[0], atol=1e-4) is alike
        assert np.allclose(uv_2GG[:, same_GG], plain_LGG[2:4, same_GG], atol=1e-4) or not alike


def test_refined_boxes_are_fitted_to_a_prediction_in_the_boxes_of_the_first_pass(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = NetworkConfig(weights=str(weights), engine="torch", precision="fp32", min_score=THRESHOLD)
    usual = dataclasses.replace(usual, flip=False)
    once, twice = (open_light(dataclasses.replace(usual, refine_boxes=refine), 1) for refine in (False, True))
    rgb_HW3 = frames()[0]
    for shape in ("models.structures.SurfaceMap", "models.light.inference.surface_assembly.Silhouette"):
        monkeypatch.setattr(f"{shape}.mean_confidence", 1.0)
    (first,), (last,) = once.detect(rgb_HW3[None])[0], twice.detect(rgb_HW3[None])[0]
    people = twice.predictor.run(twice.predictor.predict(rgb_HW3, box_4) for box_4 in first.box_N4)
    expected = {fit_box(person.box_4, person.surface).tobytes() for person in people}
    assert len(last) > 5 and expected != {box_4.tobytes() for box_4 in first.box_N4}
    assert {box_4.tobytes() for box_4 in last.box_N4} <= expected


@pytest.mark.parametrize("name", ["flip", "refine_boxes", "roll_align"])
def test_other_networks_refuse_the_keys_of_test_time_augmentation(name: str) -> None:
    with pytest.raises(ModelError, match=rf"network\.{name}"):
        NetworkConfig(kind="zoo", **{name: True})

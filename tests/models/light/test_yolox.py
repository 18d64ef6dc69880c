"""YOLOX-nano against the published file, and when it finds the people of the light network."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.engines.engine import Precision
from models.files.atomic_file import file_sha256
from models.light.architecture.detector import PersonDetector, decode_boxes
from models.light.architecture.detector_locations import detector_locations
from models.light.architecture.weight_files import load_yolox
from models.light.architecture.weight_paths import BUILT_IN, YOLOX, graph_path, uses_yolox
from models.light.architecture.yolox import YoloxDetector, rows_of_predictions
from models.light.inference.float_components import FloatComponent
from models.light.inference.frame_detector import OPEN_DETECTOR, YOLOX_DETECTOR, DetectorTraits
from models.light.inference.graph_components import float_detector
from models.light.inference.open_components import open_components, open_detector
from models.network import NetworkConfig
from tests.golden.make_yolox_golden import EVERY, GOLDEN, SIDE, coloured_squares, published_rows
from tests.models.light.random_light import write_random_light

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def built_in() -> YoloxDetector:
    return load_yolox(YOLOX).eval()


def own_rows(net: YoloxDetector, rgb_SS3: np.ndarray) -> np.ndarray:
    """Box and probabilities in the order of the published file, (P, 6)."""
    with torch.no_grad():
        row_P6 = net.predictions(torch.from_numpy(rgb_SS3.transpose(2, 0, 1)[None].astype(np.float32)))[0].numpy()
    person_P1, thing_P1 = (1 / (1 + np.exp(-row_P6[:, [column]])) for column in (0, 5))
    return np.concatenate([row_P6[:, 1:5], thing_P1, person_P1], 1)


def require_equal(found_P6: np.ndarray, expected_P6: np.ndarray, tolerance: float) -> None:
    """Offsets and log-sizes in strides, and probabilities, agree."""
    assert found_P6.shape == expected_P6.shape
    assert expected_P6[:, :4].std() > 0.1
    assert np.abs(found_P6 - expected_P6).max() < tolerance


def test_the_built_in_weights_predict_what_the_published_file_did(built_in: YoloxDetector) -> None:
    """They are in half precision."""
    with np.load(GOLDEN) as stored:
        require_equal(own_rows(built_in, coloured_squares())[::EVERY], stored["row_P6"], 0.05)


def test_both_files_are_those_of_the_notice(root: Path) -> None:
    notice = (root / "THIRD_PARTY.md").read_text()
    for path in (YOLOX, graph_path(YOLOX)):
        assert file_sha256(path) in notice, f"THIRD_PARTY.md describes another {path.name}"


def test_a_converted_file_predicts_what_the_file_does(shared: Path, built_in: YoloxDetector) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tests.benchmarks.training.yolox_weights import converted

    path = shared / "assets" / "oracles" / "yolox_nano.onnx"
    photo = next((shared / "assets" / "images" / "coco_mini" / "val2017").glob("*.jpg"))
    rgb_SS3 = cv2.resize(cv2.imread(str(photo)), (SIDE, SIDE))[:, :, ::-1]
    net = converted(path)
    expected_P6 = published_rows(path, rgb_SS3)
    require_equal(own_rows(net, rgb_SS3), expected_P6, 1e-3)
    with np.load(GOLDEN) as stored:
        np.testing.assert_allclose(published_rows(path, coloured_squares())[::EVERY], stored["row_P6"], atol=1e-3)
    for name, value in net.state_dict().items():
        assert torch.equal(value.half().float(), built_in.state_dict()[name]), name


def test_rows_hold_the_product_of_probabilities_and_the_boxes() -> None:
    """Boxes by the published formula; those without the centre of their location are enlarged to it."""
    rng = np.random.default_rng(0)
    centre_P2, stride_P = detector_locations(64, 96)
    row_P6 = rng.normal(0, 1, (len(stride_P), 6)).astype(np.float32)
    with torch.no_grad():
        found_P5 = rows_of_predictions(torch.from_numpy(row_P6)[None])[0]
    probability_P2 = 1 / (1 + np.exp(-row_P6[:, [0, 5]]))
    np.testing.assert_allclose(1 / (1 + np.exp(-found_P5[:, 0].numpy())), probability_P2.prod(1), atol=1e-6)
    middle_P2 = (row_P6[:, 1:3] + centre_P2 / stride_P[:, None] - 0.5) * stride_P[:, None]
    half_P2 = np.exp(row_P6[:, 3:5]) * stride_P[:, None] / 2
    expected_P4 = np.concatenate([middle_P2 - half_P2, middle_P2 + half_P2], 1)
    low_P2, high_P2 = np.minimum(expected_P4[:, :2], centre_P2), np.maximum(expected_P4[:, 2:], centre_P2)
    enlarged_P4 = np.concatenate([low_P2, high_P2], 1)
    box_P4 = decode_boxes(found_P5[None, :, 1:], torch.from_numpy(centre_P2), torch.from_numpy(stride_P))[0].numpy()
    assert 0.1 < (enlarged_P4 == expected_P4).all(1).mean() < 0.9
    assert (np.abs(box_P4 - enlarged_P4) / stride_P[:, None]).max() < 0.03


def opened(weights: Path | str, detector: str) -> tuple[torch.nn.Module, DetectorTraits]:
    """The detector's network, and its traits."""
    config = NetworkConfig(weights=str(weights), detector=detector, precision="fp32", engine="torch")  # type: ignore[arg-type]
    path = BUILT_IN if weights == "light" else Path(weights)
    components = open_components(path, "", "torch", "fp32", 1)
    component, traits = open_detector(config, components, "torch", 1)
    assert isinstance(component, FloatComponent)
    return component.network, traits


def test_yolox_finds_people_with_the_built_in_weights_alone_unless_it_is_asked_for(tmp_path: Path) -> None:
    other = write_random_light(tmp_path / "other.safetensors")
    for weights, detector, yolox in (
        ("light", "auto", True),
        (str(BUILT_IN), "auto", True),
        (os.path.relpath(BUILT_IN), "auto", True),
        ("light", "open", False),
        (other, "auto", False),
        (other, "yolox", True),
    ):
        network, traits = opened(weights, detector)
        assert isinstance(network, YoloxDetector if yolox else PersonDetector)
        assert traits is (YOLOX_DETECTOR if yolox else OPEN_DETECTOR)
        assert uses_yolox(NetworkConfig(weights=str(weights), detector=detector)) == yolox  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_stored_graph_predicts_what_the_weights_do(built_in: YoloxDetector, precision: Precision) -> None:
    """At another size than that with which it is stored."""
    rgb_HW3 = coloured_squares()[:96, :160]
    blob = np.ascontiguousarray(rgb_HW3.transpose(2, 0, 1)[None], np.float32)
    graph = float_detector(YOLOX, file_sha256(YOLOX), precision=precision, threads=1)
    with torch.no_grad():
        expected = built_in(torch.from_numpy(blob)).numpy()
    difference = np.abs(graph.compiled(1, 96, 160)(blob) - expected)
    assert difference.mean() < (1e-3 if precision == "fp32" else 0.1)

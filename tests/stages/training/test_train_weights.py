"""The built-in weights: small, loadable, and as good as their card says on made and on photographed people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.light.architecture.weight_files import read_sizes, read_weights
from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import LightNetwork, open_light
from models.network import NetworkConfig
from stages.evaluation.ground_truth import GroundTruth
from stages.training.light.train_detector import TrainDetector
from stages.training.light.train_surface import TrainSurface
from tests.stages.evaluation.scored_people import JOB, scored


@pytest.fixture(scope="module")
def network() -> LightNetwork:
    return open_light(NetworkConfig(engine="torch", precision="fp32", min_score=0.05), 1)


def scores(monkeypatch: pytest.MonkeyPatch, folder: Path, **data: object) -> dict[str, float]:
    """What the stages of `evaluate` say about the built-in weights."""
    pictures = [picture for _, picture in GroundTruth(GroundTruth.Config(**data))(JOB)]  # type: ignore[arg-type]
    return scored(monkeypatch, folder, open_light(NetworkConfig(min_score=0.1), 1), pictures).flat()


def test_the_file_is_small_and_has_a_card(network: LightNetwork) -> None:
    assert BUILT_IN.stat().st_size <= 20e6
    card = BUILT_IN.with_suffix(".md").read_text()
    assert network.sha256[:16] in card, "the card describes another file"
    assert len(network.sha256) == 64


def test_synthetic_people_are_found_and_mapped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = scores(monkeypatch, tmp_path, data="val", seed=1, scenes=20)
    assert found["box_AP50"] > 0.5
    assert found["part_accuracy_given"] > 0.28  # chance is .04


def test_real_people_are_found_and_mapped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared: Path) -> None:
    found = scores(monkeypatch, tmp_path, data=str(shared / "assets" / "images" / "coco_mini"))
    assert found["recall"] > 0.5
    assert found["part_of_joint_given"] > 0.5


def test_a_grey_frame_holds_nobody(network: LightNetwork) -> None:
    found = open_light(NetworkConfig(engine="torch", precision="fp32"), 1).detect(
        np.full((1, 240, 320, 3), 128, np.uint8)
    )
    assert len(found[0][0]) == 0


def test_a_training_can_start_from_them(tmp_path: Path) -> None:
    sizes, tensors = read_sizes(BUILT_IN), read_weights(BUILT_IN)
    detector = TrainDetector.Config(folder=str(tmp_path), start=str(BUILT_IN), sizes=sizes.detector)
    surface = TrainSurface.Config(folder=str(tmp_path), start=str(BUILT_IN), sizes=sizes.surface)
    for started, name in ((TrainDetector(detector), "detector"), (TrainSurface(surface), "surface")):
        state = started.training.fit.net.state_dict()
        assert all(torch.equal(value, tensors[f"{name}.{key}"]) for key, value in state.items())
        assert started.training.fit.step == 0

"""The built-in weights: small, loadable, and as good as their card says on made and on photographed people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.light import LightNetwork, open_light
from models.light.light_network import BUILT_IN, read_weights
from models.network import NetworkConfig
from stages.draw_scenes import draw_scenes
from stages.evaluate import score_people, score_scenes
from stages.train import TrainDetector, TrainSurface
from stages.training.real_pictures import coco_people


@pytest.fixture(scope="module")
def network() -> LightNetwork:
    return open_light(NetworkConfig(engine="torch", precision="fp32", score_threshold=0.05), 1)


def test_the_file_is_small_and_has_a_card(network: LightNetwork) -> None:
    assert BUILT_IN.stat().st_size <= 20e6
    card = BUILT_IN.with_suffix(".md").read_text()
    assert network.sha256[:16] in card, "the card describes another file"
    assert len(network.sha256) == 64


def test_synthetic_people_are_found_and_mapped(network: LightNetwork) -> None:
    scores = score_scenes(network, draw_scenes("val", 1, 25), 0.2)
    assert scores["box_AP50"][0] > 0.5
    assert scores["part_accuracy_given"][0] > 0.28  # chance is .04


def test_real_people_are_found_and_mapped(network: LightNetwork, shared: Path) -> None:
    pictures = list(coco_people(shared / "assets" / "images" / "coco_mini", "val2017", None))
    scores = score_people(network, pictures, 100, 0.2)
    assert scores["recall"][0] > 0.5
    assert scores["part_of_joint_given"][0] > 0.5


def test_a_grey_frame_holds_nobody(network: LightNetwork) -> None:
    found = open_light(NetworkConfig(engine="torch", precision="fp32"), 1).detect(
        np.full((1, 240, 320, 3), 128, np.uint8)
    )
    assert len(found[0][0]) == 0


def test_a_training_can_start_from_them(tmp_path: Path) -> None:
    for stage, name in ((TrainDetector, "detector"), (TrainSurface, "surface")):
        started = stage(stage.Config(folder=str(tmp_path), start=str(BUILT_IN)))
        tensors = read_weights(BUILT_IN)
        state = started.fit.net.state_dict()
        assert all(torch.equal(value, tensors[f"{name}.{key}"]) for key, value in state.items())
        assert started.fit.step == 0

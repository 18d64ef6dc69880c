"""Weights whose name says which network they are of."""

from __future__ import annotations

import pytest

from models.checkpoints.zoo import ZOO as ZOO_FILES
from models.inference.network_check import configuration_of
from pipeline.command.zoo_weights import configuration_for_weights
from pipeline.configuration.config import load_config
from stages import STAGES

pytestmark = pytest.mark.quick

ZOO = "zoo:densepose_rcnn_R_101_FPN_DL_WC1M_s1x"


def test_published_weights_choose_their_configuration() -> None:
    assert configuration_for_weights("video", ZOO, ["render.style=parts"]) == (
        "zoo_r101_dl_wc1m",
        ["render.style=parts"],
    )
    assert configuration_for_weights("video", "light", []) == ("video", [])
    assert configuration_for_weights("zoo_r50_s1x", ZOO, []) == ("zoo_r50_s1x", [])


@pytest.mark.parametrize("config", ["live", "batch"])
def test_other_configurations_get_the_network_alone_and_what_was_set_counts(config: str) -> None:
    name, changes = configuration_for_weights(config, ZOO, ["network.min_size=480"])
    run = load_config(name, changes, STAGES)
    network = run.stages["detect"].network
    assert (name, network.kind, network.variant.backbone, network.variant.head) == (config, "zoo", "r101", "deeplab")
    assert (network.weights, network.variant.confidence, network.variant.segm_confidence) == (ZOO, "wc1", True)
    assert (network.min_size, network.max_size) == (480, 1333)


def test_an_unknown_name_is_for_the_published_network_to_refuse() -> None:
    assert configuration_for_weights("video", "zoo:nonsense", []) == ("video", ["network.kind=zoo"])


def test_every_published_network_has_the_configuration_that_is_named_for_it() -> None:
    for name in ZOO_FILES:
        config = load_config(configuration_of(name), [], STAGES)
        assert config.stages["detect"].network.weights == f"zoo:{name}"

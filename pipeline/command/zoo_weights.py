"""Published weights (`zoo:NAME`): the configuration with the network that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from pipeline.configuration.config import CONFIGS, read_config, variant_settings

PREFIX = "zoo:"
DEFAULT = "video"
"""The default configuration: the one of the published network replaces it."""


def configuration_for_weights(config: str, weights: object, changes: Sequence[str]) -> tuple[str, list[str]]:
    """The configuration and changes of a run, adapted to the network of weights that are named `zoo:NAME`.

    Args:
        config, changes: of the command; its changes override those of the published network.
        weights: of the command; others than `zoo:NAME` change nothing.
    """
    if not isinstance(weights, str) or not weights.startswith(PREFIX):
        return config, list(changes)
    network: Any = read_config(config).values.get("network") or {}
    if not isinstance(network, dict) or network.get("kind", "light") == "zoo":
        return config, list(changes)
    found = _configuration_of(weights)
    if found is None:  # an unknown name: the published network's error lists the known ones
        return config, ["network.kind=zoo", *changes]
    if config == DEFAULT:
        return found, list(changes)
    network = read_config(found).values["network"]
    return config, [*(f"network.{key}={_as_yaml(value)}" for key, value in network.items()), *changes]


def _configuration_of(weights: str) -> str | None:
    variants = variant_settings(CONFIGS / "zoo" / "zoo.yaml")
    return next((name for name, one in variants.items() if one["network"]["weights"] == weights), None)


def _as_yaml(value: object) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True)).removesuffix("\n").removesuffix("\n...")

"""Which network published weights are of: their name says so, and a configuration stands for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from pipeline.config import CONFIGS, read_config

PREFIX = "zoo:"
USUAL = "video"
"""The configuration that runs where none is named: that of the published network takes its place."""


def configuration_for_weights(config: str, weights: object, changes: Sequence[str]) -> tuple[str, list[str]]:
    """The configuration and the changes with which weights that are named `zoo:NAME` have the network they are of.

    Args:
        config, changes: as they were given; a change that was given counts more than what the name says.
        weights: as given.
    """
    if not isinstance(weights, str) or not weights.startswith(PREFIX):
        return config, list(changes)
    network: Any = read_config(config).values.get("network") or {}
    if not isinstance(network, dict) or network.get("kind", "light") == "zoo":
        return config, list(changes)
    found = _configuration_of(weights)
    if found is None:  # an unknown name, which the published network names with those there are
        return config, ["network.kind=zoo", *changes]
    if config == USUAL:
        return found, list(changes)
    told = read_config(found).values["network"]
    return config, [*(f"network.{key}={_as_yaml(value)}" for key, value in told.items()), *changes]


def _configuration_of(weights: str) -> str | None:
    for path in sorted((CONFIGS / "zoo").glob("*.yaml")):
        if yaml.safe_load(path.read_text(encoding="utf-8")).get("network", {}).get("weights") == weights:
            return path.stem
    return None


def _as_yaml(value: object) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True)).removesuffix("\n").removesuffix("\n...")

"""Opens the network of a configuration, of any kind."""

from __future__ import annotations

import functools
from pathlib import Path

from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.light.architecture.weight_paths import weights_path
from models.network import Network, NetworkConfig


def fetch_weights(config: NetworkConfig) -> None:
    """Download a configuration's published weights if they are not in the cache yet.

    Raises: ModelError if the download fails.
    """
    if config.kind == "zoo" and config.weights.startswith("zoo:"):
        from models.inference.zoo_network import checkpoint_path

        checkpoint_path(config)


def stated_weights(config: NetworkConfig) -> dict[str, str]:
    """`name` of the weights, without folder, and `sha256` of their file unless it is on another machine."""
    name = Path(config.weights.removeprefix("zoo:")).name
    try:
        return {"name": name, "sha256": file_sha256(_weights_file(config))}
    except (OSError, ModelError):
        return {"name": name}


def _weights_file(config: NetworkConfig) -> Path:
    if config.kind == "zoo":
        from models.inference.zoo_network import checkpoint_path

        return checkpoint_path(config)
    return weights_path(config.weights)


@functools.lru_cache(maxsize=4)
def open_network(config: NetworkConfig, threads: int) -> Network:
    """Load the network of a configuration. Stages of one process with equal configurations share one network.

    Args:
        config: the `network:` section.
        threads: compute threads of this process.

    Raises:
        ModelError: the weights are missing, damaged or of another network.
    """
    if config.kind == "zoo":
        from models.inference.zoo_network import open_zoo

        return open_zoo(config, threads)
    if config.kind == "trained":
        from models.inference.trained_network import open_trained

        return open_trained(config, threads)
    from models.light.inference.light_network import open_light

    return open_light(config, threads)

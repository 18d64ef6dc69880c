"""Opens the network of a configuration, of any kind."""

from __future__ import annotations

import functools
from contextlib import suppress
from pathlib import Path

from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.light.architecture.weight_paths import calibration_path, graph_path, quantized_path, weights_path
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


def open_network(config: NetworkConfig, threads: int) -> Network:
    """Load the network of a configuration. Stages of one process with equal configurations share one network, until a
    file of its weights is written again.

    Args:
        config: the `network:` section.
        threads: compute threads of this process.

    Raises:
        ModelError: the weights are missing, damaged or of another network.
    """
    return shared_network(config, threads, _written(config))


def _written(config: NetworkConfig) -> tuple[tuple[int, ...], ...]:
    """What changes when the file of the weights, or one that belongs to it, is written again."""
    found = []
    with suppress(ModelError):
        path = _weights_file(config)
        for one in (path, quantized_path(path), graph_path(path), calibration_path(path)):
            with suppress(OSError):
                state = one.stat()
                found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)


@functools.lru_cache(maxsize=4)
def shared_network(config: NetworkConfig, threads: int, written: tuple[tuple[int, ...], ...]) -> Network:
    """As `open_network`, for the files that were written so."""
    if config.kind == "zoo":
        from models.inference.zoo_network import open_zoo

        return open_zoo(config, threads)
    if config.kind == "trained":
        from models.inference.trained_network import open_trained

        return open_trained(config, threads)
    from models.light.inference.light_network import open_light

    return open_light(config, threads)

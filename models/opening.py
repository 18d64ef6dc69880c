"""The network behind a configuration, whatever its kind."""

from __future__ import annotations

import functools

from models.network import Network, NetworkConfig


def fetch_weights(config: NetworkConfig) -> None:
    """Download the weights of a configuration where they are published ones and not here yet. Raises ModelError."""
    if config.kind == "zoo" and config.weights.startswith("zoo:"):
        from models.inference.zoo_network import checkpoint_path

        checkpoint_path(config)


@functools.lru_cache(maxsize=4)
def open_network(config: NetworkConfig, threads: int) -> Network:
    """Load the network of a configuration; two stages of one process that ask for the same one share it.

    Args:
        config: the `network:` section.
        threads: compute threads of this process.

    Raises:
        ModelError: weights that are missing, broken or of another network.
    """
    if config.kind == "zoo":
        from models.inference.zoo_network import open_zoo

        return open_zoo(config, threads)
    if config.kind == "trained":
        from models.inference.trained_network import open_trained

        return open_trained(config, threads)
    from models.light import open_light

    return open_light(config, threads)

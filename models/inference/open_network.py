"""Opens the network of a configuration, of any kind."""

from __future__ import annotations

import functools
from pathlib import Path

from models.cache import user_path
from models.errors import ModelError
from models.network import Network, NetworkConfig


def fetch_weights(config: NetworkConfig) -> None:
    """Download a configuration's published weights if they are not in the cache yet.

    Raises: ModelError if the download fails or the weights belong to another kind of network.
    """
    if config.kind == "zoo" and config.weights.startswith("zoo:"):
        from models.inference.zoo_network import checkpoint_path

        checkpoint_path(config)
    elif config.kind == "light" and config.weights != "light":
        refuse_other_kinds(user_path(config.weights))


def refuse_other_kinds(path: Path) -> None:
    """Raise ModelError for weights that are not of the light network. The message names the setting they need."""
    from models.checkpoints.trained_weights import read_trained_info
    from models.checkpoints.zoo import ZOO

    published = next((entry.name for entry in ZOO.values() if entry.file_name == path.name), None)
    if published is not None:
        what = "these are weights of a published network, not of the light one"
        raise ModelError(what, str(path), f"add -c {configuration_of(published)}")
    try:
        kind = read_trained_info(path).kind
    except ModelError:  # the light network reports what is wrong with the file
        return
    what = f"these weights are of a trained network of kind '{kind}', not of the light one"
    raise ModelError(what, str(path), "add --set network.kind=trained")


def configuration_of(published: str) -> str:
    """Name of the configuration for published weights: `zoo_r101_dl` for `densepose_rcnn_R_101_FPN_DL_s1x`."""
    _, depth, *rest = published.removeprefix("densepose_rcnn_").replace("_FPN", "").split("_")
    return "_".join([f"zoo_r{depth}", *([part.lower() for part in rest if part != "s1x"] or ["s1x"])])


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

"""Opens networks that this project trained."""

from __future__ import annotations

import torch

from models.architecture.direct import DirectNet
from models.architecture.fcn import FullConvNet
from models.cache import user_path
from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import load_trained
from models.engines.device import choose_device, choose_engine, choose_precision
from models.engines.prepared_rcnn import PreparedRCNN
from models.errors import ModelError
from models.inference.direct_network import DirectNetwork
from models.inference.fcn_network import SinglePersonNetwork, WholeImageNetwork
from models.inference.single_person import SinglePersonPredictor
from models.inference.zoo_network import Limits, ZooNetwork, limits_of
from models.network import Network, NetworkConfig
from models.surface.charted_mesh import open_body_mesh
from models.surface.vertex_charts import mesh_vertex_charts


def open_trained(config: NetworkConfig, threads: int) -> Network:
    """Load weights that a training (`-c train_…`) wrote. Raises: ModelError if they are missing or damaged."""
    if config.weights == "light":
        remedy = "give --weights FILE from a training"
        raise ModelError("a trained network has no built-in weights", "network.weights", remedy)
    path = user_path(config.weights)
    network, about, sha256 = load_trained(path)
    if isinstance(network, DirectNet):
        torch.set_num_threads(threads)
        precision = choose_precision(config.precision, torch.device("cpu"))
        limits = trained_limits(config, about)
        return DirectNetwork(network, limits, name=path.stem, sha256=sha256, precision=precision)
    if isinstance(network, FullConvNet):
        torch.set_num_threads(threads)
        if about.kind == "fcn":
            return WholeImageNetwork(network, about, name=path.stem, sha256=sha256)
        predictor = SinglePersonPredictor(network, side=about.min_size, scales=about.scales)
        return SinglePersonNetwork(predictor, person_detector(config, threads), name=path.stem, sha256=sha256)
    device = choose_device("cpu" if config.engine == "openvino" else config.device)
    engine = choose_engine(config.engine, device)
    torch.set_num_threads(1 if engine == "openvino" else threads)
    precision = choose_precision(config.precision, device)
    return ZooNetwork(
        PreparedRCNN(network, engine=engine, device=device, precision=precision, threads=threads),
        trained_limits(config, about),
        name=path.stem,
        sha256=sha256,
        batch=config.batch if isinstance(config.batch, int) else (1 if device.type == "cpu" else 4),
        charts=mesh_vertex_charts(open_body_mesh()) if about.variant.mesh else None,
    )


def person_detector(config: NetworkConfig, threads: int) -> Network:
    """For networks that do not detect people: the built-in light network, with the configured detector."""
    from models.light.inference.light_network import open_light

    return open_light(NetworkConfig(detector=config.detector), threads)


def trained_limits(config: NetworkConfig, about: TrainedInfo) -> Limits:
    """The configured limits. Sizes that are not configured are those of the training."""
    limits = limits_of(config)
    return Limits(
        min_size=config.min_size or about.min_size,
        max_size=config.max_size or about.max_size,
        min_score=limits.min_score,
        nms_threshold=limits.nms_threshold,
        max_people=limits.max_people,
    )

"""Weights files of networks that this project trained. The file's metadata describe the network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.architecture.direct import DirectNet
from models.architecture.fcn import FullConvNet
from models.architecture.rcnn import DensePoseRCNN
from models.checkpoints.checkpoint import load_checkpoint, load_into, match_endings
from models.checkpoints.imagenet_weights import encoder_name
from models.checkpoints.trained_info import Kind, TrainedInfo, read_trained_info
from models.errors import ModelError
from models.files.atomic_file import atomic_write, file_sha256
from models.light.architecture.weight_files import without_prefix
from models.variant import Variant

FORMAT = "densepose-video 1"


def make_network(kind: Kind, variant: Variant) -> DensePoseRCNN | FullConvNet:
    """A network with random weights."""
    if kind == "rcnn":
        return DensePoseRCNN(variant)
    return DirectNet(variant) if kind == "direct" else FullConvNet(variant)


def write_trained(path: Path, weights: dict[str, Tensor], about: TrainedInfo) -> None:
    """Write weights and their description into one .safetensors file, atomically."""
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in weights.items()}
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"format": FORMAT, "about": json.dumps(asdict(about))}))


def load_trained(path: Path) -> tuple[DensePoseRCNN | FullConvNet, TrainedInfo, str]:
    """The network of a file with its weights, its description, and the file's SHA-256. Raises: ModelError."""
    about = read_trained_info(path)
    try:
        with torch.device("meta"):
            network = make_network(about.kind, about.variant)
    except Exception as error:  # torch raises errors of many kinds for impossible sizes
        what = f"describes a network with impossible sizes ({type(error).__name__})"
        raise ModelError(what, str(path), "train or download the weights again") from error
    load_into(load_checkpoint(path), network, str(path))
    return network, about, file_sha256(path)


def initialise_from(network: nn.Module, path: Path) -> dict[str, list[str]]:
    """Initialise a network from all fitting weights of a file: a zoo checkpoint, an ImageNet backbone, a training.

    Names match in full or by their ending; those of EfficientNet-Lite0's package are known. Layers of other
    names or shapes keep their values.

    Returns:
        Names of the layers from the file (`taken`), and of those that keep random values (`drawn`).

    Raises:
        ModelError: the file cannot be read, or none of its weights fit.
    """
    weights = load_checkpoint(path).weights
    if any(name.startswith("_conv_stem.") for name in weights):
        weights = {encoder_name(name): value for name, value in weights.items()}
    weights = without_prefix("surface.", weights) or weights
    expected = network.state_dict()
    found = match_endings(weights, list(expected))
    taken = {name: value for name, value in found.items() if name in expected and expected[name].shape == value.shape}
    if not taken:
        raise ModelError("none of these weights fit the network", str(path), "start from weights of a similar network")
    network.load_state_dict(taken, strict=False)
    return {"taken": sorted(taken), "drawn": sorted(set(expected) - set(taken))}

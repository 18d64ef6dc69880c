"""Weights files of networks that this project trained. The file's metadata describe the network."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors.torch import save
from torch import Tensor, nn

from models.architecture.fcn import FullConvNet
from models.architecture.rcnn import DensePoseRCNN
from models.architecture.variant import Variant
from models.checkpoints.checkpoint import load_checkpoint, load_into, match_endings
from models.errors import ModelError
from models.files.atomic_file import atomic_write, file_sha256
from models.files.json_file import parsed_json
from models.files.safetensors_file import read_metadata

Kind = Literal["rcnn", "fcn", "crops"]
FORMAT = "densepose-video 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedInfo:
    """Description of a network in its weights file.

    Attributes:
        kind: "rcnn" (detects people and predicts each), "fcn" (predicts whole images) or "crops" (predicts crops of one
            person).
        variant: of the network.
        min_size, max_size: shorter and longer side of the training images in pixels.
        scales: for "crops": scales at which a person is predicted and averaged; 1 = as in training.
        figure_ground: for "crops": whether it was trained on people without background.
    """

    kind: Kind
    variant: Variant
    min_size: int
    max_size: int
    scales: tuple[float, ...] = (1.0,)
    figure_ground: bool = False


def make_network(kind: Kind, variant: Variant) -> DensePoseRCNN | FullConvNet:
    """A network with random weights."""
    return DensePoseRCNN(variant) if kind == "rcnn" else FullConvNet(variant)


def write_trained(path: Path, weights: dict[str, Tensor], about: TrainedInfo) -> None:
    """Write weights and their description into one .safetensors file, atomically."""
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in weights.items()}
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"format": FORMAT, "about": json.dumps(asdict(about))}))


def read_trained_info(path: Path) -> TrainedInfo:
    """The description in a file. Raises: ModelError if it is missing or not from a training of this project."""
    remedy = "train one with `-c train_rcnn`, or choose the configuration that fits the weights"
    if not path.is_file():
        raise ModelError("no such weights file", str(path), remedy)
    try:
        about = parsed_json(read_metadata(path)["about"])
        about["variant"] = Variant(**about["variant"])
        about["scales"] = tuple(about["scales"])
        if about["kind"] not in get_args(Kind) or not all(type(about[key]) is int for key in ("min_size", "max_size")):
            raise ValueError("unknown kind of network")
        return TrainedInfo(**about)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError("has no description of a trained network", str(path), remedy) from error


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

    Names match in full or by their ending. Layers of other names or shapes keep their values.

    Returns:
        Names of the layers from the file (`taken`), and of those that keep random values (`drawn`).

    Raises:
        ModelError: the file cannot be read, or none of its weights fit.
    """
    checkpoint = load_checkpoint(path)
    expected = network.state_dict()
    found = match_endings(checkpoint.weights, list(expected))
    taken = {name: value for name, value in found.items() if name in expected and expected[name].shape == value.shape}
    if not taken:
        raise ModelError("none of these weights fit the network", str(path), "start from weights of a similar network")
    network.load_state_dict(taken, strict=False)
    return {"taken": sorted(taken), "drawn": sorted(set(expected) - set(taken))}

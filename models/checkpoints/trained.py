"""Networks that this project trained: their weights' files say what they are, so nothing else need be configured."""

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
    """What a weights file of this project holds besides weights.

    Attributes:
        kind: "rcnn" (finds people and maps each), "fcn" (maps whole pictures) or "crops" (maps one person at a time).
        variant: of the network.
        min_size, max_size: pixels of the shorter and longer side that it was trained on.
        scales: of "crops": sizes at which a person is read and averaged, 1 = as trained.
        figure_ground: of "crops": whether it was taught with the background cut away by the person's mask.
    """

    kind: Kind
    variant: Variant
    min_size: int
    max_size: int
    scales: tuple[float, ...] = (1.0,)
    figure_ground: bool = False


def make_network(kind: Kind, variant: Variant) -> DensePoseRCNN | FullConvNet:
    """The network of a kind with its values drawn at random."""
    return DensePoseRCNN(variant) if kind == "rcnn" else FullConvNet(variant)


def write_trained(path: Path, weights: dict[str, Tensor], about: TrainedInfo) -> None:
    """Write weights and what they are into one .safetensors file, whole or not at all."""
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in weights.items()}
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"format": FORMAT, "about": json.dumps(asdict(about))}))


def read_trained_info(path: Path) -> TrainedInfo:
    """What a file holds. Raises: ModelError where it is missing or not one that this project trained."""
    remedy = "train one with `run_pipeline.py -c train_rcnn`, or choose the configuration that fits the weights"
    if not path.is_file():
        raise ModelError("no such weights file", str(path), remedy)
    try:
        about = parsed_json(read_metadata(path)["about"])
        about["variant"] = Variant(**about["variant"])
        about["scales"] = tuple(about["scales"])
        if about["kind"] not in get_args(Kind) or not all(type(about[key]) is int for key in ("min_size", "max_size")):
            raise ValueError("no kind of network")
        return TrainedInfo(**about)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError("does not say which trained network it is of", str(path), remedy) from error


def load_trained(path: Path) -> tuple[DensePoseRCNN | FullConvNet, TrainedInfo, str]:
    """The network of a file with its weights, what it is, and the file's sha256. Raises: ModelError."""
    about = read_trained_info(path)
    try:
        with torch.device("meta"):
            network = make_network(about.kind, about.variant)
    except Exception as error:  # torch raises whatever sizes that make no network lead to
        what = f"says sizes that make no network ({type(error).__name__})"
        raise ModelError(what, str(path), "train or download the weights again") from error
    load_into(load_checkpoint(path), network, str(path))
    return network, about, file_sha256(path)


def initialise_from(network: nn.Module, path: Path) -> dict[str, list[str]]:
    """Put what fits of a weights file into a network: a zoo checkpoint, an ImageNet backbone, or one trained before.

    Names match in full or by their ending; layers of another shape or name stay as they are.

    Returns:
        Names taken (`taken`) and left as drawn (`drawn`).

    Raises:
        ModelError: the file cannot be read, or nothing of it fits.
    """
    checkpoint = load_checkpoint(path)
    expected = network.state_dict()
    found = match_endings(checkpoint.weights, list(expected))
    taken = {name: value for name, value in found.items() if name in expected and expected[name].shape == value.shape}
    if not taken:
        raise ModelError("nothing of these weights fits the network", str(path), "start from weights of a like network")
    network.load_state_dict(taken, strict=False)
    return {"taken": sorted(taken), "drawn": sorted(set(expected) - set(taken))}

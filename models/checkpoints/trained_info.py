"""The description of a network that this project trained, in its weights file. This module does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from models.errors import ModelError
from models.files.json_file import parsed_json
from models.files.safetensors_file import read_metadata
from models.variant import Variant

Kind = Literal["rcnn", "fcn", "crops", "direct"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedInfo:
    """Description of a network in its weights file.

    Attributes:
        kind: "rcnn" (detects people and predicts each), "fcn" (predicts whole images), "crops" (predicts crops of one
            person) or "direct" (predicts whole images, and a mask for each person).
        variant: of the network.
        min_size, max_size: shorter and longer side of the training images in pixels.
        scales: for "crops": a person is predicted at each of these scales, and the predictions are averaged; 1 = the
            scale of training.
        figure_ground: for "crops": whether it was trained on people without background.
    """

    kind: Kind
    variant: Variant
    min_size: int
    max_size: int
    scales: tuple[float, ...] = (1.0,)
    figure_ground: bool = False


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

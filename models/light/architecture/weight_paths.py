"""Paths of the light network's files: the built-in weights, and the files that belong to weights."""

from __future__ import annotations

from pathlib import Path

from models.cache import user_path
from models.errors import ModelError
from models.network import NetworkConfig

BUILT_IN = Path(__file__).resolve().parents[2] / "weights" / "light.safetensors"
YOLOX = BUILT_IN.with_name("yolox_nano.safetensors")
"""The weights of the detector YOLOX-nano."""
TRAINING_PHOTOS = BUILT_IN.with_name("light_photos.txt")
"""The photos of Human Dataset v2 on which the built-in weights were trained: split, id and digits of the hash."""


REMEDY = "train or download the weights again"


def weights_path(weights: str) -> Path:
    """The file of `network.weights`: the built-in one for `light`, else the one at that path."""
    return BUILT_IN if weights == "light" else user_path(weights)


def uses_yolox(config: NetworkConfig) -> bool:
    """Whether YOLOX finds the people of the light network with this configuration."""
    if config.detector != "auto":
        return config.detector == "yolox"
    return weights_path(config.weights).resolve() == BUILT_IN


def quantized_path(weights: Path) -> Path:
    """`NAME_int8.safetensors`, which holds the 8-bit graphs of `NAME.safetensors`."""
    return weights.with_name(weights.stem + "_int8" + weights.suffix)


def graph_path(weights: Path) -> Path:
    """`NAME_graph.safetensors`, which holds a graph of `NAME.safetensors` in floating point."""
    return weights.with_name(weights.stem + "_graph" + weights.suffix)


def calibration_path(weights: Path) -> Path:
    """`NAME.confidence.json`, which holds the calibration of the confidence of `NAME.safetensors`."""
    return weights.with_suffix(".confidence.json")


def require_weights(path: Path) -> None:
    """Raises: ModelError when the file does not exist."""
    if not path.is_file():
        remedy = "name a file that exists; without one the built-in weights are used"
        raise ModelError("the light network's weights are missing", str(path), remedy)

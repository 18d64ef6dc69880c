"""Opens the components of the light network for an engine, in the best precision that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from models.engines.engine import Engine, cpu_precision, has_int8
from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.light.architecture.weight_paths import YOLOX, quantized_path, uses_yolox
from models.light.inference.batched_network import Component, LightComponents
from models.light.inference.frame_detector import OPEN_DETECTOR, YOLOX_DETECTOR, DetectorTraits
from models.light.inference.graph_components import float_detector, has_graphs_of, int8_light
from models.network import NetworkConfig


def open_components(
    path: Path, sha256: str, engine: Engine, precision: Literal["fp32", "bf16", "int8"], threads: int
) -> LightComponents:
    """The components from a file of weights. Raises: ModelError when a file is damaged or does not fit."""
    if precision == "int8":
        return int8_light(path, sha256, threads=threads)
    from models.light.inference.float_components import float_light  # imports torch, which is slow

    return float_light(path, engine=engine, precision=precision, threads=threads)


def open_detector(
    config: NetworkConfig, components: LightComponents, engine: Engine, threads: int
) -> tuple[Component, DetectorTraits]:
    """The configured detector: YOLOX, or the one of these components; with its traits.

    Raises: ModelError when a file is damaged or does not fit.
    """
    if not uses_yolox(config):
        return components.detector, OPEN_DETECTOR
    # Its convolutions go channel by channel, for which int8 is no faster.
    precision = cpu_precision("auto" if config.precision == "int8" else config.precision)
    if engine == "openvino":
        return float_detector(YOLOX, file_sha256(YOLOX), precision=precision, threads=threads), YOLOX_DETECTOR
    from models.light.inference.float_components import torch_yolox

    return torch_yolox(YOLOX, precision=precision, threads=threads), YOLOX_DETECTOR


def light_precision(
    wanted: Literal["auto", "fp32", "bf16", "int8"], engine: Engine, weights: Path, sha256: str
) -> Literal["fp32", "bf16", "int8"]:
    """The precision to use; "auto" is int8 if the processor supports it and the 8-bit graphs belong to these weights.

    Raises:
        ModelError: int8 is requested and the engine is not OpenVINO.
    """
    if wanted == "int8":
        if engine != "openvino":
            raise ModelError("8-bit graphs run only in OpenVINO", "network.precision", "use engine: openvino")
        return "int8"
    if wanted == "auto" and engine == "openvino" and has_int8() and has_graphs_of(quantized_path(weights), sha256):
        return "int8"
    return cpu_precision(wanted)

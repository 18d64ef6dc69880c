"""Quantise the light network to eight bits."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from models.engines.compiled_network import convert_network
from models.engines.engine import import_openvino
from models.files.atomic_file import file_sha256
from models.light.architecture.sizes import ComponentName
from models.light.architecture.surface_net import PickedSurface
from models.light.architecture.weight_files import load_networks
from models.light.architecture.weight_paths import quantized_path
from models.light.inference.graph_components import OpenvinoGraph, write_graphs
from pipeline.stage import Stage, StageError
from stages.payloads import Written
from stages.training.data.photo_pool import PhotoPool
from stages.training.fit import Batch
from stages.training.light.canvases import CANVAS
from stages.training.light.detector_batches import DetectorBatches
from stages.training.light.mixes import CropMix, SheetMix
from stages.training.light.surface_batches import SurfaceBatches
from stages.training.payloads import PhotoShards

CALIBRATION_CROPS = CropMix(
    real=0.22, rotated_any=0.12, roll_aligned=0.0, occluded_by_person=0.0, occluded_by_object=0.0, background=0.0,
    distant=0.0, video_degraded=0.0,
)
"""The crops on which the surface network is calibrated: people as photos show them."""
CALIBRATION_IMAGES, CALIBRATION_SEED = 300, 5
"""Images on which the ranges of activations are measured, and the seed of their choice."""


class QuantizeLight(Stage):
    """Labelled photos in, for calibration; eight-bit graphs out."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`weights` of the light network; graphs go beside them."""

        weights: str = "models/weights/light.safetensors"

    def __call__(self, photos: PhotoShards) -> Iterator[Written]:
        """Quantise both networks. Raises: StageError when NNCF is not installed; ModelError for other weights."""
        if importlib.util.find_spec("nncf") is None:
            raise StageError("NNCF, which quantises, is not installed", "quantize_light", "pip install '.[quantize]'")
        cv2.setNumThreads(self.threads)
        torch.set_num_threads(self.threads)
        path = Path(self.config.weights)
        detector, surface = load_networks(path)
        pool = PhotoPool([Path(shard) for shard in photos.paths])
        seed = CALIBRATION_SEED
        canvases = DetectorBatches(pool, None, indices=range(1), seed=seed, teacher=None, mix=SheetMix())
        crops = SurfaceBatches(
            pool, None, indices=range(1), seed=seed, sides=(surface.sizes.crop,), mix=CALIBRATION_CROPS
        )
        net, side, channels = PickedSurface(surface), surface.sizes.crop, surface.channels
        graphs: dict[ComponentName, OpenvinoGraph] = {
            "detector": quantized(detector, CANVAS, canvases, CALIBRATION_IMAGES, in_float=first_and_outputs),
            "surface": quantized(net, side, crops, CALIBRATION_IMAGES, channels=channels),
        }
        write_graphs(quantized_path(path), file_sha256(path), graphs)
        yield Written(path=str(quantized_path(path)), frames=0)


def first_and_outputs(model: Any) -> list[str]:
    """Names of a detector's first convolution, and of those that predict scores and distances.

    They stay in floating point: that lowers the error and costs no measurable time.
    """
    names = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() == "Convolution"]
    return [names[0], *(name for name in names if "score" in name or "distance" in name)]


def quantized(
    net: nn.Module,
    side: int,
    batch_of: Callable[[int], Batch],
    images: int,
    in_float: Callable[[Any], list[str]] = lambda _: [],
    channels: int = 3,
) -> OpenvinoGraph:
    """A network for one image (1, channels, side, side) in eight bits, its ranges calibrated on the first batches.

    Args:
        in_float: of its OpenVINO model, the names of the operations that stay in floating point.
    """
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    model = convert_network(net, (1, channels, side, side))
    data = nncf.Dataset([np.asarray(batch_of(step)[0][:, :channels].float().contiguous()) for step in range(images)])
    made = nncf.quantize(
        model,
        data,
        subset_size=images,
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=in_float(model)),
        fast_bias_correction=False,  # layer after layer, which is more exact
        # Ranges as large as any number, not as the mean over images: more exact, too.
        advanced_parameters=AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
        ),
    )
    return saved(made)


def saved(model: Any) -> OpenvinoGraph:
    """An OpenVINO model as the bytes of its files; what stays in floating point is kept in half precision."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        import_openvino().save_model(model, path, compress_to_fp16=True)
        return OpenvinoGraph(xml=path.read_bytes(), constants=path.with_suffix(".bin").read_bytes())

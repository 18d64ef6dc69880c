"""The teacher for body parts: BodyPix (Papandreou et al., 2018; Apache-2.0) segments 24 parts in photos, to label them.

The user gives its file: MobileNet-0.50 at stride 8 (.onnx), or Coral's MobileNet-0.75 at stride 16 in int8 (.tflite),
which is more accurate and faster.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from models.arrays import F32, U8, Float
from models.body.charts import MIRROR_CHART
from models.engines.engine import compile_request, import_openvino, openvino_core
from models.errors import ModelError
from models.light.teachers.teacher_files import open_session, require_file

BODYPIX_TO_CHART = np.array([24, 23, 17, 15, 18, 16, 21, 19, 22, 20, 4, 3, 2, 1, 10, 8, 9, 7, 14, 12, 13, 11, 5, 6])
"""The DensePose chart (1..24) of each of BodyPix's 24 channels."""
_OUTPUTS = ("float_segments", "float_part_heatmaps")

PartNetwork = Callable[[U8], tuple[F32, F32]]
"""An image (H,W,3) in; logits of person (h,w,1) and of BodyPix's parts (h,w,24) out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartGrid:
    """Where the cells of a network's output lie on its image.

    Attributes:
        stride: pixels between two cells.
        margin: pixels from the image's edge to the centre of the first cell.
        side: pixels of the square crop on which the network is most accurate.
    """

    stride: int
    margin: float
    side: int

    def valid_side(self, pixels: int) -> int:
        """The nearest side length that the network accepts."""
        return 16 * round((pixels - 2 * self.margin) / 16) + round(2 * self.margin)


AT_STRIDE_8 = PartGrid(stride=8, margin=0.5, side=257)
AT_STRIDE_16 = PartGrid(stride=16, margin=0.0, side=320)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPrediction:
    """Logits of the person (h,w) and of the parts in the order of charts (24,h,w)."""

    person_hw: Float
    part_24hw: Float
    grid: PartGrid

    def at(self, point_LL2: Float) -> tuple[Float, Float]:
        """Both at points x, y in pixels of the image, (L,L) and (24,L,L), bilinear; outside, the edge continues."""
        row_column = np.moveaxis((point_LL2 - self.grid.margin) / self.grid.stride, -1, 0)[::-1]
        maps = (self.person_hw, *self.part_24hw)
        person_LL, *part_24LL = [map_coordinates(one, row_column, order=1, mode="nearest") for one in maps]
        return person_LL, np.stack(part_24LL)

    def on_grid(self, cells: int) -> tuple[Float, Float]:
        """Both at the centres of a grid of cells x cells that covers the image."""
        height, width = ((n - 1) * self.grid.stride + 2 * self.grid.margin for n in self.person_hw.shape)
        centre = (np.arange(cells) + 0.5) / cells
        return self.at(np.stack(np.meshgrid(centre * width, centre * height), -1))


class PartTeacher:
    """Predicts parts in images, with horizontal flips too."""

    def __init__(self, network: PartNetwork, grid: PartGrid) -> None:
        """Args: the network and the grid of its output."""
        self._network = network
        self.grid = grid

    def __call__(self, rgb_HW3: U8) -> PartPrediction:
        """The prediction for an image whose sides are `grid.valid_side`."""
        person_hw1, part_hwC = self._network(rgb_HW3)
        part_24hw = np.empty((24, *part_hwC.shape[:2]), np.float32)
        part_24hw[BODYPIX_TO_CHART - 1] = part_hwC.transpose(2, 0, 1)
        return PartPrediction(person_hw=person_hw1[:, :, 0], part_24hw=part_24hw, grid=self.grid)

    def predict_with_flip(self, rgb_HW3: U8) -> tuple[PartPrediction, float]:
        """The mean of the predictions for image and flipped image, and the share of person cells where parts agree."""
        plain, flipped = self(rgb_HW3), self(np.ascontiguousarray(rgb_HW3[:, ::-1]))
        flipped_24hw = flipped.part_24hw[MIRROR_CHART[1:] - 1][:, :, ::-1]
        mean_hw = (plain.person_hw + flipped.person_hw[:, ::-1]) / 2
        same = plain.part_24hw.argmax(0) == flipped_24hw.argmax(0)
        agreement = float(same[mean_hw > 0].mean()) if (mean_hw > 0).any() else 0.0
        part_24hw = (plain.part_24hw + flipped_24hw) / 2
        return dataclasses.replace(plain, person_hw=mean_hw, part_24hw=part_24hw), agreement


def open_part_teacher(path: Path, *, threads: int = 1) -> PartTeacher:
    """Open `bodypix_mobilenet050_stride8.onnx` or Coral's `bodypix_mobilenet_v1_075_…_16_quant.tflite`.

    Raises: ModelError when the file or its library is missing, or it is another file.
    """
    require_file(path)
    if path.suffix == ".tflite":
        return PartTeacher(_quantized(path, threads), AT_STRIDE_16)
    session = open_session(path, threads)

    def network(rgb_HW3: U8) -> tuple[F32, F32]:
        blob = (rgb_HW3.astype(np.float32) / 127.5 - 1.0)[None]
        person, parts = session.run(["segments", "part_heatmaps"], {"input": blob})
        return person[0], parts[0]

    return PartTeacher(network, AT_STRIDE_8)


def _quantized(path: Path, threads: int) -> PartNetwork:
    """The int8 network; outputs are taken before they are rounded to bytes. One graph per image size."""
    try:
        openvino = import_openvino()
    except ImportError as error:
        raise ModelError("OpenVINO, which reads it, is not installed", str(path), "pip install openvino") from error
    requests: dict[tuple[int, ...], Any] = {}

    whole = openvino_core().read_model(path)
    by_name = {name: output for output in whole.outputs for name in output.get_names()}
    if not set(_OUTPUTS) <= set(by_name):
        remedy = "give a file without `decoder` in its name, e.g. bodypix_mobilenet_v1_075_720_1280_16_quant.tflite"
        raise ModelError(f"it has no outputs {' and '.join(_OUTPUTS)}", str(path), remedy)
    graph = openvino.Model([_before_rounding(by_name[name]) for name in _OUTPUTS], whole.get_parameters())

    def network(rgb_HW3: U8) -> tuple[F32, F32]:
        if rgb_HW3.shape not in requests:
            sized = graph.clone()
            sized.reshape([1, *rgb_HW3.shape])
            requests[rgb_HW3.shape] = compile_request(sized, threads=threads)
        request = requests[rgb_HW3.shape]
        request.infer({0: rgb_HW3[None]})
        person, parts = (request.get_output_tensor(index).data[0].transpose(1, 2, 0) for index in (0, 1))
        return person.astype(np.float32), parts.astype(np.float32)

    return network


def _before_rounding(output: Any) -> Any:
    """The floats, channels first, that are rounded to an output of bytes."""
    node = output.node
    while node.get_type_name() != "FakeQuantize":
        node = node.input_value(0).get_node()
    return node.input_value(0)

"""An openly licensed network that tells 24 body parts apart in real photos, to label them for the training.

BodyPix (Papandreou et al. 2018; Apache-2.0), from a file the user has: MobileNet-0.50 at stride 8 (.onnx), or Coral's
MobileNet-0.75 at stride 16 in eight bits (.tflite), which is right more often and asked in a quarter of the time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from models.engines.engine import compile_request, import_openvino, openvino_core
from models.errors import ModelError
from models.light.teachers.teacher_files import open_session, require_file
from models.surface.charts import MIRROR_CHART

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

BODYPIX_TO_CHART = np.array([24, 23, 17, 15, 18, 16, 21, 19, 22, 20, 4, 3, 2, 1, 10, 8, 9, 7, 14, 12, 13, 11, 5, 6])
"""DensePose chart (1..24) of each of BodyPix's 24 channels."""
_OUTPUTS = ("float_segments", "float_part_heatmaps")

Ask = Callable[[U8], tuple[F32, F32]]
"""A picture (H,W,3) in, the network's own maps out: person (h,w,1) and parts (h,w,24), logits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where a network's answers lie on its picture.

    Attributes:
        stride: pixels between two cells.
        margin: pixels from the picture's edge to the first cell's centre.
        side: pixels of the square crop of a person that it knows best.
    """

    stride: int
    margin: float
    side: int

    def fitting(self, pixels: int) -> int:
        """The nearest length of a side that the network takes."""
        return 16 * round((pixels - 2 * self.margin) / 16) + round(2 * self.margin)


AT_STRIDE_8 = Geometry(stride=8, margin=0.5, side=257)
AT_STRIDE_16 = Geometry(stride=16, margin=0.0, side=320)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnswer:
    """Logits of a person (h,w) and of the parts in the order of charts (24,h,w)."""

    person_hw: F32
    part_24hw: F32
    geometry: Geometry

    def at(self, point_LL2: F32) -> tuple[F32, F32]:
        """Both read at points x, y in pixels of the picture, (L,L) and (24,L,L); beyond the edge as at the edge."""
        row_column = np.moveaxis((point_LL2 - self.geometry.margin) / self.geometry.stride, -1, 0)[::-1]
        maps = (self.person_hw, *self.part_24hw)
        person_LL, *part_24LL = [map_coordinates(one, row_column, order=1, mode="nearest") for one in maps]
        return person_LL, np.stack(part_24LL)

    def everywhere(self, cells: int) -> tuple[F32, F32]:
        """Both read at the centres of cells x cells that cover the picture."""
        height, width = ((n - 1) * self.geometry.stride + 2 * self.geometry.margin for n in self.person_hw.shape)
        centre = (np.arange(cells) + 0.5) / cells
        return self.at(np.stack(np.meshgrid(centre * width, centre * height), -1))


class PartTeacher:
    """Asks a network, also in the mirror."""

    def __init__(self, ask: Ask, geometry: Geometry) -> None:
        """Args: the network; where its answers lie."""
        self._ask = ask
        self.geometry = geometry

    def __call__(self, rgb_HW3: U8) -> PartAnswer:
        """What is in a picture whose sides are `geometry.fitting`."""
        person_hw1, part_hwC = self._ask(rgb_HW3)
        part_24hw = np.empty((24, *part_hwC.shape[:2]), np.float32)
        part_24hw[BODYPIX_TO_CHART - 1] = part_hwC.transpose(2, 0, 1)
        return PartAnswer(person_hw=person_hw1[:, :, 0], part_24hw=part_24hw, geometry=self.geometry)

    def both_ways(self, rgb_HW3: U8) -> tuple[PartAnswer, float]:
        """The answer averaged with that to the mirrored picture, and the share of person cells whose part agrees."""
        seen, mirror = self(rgb_HW3), self(np.ascontiguousarray(rgb_HW3[:, ::-1]))
        mirror_24hw = mirror.part_24hw[MIRROR_CHART[1:] - 1][:, :, ::-1]
        mean_hw = (seen.person_hw + mirror.person_hw[:, ::-1]) / 2
        same = seen.part_24hw.argmax(0) == mirror_24hw.argmax(0)
        agreement = float(same[mean_hw > 0].mean()) if (mean_hw > 0).any() else 0.0
        part_24hw = (seen.part_24hw + mirror_24hw) / 2
        return dataclasses.replace(seen, person_hw=mean_hw, part_24hw=part_24hw), agreement


def open_part_teacher(path: Path, *, threads: int = 1) -> PartTeacher:
    """Open `bodypix_mobilenet050_stride8.onnx` or Coral's `bodypix_mobilenet_v1_075_…_16_quant.tflite`.

    Raises: ModelError when the file, or what reads it, is missing, or the file is another.
    """
    require_file(path)
    if path.suffix == ".tflite":
        return PartTeacher(_quantized(path, threads), AT_STRIDE_16)
    session = open_session(path, threads)

    def ask(rgb_HW3: U8) -> tuple[F32, F32]:
        blob = (rgb_HW3.astype(np.float32) / 127.5 - 1.0)[None]
        person, parts = session.run(["segments", "part_heatmaps"], {"input": blob})
        return person[0], parts[0]

    return PartTeacher(ask, AT_STRIDE_8)


def _quantized(path: Path, threads: int) -> Ask:
    """The network of eight-bit integers, read before its answers are rounded to bytes; one graph for each size."""
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

    def ask(rgb_HW3: U8) -> tuple[F32, F32]:
        if rgb_HW3.shape not in requests:
            sized = graph.clone()
            sized.reshape([1, *rgb_HW3.shape])
            requests[rgb_HW3.shape] = compile_request(sized, threads=threads)
        request = requests[rgb_HW3.shape]
        request.infer({0: rgb_HW3[None]})
        person, parts = (request.get_output_tensor(place).data[0].transpose(1, 2, 0) for place in (0, 1))
        return person.astype(np.float32), parts.astype(np.float32)

    return ask


def _before_rounding(output: Any) -> Any:
    """The floats, channels first, that an output of bytes is made from."""
    node = output.node
    while node.get_type_name() != "FakeQuantize":
        node = node.input_value(0).get_node()
    return node.input_value(0)

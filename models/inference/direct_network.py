"""Direct DensePose as a `Network`: charts, U and V once a frame, and a mask for each person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou, nms

from models.architecture.direct import DirectNet, DirectOutputs
from models.architecture.dynamic_masks import CELLS_AT_ONCE, person_masks
from models.architecture.rcnn import fold_norms
from models.arrays import F32, U8
from models.boxes import non_empty
from models.engines.engine import Precision
from models.inference.assembly import pixel_grid, to_numpy
from models.inference.confidence import tempered
from models.inference.preprocess import network_input, network_size
from models.inference.zoo_network import Limits, to_frame
from models.structures import Detections, SurfaceMap

PERSON = 0.5
"""Probability above which a pixel belongs to a person's mask."""
PIXELS_AT_ONCE = 1 << 16
"""Pixels whose charts are decided in one step: bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOutputs:
    """The network's predictions for one frame, and its sizes.

    Attributes:
        outputs: of one image.
        box_P4: the locations' boxes, pixels of the frame, clipped to it.
        network_hw, frame_hw: unpadded size of the network's input, and size of the frame.
    """

    outputs: DirectOutputs
    box_P4: Tensor
    network_hw: tuple[int, int]
    frame_hw: tuple[int, int]


class DirectNetwork:
    """Predicts frame by frame."""

    def __init__(
        self, network: DirectNet, limits: Limits, *, name: str, sha256: str, precision: Precision = "fp32"
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.device = "cpu"
        fold_norms(network)
        self._network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self._limits = limits
        self._precision = precision

    @torch.inference_mode()
    def detect(
        self, rgb_THW3: U8, *, still: bool = False, pixel_aspect: float = 1.0
    ) -> tuple[list[Detections], list[FrameOutputs]]:
        """One `Detections` per frame, and the frames' predictions."""
        frames = [self._predict(rgb_HW3, pixel_aspect) for rgb_HW3 in rgb_THW3]
        return [best_persons(frame, self._limits) for frame in frames], frames

    def _predict(self, rgb_HW3: U8, pixel_aspect: float) -> FrameOutputs:
        frame_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
        shown_hw = (frame_hw[0], frame_hw[1] * pixel_aspect)
        size_hw = network_size(*shown_hw, self._limits.min_size, self._limits.max_size)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._precision == "bf16"):
            outputs = self._network.outputs(network_input(rgb_HW3[None], size_hw).permute(0, 3, 1, 2))
        box_P4 = to_frame(outputs.box_BP4[0], size_hw, frame_hw)
        return FrameOutputs(outputs=outputs, box_P4=box_P4, network_hw=size_hw, frame_hw=frame_hw)

    @torch.inference_mode()
    def surfaces(self, features: list[FrameOutputs], boxes: list[F32]) -> list[list[SurfaceMap]]:
        """The person of each box; see `models.network.Network`."""
        return [frame_surfaces(frame, box_N4) for frame, box_N4 in zip(features, boxes, strict=True)]


def best_persons(frame: FrameOutputs, limits: Limits) -> Detections:
    """The people of a frame: locations with high scores, of each group of overlapping boxes the best."""
    score_P = frame.outputs.logit_BP[0].sigmoid()
    keep = (score_P > limits.min_score) & non_empty(frame.box_P4)
    box, score = frame.box_P4[keep], score_P[keep]
    kept = nms(box, score, limits.nms_threshold)[: limits.max_people]
    return Detections(box_N4=to_numpy(box[kept]), score_N=to_numpy(score[kept]))


def frame_surfaces(frame: FrameOutputs, box_N4: F32) -> list[SurfaceMap]:
    """The surfaces of the people of these boxes, pixels of the frame.

    The maps of charts are read once for each pixel of any person; a person's surface is their product with the mask.
    """
    if not len(box_N4):
        return []
    grid_N4 = np.array([pixel_grid(box_4) for box_4 in box_N4.astype(np.float32)])
    x0, y0 = grid_N4[:, :2].min(axis=0)
    x1, y1 = (grid_N4[:, :2] + grid_N4[:, 2:]).max(axis=0)
    logit_Nhw = logits_for(frame, torch.from_numpy(box_N4.astype(np.float32)))
    shown_HW = torch.zeros((int(y1 - y0), int(x1 - x0)), dtype=torch.bool)
    parts = []
    for (x, y, width, height), logit_hw in zip(grid_N4.tolist(), logit_Nhw, strict=True):
        body_hw = read_grid(logit_hw, frame, (x, y, width, height), frame.outputs.mask_cell).sigmoid()
        window = slice(y - y0, y - y0 + height), slice(x - x0, x - x0 + width)
        shown_HW[window] |= body_hw > PERSON
        parts.append((x, y, window, body_hw))
    canvas = read_charts(frame, shown_HW, (int(x0), int(y0)))
    return [masked_surface(x, y, body_hw, canvas[:, window[0], window[1]]) for x, y, window, body_hw in parts]


def logits_for(frame: FrameOutputs, box_N4: Tensor) -> Tensor:
    """The masks (N, h, w) of the people of boxes, as logits in cells: of each the location that fits the box best."""
    found = frame.outputs
    fit_NP = box_iou(box_N4, frame.box_P4) ** 4 * found.logit_BP[0].sigmoid().sqrt()
    place_N = fit_NP.argmax(dim=1)
    return person_masks(
        found.features_BChw[0], found.filter_BPF[0, place_N], found.centre_P2[place_N], found.stride_P[place_N],
        cell=found.mask_cell, at_once=CELLS_AT_ONCE,
    )  # fmt: skip


def axis_cells(start: int, count: int, scale: float, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """For pixels start, start + 1, … along an axis: the cells before and behind each, and the weight of the latter.

    `scale`: cells per pixel. Outside of the map its first or last cell counts.
    """
    at = ((torch.arange(start, start + count, dtype=torch.float32) + 0.5) * scale - 0.5).clamp(0, cells - 1)
    low = at.long()
    return low, (low + 1).clamp(max=cells - 1), at - low


def frame_axes(
    frame: FrameOutputs, grid_4: tuple[int, int, int, int], cell: int, size_hw: tuple[int, int]
) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """`axis_cells` of rows and columns of a grid x, y, width, height in the frame, for maps of a size."""
    x, y, width, height = grid_4
    down, across = (side / (whole * cell) for side, whole in zip(frame.network_hw, frame.frame_hw, strict=True))
    return axis_cells(y, height, down, size_hw[0]), axis_cells(x, width, across, size_hw[1])


def read_grid(map_hw: Tensor, frame: FrameOutputs, grid_4: tuple[int, int, int, int], cell: int) -> Tensor:
    """A map at the pixels of a grid of the frame, bilinear."""
    rows, columns = frame_axes(frame, grid_4, cell, (map_hw.shape[0], map_hw.shape[1]))
    down = torch.lerp(map_hw[rows[0]], map_hw[rows[1]], rows[2][:, None])
    return torch.lerp(down[:, columns[0]], down[:, columns[1]], columns[2])


def read_charts(frame: FrameOutputs, shown_HW: Tensor, at_xy: tuple[int, int]) -> Tensor:
    """Chart, U, V, and the chart's probability, (4, H, W) float32, at the pixels shown; 0 elsewhere.

    Args:
        frame: whose maps are read.
        shown_HW: bool.
        at_xy: pixel of the frame that is the first of `shown_HW`.
    """
    fine_Chw = frame.outputs.maps["fine_segm"][0]
    charts, height, width = fine_Chw.shape
    layers = [*(frame.outputs.maps[name][0] for name in ("u", "v")), fine_Chw.softmax(dim=0)]
    logit_KC, flat_LK = as_rows(fine_Chw), torch.stack([as_rows(one).flatten() for one in layers])
    best_K = logit_KC.argmax(dim=1)
    canvas_4HW = torch.zeros(4, *shown_HW.shape)
    grid_4 = (*at_xy, shown_HW.shape[1], shown_HW.shape[0])
    axes = frame_axes(frame, grid_4, frame.outputs.map_cell, (height, width))
    for place_M2 in shown_HW.nonzero().split(PIXELS_AT_ONCE):
        row_M, column_M = place_M2.T
        top, bottom, down = (one[row_M] for one in axes[0])
        left, right, across = (one[column_M] for one in axes[1])
        cell_4M = torch.stack([top * width + left, top * width + right, bottom * width + left, bottom * width + right])
        share_4M = torch.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])
        chart_M = decide_charts(logit_KC, best_K, cell_4M, share_4M)
        value_LM = (flat_LK[:, cell_4M * charts + chart_M] * share_4M).sum(dim=1)
        canvas_4HW[:, row_M, column_M] = torch.cat([chart_M[None].float(), value_LM])
    return canvas_4HW


def as_rows(map_Chw: Tensor) -> Tensor:
    """A map as rows (h * w, C)."""
    return map_Chw.permute(1, 2, 0).reshape(-1, map_Chw.shape[0])


def decide_charts(logit_KC: Tensor, best_K: Tensor, cell_4M: Tensor, share_4M: Tensor) -> Tensor:
    """The chart with the largest interpolated logit at M pixels, int64.

    Where the four cells around a pixel have the same best chart, it is that one; only the others are interpolated.

    Args:
        logit_KC, best_K: of the cells, and the best chart of each.
        cell_4M, share_4M: the cells around each pixel, and their weights.
    """
    best_4M = best_K[cell_4M]
    chart_M = best_4M[0]
    border_B = (best_4M != chart_M).any(dim=0).nonzero().squeeze(1)
    corners = zip(cell_4M[:, border_B], share_4M[:, border_B], strict=True)
    chart_M[border_B] = sum(logit_KC[cell] * share[:, None] for cell, share in corners).argmax(dim=1)
    return chart_M


def masked_surface(x0: int, y0: int, body_hw: Tensor, canvas_4hw: Tensor) -> SurfaceMap:
    """A person's surface: charts, U and V where the mask shows the person.

    Confidence on the person: the probability of chart and person; elsewhere: that of the background.
    """
    chart_hw = torch.where(body_hw > PERSON, canvas_4hw[0], 0)
    on_hw = chart_hw > 0
    return SurfaceMap(
        x0=x0,
        y0=y0,
        labels_hw=to_numpy(chart_hw).astype(np.uint8),
        uv_2hw=to_numpy(canvas_4hw[1:3] * on_hw),
        confidence_hw=to_numpy(torch.where(on_hw, tempered(canvas_4hw[3] * body_hw), 1 - body_hw)),
    )

"""Progress of a training: lines on standard error, and TensorBoard's scalars and images."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.architecture.rcnn import DensePoseRCNN
from models.architecture.roi_pooling import image_index, roi_align
from models.arrays import U8
from models.inference.assembly import decide_labels
from models.learning.learner import DECODER_STRIDE
from models.learning.training_batch import TrainingBatch
from models.variant import MEAN_BGR
from pipeline.stage import StageError
from stages.drawing.chart_colours import part_palette

SHOWN = 4
"""Images of a batch that are drawn."""
NOT_LOSSES = frozenset({"step", "rate", "waiting", "images_s", "cpu_s", "time", "left"})


def progress_line(row: Mapping[str, Any], batch: int) -> str:
    """A row of the log as a line: step, losses, speed, time left."""
    losses = "  ".join(f"{name} {value:.3g}" for name, value in row.items() if name not in NOT_LOSSES)
    minutes = row["left"] * batch / max(row["images_s"], 1e-9) / 60
    return f"step {row['step']} of {row['step'] + row['left']}: {losses} · {row['images_s']}/s · {minutes:.0f} min left"


def print_line(line: str) -> None:
    """Write a line to standard error, over a progress bar if there is one."""
    sys.stderr.write(f"\r\033[K{line}\n" if sys.stderr.isatty() else f"{line}\n")


class TensorBoardLog:
    """TensorBoard's files of one training."""

    def __init__(self, folder: Path) -> None:
        """Raises: StageError if TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            remedy = "pip install '.[train]', or set train_network.tensorboard: false"
            raise StageError("TensorBoard is not installed", "train_network.tensorboard", remedy) from error
        self._writer = SummaryWriter(str(folder))

    def row(self, row: Mapping[str, Any]) -> None:
        """The numbers of a row of the log at its step."""
        for name, value in row.items():
            if name not in ("step", "time", "left"):
                place = "speed" if name in NOT_LOSSES else "loss"
                self._writer.add_scalar(f"{place}/{name}", value, row["step"])
        self._writer.flush()

    def image(self, step: int, rgb_HW3: U8) -> None:
        """An image of the network's predictions at a step."""
        self._writer.add_image("answers", rgb_HW3, step, dataformats="HWC")
        self._writer.flush()


@torch.no_grad()
def prediction_grid(network: torch.nn.Module, batch: TrainingBatch) -> U8:
    """The first images of a batch beside the charts that the network predicts in given boxes."""
    few = min(SHOWN, len(batch.x_BHW3))
    rows = []
    for image in range(few):
        x_1HW3 = batch.x_BHW3[image : image + 1]
        rgb = (x_1HW3[0].cpu().numpy() + MEAN_BGR).clip(0, 255).astype(np.uint8)[:, :, ::-1]
        box_N4 = batch.box_N4[batch.image_N == image]
        label = (
            roi_labels(network, x_1HW3, box_N4)
            if isinstance(network, DensePoseRCNN)
            else image_labels(network, x_1HW3)
        )
        rows.append(np.concatenate([rgb, part_palette()[label]], axis=1))
    return np.concatenate(rows).astype(np.uint8)


def image_labels(network: torch.nn.Module, x_1HW3: torch.Tensor) -> U8:
    """Predicted charts of a whole image."""
    maps = network(x_1HW3.permute(0, 3, 1, 2))
    size_hw = (x_1HW3.shape[1], x_1HW3.shape[2])
    return decide_labels(maps["fine_segm"][0], maps["coarse_segm"][0], size_hw).cpu().numpy()


def roi_labels(network: DensePoseRCNN, x_1HW3: torch.Tensor, box_N4: torch.Tensor) -> U8:
    """Predicted charts of the people of an image in given boxes, later ones on top."""
    label_HW = np.zeros(x_1HW3.shape[1:3], np.uint8)
    heads = network.roi_heads
    if not len(box_N4) or heads.decoder is None:
        return label_HW
    decoded = heads.decoder(network.backbone(x_1HW3.permute(0, 3, 1, 2))[:4]).permute(0, 2, 3, 1).contiguous()
    pooled = roi_align(decoded, image_index([box_N4]), box_N4, 1 / DECODER_STRIDE, network.sizes.bins)
    maps = heads.final_maps(pooled.permute(0, 3, 1, 2))
    for person, box in enumerate(box_N4.round().long().tolist()):
        x0, y0 = max(box[0], 0), max(box[1], 0)
        x1, y1 = min(box[2], label_HW.shape[1]), min(box[3], label_HW.shape[0])
        if x1 > x0 and y1 > y0:
            found = decide_labels(maps["fine_segm"][person], maps["coarse_segm"][person], (y1 - y0, x1 - x0))
            window = label_HW[y0:y1, x0:x1]
            np.copyto(window, found.cpu().numpy(), where=found.cpu().numpy() > 0)
    return label_HW

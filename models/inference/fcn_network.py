"""Fully convolutional networks as a `Network`: whole pictures at once, or one person at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from models.architecture.fcn import FullConvNet
from models.arrays import F32, U8
from models.checkpoints.trained import Trained
from models.inference.assembly import assemble
from models.inference.preprocess import network_input, network_size
from models.inference.teacher import PersonReader, window
from models.network import Network
from models.structures import Detections, SurfaceMap

LEAST_SHARE = 0.002
"""Of a picture's pixels: smaller patches of body are not taken for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMaps:
    """A frame's maps (channels, H', W') by name, and the frame's own size."""

    maps: dict[str, Tensor]
    frame_hw: tuple[int, int]


class WholePictureNetwork:
    """Charts of whole pictures. Who is who it cannot tell: connected patches of body are taken for people."""

    def __init__(self, network: FullConvNet, about: Trained, *, name: str, sha256: str) -> None:
        self.name = name
        self.sha256 = sha256
        self._network = network.eval().requires_grad_(False)
        self._about = about

    @torch.inference_mode()
    def detect(self, rgb_THW3: U8, *, still: bool = False) -> tuple[list[Detections], list[PictureMaps]]:
        """Patches of body in each frame as people, and the frames' maps."""
        pictures = [self._read(rgb_HW3) for rgb_HW3 in rgb_THW3]
        return [patches(picture) for picture in pictures], pictures

    def _read(self, rgb_HW3: U8) -> PictureMaps:
        frame_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
        size_hw = network_size(*frame_hw, self._about.min_size, self._about.max_size)
        maps = self._network(network_input(rgb_HW3[None], size_hw).permute(0, 3, 1, 2))
        return PictureMaps(
            maps={name: value[0, :, : size_hw[0], : size_hw[1]] for name, value in maps.items()}, frame_hw=frame_hw
        )

    @torch.inference_mode()
    def surfaces(self, features: list[PictureMaps], boxes: list[F32]) -> list[list[SurfaceMap]]:
        """What the maps say within each box; see `models.network.Network`."""
        return [
            [assemble(window(picture.maps, (box_4 * to_cells(picture)).tolist()), box_4) for box_4 in box_N4]
            for picture, box_N4 in zip(features, boxes, strict=True)
        ]


def to_cells(picture: PictureMaps) -> F32:
    """(4,): cells of the maps per pixel of the frame, for x0, y0, x1, y1."""
    height, width = picture.maps["u"].shape[1:]
    return np.array([width / picture.frame_hw[1], height / picture.frame_hw[0]] * 2, np.float32)


def patches(picture: PictureMaps) -> Detections:
    """Boxes around connected patches of body, the surest first; the score is the mean probability of body in it."""
    sure = picture.maps["coarse_segm"].softmax(dim=0)[1:].sum(dim=0).numpy()
    numbers, _ = ndimage.label(sure > 0.5)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
        mine = numbers[rows, columns] == number
        if mine.sum() >= LEAST_SHARE * sure.size:
            box_4 = np.array([columns.start, rows.start, columns.stop, rows.stop]) / to_cells(picture)
            found.append((float(sure[rows, columns][mine].mean()), box_4))
    found.sort(key=lambda one: -one[0])
    return Detections(
        box_N4=np.array([box for _, box in found], np.float32).reshape(-1, 4),
        score_N=np.array([score for score, _ in found], np.float32),
    )


class SinglePersonNetwork:
    """A network that reads one person at a time. It finds nobody by itself: another network's boxes are taken."""

    def __init__(self, reader: PersonReader, finder: Network, *, name: str, sha256: str) -> None:
        """Args: reader; finder: whose `detect` is used; name and sha256 of the weights."""
        self.name = name
        self.sha256 = sha256
        self._reader = reader
        self._finder = finder

    def detect(self, rgb_THW3: U8, *, still: bool = False) -> tuple[list[Detections], U8]:
        """The finder's people; the features are the frames themselves."""
        return self._finder.detect(rgb_THW3, still=still)[0], rgb_THW3

    def surfaces(self, features: U8, boxes: list[F32]) -> list[list[SurfaceMap]]:
        """Each person read alone; see `models.network.Network`."""
        return [
            [self._reader.surface(rgb_HW3, box_4) for box_4 in box_N4]
            for rgb_HW3, box_N4 in zip(features, boxes, strict=True)
        ]

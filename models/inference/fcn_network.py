"""Fully convolutional networks as a `Network`: on whole images, or on crops of one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from models.architecture.fcn import FullConvNet
from models.arrays import F32, U8
from models.checkpoints.trained_info import TrainedInfo
from models.inference.assembly import assemble_surface
from models.inference.preprocess import network_input, network_size
from models.inference.single_person import SinglePersonPredictor, region_maps
from models.network import Network
from models.structures import Detections, SurfaceMap

LEAST_SHARE = 0.002
"""Minimum area of a person as a share of the image; smaller regions are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMaps:
    """A frame's maps (channels, H', W') by name, and the frame's own size."""

    maps: dict[str, Tensor]
    frame_hw: tuple[int, int]


class WholeImageNetwork:
    """Predicts charts of whole images. It does not separate people: each connected region of body is one person."""

    def __init__(self, network: FullConvNet, about: TrainedInfo, *, name: str, sha256: str) -> None:
        self.name = name
        self.sha256 = sha256
        self.device = "cpu"
        self._network = network.eval().requires_grad_(False)
        self._about = about

    @torch.inference_mode()
    def detect(
        self, rgb_THW3: U8, *, still: bool = False, pixel_aspect: float = 1.0
    ) -> tuple[list[Detections], list[ImageMaps]]:
        """Connected regions of body in each frame as people, and the maps of the frames."""
        images = [self._predict(rgb_HW3, pixel_aspect) for rgb_HW3 in rgb_THW3]
        return [body_regions(image) for image in images], images

    def _predict(self, rgb_HW3: U8, pixel_aspect: float) -> ImageMaps:
        frame_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
        shown_hw = (frame_hw[0], frame_hw[1] * pixel_aspect)
        size_hw = network_size(*shown_hw, self._about.min_size, self._about.max_size)
        maps = self._network(network_input(rgb_HW3[None], size_hw).permute(0, 3, 1, 2))
        return ImageMaps(
            maps={name: value[0, :, : size_hw[0], : size_hw[1]] for name, value in maps.items()}, frame_hw=frame_hw
        )

    @torch.inference_mode()
    def surfaces(self, features: list[ImageMaps], boxes: list[F32]) -> list[list[SurfaceMap]]:
        """The surface within each box; see `models.network.Network`."""
        return [
            [assemble_surface(region_maps(image.maps, (box_4 * to_cells(image)).tolist()), box_4) for box_4 in box_N4]
            for image, box_N4 in zip(features, boxes, strict=True)
        ]


def to_cells(image: ImageMaps) -> F32:
    """Cells of the maps per pixel of the frame, for x0, y0, x1, y1: (4,)."""
    height, width = image.maps["u"].shape[1:]
    return np.array([width / image.frame_hw[1], height / image.frame_hw[0]] * 2, np.float32)


def body_regions(image: ImageMaps) -> Detections:
    """Boxes of connected regions of body, best first. The score is the mean probability of body in the region."""
    body_HW = image.maps["coarse_segm"].softmax(dim=0)[1:].sum(dim=0).numpy()
    numbers, _ = ndimage.label(body_HW > 0.5)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbers), start=1):
        mine = numbers[rows, columns] == number
        if mine.sum() >= LEAST_SHARE * body_HW.size:
            box_4 = np.array([columns.start, rows.start, columns.stop, rows.stop]) / to_cells(image)
            found.append((float(body_HW[rows, columns][mine].mean()), box_4))
    found.sort(key=lambda one: -one[0])
    return Detections(
        box_N4=np.array([box for _, box in found], np.float32).reshape(-1, 4),
        score_N=np.array([score for score, _ in found], np.float32),
    )


class SinglePersonNetwork:
    """A network that predicts one person at a time. Another network detects the people."""

    def __init__(self, predictor: SinglePersonPredictor, detector: Network, *, name: str, sha256: str) -> None:
        """Args: predictor of surfaces; detector of people; name and sha256 of the weights."""
        self.name = name
        self.sha256 = sha256
        self.device = "cpu"
        self._predictor = predictor
        self._detector = detector

    def detect(self, rgb_THW3: U8, *, still: bool = False, pixel_aspect: float = 1.0) -> tuple[list[Detections], U8]:
        """The detector's people. The features are the frames themselves."""
        return self._detector.detect(rgb_THW3, still=still, pixel_aspect=pixel_aspect)[0], rgb_THW3

    def surfaces(self, features: U8, boxes: list[F32]) -> list[list[SurfaceMap]]:
        """Predict each person from a crop; see `models.network.Network`."""
        return [
            [self._predictor.surface(rgb_HW3, box_4) for box_4 in box_N4]
            for rgb_HW3, box_N4 in zip(features, boxes, strict=True)
        ]

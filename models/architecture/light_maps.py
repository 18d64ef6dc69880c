"""The light network of crops on whole images: its own decoder and output layer, and a pyramid for what else is asked.

It begins with weights that know charts, U and V of one person in a crop (`models/weights/light.safetensors`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.backbone import LIGHT, Backbone
from models.architecture.densepose_head import DensePosePredictor
from models.light.architecture.surface_net import CHARTS, surface_logits
from models.variant import Sizes


class LightLevels(Backbone):
    """The light network's features at stride 4, as they are, then p3..p6."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(replace(sizes, finest=3))

    def forward(self, x_N3HW: Tensor) -> list[Tensor]:
        """Five levels of normalised and padded images; the first has `LIGHT.wide` channels."""
        stages = self.bottom_up(x_N3HW)
        return [stages[0], *self.pyramid(stages)]


class FinestMap(nn.Module):
    """The first level alone: the light network's decoder has merged all."""

    def forward(self, levels: list[Tensor]) -> Tensor:
        """(N, `LIGHT.wide`, H / 4, W / 4)."""
        return levels[0]


class LightPredictor(DensePosePredictor):
    """The light network's output layer, with maps as those of DensePose-RCNN: one cell for 2 x 2 pixels."""

    def __init__(self, channels: Mapping[str, int]) -> None:
        """Args: channels: from `map_channels`, without uncertainties."""
        super().__init__(LIGHT.wide, {})
        self.channels = dict(channels)
        self.read = nn.Conv2d(LIGHT.wide, 4 * (1 + 3 * CHARTS), 1)

    def low_resolution(self, x_KChw: Tensor) -> dict[str, Tensor]:
        """Maps by name, (K, channels, 2h, 2w) float32.

        The probabilities of charts are those of a person times those of the chart given a person.
        """
        person, part, u, v = surface_logits(F.pixel_shuffle(self.read(x_KChw), 2).float())
        nobody = torch.zeros_like(person)
        return {
            "coarse_segm": torch.cat([nobody, person], dim=1),
            "fine_segm": torch.cat([nobody, person + part.log_softmax(dim=1)], dim=1),
            "u": torch.cat([nobody, u], dim=1),
            "v": torch.cat([nobody, v], dim=1),
        }

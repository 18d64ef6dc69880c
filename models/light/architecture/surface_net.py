"""The component `surface` of the light network: charts, U and V on the crop of one person."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import nn

from models.body.open_body import COCO_KEYPOINTS
from models.light.architecture.blocks import Context, ConvNormAct, attention_blocks, bottlenecks, trunk_stage, upsample
from models.light.architecture.lite_encoder import CHANNELS, LiteEncoder
from models.light.architecture.output_maps import CANDIDATES, JOINT_ROWS
from models.light.architecture.preprocessing import CROP, MEAN, STD
from models.light.architecture.sizes import DEFAULT_SIZES, SurfaceSizes

GRID = CROP // 2
"""Cells of the output grid along each side; a cell is 2 by 2 pixels of the crop."""
CHARTS = 24
PERSON, PART, U, V = slice(0, 1), slice(1, 25), slice(25, 49), slice(49, 73)
"""Slices of the 73 output maps."""
UV_RANGE = (0.25, 0.5)
"""U and V are outputs of the last layer times the first plus the second number, so that both start at 0.5."""


class SurfaceLogits(NamedTuple):
    """Maps on the grid: person logit (N,1,G,G), chart logits given a person and U and V per chart (N,24,G,G)."""

    person: torch.Tensor
    part: torch.Tensor
    u: torch.Tensor
    v: torch.Tensor


class JointLogits(NamedTuple):
    """Of each of COCO's joints at stride 4: where it is, and whether a joint there would be visible; (N,J,S,S) each.

    The probability of a cell is the softmax of `place` over all cells and one more logit of 0, "not in the crop".
    """

    place: torch.Tensor
    visible: torch.Tensor


class CropFeatures(NamedTuple):
    """Features before the output layer, (N, wide, CROP / 4, CROP / 4), and the mean of those at stride 16, (N, C)."""

    fine_NCHW: torch.Tensor
    whole_NC: torch.Tensor


class JointMaps(nn.Conv2d):
    """The head for COCO's joints. The other outputs do not depend on this layer."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 2 * len(COCO_KEYPOINTS), 1)

    def logits(self, x_NCHW: torch.Tensor) -> JointLogits:
        """Maps from the features before the output layer."""
        return JointLogits(*self(x_NCHW).chunk(2, 1))


class Planes(nn.Conv2d):
    """From the planes beside RGB (other people, the own box) to features; it adds nothing until it is trained."""

    def __init__(self, planes: int, channels: int, stride: int) -> None:
        super().__init__(planes, channels, 3, padding=1, bias=False)
        self.downsampled = stride
        nn.init.zeros_(self.weight)

    def forward(self, plane_NPHW: torch.Tensor) -> torch.Tensor:
        """Features at the stride, from planes 0..255."""
        return super().forward(nn.functional.avg_pool2d(plane_NPHW / 255, self.downsampled))


class LitePyramid(nn.Module):
    """EfficientNet-Lite0, its outputs brought to the widths of a decoder.

    The planes enter behind the encoder's stem, so that all of it sees them.
    """

    def __init__(self, widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = LiteEncoder()
        c4, c8, c16, c32 = CHANNELS
        self.to4, self.to8, self.to16 = (
            nn.Sequential(ConvNormAct(c_in, c_out, 1), *bottlenecks(c_out, count))
            for c_in, c_out, count in zip((c4, c8, c16), widths[1:], blocks, strict=True)
        )
        self.from32 = nn.Conv2d(c32, c16, 1)

    def forward(
        self, rgb_NCHW: torch.Tensor, more_NCHW: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features at strides 4, 8 and 16."""
        x4, x8, x16, x32 = self.encoder(rgb_NCHW, more_NCHW)
        return self.to4(x4), self.to8(x8), self.to16(x16 + upsample(self.from32(x32)))


class SurfaceNet(nn.Module):
    """A backbone at strides 2..16, a decoder back to stride 4, and one linear layer to the four outputs at stride 2.

    Attributes:
        joints: the head for joints, on the same features; None if there is none.
        pyramid: EfficientNet-Lite0 in the place of the network's own backbone, or None.
        others: reads the planes beside RGB; None if the network sees none.
        thing: from the mean of the features at stride 16 the logit that the box holds a person; None if there is none.
        sizes: of the network.
        trunk_frozen: only `joints` learns; everything else has its inference behaviour.
    """

    def __init__(self, sizes: SurfaceSizes = DEFAULT_SIZES.surface) -> None:
        super().__init__()
        widths, blocks, wide = sizes.widths, sizes.blocks, sizes.wide
        self.pyramid = LitePyramid(widths, blocks) if sizes.encoder == "lite0" else None
        if self.pyramid is None:
            self.stem = ConvNormAct(3, widths[0], 3, 2)
            self.stages = nn.ModuleList(
                trunk_stage(c_in, c_out, count)
                for c_in, c_out, count in zip(widths[:-1], widths[1:], blocks, strict=True)
            )
        self.attention = attention_blocks(widths[3], sizes.attention)
        self.context = Context(widths[3])
        self.lateral8 = nn.Conv2d(widths[3], widths[2], 1)
        self.decode8 = ConvNormAct(widths[2], widths[2], 3)
        self.refined8 = bottlenecks(widths[2], sizes.refined[0])
        self.lateral4 = nn.Conv2d(widths[2], widths[1], 1)
        self.decode4 = ConvNormAct(widths[1], wide, 3)
        self.refined4 = bottlenecks(wide, sizes.refined[1])
        self.read = nn.Conv2d(wide, 4 * (1 + 3 * CHARTS), 1)
        self.joints = JointMaps(wide) if sizes.joints else None
        channels, stride = (widths[1], 4) if self.pyramid is None else (widths[0], 2)
        self.others = Planes(sizes.crops.planes, channels, stride) if sizes.crops.planes else None
        self.thing = nn.Linear(widths[3], 1) if sizes.thing else None
        self.sizes = sizes
        if sizes.crop != CROP:
            self.register_buffer("crop", torch.tensor(sizes.crop))  # a checkpoint does not state sizes otherwise
        self.trunk_frozen = False

    @property
    def channels(self) -> int:
        """Channels of the input: RGB and the planes beside it."""
        return self.sizes.crops.channels

    def freeze_trunk(self) -> None:
        """Let only `joints` learn."""
        assert self.joints is not None
        self.requires_grad_(False)
        self.joints.requires_grad_(True)
        self.trunk_frozen = True

    def train(self, mode: bool = True) -> Self:
        """Set the training behaviour of norms; a frozen trunk keeps that of inference."""
        return super().train(mode and not self.trunk_frozen)

    def features(self, crop_NCHW: torch.Tensor) -> torch.Tensor:
        """Features before the output layer, (N, wide, CROP / 4, CROP / 4).

        Args:
            crop_NCHW: RGB of the crops and at least the planes of the network's format (`CropFormat`);
                (N, C, CROP, CROP), 0..255.
        """
        return self.all_features(crop_NCHW).fine_NCHW

    def all_features(self, crop_NCHW: torch.Tensor) -> CropFeatures:
        """Features before the output layer, and those of the whole crop."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.trunk_frozen):
            return self._features(crop_NCHW)

    def _features(self, crop_NCHW: torch.Tensor) -> CropFeatures:
        x4, _, x16 = self.decoded(crop_NCHW)
        return CropFeatures(x4, x16.mean((2, 3)))

    def decoded(self, crop_NCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features at strides 4 and 8 of the decoder, and at stride 16 of the encoder; channels as in `sizes`."""
        more = None if self.others is None else self.others(crop_NCHW[:, 3 : self.channels])
        if self.pyramid is None:
            x4 = self.stages[0](self.stem((crop_NCHW[:, :3] - MEAN) / STD))
            x4 = x4 if more is None else x4 + more
            x8 = self.stages[1](x4)
            x16 = self.stages[2](x8)
        else:
            x4, x8, x16 = self.pyramid(crop_NCHW[:, :3], more)
        x16 = self.context(self.attention(x16))
        x8 = self.refined8(self.decode8(x8 + upsample(self.lateral8(x16))))
        return self.refined4(self.decode4(x4 + upsample(self.lateral4(x8)))), x8, x16

    def forward(self, crop_NCHW: torch.Tensor) -> SurfaceLogits:
        """Maps of crops (see `features`)."""
        return surface_logits(nn.functional.pixel_shuffle(self.read(self.features(crop_NCHW)), 2))

    def read_person(self, x_PC: torch.Tensor) -> torch.Tensor:
        """Person logits (P, 4) from the features of P positions; a position has four cells, row by row."""
        return nn.functional.linear(x_PC, *linear_rows(self.read, PERSON))

    def read_part(self, x_PC: torch.Tensor) -> torch.Tensor:
        """Chart logits (P, 4, 24) from the features of P positions."""
        return nn.functional.linear(x_PC, *linear_rows(self.read, PART)).unflatten(1, (4, CHARTS))

    def read_uv(self, x_PC: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """U and V, each (P, 4, 24), from the features of P positions."""
        u, v = (nn.functional.linear(x_PC, *linear_rows(self.read, rows, *UV_RANGE)) for rows in (U, V))
        return u.unflatten(1, (4, CHARTS)), v.unflatten(1, (4, CHARTS))


class PickedSurface(nn.Module):
    """A `SurfaceNet` that outputs only the most probable charts of every cell with their U and V: 9 maps, not 73.

    A network with joints outputs `JOINT_ROWS` further maps that hold the logits of its joints, and of a person in the
    box (see `split_joints`).

    The last linear layer is split into one layer per output. In these, the four cells of a position of stride 4 come
    first and the charts second, and positions are the innermost dimension: the CPU then selects the charts of sixteen
    positions with one instruction.
    """

    def __init__(self, net: SurfaceNet, candidates: int = CANDIDATES) -> None:
        """Args: candidates: charts that are kept for each cell."""
        super().__init__()
        self.net = net
        self.candidates = candidates
        self.person = linear_map(net.read, PERSON)
        self.part = linear_map(net.read, PART)
        self.u = linear_map(net.read, U, *UV_RANGE)
        self.v = linear_map(net.read, V, *UV_RANGE)

    def forward(self, crop_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, 1 + 4 K, G, G): person logit; of the K most probable charts 1..24, U, V, probability given a person."""
        x, whole_NC = self.net.all_features(crop_NCHW)
        top, best = _split_charts(self.part(x)).softmax(2).topk(self.candidates, 2)
        u, v = (_split_charts(read(x)).gather(2, best) for read in (self.u, self.v))
        chosen_NL4KP = torch.stack([best.to(u.dtype) + 1, u, v, top], 1)
        chosen_NL22KHW = chosen_NL4KP.unflatten(4, x.shape[2:]).unflatten(2, (2, 2))
        chosen_NKLH2W2 = chosen_NL22KHW.permute(0, 4, 1, 5, 2, 6, 3)
        person = nn.functional.pixel_shuffle(self.person(x), 2)
        maps = torch.cat([person, chosen_NKLH2W2.flatten(1, 2).flatten(4, 5).flatten(2, 3)], 1)
        if self.net.joints is None:
            return maps
        spare = 4 * JOINT_ROWS - 2 * len(COCO_KEYPOINTS)
        joint = self.net.joints(x)
        if self.net.thing is None:
            joint = nn.functional.pad(joint, (0, 0, 0, 0, 0, spare))
        else:
            one_N111 = self.net.thing(whole_NC)[:, :, None, None]
            joint = torch.cat([joint, one_N111.expand(-1, spare, *x.shape[2:])], 1)
        return torch.cat([maps, nn.functional.pixel_shuffle(joint, 2)], 1)


def surface_logits(map_NLGG: torch.Tensor) -> SurfaceLogits:
    """The maps by name, from the 73 outputs of the last layer on the grid."""
    person, part, u, v = (map_NLGG[:, rows] for rows in (PERSON, PART, U, V))
    scale, shift = UV_RANGE
    return SurfaceLogits(person, part, u * scale + shift, v * scale + shift)


def linear_rows(
    read: nn.Conv2d, rows: slice, scale: float = 1.0, shift: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of `SurfaceNet.read` for some of its 73 maps; the output is scaled by `scale`, plus `shift`.

    Cells come before maps: shapes (4 * rows, C) and (4 * rows).
    """
    assert read.bias is not None
    weight = read.weight.flatten(1).unflatten(0, (-1, 4))[rows].transpose(0, 1).flatten(0, 1)
    bias = read.bias.unflatten(0, (-1, 4))[rows].transpose(0, 1).flatten()
    return weight * scale, bias * scale + shift


def linear_map(read: nn.Conv2d, rows: slice, scale: float = 1.0, shift: float = 0.0) -> nn.Conv2d:
    """`linear_rows` as a layer, without gradients."""
    weight, bias = linear_rows(read, rows, scale, shift)
    made = nn.Conv2d(read.in_channels, len(weight), 1)
    made.load_state_dict({"weight": weight.detach()[:, :, None, None], "bias": bias.detach()})
    return made


def _split_charts(x_NCHW: torch.Tensor) -> torch.Tensor:
    """(N, 4 * 24, H, W) as (N, 4, 24, H * W)."""
    return x_NCHW.flatten(2).unflatten(1, (4, CHARTS))

"""Sizes of the light network's components, as a file of weights states them in its metadata."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from models.errors import ModelError
from models.files.json_file import parsed_json
from models.files.safetensors_file import read_metadata
from models.light.architecture.preprocessing import CROP, CropFormat
from models.light.architecture.weight_paths import REMEDY, require_weights

ComponentName = Literal["detector", "surface"]
"""The two components of the light network."""

MAX_CHANNELS, MAX_BLOCKS = 4096, 64
Encoder = Literal["none", "lite0"]
"""The encoder of the surface network: its own, or EfficientNet-Lite0."""
SIDES = (64, 384)
"""The smallest and the largest side of a crop."""


def require_sizes(widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    """Raises: ValueError for sizes that cannot be built or are too large."""
    if not all(type(size) is int for size in (*widths, *blocks)) or min(widths) < 2 or min(blocks) < 0:
        raise ValueError("widths must be 2 or more, blocks 0 or more")  # a bottleneck halves its channels
    if max(widths) > MAX_CHANNELS or max(blocks) > MAX_BLOCKS:
        raise ValueError(f"widths must be {MAX_CHANNELS} at most, blocks {MAX_BLOCKS} at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSizes:
    """Of the detector. The defaults hold for a file that states no sizes.

    Attributes:
        widths: channels at strides 2, 4, 8, 16 and 32; FPN and head have those of stride 8.
        blocks: bottlenecks at strides 4, 8, 16 and 32.
    """

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    blocks: tuple[int, int, int, int] = (1, 3, 4, 3)

    def __post_init__(self) -> None:
        """Raises: ValueError for sizes that cannot be built or are too large."""
        require_sizes(self.widths, self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSizes:
    """Of the surface network. The defaults hold for a file that states no sizes.

    Attributes:
        widths: channels at strides 2, 4, 8 and 16.
        blocks: bottlenecks at strides 4, 8 and 16.
        wide: channels of the features before the output layer, at stride 4.
        refined: bottlenecks of the decoder at strides 8 and 4.
        attention: self-attentions after the backbone, at stride 16; a bottleneck follows each.
        joints: whether the network has heads for COCO's joints and their visibility.
        others: whether the network sees, beside the crop, where other people are (see `other_people`).
        own: whether it sees the person's own box, too.
        encoder: "none" for a backbone of its own. With "lite0", `blocks` are bottlenecks behind each of the encoder's
            outputs, and widths[0] is that of its stem.
        crop: pixels of a crop's side.
        thing: whether the network says how probable it is that the box holds a person, and no thing.
    """

    widths: tuple[int, int, int, int] = (24, 48, 96, 224)
    blocks: tuple[int, int, int] = (1, 4, 5)
    wide: int = 64
    refined: tuple[int, int] = (0, 0)
    attention: int = 0
    joints: bool = False
    others: bool = False
    own: bool = False
    encoder: Encoder = "none"
    crop: int = CROP
    thing: bool = False

    def __post_init__(self) -> None:
        """Raises: ValueError for sizes that cannot be built or are too large."""
        require_sizes((*self.widths, self.wide), (*self.blocks, *self.refined, self.attention))
        if self.encoder not in get_args(Encoder):
            raise ValueError(f"the encoder must be one of {', '.join(get_args(Encoder))}")
        if type(self.crop) is not int or self.crop % 32 or not SIDES[0] <= self.crop <= SIDES[1]:
            raise ValueError(f"crop must be a multiple of 32 from {SIDES[0]} to {SIDES[1]}")
        if self.own and not self.others:
            raise ValueError("own: true needs others: true")
        if self.thing and not self.joints:
            raise ValueError("thing: true needs joints: true")

    @property
    def crops(self) -> CropFormat:
        """What the network sees of a person."""
        return CropFormat(side=self.crop, others=self.others, own=self.own)


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSizes:
    """Of both components."""

    detector: DetectorSizes = field(default_factory=DetectorSizes)
    surface: SurfaceSizes = field(default_factory=SurfaceSizes)


DEFAULT_SIZES = LightSizes()
"""Sizes of a file that states none."""


def sizes_as_json(sizes: LightSizes) -> str:
    """Text for the metadata of a file of weights."""
    return json.dumps(dataclasses.asdict(sizes))


def sizes_from_json(text: str) -> LightSizes:
    """The inverse of `sizes_as_json`. Raises: ValueError, KeyError or TypeError for other text."""
    raw = parsed_json(text)
    detector, surface = raw["detector"], raw["surface"]
    return LightSizes(
        detector=DetectorSizes(widths=_tuple_of(detector["widths"], 5), blocks=_tuple_of(detector["blocks"], 4)),
        surface=SurfaceSizes(
            widths=_tuple_of(surface["widths"], 4),
            blocks=_tuple_of(surface["blocks"], 3),
            wide=surface["wide"],
            refined=_tuple_of(surface.get("refined", (0, 0)), 2),
            attention=surface.get("attention", 0),
            joints=surface.get("joints", False),
            **{key: surface[key] for key in ("others", "own", "encoder", "crop", "thing") if key in surface},
        ),
    )


def read_sizes(path: Path) -> LightSizes:
    """The sizes of the components in a file; `DEFAULT_SIZES` where its metadata states none.

    Raises:
        ModelError: the file is missing, is no safetensors file, or states sizes that cannot be read.
    """
    require_weights(path)
    try:
        text = read_metadata(path).get("sizes")
    except ValueError as error:
        raise ModelError(f"not a safetensors file ({error})", str(path), REMEDY) from error
    try:
        return DEFAULT_SIZES if text is None else sizes_from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"its sizes cannot be read ({error!r})", str(path), REMEDY) from error


def _tuple_of(values: Any, count: int) -> Any:
    """The values of a list of this length. Raises: ValueError for anything else."""
    if not isinstance(values, list | tuple) or len(values) != count:
        raise ValueError(f"a list of {count} numbers is needed")
    return tuple(values)

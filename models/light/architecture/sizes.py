"""How large the light network's halves are; a file of weights says which sizes it is of."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from models.files.json_file import parsed_json

MOST_CHANNELS, MOST_BLOCKS = 4096, 64


def require_sizes(widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    """Raises: ValueError; a bottleneck halves its channels."""
    if not all(type(size) is int for size in (*widths, *blocks)) or min(widths) < 2 or min(blocks) < 0:
        raise ValueError("widths must be 2 or more, blocks 0 or more")
    if max(widths) > MOST_CHANNELS or max(blocks) > MOST_BLOCKS:
        raise ValueError(f"widths must be {MOST_CHANNELS} at most, blocks {MOST_BLOCKS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSizes:
    """The detector's trunk; the defaults are those of a file that says nothing.

    Attributes:
        widths: channels at strides 2, 4, 8, 16 and 32; the pyramid and the head have those of stride 8.
        blocks: bottlenecks at strides 4, 8, 16 and 32.
    """

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    blocks: tuple[int, int, int, int] = (1, 3, 4, 3)

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that make no network."""
        require_sizes(self.widths, self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSizes:
    """The surface network's trunk and decoder; the defaults are those of a file that says nothing.

    Attributes:
        widths: channels at strides 2, 4, 8 and 16.
        blocks: bottlenecks at strides 4, 8 and 16.
        wide: channels that the outputs are read from, at stride 4.
        refined: bottlenecks of the decoder at strides 8 and 4.
        attention: after the trunk, at stride 16: self-attentions, each with a bottleneck after it.
        joints: whether there is an auxiliary head of maps of joints, which only training uses.
    """

    widths: tuple[int, int, int, int] = (24, 48, 96, 224)
    blocks: tuple[int, int, int] = (1, 4, 5)
    wide: int = 64
    refined: tuple[int, int] = (0, 0)
    attention: int = 0
    joints: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that make no network."""
        require_sizes((*self.widths, self.wide), (*self.blocks, *self.refined, self.attention))


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSizes:
    """Both halves."""

    detector: DetectorSizes = field(default_factory=DetectorSizes)
    surface: SurfaceSizes = field(default_factory=SurfaceSizes)


UNSAID_SIZES = LightSizes()
"""Of a file that says nothing, as the first built-in weights did."""


def as_text(sizes: LightSizes) -> str:
    """For a file's metadata."""
    return json.dumps(dataclasses.asdict(sizes))


def from_text(text: str) -> LightSizes:
    """What `as_text` wrote. Raises: ValueError, KeyError or TypeError for other text."""
    raw = parsed_json(text)
    detector, surface = raw["detector"], raw["surface"]
    return LightSizes(
        detector=DetectorSizes(widths=_some(detector["widths"], 5), blocks=_some(detector["blocks"], 4)),
        surface=SurfaceSizes(
            widths=_some(surface["widths"], 4),
            blocks=_some(surface["blocks"], 3),
            wide=surface["wide"],
            refined=_some(surface.get("refined", (0, 0)), 2),
            attention=surface.get("attention", 0),
            joints=surface.get("joints", False),
        ),
    )


def _some(values: Any, count: int) -> Any:
    """So many values. Raises: ValueError for another number of them."""
    if not isinstance(values, list | tuple) or len(values) != count:
        raise ValueError(f"{count} numbers are wanted")
    return tuple(values)

"""What the light networks are shown: how much of which kind. Each number is a way that can be measured alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CropMix:
    """Shares of crops, 0..1.

    Attributes:
        real: of real people, labelled by teachers; the rest is synthetic.
        behind: of the synthetic crops before a real background.
        cut: of people whom the crop cuts off.
        turned: turned a little (17 degrees of standard deviation).
        tumbled: turned by any angle, for people who lie or stand on their hands.
        upright: turned so that who leans or lies stands up, around what is seen of them: as people are asked for again.
        hidden: behind somebody synthetic who covers a part of them.
        obstructed: behind slats, a post or something round.
        nobody: of parts of photos where nobody is, so that nothing is painted on what the detector mistakes for people.
        spoilt: with another light, and at times blur, noise or compression.
        distant: of as few pixels as people further away have.
        filmed: as a camera and codec leave them, at the source's own pixels: photon noise, sharpening, a codec.
    """

    real: float = 0.5
    behind: float = 0.8
    cut: float = 0.3
    turned: float = 0.35
    tumbled: float = 0.12
    upright: float = 0.0
    hidden: float = 0.0
    obstructed: float = 0.0
    nobody: float = 0.0
    spoilt: float = 1.0
    distant: float = 0.0
    filmed: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for a share that is none."""
        require_shares(self)

    def is_real(self, index: int) -> bool:
        """Whether the crop of this place in a batch is to be a real one; they are spread evenly."""
        return math.ceil((index + 1) * self.real) > math.ceil(index * self.real)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetMix:
    """Shares, 0..1, of what the detector's canvases are made of: sheets, one a canvas or four.

    Attributes:
        mosaic: of canvases made of four sheets.
        synthetic: of sheets with a synthetic scene; the rest are photos.
        behind: of synthetic sheets before a real background.
    """

    mosaic: float = 0.35
    synthetic: float = 0.25
    behind: float = 0.8

    def __post_init__(self) -> None:
        """Raises ValueError for a share that is none."""
        require_shares(self)


def require_shares(mix: CropMix | SheetMix) -> None:
    """Raises: ValueError for a number below 0 or above 1."""
    for one in fields(mix):
        value = getattr(mix, one.name)
        if not 0 <= value <= 1:
            raise ValueError(f"{one.name} is {value}; a share is between 0 and 1")


CROPS_AS_SHIPPED, SHEETS_AS_SHIPPED = CropMix(), SheetMix()

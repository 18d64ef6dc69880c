"""How the light network reads a person: the crop of a box, asked once, or in the mirror and upright, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy.typing as npt

from models.inference.engine import Body
from models.light.assembly import Silhouette, assemble, silhouette
from models.light.confidence import Calibration
from models.light.mirrored import agreed
from models.light.moved_maps import moved_maps
from models.light.pixels import CROP, as_blob, crop_person
from models.light.quantized import Half
from models.light.reach import reached
from models.light.region import crop_region
from models.light.upright import sureness, turned, turned_back, way_up
from models.structures import SurfaceMap

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

SURER = 0.02
"""How much surer a turned reading must be, so that who is read alike both ways does not turn from frame to frame."""


class Networks(Protocol):
    """Both halves, ready for pictures of any one size."""

    def body(self, half: Half, height: int, width: int) -> Body:
        """The detector or the surface network for inputs (1, 3, height, width)."""
        ...


Seen = TypeVar("Seen", SurfaceMap, Silhouette)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Generic[Seen]):
    """What was read of a person.

    Attributes:
        surface: of the person in the box looked at, and around it as far as it may reach; of a glance the silhouette.
        maps_5GG: as the network gave them (see `PickedSurface`).
        region_4: x0, y0, x1, y1 of the part of the frame that these cover.
    """

    surface: Seen
    maps_5GG: F32
    region_4: F32


class Reader:
    """Reads people off frames, each alone.

    Args:
        mirror: ask for every crop's mirror image, too.
        turn: ask again for who is not upright, by what was read first.
        calibration: of the confidence.
    """

    def __init__(self, networks: Networks, *, mirror: bool, turn: bool, calibration: Calibration) -> None:
        self._read = networks.body("surface", CROP, CROP)
        self._mirror = mirror
        self._turn = turn
        self._calibration = calibration

    def glance(self, rgb_HW3: U8, box_4: F32) -> Look[Silhouette]:
        """Read the crop of a box as it is, once, for where the person ends and how sure the network is of it."""
        crop_CC3, region_4 = crop_person(rgb_HW3, crop_region(box_4))
        maps_5GG = self._seen(crop_CC3)
        reach_4 = reached(box_4, rgb_HW3.shape[1], rgb_HW3.shape[0])
        shape = silhouette(maps_5GG, region_4, reach_4, self._calibration)
        return Look(surface=shape, maps_5GG=maps_5GG, region_4=region_4)

    def look(self, rgb_HW3: U8, box_4: F32, before: Look[Silhouette] | None = None) -> Look[SurfaceMap]:
        """Read the crop of a box by all that is asked.

        Args:
            rgb_HW3: the frame.
            box_4: of the person.
            before: an earlier look at the person in about this box; it then is the one answer, and the crop's mirror
                image the other, so that no more is asked than of a box looked at for the first time.
        """
        crop_CC3, region_4 = crop_person(rgb_HW3, crop_region(box_4))
        if before is None or not self._mirror:
            return self._look(rgb_HW3, box_4, self.maps(crop_CC3), region_4)
        before_5GG = moved_maps(before.maps_5GG, before.region_4, region_4)
        both_5GG = agreed(before_5GG, self._seen(crop_CC3[:, ::-1]))
        return self._look(rgb_HW3, box_4, self._upright(crop_CC3, both_5GG), region_4)

    def _look(self, rgb_HW3: U8, box_4: F32, maps_5GG: F32, region_4: F32) -> Look[SurfaceMap]:
        height, width = rgb_HW3.shape[:2]
        surface = assemble(maps_5GG, region_4, reached(box_4, width, height), self._calibration)
        return Look(surface=surface, maps_5GG=maps_5GG, region_4=region_4)

    def maps(self, crop_CC3: U8) -> F32:
        """What is read of a crop (5,G,G; see `PickedSurface`), by all that is asked."""
        return self._upright(crop_CC3, self._asked(crop_CC3))

    def _upright(self, crop_CC3: U8, seen_5GG: F32) -> F32:
        """What was read of a crop, or what is read of it turned upright where that is surer."""
        quarters = way_up(seen_5GG) if self._turn else 0
        if not quarters:
            return seen_5GG
        upright_5GG = self._asked(turned(crop_CC3, quarters))
        surer = sureness(upright_5GG) > sureness(seen_5GG) + SURER
        return turned_back(upright_5GG, quarters) if surer else seen_5GG

    def _asked(self, crop_CC3: U8) -> F32:
        seen_5GG = self._seen(crop_CC3)
        return agreed(seen_5GG, self._seen(crop_CC3[:, ::-1])) if self._mirror else seen_5GG

    def _seen(self, crop_CC3: U8) -> F32:
        """The maps of a crop as it is."""
        return self._read(as_blob(crop_CC3))[0]

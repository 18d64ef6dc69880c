"""How the light network reads a person: the crop of a box, asked once, or in the mirror and upright, too."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from models.inference.engine import Body
from models.light.assembly import assemble
from models.light.confidence import Calibration
from models.light.mirrored import agreed
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

    def body(self, half: Half, height: int, width: int, pictures: int = 1) -> Body:
        """The detector or the surface network for inputs (pictures, 3, height, width)."""
        ...


class Reader:
    """Reads people off frames, each alone.

    Args:
        mirror: ask for every crop's mirror image, too.
        turn: ask again for who is not upright, by what was read first.
        calibration: of the confidence.
    """

    def __init__(self, networks: Networks, *, mirror: bool, turn: bool, calibration: Calibration) -> None:
        self._once = networks.body("surface", CROP, CROP)
        self._both = networks.body("surface", CROP, CROP, pictures=2) if mirror else None
        self._turn = turn
        self._calibration = calibration

    def glance(self, rgb_HW3: U8, box_4: F32) -> SurfaceMap:
        """The surface of the person in a box, and around it as far as it may reach, by the crop as it is alone."""
        return self._surface(rgb_HW3, box_4, "glance")

    def look(self, rgb_HW3: U8, box_4: F32) -> SurfaceMap:
        """The same by all that is asked."""
        return self._surface(rgb_HW3, box_4, "look")

    def _surface(self, rgb_HW3: U8, box_4: F32, how: Literal["glance", "look"]) -> SurfaceMap:
        crop_CC3, region_4 = crop_person(rgb_HW3, crop_region(box_4))
        maps_5GG = self.maps(crop_CC3) if how == "look" else self._once(as_blob(crop_CC3))[0]
        height, width = rgb_HW3.shape[:2]
        return assemble(maps_5GG, region_4, reached(box_4, width, height), self._calibration)

    def maps(self, crop_CC3: U8) -> F32:
        """What is read of a crop (5,G,G; see `PickedSurface`), by all that is asked."""
        seen_5GG = self._asked(crop_CC3)
        quarters = way_up(seen_5GG) if self._turn else 0
        if not quarters:
            return seen_5GG
        upright_5GG = self._asked(turned(crop_CC3, quarters))
        surer = sureness(upright_5GG) > sureness(seen_5GG) + SURER
        return turned_back(upright_5GG, quarters) if surer else seen_5GG

    def _asked(self, crop_CC3: U8) -> F32:
        """The maps of a crop as it is; a copy, since a body may answer the next question in the same memory."""
        if self._both is None:
            return np.array(self._once(as_blob(crop_CC3))[0])
        return agreed(*self._both(as_blob(crop_CC3, crop_CC3[:, ::-1])))

"""What is true of a picture: who is there, where their surface points lie, and, in some, every pixel's surface."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import F64, U8
from models.metrics.instances import AnnotatedPoints, TrueInstance
from models.metrics.part_of_joint import VISIBLE
from stages.world.scene import Moving


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseTruth:
    """Charts 0..24 (H, W), coordinates (2, H, W) in 0..1 and person 1..N (H, W; 0 nobody) of a whole picture."""

    label_HW: U8
    uv_2HW: npt.NDArray[np.floating[Any]]
    instance_HW: npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePerson:
    """A person of a picture.

    Attributes:
        instance: box, points, mask and area, as far as they are known.
        keypoint_173: COCO's keypoints (x, y, visibility), or None.
        annotators: what simulated annotators, who err, say of the same points; mostly nobody.
    """

    instance: TrueInstance
    keypoint_173: F64 | None = None
    annotators: tuple[AnnotatedPoints, ...] = ()

    @property
    def height(self) -> float:
        """Of the box, in pixels."""
        return float(self.instance.box_4[3])

    @property
    def seen_share(self) -> float:
        """Share of the 17 keypoints that are seen; nan where none is annotated."""
        if self.keypoint_173 is None or not self.keypoint_173[:, 2].any():
            return float("nan")
        return float((self.keypoint_173[:, 2] == VISIBLE).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class TruePicture:
    """A picture and all that is known to be true of it.

    Attributes:
        set_name, name: of the set, and of the picture within it.
        rgb_HW3: the picture.
        people: everyone annotated.
        crowds: regions of many people, which nobody has to find and nobody is blamed for finding.
        dense: every pixel's surface; person i of `people` is number i + 1 there. None where only points are known.
        moving: what is true of it among its neighbours, in films of the synthetic world.
        complete: whether everyone is annotated, so that who is found besides is found wrongly.
        film, frame: which film of the set it is a frame of ("" for a single picture), and which frame.
    """

    set_name: str
    name: str
    rgb_HW3: U8
    people: tuple[TruePerson, ...]
    crowds: tuple[TrueInstance, ...] = ()
    dense: DenseTruth | None = None
    moving: Moving | None = None
    complete: bool = True
    film: str = ""
    frame: int = 0

    @property
    def still(self) -> bool:
        """Whether it is a picture by itself, not a frame of a film."""
        return not self.film

    @property
    def instances(self) -> list[TrueInstance]:
        """The people, then the crowds, as the measures want them."""
        return [*(person.instance for person in self.people), *self.crowds]

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """(M, 4) x0, y0, x1, y1 of the people, crowds left out."""
        box_M4 = np.array([person.instance.box_4 for person in self.people], np.float32).reshape(-1, 4)
        box_M4[:, 2:] += box_M4[:, :2]
        return box_M4


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueSet:
    """A set to be scored on: how many pictures it has at most, and the pictures, read as they are asked for.

    `note`: what is to be said of it, or nothing.
    """

    name: str
    count: int
    pictures: Iterable[TruePicture]
    note: str = ""

"""One of the light networks for pictures of one size, several in a call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Protocol

import cv2
import numpy as np

from models.arrays import F32, U8
from models.engines.engine import CompiledNetwork
from models.light.export.quantized import Half


class Networks(Protocol):
    """Both halves, ready for pictures of any one size.

    Attributes:
        together: how many pictures are best asked about in one call; 1 where each would have other bits than alone.
    """

    together: int

    def body(self, half: Half, count: int, height: int, width: int) -> CompiledNetwork:
        """The detector or the surface network for inputs (count, 3, height, width)."""
        ...


class Together:
    """A half for pictures of one size: so many in a call as is best, those left over one by one.

    Either is made ready when it is first needed (a third of a second), or by `prepare`.
    """

    def __init__(self, networks: Networks, half: Half, height: int, width: int) -> None:
        self._most = networks.together
        self._make = partial(networks.body, half, height=height, width=width)
        self._bodies: dict[int, CompiledNetwork] = {}
        self._making = Lock()

    def prepare(self) -> None:
        """Make ready all that may be needed."""
        for count in (1, self._most):
            self._ready(count)

    def _ready(self, count: int) -> CompiledNetwork:
        with self._making:
            if count not in self._bodies:
                self._bodies[count] = self._make(count)
        return self._bodies[count]

    def __call__(self, pictures: Sequence[U8]) -> list[F32]:
        """What the network says of each of some pictures (H, W, 3) uint8."""
        whole = len(pictures) - len(pictures) % self._most
        said: list[F32] = []
        for first in range(0, whole, self._most):
            said.extend(self._ready(self._most)(as_blob(pictures[first : first + self._most])))
        for picture in pictures[whole:]:
            said.extend(self._ready(1)(as_blob([picture])))
        return said


def as_blob(pictures: Sequence[U8]) -> F32:
    """Pictures of one size as the float32 (N,3,H,W) that bodies take."""
    blob_N3HW = np.empty((len(pictures), 3, *pictures[0].shape[:2]), np.float32)
    for blob_3HW, picture in zip(blob_N3HW, pictures, strict=True):
        for channel, blob_HW in zip(cv2.split(picture), blob_3HW, strict=True):
            blob_HW[...] = channel
    return blob_N3HW

"""Components of the light network on batches of images of one size, and passes of many people run as such batches."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Protocol, TypeVar

import cv2
import numpy as np

from models.arrays import F32, U8
from models.engines.engine import CompiledNetwork
from models.light.architecture.preprocessing import CropFormat

Result = TypeVar("Result")
Passes = Generator[U8, F32, Result]
"""The passes over one person: yields a crop (H, W, C) uint8, receives its maps, yields the next crop; returns the
result."""


class Component(Protocol):
    """A component of the light network, which can be compiled for images of any size.

    Attributes:
        channels: of its input: 3, or 5 for a surface network that sees the planes of other people beside RGB.
        batch_size: images in one call; 1 where an image in a batch has other bits than the image alone.
    """

    @property
    def channels(self) -> int: ...

    @property
    def batch_size(self) -> int: ...

    def compiled(self, count: int, height: int, width: int) -> CompiledNetwork:
        """The component for inputs (count, channels, height, width)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LightComponents:
    """Both components of the light network, and what the surface network sees of a person."""

    detector: Component
    surface: Component
    crops: CropFormat


class BatchedComponent:
    """A component for images of one size: full batches while there are enough images, the others one by one.

    Both batch sizes are compiled when they are first needed (a third of a second each), or by `prepare`.
    """

    def __init__(self, component: Component, height: int, width: int) -> None:
        self._batch_size = component.batch_size
        self._compile = partial(component.compiled, height=height, width=width)
        self._bodies: dict[int, CompiledNetwork] = {}
        self._compiling = Lock()

    def prepare(self) -> None:
        """Compile the component for both batch sizes."""
        for count in (1, self._batch_size):
            self._body(count)

    def _body(self, count: int) -> CompiledNetwork:
        with self._compiling:
            if count not in self._bodies:
                self._bodies[count] = self._compile(count)
        return self._bodies[count]

    def __call__(self, images: Sequence[U8]) -> list[F32]:
        """The component's output for each of some images (H, W, C) uint8."""
        in_batches = len(images) - len(images) % self._batch_size
        outputs: list[F32] = []
        for first in range(0, in_batches, self._batch_size):
            outputs.extend(self._body(self._batch_size)(as_blob(images[first : first + self._batch_size])))
        for image in images[in_batches:]:
            outputs.extend(self._body(1)(as_blob([image])))
        return outputs


def as_blob(images: Sequence[U8]) -> F32:
    """Images of one size as the float32 (N,C,H,W) that compiled components take."""
    height, width, channels = images[0].shape
    blob_NCHW = np.empty((len(images), channels, height, width), np.float32)
    for blob_CHW, image in zip(blob_NCHW, images, strict=True):
        for channel, blob_HW in zip(cv2.split(image), blob_CHW, strict=True):
            blob_HW[...] = channel
    return blob_NCHW


def run_passes(network: Callable[[Sequence[U8]], Sequence[F32]], people: Iterable[Passes[Result]]) -> list[Result]:
    """Run the passes of many people in rounds: a round is one call of the network with the next crop of each person.

    Args:
        network: gives the maps of each of some crops; a crop's maps do not depend on the other crops.
        people: generators that have not started.

    Returns:
        The result of each person, in order.
    """
    active, results = dict(enumerate(people)), {}
    maps: dict[int, F32 | None] = dict.fromkeys(active)
    while active:
        crops = {}
        for index, passes in list(active.items()):
            try:
                maps_LGG = maps[index]
                crops[index] = next(passes) if maps_LGG is None else passes.send(maps_LGG)
            except StopIteration as end:
                results[index] = end.value
                del active[index]
        maps = dict(zip(crops, network(list(crops.values())), strict=True)) if crops else {}
    return [results[index] for index in sorted(results)]

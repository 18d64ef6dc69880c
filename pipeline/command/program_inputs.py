"""The inputs that a calling program gives to `run` and `load`: names of files, or frames that it has in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from os import PathLike
from typing import Any, Literal, get_args

from pipeline.frames_in_memory import FramesInMemory
from pipeline.jobs.inputs import UsageError

Channels = Literal["rgb", "bgr"]


def split_inputs(given: Any, rate: float, channels: str) -> tuple[list[str], FramesInMemory | None]:
    """The names in what `run` is given, or the frames.

    Args:
        given: a name or several; an image, a stack of images, or an iterable of images; None = nothing.
        rate: frames per second of images that are a film.
        channels: `rgb` or `bgr`.

    Raises UsageError: for an empty list, names beside images, a wrong rate or order of channels.
    """
    check_channels(channels)
    if not 0 < rate < float("inf"):
        raise UsageError(f"{rate:g} is no frame rate", "rate", "give frames per second, a number over 0")
    if given is None:
        return [], None
    if isinstance(given, str | PathLike):
        return [os.fspath(given)], None
    if is_single_picture(given):
        return [], FramesInMemory(frames=given, channels=channels)
    items = _items(given, "inputs")
    first = next(items, None)
    if first is None:
        raise UsageError("no input is given", "inputs", "name a file; without `inputs` the demo clip is taken")
    if not isinstance(first, str | PathLike):
        return [], FramesInMemory(frames=chain([first], items), channels=channels, rate=rate)
    names = [first, *items]
    for one in names:
        if not isinstance(one, str | PathLike):
            what = f"{type(one).__name__} stands among paths"
            raise UsageError(what, "inputs", "give paths alone, or images alone")
    return [os.fspath(name) for name in names], None


def images_for_network(given: Any, channels: str) -> tuple[FramesInMemory, bool]:
    """The images that a network is given, and whether it is a single one, which may be a path as well.

    Raises UsageError: for what holds no images, or a wrong order of channels.
    """
    check_channels(channels)
    single = isinstance(given, str | PathLike) or is_single_picture(given)
    return FramesInMemory(frames=[given] if single else _items(given, "images"), channels=channels), single


def _items(given: Any, where: str) -> Iterator[Any]:
    if not isinstance(given, Iterable):
        raise UsageError(f"{type(given).__name__} is no input", where, "give paths, images or an iterable of images")
    return iter(given)


def check_channels(channels: str) -> None:
    """Raises UsageError unless it is an order of channels."""
    if channels not in get_args(Channels):
        raise UsageError(f"{channels!r} is no order of channels", "channels", "use 'rgb', or 'bgr' for OpenCV's")


def is_single_picture(given: Any) -> bool:
    """Whether it is one image: of Pillow, or an array of up to three axes."""
    return hasattr(given, "getexif") or len(getattr(given, "shape", range(4))) <= 3

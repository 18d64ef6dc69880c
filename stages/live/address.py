"""Names of live sources and destinations: a camera, a stream's URL, a file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from pipeline.stage import StageError, local_path
from stages.video.decoding.paths_and_urls import check_readable, is_url

SOURCE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "tcp", "rtp")
OUTPUT_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt")
VIRTUAL_CAMERA = "camera"
"""Scheme of a virtual camera as output: `camera://`, or `camera:///dev/video10` for a certain one."""

_DEVICE = re.compile(r"/dev/video\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where live frames come from.

    Attributes:
        kind: `camera` (also a v4l2 loopback), `stream` or `file`.
        target: camera number or device, URL, path.
    """

    kind: Literal["camera", "stream", "file"]
    target: str


def read_address(name: str) -> Address:
    """Parse an INPUT argument.

    Args:
        name: `0` or `camera:0` for the first camera, `/dev/video2`, a URL, or a file.

    Raises:
        StageError: an unknown scheme, a device that does not exist, a file that cannot be read.
    """
    name = local_path(name)
    number = name.removeprefix("camera:")
    if number.isdecimal():
        return Address(kind="camera", target=number)
    if _DEVICE.fullmatch(name):
        if not os.path.exists(name):
            raise StageError("there is no such camera", name, "plug it in, or list the cameras: ls /dev/video*")
        return Address(kind="camera", target=name)
    if is_url(name):
        scheme = scheme_of(name)
        if scheme not in SOURCE_SCHEMES:
            raise StageError(f"'{scheme}' is not a stream protocol", name, f"use one of {', '.join(SOURCE_SCHEMES)}")
        return Address(kind="stream", target=name)
    check_readable(name)
    return Address(kind="file", target=name)


def scheme_of(url: str) -> str:
    """The scheme in lower case: `rtsp` of `rtsp://…`."""
    return url.partition("://")[0].lower()


def is_broadcast(output: str) -> bool:
    """True if an output is a stream. Raises StageError for a URL with a scheme that cannot be sent to."""
    if not is_url(output) or scheme_of(output) == VIRTUAL_CAMERA:
        return False
    if scheme_of(output) not in OUTPUT_SCHEMES:
        known = ", ".join([*OUTPUT_SCHEMES, VIRTUAL_CAMERA])
        raise StageError(f"cannot send to '{scheme_of(output)}'", output, f"use a file, or one of {known}")
    return True


def is_virtual_camera(output: str) -> bool:
    """True for `camera://…`."""
    return is_url(output) and scheme_of(output) == VIRTUAL_CAMERA

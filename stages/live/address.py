"""What names a live source or a live destination: a camera, a stream's URL, a file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from pipeline.stage import StageError
from stages.video.decoding.paths_and_urls import check_readable, is_url, local_path

STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "srt", "udp", "tcp", "rtp")
"""Schemes of sources."""
SINKS = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt")
"""Schemes of destinations."""
VIRTUAL_CAMERA = "camera"
"""As an output, a virtual camera: `camera://`, or one of several with `camera:///dev/video10`."""

_DEVICE = re.compile(r"/dev/video\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where live pictures come from.

    Attributes:
        kind: `camera` (also a v4l2 loopback), `stream` or `file`.
        target: camera number or device, URL, path.
    """

    kind: Literal["camera", "stream", "file"]
    target: str


def read_address(name: str) -> Address:
    """What a name given as INPUT means.

    Args:
        name: `0` or `camera:0` for the first camera, `/dev/video2`, a URL, or a file.

    Raises:
        StageError: a scheme that is no live source, a device that is not there, a file that cannot be read.
    """
    name = local_path(name)
    number = name.removeprefix("camera:")
    if number.isdecimal():
        return Address(kind="camera", target=number)
    if _DEVICE.fullmatch(name):
        if not os.path.exists(name):
            raise StageError("there is no such camera", name, "plug it in, or list what there is: ls /dev/video*")
        return Address(kind="camera", target=name)
    if is_url(name):
        scheme = scheme_of(name)
        if scheme not in STREAMS:
            raise StageError(f"'{scheme}' is no kind of stream", name, f"use one of {', '.join(STREAMS)}")
        return Address(kind="stream", target=name)
    check_readable(name)
    return Address(kind="file", target=name)


def scheme_of(url: str) -> str:
    """`rtsp` of `rtsp://…`, in small letters."""
    return url.partition("://")[0].lower()


def is_broadcast(output: str) -> bool:
    """True for an output that is a stream. Raises StageError for a URL that nothing can be sent to."""
    if not is_url(output) or scheme_of(output) == VIRTUAL_CAMERA:
        return False
    if scheme_of(output) not in SINKS:
        known = ", ".join([*SINKS, VIRTUAL_CAMERA])
        raise StageError(f"nothing can be sent to '{scheme_of(output)}'", output, f"use a file, or one of {known}")
    return True


def is_virtual_camera(output: str) -> bool:
    """True for `camera://…`."""
    return is_url(output) and scheme_of(output) == VIRTUAL_CAMERA

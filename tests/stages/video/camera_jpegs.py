"""Images and videos like those of cameras: JPEG with EXIF in each."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

U8 = npt.NDArray[np.uint8]

IMAGE = np.zeros((48, 64, 3), np.uint8)
IMAGE[:24, :32], IMAGE[:24, 32:], IMAGE[24:, :32] = (200, 30, 30), (30, 200, 30), (30, 30, 200)
"""Red, green, blue and black quadrants."""


def camera_jpeg(image: U8, orientation: int) -> bytes:
    """A JPEG like that of a camera: EXIF with the maker's name and an orientation."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", orientation
    memory = BytesIO()
    Image.fromarray(image).save(memory, format="JPEG", quality=95, exif=exif)
    return memory.getvalue()


def mjpeg_file(path: Path, jpegs: list[bytes]) -> Path:
    """A Motion JPEG video of existing JPEGs."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, jpeg in enumerate(jpegs):
            packet = av.Packet(jpeg)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            output.mux(packet)
    return path

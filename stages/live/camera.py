"""Webcams, capture cards and v4l2 loopbacks, by OpenCV: the FFmpeg of PyAV's wheel has no camera devices."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from pipeline.stage import StageError
from stages.live.pictures import CameraPicture, Shot
from stages.live.settings import CameraSettings
from stages.video.decoding.color_conversion import ColorTags

LEAST_RATE, MOST_RATE = 1.0, 1000.0
"""What a camera says of its rate is believed within these."""
FAILED_READS = 3


class CameraFeed:
    """One open camera; see `stages.live.feeds.Feed`. OpenCV itself gives up a frame that does not come for 10 s."""

    note = damage = ""
    reached_s = None

    def __init__(self, target: str, settings: CameraSettings) -> None:
        """Args: target: number of the camera, or its device.

        Raises:
            StageError: there is none, it is in use, or it gives no pictures.
        """
        self.tags = ColorTags()
        self._target = target
        device = f"/dev/video{target}" if target.isdecimal() else target
        if sys.platform == "linux" and not os.path.exists(device):
            raise StageError("there is no such camera", device, "plug it in, or list what there is: ls /dev/video*")
        api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._capture = cv2.VideoCapture(int(target) if target.isdecimal() else target, api)
        if not self._capture.isOpened():
            raise StageError("the camera cannot be opened", device, "close what else uses it, and check that you may")
        ask(self._capture, settings)
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        believed = LEAST_RATE <= rate <= MOST_RATE
        self.rate = Fraction(rate).limit_denominator(1001) if believed else None

    def __iter__(self) -> Iterator[Shot]:
        """See `Feed`."""
        failed = 0
        while failed < FAILED_READS:
            given, bgr_HW3 = self._capture.read()
            failed = 0 if given else failed + 1
            if given:
                yield Shot(CameraPicture(np.asarray(bgr_HW3, np.uint8)), None, time.time())
        raise StageError("the camera gives no more pictures", self._target, "check its cable")

    def close(self) -> None:
        """See `Feed`."""
        self._capture.release()


def ask(capture: cv2.VideoCapture, settings: CameraSettings) -> None:
    """Ask a camera for a format, in the order that drivers want; and to keep no old frames."""
    if settings.pixels is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.pixels))
    wishes = (
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.rate),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    )
    for key, value in wishes:
        if value is not None:
            capture.set(key, value)

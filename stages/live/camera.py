"""Webcams, capture cards and v4l2 loopbacks, read by OpenCV: the FFmpeg in PyAV's wheel has no camera devices."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from pipeline.stage import StageError
from stages.live.frames import CameraFrame, LiveFrame
from stages.live.source_settings import CameraSettings
from stages.video.decoding.color_conversion import ColorTags

MIN_RATE, MAX_RATE = 1.0, 1000.0
"""A frame rate outside this range, as some drivers state it, is ignored."""
MAX_FAILED_READS = 3


class CameraSource:
    """An open camera; see `stages.live.sources.LiveSource`. OpenCV gives up a read after 10 s by itself."""

    note = damage = ""
    reached_s = None

    def __init__(self, target: str, settings: CameraSettings) -> None:
        """Open the camera.

        Args:
            target: number of the camera, or its device.

        Raises:
            StageError: there is no such camera, or it cannot be opened.
        """
        self.tags = ColorTags()
        self._target = target
        device = f"/dev/video{target}" if target.isdecimal() else target
        if sys.platform == "linux" and not os.path.exists(device):
            raise StageError("there is no such camera", device, "plug it in, or list the cameras: ls /dev/video*")
        api = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._capture = cv2.VideoCapture(int(target) if target.isdecimal() else target, api)
        if not self._capture.isOpened():
            remedy = "close other programs that use it, and check your permission to use it"
            raise StageError("the camera cannot be opened", device, remedy)
        request_mode(self._capture, settings)
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        plausible = MIN_RATE <= rate <= MAX_RATE
        self.rate = Fraction(rate).limit_denominator(1001) if plausible else None

    def __iter__(self) -> Iterator[LiveFrame]:
        """See `LiveSource`."""
        failed = 0
        while failed < MAX_FAILED_READS:
            given, bgr_HW3 = self._capture.read()
            failed = 0 if given else failed + 1
            if given:
                yield LiveFrame(CameraFrame(np.asarray(bgr_HW3, np.uint8)), None, time.time())
        raise StageError("the camera gives no more frames", self._target, "check its cable")

    def close(self) -> None:
        """See `LiveSource`."""
        self._capture.release()


def request_mode(capture: cv2.VideoCapture, settings: CameraSettings) -> None:
    """Request a mode from a camera, and a buffer of one frame. The pixel format comes first, as drivers require."""
    if settings.fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*settings.fourcc))
    properties = (
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.rate),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    )
    for key, value in properties:
        if value is not None:
            capture.set(key, value)

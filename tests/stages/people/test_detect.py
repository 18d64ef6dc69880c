"""Detection passes to its network whether images are single, and the shape of pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from models.structures import Detections
from stages.payloads import FrameChunk, VideoInfo
from stages.people.detect import Detect

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("still", [True, False])
def test_the_network_receives_whether_an_image_is_single_and_the_shape_of_pixels(
    monkeypatch: pytest.MonkeyPatch, still: bool
) -> None:
    asked = []

    class NoPeople:
        def detect(self, rgb_THW3: Any, *, still: bool, pixel_aspect: float) -> tuple[list[Detections], Any]:
            asked.append((still, pixel_aspect))
            return [Detections(box_N4=np.zeros((0, 4), np.float32), score_N=np.zeros(0, np.float32))], None

    monkeypatch.setattr("stages.people.detect.open_network", lambda config, threads: NoPeople())
    rate = None if still else Fraction(25)
    pixel = Fraction(64, 45)
    video = VideoInfo(
        path="", width=8, height=6, still=still, rate=rate, time_base=Fraction(1, 25), sample_aspect=pixel
    )
    chunk = FrameChunk(rgb_THW3=np.zeros((1, 6, 8, 3), np.uint8), pts_T=np.zeros(1, np.int64), first=0, video=video)
    ((people, _),) = Detect(Detect.Config())(chunk)
    assert asked == [(still, 64 / 45)] and len(people.box_N4) == 0

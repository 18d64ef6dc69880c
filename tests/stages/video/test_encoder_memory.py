"""Look-ahead of encoders: reduced for very large frames, unchanged for ordinary sizes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from stages.video.decoding.color_conversion import ColorTags
from stages.video.encoding.codec_options import PRESETS, encoder_options, with_memory_bounded
from stages.video.encoding.segment_encoder import EncoderSpec, SegmentEncoder, read_packets

pytestmark = pytest.mark.quick

CODECS = ("libx264", "libx265", "libvpx-vp9", "libsvtav1")
UP_TO_5K = ((320, 240), (1920, 1080), (3840, 2160), (4096, 2160))


@pytest.mark.parametrize("codec", CODECS)
def test_ordinary_sizes_keep_their_options(codec: str) -> None:
    for width, height in UP_TO_5K:
        for preset in PRESETS:
            options = encoder_options(codec, None, preset)
            assert with_memory_bounded(options, codec, width * height) == options


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("pixels", [7680 * 4320, 8192 * 8192])
def test_encoders_accept_the_reduced_look_ahead(tmp_path: Path, codec: str, pixels: int) -> None:
    """Small frames with the options of large ones: every frame is encoded."""
    usual = encoder_options(codec, None, "veryfast")
    options = with_memory_bounded(usual, codec, pixels)
    assert options != usual
    spec = EncoderSpec(
        codec=codec, options=options, frame_size=(128, 96), width=128, height=96, pix_fmt="yuv420p", rate=Fraction(25),
        sample_aspect=Fraction(1), tags=ColorTags(matrix=1), threads=1,
    )  # fmt: skip
    encoder = SegmentEncoder(tmp_path, 0, 0, spec)
    for number in range(15):
        encoder.add(np.full((96, 128, 3), number * 10, np.uint8), number)
    segment = encoder.finish()
    assert sorted(number for _, number in read_packets(tmp_path / segment.name, spec.rate)) == list(range(15))

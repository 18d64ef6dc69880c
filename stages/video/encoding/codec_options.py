"""Options of each encoder for `crf` and `preset`."""

from __future__ import annotations

from typing import Literal, get_args

import cv2

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""x264's names of the trade-off between speed and size, mapped to the scales of the other encoders."""
PRESETS: tuple[Preset, ...] = get_args(Preset)
DEFAULT_CRF = {
    "libx264": 20.0,
    "libx264rgb": 20.0,
    "libx265": 23.0,
    "libsvtav1": 30.0,
    "libvpx-vp9": 30.0,
    "libvpx": 10.0,
}
QUANTISERS = {"mpeg4": 3.0, "mjpeg": 3.0}
"""Default quantiser (1 best … 31) of encoders without crf."""
CPU_AVX2 = 11
"""OpenCV's CV_CPU_AVX2."""
LAMBDA = 118
"""FFmpeg's FF_QP2LAMBDA."""
UNLIMITED_PIXELS = 2**24
PIXELS_8K = 8192 * 4320
LOOKAHEAD_AT_8K, LOOKAHEAD_BEYOND = 10, 2
"""Frames of look-ahead; x264's preset veryfast uses ten by default."""
SVT_PRESETS = {name: 12 - i for i, name in enumerate(PRESETS)}
VPX_SPEEDS = {name: max(8 - i, 0) for i, name in enumerate(PRESETS)}


def encoder_options(
    codec: str, crf: float | None, preset: Preset, *, reorder: bool = True
) -> tuple[tuple[str, str], ...]:
    """FFmpeg's private options of an encoder; empty for encoders without crf and preset.

    Args:
        crf: quality on the encoder's scale (lower is better); None = the default in DEFAULT_CRF.
        preset: speed, see Preset.
        reorder: False for containers without separate PTS and DTS: no B-frames.
    """
    quality = f"{DEFAULT_CRF.get(codec, 0.0) if crf is None else crf:g}"
    options: dict[str, str] = {}
    if codec in ("libx264", "libx264rgb"):
        options = {"crf": quality, "preset": preset, **deterministic_x264()}
    elif codec == "libx265":
        options = {"crf": quality, "preset": preset, "x265-params": "log-level=none:open-gop=0"}
    elif codec == "libsvtav1":
        options = {"crf": quality, "preset": str(SVT_PRESETS[preset])}
    elif codec in ("libvpx", "libvpx-vp9"):
        options = {
            "crf": quality,
            "b": "0" if codec == "libvpx-vp9" else "4M",
            "deadline": "good",
            "cpu-used": str(VPX_SPEEDS[preset]),
            "auto-alt-ref": "0",
        }
    elif codec in QUANTISERS:
        scale = QUANTISERS[codec] if crf is None else crf
        options = {"flags": "+qscale", "global_quality": str(round(scale * LAMBDA))}
    if not reorder and codec in ("libx264", "libx265"):
        options["bf"] = "0"
    return tuple(options.items())


def with_memory_bounded(options: tuple[tuple[str, str], ...], codec: str, pixels: int) -> tuple[tuple[str, str], ...]:
    """The options with less look-ahead for very large frames; unchanged up to UNLIMITED_PIXELS (5K).

    An encoder holds up to sixty frames of look-ahead, with 3 bytes per pixel or more each.

    Args:
        pixels: per frame.
    """
    if pixels <= UNLIMITED_PIXELS:
        return options
    lookahead, bounded = (LOOKAHEAD_AT_8K if pixels <= PIXELS_8K else LOOKAHEAD_BEYOND), dict(options)
    if codec in ("libx264", "libx264rgb", "libx265") and pixels > PIXELS_8K:
        bounded["bf"] = "0"
    if codec in ("libx264", "libx264rgb"):
        bounded["rc-lookahead"] = str(lookahead)
    elif codec == "libx265":
        bounded["x265-params"] += f":rc-lookahead={lookahead}"
    elif codec in ("libvpx", "libvpx-vp9"):
        bounded["lag-in-frames"] = str(lookahead)
    elif codec == "libsvtav1":
        bounded["svtav1-params"] = f"lookahead={lookahead}"
    return tuple(bounded.items())


def deterministic_x264() -> dict[str, str]:
    """Makes x264 use AVX2: its AVX-512 code is not deterministic (docs/video.md), and not faster.

    x264 does not check whether the CPU has the instructions, so OpenCV checks it here.
    """
    return {"x264-params": "asm=AVX2"} if cv2.checkHardwareSupport(CPU_AVX2) else {}

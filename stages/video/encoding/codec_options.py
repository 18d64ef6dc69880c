"""What crf and preset mean to each encoder."""

from __future__ import annotations

from typing import Literal, get_args

import cv2

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]
"""x264's names for speed against size; the other encoders' own scales are laid along them."""
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
"""Default quantiser (1 best … 31) of encoders that know that instead of a crf."""
CPU_AVX2 = 11
"""OpenCV's CV_CPU_AVX2."""
LAMBDA = 118
"""FFmpeg's FF_QP2LAMBDA."""
USUAL_PIXELS = 2**24
PIXELS_8K = 8192 * 4320
AHEAD_AT_8K, AHEAD_BEYOND = 10, 2
"""Frames that an encoder may hold back; ten is what x264's preset veryfast does of its own accord."""
SVT_PRESETS = {name: 12 - i for i, name in enumerate(PRESETS)}
VPX_SPEEDS = {name: max(8 - i, 0) for i, name in enumerate(PRESETS)}


def encoder_options(
    codec: str, crf: float | None, preset: Preset, *, reorder: bool = True
) -> tuple[tuple[str, str], ...]:
    """FFmpeg's private options of an encoder; empty for encoders that know neither crf nor preset.

    Args:
        crf: quality on the encoder's own scale (lower is better); None = this product's default for it.
        preset: speed, see Preset.
        reorder: False where the container can't tell display order from coded order.
    """
    quality = f"{DEFAULT_CRF.get(codec, 0.0) if crf is None else crf:g}"
    options: dict[str, str] = {}
    if codec in ("libx264", "libx264rgb"):
        options = {"crf": quality, "preset": preset, **steady_x264()}
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
    """The options of an encoder that holds back fewer frames where they are very large; as they are up to 5K.

    An encoder looks at up to sixty frames before it writes one, each of which takes 3 bytes a pixel and more.

    Args:
        pixels: of a frame.
    """
    if pixels <= USUAL_PIXELS:
        return options
    ahead, bounded = (AHEAD_AT_8K if pixels <= PIXELS_8K else AHEAD_BEYOND), dict(options)
    if codec in ("libx264", "libx264rgb", "libx265") and pixels > PIXELS_8K:
        bounded["bf"] = "0"
    if codec in ("libx264", "libx264rgb"):
        bounded["rc-lookahead"] = str(ahead)
    elif codec == "libx265":
        bounded["x265-params"] += f":rc-lookahead={ahead}"
    elif codec in ("libvpx", "libvpx-vp9"):
        bounded["lag-in-frames"] = str(ahead)
    elif codec == "libsvtav1":
        bounded["svtav1-params"] = f"lookahead={ahead}"
    return tuple(bounded.items())


def steady_x264() -> dict[str, str]:
    """Keeps x264 from its AVX-512 code, which does not give the same bytes twice (docs/video.md), at no cost in time.

    x264 does not check that the instructions it is told to use are there, hence the question to OpenCV.
    """
    return {"x264-params": "asm=AVX2"} if cv2.checkHardwareSupport(CPU_AVX2) else {}

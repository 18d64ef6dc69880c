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


def steady_x264() -> dict[str, str]:
    """Keeps x264 from its AVX-512 code, which does not give the same bytes twice (docs/video.md), at no cost in time.

    x264 does not check that the instructions it is told to use are there, hence the question to OpenCV.
    """
    return {"x264-params": "asm=AVX2"} if cv2.checkHardwareSupport(CPU_AVX2) else {}

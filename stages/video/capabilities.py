"""What this machine's FFmpeg can read, write and reach, for `doctor`."""

from __future__ import annotations

import glob
from typing import Any

import av
import av.codec
import av.filter

from stages.video.containers import CONTAINERS, video_encoders

NOTABLE_ENCODERS = (
    "libx264", "libx265", "libsvtav1", "libaom-av1", "libvpx-vp9", "prores_ks", "ffv1", "mpeg4", "h264_nvenc",
    "hevc_nvenc", "av1_nvenc", "h264_vaapi", "h264_qsv", "h264_videotoolbox",
)  # fmt: skip
NOTABLE_DECODERS = ("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "prores", "mjpeg", "gif", "h264_cuvid")
NOTABLE_PROTOCOLS = ("file", "http", "https", "rtmp", "rtmps", "rtp", "rtsp", "srt", "udp", "tcp", "tls")
PROBE_TIMEOUT_S = 0.2
NOTABLE_FILTERS = ("bwdif", "lut3d")
"""Filters that decode needs for interlaced and for HDR video."""


def facts() -> dict[str, Any]:
    """JSON-ready facts: versions, codecs, containers, protocols and cameras, each list sorted.

    Keys: `ffmpeg`, `pyav`, `encoders`, `decoders`, `containers`, `protocols`, `filters_missing`, `devices`.
    An encoder that is listed was built in; whether its hardware is there shows when it is opened.
    """
    return {
        "ffmpeg": av.ffmpeg_version_info,
        "pyav": av.__version__,
        "encoders": [name for name in sorted(NOTABLE_ENCODERS) if name in video_encoders()],
        "decoders": [name for name in sorted(NOTABLE_DECODERS) if _can_decode(name)],
        "containers": sorted(CONTAINERS),
        "protocols": [name for name in sorted(NOTABLE_PROTOCOLS) if has_protocol(name)],
        "filters_missing": [name for name in NOTABLE_FILTERS if name not in av.filter.filters_available],
        "devices": sorted(glob.glob("/dev/video*")),
    }


def _can_decode(name: str) -> bool:
    try:
        av.codec.Codec(name, "r")
    except ValueError:
        return False
    return True


def has_protocol(name: str) -> bool:
    """True when FFmpeg knows a URL scheme; asked with an address on this machine that nothing can answer."""
    try:
        av.open(f"{name}://127.0.0.1:-1", timeout=PROBE_TIMEOUT_S).close()
    except av.ProtocolNotFoundError:
        return False
    except av.FFmpegError:
        return True
    return True

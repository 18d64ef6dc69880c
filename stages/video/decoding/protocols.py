"""Which network protocols the FFmpeg at hand speaks."""

from __future__ import annotations

import av


def has_protocol(name: str) -> bool:
    """Whether this FFmpeg knows a network protocol; asks it to open an address without a host, which goes nowhere."""
    try:
        av.open(f"{name}://", timeout=1.0).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError):
        return True
    return True

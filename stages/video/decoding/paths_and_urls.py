"""Inputs by name: paths of files, URLs, and the network protocols that FFmpeg supports."""

from __future__ import annotations

import os

import av

from pipeline.stage import StageError


def is_url(path: str) -> bool:
    """True for `scheme://…`; everything else is a file name."""
    scheme, found, _ = path.partition("://")
    return bool(found) and scheme.isalnum()


def check_readable(path: str) -> None:
    """Raise a StageError unless `path` is a URL or a readable regular file that is not empty."""
    if is_url(path):
        return
    if not os.path.lexists(path):
        raise StageError("there is no such file", path, "check the path")
    if os.path.isdir(path):
        raise StageError("is a folder, not a video or image", path, "name the files in it")
    if not os.path.isfile(path):
        raise StageError("is not a regular file", path, "name a video or image file")
    if not os.access(path, os.R_OK):
        raise StageError("cannot be read", path, "change its permissions")
    if os.path.getsize(path) == 0:
        raise StageError("the file is empty", path, "copy or record it again")


def has_protocol(name: str) -> bool:
    """Whether this FFmpeg supports a network protocol. It opens a URL without a host, which connects to nothing."""
    try:
        av.open(f"{name}://", timeout=1.0).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError):
        return True
    return True

"""What a finished result was made from: an identity of input and settings that the file carries as an attribute.

Not every system and file system keeps such attributes, and copies may lose them: then nothing is known.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_ATTRIBUTE = "user.densepose.made_from"


def record_origin(path: str | Path, identity: str) -> None:
    """Let a file carry the identity of what it was made from, where that is possible."""
    with suppress(OSError, AttributeError):  # no such file here, or no attributes
        os.setxattr(path, _ATTRIBUTE, identity.encode())


def recorded_origin(path: str | Path) -> str | None:
    """The identity that a file carries; None if there is none."""
    with suppress(OSError, AttributeError, UnicodeDecodeError):
        return os.getxattr(path, _ATTRIBUTE).decode()
    return None

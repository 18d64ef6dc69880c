"""The private temporary folder of a Ray on this machine: short enough for its sockets, removed after the run."""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.files.scratch_folders import Scratch
from pipeline.stage import PlainError

SOCKET_BYTES = 103
"""The longest path of a socket that every system accepts, in bytes."""
BELOW = len("/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store.sock")
"""Bytes that Ray appends to its folder, with process numbers of seven digits."""
_PREFIX = "ray-"
_NAME = len(f"/{_PREFIX}xxxxxxxx")
_OTHERS = ("/tmp", "/var/tmp", "/dev/shm")
TOKEN = "RAY_AUTH_TOKEN_PATH"


def make_ray_folder() -> Scratch:
    """A new private folder (mode 0700) in the temporary directory, or in another one with a shorter path.

    Raises PlainError if none can be made.
    """
    for place in _places():
        if longest(place) + _NAME + BELOW > SOCKET_BYTES:
            continue
        try:
            return Scratch(_PREFIX, place)
        except OSError:
            continue
    room = SOCKET_BYTES - BELOW - _NAME
    what = f"no folder for temporary files can be written to whose path has at most {room} bytes"
    raise PlainError(what, "TMPDIR", "name such a folder there, or run with --serial")


def longest(place: str) -> int:
    """Bytes of a folder's path, as given or with its links resolved, whichever is longer."""
    return max(len(os.fsencode(path)) for path in (os.path.abspath(place), os.path.realpath(place)))


def _places() -> Iterator[str]:
    with contextlib.suppress(OSError):  # no usual temporary directory is writable
        yield tempfile.gettempdir()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    yield from (place for place in (*_OTHERS, runtime) if place and os.path.isdir(place))


def keep_token_in(folder: Path) -> None:
    """Give Ray an authentication token for this run in its folder; by default it keeps one in the home folder."""
    given = os.environ.get("RAY_AUTH_TOKEN") or os.path.isfile(os.environ.get(TOKEN, ""))
    if given or os.environ.get("RAY_AUTH_MODE", "").lower() == "disabled":
        return
    file = folder / "token"
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(32), encoding="ascii")
    os.environ[TOKEN] = str(file)
    _forget_token()


def remove_ray_folder(folder: Scratch) -> None:
    """Remove the folder and its token: the run is over, or Ray did not start."""
    if os.environ.get(TOKEN) == str(Path(folder.path) / "token"):
        del os.environ[TOKEN]
        _forget_token()
    folder.remove()


def _forget_token() -> None:
    """Clear Ray's cached token: Ray reads it once per process, and the next run has another."""
    loader = getattr(importlib.import_module("ray._raylet"), "AuthenticationTokenLoader", None)
    if loader is not None:  # older versions of Ray have no tokens
        loader.instance().reset_cache()

"""The published weights of the model zoo: names, addresses, and a checked download."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from filelock import FileLock

from models.cache import cached_file
from models.errors import ModelError
from models.files.atomic_file import atomic_write, file_sha256
from models.nearest_name import suggest_name

SERVER = "https://dl.fbaipublicfiles.com/densepose"
LICENCE = (
    "The DensePose model zoo is published by Meta under the Creative Commons Attribution-ShareAlike 3.0 licence "
    "(https://creativecommons.org/licenses/by-sa/3.0/). The DensePose-COCO annotations it was trained on are for "
    "non-commercial use (CC BY-NC 2.0): ask before you build a product on it."
)
TOO_LARGE = "download the file elsewhere, and give its path to --weights"
TIMEOUT_SECONDS = 30
BLOCK = 1 << 18
MOST_BYTES = 1 << 30
"""Maximum size of a download; published files are much smaller."""

_ROWS = """
R_50_FPN_s1x_legacy 164832157 d366fa
R_101_FPN_s1x_legacy 164832182 10af0e
R_50_FPN_s1x 165712039 162be9
R_101_FPN_s1x 165712084 c6ab63
R_50_FPN_DL_s1x 165712097 0ed407
R_101_FPN_DL_s1x 165712116 844d15
R_50_FPN_WC1_s1x 173862049 289019
R_50_FPN_WC2_s1x 173861455 3abe14
R_50_FPN_DL_WC1_s1x 173067973 b1e525
R_50_FPN_DL_WC2_s1x 173859335 60fed4
R_101_FPN_WC1_s1x 171402969 9e47f0
R_101_FPN_WC2_s1x 173860702 5ea023
R_101_FPN_DL_WC1_s1x 173858525 f359f3
R_101_FPN_DL_WC2_s1x 173294801 6e1ed1
R_50_FPN_WC1M_s1x 217144516 48a9d9
R_50_FPN_WC2M_s1x 216245640 d79ada
R_50_FPN_DL_WC1M_s1x 216245703 61971e
R_50_FPN_DL_WC2M_s1x 216245758 7bfb43
R_101_FPN_WC1M_s1x 216453687 0a7287
R_101_FPN_WC2M_s1x 216245682 e354d9
R_101_FPN_DL_WC1M_s1x 216245771 0ebeb3
R_101_FPN_DL_WC2M_s1x 216245790 de6e7a
"""

_CSE_ROWS = """
R_50_FPN_s1x 251155172 c4ea5f
R_101_FPN_s1x 251155500 5c995f
R_50_FPN_DL_s1x 251156349 e96218
R_101_FPN_DL_s1x 251156606 b236ce
R_50_FPN_soft_s1x 250533982 2c4512
R_101_FPN_soft_s1x 250712522 4637da
R_50_FPN_DL_soft_s1x 250713703 9199f5
R_101_FPN_DL_soft_s1x 250713061 1d3314
"""
"""Continuous surface embeddings of people, in a folder of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooFile:
    """One published file: the model's name with its folder, its number, and the first six digits of its hash."""

    name: str
    model_id: str
    digits: str

    @property
    def file_name(self) -> str:
        """The publisher's file name."""
        return f"model_final_{self.digits}.pkl"

    def url(self, server: str) -> str:
        """The file's address on a server."""
        return f"{server}/{self.name}/{self.model_id}/{self.file_name}"


def _table() -> dict[str, ZooFile]:
    tables = {"": _ROWS, "cse/": _CSE_ROWS}
    rows = [(folder, line.split()) for folder, table in tables.items() for line in table.split("\n") if line]
    files = [
        ZooFile(name=f"{folder}densepose_rcnn_{row[0]}", model_id=row[1], digits=row[2]) for folder, row in rows
    ]
    return {file.name: file for file in files}


ZOO = _table()


def zoo_weights(name: str, cache: str | Path, *, trust: bool, server: str = SERVER) -> Path:
    """The local file of published weights; it is downloaded if necessary.

    Args:
        name: a key of ZOO.
        cache: folder of downloads, see `models.cache.cached_file`.
        trust: accept a file whose hash does not begin with the digits in its name.
        server: first part of the URL.

    Raises:
        ModelError: the name is unknown, the download fails, the hash does not match, or the file has changed.
    """
    if name not in ZOO:
        raise unknown_name(name)
    entry = ZOO[name]
    path = cached_file(cache, f"zoo/{name}/{entry.file_name}")
    if not path.exists():
        with _only_one(path.with_suffix(".lock")) as locked:
            if not path.exists():
                _download(entry.url(server), path, alone=locked)
    _check(path, entry.digits, trust=trust)
    return path


def unknown_name(name: str) -> ModelError:
    """The error for a name that is not in ZOO: with the nearest name, or with all."""
    given, known = f"zoo:{name}", [f"zoo:{one}" for one in ZOO]
    remedy = suggest_name(given, known, f"use one of {', '.join(ZOO)}")
    return ModelError("no published weights of this name", given, remedy)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[bool]:
    """Hold a lock file, so that runs that start at the same time download once; False where it cannot be locked."""
    lock = FileLock(path, fallback_to_soft=False)
    with contextlib.suppress(OSError):
        lock.acquire()
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _check(path: Path, digits: str, *, trust: bool) -> None:
    """Compare a file's hash with the one recorded at first use; at first use with the digits in its name."""
    record = path.with_suffix(".sha256")
    sha256 = file_sha256(path)
    if record.exists():
        if record.read_text().split()[:1] != [sha256]:
            remedy = f"delete it and {record.name} to start again"
            raise ModelError("the file has changed since its first use", str(path), remedy)
        return
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if not trust and not any(digest.startswith(digits) for digest in (md5, sha256)):
        what = f"neither its md5 {md5} nor its sha256 {sha256} begins with the digits {digits} in its name"
        raise ModelError(what, str(path), "delete it and try again, or accept it with --trust")
    print(LICENCE, file=sys.stderr)
    with contextlib.suppress(OSError):  # in a read-only cache the file is compared with its name every time
        record.write_text(f"{sha256}  {path.name}\n")


class _Guarded(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from HTTPS to an unencrypted address."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """As in the base class. Raises URLError."""
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("its server redirects to an address without encryption")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str, path: Path, *, alone: bool) -> None:
    """Download to `path`. `alone`: no other process does so; then a partial download in `path`.part is continued."""
    if alone:
        part = path.with_name(path.name + ".part")
        _fetch(url, path, part)
        part.rename(path)
    else:
        with atomic_write(path) as part:
            _fetch(url, path, part)


def _fetch(url: str, path: Path, part: Path) -> None:
    """Write what an address gives to `part`, or append what is missing there; `path` is for messages."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.build_opener(_Guarded).open(request, timeout=TIMEOUT_SECONDS) as response:
            resumed = response.status == 206
            length = response.headers.get("Content-Length") or ""
            total = int(length) + (have if resumed else 0) if length.isdecimal() else None
            if total is not None and total > MOST_BYTES:
                raise ModelError(f"has {total >> 20} MiB, more than any published file", url, TOO_LARGE)
            _write(response, part, path.name, have if resumed else 0, total)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        # 416: the partial file is complete and was only not renamed.
        if not (isinstance(error, urllib.error.HTTPError) and error.code == 416):
            reason = getattr(error, "reason", None) or error
            raise ModelError(f"cannot be downloaded: {reason}", url, f"try again, or put the file at {path}") from error


def _write(response: http.client.HTTPResponse, part: Path, name: str, have: int, total: int | None) -> None:
    """Write or append a response to a file. Raises OSError if it ends early or is too large."""
    shown = -1
    start, end, percents = ("\r", "", 1) if sys.stderr.isatty() else ("", "\n", 10)
    of_all = f" of {total >> 20} MiB" if total else " MiB"
    with part.open("ab" if have else "wb") as file:
        while block := response.read(BLOCK):
            file.write(block)
            have += len(block)
            if have > MOST_BYTES:
                part.unlink()
                raise OSError(f"the server sent more than {MOST_BYTES >> 20} MiB, more than any published file has")
            step = have * 100 // total // percents if total else have >> 24
            if step != shown:
                shown = step
                print(f"{start}{name}: {have >> 20}{of_all}", end=end, file=sys.stderr, flush=True)
    if end == "":
        print(file=sys.stderr)
    if total is not None and have < total:
        raise OSError(f"the connection ended after {have} of {total} bytes")

"""Files that lie elsewhere: buckets and other stores, by fsspec, for batches. Local paths pass through untouched."""

from __future__ import annotations

import importlib
import os
import posixpath
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.stage import PlainError, fitting_name

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "webhdfs", "sftp", "file")
"""Schemes of stores. Streams (http, rtsp …) are none: the source reads those itself."""
VERSIONS = ("ETag", "etag", "content_md5", "md5Hash", "LastModified", "last_modified", "mtime", "modificationTime")
"""What stores call the mark of a file's content, or its date; the first that one has."""
DRAFT = ".draft"
"""How the names of files end that a process was killed under, or still writes."""
_SCHEME = re.compile(r"^([a-z0-9]+)://")


def is_remote(path: str) -> bool:
    """Whether a path names something in a store."""
    found = _SCHEME.match(path)
    return found is not None and found[1] in STORES


def path_on_this_machine(path: str) -> Path | None:
    """Where a path lies on this machine's disks; None for one in a store elsewhere."""
    return Path(path.removeprefix("file://")) if not is_remote(path) or path.startswith("file://") else None


def path_in(folder: str, name: str) -> str:
    """The path of a file in a folder of a store or of this machine."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else str(Path(folder) / name)


def parent(path: str) -> str:
    """The folder of a file."""
    return path.rpartition("/")[0] if is_remote(path) else str(Path(path).parent)


def listing(folder: str) -> list[str] | None:
    """The files in a folder of a store, sorted; None where the path is a file or nothing. Raises PlainError."""
    with _asking(folder) as (store, place):
        if not store.isdir(place):
            return None
        scheme = folder.partition("://")[0]
        files = [entry["name"] for entry in store.ls(place, detail=True) if entry["type"] == "file"]
        return sorted(f"{scheme}://{name.removeprefix(f'{scheme}://')}" for name in files)


def exists(path: str) -> bool:
    """Whether a file is there. Raises PlainError where the store does not answer."""
    if not is_remote(path):
        return os.path.isfile(path)
    with _asking(path) as (store, place):
        return bool(store.isfile(place))


def stamp(path: str) -> Mapping[str, Any] | None:
    """Size of a file and what changes when it does: its date, or the mark that its store gives it; None for no file."""
    if not is_remote(path):
        try:
            facts = os.stat(path)
        except OSError:
            return None
        return {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}
    try:
        with _asking(path) as (store, place):
            told = store.info(place)
    except PlainError:
        return None
    return {"size": told.get("size"), "version": next((str(told[key]) for key in VERSIONS if told.get(key)), None)}


def local_copy(path: str, folder: Path) -> str:
    """A local path of a file: its own, or that of a copy in `folder`. Raises PlainError."""
    if not is_remote(path):
        return path
    copy = folder / posixpath.basename(path)
    with _asking(path) as (store, place):
        store.get_file(place, str(copy))
    return str(copy)


@contextmanager
def opened_locally(path: str) -> Iterator[str]:
    """A local path of a file: its own, or that of a copy which goes with the block. Raises PlainError."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield local_copy(path, Path(folder))


def read(path: str) -> str:
    """The text of a small file. Raises PlainError where it cannot be read."""
    with opened_locally(path) as file:
        try:
            return Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise PlainError(f"cannot be read ({error.strerror})", path, "see who may read it") from error


def write(path: str, text: str) -> None:
    """Write a small file; a reader sees the old one or the new one, and never half of it. Raises PlainError."""
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / posixpath.basename(path)
            draft.write_text(text, encoding="utf-8")
            publish(draft, path)
        return
    final = Path(path)
    draft = draft_name(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
        _name(draft, final)
    except OSError as error:
        raise PlainError(f"cannot be written ({error.strerror})", path, "free some space") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def publish(local: Path, path: str) -> None:
    """Put a whole local file where it belongs; it is not seen there before it is whole. Raises PlainError.

    A local file that goes to a folder of this machine is moved, and must lie on the same disk.
    """
    if not is_remote(path):
        try:
            _name(local, Path(path))
        except OSError as error:
            raise PlainError(f"cannot be written ({error.strerror})", path, "free some space") from error
        return
    with _asking(path) as (store, place):
        store.makedirs(posixpath.dirname(place), exist_ok=True)
        if "file" in store.protocol:
            draft = draft_name(Path(place))
            shutil.copyfile(local, draft)
            _name(draft, Path(place))
        else:  # object stores show an object when its upload is complete
            store.put_file(str(local), place)


def draft_name(path: Path) -> Path:
    """A name beside a file that no other process uses, for what is to take its place."""
    return path.with_name(fitting_name(path.name, f".{secrets.token_hex(4)}{DRAFT}"))


def _name(draft: Path, final: Path) -> None:
    """Give a whole file its name, durably and in one step."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(folder: str) -> None:
    """Remove a folder of a store with all that is in it; nothing where there is none. Raises PlainError."""
    with _asking(folder) as (store, place):
        if store.exists(place):
            store.rm(place, recursive=True)


@contextmanager
def _asking(path: str) -> Iterator[tuple[Any, str]]:
    """The store of a path and the place in it; what goes wrong with it in a plain sentence."""
    try:
        fsspec = importlib.import_module("fsspec")
        yield fsspec.core.url_to_fs(path)
    except ImportError as error:
        raise PlainError(f"this store cannot be read here ({error})", path, "install what it names") from error
    except FileNotFoundError as error:
        raise PlainError("this file does not exist", path, "check the name") from error
    except Exception as error:  # every store's library has errors of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PlainError(
            f"the store refuses ({reason})", path, "check the name, the network and your access"
        ) from error

"""Files that lie elsewhere: buckets and other stores, by fsspec, for batches. Local paths pass through untouched."""

from __future__ import annotations

import importlib
import os
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.stage import PlainError

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "webhdfs", "sftp", "file")
"""Schemes of stores. Streams (http, rtsp …) are none: the source reads those itself."""
VERSIONS = ("ETag", "etag", "content_md5", "md5Hash", "LastModified", "last_modified", "mtime", "modificationTime")
"""What stores call the mark of a file's content, or its date; the first that one has."""
_SCHEME = re.compile(r"^([a-z0-9]+)://")


def is_remote(path: str) -> bool:
    """Whether a path names something in a store."""
    found = _SCHEME.match(path)
    return found is not None and found[1] in STORES


def inside(folder: str, name: str) -> str:
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


def fetch(path: str, folder: Path) -> str:
    """A local path of a file: its own, or that of a copy in `folder`. Raises PlainError."""
    if not is_remote(path):
        return path
    copy = folder / posixpath.basename(path)
    with _asking(path) as (store, place):
        store.get_file(place, str(copy))
    return str(copy)


def publish(local: Path, path: str) -> None:
    """Put a whole local file where it belongs; it is not seen there before it is whole. Raises PlainError."""
    with _asking(path) as (store, place):
        store.makedirs(posixpath.dirname(place), exist_ok=True)
        if "file" in store.protocol:
            draft = f"{place}.{os.getpid()}.draft"
            shutil.copyfile(local, draft)
            os.replace(draft, place)
        else:  # object stores show an object when its upload is complete
            store.put_file(str(local), place)


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

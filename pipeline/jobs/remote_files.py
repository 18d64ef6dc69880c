"""Files in object stores and on other servers, through fsspec, for batches; local paths work too."""

from __future__ import annotations

import importlib
import os
import posixpath
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.stage import PlainError, fitting_name

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "webhdfs", "sftp", "file")
"""Schemes of stores. Streams (http, rtsp …) are not stores: the source reads them itself."""
VERSIONS = ("ETag", "etag", "content_md5", "md5Hash", "LastModified", "last_modified", "mtime", "modificationTime")
"""Keys of a store's version or date of a file; the first that exists is used."""
DRAFT = ".draft"
"""The suffix of files that are being written, or that a killed process left."""
_SCHEME = re.compile(r"^([a-z0-9]+)://")


def is_remote(path: str) -> bool:
    """Whether a path names something in a store."""
    found = _SCHEME.match(path)
    return found is not None and found[1] in STORES


def path_on_this_machine(path: str) -> Path | None:
    """The path on this machine's disks; None for a path in a remote store."""
    local = local_text(path)
    return None if local is None else Path(local)


def local_text(path: str) -> str | None:
    """The same as text: paths of many files take long to make."""
    return path.removeprefix("file://") if not is_remote(path) or path.startswith("file://") else None


def path_in(folder: str, name: str) -> str:
    """The path of a file in a folder of a store or of this machine."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else f"{_begin_of(folder)}{name}"


@lru_cache(maxsize=64)
def _begin_of(folder: str) -> str:
    """How the paths in a folder of this machine begin."""
    return str(Path(folder) / "x")[:-1]


def parent(path: str) -> str:
    """The folder of a file."""
    return path.rpartition("/")[0] if is_remote(path) else str(Path(path).parent)


def listing(folder: str) -> list[str] | None:
    """The files in a folder of a store, sorted; None if the path is a file or absent. Raises PlainError."""
    with _store_of(folder) as (store, place):
        if not store.isdir(place):
            return None
        return sorted(_with_scheme(folder, entry["name"]) for entry in _files_in(store, place))


def _files_in(store: Any, place: str) -> list[Mapping[str, Any]]:
    """What a store says of the files in one of its folders."""
    return [entry for entry in store.ls(place, detail=True) if entry["type"] == "file"]


def _with_scheme(folder: str, name: str) -> str:
    """The path of a file that a store names, with the scheme of its folder."""
    scheme = folder.partition("://")[0]
    return f"{scheme}://{name.removeprefix(f'{scheme}://')}"


class StoreListings:
    """What exists in stores: each folder is listed once, so that many files need few requests.

    Files that appear later are not seen. Paths of this machine are looked up at each call.
    """

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, Mapping[str, Any]]] = {}

    def exists(self, path: str) -> bool:
        """Whether a file exists. Raises PlainError if the store does not respond."""
        return os.path.isfile(path) if not is_remote(path) else self._facts(path) is not None

    def stamp(self, path: str) -> Mapping[str, Any] | None:
        """See `stamp`. Raises PlainError if the store does not respond."""
        if not is_remote(path):
            return stamp(path)
        facts = self._facts(path)
        return None if facts is None else _stamp_in_store(facts)

    def _facts(self, path: str) -> Mapping[str, Any] | None:
        folder = parent(path)
        if folder not in self._folders:
            self._folders[folder] = _facts_of_folder(folder)
        return self._folders[folder].get(posixpath.basename(path))


def _facts_of_folder(folder: str) -> dict[str, Mapping[str, Any]]:
    """What a store says of the files in a folder, by their names; nothing of an absent folder. Raises PlainError."""
    with _store_of(folder) as (store, place):
        if not store.isdir(place):
            return {}
        return {posixpath.basename(entry["name"]): entry for entry in _files_in(store, place)}


def exists(path: str) -> bool:
    """Whether a file exists. Raises PlainError if the store does not respond."""
    if not is_remote(path):
        return os.path.isfile(path)
    with _store_of(path) as (store, place):
        return bool(store.isfile(place))


def stamp(path: str) -> Mapping[str, Any] | None:
    """Size of a file, and its date or its version in the store, which change with its content; None for no file."""
    if not is_remote(path):
        try:
            facts = os.stat(path)
        except OSError:
            return None
        return {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}
    try:
        with _store_of(path) as (store, place):
            return _stamp_in_store(store.info(place))
    except PlainError:
        return None


def _stamp_in_store(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"size": facts.get("size"), "version": next((str(facts[key]) for key in VERSIONS if facts.get(key)), None)}


def local_copy(path: str, folder: Path) -> str:
    """A local path of a file: its own, or of a copy in `folder`. Raises PlainError."""
    if not is_remote(path):
        return path
    copy = folder / posixpath.basename(path)
    with _store_of(path) as (store, place):
        store.get_file(place, str(copy))
    return str(copy)


@contextmanager
def opened_locally(path: str) -> Iterator[str]:
    """A local path of a file: its own, or of a copy that is removed after the block. Raises PlainError."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield local_copy(path, Path(folder))


def read(path: str) -> str:
    """The text of a small file. Raises PlainError if it cannot be read."""
    with opened_locally(path) as file:
        try:
            return Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise PlainError(f"cannot be read ({error.strerror})", path, "check its permissions") from error


def write(path: str, text: str | Iterable[str]) -> None:
    """Write a file atomically: a reader sees either the old or the new one. Raises PlainError.

    Args: text: its content, or pieces of it.
    """
    pieces = [text] if isinstance(text, str) else text
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / posixpath.basename(path)
            with draft.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
            publish(draft, path)
        return
    final = Path(path)
    draft = draft_name(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as file:
            file.writelines(pieces)
        _name(draft, final)
    except OSError as error:
        raise PlainError(f"cannot be written ({error.strerror})", path, "free some space") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def publish(local: Path, path: str) -> None:
    """Move or upload a complete local file to its path, atomically. Raises PlainError.

    On this machine the file is moved, and must lie on the same disk.
    """
    if not is_remote(path):
        try:
            _name(local, Path(path))
        except OSError as error:
            raise PlainError(f"cannot be written ({error.strerror})", path, "free some space") from error
        return
    with _store_of(path) as (store, place):
        store.makedirs(posixpath.dirname(place), exist_ok=True)
        if "file" in store.protocol:
            draft = draft_name(Path(place))
            shutil.copyfile(local, draft)
            _name(draft, Path(place))
        else:  # object stores show an object when its upload is complete
            store.put_file(str(local), place)


def draft_name(path: Path) -> Path:
    """A unique name beside a file, for the draft that will replace it."""
    return path.with_name(fitting_name(path.name, f".{secrets.token_hex(4)}{DRAFT}"))


def _name(draft: Path, final: Path) -> None:
    """Rename a complete file to its final name, durably and atomically."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, final)
    if os.name == "nt":  # it opens no folders
        return
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(folder: str) -> None:
    """Remove a folder of a store with its contents, if it exists. Raises PlainError."""
    with _store_of(folder) as (store, place):
        if store.exists(place):
            store.rm(place, recursive=True)


@contextmanager
def _store_of(path: str) -> Iterator[tuple[Any, str]]:
    """The store of a path and the path in it; errors of the store become a PlainError."""
    try:
        fsspec = importlib.import_module("fsspec")
        yield fsspec.core.url_to_fs(path)
    except ImportError as error:
        raise PlainError(f"this store cannot be read here ({error})", path, "install the named package") from error
    except FileNotFoundError as error:
        raise PlainError("this file does not exist", path, "check the name") from error
    except Exception as error:  # every store's library has its own errors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PlainError(
            f"the store refuses ({reason})", path, "check the name, the network and your access"
        ) from error

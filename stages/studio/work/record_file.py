"""Stores records of JSON in an SQLite file; each record is written whole or not at all."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.stage import StageError

FORMER_SUFFIX = ".jsonl"
"""Suffix of the former format of journals: text, one record a line."""
TABLE = "CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, record TEXT NOT NULL)"
SECRETS = "CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, secret TEXT NOT NULL)"
ADD = "INSERT INTO records (record) VALUES (?)"
WAIT_S = 10.0
"""Longest wait for another program that uses the file."""
DAMAGED = "restore a copy of it, or write to another file with -o"


class RecordFile:
    """An open file of records. Used by one thread at a time."""

    def __init__(self, path: Path, *, locks: bool = True) -> None:
        """Open the file, or make it. A new file begins with the records of a former journal beside it.

        `locks`: whether the file system has locks; without them no other program may write the file.

        Raises: StageError for a file that is damaged or cannot be written.
        """
        self._path = path
        try:
            self._base = _connected(path, "rwc", locks=locks)
        except sqlite3.Error as error:
            raise self._unwritable(error) from error
        try:
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute(TABLE)
            self._base.execute(SECRETS)
            if not self._base.execute("SELECT 1 FROM records LIMIT 1").fetchone():
                self._fill(former_records(path.with_suffix(FORMER_SUFFIX)))
        except sqlite3.Error as error:
            self._base.close()
            raise self._unwritable(error) from error

    def append(self, record: str) -> None:
        """Add a record. Raises: StageError where it cannot be written; the file is then unchanged."""
        try:
            self._base.execute(ADD, (record,))
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def append_all(self, records: Iterable[str]) -> None:
        """Add records, all or none. Raises: StageError where they cannot be written."""
        try:
            self._fill(records)
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def secret(self, name: str) -> str:
        """The file's random secret of this name, made at the first call; exports do not have it. Raises: StageError."""
        try:
            made = secrets.token_hex(32)
            self._base.execute("INSERT OR IGNORE INTO secrets (name, secret) VALUES (?, ?)", (name, made))
            return str(self._base.execute("SELECT secret FROM secrets WHERE name = ?", (name,)).fetchone()[0])
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def records(self) -> list[tuple[int, str]]:
        """All records with their numbers. Raises: StageError for a damaged file."""
        return _all_records(self._base, self._path)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def _fill(self, records: Iterable[str]) -> None:
        self._base.execute("BEGIN")
        try:
            self._base.executemany(ADD, ((record,) for record in records))
            self._base.execute("COMMIT")
        except sqlite3.Error:
            if self._base.in_transaction:
                self._base.execute("ROLLBACK")
            raise

    def _unwritable(self, error: sqlite3.Error) -> StageError:
        remedy = "make room or name another file with -o"
        return StageError(f"the journal cannot be written ({error})", str(self._path), remedy)


def read_records(path: Path) -> list[tuple[int, str]]:
    """The records of a journal with their numbers; another program may use the journal.

    Raises: StageError for one that is missing or damaged.
    """
    if path.suffix == FORMER_SUFFIX:
        return list(enumerate(former_records(path), start=1))
    base = _opened(path)
    try:
        return _all_records(base, path)
    finally:
        base.close()


def copy_records(path: Path, copy: Path) -> None:
    """Copy a journal in a consistent state; another program may use it.

    Raises: StageError for one that is missing or damaged, and for a copy that cannot be written.
    """
    base = _opened(path)
    try:
        made = sqlite3.connect(copy)
        try:
            base.backup(made)
        finally:
            made.close()
    except sqlite3.Error as error:
        raise StageError(f"the copy cannot be written ({error})", str(copy), "name another file with -o") from error
    finally:
        base.close()


def former_records(path: Path) -> Sequence[str]:
    """The records of a former journal; none where there is no such file.

    An incomplete last line, which a crash can leave, is not a record: its action was never confirmed.

    Raises: StageError for a journal that cannot be read.
    """
    try:
        return [line.decode() for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise StageError(f"the former journal cannot be read ({error})", str(path), "restore a copy of it") from error


def _opened(path: Path) -> sqlite3.Connection:
    """Open a journal for reading. Raises: StageError for a missing journal."""
    try:
        base = _connected(path, "ro", locks=True)
        try:
            base.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:  # the file system has no locks
            base.close()
            base = _connected(path, "ro", locks=False)
        return base
    except sqlite3.Error as error:
        raise StageError("there is no journal", str(path), "name a file that -c annotate wrote") from error


def _connected(path: Path, mode: str, *, locks: bool) -> sqlite3.Connection:
    """A connection on which each statement is a transaction. Without locks, the log of SQLite needs `EXCLUSIVE`."""
    address = f"{path.absolute().as_uri()}?mode={mode}{'' if locks else '&vfs=unix-none'}"
    base = sqlite3.connect(address, timeout=WAIT_S, isolation_level=None, check_same_thread=False, uri=True)
    if not locks:
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
    return base


def _all_records(base: sqlite3.Connection, path: Path) -> list[tuple[int, str]]:
    try:
        return base.execute("SELECT number, record FROM records ORDER BY number").fetchall()
    except sqlite3.Error as error:
        raise StageError(f"the journal is damaged ({error})", str(path), DAMAGED) from error

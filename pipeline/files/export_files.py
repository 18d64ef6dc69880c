"""What an export writes: a folder and the names of files in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFiles:
    """The files that an export of one input writes.

    Attributes:
        option: the export as it is given on the command line.
        folder: of the files.
        names: their names, as patterns of `fnmatch`.
    """

    option: str
    folder: str
    names: tuple[str, ...]

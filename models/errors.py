"""The error of networks, checkpoints and measures."""

from __future__ import annotations


class ModelError(Exception):
    """A failure in a model, as one plain sentence.

    Args:
        what: what went wrong, without a full stop.
        where: the file, key or setting at fault; may be empty.
        remedy: what to do about it, without a full stop; may be empty.

    The arguments are positional so that the error can be pickled between processes.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{advice}"

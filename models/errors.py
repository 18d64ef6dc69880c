"""What a network, a checkpoint or a measure says when it cannot go on."""

from __future__ import annotations


class ModelError(Exception):
    """A failure in a model, told in one plain sentence.

    Args:
        what: what went wrong, without a full stop.
        where: the file, key or setting at fault; may be empty.
        remedy: what to do about it, without a full stop; may be empty.

    The three are positional so that the error survives pickling between processes.
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

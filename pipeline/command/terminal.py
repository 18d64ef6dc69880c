"""Text for the terminal: secrets are redacted, control characters escaped, and unencodable characters replaced."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from pipeline.interrupts import show_nothing
from pipeline.redaction import without_registered_secrets

_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Control characters except tab and line breaks, and the characters that change the direction of writing."""
_IN_TEXT = re.compile(f"\x1b\\[K|[{_CONTROL}]")
_IN_A_LINE = re.compile(f"[\t\n\r{_CONTROL}]")
ERASE = "\x1b[K"
"""Erases the rest of a line; the only control sequence that is written unchanged."""
_PLAIN = str.maketrans({"→": "->", "…": "...", "·": "-", "×": "x", "−": "-", "–": "-", "█": "#", "░": ".", "’": "'"})


class Terminal:
    """A text stream that redacts secrets, escapes control characters and replaces characters it cannot encode."""

    def __init__(self, out: TextIO | None) -> None:
        """Args: out: the stream to write to; if it is None or closed, output is dropped and the run continues."""
        self._out = open(os.devnull, "w", encoding="utf-8") if out is None else out  # noqa: SIM115 - open until the run ends

    def write(self, text: str) -> int:
        """Write a text; returns its length."""
        text = _IN_TEXT.sub(lambda f: ERASE if f[0] == ERASE else _escaped(f), without_registered_secrets(text))
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
        with self._ignoring_closed_streams():
            self._out.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with self._ignoring_closed_streams():
            self._out.flush()

    @contextmanager
    def _ignoring_closed_streams(self) -> Iterator[None]:
        """Ignore further output after a closed pipe or a full disk; the run continues."""
        try:
            yield
        except OSError:
            try:
                show_nothing(self._out.fileno())
            except OSError:  # the stream has no file descriptor
                self._out = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the run ends

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)


@contextmanager
def plain_terminal() -> Iterator[None]:
    """Replace both standard streams by a `Terminal` while the block runs."""
    before = sys.stdout, sys.stderr
    out: Any = Terminal(before[0])
    err: Any = Terminal(before[1])
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def one_line(sentence: str) -> str:
    """A message on one line: line breaks and control characters in it are escaped."""
    return _IN_A_LINE.sub(_escaped, sentence)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")

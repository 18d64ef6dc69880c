"""Standard output and error as a run's user reads them: whoever writes to them, no secret of the run comes through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

from pipeline.addresses import without_known_secrets


class DiscreetStream:
    """A text stream that writes what it is given without known secrets; everything else is the other stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text without secrets; returns its length as it was given."""
        self._stream.write(without_known_secrets(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def discreet_streams() -> Iterator[None]:
    """Let Python's own writers, warnings and threads that fail among them, write through such streams."""
    out: Any = DiscreetStream(sys.stdout)
    err: Any = DiscreetStream(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        yield

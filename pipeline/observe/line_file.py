"""A text file that is written during a run; if the disk fails, the file ends and the run continues."""

from __future__ import annotations

from pathlib import Path

from pipeline.stage import PlainError


class LineFile:
    """A file that is written line by line, so that it can be read during the run.

    Attributes:
        refusal: why the file is incomplete, after a write failed.
    """

    def __init__(self, path: str, what: str, *, append: bool = False) -> None:
        """Args: what: its name in errors; append: whether an existing file is continued.

        Raises PlainError if it cannot be created.
        """
        self._path, self._what = path, what
        self.refusal: PlainError | None = None
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a" if append else "w", encoding="utf-8", buffering=1)  # noqa: SIM115
        except OSError as error:
            raise self._refused(error, "cannot be written", "name another file") from error

    def write(self, text: str) -> None:
        """Write text; does nothing after a failed write."""
        if self.refusal is None:
            try:
                self._file.write(text)
            except OSError as error:
                self._refuse(error)

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:  # of text that was still buffered
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        what = "is incomplete, because it could not be written any further"
        self.refusal = self.refusal or self._refused(error, what, "free some space, or name another file")

    def _refused(self, error: OSError, happened: str, remedy: str) -> PlainError:
        return PlainError(f"the {self._what} {happened} ({error.strerror})", self._path, remedy)

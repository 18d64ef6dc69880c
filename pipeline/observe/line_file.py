"""A file that is written while a run goes on: where the disk refuses, the file ends and the run does not."""

from __future__ import annotations

from pathlib import Path

from pipeline.stage import PlainError


class LineFile:
    """Text, line by line, so that it can be read meanwhile.

    Attributes:
        refusal: why it is not whole, once the disk has refused.
    """

    def __init__(self, path: str, what: str, *, goes_on: bool = False) -> None:
        """Args: what: it is called in errors; goes_on: a file that is there is written on.

        Raises PlainError where it cannot be made.
        """
        self._path, self._what = path, what
        self.refusal: PlainError | None = None
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a" if goes_on else "w", encoding="utf-8", buffering=1)  # noqa: SIM115
        except OSError as error:
            raise self._refused(error, "cannot be written", "name another file") from error

    def write(self, text: str) -> None:
        """Add text; nothing once the disk has refused."""
        if self.refusal is None:
            try:
                self._file.write(text)
            except OSError as error:
                self._refuse(error)

    def close(self) -> None:
        """No more comes."""
        try:
            self._file.close()
        except OSError as error:  # what was still to be written
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        what = "is not whole, as it could not be written any further"
        self.refusal = self.refusal or self._refused(error, what, "free some space, or name another file")

    def _refused(self, error: OSError, happened: str, remedy: str) -> PlainError:
        return PlainError(f"the {self._what} {happened} ({error.strerror})", self._path, remedy)

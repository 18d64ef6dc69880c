"""Whether a source that gives nothing more has come to its end, or broke off before it. Numbers in, a verdict out."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.stage import StageError

SLACK_S = 1.0
SLACK_SHARE = 0.02
"""A stated length is not exact: playlists round, and the last picture has a length of its own."""
SAME_PLACE_S = 0.2
"""What ends within so many seconds of where it ended before, ended at the same place."""


class LostError(StageError):
    """A source gives nothing more, and has not said that this is its end.

    Attributes:
        quiet: whether it looked like an end: nothing failed, but more was promised.
    """

    quiet = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a source says of its own length.

    Attributes:
        seconds: how long it is; None where it does not say.
        counted: whether its bytes are counted on the way (a file over HTTP): nothing is missing then unless reading
            fails.
    """

    seconds: float | None
    counted: bool

    @property
    def known(self) -> bool:
        """Whether it has an end at all; a live stream has none."""
        return self.counted or self.seconds is not None

    def is_short(self, reached_s: float) -> bool:
        """Whether less than it says was given, up to `reached_s` seconds from its beginning."""
        slack_s = max(SLACK_S, SLACK_SHARE * (self.seconds or 0.0))
        return self.seconds is not None and self.seconds - reached_s > slack_s

    def broke_off(self, reached_s: float, *, failed: bool) -> bool:
        """Whether more should have come.

        Args:
            reached_s: how far it came, seconds from its beginning.
            failed: whether reading failed, rather than coming to an end.
        """
        if self.counted:
            return failed
        return self.seconds is None or self.is_short(reached_s)


class Fruitless:
    """Counts the connections in a row that ended quietly, and where the one before them had ended."""

    def __init__(self) -> None:
        self._place: float | None = None
        self.count = 0

    def ended(self, place_s: float | None, *, quiet: bool) -> None:
        """A connection ended at a place, seconds from the recording's beginning; None for what has no end."""
        elsewhere = place_s is None or self._place is None or abs(place_s - self._place) > SAME_PLACE_S
        self.count = 0 if elsewhere or not quiet else self.count + 1
        self._place = place_s

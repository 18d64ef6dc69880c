"""A thread that keeps the newest frames of a source at hand, and finds the source again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction

from pipeline.stage import StageError
from stages.live.backoff import Backoff
from stages.live.ending import Fruitless, LostError
from stages.live.feeds import Feed
from stages.live.mailbox import Counts, Mailbox
from stages.live.pictures import Shot
from stages.video.decoding.color_conversion import ColorTags

SLACK = 2
"""Frames that wait: one that is next, and one that came early."""
GOODBYE_S = 2.0
MOST_FRUITLESS = 2
"""Connections to a recording that bring nothing further, until the place where they end is taken for its end."""


class Capture:
    """Reads a source in a thread of its own from `start` to `stop`, over any number of connections."""

    def __init__(
        self,
        connect: Callable[[threading.Event, float | None], Feed],
        *,
        patient: bool,
        give_up_s: float | None = None,
    ) -> None:
        """Args:
        connect: opens the source; its arguments: set when nobody wants frames any more, and where a recording that
            was lost goes on, seconds from its beginning. Raises StageError.
        patient: whether a source that was never there is tried again.
        give_up_s: a source that is away for so long is not looked for any more; None = it always is.
        """
        self._connect = connect
        self._patient = patient
        self._stopped = threading.Event()
        self._mailbox: Mailbox[Shot] = Mailbox(SLACK)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._failure: Exception | None = None
        self._found = 0
        self._give_up_s = give_up_s
        self._fruitless = Fruitless()
        self._place_s: float | None = None
        self._seen_at = time.monotonic()
        self.connected = False
        self.lost_reason = ""
        self.losses = 0
        self.note = self.damage = ""
        self.rate: Fraction | None = None
        self.tags = ColorTags()

    @property
    def counts(self) -> Counts:
        """Frames received and dropped."""
        return self._mailbox.counts

    @property
    def reconnects(self) -> int:
        """How often the source was found again."""
        return max(0, self._found - 1)

    @property
    def lost(self) -> bool:
        """Whether the source was there, is not there now, and did not come to its end."""
        return self._found > 0 and not self.connected

    @property
    def over(self) -> bool:
        """The source ended, and every frame that was to be had was taken."""
        return self._mailbox.closed

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def take(self, seconds: float) -> Shot | None:
        """The next frame; None where none came for so long.

        Raises:
            StageError: the source was not there at the start.
        """
        shot = self._mailbox.take(seconds)
        if shot is None and self._failure is not None:
            raise self._failure
        return shot

    def stop(self) -> None:
        """Read no more. A read that hangs ends by itself when its time is up."""
        self._stopped.set()
        self._mailbox.close()
        if self._thread.is_alive():
            self._thread.join(GOODBYE_S)

    def _run(self) -> None:
        backoff = Backoff()
        try:
            while not self._stopped.is_set():
                try:
                    self._read(backoff)
                    return
                except StageError as error:
                    self._note_loss(error)
                    if not self._found and (not self._patient or self._given_up()):
                        raise
                if self._given_up():
                    return
                self._stopped.wait(backoff.wait_s())
        except Exception as error:  # it is raised again where the frames are taken
            self._failure = error
        finally:
            self._mailbox.close()

    def _note_loss(self, error: StageError) -> None:
        self.losses += self.connected
        if self.connected or not self.lost_reason:
            self.lost_reason = error.what
        self.connected = False

    def _given_up(self) -> bool:
        """Whether the source is not looked for any more."""
        away_s = time.monotonic() - self._seen_at
        too_long = self._give_up_s is not None and away_s >= self._give_up_s
        return too_long or self._fruitless.count >= MOST_FRUITLESS

    def _read(self, backoff: Backoff) -> None:
        """One connection, until the source is over. Raises StageError when it is lost."""
        feed = self._connect(self._stopped, self._place_s)
        try:
            for shot in feed:
                if not self.connected:
                    self.connected, self.rate, self.tags = True, feed.rate, feed.tags
                    self._found += 1
                    backoff.succeeded()
                self._seen_at = time.monotonic()
                self._mailbox.put(Shot(shot.picture, shot.source_s, shot.captured_s, self._found))
                if self._stopped.is_set():
                    return
            self.connected, self.note, self.damage = True, feed.note, feed.damage
        except LostError as error:
            self._place_s = feed.reached_s
            self._fruitless.ended(feed.reached_s, quiet=error.quiet)
            raise
        finally:
            feed.close()

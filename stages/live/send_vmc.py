"""Sends people as avatars to programs that speak VMC, such as VSeeFace, Warudo or VMagicMirror, while a run goes on."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from pipeline.stage import Stage, StageError
from stages.live.payloads import Captured
from stages.live.timing import LatencyHistogram
from stages.live.vmc_stream import VmcStreams
from stages.payloads import Bodies, FrameChunk, People

MOST_SMOOTHING_S = 0.06
LAST_PORT = 65535
MOST_PEOPLE = 16


class SendVmc(Stage):
    """Sends the bones of each person in each frame over UDP: the first person to the given port, others to later ones.

    Poses are smoothed exponentially; the mean delay is `smoothing_s`. A person keeps the port; it is free again two
    seconds after the person was seen last. Where nothing listens, packets are lost without an error.
    """

    ordered = True
    exports: ClassVar[Mapping[str, str]] = {"vmc": "to"}
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Where avatars are sent.

        Attributes:
            to: `HOST:PORT` of the receiver of the first person; None sends nothing.
            smoothing_s: mean delay of the smoothed poses, seconds (0..0.06); 0 sends poses as they are.
            most_people: maximum number of people, and of ports, at a time (1..16).
        """

        to: str | None = None
        smoothing_s: float = 0.04
        most_people: int = 8

        def __post_init__(self) -> None:
            """Raises ValueError for an address that is not `HOST:PORT`, or a number out of range."""
            if not 0 <= self.smoothing_s <= MOST_SMOOTHING_S:
                raise ValueError(f"smoothing_s is {self.smoothing_s}, must be from 0 to {MOST_SMOOTHING_S}")
            if not 1 <= self.most_people <= MOST_PEOPLE:
                raise ValueError(f"most_people is {self.most_people}, must be from 1 to {MOST_PEOPLE}")
            if self.to is not None:
                found = re.fullmatch(r"[^\s:/]+:(\d{1,5})", self.to)
                if found is None or not 1 <= int(found[1]) <= LAST_PORT + 1 - self.most_people:
                    raise ValueError(f"the receiver of avatars is {self.to!r}, must be HOST:PORT, e.g. 127.0.0.1:39539")

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`fit` where avatars are sent."""
        return () if config.to is None else ("fit",)

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError without the package python-osc."""
        if config.to is not None and find_spec("pythonosc") is None:
            what = "avatars need the package python-osc, which is not installed"
            raise StageError(what, f"--export vmc={config.to}", "pip install 'densepose-video[vmc]'")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new run; nothing is sent yet."""
        super().__init__(config, threads=threads)
        self._streams: VmcStreams | None = None
        self._latency = LatencyHistogram()
        if config.to is not None:
            host, _, port = config.to.rpartition(":")
            self._streams = VmcStreams(
                host=host, port=int(port), smoothing_s=config.smoothing_s, most_people=config.most_people
            )

    def __call__(
        self, frames: FrameChunk, people: People, bodies: Bodies | None = None, captured: Captured | None = None
    ) -> None:
        """Send the bodies of a chunk. Raises StageError if the host cannot be reached at all."""
        if self._streams is None or bodies is None:
            return
        for t in range(len(frames)):
            seen = {identity: body for identity, body in bodies.in_frame(t) if identity >= 0}
            try:
                self._streams.send(frames.second(t), seen)
            except OSError as error:
                what = f"avatars cannot be sent there ({error})"
                raise StageError(what, f"--export vmc={self.config.to}", "name a host that can be reached") from error
        if captured is not None and len(bodies):
            self._latency.frame_shown(captured.captured_s, time.time())

    def summary(self) -> Mapping[str, Any]:
        """`exports`; `avatars`: number of poses that were sent; `avatar_latency_ms` from capture to sending."""
        if self._streams is None:
            return {}
        facts = {"exports": {"vmc": self.config.to}, "avatars": self._streams.sent}
        return facts | ({"avatar_latency_ms": self._latency.summary_ms()} if self._latency.count else {})

    def close(self) -> None:
        """Close the socket."""
        if self._streams is not None:
            self._streams.close()

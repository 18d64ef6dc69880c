"""Deinterlacing by FFmpeg's bwdif filter, one output frame per frame; progressive frames pass unchanged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.filter

from stages.video.decoding.color_conversion import copy_color_tags

FILTER = ("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
INDEX_BASE = Fraction(1, 25)


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame and its repaired PTS."""

    pts: int
    frame: av.VideoFrame


class Deinterlacer:
    """Yields as many frames as it gets, in order; the filter is built at the first interlaced frame."""

    def __init__(self) -> None:
        self.interlaced = 0
        self._graph: av.filter.Graph | None = None
        self._kind: tuple[int, int, str] | None = None
        self._waiting: deque[TimedFrame] = deque()
        self._pushed = 0

    def __call__(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        """All frames of a stream, each as soon as the filter has read its neighbours."""
        for item in frames:
            self.interlaced += item.frame.interlaced_frame
            if not self.interlaced:
                yield item
                continue
            kind = (item.frame.width, item.frame.height, item.frame.format.name)
            if kind != self._kind:
                yield from self._drain()
                self._graph, self._kind = _filter_graph(item.frame), kind
            yield from self._push(item)
        yield from self._drain()

    def _push(self, item: TimedFrame) -> Iterator[TimedFrame]:
        assert self._graph is not None
        frame = item.frame
        # The filter gets frame numbers as time stamps; the real ones wait in `_waiting`.
        frame.pts, frame.time_base = self._pushed, INDEX_BASE
        self._pushed += 1
        self._waiting.append(item)
        self._graph.push(frame)
        yield from self._pull()

    def _pull(self) -> Iterator[TimedFrame]:
        assert self._graph is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            source = self._waiting.popleft()
            copy_color_tags(source.frame, frame)
            yield TimedFrame(source.pts, frame)

    def _drain(self) -> Iterator[TimedFrame]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph = None


def _filter_graph(frame: av.VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=INDEX_BASE)
    work = graph.add(*FILTER)
    sink = graph.add("buffersink")
    source.link_to(work)
    work.link_to(sink)
    graph.configure()
    return graph

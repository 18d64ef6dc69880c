"""A receiver of streams that are pushed to this machine."""

from __future__ import annotations

import threading

import av

from tests.stages.live.clock_video import read_clock


class Receiver(threading.Thread):
    """Receives one stream with FFmpeg's own server; `numbers` are the numbers that its frames show."""

    def __init__(self, url: str, most: int = 10_000) -> None:
        super().__init__(daemon=True)
        self.url, self.most = url, most
        self.numbers: list[int] = []
        self.start()

    def run(self) -> None:
        try:
            with av.open(self.url, options={"listen": "1", "analyzeduration": "500000"}, timeout=20) as stream:
                for frame in stream.decode(video=0):
                    self.numbers.append(read_clock(frame.to_ndarray(format="rgb24")))
                    if len(self.numbers) == self.most:
                        return
        except (av.FFmpegError, OSError):  # FFmpeg's server reports the end of a stream as an error
            return

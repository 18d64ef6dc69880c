"""Videos whose frames show the time at which they were made, and a local server that sends them live."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av
import numpy as np

BITS, BLOCK = 20, 16
WIDTH, HEIGHT, RATE = 5 * BLOCK * 4, 6 * BLOCK * 2, 25
"""320×192."""
CYCLE = 2**BITS
"""The clock in the frames wraps around after this many milliseconds (17 minutes)."""


def clock_image(seconds: float) -> np.ndarray:
    """A frame that shows a time: each bit of its milliseconds is a block of 32 × 32, white for 1, two rows of ten."""
    number = int(seconds * 1000) % CYCLE
    rgb = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    for bit in range(BITS):
        row, column = divmod(bit, 10)
        value = 235 if number >> bit & 1 else 16
        rgb[row * 32 : row * 32 + 32, column * 32 : column * 32 + 32] = value
    return rgb


def read_clock(rgb_HW3: np.ndarray) -> int:
    """The milliseconds that a frame shows, modulo CYCLE."""
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, 10)
        block = rgb_HW3[row * 32 + 8 : row * 32 + 24, column * 32 + 8 : column * 32 + 24]
        number |= int(block.mean() > 125) << bit
    return number


class Sink:
    """File object for a muxer that passes the bytes to a function."""

    def __init__(self, put: Callable[[bytes], Any]) -> None:
        self._put = put

    def write(self, data: bytes) -> int:
        self._put(bytes(data))
        return len(data)


def send_video(target: Any, stopped: threading.Event, *, form: str = "mpegts", options: dict | None = None) -> int:
    """Encode frames in real time into `target` (a file object or URL) until stopped; returns their number."""
    options = {"flush_packets": "1", **(options or {})}
    count = 0
    with av.open(target, "w", format=form, options=options) as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = RATE
        start = time.monotonic()
        while not stopped.is_set():
            frame = av.VideoFrame.from_ndarray(clock_image(time.time()), format="rgb24")
            frame.pts = count
            container.mux(stream.encode(frame))
            count += 1
            stopped.wait(max(0.0, start + count / RATE - time.monotonic()))
    return count


def free_port() -> int:
    """A TCP port that is not in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class VideoServer:
    """An HTTP server that sends an endless video to each client, and can be killed."""

    def __init__(self, port: int, send: Callable[[Any, threading.Event], Any] = send_video) -> None:
        self.port = port
        self._stopped = threading.Event()
        self._sockets: list[socket.socket] = []
        self._held = threading.Event()
        stopped, sockets, held = self._stopped, self._sockets, self._held

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/video.ts":
                    self.send_error(404)
                    return
                sockets.append(self.connection)
                self.send_response(200)
                self.send_header("Content-Type", "video/mp2t")
                self.end_headers()
                try:
                    send(Sink(lambda data: None if held.is_set() else self.wfile.write(data)), stopped)
                except (OSError, av.FFmpegError):  # the client has disconnected
                    return

            def log_message(self, *_: Any) -> None:
                return

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video.ts"

    def hold(self) -> None:
        """Send nothing more, but stay connected."""
        self._held.set()

    def kill(self) -> None:
        """Close all connections at once and stop listening."""
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    """`clock_video.py URL FORMAT`: send a video until killed. A process, because opening a URL cannot be cancelled."""
    send_video(sys.argv[1], threading.Event(), form=sys.argv[2])


if __name__ == "__main__":
    main()

"""A film of frames in memory that a notebook plays."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.stage import StageError
from stages.payloads import U8

TICKS_PER_S = 90_000
"""Of the film's time stamps: the clock of MPEG."""
MAX_BYTES = 100_000_000
"""A page with a larger film in it stops a browser."""


class Player:
    """Frames of `run` as an MP4 in memory, H.264 4:2:0, with their own times. A notebook shows it as a player.

    >>> from densepose_video import Player, run
    >>> player = Player(run("video", settings={"decode.max_size": 160, "decode.end": 0.2}))
    >>> player.frames, player.mp4[4:8], "<video" in player._repr_html_()
    (5, b'ftyp', True)
    """

    def __init__(self, frames: Iterable[Any]) -> None:
        """Encode them.

        Args:
            frames: `Frame`s of one film: rendered, or the original where nothing renders.

        Raises:
            StageError: there are none, their sizes differ, their times do not increase, or the film is too large.
        """
        self.frames = 0
        self.mp4 = self._encoded(frames)

    def save(self, path: str | Path) -> None:
        """Write the MP4 to a file."""
        Path(path).write_bytes(self.mp4)

    def _repr_html_(self) -> str:
        """A player with the film inside, as notebooks show it."""
        film = base64.b64encode(self.mp4).decode()
        return f'<video controls loop muted style="max-width:100%" src="data:video/mp4;base64,{film}"></video>'

    def _encoded(self, frames: Iterable[Any]) -> bytes:
        file = io.BytesIO()
        before = -1
        size: tuple[int, ...] = ()
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=25, options={"crf": "20", "preset": "veryfast"})
            stream.pix_fmt = "yuv420p"
            stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
            for frame in frames:
                rgb_HW3 = even_size(frame.rgb_HW3 if frame.overlay_HW3 is None else frame.overlay_HW3)
                if not size:
                    size = rgb_HW3.shape
                    stream.height, stream.width = size[:2]
                pts = round(frame.seconds * TICKS_PER_S)
                if rgb_HW3.shape != size or pts <= before:
                    what = "these frames are not of one film: their size changes, or their times do not increase"
                    raise StageError(what, f"frame {self.frames}", "make a player for each film")
                picture = av.VideoFrame.from_ndarray(rgb_HW3, format="rgb24")
                picture.pts, picture.time_base, before = pts, stream.codec_context.time_base, pts
                container.mux(stream.encode(picture))
                self.frames += 1
                if file.tell() > MAX_BYTES:
                    remedy = "show a part of the film, or write it: run_pipeline.py FILM -o OUT.mp4"
                    raise StageError(f"the film takes more than {MAX_BYTES // 1_000_000} MB", "", remedy)
            if not self.frames:
                raise StageError("there is no frame", "", "give the frames that run() yields")
            container.mux(stream.encode(None))
        return file.getvalue()


def even_size(rgb_HW3: U8) -> U8:
    """The image with its last row and column repeated where their number is odd: 4:2:0 halves colours."""
    height, width = rgb_HW3.shape[:2]
    odd = ((0, height % 2), (0, width % 2), (0, 0))
    return np.ascontiguousarray(np.pad(rgb_HW3, odd, mode="edge") if height % 2 or width % 2 else rgb_HW3)

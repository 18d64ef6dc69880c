"""Videos whose audio clicks at known times, and a detector of clicks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from stages.video.encoding.thread_priority import thread_priority_kept
from tests.stages.video.numbered_videos import numbered

RATE = 48_000
FRAMES = 25
"""A second of video."""


def video_with_clicks(path: Path, seconds: int, *, audio: str = "aac", clicks: Sequence[float] = ()) -> Path:
    """Write numbered frames, and a click 0.5 s after each full second or at the given times."""
    times = clicks or [second + 0.5 for second in range(seconds)]
    wave = np.zeros(seconds * RATE, np.int16)
    tone = (np.sin(2 * np.pi * 1000 * np.arange(480) / RATE) * 20_000).astype(np.int16)
    for time in times:
        wave[round(time * RATE) : round(time * RATE) + len(tone)] = tone
    with thread_priority_kept(), av.open(str(path), "w") as output:
        video: Any = output.add_stream("libx264", rate=FRAMES, options={"crf": "20", "bf": "2", "g": "40"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track: Any = output.add_stream(audio, rate=RATE, layout="mono")
        packets = [packet for i in range(seconds * FRAMES) for packet in video.encode(_frame(i))]
        packets += video.encode(None)
        packets += [packet for frame in _frames(wave, track.codec_context) for packet in track.encode(frame)]
        packets += track.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def _frame(number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(numbered(number % 256), format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, FRAMES)
    return frame


def _frames(wave: np.ndarray, context: Any) -> list[av.AudioFrame]:
    size = context.frame_size or 1024
    resampler = av.AudioResampler(format=context.format, layout="mono", rate=RATE, frame_size=size)
    made = []
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        made += resampler.resample(frame)
    return made + resampler.resample(None)


def clicks_in(path: Path, *, by_clock: bool = True) -> list[float]:
    """Times at which clicks begin, seconds.

    Args:
        by_clock: True places each audio frame at its time stamp; False places it after the one before, as players do
            that ignore the time stamps of sound.
    """
    times: list[float] = []
    clock: float | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            wave = frame.to_ndarray().astype(np.float64)
            wave = wave[0] if frame.format.is_planar else wave[0, :: frame.layout.nb_channels]
            wave = wave / 32768 if frame.format.name.startswith("s16") else wave
            begin = float(frame.time or 0) if by_clock or clock is None else clock
            clock = begin + len(wave) / frame.sample_rate
            for sample in np.nonzero(np.abs(wave) > 0.12)[0]:
                time = begin + sample / frame.sample_rate
                if not times or time - times[-1] > 0.2:
                    times.append(time)
    return times

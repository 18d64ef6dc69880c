"""Sound that does not fit its new container: decoded and encoded again, at the same times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
from av.audio.stream import AudioStream

RATES = {"libopus": (48_000,), "libmp3lame": (44_100, 48_000, 32_000, 22_050, 24_000, 16_000, 11_025, 12_000, 8_000)}
"""Samples a second that an encoder takes; one that is not listed takes all."""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""By number of channels; files often do not say more. Other numbers become stereo."""
MAX_CHANNELS = {"libmp3lame": 2}


SILENT_FROM_S = Fraction(1, 10)
"""A hole of this length or longer is filled with silence; shorter ones are clocks that are rounded."""
SILENT_TO_S = 3600
"""A hole of more than an hour is a clock that jumped."""


class AudioEncoder:
    """Packets of one sound stream in, packets of another codec out.

    What it makes has no holes, since not every container tells where one is.
    """

    def __init__(
        self, source: AudioStream, output: av.container.OutputContainer, codec: str, begin: Fraction | None = None
    ) -> None:
        """Add the new stream to `output`.

        Args:
            begin: seconds on the input's clock where the sound has to begin; None = where it does.

        Raises ValueError or FFmpegError where the source cannot be decoded.
        """
        context = source.codec_context
        if context is None or not context.sample_rate:
            raise ValueError("no decoder" if context is None else "it says nothing of itself")
        rate = context.sample_rate
        if codec in RATES and rate not in RATES[codec]:
            rate = RATES[codec][0]
        channels = context.layout.nb_channels
        layout = LAYOUTS.get(channels, "stereo") if channels <= MAX_CHANNELS.get(codec, 8) else "stereo"
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        self.stream = stream
        self._decoder = context
        self._codec = stream.codec_context
        self._codec.time_base = Fraction(1, rate)
        self._rate = rate
        self._resampler: av.AudioResampler | None = None
        self._clock: int | None = None
        self._taken = 0
        if begin is not None:
            self._clock = self._taken = round(begin * rate)
        self.damaged = 0

    def __call__(self, packet: av.Packet | None) -> list[av.Packet]:
        """Packets that are ready after this one; None = the end of the sound."""
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            frames = []
        made = [new for frame in frames for new in self._encode(frame)]
        if packet is None:
            made += [new for frame in self._resampled(None) for new in self._paced(frame)]
            made += self._codec.encode(None)
        for new in made:
            new.stream = self.stream
        return made

    def _encode(self, frame: av.AudioFrame) -> list[av.Packet]:
        begin = None if frame.time is None else round(frame.time * self._rate)
        if self._clock is None:
            self._clock = self._taken = begin or 0
        hole = 0 if begin is None else begin - self._taken
        made = []
        if SILENT_FROM_S * self._rate <= hole <= SILENT_TO_S * self._rate:
            made = [packet for silent in silence(frame, hole / self._rate) for packet in self._add(silent)]
            self._taken += hole
        self._taken += round(frame.samples * self._rate / frame.sample_rate)
        return made + self._add(frame)

    def _add(self, frame: av.AudioFrame) -> list[av.Packet]:
        frame.pts = None
        return [packet for part in self._resampled(frame) for packet in self._paced(part)]

    def _resampled(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        if self._resampler is None:
            if frame is None:
                return []
            self._resampler = av.AudioResampler(
                format=self._codec.format,
                layout=self._codec.layout,
                rate=self._rate,
                frame_size=self._codec.frame_size or 1024,
            )
        return self._resampler.resample(frame)

    def _paced(self, frame: av.AudioFrame) -> list[av.Packet]:
        """Encode one frame at the running sample clock."""
        frame.pts, frame.time_base = self._clock, Fraction(1, self._rate)
        self._clock = (self._clock or 0) + frame.samples
        return self._codec.encode(frame)


def silence(like: av.AudioFrame, seconds: float) -> Iterator[av.AudioFrame]:
    """Frames in which nothing is heard, of the same kind as another one, at most a second each."""
    left = round(seconds * like.sample_rate)
    while left > 0:
        frame = av.AudioFrame(format=like.format, layout=like.layout, samples=min(left, like.sample_rate))
        # Unsigned samples rest in the middle of their range.
        rest = b"\x80" if like.format.name in ("u8", "u8p") else b"\0"
        for plane in frame.planes:
            plane.update(rest * plane.buffer_size)
        frame.sample_rate = like.sample_rate
        left -= frame.samples
        yield frame

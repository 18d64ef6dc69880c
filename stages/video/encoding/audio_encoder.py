"""Transcoding of audio that the output's container cannot hold, with the same timing."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
from av.audio.stream import AudioStream

RATES = {
    "libopus": (48_000,),
    "libmp3lame": (44_100, 48_000, 32_000, 22_050, 24_000, 16_000, 11_025, 12_000, 8_000),
    "aac": (48_000, 96_000, 88_200, 64_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
}
"""Sample rates that an encoder supports; sound of another rate gets the first."""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Channel layouts by number of channels, which is all that many files state; other numbers become stereo."""
MAX_CHANNELS = {"libmp3lame": 2}
MIN_SILENCE_S = Fraction(1, 10)
"""Gaps of at least this duration are filled with silence; shorter ones come from rounded clocks."""
MAX_SILENCE_S = 3600
"""Longer gaps are jumps of the clock and are not filled."""


class AudioEncoder:
    """Converts packets of one audio stream to packets of another codec.

    Fills gaps with silence, because some containers have no time stamps for audio.
    """

    def __init__(
        self, source: AudioStream, output: av.container.OutputContainer, codec: str, begin: Fraction | None = None
    ) -> None:
        """Add the new stream to `output`.

        Args:
            begin: start of the output's audio, in seconds of the input's clock; None = the start of the input's audio.

        Raises ValueError or FFmpegError if the source cannot be decoded.
        """
        context = source.codec_context
        if context is None or not context.sample_rate:
            raise ValueError("no decoder" if context is None else "no sample rate")
        rate = context.sample_rate
        rate = rate if rate in RATES[codec] else RATES[codec][0]
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
        self._samples_in = Fraction(0)
        if begin is not None:
            self._clock, self._samples_in = round(begin * rate), begin * rate

    def __call__(self, packet: av.Packet | None) -> list[av.Packet]:
        """Encoded packets that are complete after this one; None = the end of the stream."""
        try:
            frames = self._decoder.decode(packet)
        except av.FFmpegError:
            frames = []
        encoded = [new for frame in frames for new in self._encode(frame)]
        if packet is None:
            encoded += [new for frame in self._resample(None) for new in self._encode_resampled(frame)]
            encoded += self._codec.encode(None)
        for new in encoded:
            new.stream = self.stream
        return encoded

    def _encode(self, frame: av.AudioFrame) -> list[av.Packet]:
        begin = None if frame.time is None else round(frame.time * self._rate)
        if self._clock is None:
            self._clock, self._samples_in = begin or 0, Fraction(begin or 0)
        gap = 0 if begin is None else begin - self._samples_in
        filled = []
        if MIN_SILENCE_S * self._rate <= gap <= MAX_SILENCE_S * self._rate:
            filled = [packet for silent in silence(frame, float(gap / self._rate)) for packet in self._add(silent)]
            self._samples_in += gap
        self._samples_in += Fraction(frame.samples * self._rate, frame.sample_rate)
        return filled + self._add(frame)

    def _add(self, frame: av.AudioFrame) -> list[av.Packet]:
        frame.pts = None
        return [packet for part in self._resample(frame) for packet in self._encode_resampled(part)]

    def _resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
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

    def _encode_resampled(self, frame: av.AudioFrame) -> list[av.Packet]:
        """Encode one frame with a time stamp by the number of samples so far."""
        frame.pts, frame.time_base = self._clock, Fraction(1, self._rate)
        self._clock = (self._clock or 0) + frame.samples
        return self._codec.encode(frame)


def silence(like: av.AudioFrame, seconds: float) -> Iterator[av.AudioFrame]:
    """Silent frames in the format of another frame, at most one second each."""
    left = round(seconds * like.sample_rate)
    while left > 0:
        frame = av.AudioFrame(format=like.format, layout=like.layout, samples=min(left, like.sample_rate))
        # Silence is the middle of the range of unsigned samples.
        rest = b"\x80" if like.format.name in ("u8", "u8p") else b"\0"
        for plane in frame.planes:
            plane.update(rest * plane.buffer_size)
        frame.sample_rate = like.sample_rate
        left -= frame.samples
        yield frame

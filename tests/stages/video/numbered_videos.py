"""Small videos with known content: every frame shows its number, so that tests can read order and count."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from stages.video.encoding.thread_priority import thread_priority_kept

U8 = npt.NDArray[np.uint8]

BITS = 8
CELL = 8
WIDTH, HEIGHT = BITS * CELL, 48


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> U8:
    """A grey frame whose upper cells show `number` in black and white, least significant bit first."""
    image = np.full((height, width, 3), 110, np.uint8)
    for bit in range(BITS):
        image[: 2 * CELL, bit * CELL : (bit + 1) * CELL] = 220 if number >> bit & 1 else 30
    return image


def number_in(rgb_HW3: U8) -> int:
    """The number that a frame of `numbered` shows."""
    cells = [rgb_HW3[4:12, bit * CELL + 2 : (bit + 1) * CELL - 2].mean() > 125 for bit in range(BITS)]
    return sum(int(on) << bit for bit, on in enumerate(cells))


def write_video(
    path: Path,
    images: Sequence[U8],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 30),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    tags: tuple[int, int, int, int] | None = None,
    audio: Sequence[str] = (),
    muxer_options: dict[str, str] | None = None,
    **metadata: str,
) -> Path:
    """Encode frames into a file; its suffix selects the container.

    Args:
        pts: in ticks of time_base; 0, 1, 2 … when left out.
        tags: primaries, transfer, matrix, range.
        audio: encoders of audio streams, each as long as the video.
    """
    times = list(range(len(images))) if pts is None else list(pts)
    with thread_priority_kept(), av.open(str(path), "w", options=muxer_options or {}) as output:
        stream: Any = output.add_stream(
            codec,
            rate=30,
            options=options or {"crf": "12", "bf": "2", "g": "12"} if codec == "libx264" else options or {},
        )
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        context.time_base = time_base
        if aspect:
            context.sample_aspect_ratio = aspect
        if tags:
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        if rotation:
            stream.set_display_rotation(rotation)
        tracks = [_audio_stream(output, name, i) for i, name in enumerate(audio)]
        output.metadata.update(metadata)
        for image, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            if tags:
                frame = frame.reformat(format=pix_fmt, dst_colorspace=tags[2], dst_color_range=tags[3])
            frame.pts, frame.time_base = time, time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        seconds = float((times[-1] + 1) * time_base)
        for i, track in enumerate(tracks):
            _write_tone(output, track, seconds, 300 + 200 * i)
    return path


def _audio_stream(output: Any, codec: str, index: int) -> Any:
    track = output.add_stream(codec, rate=48_000, layout="mono" if index else "stereo")
    track.metadata["language"] = ("eng", "deu", "fra")[index]
    return track


def _write_tone(output: Any, track: Any, seconds: float, hertz: float) -> None:
    context = track.codec_context
    total, size = int(seconds * 48_000), 1024
    tone = (np.sin(np.arange(total) * hertz * 2 * np.pi / 48_000) * 8000).astype(np.int16)
    channels = context.layout.nb_channels
    fifo = av.AudioResampler(
        format=context.format, layout=context.layout, rate=48_000, frame_size=context.frame_size or size
    )
    for start in range(0, total, size):
        part = np.repeat(tone[start : start + size], channels)[None]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout=context.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        for ready in fifo.resample(frame):
            output.mux(context_encode(track, ready))
    for ready in fifo.resample(None):
        output.mux(context_encode(track, ready))
    output.mux(track.encode(None))


def context_encode(track: Any, frame: Any) -> Any:
    """Packets of one audio frame."""
    return track.encode(frame)


def frames_of(path: Path | str) -> list[tuple[Fraction, U8]]:
    """(seconds, RGB) of every frame of a file, decoded by PyAV without the pipeline."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(f.pts * Fraction(stream.time_base), f.to_ndarray(format="rgb24")) for f in container.decode(stream)]


def times_of(path: Path | str) -> list[Fraction]:
    """Time of every frame of a file, in seconds."""
    return [time for time, _ in frames_of(path)]


def audio_packets(path: Path | str) -> dict[int, list[bytes]]:
    """Payloads of the packets of each audio stream, by the index of the stream."""
    with av.open(str(path)) as container:
        streams = list(container.streams.audio)
        order = {stream.index: i for i, stream in enumerate(streams)}
        packets: dict[int, list[bytes]] = {i: [] for i in range(len(streams))}
        for packet in container.demux(streams) if streams else ():
            if packet.size:
                packets[order[packet.stream_index]].append(bytes(packet))
        return packets

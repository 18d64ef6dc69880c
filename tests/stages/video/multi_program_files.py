"""Files with several programs: transport streams with two programs, HLS and DASH with variants."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.stages.video.numbered_videos import numbered

PACKET = 188
RATE = 48_000


def small_video(
    path: Path,
    size: tuple[int, int],
    hertz: float | None,
    *,
    seconds: int = 2,
    tone_seconds: float | None = None,
    reordered: int = 0,
    muxer: dict[str, str] | None = None,
) -> Path:
    """A video of numbered frames of a size, with a tone or without audio.

    Args:
        tone_seconds: duration of the tone; None = that of the video.
        reordered: B-frames in a row.
    """
    width, height = size
    with av.open(str(path), "w", options=muxer or {}) as output:
        video: Any = output.add_stream("libx264", rate=25, options={"crf": "20", "bf": str(reordered), "g": "25"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        track: Any = None if hertz is None else output.add_stream("aac", rate=RATE, layout="mono")
        packets = [p for i in range(25 * seconds) for p in video.encode(_picture(i, width, height))]
        packets += video.encode(None)
        if hertz is not None:
            packets += [p for frame in _tone(hertz, tone_seconds or seconds) for p in track.encode(frame)]
            packets += track.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def _picture(number: int, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(numbered(number, width, height), format="rgb24")
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def _tone(hertz: float, seconds: float) -> list[av.AudioFrame]:
    wave = (np.sin(np.arange(round(seconds * RATE)) * hertz * 2 * np.pi / RATE) * 0.3).astype(np.float32)
    frames = []
    for start in range(0, len(wave) - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        frames.append(frame)
    return frames


def loudest_tone(path: Path) -> int:
    """Frequency of the tone in a file's first audio stream, in hertz."""
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray()[0] for frame in container.decode(container.streams.audio[0])]
    wave = np.concatenate(parts).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(wave[4800 : 4800 + RATE]))
    return int(spectrum.argmax())


def two_programs(folder: Path, videos: Sequence[tuple[tuple[int, int], float | None]]) -> Path:
    """A transport stream with a program for each video: (size, hertz of its tone)."""
    parts, table = [], b""
    for number, (size, hertz) in enumerate(videos, start=1):
        numbers = {
            "mpegts_service_id": str(number),
            "mpegts_pmt_start_pid": str(0x20 + number * 0x100),
            "mpegts_start_pid": str(0x30 + number * 0x100),
        }
        data = small_video(folder / f"programme{number}.ts", size, hertz, muxer=numbers).read_bytes()
        packets = [data[i : i + PACKET] for i in range(0, len(data), PACKET)]
        # Remove each program's own list of programs, and the names of the services.
        parts.append([packet for packet in packets if packet[2] | (packet[1] & 0x1F) << 8 not in (0, 17)])
        table += struct.pack(">HH", number, 0xE000 | 0x20 + number * 0x100)
    section = b"\x00" + struct.pack(">H", 0xB000 | 5 + len(table) + 4) + b"\x00\x01\xc1\x00\x00" + table
    section += struct.pack(">I", _crc(section))
    first = (b"\x47\x40\x00\x10\x00" + section).ljust(PACKET, b"\xff")
    mixed = chain.from_iterable(zip_longest(*parts, fillvalue=b""))
    path = folder / "programs.ts"
    path.write_bytes(first + b"".join(mixed))
    return path


def _crc(data: bytes) -> int:
    """CRC-32 of ISO/IEC 13818-1, annex A."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value


def hls_variants(folder: Path, videos: Sequence[tuple[tuple[int, int], float | None]], *, rates: Sequence[int]) -> Path:
    """A master playlist of videos: (size, hertz of its tone), each with its stated bit rate."""
    lines = ["#EXTM3U"]
    for number, ((size, hertz), rate) in enumerate(zip(videos, rates, strict=True)):
        small_video(folder / f"v{number}.ts", size, hertz)
        _playlist(folder / f"v{number}.m3u8", f"v{number}.ts")
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={size[0]}x{size[1]}", f"v{number}.m3u8"]
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")
    return folder / "master.m3u8"


def hls_with_shared_audio(folder: Path, sizes: Sequence[tuple[int, int]], tones: dict[str, float]) -> Path:
    """A master playlist whose variants share audio in several languages; the first is the default."""
    lines = ["#EXTM3U"]
    for number, (language, hertz) in enumerate(tones.items()):
        with av.open(str(folder / f"{language}.ts"), "w") as output:
            track: Any = output.add_stream("aac", rate=RATE, layout="mono")
            for packet in [p for frame in _tone(hertz, 2) for p in track.encode(frame)] + track.encode(None):
                output.mux(packet)
        _playlist(folder / f"{language}.m3u8", f"{language}.ts")
        default = "NO" if number else "YES"
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="{language}",LANGUAGE="{language}",'
            f'DEFAULT={default},AUTOSELECT=YES,URI="{language}.m3u8"'
        )
    for number, size in enumerate(sizes):
        small_video(folder / f"v{number}.ts", size, None)
        _playlist(folder / f"v{number}.m3u8", f"v{number}.ts")
        lines += [f'#EXT-X-STREAM-INF:BANDWIDTH=50000,RESOLUTION={size[0]}x{size[1]},AUDIO="a"', f"v{number}.m3u8"]
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")
    return folder / "master.m3u8"


def _playlist(path: Path, segment: str) -> None:
    head = ("#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0", "#EXTINF:2.0,")
    path.write_text("\n".join((*head, segment, "#EXT-X-ENDLIST", "")))

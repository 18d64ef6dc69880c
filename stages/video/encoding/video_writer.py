"""One video being written: frames into segments, segments into a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

from pipeline.stage import StageError
from stages.payloads import U8, SegmentWritten, VideoInfo
from stages.video.decoding.color_conversion import RGB_TAGS, ColorTags
from stages.video.decoding.timestamps import nominal_ticks
from stages.video.encoding.codec_options import Preset, encoder_options, with_memory_bounded
from stages.video.encoding.concatenation import ConcatenatedVideo, concatenate_segments
from stages.video.encoding.containers import (
    ASPECT_IN_STREAM,
    FULL_RANGE_ONLY,
    ODD_SIZES,
    Container,
    container_for,
    encoder_for,
    pixel_format,
)
from stages.video.encoding.segment_encoder import EncoderSpec, SegmentEncoder, check_encoder, encoder_rate
from stages.video.encoding.segment_manifest import Segment, read_manifest, truncate_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoWriterSettings:
    """The user's wishes; see `Encode.Config`.

    `pixels`: FFmpeg's pixel format; None = the encoder's nearest to yuv420p. With one named, pictures keep their size.
    """

    codec: str | None
    crf: float | None
    preset: Preset
    segment_frames: int
    threads: int
    pixels: str | None = None


class VideoWriter:
    """Frames of one stream in, `draft` out; everything lies in one working folder."""

    def __init__(self, folder: Path, path: str, video: VideoInfo, settings: VideoWriterSettings) -> None:
        """Args: path: the final name, which says the container and is named in errors.

        Raises:
            StageError: unknown container or codec, or one that does not fit the other.
        """
        self._folder = folder
        self._path = path
        self._video = video
        self._container = container_for(path)
        self._length = settings.segment_frames
        self._spec = encoder_spec(video, self._container, settings, path)
        check_encoder(self._spec, self._container, path)
        self._segments: list[Segment] = []
        self._open: SegmentEncoder | None = None
        self._unannounced: list[Segment] = []
        self._notes: list[str] = []
        self._first_pts: int | None = None
        self.draft = folder / f"joined{Path(path).suffix.lower()}"

    @property
    def frames(self) -> int:
        """Frames taken so far."""
        return sum(len(segment.pts) for segment in self._segments) + (len(self._open) if self._open else 0)

    def add(self, rgb_HW3: U8, pts: int) -> None:
        """Encode the next frame; closes the segment that it fills.

        Raises:
            StageError: the container needs frames of equal length and this one is not.
        """
        self._check_rate(pts)
        if self._open is None:
            self._open = SegmentEncoder(self._folder, len(self._segments), self.frames, self._spec)
        self._open.add(rgb_HW3, pts)
        if len(self._open) == self._length:
            self._close_segment()

    def note(self, sentence: str) -> None:
        """Remember something that people must know about the file; the same sentence counts once."""
        if sentence not in self._notes:
            self._notes.append(sentence)

    def committed(self) -> Iterator[SegmentWritten]:
        """Segments that became whole, once no frame lies outside of one: a restart can then go on right here."""
        if self._open is None:
            for segment in self._unannounced:
                yield SegmentWritten(
                    path=str(self._folder / segment.name), first=segment.first, frames=len(segment.pts)
                )
            self._unannounced.clear()

    def finish(self, *, early: bool = False) -> ConcatenatedVideo:
        """Close the last segment and join all of them into `draft`; early: sound ends where the video does."""
        if self._open is not None:
            self._close_segment()
        until = None
        if early:
            last = Fraction(self._segments[-1].pts[-1])
            until = (last + nominal_ticks(self._video.rate, self._video.time_base)) * self._video.time_base
        joined = concatenate_segments(
            self._folder, self._segments, self._spec, self._video, self._container, self.draft, until=until
        )
        joined.warnings.extend([*self._size_said(), *self._notes])
        return joined

    def state(self) -> bytes:
        """Number of whole segments and what is to be said of the file, as JSON."""
        return json.dumps({"segments": len(self._segments), "notes": self._notes}).encode()

    def restore(self, state: bytes) -> None:
        """Take up the whole segments that a state names.

        Raises:
            StageError: they are no longer there.
        """
        if not state:
            return
        kept = json.loads(state)
        self._segments = truncate_manifest(self._folder, kept["segments"])
        self._notes = kept["notes"]
        self._first_pts = self._segments[0].pts[0] if self._segments else None

    def take_up_all(self) -> None:
        """Take up every segment that is whole on the disk, whatever a state says."""
        found = read_manifest(self._folder)
        self._segments = list(takewhile(lambda segment: (self._folder / segment.name).is_file(), found))

    def close(self) -> None:
        """Give up the open segment and a file that was not joined to its end; whole segments stay."""
        self.draft.unlink(missing_ok=True)
        if self._open is not None:
            self._open.discard()
            self._open = None

    def _close_segment(self) -> None:
        assert self._open is not None
        segment = self._open.finish()
        self._open = None
        self._segments.append(segment)
        self._unannounced.append(segment)

    def _check_rate(self, pts: int) -> None:
        if not self._container.constant_rate:
            return
        self._first_pts = pts if self._first_pts is None else self._first_pts
        nominal = nominal_ticks(self._video.rate, self._video.time_base)
        if abs(pts - self._first_pts - self.frames * nominal) * 2 > nominal:
            raise StageError(
                f"{self._container.name.upper()} cannot hold frames of unequal length, and this video has "
                f"them from frame {self.frames} on",
                self._path,
                "write an .mp4 or .mkv file instead",
            )

    def _size_said(self) -> list[str]:
        spec, video = self._spec, self._video
        said = []
        if spec.picture != (video.width, video.height):
            said.append(
                f"{self._container.name} with {spec.codec} cannot store pixels that are not square; frames of "
                f"{video.width}×{video.height} are stretched to {spec.picture[0]}×{spec.picture[1]}"
            )
        if spec.picture != (spec.width, spec.height):
            said.append(
                f"{spec.picture[0]}×{spec.picture[1]} is odd, which {spec.codec} cannot store; the last column "
                f"or row is repeated to {spec.width}×{spec.height}"
            )
        return said


def encoder_spec(video: VideoInfo, container: Container, settings: VideoWriterSettings, path: str) -> EncoderSpec:
    """What decides the bytes of the segments. Raises StageError where codec and container do not fit."""
    codec = encoder_for(settings.codec, container, path)
    square = container.name in ("matroska", "webm") and codec not in ASPECT_IN_STREAM
    width, height = square_size(video) if square else (video.width, video.height)
    pixels = settings.pixels or pixel_format(codec)
    odd = 0 if codec in ODD_SIZES or settings.pixels else 1
    tags = (
        RGB_TAGS
        if "rgb" in pixels or "bgr" in pixels
        else ColorTags(
            primaries=video.color_primaries,
            trc=video.color_trc,
            matrix=video.colorspace,
            full_range=video.full_range or codec in FULL_RANGE_ONLY,
        )
    )
    wishes = encoder_options(codec, settings.crf, settings.preset, reorder=not container.constant_rate)
    return EncoderSpec(
        codec=codec,
        options=with_memory_bounded(wishes, codec, width * height),
        picture=(width, height),
        width=width + width % 2 * odd,
        height=height + height % 2 * odd,
        pix_fmt=pixels,
        rate=encoder_rate(video.rate),
        sample_aspect=Fraction(1) if square else video.sample_aspect,
        tags=tags,
        threads=settings.threads,
    )


def square_size(video: VideoInfo) -> tuple[int, int]:
    """Width and height that show the video in its shape with square pixels, neither side smaller than before."""
    aspect = video.sample_aspect
    if aspect >= 1:
        return round(video.width * aspect), video.height
    return video.width, round(video.height / aspect)

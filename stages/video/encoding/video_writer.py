"""The video writer: encodes frames into segments, and concatenates these into the output file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

from models.time_steps import nominal_ticks
from pipeline.stage import StageError
from stages.payloads import U8, SegmentWritten, VideoInfo
from stages.video.decoding.color_conversion import RGB_TAGS, ColorTags
from stages.video.encoding.codec_options import Preset, encoder_options, with_memory_bounded
from stages.video.encoding.concatenation import ConcatenatedVideo, concatenate_segments
from stages.video.encoding.containers import ASPECT_IN_STREAM, FULL_RANGE_ONLY, ODD_SIZES, Container, container_for
from stages.video.encoding.encoder_choice import encoder_for, pixel_format
from stages.video.encoding.segment_encoder import EncoderSpec, SegmentEncoder, check_encoder, encoder_rate
from stages.video.encoding.segment_manifest import Segment, read_manifest, truncate_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoWriterSettings:
    """Settings of the user; see `Encode.Config`.

    `pixels`: FFmpeg's pixel format; None = the encoder's nearest to yuv420p. A named format keeps odd frame sizes.
    `provenance`: what the file states about its making.
    """

    codec: str | None
    crf: float | None
    preset: Preset
    segment_frames: int
    threads: int
    pixels: str | None = None
    provenance: str = ""


class VideoWriter:
    """Writes the frames of one stream to `draft`, a file in the working folder."""

    def __init__(self, folder: Path, path: str, video: VideoInfo, settings: VideoWriterSettings) -> None:
        """Args: path: the output's final name: its suffix selects the container, and errors name it.

        Raises:
            StageError: unknown container or codec, or a container that cannot hold the codec.
        """
        self._folder = folder.absolute()  # FFmpeg takes the begin of a relative path such as take:1.mp4 for a protocol
        self._path = path
        self._video = video
        self._container = container_for(path)
        self._length = settings.segment_frames
        self._provenance = settings.provenance
        self._spec = encoder_spec(video, self._container, settings, path)
        check_encoder(self._spec, self._container, path)
        self._segments: list[Segment] = []
        self._open: SegmentEncoder | None = None
        self._uncommitted: list[Segment] = []
        self._warnings: list[str] = []
        self._first_pts: int | None = None
        self.draft = self._folder / f"joined{Path(path).suffix.lower()}"

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return sum(len(segment.pts) for segment in self._segments) + (len(self._open) if self._open else 0)

    def add(self, rgb_HW3: U8, pts: int) -> None:
        """Encode the next frame; close the segment when it is full.

        Raises:
            StageError: the container needs frames of equal duration and this one differs.
        """
        self._check_rate(pts)
        if self._open is None:
            self._open = SegmentEncoder(self._folder, len(self._segments), self.frames, self._spec)
        self._open.add(rgb_HW3, pts)
        if len(self._open) == self._length:
            self._close_segment()

    def warn(self, warning: str) -> None:
        """Add a warning about the output; the same warning is added once."""
        if warning not in self._warnings:
            self._warnings.append(warning)

    def committed(self) -> Iterator[SegmentWritten]:
        """Receipts of new complete segments, when no segment is open: a restart can then resume here."""
        if self._open is None:
            for segment in self._uncommitted:
                yield SegmentWritten(
                    path=str(self._folder / segment.name), first=segment.first, frames=len(segment.pts)
                )
            self._uncommitted.clear()

    def close_open_segment(self) -> Iterator[SegmentWritten]:
        """Close the open segment, full or not; yields its receipt. The next frame begins another one."""
        if self._open is not None:
            self._close_segment()
        yield from self.committed()

    def finish(self, *, early: bool = False) -> ConcatenatedVideo:
        """Close the last segment and concatenate all into `draft`; early: audio ends with the video."""
        if self._open is not None:
            self._close_segment()
        until = None
        if early:
            last = Fraction(self._segments[-1].pts[-1])
            until = (last + nominal_ticks(self._video.rate, self._video.time_base)) * self._video.time_base
        result = concatenate_segments(
            self._folder,
            self._segments,
            self._spec,
            self._video,
            self._container,
            self.draft,
            until=until,
            provenance=self._provenance,
        )
        result.warnings.extend([*self._size_warnings(), *self._warnings])
        return result

    def state(self) -> bytes:
        """Number of complete segments, and warnings, as JSON."""
        return json.dumps({"segments": len(self._segments), "notes": self._warnings}).encode()

    def restore(self, state: bytes) -> None:
        """Resume after the complete segments of a state.

        Raises:
            StageError: segments are missing.
        """
        if not state:
            return
        kept = json.loads(state)
        self._segments = truncate_manifest(self._folder, kept["segments"])
        self._warnings = kept["notes"]
        self._first_pts = self._segments[0].pts[0] if self._segments else None

    def restore_all(self) -> None:
        """Use every complete segment on the disk, without a state."""
        listed = read_manifest(self._folder)
        self._segments = list(takewhile(lambda segment: (self._folder / segment.name).is_file(), listed))

    def close(self) -> None:
        """Discard the open segment and an unfinished draft; complete segments stay."""
        self.draft.unlink(missing_ok=True)
        if self._open is not None:
            self._open.discard()
            self._open = None

    def _close_segment(self) -> None:
        assert self._open is not None
        segment = self._open.finish()
        self._open = None
        self._segments.append(segment)
        self._uncommitted.append(segment)

    def _check_rate(self, pts: int) -> None:
        if not self._container.constant_rate:
            return
        self._first_pts = pts if self._first_pts is None else self._first_pts
        nominal = nominal_ticks(self._video.rate, self._video.time_base)
        if abs(pts - self._first_pts - self.frames * nominal) * 2 > nominal:
            raise StageError(
                f"{self._container.name.upper()} cannot hold frames of different durations, and this video has "
                f"them from frame {self.frames} on",
                self._path,
                "write an .mp4 or .mkv file instead",
            )

    def _size_warnings(self) -> list[str]:
        spec, video = self._spec, self._video
        warnings = []
        if spec.frame_size != (video.width, video.height):
            warnings.append(
                f"{self._container.name} with {spec.codec} cannot store non-square pixels; frames of "
                f"{video.width}×{video.height} are stretched to {spec.frame_size[0]}×{spec.frame_size[1]}"
            )
        if spec.frame_size != (spec.width, spec.height):
            warnings.append(
                f"{spec.codec} cannot store the odd size {spec.frame_size[0]}×{spec.frame_size[1]}; the last column "
                f"or row is repeated to fill {spec.width}×{spec.height}"
            )
        return warnings


def encoder_spec(video: VideoInfo, container: Container, settings: VideoWriterSettings, path: str) -> EncoderSpec:
    """All settings of the encoder. Raises StageError if the container cannot hold the codec."""
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
    options = encoder_options(codec, settings.crf, settings.preset, reorder=not container.constant_rate)
    return EncoderSpec(
        codec=codec,
        options=with_memory_bounded(options, codec, width * height),
        frame_size=(width, height),
        width=width + width % 2 * odd,
        height=height + height % 2 * odd,
        pix_fmt=pixels,
        rate=encoder_rate(video.rate),
        sample_aspect=Fraction(1) if square else video.sample_aspect,
        tags=tags,
        threads=settings.threads,
    )


def square_size(video: VideoInfo) -> tuple[int, int]:
    """Width and height of the video with square pixels in the same shape; no side gets smaller."""
    aspect = video.sample_aspect
    if aspect >= 1:
        return round(video.width * aspect), video.height
    return video.width, round(video.height / aspect)

"""A video file as upright RGB frames with repaired time stamps: all steps of decoding."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
import av.video.stream

from models.arrays import U8
from models.files.png_text import left_out_text
from models.time_steps import nominal_ticks
from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.video.decoding.color_conversion import ToRgb, tags_of
from stages.video.decoding.container_crop import container_crop
from stages.video.decoding.deinterlacing import Deinterlacer, TimedFrame
from stages.video.decoding.demuxing import (
    frame_rate,
    is_single_image,
    open_container,
    shown_ticks,
    stated_frames,
    stores_pts,
    stream_seconds,
)
from stages.video.decoding.error_resilient_decoder import ErrorResilientDecoder, video_decoder
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.hdr_tone_mapping import HDR_NAMES, SDR_TAGS, ToneMap, is_hdr
from stages.video.decoding.orientation import (
    UPRIGHT,
    Orientation,
    display_matrix,
    is_quarter_turn,
    orientation_of_matrix,
)
from stages.video.decoding.paths_and_urls import is_url
from stages.video.decoding.resizing import size_within
from stages.video.decoding.seeking import SEEK_FROM_S, can_seek_accurately, seek_accurately
from stages.video.decoding.stream_selection import default_video_stream, discard_other_streams, has_other_programs
from stages.video.decoding.timestamps import PtsRepair


class VideoFrames:
    """Frames of one video: iterate once for `(pts, rgb_HW3)`.

    `video` is set from the first frame on; `index` is the number of the last yielded frame in the whole video, from 0.
    """

    def __init__(
        self,
        path: str,
        selection: FrameSelection,
        *,
        max_size: int | None = None,
        slice_threads: int = 1,
        frame_threads: int = 0,
    ) -> None:
        """Open the file.

        Args:
            max_size: maximum length of the longer side in pixels, or None.
            slice_threads: threads for the slices of one frame.
            frame_threads: frames decoded in parallel; 0 = one at a time, which loses no frames of a damaged file.

        Raises:
            StageError: the file is no video, or has no video stream.
        """
        self.warnings: list[str] = []
        self.video: VideoInfo | None = None
        self.index = 0
        self._path = path
        self._selection = selection
        self._max_size = max_size
        self._threads = slice_threads, frame_threads
        self._open()
        self._time_base = Fraction(self._stream.time_base or Fraction(1, 90_000))
        self._rate = frame_rate(self._stream)
        self._repair = PtsRepair(nominal_ticks(self._rate, self._time_base))
        self._deinterlacer = Deinterlacer()
        self._to_rgb: ToRgb | None = None
        self._skipped = 0

    def _open(self) -> None:
        self._container = open_container(self._path)
        self._stream = default_video_stream(self._container, self._path)
        discard_other_streams(self._container, [self._stream])
        self._reader = ErrorResilientDecoder(self._container, self._stream, video_decoder(self._stream, *self._threads))

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def repaired_pts(self) -> int:
        """Number of frames whose stored PTS was missing, repeated or backward."""
        return self._repair.repaired if stores_pts(self._container) else 0

    @property
    def truncated(self) -> bool:
        """True when the file is damaged or cut short; final after the last frame."""
        return bool(self._reader.damage.errors)

    def __iter__(self) -> Iterator[tuple[int, U8]]:
        orientation = UPRIGHT
        size = (0, 0)
        for number, (index, item) in enumerate(self._selected()):
            if self._selection.is_past_end(number):
                break
            self.index = index
            if self._to_rgb is None:
                orientation = self._orientation(item.frame)
                self._to_rgb = self._conversion(item.frame)
                cropped = self._to_rgb.size(item.frame)
                size = size_within(*cropped, self._max_size)
                self.video = self._describe(item.frame, orientation, cropped, size)
            if self._selection.is_before_first(number):
                continue
            yield item.pts, orientation.apply(self._to_rgb(item.frame, *size))
        self._conclude()

    def _selected(self) -> Iterator[tuple[int, TimedFrame]]:
        """Every n-th frame between start and end, with its number in the whole video."""
        beginning = self._beginning()
        has_pts = stores_pts(self._container)
        timed = self._deinterlacer(
            TimedFrame(self._repair(shown_ticks(frame, has_pts=has_pts)), frame) for frame in self._frames()
        )
        return self._selection.choose(
            (item.pts * self._time_base - beginning, (self._skipped + count, item)) for count, item in enumerate(timed)
        )

    def _frames(self) -> Iterator[av.VideoFrame]:
        """Decoded frames: from a key frame before `start` where seeking pays, else from the first frame."""
        start = self._selection.start
        if start is not None and start >= SEEK_FROM_S and can_seek_accurately(self._container, self._stream):
            found = seek_accurately(self._reader, self._path, self._stream, self._beginning() + start)
            if found is not None:
                self._skipped = found.number
                yield from found.frames
                return
            # The packets do not reveal the frame numbers: decode from the beginning.
            self.close()
            self._open()
        yield from self._reader

    def _beginning(self) -> Fraction:
        """The start of the file's clock, in seconds."""
        return Fraction(self._container.start_time or 0, av.time_base)

    def _conclude(self) -> None:
        if self._reader.exhausted:
            self._reader.check_complete(self._path)
        if self.video is None:
            raise self._no_frame_error()
        if not is_url(self._path) and (left_out := left_out_text(self._path)):
            self.warnings.append(left_out)
        if has_other_programs(self._container):
            self.warnings.append("the file holds several programs; the one with the largest frames is processed")
        if self._deinterlacer.interlaced:
            self.warnings.append(f"{self._deinterlacer.interlaced} interlaced frames were deinterlaced")
        if self._reader.resized:
            self.warnings.append(
                f"the frame size changes; all frames are scaled to {self.video.width}×{self.video.height}"
            )
        if self._to_rgb is not None and self._to_rgb.transparent:
            self.warnings.append("transparent parts are composited over black")
        if self.repaired_pts:
            self.warnings.append(f"{self.repaired_pts} frames had no valid time stamp and got a new one")
        if self.truncated:
            self.warnings.append(self._reader.damage.message())

    def _no_frame_error(self) -> StageError:
        if self._reader.frames:
            last = self._reader.seconds
            place = "" if last is None else f"; the last decoded frame is at {last:.3f} s"
            return StageError(
                f"no frame lies between start and end{place}", self._path, "change decode.start or decode.end"
            )
        reason = f" ({self._reader.damage.reason})" if self.truncated else ""
        return StageError(f"no frame of its video can be decoded{reason}", self._path, "copy or record it again")

    def _orientation(self, frame: av.VideoFrame) -> Orientation:
        matrix = display_matrix(frame)
        if matrix is None:
            return UPRIGHT
        if not is_quarter_turn(matrix):
            self.warnings.append("the video's display matrix is no quarter turn; the nearest quarter turn was applied")
        return orientation_of_matrix(matrix)

    def _conversion(self, frame: av.VideoFrame) -> ToRgb:
        trc = int(frame.color_trc)
        tone_map = None
        if is_hdr(trc):
            tone_map = ToneMap(trc, int(frame.color_primaries))
            self.warnings.append(f"HDR video ({HDR_NAMES[trc]}) was tone-mapped to SDR (BT.709)")
        return ToRgb(tone_map=tone_map, crop=container_crop(self._container, self._stream))

    def _describe(
        self, frame: av.VideoFrame, orientation: Orientation, cropped: tuple[int, int], size: tuple[int, int]
    ) -> VideoInfo:
        tags = SDR_TAGS if is_hdr(int(frame.color_trc)) else tags_of(frame, self._stream.codec_context)
        aspect = Fraction(self._stream.sample_aspect_ratio or 1) or Fraction(1)
        aspect *= Fraction(*cropped) / Fraction(*size)
        width, height = orientation.size(*size)
        selection = self._selection
        return VideoInfo(
            path=self._path,
            width=width,
            height=height,
            still=is_single_image(self._container),
            rate=self._rate / selection.every if self._rate else None,
            time_base=self._time_base,
            sample_aspect=1 / aspect if orientation.transpose else aspect,
            frames=selection.expected(
                stated_frames(self._container, self._stream), stream_seconds(self._stream), self._rate
            ),
            color_primaries=tags.primaries,
            color_trc=tags.trc,
            colorspace=tags.matrix,
            full_range=tags.full_range,
            cut_start=None if selection.start is None else self._beginning() + selection.start,
            cut_end=None if selection.end is None else self._beginning() + selection.end,
        )

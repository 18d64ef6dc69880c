"""The sink stage: writes rendered frames to a video or image file, which is complete or absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.stage import BackgroundWork, Job, Stage, StageError, without_secrets, working_folder
from stages.payloads import U8, FrameChunk, Overlay, SegmentWritten, VideoInfo, Written
from stages.video.decoding.color_conversion import over_black
from stages.video.decoding.still_images import EXIF_BYTES_OF_JPEG, IMAGE_FORMATS, copied_metadata, write_still
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.codec_options import Preset
from stages.video.encoding.containers import container_for
from stages.video.encoding.encoder_choice import encoder_for, encoder_named
from stages.video.encoding.output_file import OutputFile
from stages.video.encoding.resume_info import read_resume_info, write_resume_info
from stages.video.encoding.video_writer import VideoWriter, VideoWriterSettings


class Encode(Stage):
    """Writes overlays in order to `job.output`; files lie in `OUT.partial/` until they are complete.

    Video is encoded in segments of `segment_frames` frames, each by its own encoder. So the output does not depend on
    the size of packets, and a run can resume after its last complete segment. Encoding of a packet runs in the
    background while earlier stages work on the next one, except at the end of a segment.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        codec: h264, hevc, av1, vp9, prores or any video encoder of this FFmpeg; None = the container's default.
        crf: quality on the encoder's scale, lower is better; None = the encoder's default here.
        preset: trade-off between speed and size, ultrafast to veryslow.
        segment_frames: frames per segment.
        threads: number of encoder threads; fixed, because it changes the output's bytes. Raise it where encoding is
            the slowest stage.
        """

        codec: str | None = None
        crf: float | None = None
        preset: Preset = "veryfast"
        segment_frames: int = 120
        threads: int = 1

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range or an encoder that this FFmpeg does not have."""
            if self.segment_frames < 1 or self.threads < 1:
                raise ValueError("segment_frames and threads must be 1 or more")
            if self.crf is not None and not 0 <= self.crf <= 63:
                raise ValueError("crf must lie between 0 and 63")
            if self.codec is not None:
                encoder_named(self.codec)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is neither an image nor a container for the codec."""
        if job.output is not None and Path(job.output).suffix.lower() not in IMAGE_FORMATS:
            encoder_for(config.codec, container_for(job.output), job.output)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._output: OutputFile | None = None
        self._writer: VideoWriter | None = None
        self._frames = self._first = 0
        self._still: Path | None = None
        self._provenance = ""
        self._left_out: list[str] = []
        self._restored: bytes = b""

    def __call__(self, job: Job, frames: FrameChunk, overlay: Overlay) -> Iterator[Written | SegmentWritten]:
        """Encode the frames of one packet; yields a receipt for each new complete segment.

        Raises:
            StageError: the output exists, is the input, cannot be written, or cannot hold what its suffix names. The
                error may concern the previous packet.
        """
        if self._output is None:
            height, width = overlay.rgb_THW3.shape[1:3]  # overlays side by side are wider than the frame
            self._output = self._begin(job, replace(frames.video, width=width, height=height))
        with reported_write_errors(self._output.path):
            if self._writer is None:
                self._write_still(frames, overlay)
                return
            assert self.background is not None
            if overlay.alpha_THW is not None:
                self._writer.warn("the overlay is composited over black: this video format has no alpha channel")
            with self._discarding():
                self.background.start(partial(_add, self._writer, overlay, frames.pts_T.tolist()))
                self._frames += len(frames)
                if (self._frames - self._first) % self.config.segment_frames == 0:
                    self.background.wait()
                    yield from self._writer.committed()

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        """Remove all files of the output on a StageError."""
        assert self._writer is not None and self._output is not None
        try:
            yield
        except StageError:
            self._writer.close()
            self._output.discard()
            raise

    def complete_part(self) -> Iterator[SegmentWritten]:
        """Close the open segment; yields its receipt."""
        if self._output is not None and self._writer is not None and self.background is not None:
            with reported_write_errors(self._output.path):
                self.background.wait()
                yield from self._writer.close_open_segment()
                self._first = self._frames

    def flush(self) -> Iterator[Written]:
        """The end of the stream: rename the file to its final name."""
        if self._output is None:
            return
        with reported_write_errors(self._output.path):
            if self._writer is not None and self.background is not None:
                with self._discarding():
                    self.background.wait()
                result = self._writer.finish()
                self._output.publish(self._writer.draft)
                yield Written(
                    path=self._output.path,
                    frames=result.frames,
                    facts={"audio": result.audio, "warnings": result.warnings},
                )
            elif self._still is not None:
                self._output.publish(self._still)
                yield Written(path=self._output.path, frames=1, facts={"audio": "none", "warnings": self._left_out})

    def save_so_far(self) -> Iterator[Written | SegmentWritten]:
        """The file with all frames gets its name, and the segments stay, so that a resumed run can continue them."""
        yield from self.complete_part()
        if self._output is None or self._writer is None or not self._writer.frames:
            return
        with reported_write_errors(self._output.path):
            result = self._writer.finish()
            self._output.publish_so_far(self._writer.draft)
            yield Written(
                path=self._output.path,
                frames=result.frames,
                facts={"audio": result.audio, "warnings": result.warnings},
            )

    def interrupt(self) -> Iterator[Written]:
        """The run stops early: the frames so far become `NAME.partial.SUFFIX`, a playable file."""
        if self._output is None or self._writer is None or self.background is None:
            return
        with reported_write_errors(self._output.path):
            self.background.wait()
            if not self._writer.frames:
                return
            result = self._writer.finish(early=True)
            kept = self._output.publish_part(self._writer.draft)
            yield Written(
                path=kept,
                frames=result.frames,
                facts={"audio": result.audio, "warnings": result.warnings, "partial": True},
            )

    def reopen(self, job: Job) -> None:
        """Reopen the restored segments with the settings stored beside them."""
        known = _resume_info(job) if self._restored else None
        if self._output is None and known is not None:
            self._output = self._begin(job, known[0])

    def save_partial_result(self, job: Job) -> Iterator[Written]:
        """Concatenate the complete segments of an earlier run to `NAME.partial.SUFFIX`; the segments stay."""
        return self._saved_segments(job, final=False)

    def save_complete_parts(self, job: Job) -> Iterator[Written]:
        """As `save_partial_result`, under the final name."""
        return self._saved_segments(job, final=True)

    def _saved_segments(self, job: Job, *, final: bool) -> Iterator[Written]:
        known = _resume_info(job)
        if job.output is None or known is None:
            return
        output = OutputFile(job.output, job.input, overwrite=True)
        with reported_write_errors(job.output):
            writer = VideoWriter(output.folder, job.output, *known)
            try:
                output.prepare(fresh=False)
                writer.restore_all()
                if writer.frames:
                    result = writer.finish(early=True)
                    if final:
                        output.publish_so_far(writer.draft)
                        yield Written(path=output.path, frames=result.frames, facts={})
                    else:
                        kept = output.publish_copy(writer.draft)
                        yield Written(path=kept, frames=result.frames, facts={"partial": True, "salvaged": True})
            finally:
                writer.close()
                output.tidy()

    def state(self) -> bytes:
        """The state of a restart: the complete segments."""
        return self._writer.state() if self._writer is not None else b""

    def restore(self, state: bytes) -> None:
        """Resume after the segments of a state; their files are in `OUT.partial/`."""
        self._restored = state

    def close(self) -> None:
        """Close the encoder; remove incomplete files."""
        if self.background is not None:
            self.background.close()
        if self._writer is not None:
            self._writer.close()
        if self._output is not None:
            self._output.tidy()

    def _begin(self, job: Job, video: VideoInfo) -> OutputFile:
        if job.output is None:
            raise StageError("no output is named", job.input, "name one with -o, or remove the stage encode")
        output = OutputFile(job.output, job.input, overwrite=job.overwrite)
        suffix = Path(job.output).suffix.lower()
        with reported_write_errors(job.output):
            if suffix in IMAGE_FORMATS:
                if not video.still:
                    raise StageError("a video cannot be written as an image", job.output, "name an .mp4 file")
                output.prepare(fresh=True)
                self._still = output.folder / f"picture{suffix}"
                self._provenance = job.provenance
            else:
                settings = VideoWriterSettings(
                    codec=self.config.codec,
                    crf=self.config.crf,
                    preset=self.config.preset,
                    segment_frames=self.config.segment_frames,
                    threads=self.config.threads,
                    provenance=job.provenance,
                )
                known = _resume_info(job) if self._restored else None
                video = video if known is None else replace(video, width=known[0].width, height=known[0].height)
                writer = VideoWriter(output.folder, job.output, video, settings)
                output.prepare(fresh=not self._restored)
                write_resume_info(output.folder, video, settings)
                writer.restore(self._restored)
                self._writer, self.background = writer, BackgroundWork()
                self._frames = self._first = writer.frames
        return output

    def _write_still(self, frames: FrameChunk, overlay: Overlay) -> None:
        assert self._still is not None
        alpha = None if overlay.alpha_THW is None else overlay.alpha_THW[0]
        metadata = copied_metadata(frames.video.path)
        kind = IMAGE_FORMATS[self._still.suffix]
        if kind == "JPEG" and len(metadata.get("exif", b"")) > EXIF_BYTES_OF_JPEG:
            del metadata["exif"]
            self._left_out.append("the EXIF data was left out: a JPEG cannot hold so much; a .png file can")
        write_still(self._still, overlay.rgb_THW3[0], alpha, kind, metadata, provenance=self._provenance)


def _add(writer: VideoWriter, overlay: Overlay, pts_T: list[int]) -> None:
    for index, pts in enumerate(pts_T):
        writer.add(opaque(overlay, index), pts)


def opaque(overlay: Overlay, index: int) -> U8:
    """One frame (H,W,3), composited over black."""
    rgb_HW3 = overlay.rgb_THW3[index]
    if overlay.alpha_THW is None:
        return rgb_HW3
    return over_black(np.dstack([rgb_HW3, overlay.alpha_THW[index]]))


def _resume_info(job: Job) -> tuple[VideoInfo, VideoWriterSettings] | None:
    """The stored stream properties and settings of an unfinished output; None if there are none."""
    known = read_resume_info(Path(working_folder(job.output))) if job.output else None
    if known is None or known[0].path != without_secrets(job.input):
        return known
    return replace(known[0], path=job.input), known[1]

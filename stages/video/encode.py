"""The end of the graph: rendered frames to a video or image file that is whole or not there."""

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
from stages.video.decoding.still_images import IMAGE_FORMATS, copied_metadata, write_still
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.codec_options import Preset
from stages.video.encoding.containers import container_for, encoder_for, encoder_named
from stages.video.encoding.output_file import OutputFile
from stages.video.encoding.resume_info import read_resume_info, write_resume_info
from stages.video.encoding.video_writer import VideoWriter, VideoWriterSettings


class Encode(Stage):
    """Overlays in order to `job.output`; work lies in `OUT.partial/` and gets its name when it is whole.

    Video is encoded in segments of `segment_frames` frames, each by its own encoder, so that what is on the disk does
    not depend on how the run was cut into packets, and a run can go on after its last whole segment. A packet is
    encoded while the stages before are at the next one, but where a segment ends with it.
    """

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        codec: h264, hevc, av1, vp9, prores or any video encoder of this FFmpeg; None = what suits the container.
        crf: quality on the encoder's own scale, lower is better; None = a good one.
        preset: speed against size, ultrafast to veryslow.
        segment_frames: frames in a segment.
        threads: of the encoder; fixed, because it decides the output's bytes. More pay where encoding is the slowest.
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
        """Raises StageError for an output that is neither a picture nor a kind of video that holds the codec."""
        if job.output is not None and Path(job.output).suffix.lower() not in IMAGE_FORMATS:
            encoder_for(config.codec, container_for(job.output), job.output)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._destination: OutputFile | None = None
        self._recording: VideoWriter | None = None
        self._taken = 0
        self._still: Path | None = None
        self._restored: bytes = b""

    def __call__(self, job: Job, frames: FrameChunk, overlay: Overlay) -> Iterator[Written | SegmentWritten]:
        """Take the frames of one packet; says when segments stand for good.

        Raises:
            StageError: the output exists, is the input, cannot be written, or cannot be what its suffix says; for
                frames of the packet before, too.
        """
        if self._destination is None:
            height, width = overlay.rgb_THW3.shape[1:3]  # several pictures side by side are wider than the frame
            self._destination = self._begin(job, replace(frames.video, width=width, height=height))
        with reported_write_errors(self._destination.path):
            if self._recording is None:
                self._write_still(frames, overlay)
                return
            assert self.background is not None
            if overlay.alpha_THW is not None:
                self._recording.note("the transparency of the result lies over black: this video holds none")
            with self._discarding():
                self.background.start(partial(_add, self._recording, overlay, frames.pts_T.tolist()))
                self._taken += len(frames)
                if self._taken % self.config.segment_frames == 0:
                    self.background.wait()
                    yield from self._recording.committed()

    @contextmanager
    def _discarding(self) -> Iterator[None]:
        """Where frames cannot be written as wished, what was written of them is of no use."""
        assert self._recording is not None and self._destination is not None
        try:
            yield
        except StageError:
            self._recording.close()
            self._destination.discard()
            raise

    def flush(self) -> Iterator[Written]:
        """The end of the stream: the file gets its name."""
        if self._destination is None:
            return
        with reported_write_errors(self._destination.path):
            if self._recording is not None and self.background is not None:
                with self._discarding():
                    self.background.wait()
                joined = self._recording.finish()
                self._destination.publish(self._recording.draft)
                yield Written(
                    path=self._destination.path,
                    frames=joined.frames,
                    facts={"audio": joined.audio, "warnings": joined.warnings},
                )
            elif self._still is not None:
                self._destination.publish(self._still)
                yield Written(path=self._destination.path, frames=1, facts={"audio": "none"})

    def interrupt(self) -> Iterator[Written]:
        """The run stops early: what is there becomes `NAME.partial.SUFFIX`, playable."""
        if self._destination is None or self._recording is None or self.background is None:
            return
        with reported_write_errors(self._destination.path):
            self.background.wait()
            if not self._recording.frames:
                return
            joined = self._recording.finish(early=True)
            kept = self._destination.publish_part(self._recording.draft)
            yield Written(
                path=kept,
                frames=joined.frames,
                facts={"audio": joined.audio, "warnings": joined.warnings, "partial": True},
            )

    def reopen(self, job: Job) -> None:
        """Take up the whole segments that were restored, by what was noted beside them."""
        known = _begun_with(job) if self._restored else None
        if self._destination is None and known is not None:
            self._destination = self._begin(job, known[0])

    def save_partial_result(self, job: Job) -> Iterator[Written]:
        """Every whole segment that an earlier run left becomes `NAME.partial.SUFFIX`; the segments stay."""
        known = _begun_with(job)
        if job.output is None or known is None:
            return
        destination = OutputFile(job.output, job.input, overwrite=True)
        with reported_write_errors(job.output):
            recording = VideoWriter(destination.folder, job.output, *known)
            try:
                destination.prepare(fresh=False)
                recording.take_up_all()
                if recording.frames:
                    joined = recording.finish(early=True)
                    kept = destination.publish_copy(recording.draft)
                    yield Written(path=kept, frames=joined.frames, facts={"partial": True, "salvaged": True})
            finally:
                recording.close()
                destination.tidy()

    def state(self) -> bytes:
        """Where a restart goes on: after the segments that are whole."""
        return self._recording.state() if self._recording is not None else b""

    def restore(self, state: bytes) -> None:
        """Go on after the segments that a state names; they still lie in `OUT.partial/`."""
        self._restored = state

    def close(self) -> None:
        """Release the encoder; what is not whole is removed."""
        if self.background is not None:
            self.background.close()
        if self._recording is not None:
            self._recording.close()
        if self._destination is not None:
            self._destination.tidy()

    def _begin(self, job: Job, video: VideoInfo) -> OutputFile:
        if job.output is None:
            raise StageError("there is no output to write to", job.input, "name one with -o, or leave out encode")
        destination = OutputFile(job.output, job.input, overwrite=job.overwrite)
        suffix = Path(job.output).suffix.lower()
        with reported_write_errors(job.output):
            if suffix in IMAGE_FORMATS:
                if not video.still:
                    raise StageError("a video does not fit into a picture", job.output, "name an .mp4 file")
                destination.prepare(fresh=True)
                self._still = destination.folder / f"picture{suffix}"
            else:
                settings = VideoWriterSettings(
                    codec=self.config.codec,
                    crf=self.config.crf,
                    preset=self.config.preset,
                    segment_frames=self.config.segment_frames,
                    threads=self.config.threads,
                )
                recording = VideoWriter(destination.folder, job.output, video, settings)
                destination.prepare(fresh=not self._restored)
                write_resume_info(destination.folder, video, settings)
                recording.restore(self._restored)
                self._recording, self._taken, self.background = recording, recording.frames, BackgroundWork()
        return destination

    def _write_still(self, frames: FrameChunk, overlay: Overlay) -> None:
        assert self._still is not None
        alpha = None if overlay.alpha_THW is None else overlay.alpha_THW[0]
        metadata = copied_metadata(frames.video.path)
        write_still(self._still, overlay.rgb_THW3[0], alpha, IMAGE_FORMATS[self._still.suffix], metadata)


def _add(recording: VideoWriter, overlay: Overlay, pts_T: list[int]) -> None:
    for index, pts in enumerate(pts_T):
        recording.add(opaque(overlay, index), pts)


def opaque(overlay: Overlay, index: int) -> U8:
    """One frame (H,W,3) as it looks on black."""
    rgb_HW3 = overlay.rgb_THW3[index]
    if overlay.alpha_THW is None:
        return rgb_HW3
    return over_black(np.dstack([rgb_HW3, overlay.alpha_THW[index]]))


def _begun_with(job: Job) -> tuple[VideoInfo, VideoWriterSettings] | None:
    """What a job's recording was begun with, as it was noted; None where nothing was."""
    known = read_resume_info(Path(working_folder(job.output))) if job.output else None
    if known is None or known[0].path != without_secrets(job.input):
        return known
    return replace(known[0], path=job.input), known[1]

"""An export that is one film: lossless, or with alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.stage import StageError
from stages.payloads import U8, VideoInfo
from stages.results.formats.moment import Moment
from stages.results.formats.writer import Target, Writer
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile
from stages.video.encoding.resume_info import read_resume_info, write_resume_info
from stages.video.encoding.video_writer import VideoWriter, VideoWriterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How a film is stored: FFmpeg's encoder, its pixel format, and a quality on the encoder's own scale."""

    codec: str
    pixels: str
    crf: float | None = None


class OneFilm(Writer):
    """Pictures in, one video without sound out, with the frames' true times; made in segments as `encode` does."""

    def __init__(self, target: Target, codings: dict[str, Coding], picture: Callable[[Moment], U8]) -> None:
        """Args: codings: by suffix, the usual one first; picture: (H, W, 3), or (H, W, 4) with alpha."""
        self._path = target.file(tuple(codings))
        self.place = Path(self._path)
        self._destination = OutputFile(self._path, target.job.input, overwrite=target.replaces())
        coding = codings[Path(self._path).suffix.lower()]
        self._settings = VideoWriterSettings(
            codec=coding.codec,
            pixels=coding.pixels,
            crf=coding.crf,
            preset="veryfast",
            segment_frames=target.segment_frames,
            threads=target.threads,
        )
        self._picture = picture
        self._recording: VideoWriter | None = None
        self._restored: dict[str, Any] | None = None

    def add(self, moment: Moment) -> None:
        """Encode the frame's picture."""
        if moment.video.still:
            raise StageError("a single image is no video", self._path, "name a folder without suffix")
        with reported_write_errors(self._path):
            if self._recording is None:
                self._recording = self._begin(moment.video)
            self._recording.add(self._picture(moment), moment.pts)

    def finish(self) -> list[str]:
        """Join the segments and give the file its name."""
        if self._recording is None:
            return []
        with reported_write_errors(self._path):
            joined = self._recording.finish()
            self._destination.publish(self._recording.draft)
        return joined.warnings

    def interrupt(self) -> None:
        """The frames so far become `NAME.partial.SUFFIX`."""
        if self._recording is not None and self._recording.frames:
            with reported_write_errors(self._path):
                self._recording.finish(early=True)
                self._destination.publish_part(self._recording.draft)

    def state(self) -> dict[str, Any]:
        """Where the recording is, and the frames that its whole segments and the open one hold."""
        if self._recording is None:
            return {"frames": 0}
        return {"recording": self._recording.state().decode(), "frames": self._recording.frames}

    def restore(self, state: dict[str, Any]) -> None:
        """Remember the segments that are whole."""
        self._restored = state

    def reopen(self) -> None:
        """Take up the segments that were restored, by what was noted beside them."""
        known = read_resume_info(self._destination.folder)
        if self._recording is None and known is not None:
            with reported_write_errors(self._path):
                self._recording = self._begin(known[0])

    def close(self) -> None:
        """Release the encoder; whole segments stay for a restart."""
        if self._recording is not None:
            self._recording.close()
        self._destination.tidy()

    def stands(self) -> bool:
        """True where the name is there and the segments are not."""
        return Path(self._path).is_file() and not self._destination.folder.exists()

    def _begin(self, video: VideoInfo) -> VideoWriter:
        # Square pixels and no path: pictures are stored as they are, and sound is not theirs.
        plain = replace(video, path="", sample_aspect=Fraction(1))
        recording = VideoWriter(self._destination.folder, self._path, plain, self._settings)
        self._destination.prepare(fresh=self._restored is None)
        write_resume_info(self._destination.folder, plain, self._settings)
        if self._restored is not None:
            recording.restore(self._restored.get("recording", "").encode())
            if recording.frames != self._restored["frames"]:
                remedy = "set export.segment_frames to encode.segment_frames, and start anew without --resume"
                raise StageError("this export has no whole segment where the run goes on", self._path, remedy)
        return recording

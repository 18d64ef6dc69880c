"""Exports of images: a PNG per frame, or one video, lossless or with alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from models.files.png_image import png_of
from pipeline.stage import StageError
from stages.payloads import U8, VideoInfo
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.writer import ExportTarget, ExportWriter, FilePerFrame, FinishedExport
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.containers import CONTAINERS
from stages.video.encoding.output_file import OutputFile
from stages.video.encoding.resume_info import read_resume_info, write_resume_info
from stages.video.encoding.video_writer import VideoWriter, VideoWriterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCoding:
    """How a video is encoded: FFmpeg's encoder, its pixel format, and a quality on the encoder's own scale.

    `pixel_format` "" is yuv420p with sides made even.
    """

    codec: str
    pixel_format: str
    crf: float | None = None


class VideoExport(ExportWriter):
    """Images in, one video without sound out, with the frames' own time stamps; made in segments as `encode` does."""

    def __init__(
        self, target: ExportTarget, codings: dict[str, VideoCoding], image: Callable[[FrameResult], U8]
    ) -> None:
        """Args: codings: by suffix, the default first; image: (H, W, 3), or (H, W, 4) with alpha."""
        self._path = target.file(tuple(codings))
        self.output_path = Path(self._path)
        self._destination = OutputFile(self._path, target.job.input, overwrite=target.may_overwrite())
        coding = codings[Path(self._path).suffix.lower()]
        self._settings = VideoWriterSettings(
            codec=coding.codec,
            pixels=coding.pixel_format or None,
            crf=coding.crf,
            preset="veryfast",
            segment_frames=target.segment_frames,
            threads=target.threads,
            provenance=target.job.provenance,
        )
        self._image = image
        self._recording: VideoWriter | None = None
        self._restored: dict[str, Any] | None = None

    def add(self, result: FrameResult) -> None:
        """Encode the frame's image."""
        if result.video.still:
            raise StageError("a single image is no video", self._path, "name a folder without suffix")
        with reported_write_errors(self._path):
            if self._recording is None:
                self._recording = self._begin(result.video)
            self._recording.add(self._image(result), result.pts)

    def finish(self) -> list[str]:
        """Join the segments and rename the file."""
        if self._recording is None:
            return []
        with reported_write_errors(self._path):
            remuxed = self._recording.finish()
            self._destination.publish(self._recording.draft)
        return remuxed.warnings

    def interrupt(self) -> None:
        """The frames so far become `NAME.partial.SUFFIX`."""
        if self._recording is not None and self._recording.frames:
            with reported_write_errors(self._path):
                self._recording.finish(early=True)
                self._destination.publish_part(self._recording.draft)

    def state(self) -> dict[str, Any]:
        """State of the recording, and the number of frames in its complete segments and the open one."""
        if self._recording is None:
            return {"frames": 0}
        return {"recording": self._recording.state().decode(), "frames": self._recording.frames}

    def restore(self, state: dict[str, Any]) -> None:
        """Keep the state until the first frame."""
        self._restored = state

    def reopen(self) -> None:
        """Continue with the segments on the disk, described by a file beside them."""
        noted = read_resume_info(self._destination.folder)
        if self._recording is None and noted is not None:
            with reported_write_errors(self._path):
                self._recording = self._begin(noted[0])

    def close(self) -> None:
        """Release the encoder; complete segments stay for a restart."""
        if self._recording is not None:
            self._recording.close()
        self._destination.tidy()

    def is_finished(self) -> bool:
        """True if the final file exists and the segments do not."""
        return Path(self._path).is_file() and not self._destination.folder.exists()

    def _begin(self, video: VideoInfo) -> VideoWriter:
        # Square pixels and no path: images are stored as they are, and without the input's sound.
        stream = replace(video, path="", sample_aspect=Fraction(1))
        recording = VideoWriter(self._destination.folder, self._path, stream, self._settings)
        self._destination.prepare(fresh=self._restored is None)
        write_resume_info(self._destination.folder, stream, self._settings)
        if self._restored is not None:
            recording.restore(self._restored.get("recording", "").encode())
            if recording.frames != self._restored["frames"]:
                remedy = "set export.segment_frames to encode.segment_frames, and run again without --resume"
                raise StageError("this export has no complete segment where the run continues", self._path, remedy)
        return recording


class PlayableBeside(ExportWriter):
    """A lossless video, and beside it `NAME.playable.mp4` of the same images, which browsers and phones play."""

    def __init__(self, target: ExportTarget, exact: VideoExport, image: OneImage) -> None:
        """Args: exact: the lossless video, which also takes its images from `image`."""
        self.output_path = exact.output_path
        beside = replace(target, path=str(exact.output_path.with_suffix(".playable.mp4")))
        beside = replace(beside, job=replace(target.job, several=False))
        self._writers: list[ExportWriter] = [exact, VideoExport(beside, PLAYABLE, image)]

    @property
    def names(self) -> tuple[str, ...]:
        """Those of both videos."""
        return tuple(name for writer in self._writers for name in writer.names)

    def add(self, result: FrameResult) -> None:
        """Encode the frame's image twice."""
        for writer in self._writers:
            writer.add(result)

    def finish(self) -> list[str]:
        """Complete both. Returns the warnings of each, once."""
        return list(dict.fromkeys(warning for writer in self._writers for warning in writer.finish()))

    def interrupt(self) -> None:
        """Keep the frames so far, twice."""
        for writer in self._writers:
            writer.interrupt()

    def state(self) -> dict[str, Any]:
        """The states of both."""
        exact, playable = (writer.state() for writer in self._writers)
        return {**exact, "playable": playable}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue both; one that was finished before the run was interrupted stays as it is."""
        states = [{name: value for name, value in state.items() if name != "playable"}, state["playable"]]
        self._writers = [
            FinishedExport(of_one) if writer.is_finished() else writer
            for writer, of_one in zip(self._writers, states, strict=True)
        ]
        for writer, of_one in zip(self._writers, states, strict=True):
            writer.restore(of_one)

    def reopen(self) -> None:
        """Both."""
        for writer in self._writers:
            writer.reopen()

    def close(self) -> None:
        """Release both encoders."""
        for writer in self._writers:
            writer.close()

    def is_finished(self) -> bool:
        """True if both have their final names."""
        return all(writer.is_finished() for writer in self._writers)


class OneImage:
    """A frame's image for two writers, which is drawn once."""

    def __init__(self, image: Callable[[FrameResult], U8]) -> None:
        """Args: image: (H, W, 3)."""
        self._image = image
        self._of: FrameResult | None = None
        self._drawn: U8 | None = None

    def __call__(self, result: FrameResult) -> U8:
        """The image of a frame."""
        if self._drawn is None or self._of is not result:
            self._of, self._drawn = result, self._image(result)
        return self._drawn


PLAYABLE = {".mp4": VideoCoding(codec="libx264", pixel_format="", crf=12)}
"""H.264 with chroma at half size: plays everywhere, and edges between colours are blurred."""
LOSSLESS = {
    ".mkv": VideoCoding(codec="ffv1", pixel_format="bgr0"),
    ".mp4": VideoCoding(codec="libx264rgb", pixel_format="rgb24", crf=0),
    ".mov": VideoCoding(codec="libx264rgb", pixel_format="rgb24", crf=0),
}
"""Encodings from which RGB pixels are decoded exactly."""


def begin_images(
    target: ExportTarget,
    image: Callable[[FrameResult], U8 | np.ndarray],
    of_video: Callable[[FrameResult], U8] | None = None,
    *,
    are_values: bool = False,
) -> ExportWriter:
    """PNGs in a folder, or a lossless video if the path has a video's suffix.

    Args:
        target: where the images go.
        image: as `png_of` takes it.
        of_video: (H, W, 3) for a video; None: as `image`.
        are_values: True for images whose numbers are data: nobody looks at them, so none is written to be played.
    """
    path = Path(target.path)
    if path.suffix.lower() in CONTAINERS and not path.is_dir():
        drawn = OneImage(image if of_video is None else of_video)
        exact = VideoExport(target, LOSSLESS, drawn)
        return exact if are_values or not target.playable else PlayableBeside(target, exact, drawn)
    return FilePerFrame(target, ".png", lambda result: png_of(image(result)))

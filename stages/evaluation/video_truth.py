"""Sets of video files, without ground truth: only temporal stability is scored."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.stage import Job
from stages.evaluation.true_images import TrueImage, TrueSet
from stages.video.decode import Decode


def video_set(path: Path, start: float, max_frames: int) -> TrueSet:
    """At most `max_frames` frames of a video.

    `start`: time of the first frame, seconds. The iterator of images raises StageError for a file that is no video.
    """
    return TrueSet(name=path.stem, count=max_frames, images=_images(path, start, max_frames))


def _images(path: Path, start: float, max_frames: int) -> Iterator[TrueImage]:
    decode = Decode(Decode.Config(chunk=1, start=start))
    try:
        chunks = decode(Job(index=0, input=str(path), output=None, stem=path.stem))
        for number, chunk in enumerate(islice(chunks, max_frames)):
            yield TrueImage(
                set_name=path.stem, name=f"{path.stem} {number}", rgb_HW3=chunk.rgb_THW3[0], people=(),
                complete=False, video=path.stem, frame=number,
            )
    finally:
        decode.close()

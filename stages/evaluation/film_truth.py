"""A video file as a set: nothing is known of it, so that only its steadiness can be scored."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.stage import Job
from stages.evaluation.truth import TruePicture, TrueSet
from stages.video.decode import Decode

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".wmv", ".flv"})


def video_set(path: Path, start: float, most: int) -> TrueSet:
    """So many frames of a video from a second on, upright. Raises (while it is read): StageError for no video."""
    return TrueSet(name=path.stem, count=most, pictures=_pictures(path, start, most))


def _pictures(path: Path, start: float, most: int) -> Iterator[TruePicture]:
    decode = Decode(Decode.Config(chunk=1, start=start))
    try:
        chunks = decode(Job(index=0, input=str(path), output=None, stem=path.stem))
        for number, chunk in enumerate(islice(chunks, most)):
            yield TruePicture(
                set_name=path.stem,
                name=f"{path.stem} {number}",
                rgb_HW3=chunk.rgb_THW3[0],
                people=(),
                complete=False,
                film=path.stem,
                frame=number,
            )
    finally:
        decode.close()

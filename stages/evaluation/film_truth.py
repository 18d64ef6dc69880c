"""A video file as a set: nothing is known of it, so that only its steadiness can be scored."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pipeline.stage import Job
from stages.decode import Decode
from stages.evaluation.truth import TruePicture, TrueSet

SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".wmv", ".flv"})


def video_set(path: Path, most: int) -> TrueSet:
    """The first frames of a video, upright. Raises (while it is read): StageError for what is no video."""
    return TrueSet(name=path.stem, count=most, pictures=_pictures(path, most))


def _pictures(path: Path, most: int) -> Iterator[TruePicture]:
    decode = Decode(Decode.Config(chunk=1))
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

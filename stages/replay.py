"""Source: a saved export shown again without the network: its frames, people and surfaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.decode import Decode, chunk_length
from stages.formats.moment import Moment
from stages.formats.npz import frame_files, read_moment, read_stream
from stages.formats.read_back import surface_of_iuv
from stages.payloads import U8, FrameChunk, People, Surface, Surfaces, VideoInfo
from stages.video.source import is_url

BLACK = "black"
SAME_TIME = Fraction(1, 1000)
"""Seconds: frames of a copy of the video, whose clock may tick otherwise, are the same frames if they are this near."""
REMEDY = "name the video it was made from with --set replay.video=FILE, or --set replay.video=black"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An export: the stream it belongs to (`path` = what it says of its source), its moments, how many where known."""

    video: VideoInfo
    moments: Iterator[Moment]
    count: int | None


class Replay(Stage):
    """A folder that `--export surfaces=FOLDER` wrote in, or IUV as PNG or lossless film; its frames and people out."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`video`: the frames: a file, `black`, or null for the file that the export says it was made from."""

        video: str | None = None

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._frames = 0
        self._length: int | None = None

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces]]:
        """The export's frames in order, at least one.

        Raises:
            StageError: no export, a damaged one, or a video that it does not belong to.
        """
        saved = saved_surfaces(job.input) if Path(job.input).is_dir() else saved_iuv(job, self.threads)
        self._length = saved.count
        path = self.config.video or saved.video.path
        if not path:
            raise StageError("does not say what it was made from", job.input, REMEDY)
        _check_output(job, path)
        shown, video = saved.moments, replace(saved.video, path="" if path == BLACK else path, frames=saved.count)
        if path != BLACK:
            shown = _with_frames(shown, job, path, video, self.threads)
        size = chunk_length("auto", video.width, video.height)
        while batch := tuple(islice(shown, size)):
            yield packet_of(batch, video, self._frames)
            self._frames += len(batch)

    def length(self) -> int | None:
        """Frames of the export."""
        return self._length

    def summary(self) -> Mapping[str, Any]:
        """`frames_in`."""
        return {"frames_in": self._frames}


def saved_surfaces(name: str) -> Saved:
    """An export of surfaces. Raises StageError where the folder holds none."""
    folder = Path(name)
    video = read_stream(folder)
    files = frame_files(folder)
    return Saved(video=video, moments=(read_moment(file, video) for file in files), count=len(files))


def saved_iuv(job: Job, threads: int) -> Saved:
    """A picture or film of IUV, everyone in it as one person. Raises StageError for one that is none."""
    decode = Decode(Decode.Config(), threads=threads)
    chunks = decode(job)
    first = next(chunks)
    surface_of_iuv(first.rgb_THW3[0], job.input)  # any other picture is refused before its video is asked for
    return Saved(
        video=replace(first.video, path=""),
        moments=(moment for chunk in chain([first], chunks) for moment in _moments_of_iuv(job, chunk)),
        count=decode.length(),
    )


def _moments_of_iuv(job: Job, chunk: FrameChunk) -> Iterator[Moment]:
    for t in range(len(chunk)):
        surface = surface_of_iuv(chunk.rgb_THW3[t], f"{job.input}, frame {chunk.source_index(t)}")
        grid = [] if surface is None else [[surface.x0, surface.y0, *_corner(surface)]]
        yield Moment(
            stem=job.stem,
            index=chunk.source_index(t),
            pts=int(chunk.pts_T[t]),
            video=chunk.video,
            rgb_HW3=np.zeros_like(chunk.rgb_THW3[t]),
            box_N4=np.array(grid, np.float32).reshape(-1, 4),
            score_N=np.ones(len(grid), np.float32),
            id_N=np.ones(len(grid), np.int32),
            surfaces=() if surface is None else (surface,),
        )


def _corner(surface: Surface) -> tuple[int, int]:
    height, width = surface.labels_hw.shape
    return surface.x0 + width, surface.y0 + height


def packet_of(moments: tuple[Moment, ...], video: VideoInfo, first: int) -> tuple[FrameChunk, People, Surfaces]:
    """Moments as stages pass them on; `first` is the number of the first among those that are processed."""
    frames = FrameChunk(
        rgb_THW3=np.stack([moment.rgb_HW3 for moment in moments]),
        pts_T=np.array([moment.pts for moment in moments], np.int64),
        first=first,
        video=video,
        index_T=np.array([moment.index for moment in moments], np.int64),
    )
    people = People.joined(
        [
            People(
                frame_N=np.zeros(len(moment.surfaces), np.int32),
                box_N4=moment.box_N4,
                score_N=moment.score_N,
                id_N=moment.id_N,
                bridged_N=moment.bridged_N,
            )
            for moment in moments
        ]
    )
    return frames, people, Surfaces(people=tuple(one for moment in moments for one in moment.surfaces))


def _check_output(job: Job, video: str) -> None:
    """The input is a folder here, so nothing else keeps the result from the video."""
    output = Path(job.output) if job.output else None
    if output and output.exists() and Path(video).exists() and output.samefile(video):
        raise StageError("the output would overwrite the video", str(output), "name another output with -o")


def _with_frames(moments: Iterator[Moment], job: Job, path: str, video: VideoInfo, threads: int) -> Iterator[Moment]:
    """Each moment with its frame of the video, found by its time."""
    if not is_url(path) and not Path(path).exists():
        raise StageError("the video of this export is gone", path, REMEDY)
    decode = Decode(Decode.Config(max_size=max(video.width, video.height)), threads=threads)
    with closing(decode):
        pictures = _pictures(decode, replace(job, input=path))
        for moment in moments:
            wanted = moment.pts * video.time_base
            found = next((each for each in pictures if each[0] >= wanted - SAME_TIME), None)
            if found is None:
                raise StageError(f"ends before frame {moment.index} of the export", path, REMEDY)
            seconds, rgb_HW3 = found
            if seconds > wanted + SAME_TIME:
                raise StageError(f"has no frame at {float(wanted):.3f} s, where the export has one", path, REMEDY)
            if rgb_HW3.shape[:2] != (video.height, video.width):
                size = f"{rgb_HW3.shape[1]}×{rgb_HW3.shape[0]}, the export of {video.width}×{video.height}"
                raise StageError(f"has frames of {size}", path, REMEDY)
            yield replace(moment, rgb_HW3=rgb_HW3)


def _pictures(decode: Decode, job: Job) -> Iterator[tuple[Fraction, U8]]:
    """(seconds, frame) of a whole input."""
    for chunk in decode(job):
        for pts, rgb_HW3 in zip(chunk.pts_T.tolist(), chunk.rgb_THW3, strict=True):
            yield pts * chunk.video.time_base, rgb_HW3

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
from stages.payloads import U8, FrameChunk, People, Surfaces, VideoInfo
from stages.results.formats.moment import Moment
from stages.results.formats.npz import frame_files, read_moment, read_stream
from stages.results.formats.numbered import Crowd, Numbered, numbered_results
from stages.results.formats.read_back import people_of_iuv, read_inds, surface_of_iuv
from stages.video.decode import Decode, chunk_length
from stages.video.decoding.paths_and_urls import is_url

BLACK = "black"
SAME_TIME = Fraction(1, 1000)
"""Seconds: frames of a copy of the video, whose clock may tick otherwise, are the same frames if they are this near."""
NUMBERED_REMEDY = "name the video or photo it was made from with --set replay.video=FILE"
REMEDY = "name the video it was made from with --set replay.video=FILE, or --set replay.video=black"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """An export: the stream it belongs to (`path` = what it says of its source), its moments, how many where known."""

    video: VideoInfo
    moments: Iterator[Moment]
    count: int | None


class Replay(Stage):
    """What exports saved; its frames and people out.

    A folder that `--export surfaces=FOLDER` or `iuv=FOLDER` wrote in, IUV as PNG or lossless film, or a list of results
    in JSON (`result_json`, `coco`).
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        video: the frames: a file, `black`, or null for the file that the export says it was made from.
        inds: who is who in pictures of IUV: the folder that `--export inds=FOLDER` wrote, or of one picture the file;
            null = everyone counts as one person.
        start: seconds into `video` from which the time of a film of IUV counts: what `decode.start` was.
        """

        video: str | None = None
        inds: str | None = None
        start: float = 0.0

        def __post_init__(self) -> None:
            """Raises ValueError for a start before the beginning."""
            if self.start < 0:
                raise ValueError("start must not be negative")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._frames = 0
        self._length: int | None = None

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces]]:
        """The export's frames in order, at least one.

        Raises:
            StageError: no export, a damaged one, or a video that it does not belong to.
        """
        saved = self._saved(job)
        self._length = saved.count
        size = chunk_length("auto", saved.video.width, saved.video.height)
        while batch := tuple(islice(saved.moments, size)):
            yield packet_of(batch, saved.video, self._frames)
            self._frames += len(batch)

    def _saved(self, job: Job) -> Saved:
        """What is saved, with the frames it belongs to."""
        inds = None if self.config.inds is None else Path(self.config.inds)
        if (numbered := numbered_results(job.input, inds)) is not None:
            if self.config.video is None or self.config.video == BLACK:
                raise StageError("says neither times nor size of its frames", job.input, NUMBERED_REMEDY)
            _check_output(job, self.config.video)
            return saved_by_number(numbered, job, self.config.video, self.threads)
        saved = saved_surfaces(job.input) if Path(job.input).is_dir() else saved_iuv(job, inds, self.threads)
        path = self.config.video or saved.video.path
        if not path:
            raise StageError("does not say what it was made from", job.input, REMEDY)
        _check_output(job, path)
        video = replace(saved.video, path="" if path == BLACK else path, frames=saved.count)
        shown = saved.moments
        if path != BLACK:
            shown = _with_frames(shown, job, path, video, self.config.start, self.threads)
        return replace(saved, video=video, moments=shown)

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


def saved_iuv(job: Job, inds: Path | None, threads: int) -> Saved:
    """A picture or film of IUV; everyone in it as one person unless `inds` says who is who. Raises StageError."""
    decode = Decode(Decode.Config(), threads=threads)
    chunks = decode(job)
    first = next(chunks)
    surface_of_iuv(first.rgb_THW3[0], job.input)  # any other picture is refused before its video is asked for
    return Saved(
        video=replace(first.video, path=""),
        moments=(moment for chunk in chain([first], chunks) for moment in _moments_of_iuv(job, chunk, inds)),
        count=decode.length(),
    )


def _moments_of_iuv(job: Job, chunk: FrameChunk, inds: Path | None) -> Iterator[Moment]:
    for t in range(len(chunk)):
        number = chunk.source_index(t)
        persons_HW = None if inds is None else read_inds(_picture_of(inds, number))
        people = people_of_iuv(chunk.rgb_THW3[t], persons_HW, f"{job.input}, frame {number}")
        yield _moment_of(Crowd.named(people), np.zeros_like(chunk.rgb_THW3[t]), job, chunk, t)


def _picture_of(inds: Path, number: int) -> Path:
    """Who is who in the frame of a film with that number: films count from 0, a folder's pictures as the source does.

    Raises StageError for a folder of fewer pictures.
    """
    if not inds.is_dir():
        return inds
    pictures = sorted(inds.glob("*.png"))
    if number >= len(pictures):
        what = f"holds {len(pictures)} pictures, fewer than the film of IUV"
        raise StageError(what, str(inds), "export both in one run")
    return pictures[number]


def saved_by_number(numbered: Numbered, job: Job, path: str, threads: int) -> Saved:
    """Results that name frames by number, with those frames of a video or photo.

    Raises StageError for a source that does not have all of them.
    """
    decode = Decode(Decode.Config(), threads=threads)
    chunks = decode(replace(job, input=path))
    first = next(chunks)
    return Saved(
        video=replace(first.video, frames=numbered.count() or first.video.frames),
        moments=_moments_by_number(numbered, job, path, chain([first], chunks)),
        count=numbered.count() or decode.length(),
    )


def _moments_by_number(numbered: Numbered, job: Job, path: str, chunks: Iterator[FrameChunk]) -> Iterator[Moment]:
    shown = 0
    for chunk in chunks:
        for t in range(len(chunk)):
            crowd = numbered.crowd(chunk.source_index(t), Path(path).stem, chunk.video.still)
            if crowd is not None:
                shown += 1
                yield _moment_of(crowd, chunk.rgb_THW3[t], job, chunk, t)
    if shown < (numbered.count() or 1):
        raise StageError(f"has {shown} of the export's {numbered.count() or 1} frames", path, NUMBERED_REMEDY)


def _moment_of(crowd: Crowd, rgb_HW3: U8, job: Job, chunk: FrameChunk, t: int) -> Moment:
    return Moment(
        stem=job.stem,
        index=chunk.source_index(t),
        pts=int(chunk.pts_T[t]),
        video=chunk.video,
        rgb_HW3=rgb_HW3,
        box_N4=crowd.box_N4,
        score_N=crowd.score_N,
        id_N=crowd.id_N,
        surfaces=crowd.surfaces,
        bridged_N=crowd.bridged_N,
    )


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
                near_N=moment.near_N,
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


def _with_frames(
    moments: Iterator[Moment], job: Job, path: str, video: VideoInfo, start: float, threads: int
) -> Iterator[Moment]:
    """Each moment with its frame of the video, found by its time, which counts from `start`."""
    if not is_url(path) and not Path(path).exists():
        raise StageError("the video of this export is gone", path, REMEDY)
    decode = Decode(Decode.Config(max_size=max(video.width, video.height), start=start or None), threads=threads)
    with closing(decode):
        pictures = _pictures(decode, replace(job, input=path))
        for moment in moments:
            wanted = moment.pts * video.time_base
            found = next((each for each in pictures if each[0] >= wanted - SAME_TIME), None)
            if found is None:
                raise StageError(f"ends before frame {moment.index} of the export", path, REMEDY)
            seconds, index, rgb_HW3 = found
            if seconds > wanted + SAME_TIME:
                raise StageError(f"has no frame at {float(wanted):.3f} s, where the export has one", path, REMEDY)
            if rgb_HW3.shape[:2] != (video.height, video.width):
                size = f"{rgb_HW3.shape[1]}×{rgb_HW3.shape[0]}, the export of {video.width}×{video.height}"
                raise StageError(f"has frames of {size}", path, REMEDY)
            yield replace(moment, rgb_HW3=rgb_HW3, index=index)


def _pictures(decode: Decode, job: Job) -> Iterator[tuple[Fraction, int, U8]]:
    """(seconds, number, frame) of an input; of a part of it, seconds count from where that was cut, as in its films."""
    for chunk in decode(job):
        for t, pts in enumerate(chunk.pts_T.tolist()):
            yield pts * chunk.video.time_base - (chunk.video.cut_start or 0), chunk.source_index(t), chunk.rgb_THW3[t]

"""Source that replays a saved export without the network: its frames, people and surfaces."""

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
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.iuv_reading import people_of_iuv, read_inds, surface_of_iuv
from stages.results.formats.npz import frame_files, read_frame, read_stream
from stages.results.formats.numbered_results import FramePeople, NumberedResults, numbered_results
from stages.video.decode import Decode, chunk_length
from stages.video.decoding.paths_and_urls import is_url
from stages.video.encoding.concatenation import time_shift
from stages.video.encoding.containers import CONTAINERS
from stages.video.scene_cuts import SceneCuts

BLACK = "black"
TIME_TOLERANCE = Fraction(1, 1000)
"""Seconds. Frames this close in time are the same frame: a copy of the video may have another time base."""
NUMBERED_REMEDY = "name the video or photo it was made from with --set replay.video=FILE"
REMEDY = "name the video it was made from with --set replay.video=FILE, or --set replay.video=black"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedResults:
    """A saved export: its stream (`path` = the recorded source), its frames, and their number if known."""

    video: VideoInfo
    results: Iterator[FrameResult]
    count: int | None


class Replay(Stage):
    """Yields the frames, people and surfaces of an export.

    The input is a folder from `--export surfaces=FOLDER` or `iuv=FOLDER`, an IUV image as PNG or lossless video, or a
    result list in JSON (`result_json`, `coco`).
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        video: the frames: a file, `black`, or null for the file that the export was made from.
        inds: the persons in IUV images: the folder from `--export inds=FOLDER`, or the file for a single image;
            null = all people count as one person.
        start: time in `video` at which an IUV video begins, in seconds: the value of `decode.start` at export.
        """

        video: str | None = None
        inds: str | None = None
        start: float = 0.0

        def __post_init__(self) -> None:
            """Raises ValueError for a negative start."""
            if self.start < 0:
                raise ValueError("start must not be negative")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._frames = 0
        self._length: int | None = None
        self._cuts = SceneCuts()

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces]]:
        """The export's frames in order, at least one.

        Raises:
            StageError: there is no export, it is damaged, or the video is not the one it was made from.
        """
        saved = self._open(job)
        self._length = saved.count
        size = chunk_length("auto", saved.video.width, saved.video.height)
        while batch := tuple(islice(saved.results, size)):
            frames, people, surfaces = packet_of(batch, saved.video, self._frames)
            starts_shot_T = self._cuts.starts_of_shots(frames.rgb_THW3)
            yield replace(frames, starts_shot_T=starts_shot_T), people, surfaces
            self._frames += len(batch)

    def _open(self, job: Job) -> SavedResults:
        """The saved results with the frames they belong to."""
        inds = None if self.config.inds is None else Path(self.config.inds)
        if (numbered := numbered_results(job.input, inds)) is not None:
            if self.config.video is None or self.config.video == BLACK:
                raise StageError("has neither the times nor the size of its frames", job.input, NUMBERED_REMEDY)
            _check_output(job, self.config.video)
            return open_by_number(numbered, job, self.config.video, self.threads)
        of_iuv = not Path(job.input).is_dir()
        saved = open_iuv(job, inds, self.threads) if of_iuv else open_surfaces(job.input)
        path = self.config.video or saved.video.path
        if not path:
            raise StageError("does not record what it was made from", job.input, REMEDY)
        _check_output(job, path)
        video = replace(saved.video, path="" if path == BLACK else path, frames=saved.count)
        results = saved.results
        if path != BLACK:
            results = _with_frames(results, job, path, video, self.config.start, self.threads, of_iuv)
            first = next(results)
            video, results = first.video, chain([first], results)
        return replace(saved, video=video, results=results)

    def length(self) -> int | None:
        """Number of frames of the export."""
        return self._length

    def summary(self) -> Mapping[str, Any]:
        """`frames_in`."""
        return {"frames_in": self._frames}


def open_surfaces(name: str) -> SavedResults:
    """An export of surfaces. Raises StageError if the folder holds none."""
    folder = Path(name)
    video = read_stream(folder)
    files = frame_files(folder)
    return SavedResults(video=video, results=(read_frame(file, video) for file in files), count=len(files))


def open_iuv(job: Job, inds: Path | None, threads: int) -> SavedResults:
    """An IUV image or video; all people as one person unless `inds` has the person images. Raises StageError."""
    decode = Decode(Decode.Config(), threads=threads)
    chunks = decode(job)
    first = next(chunks)
    surface_of_iuv(first.rgb_THW3[0], job.input)  # raises for an image that is no IUV image
    return SavedResults(
        video=replace(first.video, path=""),
        results=(result for chunk in chain([first], chunks) for result in _iuv_results(job, chunk, inds)),
        count=decode.length(),
    )


def _iuv_results(job: Job, chunk: FrameChunk, inds: Path | None) -> Iterator[FrameResult]:
    for t in range(len(chunk)):
        number = chunk.source_index(t)
        persons_HW = None if inds is None else read_inds(_person_image_path(inds, number))
        people = people_of_iuv(chunk.rgb_THW3[t], persons_HW, f"{job.input}, frame {number}")
        yield _result_of(FramePeople.of_identities(people), np.zeros_like(chunk.rgb_THW3[t]), job, chunk, t)


def _person_image_path(inds: Path, number: int) -> Path:
    """The person image of frame `number` of an IUV video: the file itself, or the image `number` of a folder, from 0.

    Raises StageError for a folder with too few images.
    """
    if not inds.is_dir():
        return inds
    images = sorted(inds.glob("*.png"))
    if number >= len(images):
        what = f"holds {len(images)} images, fewer than the IUV video"
        raise StageError(what, str(inds), "export both in one run")
    return images[number]


def open_by_number(numbered: NumberedResults, job: Job, path: str, threads: int) -> SavedResults:
    """Results with frame numbers, joined with the frames of a video or photo that have these numbers.

    Raises StageError for a video or photo that lacks some of these frames.
    """
    decode = Decode(Decode.Config(), threads=threads)
    chunks = decode(replace(job, input=path))
    first = next(chunks)
    return SavedResults(
        video=replace(first.video, frames=numbered.count() or first.video.frames),
        results=_results_by_number(numbered, job, path, chain([first], chunks)),
        count=numbered.count() or decode.length(),
    )


def _results_by_number(
    numbered: NumberedResults, job: Job, path: str, chunks: Iterator[FrameChunk]
) -> Iterator[FrameResult]:
    count = 0
    for chunk in chunks:
        for t in range(len(chunk)):
            people = numbered.people_of_frame(chunk.source_index(t), Path(path).stem, chunk.video.still)
            if people is not None:
                count += 1
                yield _result_of(people, chunk.rgb_THW3[t], job, chunk, t)
    if count < (numbered.count() or 1):
        raise StageError(f"has {count} of the export's {numbered.count() or 1} frames", path, NUMBERED_REMEDY)


def _result_of(people: FramePeople, rgb_HW3: U8, job: Job, chunk: FrameChunk, t: int) -> FrameResult:
    return FrameResult(
        stem=job.stem,
        index=chunk.source_index(t),
        pts=int(chunk.pts_T[t]),
        video=chunk.video,
        rgb_HW3=rgb_HW3,
        box_N4=people.box_N4,
        score_N=people.score_N,
        id_N=people.id_N,
        surfaces=people.surfaces,
        bridged_N=people.bridged_N,
    )


def packet_of(results: tuple[FrameResult, ...], video: VideoInfo, first: int) -> tuple[FrameChunk, People, Surfaces]:
    """Frame results as payloads; `first` is the index of their first frame in the run."""
    frames = FrameChunk(
        rgb_THW3=np.stack([result.rgb_HW3 for result in results]),
        pts_T=np.array([result.pts for result in results], np.int64),
        first=first,
        video=video,
        index_T=np.array([result.index for result in results], np.int64),
    )
    people = People.joined(
        [
            People(
                frame_N=np.zeros(len(result.surfaces), np.int32),
                box_N4=result.box_N4,
                score_N=result.score_N,
                id_N=result.id_N,
                bridged_N=result.bridged_N,
                near_N=result.near_N,
            )
            for result in results
        ]
    )
    return frames, people, Surfaces(people=tuple(one for result in results for one in result.surfaces))


def _check_output(job: Job, video: str) -> None:
    """Raises StageError if the output would overwrite the video. Other checks do not cover an input folder."""
    output = Path(job.output) if job.output else None
    if output and output.exists() and Path(video).exists() and output.samefile(video):
        raise StageError("the output would overwrite the video", str(output), "name another output with -o")


def _with_frames(
    results: Iterator[FrameResult], job: Job, path: str, video: VideoInfo, start: float, threads: int, of_iuv: bool
) -> Iterator[FrameResult]:
    """Each result with the video frame of the same time.

    Times of an IUV video count from `start`, as `encode` writes them; its frames get the times and properties of
    `path`, because an IUV video has no pixel aspect, and its times do not fit the sound.
    """
    if not is_url(path) and not Path(path).exists():
        raise StageError("the video of this export does not exist", path, REMEDY)
    decode = Decode(Decode.Config(max_size=max(video.width, video.height), start=start or None), threads=threads)
    with closing(decode):
        frames = _timed_frames(decode, replace(job, input=path), of_iuv)
        for result in results:
            seconds_wanted = result.pts * video.time_base
            found = next((each for each in frames if each[0] >= seconds_wanted - TIME_TOLERANCE), None)
            if found is None:
                raise StageError(f"ends before frame {result.index} of the export", path, REMEDY)
            seconds, chunk, t = found
            rgb_HW3 = chunk.rgb_THW3[t]
            if seconds > seconds_wanted + TIME_TOLERANCE:
                raise StageError(
                    f"has no frame at {float(seconds_wanted):.3f} s, where the export has one", path, REMEDY
                )
            if rgb_HW3.shape[:2] != (video.height, video.width):
                size = f"{rgb_HW3.shape[1]}×{rgb_HW3.shape[0]}, the export of {video.width}×{video.height}"
                raise StageError(f"has frames of {size}", path, REMEDY)
            pts = int(chunk.pts_T[t]) if of_iuv else result.pts
            stream = replace(chunk.video, frames=video.frames) if of_iuv else video
            yield replace(result, rgb_HW3=rgb_HW3, index=chunk.source_index(t), pts=pts, video=stream)


def _timed_frames(decode: Decode, job: Job, of_iuv: bool) -> Iterator[tuple[Fraction, FrameChunk, int]]:
    """(seconds, chunk, frame in it) of an input; seconds are those of an IUV video, else of the input's clock."""
    shift: Fraction | None = None if of_iuv else Fraction(0)
    for chunk in decode(job):
        for t, pts in enumerate(chunk.pts_T.tolist()):
            shift = time_shift(chunk.video, pts, CONTAINERS[".mkv"], Fraction(1)) if shift is None else shift
            yield pts * chunk.video.time_base + shift, chunk, t

"""Animation: the motions of a film's people as a glTF or BVH file, a page that shows them, or their joint angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np

from models.animation.take import (
    RigSettings,
    Take,
    from_origin,
    take_as_angles,
    take_as_bvh,
    take_as_gltf,
    take_as_vrm_animations,
)
from models.animation.viewer_page import FilmPicture, viewer_page
from models.surface.atlas import DEFAULT_ATLAS, tile_side
from pipeline.stage import Job, Stage, StageError, fitting_name
from stages.bodies.background import BackgroundFollower
from stages.bodies.recorded_bodies import PERSON, RecordedBodies, recorded_take
from stages.bodies.shot_cameras import ShotCamera, camera_notes, camera_warnings
from stages.payloads import U8, Bodies, FrameChunk, People, Surfaces, Written
from stages.people.scene_cuts import is_scene_cut, thumbnail
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile, free_path, moved_aside

SUFFIXES = (".glb", ".bvh", ".vrma", ".csv", ".html")
A_FILE_EACH = (".bvh", ".vrma", ".csv")
"""Kinds that hold one person."""
NAMED_FILES = 5
"""Further files that a message names one by one."""
PICTURE_WIDTH, PICTURE_SECONDS, PICTURE_QUALITY = 480, 0.075, 70
"""Pictures of the film on the page: their width, the least time between them, and the quality of the JPEG."""


class Animate(Stage):
    """Records all people of a film and writes one animation at the end.

    Lengths are metres in glTF and centimetres in BVH; y is up; the person who is seen longest starts at the origin and
    faces +z. A camera that turns or zooms is followed by the background; one that travels is taken to stand still, and
    the receipt warns.
    """

    ordered = True
    exports: ClassVar[Mapping[str, str]] = {"viewer": "viewer"}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How people are animated.

        Attributes:
            skeleton: names and axes of the joints: the body's `own`, `mixamo`, `unreal` or `cmu`.
            rest: the rest pose: arms level (`t`) or 45° down (`a`).
            in_place: without the path along the floor.
            lock_feet: soles stay where they stand.
            camera: `auto` follows a camera that turns or zooms; `still` takes it to stand still.
            least_seconds: people who are seen for a shorter time are left out.
            viewer: an HTML file that shows the animation and the film in a browser, without a network; None = none.
        """

        skeleton: Literal["own", "mixamo", "unreal", "cmu"] = "own"
        rest: Literal["t", "a"] = "t"
        in_place: bool = False
        lock_feet: bool = True
        camera: Literal["auto", "still"] = "auto"
        least_seconds: float = 0.5
        viewer: str | None = None

        def __post_init__(self) -> None:
            """Raises ValueError for a negative time, or a page that is not named .html."""
            if not self.least_seconds >= 0:
                raise ValueError(f"least_seconds is {self.least_seconds}, must be 0 or more")
            if self.viewer is not None and Path(self.viewer).suffix.lower() != ".html":
                raise ValueError(f"the viewer is {self.viewer!r}, must end in .html")

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output of another kind, or one that may not be overwritten."""
        _validated(job)
        _refuse_files_of_people(job)
        if config.viewer is not None:
            _output(config.viewer, job)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A film of which nothing is recorded."""
        super().__init__(config, threads=threads)
        self._recorded = RecordedBodies()
        self._thumbnail: U8 | None = None
        self._background = BackgroundFollower()
        self._pictures: list[FilmPicture] = []
        self._job: Job | None = None
        self._animated: list[str] = []

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies
    ) -> Iterator[Written]:
        """Record the bodies of the chunk."""
        if self._job is None:
            self._job = _validated(job)
        recorded = self._recorded
        recorded.width, recorded.height = frames.video.width, frames.video.height
        for t in range(len(frames)):
            second = frames.second(t)
            now = thumbnail(frames.rgb_THW3[t])
            if self._thumbnail is not None and is_scene_cut(self._thumbnail, now):
                recorded.cuts.append(second)
                self._background = BackgroundFollower()
            self._thumbnail = now
            recorded.add_frame(second, bodies.in_frame(t))
            recorded.add_lines(second, frames.rgb_THW3[t])
            if self.config.camera == "auto":
                here = [surfaces.people[n] for n in np.flatnonzero(people.frame_N == t)]
                recorded.background.append(self._background.match(frames.rgb_THW3[t], here))
            if self.config.viewer is not None or _suffix(job) == ".html":
                self._keep_picture(frames.rgb_THW3[t], second)
        return iter(())

    def flush(self) -> Iterator[Written]:
        """Write the files. Raises StageError if nobody was seen long enough, or a file cannot be written."""
        if self._job is None:
            return
        cameras = self._recorded.cameras()
        take = recorded_take(self._recorded, cameras, self.config.least_seconds, self.config.lock_feet)
        if not take.motion_of:
            what = "nobody was seen long enough, so there is nothing to animate"
            remedy = "look at the people with -c video, or try animate.least_seconds=0"
            if len(self._recorded.seconds) == 1:
                what = "one picture shows no motion, so there is nothing to animate"
                remedy = "give a video; for one picture --export mesh and --export bodies write the bodies"
            raise StageError(what, self._job.name, remedy)
        take = from_origin(take)
        self._animated = list(take.motion_of)
        written = _write_all(self._files(take, self._job), self._job)
        moved = [sentence for path, free in written.items() for sentence in moved_aside(path, free)]
        assert self._job.output is not None
        result = written.pop(self._job.output)
        facts: dict[str, Any] = {"people": len(self._animated)}
        others = list(written.values())
        named = others if len(others) <= NAMED_FILES else [others[0], f"… {others[-1]} ({len(others)} files)"]
        notes = [*camera_notes(cameras), *([f"also written: {', '.join(named)}"] if others else [])]
        warnings = [*self._warnings(cameras), *moved]
        facts |= {key: texts for key, texts in (("notes", notes), ("warnings", warnings)) if texts}
        yield Written(path=result, frames=len(self._recorded.seconds), facts=facts)

    def _warnings(self, cameras: Mapping[int, ShotCamera]) -> list[str]:
        """What the film lacks for an animation that is right: a single shot, and a camera that stays at its place."""
        found = camera_warnings(cameras)
        if cuts := len(self._recorded.cuts):
            what = f"{cuts} scene cut{'s' if cuts > 1 else ''}: each shot has a floor of its own"
            remedy = "decode.start and decode.end choose a shot"
            found.append(f"{what}, and the camera is that of {self._animated[0]}; {remedy}")
        return found

    def summary(self) -> Mapping[str, Any]:
        """`animated`: names of the people; `exports`."""
        shown = {} if self.config.viewer is None else {"exports": {"viewer": self.config.viewer}}
        return {"animated": self._animated, **shown}

    def state(self) -> bytes:
        """All bodies and matches of the background so far. The pictures of a page, the search for cuts and the places
        that are followed begin anew."""
        return self._recorded.to_bytes()

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        if state:
            self._recorded = RecordedBodies.from_bytes(state)
            self._background = BackgroundFollower(first=self._recorded.frames_of_shot)

    def _files(self, take: Take, job: Job) -> dict[str, bytes]:
        """Contents by path: the result, in BVH, VRMA and CSV one file for each further person, and the page."""
        assert job.output is not None
        settings, suffix = RigSettings(
            skeleton=self.config.skeleton, rest=self.config.rest, in_place=self.config.in_place
        ), _suffix(job)
        files: dict[str, bytes] = {}
        pages = [path for path in (job.output if suffix == ".html" else None, self.config.viewer) if path is not None]
        if suffix in A_FILE_EACH:
            for number, (name, content) in enumerate(self._of_each(take, settings, suffix).items()):
                files[job.output if number == 0 else _path_of_person(job.output, name)] = content
        if suffix == ".glb" or pages:
            glb = take_as_gltf(take, settings, DEFAULT_ATLAS.read_bytes(), ATLAS_TILE)
            if suffix == ".glb":
                files[job.output] = glb
            start = min(float(motion.second_T[0]) for motion in take.motion_of.values())
            pictures = [replace(one, second=one.second - start) for one in self._pictures]
            page = viewer_page(job.stem, glb, pictures, take.camera, start) if pages else ""
            files |= {path: page.encode() for path in pages}
        return files

    def _of_each(self, take: Take, settings: RigSettings, suffix: str) -> dict[str, bytes]:
        """Contents of the file of each person."""
        if suffix == ".vrma":
            return take_as_vrm_animations(take, self.config.in_place)
        texts = take_as_bvh(take, settings) if suffix == ".bvh" else take_as_angles(take)
        return {name: text.encode() for name, text in texts.items()}

    def _keep_picture(self, rgb_HW3: U8, second: float) -> None:
        if self._pictures and second - self._pictures[-1].second < PICTURE_SECONDS:
            return
        height, width = rgb_HW3.shape[:2]
        scale = min(1.0, PICTURE_WIDTH / width)
        small = cv2.resize(rgb_HW3, (round(width * scale), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
        self._pictures.append(FilmPicture(second=second, jpeg=jpeg.tobytes()))


ATLAS_TILE = tile_side(800, 1200)
"""Side of a tile of the default atlas, pixels."""


def _suffix(job: Job) -> str:
    return Path(job.output or "").suffix.lower()


def _output(path: str, job: Job) -> OutputFile:
    return OutputFile(path, job.input, overwrite=job.overwrite)


def _validated(job: Job) -> Job:
    """The job, if its output can be an animation. Raises StageError."""
    if job.output is None:
        raise StageError("there is no output to write to", job.input, "name one with -o")
    if _suffix(job) not in SUFFIXES:
        kinds = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise StageError(f"an animation is a {kinds} file", job.output, "name such a file with -o")
    _output(job.output, job)
    return job


def _path_of_person(output: str, name: str) -> str:
    """The file of a further person: `dance.person_7.bvh` beside `dance.bvh`."""
    path = Path(output)
    return str(path.with_name(fitting_name(path.stem, f".{name}{path.suffix.lower()}")))


def _refuse_files_of_people(job: Job) -> None:
    """Raises StageError for a file that has the name of a further person's, whoever will be in the film.

    A resumed run may find those of its own first part, and writes beside them.
    """
    output = Path(job.output or "")
    if job.overwrite or job.resume or output.suffix.lower() not in A_FILE_EACH:
        return
    for path in sorted(output.parent.glob(f"*{output.suffix.lower()}")):
        if path.name.startswith(f"{output.stem}.{PERSON}"):
            what = "this file exists already, and a person of the film may need its name"
            raise StageError(what, str(path), "move it, add --overwrite, or name another output with -o")


def _write_all(files: Mapping[str, bytes], job: Job) -> dict[str, str]:
    """Write contents by path, the result last; returns where each was written."""
    written = {}
    for path in sorted(files, key=lambda one: one == job.output):
        written[path] = free_path(path, overwrite=job.overwrite)
        _write(_output(written[path], job), files[path])
    return written


def _write(output: OutputFile, content: bytes) -> None:
    with reported_write_errors(output.path):
        output.prepare(fresh=True)
        draft = output.folder / f"whole{Path(output.path).suffix.lower()}.draft"
        draft.write_bytes(content)
        output.publish(draft)

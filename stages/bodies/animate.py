"""Animation: writes the motions of a video's people as glTF, BVH or VRM, as a page that plays them, or as angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np

from models.animation.animation_clip import (
    AnimationClip,
    RigSettings,
    clip_as_angles,
    clip_as_bvh,
    clip_as_gltf,
    clip_as_vrm_animations,
    moved_to_origin,
)
from models.animation.viewer_page import VideoPicture, viewer_page
from models.surface.atlas import DEFAULT_ATLAS, tile_side
from pipeline.stage import Job, Stage, StageError, fitting_name
from stages.bodies.background_tracking import BackgroundTracker
from stages.bodies.recorded_bodies import PERSON, RecordedBodies, recorded_clip
from stages.bodies.shot_cameras import ShotCamera, camera_notes, camera_warnings
from stages.payloads import U8, Bodies, FrameChunk, People, Surfaces, Written
from stages.people.scene_cuts import is_scene_cut, thumbnail
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile, free_path, moved_aside

SUFFIXES = (".glb", ".bvh", ".vrma", ".csv", ".html")
A_FILE_EACH = (".bvh", ".vrma", ".csv")
"""Kinds of files that contain one person."""
NAMED_FILES = 5
"""Maximum number of further files that a message names; of more it names the first and the last."""
PICTURE_WIDTH, PICTURE_SECONDS, PICTURE_QUALITY = 480, 0.075, 70
"""Pictures of the video on the page: their width in pixels, the minimum time between them in seconds, and the quality
of the JPEG, 0..100."""


class Animate(Stage):
    """Records the bodies of all people of a video, and writes one animation at the end.

    Lengths are metres in glTF and centimetres in BVH; y is up. The person who is visible longest starts at the origin
    and faces +z. A rotation or zoom of the camera is estimated from the background and compensated. A camera that
    translates counts as still, and the receipt warns.
    """

    ordered = True
    exports: ClassVar[Mapping[str, str]] = {"viewer": "viewer"}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How people are animated.

        Attributes:
            skeleton: names and axes of the joints: `own` (the open body's), `mixamo`, `unreal` or `cmu`.
            rest: the rest pose: arms level (`t`) or 45° down (`a`).
            in_place: true removes the path along the floor.
            lock_feet: true keeps soles at one position while they are in contact with the floor.
            camera: `auto` compensates a camera that rotates or zooms; `still` means that the camera is still.
            least_seconds: people who are visible for a shorter time are left out.
            viewer: an HTML file that plays the animation beside the video in a browser, offline; None = none.
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
        """A new video, of which nothing is recorded."""
        super().__init__(config, threads=threads)
        self._recorded = RecordedBodies()
        self._thumbnail: U8 | None = None
        self._background = BackgroundTracker()
        self._pictures: list[VideoPicture] = []
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
                self._background = BackgroundTracker()
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
        """Write the files. Raises StageError if no person is visible long enough, or a file cannot be written."""
        if self._job is None:
            return
        cameras = self._recorded.cameras()
        clip = recorded_clip(self._recorded, cameras, self.config.least_seconds, self.config.lock_feet)
        if not clip.motion_of:
            what = "nobody was seen long enough, so there is nothing to animate"
            remedy = "look at the people with -c video, or try animate.least_seconds=0"
            if len(self._recorded.seconds) == 1:
                what = "one picture shows no motion, so there is nothing to animate"
                remedy = "give a video; for one picture --export mesh and --export bodies write the bodies"
            raise StageError(what, self._job.name, remedy)
        clip = moved_to_origin(clip)
        self._animated = list(clip.motion_of)
        written = _write_all(self._files(clip, self._job), self._job)
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
        """Reasons why the animation may be wrong: scene cuts, and a camera that translates."""
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
        """The recorded bodies and matches of the background.

        After a restart the pictures of a page are lost, and the search for cuts and the tracking of the background
        start from nothing.
        """
        return self._recorded.to_bytes()

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        if state:
            self._recorded = RecordedBodies.from_bytes(state)
            self._background = BackgroundTracker(first=self._recorded.frames_of_shot)

    def _files(self, clip: AnimationClip, job: Job) -> dict[str, bytes]:
        """Contents by path: the result, the page, and a file for each further person in BVH, VRMA and CSV."""
        assert job.output is not None
        settings, suffix = RigSettings(
            skeleton=self.config.skeleton, rest=self.config.rest, in_place=self.config.in_place
        ), _suffix(job)
        files: dict[str, bytes] = {}
        pages = [path for path in (job.output if suffix == ".html" else None, self.config.viewer) if path is not None]
        if suffix in A_FILE_EACH:
            for number, (name, content) in enumerate(self._of_each(clip, settings, suffix).items()):
                files[job.output if number == 0 else _path_of_person(job.output, name)] = content
        if suffix == ".glb" or pages:
            glb = clip_as_gltf(clip, settings, DEFAULT_ATLAS.read_bytes(), ATLAS_TILE)
            if suffix == ".glb":
                files[job.output] = glb
            start = min(float(motion.second_T[0]) for motion in clip.motion_of.values())
            pictures = [replace(one, second=one.second - start) for one in self._pictures]
            page = viewer_page(job.stem, glb, pictures, clip.camera, start) if pages else ""
            files |= {path: page.encode() for path in pages}
        return files

    def _of_each(self, clip: AnimationClip, settings: RigSettings, suffix: str) -> dict[str, bytes]:
        """Contents of the file of each person."""
        if suffix == ".vrma":
            return clip_as_vrm_animations(clip, self.config.in_place)
        texts = clip_as_bvh(clip, settings) if suffix == ".bvh" else clip_as_angles(clip)
        return {name: text.encode() for name, text in texts.items()}

    def _keep_picture(self, rgb_HW3: U8, second: float) -> None:
        if self._pictures and second - self._pictures[-1].second < PICTURE_SECONDS:
            return
        height, width = rgb_HW3.shape[:2]
        scale = min(1.0, PICTURE_WIDTH / width)
        small = cv2.resize(rgb_HW3, (round(width * scale), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
        _, jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
        self._pictures.append(VideoPicture(second=second, jpeg=jpeg.tobytes()))


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
    """Raise StageError if a file exists whose name a further person of the video may need.

    A resumed run is not refused: it may find the files of its first part, and writes beside them.
    """
    output = Path(job.output or "")
    if job.overwrite or job.renews_exports or output.suffix.lower() not in A_FILE_EACH:
        return
    for path in sorted(output.parent.glob(f"*{output.suffix.lower()}")):
        if path.name.startswith(f"{output.stem}.{PERSON}"):
            what = "this file exists already, and a person of the video may need its name"
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

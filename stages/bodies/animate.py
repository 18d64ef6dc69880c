"""Animation: writes the motions of a video's people as glTF, BVH or VRM, as a page that plays them, or as angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

from models.animation.animation_clip import (
    AnimationClip,
    RigSettings,
    clip_as_angles,
    clip_as_bvh,
    clip_as_gltf,
    clip_as_gltf_files,
    clip_as_usd,
    clip_as_vrm_animations,
    moved_to_origin,
)
from models.animation.mocap_files import MOCAP_SUFFIXES, clip_as_mocap
from models.animation.viewer_page import VideoPicture, viewer_page
from models.time_steps import frame_steps
from pipeline.stage import Job, Stage, StageError, fitting_name
from stages.bodies.animation_atlas import OWN_CLOTHES, animation_atlas, dressed_clip
from stages.bodies.animation_files import write_files
from stages.bodies.clip_notes import contact_notes, presence_notes, unseen_notes, up_warnings
from stages.bodies.fbx_export import blender_command, fbx_or_glb
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.recorded_clip import PERSON, ClipSettings, lasting_people, recorded_clip, shown_enough
from stages.bodies.recording import BodyRecording
from stages.bodies.shot_cameras import ShotCamera, camera_notes, camera_warnings
from stages.payloads import Bodies, FrameChunk, People, SegmentWritten, Surfaces, Written
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile, other_path_note

A_FILE_EACH = (".bvh", ".vrma", ".csv", *MOCAP_SUFFIXES)
"""Kinds of files that contain one person."""
SKIN_SUFFIXES = (".glb", ".fbx", ".usdz")
"""Kinds of files that contain the skin, beside the page."""
SUFFIXES = (*SKIN_SUFFIXES, *A_FILE_EACH, ".html")
NEEDED = {".c3d": ("c3d", "mocap", ".trc"), ".usdz": ("pxr", "usd", ".glb")}
"""Kinds of files that need a package: its module, the extra that installs it, and a kind of file that needs none."""
NAMED_FILES = 5
"""Maximum number of further files that a message names; of more it names the first and the last."""
LONGEST_LEAST_S, LONGEST_BRIDGE_S, FPS = 60.0, 10.0, (1.0, 240.0)
"""Largest values of `least_seconds` and `bridge_s`, and the range of `fps`."""


class Animate(Stage):
    """Records the bodies of all people of a video, and writes one animation at the end.

    Lengths are metres in glTF and centimetres in BVH; y is up. The person who is visible longest starts at the origin
    and faces +z. A rotation or zoom of the camera is estimated from the background and compensated. A camera that
    translates counts as still, and the receipt warns. A run can be resumed after each part of the recording.
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
            padding: true makes bodies as wide as their people in clothes, hair and shoes.
            camera: `auto` compensates a camera that rotates or zooms; `still` means that the camera is still.
            up: `camera`: the camera is not rolled; `body`: people are upright; `auto`: neither is certain.
            fps: frames per second of the motions; None = those of the video.
            clips: glTF has one clip of the whole `video`, or one for each shot (`shots`).
            files: glTF has all people `together`, or is one file for each `person`.
            bridge_s: people are hidden in gaps that are longer, seconds; in shorter ones they are interpolated.
            least_seconds: people who are visible for a shorter time are left out.
            least_seen: people of whom a smaller share of the body is ever seen are left out, 0..1.
            segment_frames: after each of this number of frames the recorded bodies are on the disk, for `--resume`.
            atlas: `self`: each body wears the clothes of its person, collected over the video. Or an image of 24 tiles
                that all bodies wear, such as `-c unwrap` writes. None = a painted suit.
            blender: path of the Blender that writes `.fbx`, or of a Python that has bpy; None = that of the path.
            viewer: an HTML file that plays the animation beside the video in a browser, offline; None = none.
        """

        skeleton: Literal["own", "mixamo", "unreal", "cmu"] = "own"
        rest: Literal["t", "a"] = "t"
        in_place: bool = False
        lock_feet: bool = True
        padding: bool = True
        camera: Literal["auto", "still"] = "auto"
        up: Literal["auto", "camera", "body"] = "auto"
        fps: float | None = None
        clips: Literal["video", "shots"] = "video"
        files: Literal["together", "person"] = "together"
        bridge_s: float = 0.5
        least_seconds: float = 0.5
        least_seen: float = 0.2
        segment_frames: int = 600
        atlas: str | None = None
        blender: str | None = None
        viewer: str | None = None

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range, or a page that is not named .html."""
            if not 0 <= self.least_seconds <= LONGEST_LEAST_S:
                raise ValueError(f"least_seconds is {self.least_seconds}, must be from 0 to {LONGEST_LEAST_S}")
            if not 0 <= self.bridge_s <= LONGEST_BRIDGE_S:
                raise ValueError(f"bridge_s is {self.bridge_s}, must be from 0 to {LONGEST_BRIDGE_S}")
            if not 0 <= self.least_seen <= 1:
                raise ValueError(f"least_seen is {self.least_seen}, must be from 0 to 1")
            if self.fps is not None and not FPS[0] <= self.fps <= FPS[1]:
                raise ValueError(f"fps is {self.fps}, must be from {FPS[0]} to {FPS[1]}")
            if self.segment_frames < 1:
                raise ValueError("segment_frames must be 1 or more")
            if self.viewer is not None and Path(self.viewer).suffix.lower() != ".html":
                raise ValueError(f"the viewer is {self.viewer!r}, must end in .html")

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for an atlas that cannot be used."""
        if config.atlas != OWN_CLOTHES:
            animation_atlas(config.atlas)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output of another kind, or one that may not be overwritten."""
        _validated(job)
        _refuse_files_of_people(job, config)
        if config.viewer is not None:
            _output(config.viewer, job)
        if _suffix(job) == ".fbx":
            blender_command(config.blender)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new video, of which nothing is recorded."""
        super().__init__(config, threads=threads)
        self._output: OutputFile | None = None
        self._recording: BodyRecording | None = None
        self._restored = b""
        self._job: Job | None = None
        self._animated: list[str] = []
        self._instead: list[str] = []

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies
    ) -> Iterator[Written | SegmentWritten]:
        """Record the bodies of the chunk; yields a receipt for each part that is complete."""
        if self._recording is None:
            self._recording = self._begin(job)
        self._recording.add(frames, people, surfaces, bodies)
        with reported_write_errors(str(job.output)):
            receipt = self._recording.complete_part()
        if receipt is not None:
            yield receipt

    def _begin(self, job: Job) -> BodyRecording:
        self._job = _validated(job)
        self._output = _output(str(job.output), job)
        with reported_write_errors(self._output.path):
            self._output.prepare(fresh=not self._restored)
        pictures = self.config.viewer is not None or _suffix(job) == ".html"
        recording = BodyRecording(
            self._output.folder, follow_camera=self.config.camera == "auto", pictures=pictures,
            part_frames=self.config.segment_frames, clothes=self.config.atlas == OWN_CLOTHES,
            outlines=self.config.padding and (pictures or _suffix(job) in SKIN_SUFFIXES),
        )
        if self._restored:
            recording.restore(self._restored)
        return recording

    def flush(self) -> Iterator[Written]:
        """Write the files. Raises StageError if no person is visible long enough, or a file cannot be written."""
        if self._job is None or self._recording is None or self._output is None:
            return
        with reported_write_errors(self._output.path):
            recorded = self._recording.whole()
        frames, cameras = len(recorded.seconds), recorded.cameras()
        recorded.background.clear()
        try:
            clip, left_out = self._clip(recorded, cameras, self._job)
        except StageError:
            self._output.discard()
            raise
        clip, unclothed = dressed_clip(clip, self.config.atlas, self._recording.texels)
        paddings = self._recording.outlines.paddings()
        clip = replace(clip, padding_of={f"{PERSON}{identity}": worn_D4 for identity, worn_D4 in paddings.items()})
        self._animated = list(clip.motion_of)
        files = self._files(clip, recorded.pictures, self._job)
        main = str(self._job.output) if self._job.output in files else next(iter(files))
        written = write_files(files, self._job, self._output)
        moved = [note for path, free in written.items() for note in other_path_note(path, free)]
        result = written.pop(main)
        others = list(written.values())
        named = others if len(others) <= NAMED_FILES else [others[0], f"… {others[-1]} ({len(others)} files)"]
        notes = [*camera_notes(cameras), *presence_notes(clip, _suffix(self._job)), *unseen_notes(clip)]
        notes += contact_notes(clip) if self.config.lock_feet else []
        notes += [f"also written: {', '.join(named)}"] if others else []
        warnings = [*self._warnings(cameras, len(recorded.cuts)), *up_warnings(clip), *left_out, *unclothed, *moved]
        warnings += self._instead
        facts: dict[str, Any] = {"people": len(self._animated)}
        facts |= {key: texts for key, texts in (("notes", notes), ("warnings", warnings)) if texts}
        yield Written(path=result, frames=frames, facts=facts)

    def _clip(
        self, recorded: RecordedBodies, cameras: Mapping[int, ShotCamera], job: Job
    ) -> tuple[AnimationClip, list[str]]:
        """The clip, and sentences on people who are left out. Raises StageError if it has nobody."""
        settings = ClipSettings(
            least_seconds=self.config.least_seconds, least_seen=self.config.least_seen, bridge_s=self.config.bridge_s,
            fps=self.config.fps, lock_feet=self.config.lock_feet, up=self.config.up,
        )
        if len(recorded.seconds) == 1 and not recorded.people:
            what = "one picture shows no motion, so there is nothing to animate"
            remedy = "give a video; for one picture --export mesh and --export bodies write the bodies"
            raise StageError(what, job.name, remedy)
        lasting = lasting_people(recorded, settings)
        if not lasting:
            what = f"nobody was seen for {self.config.least_seconds:g} s, so there is nothing to animate"
            remedy = "look at the people with -c video, or try animate.least_seconds=0"
            raise StageError(what, job.name, remedy)
        people = {name: record for name, record in lasting.items() if shown_enough(record, settings)}
        partial = [f"{PERSON}{name}" for name in lasting if name not in people]
        if not people:
            what = f"only a small part of the body of {partial[0]} is ever seen, so there is nothing to animate"
            raise StageError(what, job.name, "animate.least_seen=0 animates whole bodies all the same")
        lasting.clear()  # `recorded_clip` frees the records
        clip = moved_to_origin(recorded_clip(recorded, people, cameras, settings))
        why = "is left out, because only a small part of the body is ever seen; animate.least_seen=0 animates everybody"
        return clip, [f"{name} {why}" for name in partial]

    def _warnings(self, cameras: Mapping[int, ShotCamera], cuts: int) -> list[str]:
        """Reasons why the animation may be wrong: scene cuts, and a camera that translates."""
        found = camera_warnings(cameras)
        if cuts:
            what = f"{cuts} scene cut{'s' if cuts > 1 else ''}: each shot has a floor of its own"
            remedy = "decode.start and decode.end choose a shot"
            found.append(f"{what}, and the camera is that of {self._animated[0]}; {remedy}")
        return found

    def summary(self) -> Mapping[str, Any]:
        """`animated`: names of the people; `exports`."""
        shown = {} if self.config.viewer is None else {"exports": {"viewer": self.config.viewer}}
        return {"animated": self._animated, **shown}

    def state(self) -> bytes:
        """The open part of the recording, and the number of parts on the disk."""
        return self._restored if self._recording is None else self._recording.state()

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        self._restored = state

    def reopen(self, job: Job) -> None:
        """Reopen the restored recording."""
        if self._recording is None and self._restored:
            self._recording = self._begin(job)

    def close(self) -> None:
        """Unlock the working folder."""
        if self._output is not None:
            self._output.tidy()

    def _files(self, clip: AnimationClip, pictures: Sequence[VideoPicture], job: Job) -> dict[str, bytes]:
        """Contents by path: the result, the page, and a file for each further person where it has one person each."""
        assert job.output is not None
        settings, suffix = RigSettings(
            skeleton=self.config.skeleton, rest=self.config.rest, in_place=self.config.in_place,
            clip_each_shot=self.config.clips == "shots",
        ), _suffix(job)
        files: dict[str, bytes] = {}
        pages = [path for path in (job.output if suffix == ".html" else None, self.config.viewer) if path is not None]
        if _has_a_file_each(job, self.config):
            for number, (name, content) in enumerate(self._of_each(clip, settings, suffix).items()):
                files[job.output if number == 0 else _path_of_person(job.output, name)] = content
        if suffix == ".usdz":
            files[job.output] = clip_as_usd(clip, settings)
        if pages or (suffix in (".glb", ".fbx") and not files):
            glb = clip_as_gltf(clip, settings)
            files |= {job.output: glb} if suffix == ".glb" and not files else {}
            if suffix == ".fbx":
                rate = 1 / frame_steps(next(iter(clip.motion_of.values())).second_T).seconds
                path, content, self._instead = fbx_or_glb(glb, job.output, self.config.blender, rate)
                files[path] = content
            if pages and settings.clip_each_shot:  # the page plays one clip
                one = replace(settings, clip_each_shot=False)
                glb = clip_as_gltf(clip, one)
            shown = [replace(picture, second=picture.second - clip.start) for picture in pictures]
            page = viewer_page(job.stem, glb, shown, clip.camera, clip.start) if pages else ""
            files |= {path: page.encode(errors="backslashreplace") for path in pages}
        return files

    def _of_each(self, clip: AnimationClip, settings: RigSettings, suffix: str) -> dict[str, bytes]:
        """Contents of the file of each person."""
        if suffix == ".glb":
            return clip_as_gltf_files(clip, settings)
        if suffix == ".vrma":
            return clip_as_vrm_animations(clip, self.config.in_place)
        if suffix in MOCAP_SUFFIXES:
            return clip_as_mocap(clip, suffix, self.config.in_place)
        texts = clip_as_bvh(clip, settings) if suffix == ".bvh" else clip_as_angles(clip)
        return {name: text.encode() for name, text in texts.items()}


def _suffix(job: Job) -> str:
    return Path(job.output or "").suffix.lower()


def _output(path: str, job: Job) -> OutputFile:
    return OutputFile(path, job.input, overwrite=job.overwrite)


def _validated(job: Job) -> Job:
    """The job, if its output can be an animation. Raises StageError."""
    if job.output is None:
        raise StageError("there is no output to write to", job.input, "name one with -o")
    module, extra, other = NEEDED.get(_suffix(job), ("", "", ""))
    if module and find_spec(module) is None:
        what = f"{_suffix(job)} files need the package {module}, which is not installed"
        raise StageError(what, job.output, f"pip install 'densepose-video[{extra}]', or name a {other} file")
    if _suffix(job) not in SUFFIXES:
        kinds = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise StageError(f"an animation is a {kinds} file", job.output, "name such a file with -o")
    _output(job.output, job)
    return job


def _path_of_person(output: str, name: str) -> str:
    """The file of a further person: `dance.person_7.bvh` beside `dance.bvh`."""
    path = Path(output)
    return str(path.with_name(fitting_name(path.stem, f".{name}{path.suffix.lower()}")))


def _has_a_file_each(job: Job, config: Animate.Config) -> bool:
    return _suffix(job) in A_FILE_EACH or (_suffix(job) == ".glb" and config.files == "person")


def _refuse_files_of_people(job: Job, config: Animate.Config) -> None:
    """Raise StageError if a file exists whose name a further person of the video may need.

    A resumed run is not refused: it may find the files of its first part, and writes beside them.
    """
    output = Path(job.output or "")
    if job.overwrite or job.renews_exports or not _has_a_file_each(job, config):
        return
    for path in sorted(output.parent.glob(f"*{output.suffix.lower()}")):
        if path.name.startswith(f"{output.stem}.{PERSON}"):
            what = "this file exists already, and a person of the video may need its name"
            raise StageError(what, str(path), "move it, add --overwrite, or name another output with -o")

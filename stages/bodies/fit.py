"""Fitting: the open body is fitted to the surface of each person, in metres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.fitting.surface_fit import fit_surface
from models.fitting.track_fit import TrackFitSettings, moved_on, tracked_body
from pipeline.stage import Stage
from stages.bodies.body_height import HEIGHTS_M, at_height
from stages.bodies.body_look_ahead import BodyLookAhead, FrameFits
from stages.bodies.fit_state import FittingMemory, memory_from_bytes, memory_to_bytes
from stages.bodies.focal_length import FIELDS_DEG, camera_of
from stages.bodies.largest_people import largest_people
from stages.payloads import Bodies, FrameChunk, People, PersonSurface, Surfaces

FORGET_S = 1.01
"""Seconds without a person after which the fit starts from scratch: just above 30 frames at 29.97 per second."""


class FitBodies(Stage):
    """Fits a body to each surface of a frame, and returns the bodies `look_ahead` frames later.

    The fit of a person starts at a pose that is predicted from the frames before. The shape is constant after the first
    frames. With look-ahead, poses are then smoothed over this number of frames before and after. In single images, and
    in the first frame after a scene cut, a fit starts from scratch. Surfaces that are too small give no body. In a
    video, people without an identity give no body either, because most of them are wrong detections of one frame.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How bodies are fitted.

        Attributes:
            focal_px: the focal length in pixels of the frames; None = from a photo's EXIF, else from `field_deg`.
            field_deg: the field of view of the larger side of the frames if no focal length is known, degrees.
            height_m: the height of all people, metres; None = as fitted, which is an estimate from the shape alone.
            height_of: the height of single identities: `{3: 1.82}`.
            look_ahead: number of later frames for which a frame waits (0..8); 0 adds no delay, for live video.
            most_people: maximum number of people in a frame who are fitted: the largest ones.
        """

        focal_px: float | None = None
        field_deg: float = 60.0
        height_m: float | None = None
        height_of: dict[str, float] = field(default_factory=dict)
        look_ahead: int = 0
        most_people: int = 30

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if self.focal_px is not None and not self.focal_px > 0:
                raise ValueError(f"focal_px is {self.focal_px}, must be more than 0")
            if not FIELDS_DEG[0] <= self.field_deg <= FIELDS_DEG[1]:
                raise ValueError(f"field_deg is {self.field_deg}, must be from {FIELDS_DEG[0]:g} to {FIELDS_DEG[1]:g}")
            given = {"height_m": self.height_m} | {f"height_of.{key}": value for key, value in self.height_of.items()}
            for key, height in given.items():
                if height is not None and not HEIGHTS_M[0] <= height <= HEIGHTS_M[1]:
                    raise ValueError(f"{key} is {height}, must be from {HEIGHTS_M[0]} to {HEIGHTS_M[1]} metres")
            for identity in self.height_of:
                if not identity.isdecimal():
                    raise ValueError(f"height_of names the identity {identity!r}, must be a whole number")
            if not 0 <= self.look_ahead <= 8:
                raise ValueError(f"look_ahead is {self.look_ahead}, must be from 0 to 8")
            if self.most_people < 1:
                raise ValueError(f"most_people is {self.most_people}, must be 1 or more")

    def __init__(
        self, config: Config, *, threads: int = 1, least_height: int = 1, period_s: float = 0.0,
        settings: TrackFitSettings | None = None,
    ) -> None:  # fmt: skip
        """A new stream without people.

        Args:
            config: the section.
            threads: as for every stage.
            least_height: people who cover fewer rows of pixels are not fitted.
            period_s: a person is fitted again after this time; in frames between, the body moves on as it did.
            settings: how people are tracked; None: as by default.
        """
        super().__init__(config, threads=threads)
        self._least_height, self._period_s, self._settings = least_height, period_s, settings
        self.memory = FittingMemory(waiting=BodyLookAhead(window=config.look_ahead))
        self._has_square_pixels = True

    def __call__(self, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Bodies]:
        """The bodies of all chunks that are complete now.

        Raises StageError for a focal length that is impossible for these frames.
        """
        memory = self.memory
        camera, memory.camera_source = camera_of(self.config.focal_px, self.config.field_deg, frames.video)
        self._has_square_pixels = frames.video.sample_aspect == 1
        if frames.video.still:
            yield from self.flush()
            yield self._fitted_still(people, surfaces, camera)
            return
        memory.waiting.add_chunk(len(frames))
        for t in range(len(frames)):
            second = frames.second(t)
            starts_shot = frames.starts_shot(t) or frames.first + t != memory.last_frame + 1
            memory.last_frame = frames.first + t
            self._forget(second, starts_shot)
            here_N = np.flatnonzero(people.frame_N == t)
            seen = [(int(people.id_N[n]), surfaces.people[n]) for n in here_N]
            found = self._tracked(seen, camera, second)
            memory.waiting.fits.append(
                FrameFits(second=second, starts_shot=starts_shot, people=tuple(found.values()), persons=tuple(found))
            )
            if memory.waiting.unfinished > self.config.look_ahead:
                memory.waiting.finish_oldest(self._at_stated_height)
        yield from memory.waiting.take_complete()

    def flush(self) -> Iterator[Bodies]:
        """The chunks that still wait for later frames."""
        while self.memory.waiting.unfinished:
            self.memory.waiting.finish_oldest(self._at_stated_height)
        yield from self.memory.waiting.take_complete()

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None) -> Bodies:
        """Nobody."""
        return Bodies.joined([])

    def _forget(self, second: float, starts_shot: bool) -> None:
        """Remove the bodies of people who were not visible for a long time; all bodies where a shot starts."""
        self.memory.tracked = {
            identity: known
            for identity, known in self.memory.tracked.items()
            if not starts_shot and 0 < second - known.second <= FORGET_S
        }

    def _tracked(
        self, seen: Sequence[tuple[int, PersonSurface]], camera: PinholeCamera, second: float
    ) -> dict[int, tuple[int, FittedBody]]:
        """Identity and body of each fitted person of a frame, by the person's index in `seen`."""
        memory, found = self.memory, {}
        named = [n for n, (identity, _) in enumerate(seen) if identity >= 0]
        for n in (named[index] for index in self._large([seen[n][1] for n in named])):
            identity, surface = seen[n]
            known = memory.tracked.get(identity)
            if known is not None and second - known.second < self._period_s:
                found[n] = identity, moved_on(known, second, self._settings)
                continue
            tracked = tracked_body(known, surface, camera, second, self._settings)
            if tracked is not None:
                memory.tracked[identity] = tracked
                found[n] = identity, tracked.body
        memory.count += len(found)
        return found

    def _fitted_still(self, people: People, surfaces: Surfaces, camera: PinholeCamera) -> Bodies:
        """The bodies of a single image."""
        tried = {n: fit_surface(surfaces.people[n], camera) for n in self._large(surfaces.people)}
        found = {n: self._at_stated_height(int(people.id_N[n]), body) for n, body in tried.items() if body is not None}
        self.memory.count += len(found)
        return Bodies.joined([Bodies.of_frame(list(found.values()), list(found))])

    def _large(self, surfaces: Sequence[PersonSurface]) -> list[int]:
        """Indices of the people of one frame who are fitted: large enough, no duplicates, at most `most_people`."""
        large = largest_people(surfaces, self._least_height)
        if len(large) > self.config.most_people:
            self.memory.crowd = max(self.memory.crowd, len(large))
        return sorted(large[: self.config.most_people])

    def _at_stated_height(self, identity: int, body: FittedBody) -> tuple[int, FittedBody]:
        """The body at the height that the user states for the identity, if any."""
        height_m = self.config.height_of.get(str(identity), self.config.height_m)
        return identity, body if height_m is None else at_height(body, height_m)

    def summary(self) -> Mapping[str, Any]:
        """`bodies`: number of fitted bodies; `focal_length`: its source; `warnings`, `notes`."""
        memory = self.memory
        facts: dict[str, Any] = {"bodies": memory.count, "focal_length": memory.camera_source}
        if memory.crowd:
            most = self.config.most_people
            facts["warnings"] = [f"up to {memory.crowd} people are in a frame, of whom the {most} largest were fitted"]
        if not self._has_square_pixels and memory.count:
            remedy = "convert the film first: ffmpeg -i FILM -vf scale=iw*sar:ih,setsar=1 SQUARE.mp4"
            what = "its pixels are not square, so bodies are fitted to people who are too narrow or too wide"
            facts["warnings"] = [*facts.get("warnings", []), f"{what}; {remedy}"]
        if memory.camera_source == "assumed" and memory.count:
            known = f"a field of view of {self.config.field_deg:g}° is assumed, so distances may be wrong by half"
            facts["notes"] = [f"bodies: {known}; fit.focal_px sets the focal length"]
        return facts

    def state(self) -> bytes:
        """The last bodies, and the frames and chunks in the look-ahead."""
        return memory_to_bytes(self.memory)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        self.memory = memory_from_bytes(state)

"""The bodies of all frames of a video by identity: how they are recorded."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.animation.viewer_page import VideoPicture
from models.body.fitted_body import FittedBody
from models.motion.camera_estimation import BackgroundMatch, estimated_camera
from models.motion.vertical_lines import steep_lines
from models.time_steps import frame_steps
from stages.bodies.person_record import PersonRecord
from stages.bodies.shot_cameras import ShotCamera, shot_of
from stages.payloads import F32, U8
from stages.people.surface_arrays import NamedArrays, SavedArrays, arrays_from_bytes, arrays_to_bytes

LINE_FRAMES, LINE_SECONDS = 6, 0.5
"""Lines are detected in at most this number of frames of a shot, with at least this time between them, seconds."""


@dataclass(slots=True, kw_only=True)
class RecordedBodies:
    """The recorded bodies of a video, or of a part of it.

    Attributes:
        width, height: pixels of the frames.
        seconds: times of all frames, with people or without.
        cuts: times of the first frames after scene cuts, since the start of the video.
        background: image points of each frame's background; None for a frame whose background is lost. Empty if the
            user states that the camera is still.
        lines: the steep lines of some frames, each with the time of its frame, since the start of the video.
        people: the bodies by identity; an identity never continues after a scene cut.
        pictures: frames of the video for a page.
    """

    width: int = 0
    height: int = 0
    seconds: list[float] = field(default_factory=list)
    cuts: list[float] = field(default_factory=list)
    background: list[BackgroundMatch | None] = field(default_factory=list)
    lines: list[tuple[float, F32]] = field(default_factory=list)
    people: dict[int, PersonRecord] = field(default_factory=dict)
    pictures: list[VideoPicture] = field(default_factory=list)

    def add_frame(
        self, second: float, found: Sequence[tuple[int, FittedBody]], bridged: Sequence[bool] | None = None
    ) -> None:
        """Record the people of one frame. People without an identity have no motion.

        Args:
            second: time of the frame.
            found: identity and body of each person.
            bridged: whether the surface of each person was propagated from other frames; None: of nobody.
        """
        self.seconds.append(second)
        marks = [False] * len(found) if bridged is None else bridged
        for (identity, body), mark in zip(found, marks, strict=True):
            if identity >= 0:
                self.people.setdefault(identity, PersonRecord()).add(second, body, mark)

    def next_part(self) -> RecordedBodies:
        """An empty record of the frames after these."""
        return RecordedBodies(width=self.width, height=self.height, cuts=self.cuts, lines=self.lines)

    def extend(self, later: RecordedBodies) -> None:
        """Append the record of the frames after these."""
        self.width, self.height, self.cuts, self.lines = later.width, later.height, later.cuts, later.lines
        self.seconds += later.seconds
        self.background += later.background
        self.pictures += later.pictures
        for identity, record in later.people.items():
            self.people.setdefault(identity, PersonRecord()).extend(record)

    def add_lines(self, second: float, rgb_HW3: U8) -> None:
        """Record the steep lines of a frame, if the shot needs lines of one more frame (see `LINE_FRAMES`)."""
        start = self.cuts[-1] if self.cuts else -np.inf
        times = [time for time, _ in self.lines if time >= start]
        if len(times) < LINE_FRAMES and (not times or second - times[-1] >= LINE_SECONDS):
            self.lines.append((second, steep_lines(rgb_HW3)))

    def lines_of(self, shot: int, camera: ShotCamera | None) -> list[F32]:
        """The recorded lines of a shot as image lines of its first frame's camera; none if the camera translates."""
        lines = [(second, end_N4) for second, end_N4 in self.lines if shot_of(self.cuts, second) == shot]
        if camera is None or camera.estimate.kind == "still":
            return [end_N4 for _, end_N4 in lines]
        middle_2 = np.array([self.width, self.height]) / 2
        return [camera.lines_of_first(end_N4, second, middle_2) for second, end_N4 in lines if camera.rotates]

    def to_bytes(self) -> bytes:
        """The record as bytes."""
        arrays: dict[str, Any] = {
            "size": np.array([self.width, self.height]), "seconds": np.array(self.seconds, np.float64),
            "cuts": np.array(self.cuts, np.float64), "ids": np.array(list(self.people), np.int64),
            **_background_arrays(self.background), **_picture_arrays(self.pictures),
            "line seconds": np.array([second for second, _ in self.lines], np.float64),
            "line counts": np.array([len(end_N4) for _, end_N4 in self.lines], np.int64),
            "lines": np.concatenate([np.zeros((0, 4), np.float32), *(end_N4 for _, end_N4 in self.lines)]),
        }
        for identity, record in self.people.items():
            arrays |= record.to_arrays(str(identity))
        return arrays_to_bytes(arrays)

    @classmethod
    def from_bytes(cls, state: bytes) -> RecordedBodies:
        """The inverse of `to_bytes`."""
        arrays = arrays_from_bytes(state)
        people = {
            identity: PersonRecord.from_arrays(str(identity), arrays) for identity in arrays["ids"].tolist()
        }
        width, height = arrays["size"].tolist()
        times = {name: arrays[name].tolist() for name in ("seconds", "cuts")}
        parts = np.split(arrays["lines"], np.cumsum(arrays["line counts"])[:-1])
        lines = list(zip(arrays["line seconds"].tolist(), parts, strict=False))
        return cls(
            width=width, height=height, people=people, lines=lines, background=_background_of(arrays),
            pictures=_pictures_of(arrays), **times,
        )

    def cameras(self) -> dict[int, ShotCamera]:
        """The cameras of all shots with people; empty if the background was not tracked."""
        fps = 1 / frame_steps(np.array(self.seconds)).seconds
        first_of = [0, *(bisect_left(self.seconds, cut) for cut in self.cuts), len(self.seconds)]
        side = max(self.width, self.height)
        cameras: dict[int, ShotCamera] = {}
        for record in self.people.values():
            shot = shot_of(self.cuts, record.first_second)
            if shot not in cameras and self.background:
                start, end = first_of[shot], first_of[shot + 1]
                focal = record.camera.focal_px / side
                estimate = estimated_camera(self.background[start:end], focal, fps)
                cameras[shot] = ShotCamera(estimate=estimate, second_T=self.seconds[start:end], side_px=side)
        return cameras


def _background_arrays(background: Sequence[BackgroundMatch | None]) -> NamedArrays:
    known = [match for match in background if match is not None]
    none_02 = np.zeros((0, 2), np.float32)
    return {
        "earlier": np.array([-1 if match is None else match.earlier for match in background], np.int64),
        "places": np.array([0 if match is None else len(match.current_M2) for match in background], np.int64),
        "earlier places": np.concatenate([none_02, *(match.earlier_M2 for match in known)]),
        "now places": np.concatenate([none_02, *(match.current_M2 for match in known)]),
    }


def _background_of(arrays: SavedArrays) -> list[BackgroundMatch | None]:
    counts, ends = arrays["places"].tolist(), np.cumsum(arrays["places"]).tolist()
    before_N2, now_N2 = arrays["earlier places"], arrays["now places"]
    return [
        BackgroundMatch(earlier=earlier, earlier_M2=before_N2[end - count : end], current_M2=now_N2[end - count : end])
        if earlier >= 0 else None
        for earlier, count, end in zip(arrays["earlier"].tolist(), counts, ends, strict=True)
    ]  # fmt: skip


def _picture_arrays(pictures: Sequence[VideoPicture]) -> NamedArrays:
    return {
        "picture seconds": np.array([picture.second for picture in pictures], np.float64),
        "picture sizes": np.array([len(picture.jpeg) for picture in pictures], np.int64),
        "pictures": np.frombuffer(b"".join(picture.jpeg for picture in pictures), np.uint8),
    }


def _pictures_of(arrays: SavedArrays) -> list[VideoPicture]:
    ends, content = np.cumsum(arrays["picture sizes"]).tolist(), arrays["pictures"].tobytes()
    spans = zip([0, *ends], ends, strict=False)
    return [
        VideoPicture(second=second, jpeg=content[first:last])
        for second, (first, last) in zip(arrays["picture seconds"].tolist(), spans, strict=True)
    ]

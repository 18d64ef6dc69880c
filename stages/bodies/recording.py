"""The recording of a video's bodies: parts on the disk in the working folder, and the part that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.animation.viewer_page import VideoPicture
from models.body.fitted_body import FittedBody
from models.files.jpeg_image import jpeg_of
from stages.bodies.background_tracking import BackgroundTracker
from stages.bodies.outline_memory import OutlineMemory
from stages.bodies.recorded_bodies import RecordedBodies
from stages.payloads import U8, Bodies, FrameChunk, People, PersonSurface, SegmentWritten, Surfaces
from stages.people.person_texels import PersonTexels
from stages.people.surface_arrays import arrays_from_bytes, arrays_to_bytes
from stages.video.encoding.atomic_writes import sync_and_rename

PICTURE_WIDTH, PICTURE_SECONDS, PICTURE_QUALITY = 480, 0.075, 70
"""Pictures of the video on the page: their width in pixels, the minimum time between them in seconds, and the quality
of the JPEG, 0..100."""
TEXEL_SIDE, COARSE_SIDE, TEXEL_SECONDS, MOST_FINE = 160, 32, 0.1, 16
"""The clothes of people: texels of a tile's side for the `MOST_FINE` most visible people (40 MB each), and for others
(1.5 MB); the minimum time between frames that are read, seconds."""
OUTLINE_SECONDS = 0.5
"""Minimum time between frames whose outlines are read, seconds."""
MOST_PICTURES = 6000
"""Maximum number of pictures on a page: 7 minutes at the shortest time between them. Longer videos have fewer."""


class BodyRecording:
    """Records bodies, background and pictures frame by frame.

    Args:
        folder: where the parts are stored.
        follow_camera: whether points of the background are tracked.
        pictures: whether pictures of the video are kept for a page.
        clothes: whether the clothes of people are collected.
        outlines: whether the outlines of people are collected.
        part_frames: minimum number of frames of a part.

    Attributes:
        open_part: the record of the frames since the last part on the disk.
        texels: the clothes of people, if they are collected.
        outlines: the outlines of people, if they are collected.
    """

    def __init__(
        self, folder: Path, *, follow_camera: bool, pictures: bool, part_frames: int, clothes: bool = False,
        outlines: bool = False,
    ) -> None:
        self._folder, self._follow_camera, self._pictures = folder, follow_camera, pictures
        self._part_frames = part_frames
        self.open_part = RecordedBodies()
        self._parts = self._frames = self._picture_count = 0
        self._last_picture = self._last_texels = -np.inf
        self.texels = PersonTexels(TEXEL_SIDE, MOST_FINE, COARSE_SIDE)
        self.outlines = OutlineMemory()
        self._clothes, self._outlined, self._last_outlines = clothes, outlines, -np.inf
        self._background = BackgroundTracker()

    def add(self, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies) -> None:
        """Record a chunk."""
        record, bridged_N = self.open_part, people.bridged()
        record.width, record.height = frames.video.width, frames.video.height
        for t in range(len(frames)):
            second, rgb_HW3 = frames.second(t), frames.rgb_THW3[t]
            if frames.starts_shot(t):
                record.cuts.append(second)
                self._background = BackgroundTracker()
            here_N = np.flatnonzero(people.frame_N == t)
            person_M = bodies.person_N[bodies.frame_N == t]
            marks = [bool(bridged_N[here_N[n]]) if n < len(here_N) else False for n in person_M.tolist()]
            record.add_frame(second, bodies.in_frame(t), marks)
            record.add_lines(second, rgb_HW3)
            if self._follow_camera:
                record.background.append(self._background.match(rgb_HW3, [surfaces.people[n] for n in here_N]))
            if self._pictures and second - self._last_picture >= PICTURE_SECONDS:
                record.pictures.append(_picture(rgb_HW3, second))
                self._last_picture = second
                self._picture_count += 1
            seen = [
                (identity, body, surfaces.people[here_N[n]])
                for (identity, body), n, bridged in zip(bodies.in_frame(t), person_M.tolist(), marks, strict=True)
                if identity >= 0 and n < len(here_N) and not bridged
            ]
            self._add_looks(second, rgb_HW3, seen)

    def _add_looks(self, second: float, rgb_HW3: U8, seen: Sequence[tuple[int, FittedBody, PersonSurface]]) -> None:
        """Collect clothes and outlines of the people of a frame, if it is time for them."""
        if self._outlined and second - self._last_outlines >= OUTLINE_SECONDS:
            self._last_outlines = second
            for identity, body, surface in seen:
                self.outlines.add(identity, surface, body, *rgb_HW3.shape[:2])
        if self._clothes and second - self._last_texels >= TEXEL_SECONDS:
            self._last_texels = second
            for identity, _, surface in seen:
                self.texels.add(rgb_HW3, identity, surface)

    def complete_part(self) -> SegmentWritten | None:
        """Store the open part if it has enough frames. Returns its receipt. Raises OSError."""
        part, first = self.open_part, self._frames
        if len(part.seconds) < self._part_frames:
            return None
        path = self._path(self._parts)
        draft = path.with_suffix(".draft")
        draft.write_bytes(replace(part, cuts=[], lines=[]).to_bytes())
        sync_and_rename(draft, path)
        self.open_part = part.next_part()
        self._parts += 1
        self._frames += len(part.seconds)
        return SegmentWritten(path=str(path), first=first, frames=len(part.seconds))

    def whole(self) -> RecordedBodies:
        """The record of all frames; of very many pictures only some."""
        every, count = -(-max(1, self._picture_count) // MOST_PICTURES), 0
        whole = RecordedBodies()
        for number in range(self._parts + 1):
            last = number == self._parts
            part = self.open_part if last else RecordedBodies.from_bytes(self._path(number).read_bytes())
            kept = part.pictures[-count % every :: every]
            count += len(part.pictures)
            whole.extend(replace(part, pictures=kept))
        return whole

    def state(self) -> bytes:
        """What continues the recording, apart from the parts on the disk."""
        counts = [self._parts, self._frames, self._picture_count]
        arrays: dict[str, Any] = {
            "recording counts": np.array(counts, np.int64), "last picture": np.array(self._last_picture),
            "last texels": np.array(self._last_texels), **self.texels.to_arrays(),
            "last outlines": np.array(self._last_outlines), **self.outlines.to_arrays(),
            "open": np.frombuffer(self.open_part.to_bytes(), np.uint8),
        }
        return arrays_to_bytes(arrays | self._background.to_arrays())

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self._parts, self._frames, self._picture_count = arrays["recording counts"].tolist()
        self._last_picture, self._last_texels = float(arrays["last picture"]), float(arrays["last texels"])
        self.texels.restore(arrays)
        self._last_outlines = float(arrays["last outlines"])
        self.outlines.restore(arrays)
        self.open_part = RecordedBodies.from_bytes(arrays["open"].tobytes())
        self._background = BackgroundTracker.from_arrays(arrays)

    def _path(self, number: int) -> Path:
        return self._folder / f"segment_bodies_{number:06d}.npz"


def _picture(rgb_HW3: U8, second: float) -> VideoPicture:
    height, width = rgb_HW3.shape[:2]
    scale = min(1.0, PICTURE_WIDTH / width)
    small = cv2.resize(rgb_HW3, (round(width * scale), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    return VideoPicture(second=second, jpeg=jpeg_of(np.asarray(small, np.uint8), PICTURE_QUALITY))

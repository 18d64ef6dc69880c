"""Finds things in front of a person, such as a ball, a bag or a cup, frame after frame."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8, Bool
from models.painting.body_colours import BodyColours, outlier_regions
from models.time_steps import FRAME_S
from stages.bodies.largest_people import largest_people
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces
from stages.people.surface_arrays import NamedArrays, SavedArrays

FORGET_S = 0.98
"""Seconds without a person after which painting remembers nothing of the person."""


class ThingsBefore:
    """Remembers the colours of each person of a video, and finds regions of other colours.

    Attributes:
        colours: by identity, when the person was last seen, and the colours known then.
    """

    def __init__(self) -> None:
        """Nobody is known."""
        self.colours: dict[int, tuple[float, BodyColours]] = {}

    def __call__(
        self, frames: FrameChunk, people: People, surfaces: Surfaces, least_height: int
    ) -> tuple[Bool | None, ...]:
        """For each person where something else is, on the grid of the surface; None: nowhere, and in single images.

        Args:
            frames, people, surfaces: of a chunk.
            least_height: people of fewer rows of pixels are not looked at.
        """
        found: list[Bool | None] = [None] * len(surfaces.people)
        for t in () if frames.video.still else range(len(frames)):
            second = frames.second(t)
            self.colours = {key: one for key, one in self.colours.items() if 0 < second - one[0] <= FORGET_S}
            here = [n for n in np.flatnonzero(people.frame_N == t).tolist() if people.id_N[n] >= 0]
            for n in (here[k] for k in largest_people([surfaces.people[n] for n in here], least_height)):
                identity = int(people.id_N[n])
                found[n] = self._before(identity, surfaces.people[n], frames.rgb_THW3[t], second)
        return tuple(found)

    def _before(self, identity: int, surface: PersonSurface, rgb_HW3: U8, second: float) -> Bool | None:
        """Where something else is before one person, whose colours are then remembered."""
        windows = surface.windows(*rgb_HW3.shape[:2])
        if windows is None or not cv2.countNonZero(np.ascontiguousarray(surface.labels_hw[windows[1]])):
            return None
        window, grid = windows
        labels_hw = np.ascontiguousarray(surface.labels_hw[grid])
        seen_s, known = self.colours.get(identity, (second - FRAME_S, BodyColours()))
        uv_2hw = surface.uv_2hw[:, grid[0], grid[1]]
        unlike_cc, after = outlier_regions(labels_hw, uv_2hw, rgb_HW3[window], known, second - seen_s)
        self.colours[identity] = second, after
        if not unlike_cc.any():
            return None
        thing_hw = np.zeros(surface.labels_hw.shape, bool)
        thing_hw[grid] = cv2.resize(
            unlike_cc.view(np.uint8), labels_hw.shape[::-1], interpolation=cv2.INTER_NEAREST
        ).astype(bool)  # fmt: skip
        return thing_hw

    def to_arrays(self) -> NamedArrays:
        """What is known, as arrays whose names begin with `colours`."""
        known = list(self.colours.values())
        empty = BodyColours()
        return {
            "colours ids": np.array(list(self.colours), np.int64),
            "colours seconds": np.array([second for second, _ in known]),
            "colours": np.stack([one.colour_Q3 for _, one in known] or [empty.colour_Q3])[: len(known)],
            "colours seen": np.stack([one.seen_Q for _, one in known] or [empty.seen_Q])[: len(known)],
        }

    def restore(self, arrays: SavedArrays) -> None:
        """Continue from what `to_arrays` returned."""
        rows = zip(arrays["colours seconds"].tolist(), arrays["colours"], arrays["colours seen"], strict=True)
        known = [(second, BodyColours(colour_Q3=colour_Q3, seen_Q=seen_Q)) for second, colour_Q3, seen_Q in rows]
        self.colours = dict(zip(arrays["colours ids"].tolist(), known, strict=True))

"""One coloured mask for each identity, in the colours and the order that SCAIL-2's own preprocessing gives people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from stages.payloads import U8
from stages.results.formats.frame_result import FrameResult, flattened
from stages.results.formats.image_export import begin_images
from stages.results.formats.writer import ExportTarget, ExportWriter

IDENTITY_COLOURS: tuple[tuple[int, int, int], ...] = (
    (0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 0),
)  # fmt: skip
"""Red, green, blue of the first, second … person (`TrackSam3/track.py` of zai-org/SCAIL-Pose); then from the start."""
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


class IdentityColours:
    """Gives each identity of a film a colour: people who appear in one frame get theirs from left to right.

    In single images, which have no identities, each image begins anew.
    """

    def __init__(self) -> None:
        """Nobody has a colour."""
        self.order: list[int] = []

    def image(self, result: FrameResult, background: tuple[int, int, int]) -> U8:
        """(H, W, 3): nearer people hide farther ones. People of a video without identity are background."""
        if result.video.still:
            self.order = []
        known_N = np.arange(len(result.id_N)) if result.video.still else result.id_N
        new = [i for i in np.argsort(_middle(result), kind="stable") if known_N[i] >= 0]
        self.order += [int(known_N[i]) for i in new if known_N[i] not in self.order]
        colour_N3 = [_colour(self.order.index(one)) if one >= 0 else background for one in known_N.tolist()]
        return np.array([background, *colour_N3], np.uint8)[flattened(result).person_HW]


def _middle(result: FrameResult) -> np.ndarray:
    """The middle of each person's mask in x: that of its first and last column."""
    columns = [np.flatnonzero(surface.labels_hw.any(axis=0)) for surface in result.surfaces]
    pairs = zip(result.surfaces, columns, strict=True)
    return np.array([one.x0 + (found[0] + found[-1]) / 2 if len(found) else np.inf for one, found in pairs])


def _colour(number: int) -> tuple[int, int, int]:
    return IDENTITY_COLOURS[number % len(IDENTITY_COLOURS)]


def begin_scail(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video, on black: the people whose motion drives SCAIL-2."""
    return IdentityMasks(target, BLACK)


def begin_scail_replace(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video, on white: the people whom SCAIL-2 replaces."""
    return IdentityMasks(target, WHITE)


class IdentityMasks(ExportWriter):
    """Images or a video, whose state has the order of people as well: a restart gives nobody another colour."""

    def __init__(self, target: ExportTarget, background: tuple[int, int, int]) -> None:
        """Args: background: red, green, blue."""
        self._colours = IdentityColours()
        self._writer = begin_images(target, lambda result: self._colours.image(result, background))
        self.output_path: Path = self._writer.output_path

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the images, or of the video."""
        return self._writer.names

    def add(self, result: FrameResult) -> None:
        """Write the frame's image."""
        self._writer.add(result)

    def finish(self) -> list[str]:
        """Complete the files."""
        return self._writer.finish()

    def interrupt(self) -> None:
        """Keep the part that is written."""
        self._writer.interrupt()

    def state(self) -> dict[str, Any]:
        """The writer's, and the order of people."""
        return {**self._writer.state(), "order": self._colours.order}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with the same colours."""
        self._colours.order = list(state["order"])
        self._writer.restore(state)

    def reopen(self) -> None:
        """The writer's."""
        self._writer.reopen()

    def close(self) -> None:
        """Release the encoder."""
        self._writer.close()

    def is_finished(self) -> bool:
        """The writer's."""
        return self._writer.is_finished()

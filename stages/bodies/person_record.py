"""The recorded bodies of one person as columns of numbers, which need little memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.reduced_pose import driven_bones
from stages.people.surface_arrays import NamedArrays, SavedArrays

Column = npt.NDArray[Any]
COLUMNS = (
    *("second", "rotation", "root", "shape", "confidence", "seen"), *("bridged", "stated", "focal", "center"),
)
"""Names of the columns: time; rotations of the driven bones, position of the root and shape, as in `BodyPose`;
confidence of the keypoints; visible share of each bone's skin, 255 for all of it; whether the surface was propagated
from other frames; whether the height is stated; the camera's focal length and centre, pixels."""


class PersonRecord:
    """The bodies of one person, in the order of their frames. Bones that a fit does not move are not recorded."""

    def __init__(self, blocks: dict[str, list[Column]] | None = None) -> None:
        self._blocks: dict[str, list[Column]] = blocks or {name: [] for name in COLUMNS}
        self._frames = sum(len(block) for block in self._blocks["second"])

    def __len__(self) -> int:
        """Number of bodies."""
        return self._frames

    def add(self, second: float, body: FittedBody, bridged: bool = False) -> None:
        """Append a body. `bridged`: whether its surface was propagated from other frames."""
        row = {
            "second": second, "rotation": body.pose.rotation_B33[driven_bones().bone_D], "root": body.pose.root_3,
            "shape": body.pose.shape_C, "confidence": body.confidence_J,
            "seen": np.rint(255 * body.seen_B).astype(np.uint8), "bridged": bridged, "stated": body.height_stated,
            "focal": float(body.camera.focal_px), "center": body.camera.center_2,
        }
        for name, value in row.items():
            self._blocks[name].append(np.asarray(value)[None])
        self._frames += 1

    def extend(self, later: PersonRecord) -> None:
        """Append all bodies of another record."""
        for name, blocks in later._blocks.items():
            self._blocks[name] += blocks
        self._frames += later._frames

    def column(self, name: str) -> Column:
        """The values of one of `COLUMNS`: one row for each body."""
        blocks = self._blocks[name]
        if len(blocks) > 1:
            self._blocks[name] = blocks = [np.concatenate(blocks)]
        return blocks[0]

    @property
    def first_second(self) -> float:
        """Time of the first body."""
        return float(self._blocks["second"][0][0])

    @property
    def camera(self) -> PinholeCamera:
        """The camera of the first body."""
        focal_px, center_2 = self._blocks["focal"][0][0], self._blocks["center"][0][0]
        return PinholeCamera(focal_px=float(focal_px), center_2=center_2)

    def to_arrays(self, key: str) -> NamedArrays:
        """The columns as arrays whose names begin with `key`."""
        return {f"{key} {name}": self.column(name) for name in COLUMNS}

    @classmethod
    def from_arrays(cls, key: str, arrays: SavedArrays) -> PersonRecord:
        """The inverse of `to_arrays`."""
        return cls({name: [arrays[f"{key} {name}"]] for name in COLUMNS})

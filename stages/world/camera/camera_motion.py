"""Camera motion through a clip: still, panning, hand-held, zooming, or all of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32
from models.surface.raster import Camera
from stages.world.bodies.rotations import FRONT, LEFT, UP, about

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraWork:
    """A camera in time. All angles in radians, ways in metres, rates in 1/s.

    Attributes:
        base: the camera at rest.
        pan, pan_rate: how far it turns to either side, and how often.
        zoom, zoom_rate: the largest change of the logarithm of its focal length, and how often.
        shake: size of the hand's tremor.
        tremor_63: of each of pitch, yaw, roll, x, y, z three rates; `phase_63`: starts, 0..1.
    """

    base: Camera
    pan: float = 0.0
    pan_rate: float = 0.1
    zoom: float = 0.0
    zoom_rate: float = 0.1
    shake: float = 0.0
    tremor_63: F32
    phase_63: F32

    @property
    def moves(self) -> bool:
        """False for a camera on a tripod."""
        return bool(self.pan or self.zoom or self.shake)

    def at(self, t: float) -> Camera:
        """The camera at a time (seconds)."""
        if not self.moves:
            return self.base
        waves = np.sin(2 * np.pi * (self.tremor_63 * t + self.phase_63)) / (1 + self.tremor_63)
        pitch, yaw, roll, *way = (self.shake * waves.sum(axis=1)).tolist()
        yaw += self.pan * float(np.sin(2 * np.pi * (self.pan_rate * t + self.phase_63[0, 0])))
        turn = about(FRONT, 0.5 * roll) @ about(LEFT, pitch) @ about(UP, yaw)
        # Turning about the eye: the shift turns along. The hand moves a few times less than it turns.
        shift = turn @ self.base.shift_3 + 0.8 * np.array(way, np.float32)
        grown = float(np.exp(self.zoom * np.sin(2 * np.pi * (self.zoom_rate * t + self.phase_63[0, 1]))))
        return replace(
            self.base, rotation_33=(turn @ self.base.rotation_33).astype(np.float32), shift_3=shift.astype(np.float32),
            focal=self.base.focal * grown,
        )


def _work(rng: Rng, base: Camera, *, pan: float = 0.0, zoom: float = 0.0, shake: float = 0.0) -> CameraWork:
    """With random rates."""
    return CameraWork(
        base=base, pan=pan, zoom=zoom, shake=shake, pan_rate=float(rng.uniform(0.06, 0.2)),
        zoom_rate=float(rng.uniform(0.06, 0.25)), tremor_63=rng.uniform(0.3, 6, (6, 3)).astype(np.float32),
        phase_63=rng.uniform(0, 1, (6, 3)).astype(np.float32),
    )


def still(rng: Rng, base: Camera) -> CameraWork:
    """On a tripod."""
    return _work(rng, base)


def panning(rng: Rng, base: Camera) -> CameraWork:
    """Turning from side to side."""
    return _work(rng, base, pan=float(rng.uniform(0.1, 0.35)), shake=float(rng.uniform(0, 0.004)))


def shaking(rng: Rng, base: Camera) -> CameraWork:
    """In a hand that walks."""
    return _work(rng, base, shake=float(rng.uniform(0.004, 0.02)))


def zooming(rng: Rng, base: Camera) -> CameraWork:
    """Nearer and further by the lens."""
    return _work(rng, base, zoom=float(rng.uniform(0.15, 0.45)), shake=float(rng.uniform(0, 0.006)))


CAMERAS: dict[str, Callable[[Rng, Camera], CameraWork]] = {
    "still": still, "panning": panning, "shaking": shaking, "zooming": zooming,
}
"""Camera work by name."""

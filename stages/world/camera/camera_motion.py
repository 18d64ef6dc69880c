"""Camera motion through a clip: still, panning, hand-held, zooming, or all of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32
from models.surface.raster import Camera
from stages.world.bodies.rotations import FRONT, LEFT, UP, axis_rotation

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMotion:
    """A camera over time. Angles in radians, distances in metres, rates in 1/s.

    Attributes:
        base: the camera at rest.
        pan, pan_rate: amplitude and rate of the turn left and right.
        zoom, zoom_rate: amplitude and rate of the logarithm of the focal length.
        shake: amplitude of the hand's tremor.
        tremor_63: three rates for each of pitch, yaw, roll, x, y, z.
        phase_63: their phases, 0..1.
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
        """False for a still camera."""
        return bool(self.pan or self.zoom or self.shake)

    def at(self, t: float) -> Camera:
        """The camera at a time (seconds)."""
        if not self.moves:
            return self.base
        waves = np.sin(2 * np.pi * (self.tremor_63 * t + self.phase_63)) / (1 + self.tremor_63)
        pitch, yaw, roll, *translation = (self.shake * waves.sum(axis=1)).tolist()
        yaw += self.pan * float(np.sin(2 * np.pi * (self.pan_rate * t + self.phase_63[0, 0])))
        turn = axis_rotation(FRONT, 0.5 * roll) @ axis_rotation(LEFT, pitch) @ axis_rotation(UP, yaw)
        # The camera turns about its own position, so the shift turns too; translation is weaker than rotation.
        shift = turn @ self.base.shift_3 + 0.8 * np.array(translation, np.float32)
        grown = float(np.exp(self.zoom * np.sin(2 * np.pi * (self.zoom_rate * t + self.phase_63[0, 1]))))
        return replace(
            self.base, rotation_33=(turn @ self.base.rotation_33).astype(np.float32),
            shift_3=shift.astype(np.float32), focal=self.base.focal * grown,
        )


def _with_random_rates(
    rng: Rng, base: Camera, *, pan: float = 0.0, zoom: float = 0.0, shake: float = 0.0
) -> CameraMotion:
    """A camera motion with random rates and phases."""
    return CameraMotion(
        base=base, pan=pan, zoom=zoom, shake=shake, pan_rate=float(rng.uniform(0.06, 0.2)),
        zoom_rate=float(rng.uniform(0.06, 0.25)), tremor_63=rng.uniform(0.3, 6, (6, 3)).astype(np.float32),
        phase_63=rng.uniform(0, 1, (6, 3)).astype(np.float32),
    )


def still(rng: Rng, base: Camera) -> CameraMotion:
    """A still camera."""
    return _with_random_rates(rng, base)


def panning(rng: Rng, base: Camera) -> CameraMotion:
    """A camera that turns from side to side."""
    return _with_random_rates(rng, base, pan=float(rng.uniform(0.1, 0.35)), shake=float(rng.uniform(0, 0.004)))


def hand_held(rng: Rng, base: Camera) -> CameraMotion:
    """A camera in the hand of a walking person."""
    return _with_random_rates(rng, base, shake=float(rng.uniform(0.004, 0.02)))


def zooming(rng: Rng, base: Camera) -> CameraMotion:
    """A camera that zooms in and out."""
    return _with_random_rates(rng, base, zoom=float(rng.uniform(0.15, 0.45)), shake=float(rng.uniform(0, 0.006)))


CAMERA_MOTIONS: dict[str, Callable[[Rng, Camera], CameraMotion]] = {
    "still": still,
    "panning": panning,
    "shaking": hand_held,
    "zooming": zooming,
}
"""Camera motions by name: (rng, the camera at rest) → the motion."""

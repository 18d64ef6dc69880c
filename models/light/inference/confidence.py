"""How often the light network is right when it says so: its own odds, stretched and shifted by what was measured."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.arrays import F32
from models.errors import ModelError
from models.files.json_file import read_json
from models.light.architecture.files import calibration_path
from models.light.inference.logistic import log_odds, logistic

BOUND = 1e-4
"""Probabilities are kept so far from 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Log-odds that a chart is right = slope · the network's + offset (Platt 1999); the default changes nothing."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, probability: F32) -> F32:
        """The calibrated probabilities of any array, float32."""
        if self == NEUTRAL:
            return probability
        return np.asarray(logistic(self.slope * log_odds(probability, BOUND) + self.offset), np.float32)

    def after(self, first: Calibration) -> Calibration:
        """This one applied to what `first` gives, as one."""
        return Calibration(slope=self.slope * first.slope, offset=self.slope * first.offset + self.offset)


NEUTRAL = Calibration()
"""The network's own word."""


def read_calibration(weights: Path, sha256: str) -> Calibration:
    """The calibration beside the weights; the neutral one where there is none, or one of weights of another sha256.

    Raises:
        ModelError: there is one that cannot be read.
    """
    path = calibration_path(weights)
    if not path.is_file():
        return NEUTRAL
    try:
        found = read_json(path)
        measured = Calibration(slope=float(found["slope"]), offset=float(found["offset"]))
        return measured if found["weights_sha256"] == sha256 else NEUTRAL
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(
            f"not a calibration of confidence ({error!r})", str(path), "delete it, or measure it again"
        ) from error


def write_calibration(weights: Path, sha256: str, calibration: Calibration) -> None:
    """Put a calibration beside the weights of that sha256."""
    said = asdict(calibration) | {"weights_sha256": sha256}
    calibration_path(weights).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")

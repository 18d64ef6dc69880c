"""Calibration of the light network's confidence: Platt scaling (Platt, 1999) of its log-odds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.arrays import F32
from models.errors import ModelError
from models.files.json_file import read_json
from models.light.architecture.weight_paths import calibration_path
from models.light.inference.logistic import log_odds, logistic

MIN_PROBABILITY = 1e-4
"""Probabilities are clipped to this distance from 0 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Log-odds that a chart is right = slope · the network's log-odds + offset; the default changes nothing."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, probability: F32) -> F32:
        """The calibrated probabilities, float32, for an array of any shape."""
        if self == NEUTRAL:
            return probability
        return np.asarray(logistic(self.slope * log_odds(probability, MIN_PROBABILITY) + self.offset), np.float32)

    def after(self, first: Calibration) -> Calibration:
        """The calibration that is equal to `first` followed by this one."""
        return Calibration(slope=self.slope * first.slope, offset=self.slope * first.offset + self.offset)


NEUTRAL = Calibration()
"""Leaves the network's probabilities as they are."""


def read_calibration(weights: Path, sha256: str) -> Calibration:
    """The calibration beside the weights; the neutral one if there is none, or if it is for another sha256.

    Raises:
        ModelError: the file cannot be read.
    """
    path = calibration_path(weights)
    if not path.is_file():
        return NEUTRAL
    try:
        record = read_json(path)
        calibration = Calibration(slope=float(record["slope"]), offset=float(record["offset"]))
        return calibration if record["weights_sha256"] == sha256 else NEUTRAL
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(
            f"not a calibration of confidence ({error!r})", str(path), "delete it, or measure it again"
        ) from error


def write_calibration(weights: Path, sha256: str, calibration: Calibration) -> None:
    """Write a calibration beside the weights, for weights with this sha256."""
    record = asdict(calibration) | {"weights_sha256": sha256}
    calibration_path(weights).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

"""Saves the samples of all measures, so that a later network can be compared with this one on the same people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import ModelError
from models.files.npz_file import read_arrays
from models.metrics.average_precision import Ranked, Ranking
from models.metrics.bootstrap import Estimate, Fixed, HistogramMedian, Median, Ratio, Sample, difference
from pipeline.stage import StageError
from stages.evaluation.measures import Measures, Samples

FILE_NAME = "samples.npz"
INDEX = "index"
Columns = dict[tuple[str, str], Samples]
"""Samples by measure, for each set and column."""
ARRAYS: dict[str, type[Ratio | Median | HistogramMedian]] = {
    "ratio": Ratio,
    "median": Median,
    "histogram_median": HistogramMedian,
}
"""Samples that consist of arrays and a number of bootstrap draws, by the name of their kind in the file."""


def write_samples(path: Path, columns: Columns) -> None:
    """Write all samples to an NPZ file. Raises: OSError."""
    index: list[list[Any]] = []
    arrays: dict[str, Any] = {}
    for number, (key, name, sample) in enumerate(
        (key, name, sample) for key, found in columns.items() for name, sample in found.items()
    ):
        kind, parts = parts_of(sample)
        index.append([*key, name, kind, sample.draws])
        arrays |= {f"{number}.{field}": array for field, array in parts.items()}
    arrays[INDEX] = np.array(json.dumps(index))
    np.savez_compressed(path, **arrays)


def read_samples(folder: Path) -> Columns:
    """The samples of an earlier evaluation's folder. Raises: StageError for a folder without samples."""
    path = folder / FILE_NAME
    try:
        arrays = read_arrays(path)
        columns: Columns = {}
        for number, (set_name, column, name, kind, draws) in enumerate(json.loads(str(arrays[INDEX]))):
            start = f"{number}."
            parts = {key[len(start) :]: array for key, array in arrays.items() if key.startswith(start)}
            columns.setdefault((set_name, column), {})[name] = sample_of(kind, parts, draws)
    except (OSError, ModelError, KeyError, ValueError, TypeError) as error:
        what = "there are no samples of an earlier evaluation"
        raise StageError(what, str(path), "give the folder that an evaluation wrote (write_scores.folder)") from error
    return columns


def parts_of(sample: Sample) -> tuple[str, dict[str, Any]]:
    """The name of a sample's kind, and its arrays by field."""
    if isinstance(sample, Fixed):
        estimate = sample.estimate
        return "fixed", {"estimate": np.array([estimate.value, estimate.low, estimate.high])}
    if isinstance(sample, Ranked):
        return sample.what, {field.name: getattr(sample.ranking, field.name) for field in fields(Ranking)}
    kind = next(name for name, known in ARRAYS.items() if isinstance(sample, known))
    return kind, {field.name: getattr(sample, field.name) for field in fields(ARRAYS[kind]) if field.name != "draws"}


def sample_of(kind: str, arrays: Mapping[str, Any], draws: int) -> Sample:
    """The sample of a kind. Raises: KeyError or TypeError for an unknown kind and for missing arrays."""
    if kind == "fixed":
        value, low, high = arrays["estimate"].tolist()
        return Fixed(estimate=Estimate(value=value, low=low, high=high))
    if kind in ("precision", "recall"):
        return Ranked(ranking=Ranking(**arrays), what="precision" if kind == "precision" else "recall", draws=draws)
    return ARRAYS[kind](**arrays, draws=draws)


def differences(before: Columns, after: Columns) -> dict[tuple[str, str], Measures]:
    """`after` minus `before` of each measure that both have, with paired intervals, by set and column."""
    found = {
        key: {name: difference(before[key][name], sample) for name, sample in measured.items() if name in before[key]}
        for key, measured in after.items()
        if key in before
    }
    return {key: measured for key, measured in found.items() if measured}

"""The samples of all measures in a file, so that a later network is compared with this one on the same people."""

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
"""Samples by measure, by set and column."""
ARRAYS: dict[str, type[Ratio | Median | HistogramMedian]] = {
    "ratio": Ratio,
    "median": Median,
    "histogram_median": HistogramMedian,
}
"""Kinds of samples that consist of arrays and a number of draws."""


def write_samples(path: Path, columns: Columns) -> None:
    """Write all samples. Raises: OSError."""
    index: list[list[Any]] = []
    arrays: dict[str, Any] = {}
    for number, (key, name, sample) in enumerate(
        (key, name, sample) for key, found in columns.items() for name, sample in found.items()
    ):
        kind, own = parts_of(sample)
        index.append([*key, name, kind, sample.draws])
        arrays |= {f"{number}.{field}": one for field, one in own.items()}
    arrays[INDEX] = np.array(json.dumps(index))
    np.savez_compressed(path, **arrays)


def read_samples(folder: Path) -> Columns:
    """The samples in the folder of an earlier evaluation. Raises: StageError if it has none."""
    path = folder / FILE_NAME
    try:
        arrays = read_arrays(path)
        columns: Columns = {}
        for number, (set_name, column, name, kind, draws) in enumerate(json.loads(str(arrays[INDEX]))):
            start = f"{number}."
            own = {key[len(start) :]: one for key, one in arrays.items() if key.startswith(start)}
            columns.setdefault((set_name, column), {})[name] = sample_of(kind, own, draws)
    except (OSError, ModelError, KeyError, ValueError, TypeError) as error:
        what = "there are no samples of an earlier evaluation"
        raise StageError(what, str(path), "give the folder that an evaluation wrote (write_scores.folder)") from error
    return columns


def parts_of(sample: Sample) -> tuple[str, dict[str, Any]]:
    """The kind of a sample, and its arrays by field."""
    if isinstance(sample, Fixed):
        one = sample.estimate
        return "fixed", {"estimate": np.array([one.value, one.low, one.high])}
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
    """`after` minus `before` for all measures of both, with paired intervals."""
    found = {
        key: {name: difference(before[key][name], one) for name, one in own.items() if name in before[key]}
        for key, own in after.items()
        if key in before
    }
    return {key: own for key, own in found.items() if own}

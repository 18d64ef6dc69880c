"""The report of a run as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.observe.metrics import Metrics, StreamTally
from pipeline.redaction import redacted, redacted_data
from pipeline.stage import PlainError

NAMED_FILES, NAMED_ON_TERMINAL = 100, 8
"""Maximum number of left-out files that a report names, and that a message names."""


def make_report(metrics: Metrics, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """The report of a run.

    Keys: `inputs` (one entry per input), `left_out` (files of the given folders that are no inputs: their number and
    the first names), `seconds`, `fps`, `first_frame_s`, `lanes`, `stages`, the facts of the stages that all inputs
    share (`weights`, the `device` of the network), and `metrics` if the run has one input and measured something on it.
    """
    frames = sum(stream.frames_done for stream in metrics.streams.values())
    seconds = metrics.seconds or 0.0
    entries = [_entry(stream) for stream in metrics.streams.values()]
    measured = {"metrics": entries[0]["metrics"]} if len(entries) == 1 and "metrics" in entries[0] else {}
    return {
        "inputs": entries,
        "left_out": {"count": len(left_out), "names": list(left_out[:NAMED_FILES])},
        "seconds": round(seconds, 3),
        "fps": round(frames / seconds, 2) if seconds else 0.0,
        "first_frame_s": None if metrics.first_frame_s is None else round(metrics.first_frame_s, 3),
        "lanes": {
            name: {"busy_s": round(lane.busy_s, 3), "packets": lane.packets, "restarts": lane.restarts}
            for name, lane in metrics.lanes.items()
        },
        "stages": {
            name: {"busy_s": round(stage.busy_s, 3), "cpu_s": round(stage.cpu_s, 3), "items": stage.items}
            for name, stage in metrics.stages.items()
        },
        "weights": {"name": None, "sha256": None},
        "device": None,
        **measured,
        **metrics.facts,
    }


def left_out_sentence(names: Sequence[str]) -> str:
    """A message about files of the given folders that are no inputs; names with control characters are escaped."""
    shown = [name if name.isprintable() else ascii(name)[1:-1] for name in names[:NAMED_ON_TERMINAL]]
    more = f", and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    were = "was" if len(names) == 1 else "were"
    return f"{len(names)} in the folder {were} left out (not video or image): {', '.join(shown)}{more}"


def write_report(report: dict[str, Any], path: str) -> None:
    """Write a report, with secrets of addresses redacted. Raises PlainError if the file cannot be written."""
    text = json.dumps(redacted_data(report), indent=2, default=lambda value: redacted(str(value)))
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise PlainError(f"the report cannot be written ({error.strerror})", path, "name another file") from error


def _entry(stream: StreamTally) -> dict[str, Any]:
    """The entry of an input: the keys of every input, then facts of its stages and receipts, then how it ended."""
    entry: dict[str, Any] = {
        "path": stream.job.name,
        "output": None,
        "frames_in": stream.frames_in,
        "frames_out": 0,
        "dropped": 0,
        "repaired_pts": 0,
        "people": 0,
        "truncated": False,
        "audio": None,
        "warnings": [],
    }
    for facts in (stream.facts, *(result.facts for result in stream.results)):
        for key, value in facts.items():
            known = entry.get(key)
            entry[key] = [*known, *value] if isinstance(known, list) and isinstance(value, list) else value
    for result in stream.results:
        entry["output"] = result.path or None
        entry["frames_out"] += result.frames
    if stream.poisoned:
        entry["poisoned"] = stream.poisoned
    if stream.failure:
        entry["error"] = str(stream.failure.error())
    entry["state"] = stream.state
    return entry

"""Streams as JSON; and what a recording was begun with, kept beside its segments to join them without a frame."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.stage import without_secrets
from stages.payloads import VideoInfo
from stages.video.encoding.atomic_writes import sync_file
from stages.video.encoding.video_writer import RecordingSettings

DESCRIPTION = "manifest.recording.json"
LAST = 1 << 62
FRACTION = re.compile(r"-?\d{1,18}(/[1-9]\d{0,17})?")
TIMES = ("cut_start", "cut_end")
FRACTIONS = ("rate", "time_base", "sample_aspect", *TIMES)
MAY_BE_UNKNOWN = ("rate", "frames", *TIMES)


def described(video: VideoInfo) -> dict[str, Any]:
    """A stream as JSON: fractions as "a/b", and no secrets of an address it came from."""
    fields = {name: getattr(video, name) for name in VideoInfo.__dataclass_fields__}
    fields["path"] = without_secrets(video.path)
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in fields.items()}


def video_of(fields: Mapping[str, Any]) -> VideoInfo:
    """The stream that `described` told. Raises KeyError, TypeError or ValueError for anything else."""
    return VideoInfo(**{name: _known(name, fields[name]) for name in VideoInfo.__dataclass_fields__})


def _known(name: str, value: Any) -> Any:
    """A field of `VideoInfo` as `described` wrote it. Raises ValueError or TypeError for what it cannot be."""
    if value is None and name in MAY_BE_UNKNOWN:
        return None
    if name in FRACTIONS:
        if not FRACTION.fullmatch(value) or (name not in TIMES and Fraction(value) <= 0):
            raise ValueError(f"{name} cannot be {value[:40]}")
        return Fraction(value)
    kind: type = {"path": str, "still": bool, "full_range": bool}.get(name, int)
    least = 1 if name in ("width", "height") else 0
    if type(value) is not kind or (type(value) is int and not least <= value <= LAST):
        raise ValueError(f"{name} is no {kind.__name__}")
    return value


def write_description(folder: Path, video: VideoInfo, settings: RecordingSettings) -> None:
    """Put it beside the segments, whole and on the disk when this returns. Raises OSError."""
    content = {"video": described(video), "settings": asdict(settings)}
    fresh = (folder / DESCRIPTION).with_suffix(".fresh")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        sync_file(file)
    fresh.replace(folder / DESCRIPTION)


def read_description(folder: Path) -> tuple[VideoInfo, RecordingSettings] | None:
    """What `write_description` put there; None where there is none, or it is damaged."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return video_of(content["video"]), RecordingSettings(**content["settings"])
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError):
        return None

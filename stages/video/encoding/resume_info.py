"""`VideoInfo` as JSON, and the file that keeps it with the writer's settings: `--resume` needs both."""

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
from stages.video.encoding.video_writer import VideoWriterSettings

RESUME_INFO = "manifest.recording.json"
LARGEST_INTEGER = 1 << 62
FRACTION = re.compile(r"-?\d{1,18}(/[1-9]\d{0,17})?")
TIMES = ("cut_start", "cut_end")
FRACTIONS = ("rate", "time_base", "sample_aspect", *TIMES)
MAY_BE_UNKNOWN = ("rate", "frames", *TIMES)


def video_info_to_json(video: VideoInfo) -> dict[str, Any]:
    """A stream's properties as JSON: fractions as "a/b", the address without secrets."""
    fields = {name: getattr(video, name) for name in VideoInfo.__dataclass_fields__}
    fields["path"] = without_secrets(video.path)
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in fields.items()}


def video_info_from_json(fields: Mapping[str, Any]) -> VideoInfo:
    """Inverse of `video_info_to_json`. Raises KeyError, TypeError or ValueError for invalid fields."""
    return VideoInfo(**{name: _field(name, fields[name]) for name in VideoInfo.__dataclass_fields__})


def _field(name: str, value: Any) -> Any:
    """The value of one field of `VideoInfo`. Raises ValueError or TypeError for an invalid one."""
    if value is None and name in MAY_BE_UNKNOWN:
        return None
    if name in FRACTIONS:
        if not FRACTION.fullmatch(value) or (name not in TIMES and Fraction(value) <= 0):
            raise ValueError(f"{name} cannot be {value[:40]}")
        return Fraction(value)
    kind: type = {"path": str, "still": bool, "full_range": bool}.get(name, int)
    least = 1 if name in ("width", "height") else 0
    if type(value) is not kind or (type(value) is int and not least <= value <= LARGEST_INTEGER):
        raise ValueError(f"{name} is not a valid {kind.__name__}")
    return value


def write_resume_info(folder: Path, video: VideoInfo, settings: VideoWriterSettings) -> None:
    """Write the file beside the segments, atomically and synced to disk. Raises OSError."""
    content = {"video": video_info_to_json(video), "settings": asdict(settings)}
    fresh = (folder / RESUME_INFO).with_suffix(".fresh")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        sync_file(file)
    fresh.replace(folder / RESUME_INFO)


def read_resume_info(folder: Path) -> tuple[VideoInfo, VideoWriterSettings] | None:
    """Read the file of `write_resume_info`; None if it is missing or damaged."""
    try:
        content = json.loads((folder / RESUME_INFO).read_text(encoding="utf-8"))
        return video_info_from_json(content["video"]), VideoWriterSettings(**content["settings"])
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError):
        return None

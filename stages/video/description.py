"""Streams as JSON; and what a recording was begun with, kept beside its segments to join them without a frame."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.stage import without_secrets
from stages.payloads import VideoInfo
from stages.video.durable import sync_file
from stages.video.recording import RecordingSettings

DESCRIPTION = "manifest.recording.json"
FRACTIONS = ("rate", "time_base", "sample_aspect", "cut_start", "cut_end")


def described(video: VideoInfo) -> dict[str, Any]:
    """A stream as JSON: fractions as "a/b", and no secrets of an address it came from."""
    fields = {name: getattr(video, name) for name in VideoInfo.__dataclass_fields__}
    fields["path"] = without_secrets(video.path)
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in fields.items()}


def video_of(fields: Mapping[str, Any]) -> VideoInfo:
    """The stream that `described` told. Raises KeyError, TypeError or ValueError for anything else."""
    known = {name: fields[name] for name in VideoInfo.__dataclass_fields__}
    exact = {name: Fraction(known[name]) for name in FRACTIONS if known[name] is not None}
    return VideoInfo(**{**known, **exact})


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

"""The manifest: a file that lists the segments that are whole on the disk."""

from __future__ import annotations

import json
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.stage import StageError
from stages.video.encoding.atomic_writes import sync_file

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment that is whole on the disk.

    Attributes:
        name: file name in the working folder.
        first: number of its first frame in the output.
        pts: presentation times of its frames, in ticks of the source; eight bytes each, since recordings last for days.
        delay: frames that its decoder holds back.
    """

    name: str
    first: int
    pts: array[int]
    delay: int


def append_manifest(folder: Path, segment: Segment) -> None:
    """Add one line for a whole segment, on the disk when this returns."""
    with (folder / MANIFEST).open("a", encoding="utf-8") as file:
        file.write(_manifest_line(segment))
        sync_file(file)


def _manifest_line(segment: Segment) -> str:
    return json.dumps({**asdict(segment), "pts": segment.pts.tolist()}) + "\n"


def read_manifest(folder: Path) -> list[Segment]:
    """All segments that are whole, in order; a line that a crash cut short, or that says no segment, ends the list."""
    segments: list[Segment] = []
    path = folder / MANIFEST
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            fields = json.loads(line)
            segments.append(Segment(**{**fields, "pts": array("q", fields["pts"])}))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            break
    return segments


def truncate_manifest(folder: Path, count: int) -> list[Segment]:
    """The first `count` segments; what the manifest holds beyond them is taken out, since it will be made again.

    Raises:
        StageError: there are fewer, or their files are gone.
    """
    segments = read_manifest(folder)[:count]
    if len(segments) < count or not all((folder / segment.name).is_file() for segment in segments):
        raise StageError("the finished segments are gone", str(folder), "start anew without --resume")
    fresh = (folder / MANIFEST).with_suffix(".fresh")
    with fresh.open("w", encoding="utf-8") as file:
        file.writelines(_manifest_line(segment) for segment in segments)
        sync_file(file)
    fresh.replace(folder / MANIFEST)
    return segments

"""The manifest: a file that lists the complete segments of an unfinished output."""

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
    """A complete segment on the disk.

    Attributes:
        name: file name in the working folder.
        first: number of its first frame in the output.
        pts: presentation times of its frames, in ticks of the source; an array, since recordings may last for days.
        delay: reorder delay of its decoder in frames.
    """

    name: str
    first: int
    pts: array[int]
    delay: int


def append_manifest(folder: Path, segment: Segment) -> None:
    """Append the line of a complete segment and sync it to disk."""
    with (folder / MANIFEST).open("a", encoding="utf-8") as file:
        file.write(_manifest_line(segment))
        sync_file(file)


def _manifest_line(segment: Segment) -> str:
    return json.dumps({**asdict(segment), "pts": segment.pts.tolist()}) + "\n"


def read_manifest(folder: Path) -> list[Segment]:
    """All complete segments, in order; the list ends at a damaged line, which a crash may leave."""
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
    """Truncate the manifest to its first `count` segments and return them; the others will be encoded again.

    Raises:
        StageError: there are fewer segments, or files are missing.
    """
    segments = read_manifest(folder)[:count]
    if len(segments) < count or not all((folder / segment.name).is_file() for segment in segments):
        raise StageError("finished segments are missing", str(folder), "start again without --resume")
    fresh = (folder / MANIFEST).with_suffix(".fresh")
    with fresh.open("w", encoding="utf-8") as file:
        file.writelines(_manifest_line(segment) for segment in segments)
        sync_file(file)
    fresh.replace(folder / MANIFEST)
    return segments

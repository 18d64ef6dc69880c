"""Runs `decode` and `encode` directly connected, without the network between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.stage import Job
from stages.payloads import FrameChunk, Overlay, SegmentWritten, Written
from stages.video.decode import Decode
from stages.video.encode import Encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The results of a run: receipt, facts of the report, committed segments, and sizes of chunks."""

    written: Written | None
    facts: dict[str, Any]
    segments: list[SegmentWritten]
    chunks: list[int]

    @property
    def warnings(self) -> str:
        """All warnings of both stages."""
        warnings = list(self.facts["warnings"])
        return " | ".join(warnings + (self.written.facts.get("warnings", []) if self.written else []))


def job(source: Path | str, output: Path | str | None, *, overwrite: bool = False) -> Job:
    """The job of a run."""
    return Job(
        index=0, input=str(source), output=None if output is None else str(output), stem="clip", overwrite=overwrite
    )


def decoded(source: Path | str, **keys: Any) -> tuple[list[FrameChunk], dict[str, Any]]:
    """All chunks of an input, and the facts of the stage."""
    stage = Decode(Decode.Config(**keys))
    try:
        return list(stage(job(source, None))), dict(stage.summary())
    finally:
        stage.close()


def transcode(
    source: Path | str,
    output: Path | str,
    *,
    decode: dict[str, Any] | None = None,
    encode: dict[str, Any] | None = None,
    overwrite: bool = False,
    stop_after: int | None = None,
) -> Run:
    """Run both stages on an input. stop_after: interrupt the run after that many frames."""
    source_stage, sink = Decode(Decode.Config(**decode or {})), Encode(Encode.Config(**encode or {}))
    work = job(source, output, overwrite=overwrite)
    receipts: list[Written | SegmentWritten] = []
    chunks: list[int] = []
    try:
        for chunk in source_stage(work):
            receipts += sink(work, chunk, Overlay(rgb_THW3=chunk.rgb_THW3))
            chunks.append(len(chunk))
            if stop_after is not None and sum(chunks) >= stop_after:
                receipts += sink.interrupt()
                break
        else:
            receipts += sink.flush()
        facts = dict(source_stage.summary())
    finally:
        source_stage.close()
        sink.close()
    written = [r for r in receipts if isinstance(r, Written)]
    return Run(
        written=written[-1] if written else None,
        facts=facts,
        chunks=chunks,
        segments=[r for r in receipts if isinstance(r, SegmentWritten)],
    )

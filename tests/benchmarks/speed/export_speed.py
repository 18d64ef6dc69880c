"""CPU milliseconds and kilobytes a frame of each export: `python -m tests.benchmarks.speed.export_speed`.

The frames are one frame of the demo clip with its exact surfaces, shifted from frame to frame. Bodies are fitted for
the kinds that need them, which is part of their cost.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.stage import Job
from stages.bodies.fit import FitBodies
from stages.payloads import FrameChunk, People, Surfaces
from stages.results.export import Export, Exporter, ExportRaw
from stages.results.formats.kinds import KINDS
from tools.pictures.style_pictures import SECOND, exact_frame

FRAMES = 25
JOB = Job(index=0, input="", output=None, stem="walk")

Packet = tuple[FrameChunk, People, Surfaces]


def packets() -> Iterator[Packet]:
    """One frame each, shifted two pixels to the right each time; confidence is noise."""
    frames, people, exact = exact_frame(SECOND)
    rng = np.random.default_rng(0)
    confidence = [rng.random(one.labels_hw.shape, np.float32) for one in exact.people]
    surfaces = [replace(one, confidence_hw=its) for one, its in zip(exact.people, confidence, strict=True)]
    for t in range(FRAMES):
        moved = np.roll(frames.rgb_THW3, 2 * t, axis=2)
        yield (
            replace(frames, rgb_THW3=moved, pts_T=np.array([t]), first=t),
            replace(people, box_N4=people.box_N4 + np.array([2 * t, 0, 2 * t, 0], np.float32)),
            Surfaces(people=tuple(replace(one, x0=one.x0 + 2 * t) for one in surfaces)),
        )


def cost(kind: str, given: list[Packet]) -> tuple[float, float]:
    """(milliseconds, kilobytes) a frame of one kind, until its files have their final names."""
    with tempfile.TemporaryDirectory() as folder:
        stage: Exporter
        if KINDS[kind].raw:
            raw = ExportRaw(ExportRaw.Config(to={kind: folder}))
            stage = raw

            def take(packet: Packet) -> None:
                raw(JOB, *packet)
        else:
            shown = Export(Export.Config(to={kind: folder}))
            fit = FitBodies(FitBodies.Config()) if Export.needs(shown.config) else None
            stage = shown

            def take(packet: Packet) -> None:
                shown(JOB, *packet, None, None if fit is None else next(iter(fit(*packet))))
        take(given[0])  # what is loaded once
        start = time.process_time()
        for packet in given[1:]:
            take(packet)
        list(stage.flush())
        taken = time.process_time() - start
        stage.close()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return taken * 1e3 / (len(given) - 1), size / 1e3 / len(given)


def main() -> None:
    """Print a table."""
    given = list(packets())
    video = given[0][0].video
    print(f"{video.width}x{video.height}, {len(given[0][1])} people, {FRAMES} frames")
    for kind in sys.argv[1:] or KINDS:
        milliseconds, kilobytes = cost(kind, given)
        print(f"{kind:13} {milliseconds:7.1f} ms {kilobytes:8.1f} kB a frame")


if __name__ == "__main__":
    main()

"""Milliseconds a megapixel of decode and encode: `python -m tests.benchmarks.speed.video_speed [VIDEO] [--runs N]`.

Printed for each size, wall and CPU time, best of the runs: decode (file to RGB chunks), encode (RGB to a finished file,
preset veryfast), and the two steps that the stages add to FFmpeg's: YUV to RGB and RGB to YUV.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av

from pipeline.stage import Job
from stages.payloads import FrameChunk, Overlay
from stages.video.decode import Decode
from stages.video.decoding.color_conversion import ColorTags, FromRgb, ToRgb
from stages.video.encode import Encode

ROOT = Path(__file__).resolve().parents[3]
SIDES = (320, 1280)
FRAMES = 120


def best(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Least wall and CPU seconds of a call."""
    spent = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in spent), min(cpu for _, cpu in spent)


def decode(path: str, side: int) -> list[FrameChunk]:
    """The first FRAMES frames of a file."""
    stage = Decode(Decode.Config(max_size=side))
    chunks: list[FrameChunk] = []
    for chunk in stage(Job(index=0, input=path, output=None, stem="clip")):
        chunks.append(chunk)
        if sum(map(len, chunks)) >= FRAMES:
            break
    stage.close()
    return chunks


def encode(path: str, output: Path, chunks: list[FrameChunk]) -> None:
    """Chunks to a finished file."""
    stage = Encode(Encode.Config())
    job = Job(index=0, input=path, output=str(output), stem="clip", overwrite=True)
    for chunk in chunks:
        list(stage(job, chunk, Overlay(rgb_THW3=chunk.rgb_THW3)))
    list(stage.flush())
    stage.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", default=str(ROOT / "configs" / "demo_walk.mp4"))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'size':>10} {'step':>8} {'wall':>7} {'cpu':>7}   ms/megapixel")
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            report(arguments.video, side, arguments.runs, Path(folder) / "out.mp4")


def report(path: str, side: int, runs: int, output: Path) -> None:
    """Print the rows of one size; the file is resized first, so that decoding is measured without resizing."""
    source = output.with_name(f"source_{side}.mp4")
    encode(path, source, decode(path, side))
    chunks = decode(str(source), side)
    images = [rgb for chunk in chunks for rgb in chunk.rgb_THW3]
    megapixels = len(images) * images[0].shape[0] * images[0].shape[1] / 1e6
    with av.open(str(source)) as container:
        frames = list(container.decode(video=0))[: len(images)]
    height, width = images[0].shape[:2]
    to_rgb, from_rgb = ToRgb(), FromRgb(ColorTags(), "yuv420p")
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: decode(str(source), side),
        "to rgb": lambda: [to_rgb(frame, width, height) for frame in frames],
        "from rgb": lambda: [from_rgb(image) for image in images],
        "encode": lambda: encode(str(source), output, chunks),
    }
    for name, work in steps.items():
        wall, cpu = best(work, runs)
        print(f"{width:>5}×{height:<4} {name:>8} {wall * 1e3 / megapixels:7.2f} {cpu * 1e3 / megapixels:7.2f}")


if __name__ == "__main__":
    main()

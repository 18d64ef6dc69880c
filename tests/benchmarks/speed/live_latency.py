"""Latency of a live run at a viewer's screen, dropped frames, and CPU time.

    python -m tests.benchmarks.speed.live_latency [--size 640x360] [--seconds 30] [--serial]

A process sends the demo clip over HTTP without end, at its frame rate, and paints the time into a strip at the top of
each frame. The program processes and records it (`-c live`). A viewer of its page reads the strip in the JPEGs that
arrive: the age is now minus that time, and covers the sender's encoder, HTTP, demuxer, decoder, networks, smoothing,
drawing, JPEG and WebSocket. Also printed: the program's own latency (from the packet's arrival until the image is
handed out), processed frames, and CPU milliseconds a frame of the stages and of all processes, which other load changes
little; and how many cores that is at the source's rate.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import av
import cv2
import numpy as np
from PIL import Image

from tests.benchmarks.speed.processes import cpu_of_family
from tests.stages.live.clock_video import BITS, CYCLE, Sink, VideoServer, free_port

ROOT = Path(__file__).resolve().parents[3]
CLIP = ROOT / "configs" / "demo_walk.mp4"
RATE = 25
WARM_S = 8.0
"""Warm-up in seconds: networks are prepared for the size."""


def strip(rgb_HW3: np.ndarray, seconds: float) -> None:
    """Paint a time into the top of an image, in place: 20 blocks side by side, black or white."""
    side = rgb_HW3.shape[1] // BITS
    number = int(seconds * 1000) % CYCLE
    for bit in range(BITS):
        rgb_HW3[:side, bit * side : (bit + 1) * side] = 235 if number >> bit & 1 else 16


def read_strip(rgb_HW3: np.ndarray) -> int:
    """The milliseconds in the top of an image."""
    side = rgb_HW3.shape[1] // BITS
    quarter = side // 4
    blocks = (
        rgb_HW3[quarter : side - quarter, bit * side + quarter : (bit + 1) * side - quarter] for bit in range(BITS)
    )
    return sum(int(block.mean() > 125) << bit for bit, block in enumerate(blocks))


def serve(port: int, width: int, height: int) -> None:
    """The source, in a process of its own."""
    with av.open(str(CLIP)) as clip:
        rate = clip.streams.video[0].average_rate
        images = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    images = [np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)) for rgb in images]

    def send(target: Sink, stopped: threading.Event) -> None:
        with av.open(target, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "tune": "zerolatency"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            start, count = time.monotonic(), 0
            while not stopped.is_set():
                rgb = images[count % len(images)]
                strip(rgb, time.time())
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts = count
                container.mux(stream.encode(frame))
                count += 1
                stopped.wait(max(0.0, start + count / float(rate) - time.monotonic()))

    VideoServer(port, send)
    threading.Event().wait()


@dataclass(slots=True)
class Watched:
    """A viewer's record: ages of images in seconds; and CPU seconds and frames of the whole run meanwhile."""

    ages: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


async def watch(port: int, seconds: float, process: int) -> Watched:
    """Watch for some seconds after the first images and the warm-up."""
    seen = Watched()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/live") as socket:
        first = None
        while first is None or time.monotonic() - first < WARM_S + seconds:
            message = await socket.receive(timeout=120)
            warm = first is not None and time.monotonic() - first > WARM_S
            if message.type == aiohttp.WSMsgType.TEXT and warm and "figures" in (news := json.loads(message.data)):
                seen.cpu.append(sum(cpu_of_family(process).values()))
                seen.frames.append(news["figures"]["frames"])
            if message.type != aiohttp.WSMsgType.BINARY:
                continue
            first = time.monotonic() if first is None else first
            shown = read_strip(np.asarray(Image.open(io.BytesIO(message.data[8:]))))
            if warm:
                seen.ages.append(((int(time.time() * 1000) - shown) % CYCLE) / 1000)
    return seen


def measure(size: str, seconds: float, *words: str) -> None:
    """Measure one run and print its line of the table."""
    port, page = free_port(), free_port()
    source = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.speed.live_latency", "--serve", str(port), "--size", size]
    )
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "run_pipeline.py", "-c", "live", f"http://127.0.0.1:{port}/video.ts"]
        options = ["-o", f"{folder}/out.mp4", "--report", str(report), "--set", f"preview.port={page}"]
        patient = ["--set", "live_decode.source.wait_at_start=true"]
        run = subprocess.Popen([*command, *options, *patient, *words], cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            seen = asyncio.run(_when_up(page, seconds, run.pid))
            run.send_signal(signal.SIGINT)
            run.wait(120)
        finally:
            run.kill()
            source.kill()
        report_json = json.loads(report.read_text())
    entry = report_json["inputs"][0]
    stages = 1000 * sum(stage["cpu_s"] for stage in report_json["stages"].values()) / entry["frames_in"]
    whole = 1000 * (seen.cpu[-1] - seen.cpu[0]) / (seen.frames[-1] - seen.frames[0])
    p50, p95 = np.quantile(seen.ages, [0.5, 0.95]) * 1000
    own = entry["latency_ms"]
    taken = 1 - entry["dropped"] / entry["frames_received"]
    cells = [size, f"{p50:.0f} / {p95:.0f} ms", f"{own['p50']:.0f} / {own['p95']:.0f} ms", f"{taken:.0%}"]
    print("| " + " | ".join([*cells, f"{stages:.1f} ms", f"{whole:.1f} ms", f"{whole * RATE / 1000:.2f}"]) + " |")


async def _when_up(port: int, seconds: float, process: int) -> Watched:
    for _ in range(120):
        try:
            return await watch(port, seconds, process)
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(1)
    raise SystemExit("the program did not come up")


def main() -> None:
    """Measure the given sizes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", action="append", default=[])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--serial", action="store_true")
    parser.add_argument("--serve", type=int)
    arguments = parser.parse_args()
    sizes = arguments.size or ["320x240", "640x360", "1280x720"]
    if arguments.serve:
        width, height = map(int, sizes[0].split("x"))
        serve(arguments.serve, width, height)
        return
    heads = ["size", "to a viewer, p50 / p95", "the program's figure", "frames taken"]
    print("| " + " | ".join([*heads, "CPU a frame, stages", "… all processes", "cores at 25 fps"]) + " |")
    print("|---" * 7 + "|")
    for size in sizes:
        measure(size, arguments.seconds, *(["--serial"] if arguments.serial else []))


if __name__ == "__main__":
    main()

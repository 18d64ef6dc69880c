"""Rate and latency of avatars: `-c live` plays a clip in real time and sends its people over VMC to this process.

    python -m tests.benchmarks.speed.avatar_rate [VIDEO] [--size 640]

Printed for each port: poses, poses per second of the clip, and the median and the longest time between two poses. Then
the program's own latency from the arrival of a frame until its poses are sent, the frames that were used, and the CPU
time of a used frame in all processes. The delay of the smoothing (`send_vmc.smoothing_s`) comes on top.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
PORTS = 4


def receive(port: socket.socket, times: list[float], ended: threading.Event) -> None:
    """Keep the times at which poses begin to arrive at a port."""
    port.settimeout(0.2)
    while not ended.is_set():
        try:
            packet = port.recv(65536)
        except TimeoutError:
            continue
        if b"/VMC/Ext/T\0" in packet:
            times.append(time.monotonic())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", default=str(ROOT / "configs" / "demo_walk.mp4"))
    parser.add_argument("--size", type=int, default=640, help="longest side of the frames, pixels")
    options = parser.parse_args()
    first, *others = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(PORTS)]
    first.bind(("127.0.0.1", 0))
    number = first.getsockname()[1]
    for step, port in enumerate(others, 1):
        port.bind(("127.0.0.1", number + step))
    found, ended = [list[float]() for _ in range(PORTS)], threading.Event()
    readers = [
        threading.Thread(target=receive, args=(port, times, ended))
        for port, times in zip([first, *others], found, strict=True)
    ]
    for reader in readers:
        reader.start()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        settings = [f"live_decode.max_size={options.size}", "live_decode.source.file=play", "preview.port=null"]
        command = [sys.executable, str(ROOT / "run_pipeline.py"), "-c", "live", options.video, "--serial"]
        command += ["--export", f"vmc=127.0.0.1:{number}", "--report", str(report)]
        subprocess.run([*command, *(word for one in settings for word in ("--set", one))], check=True)
        (entry,) = json.loads(report.read_text())["inputs"]
    ended.set()
    for reader, port in zip(readers, [first, *others], strict=True):
        reader.join()
        port.close()
    for step, times in enumerate(found):
        if len(times) > 1:
            gap_ms = 1000 * np.diff(times)
            rate = (len(times) - 1) / (times[-1] - times[0])
            gaps = f"{np.median(gap_ms):.0f} ms between two, {gap_ms.max():.0f} at most"
            print(f"port {step}: {len(times)} poses, {rate:.1f} a second, {gaps}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_ms = 1000 * (used.ru_utime + used.ru_stime) / max(1, entry["frames_in"])
    print(f"latency {entry.get('avatar_latency_ms')}; {entry['frames_in']} of {entry['frames_received']} frames used")
    print(f"CPU of a used frame, start included: {cpu_ms:.0f} ms")


if __name__ == "__main__":
    main()

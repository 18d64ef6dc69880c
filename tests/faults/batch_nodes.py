"""A batch over two nodes, as two machines would run it, of which one dies: `python -m tests.faults.batch_nodes`.

Two `ray start` nodes of one core each. `-c batch` joins them by `ray.address`, ships this checkout, and cuts four
videos into shards; when the first shard is whole the second node is killed with all its processes. Every result must
be that of an uncut run in one process, byte for byte, and the same command again must find nothing to do.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.actors.cluster import quieten
from tests.faults.kill_rounds import CLIP
from tests.faults.node_death import kill_node, node
from tests.stages.live.clock_video import free_port

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--set", "decode.max_size=192", "--set", "threads=1"]
NAMES = ("a", "b", "c", "d")
GIVEN_UP_S = 150.0


def batch(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The command, begun."""
    words = ["-c", "batch", "-o", f"{folder / 'out'}/", "--report", str(folder / "report.json")]
    settings = [f"ray.address=127.0.0.1:{port}", "batch.shard_frames=60"]
    changes = [word for setting in settings for word in ("--set", setting)]
    return subprocess.Popen([sys.executable, "run_pipeline.py", str(folder / "in"), *words, *changes, *SMALL], cwd=ROOT)


def run_and_kill(folder: Path, port: int, victim: subprocess.Popen[bytes]) -> int:
    """Run, and end the victim when the first shard is whole; the exit code."""
    process, end = batch(folder, port), time.monotonic() + GIVEN_UP_S
    while not any(folder.glob("out/*.partial/shards-*/*.zip")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    kill_node(victim)
    return process.wait(GIVEN_UP_S)


def main() -> int:
    """One batch, one death, and the same command again."""
    quieten("127.0.0.1:0")  # nodes of a cluster, not a Ray for this process alone
    os.environ["RAY_AUTH_MODE"] = "disabled"
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        (folder / "in").mkdir()
        for name in NAMES:
            shutil.copy(CLIP, folder / "in" / f"{name}.mp4")
        calm = folder / "calm.mp4"
        alone = [sys.executable, "run_pipeline.py", str(CLIP), "-o", str(calm), "--serial", *SMALL]
        subprocess.run(alone, cwd=ROOT, check=True)
        head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}"]
        with node(head, folder / "head.txt"), node([f"--address=127.0.0.1:{port}"], folder / "other.txt") as victim:
            first = run_and_kill(folder, port, victim)
            died = json.loads((folder / "report.json").read_text())["lanes"].get("worker", {}).get("restarts", 0)
            again = batch(folder, port).wait(GIVEN_UP_S)
            packets = json.loads((folder / "report.json").read_text())["lanes"].values()
        same = [(folder / "out" / f"{name}.densepose.mp4").read_bytes() == calm.read_bytes() for name in NAMES]
        idle = not any(lane["packets"] for lane in packets)
        print(f"exit {first} and {again}, workers that died {died}, same bytes {same}, nothing done again {idle}")
        return 0 if (first, again) == (0, 0) and died and all(same) and idle else 1


if __name__ == "__main__":
    sys.exit(main())

"""The live configuration with its network, on the demo clip played in real time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.stages.live.clock_video import free_port
from tests.stages.live.live_without_network import decoded_frames


def test_people_are_found_drawn_and_recorded(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(root / "run_pipeline.py"), "-c", "live", str(root / "configs" / "demo_walk.mp4")]
    outputs = ["-o", "out.mp4", "--export", "csv=people.csv", "--report", "r.json", "--log", "l.jsonl", "--serial"]
    settings = [f"preview.port={free_port()}", "live_decode.source.file=play", "live_decode.max_size=320"]
    words = [word for setting in settings for word in ("--set", setting)]
    run = subprocess.run(
        [*command, *outputs, *words],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    (entry,) = json.loads((tmp_path / "r.json").read_text())["inputs"]
    shown, times = decoded_frames(tmp_path / "out.mp4")
    assert len(shown) == entry["frames_out"] == entry["frames_in"] > 0
    assert shown[0].shape == (180, 320, 3)
    assert entry["frames_received"] == 125 and entry["frames_in"] + entry["dropped"] <= 125
    assert entry["people"] >= 1 and times == sorted(times)
    assert len((tmp_path / "people.csv").read_text().splitlines()) > 1
    lines = [json.loads(line) for line in (tmp_path / "l.jsonl").read_text().splitlines()]
    found = [line["people"] for line in lines if line["event"] == "packet" and line["lane"] == "network"]
    assert len(found) == entry["frames_in"] and sorted(found)[len(found) // 2] == 2
    assert "preview: http://127.0.0.1:" in run.stderr

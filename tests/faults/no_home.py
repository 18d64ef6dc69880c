"""The product as a user without a home folder, in a checkout of another: `python -m tests.faults.no_home` (as root).

Every command runs as user 12345, who has no entry among the users of the machine, with HOME unset, `/` and a folder
that cannot be written to, and with folders for temporary files of several kinds. Printed for each: the command, its
exit code and its last line. The Python that runs this must be readable for that user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 12345
CLIP = str(ROOT / "configs" / "demo_walk.mp4")
SHORT = ["--set", "decode.end=0.3", "--overwrite"]
COMMANDS = {
    "doctor": ["doctor"],
    "default": SHORT,
    "batch": [CLIP, "-c", "batch", "-o", "out/", *SHORT],
    "evaluate": ["-c", "evaluate", "--set", "scenes=4"],
}


def run(place: Path, words: list[str], **changed: str | None) -> int:
    """Run the product in a folder of that user; returns its exit code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    for name in ("HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR"):
        environment.pop(name, None)
    environment |= {name: value for name, value in changed.items() if value is not None}
    command = [sys.executable, "-B", str(ROOT / "run_pipeline.py"), *words]
    as_user = {"user": USER, "group": USER, "extra_groups": []}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, **as_user)
    last = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-1:]
    print(f"{changed} {' '.join(words[:3])}: exit {done.returncode}: {' '.join(last)}", flush=True)
    return done.returncode


def main() -> int:
    """Run all of it; 1 when any command fails."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    long, closed = place / ("t" * 80), place / "closed"
    long.mkdir()
    closed.mkdir()
    for folder in (place, long):
        os.chown(folder, USER, USER)
    try:
        codes = [run(place, words, HOME=home) for words in COMMANDS.values() for home in (None, "/", str(closed))]
        folders = (str(long), str(place / "absent"), str(closed))
        codes += [run(place, COMMANDS["default"], HOME=None, TMPDIR=folder) for folder in folders]
        left = list(long.iterdir())
        print(f"left beside temporary files: {left}")
        return 1 if any(codes) or left else 0
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    sys.exit(main())

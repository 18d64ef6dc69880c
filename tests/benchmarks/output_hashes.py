"""Digests of what the commands write: `python -m tests.benchmarks.output_hashes record FILE`, then `… check FILE`.

Checks that a change does not change any result: record before it, check after it, on the same machine (a network's bits
depend on the processor). Every command runs in a folder of its own and may read what earlier ones wrote. Decoded
frames, exports, scores and weights are hashed; times and paths are not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "configs" / "demo_walk.mp4"
SHORT = ("--set", "decode.end=1", "--set", "decode.max_size=320")
TRAIN = ("rounds.count=2", "train_network.fit.steps=20", "train_network.fit.lr_schedule.warmup=2")
LIGHT_FIT = ("train_detector.batch=2", "train_surface.batch=2", "train_detector.fit.steps=20")
LEFT_OUT = {".log", ".jsonl", ".pt", ".onnx"}
"""Suffixes of files that hold times or library versions."""
TIMED = {"seconds", "fps", "started"}
"""Keys of JSON files that hold times, beside those that end in `_s`."""
KILL_AFTER_S = 120.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command line whose `{name}` stands for the folder of the command of that name, `{here}` for its own.

    Attributes:
        name: name of the command and of its folder.
        words: arguments of `run_pipeline.py`.
        killed: True where it is killed at its first committed segment and then run again with `--resume`.
    """

    name: str
    words: tuple[str, ...]
    killed: bool = False


def _film(name: str, *words: str, output: str = "out.mp4", serial: bool = True) -> Command:
    """A command on the first second of the demo clip."""
    runner = ("--serial",) if serial else ()
    return Command(name, (str(DEMO), "-o", "{here}/" + output, *SHORT, *runner, *words))


def _sets(*changes: str) -> tuple[str, ...]:
    return tuple(word for change in changes for word in ("--set", change))


def _exports(*kinds: str) -> tuple[str, ...]:
    return tuple(word for kind in kinds for word in ("--export", kind.replace("=", "={here}/")))


COMMANDS: tuple[Command, ...] = (
    _film("film"),
    _film("film_ray", serial=False),
    _film("parts", "--style", "parts", *_sets("smooth.look_ahead=4"), output="out.mkv"),
    _film("beside", "--style", "none+texture"),
    _film("boxes", "--style", "boxes+skeleton"),
    _film("green", *_sets("render.background=green", "render.only=[shirt]")),
    _film("unsmoothed", "--style", "uv", *_sets("smooth.kind=none", "track.box_gain=1", "bridge.max_gap_s=0")),
    _film("careful", "--style", "contours", *_sets("network.tta=adaptive")),
    _film("thorough", "--style", "grid", *_sets("network.tta=full", "decode.end=0.3")),
    _film("torch_engine", "--style", "parts", *_sets("network.engine=torch", "decode.end=0.3")),
    _film("float32", "--style", "confidence", *_sets("network.precision=fp32", "decode.end=0.3")),
    _film("tables", *_exports("csv=a.csv", "mot=a.txt", "appearance=looks.csv", "coco=a.json", "result_json=b.json")),
    _film("pictures", *_exports("iuv=iuv/", "inds=inds/", "confidence=c/", "dp_segm=d/", "parula=p/")),
    _film("layers", *_exports("iuv_video=iuv.mkv", "magicanimate=m.mp4", "prores=layer.mov", "webm=layer.webm")),
    _film("saved", *_exports("surfaces=saved/", "instances=raw/")),
    Command("replayed", ("{saved}/saved/", "-c", "render", "--style", "parts", "-o", "{here}/out.mp4", "--serial")),
    Command("unwrapped", (str(DEMO), "-c", "unwrap", "-o", "{here}/clothes.png", *SHORT, "--serial")),
    _film("worn", "--atlas", "{unwrapped}/clothes.png"),
    Command("compared", (str(DEMO), "{film}/out.mp4", "-c", "compare", "-o", "{here}/lesson.csv", "--serial")),
    Command("scenes", ("-c", "synthetic", "-o", "{here}/scenes.mp4", "--style", "parts", *_sets("synthesize.count=8"))),
    Command(
        "clip",
        (
            *("-c", "synthetic", "-o", "{here}/clip.mp4", "--set", "synthesize.world=video"),
            *_sets("synthesize.count=8", "export_truth.folder={here}/truth"),
        ),
    ),
    Command("photo", ("{clip}/truth/frame_000000.png", "-o", "{here}/photo.png", *_exports("instances=raw/"))),
    Command("photos", ("{pictures}/iuv/", "-o", "{here}/", "--serial", "--style", "boxes")),
    Command("errors", ("-c", "errors", "-o", "{here}/errors.mp4", *_sets("synthesize.count=4"))),
    Command(
        "scores",
        (
            *("-c", "evaluate", "--report", "{here}/report.json"),
            *_sets("data=[val,far,stress]", "scenes=3", "write_scores.folder={here}"),
        ),
    ),
    Command(
        "film_scores",
        (
            *("-c", "evaluate", "--report", "{here}/report.json"),
            *_sets("data=video", "boxes=detected", "video_frames=6", "write_scores.folder={here}"),
        ),
    ),
    Command("sparse", ("-c", "sparse_set", *_sets("synthesize.count=60", "sparse_set.folder={here}/set"))),
    Command(
        "trained_rcnn",
        (
            *("-c", "train_rcnn", *_sets(*TRAIN), "--set", "annotated_sets.sets.sparse.folder={here}/set"),
            *_sets(
                "annotated_sets.sets.sparse.draw.count=12", "augment.batch=2", "train_network.variant.backbone=nano"
            ),
            *_sets("train_network.folder={here}/run", "export_network.weights={here}/rcnn.safetensors"),
        ),
    ),
    Command(
        "trained_light",
        (
            *("-c", "train_finetune", "--weights", "light", "--set", "folder={here}/run"),
            *_sets("annotated_sets.sets.mine.annotations={sparse}/set/annotations.json"),
            *_sets("annotated_sets.sets.mine.images={sparse}/set/images", "rounds.count=2", "draw_scenes.count=4"),
            *_sets(*LIGHT_FIT, "train_surface.fit.steps=20", "train_detector.fit.lr_schedule.warmup=1"),
            *_sets("train_surface.fit.lr_schedule.warmup=1", "export_light.weights={here}/light.safetensors"),
            *_sets("before_after.weights={here}/light.safetensors", "before_after.report={here}/report.json"),
        ),
    ),
    Command(
        "read_trained",
        (str(DEMO), "-o", "{here}/out.mp4", *SHORT, "--serial", "--weights", "{trained_light}/light.safetensors"),
    ),
    Command("onnx", ("-c", "export_onnx", "--set", "export_onnx.folder={here}")),
    Command("batch", ("-c", "batch", str(DEMO), "{film}/", "-o", "{here}/", *SHORT, "--set", "batch.shard_frames=10")),
    Command(
        "resumed",
        (str(DEMO), "-o", "{here}/out.mp4", *_sets("decode.max_size=320", "encode.segment_frames=20"), "--serial"),
        killed=True,
    ),
)


def run(command: Command, folder: Path) -> str:
    """Run one command in the common folder; returns a message where it failed, else an empty string."""
    here = folder / command.name
    here.mkdir()
    places = {"here": here, **{other.name: folder / other.name for other in COMMANDS}}
    words = [word.format_map(places) for word in command.words]
    line = [sys.executable, str(ROOT / "run_pipeline.py"), *words]
    if command.killed and not _killed_midway(line, here):
        return "ended before it could be killed"
    again = ["--resume"] if command.killed else []
    done = subprocess.run([*line, *again], cwd=here, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip()[-2000:]}"


def _killed_midway(line: list[str], here: Path) -> bool:
    """Run a command and kill it when its journal has a line; returns whether it was killed."""
    process = subprocess.Popen(line, cwd=here, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + KILL_AFTER_S
    while process.poll() is None and time.monotonic() < end:
        if any(path.stat().st_size for path in here.glob("*.partial/journal.jsonl")):
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait() < 0
        time.sleep(0.01)
    return False


def hashes(folder: Path) -> dict[str, str]:
    """The digest of every result file in a folder."""
    return {str(path.relative_to(folder)): digest(path, folder) for path in sorted(_files(folder))}


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in LEFT_OUT and path.name != "batch.json":
            yield path


def digest(path: Path, folder: Path) -> str:
    """The digest of a file's bytes; of JSON without times and paths."""
    content = path.read_bytes()
    if path.suffix == ".json":
        placeless = content.decode().replace(str(folder.parent), "").replace(str(ROOT), "")
        content = json.dumps(_timeless(json.loads(placeless)), sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMED and not key.endswith("_s")}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def collected(only: list[str]) -> dict[str, dict[str, str]]:
    """Run the commands (all, or the named ones and their predecessors) and print each; returns their files' digests."""
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        for command in COMMANDS:
            if only and command.name not in only:
                continue
            began = time.monotonic()
            failed = run(command, Path(name))
            found[command.name] = {"failed": failed} if failed else hashes(Path(name) / command.name)
            said = failed or f"{len(found[command.name])} files"
            print(f"{command.name}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
    return found


def differences(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[str]:
    """One line for each command or file that differs."""
    lines = []
    for name, files in after.items():
        known = before.get(name, {})
        lines += [f"{name}/{file}" for file in sorted({*files, *known}) if files.get(file) != known.get(file)]
    return lines


def main() -> int:
    """Record digests, or check against recorded ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["record", "check"])
    parser.add_argument("file", type=Path, help="JSON of digests, outside history: it holds on this machine only")
    parser.add_argument("only", nargs="*", help="names of commands; what they read must be among them")
    asked = parser.parse_args()
    found = collected(asked.only)
    if asked.what == "record":
        asked.file.parent.mkdir(parents=True, exist_ok=True)
        asked.file.write_text(json.dumps(found, indent=1))
        return int(any("failed" in files for files in found.values()))
    lines = differences(json.loads(asked.file.read_text()), found)
    print("\n".join(lines) or "every digest is what it was")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())

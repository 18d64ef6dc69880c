"""A crash of the driver, a full disk: what is whole stays, and `--resume` gives the undisturbed result."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.recovery.journal import Journal, journal_path
from tests.faults.forked_program import run_forked
from tests.faults.kill_rounds import decoded
from tests.faults.random_weights import random_weights

CRASH = """
from pipeline.recovery.journal import Journal
whole, appended = Journal.append, []
def append(journal, commit):
    whole(journal, commit)
    appended.append(commit)
    if len(appended) == 2:
        kill()
Journal.append = append
"""
AT_ONCE = CRASH.replace("len(appended) == 2", "len(appended) == 1")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A second and a half of small frames, in four segments, through a network that knows nothing.

    What it says gets identities all the same, and the smoothing holds a packet back whenever a segment is whole.
    """
    weights = random_weights(tmp_path_factory.mktemp("weights"))
    network = {"weights": weights, "min_score": 0.0001, "max_people": 2}
    changes = [f"network.{key}={value}" for key, value in network.items()]
    changes += ["decode.end=1.5", "decode.max_size=192", "decode.chunk=5", "encode.segment_frames=10", "threads=1"]
    changes += ["ray.least_megapixels=0"]
    changes += ["smooth.look_ahead=1", "track.confident_score=0", "render.paint=surface"]
    return [word for change in changes for word in ("--set", change)]


@pytest.fixture(scope="module")
def calm(root: Path, settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """The decoded frames of an undisturbed run."""
    output = tmp_path_factory.mktemp("calm") / "out.mp4"
    done = product(root, output, settings, "--serial")
    assert done.returncode == 0, done.stderr
    return decoded(output)


BODIES = [
    *("-c", "synthetic", "--set", "synthesize={world: video, count: 36, height: 120, width: 160}"),
    *("--set", "encode.segment_frames=8", "--set", "threads=1"),
    *("--set", "fit.look_ahead=2", "--set", "fit.focal_px=160"),
]
"""Bodies are fitted to the exact surfaces of a world's clip, and each waits for two later frames."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def people_in(files: dict[str, bytes]) -> int:
    """The number of bodies in all frames."""
    frames = [content for name, content in files.items() if name.startswith("frame")]
    return sum(len(np.load(io.BytesIO(content))["ids_N"]) for content in frames)


@pytest.fixture(scope="module")
def calm_bodies(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The exported bodies of an undisturbed run."""
    folder = tmp_path_factory.mktemp("calm_bodies")
    words = [*BODIES, "-o", str(folder / "out.mp4"), "--serial", "--export", f"bodies={folder / 'bodies'}"]
    done = run_forked(*words, place=root)
    assert done.returncode == 0, done.stderr
    found = contents(folder / "bodies")
    assert len(found) == 37 and people_in(found) > 36
    return found


@pytest.mark.parametrize("way", [["--serial"], []], ids=["serial", "ray"])
def test_bodies_are_the_same_to_the_last_bit_after_a_crash(
    root: Path, calm_bodies: dict[str, bytes], tmp_path: Path, way: list[str]
) -> None:
    output, folder = tmp_path / "out.mp4", tmp_path / "bodies"
    words = [*BODIES, *way, "-o", str(output), "--export", f"bodies={folder}"]
    assert run_forked(*words, changed=AT_ONCE, place=root).returncode == -9 and not output.exists()
    last = Journal(journal_path(str(output))).read()[-1]
    assert "fit" in {held.stage for held in last.waiting.values()}
    for early in sorted(folder.glob("frame_*.npz"))[: last.frames]:
        early.unlink()  # they are committed: whatever lies there later was written again
    done = run_forked(*words, "--resume", place=root)
    assert done.returncode == 0, done.stderr
    found = contents(folder)
    assert found == {name: content for name, content in calm_bodies.items() if name in found}
    assert len(calm_bodies) - len(found) == last.frames and people_in(found) > 20


@pytest.fixture(scope="module")
def calm_textures(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """The decoded frames of an undisturbed run that paints people."""
    output = tmp_path_factory.mktemp("calm_textures") / "out.mp4"
    assert run_forked(*BODIES, "-o", str(output), "--serial", place=root).returncode == 0
    return decoded(output)


@pytest.mark.parametrize("way", [["--serial"], []], ids=["serial", "ray"])
def test_textures_by_own_bodies_are_the_same_after_a_crash(
    root: Path, calm_textures: tuple[int, str], tmp_path: Path, way: list[str]
) -> None:
    """Nothing else needs fitted bodies: `paint_bodies` fits them, and people wait in it for later frames."""
    output = tmp_path / "out.mp4"
    words = [*BODIES, "-o", str(output), *way]
    assert run_forked(*words, changed=AT_ONCE, place=root).returncode == -9 and not output.exists()
    last = Journal(journal_path(str(output))).read()[-1]
    assert {held.stage for held in last.waiting.values()} == {"paint_bodies"}
    done = run_forked(*words, "--resume", place=root)
    assert done.returncode == 0, done.stderr
    assert decoded(output) == calm_textures


ANIMATION = """
inputs: none
lanes: {world: {stages: [synthesize]}, out: {stages: [fit, animate]}}
result: .html
synthesize: {world: video, count: 24, height: 120, width: 160}
fit: {focal_px: 160, look_ahead: 2}
animate: {segment_frames: 6}
"""
"""The page contains the animation and pictures of the video."""
COUNTED = """
import atexit, sys
from stages.bodies.recorded_bodies import RecordedBodies
whole, recorded = RecordedBodies.add_frame, []
def add_frame(part, second, *people):
    whole(part, second, *people)
    recorded.append(second)
    if len(recorded) == KILLED_AT:
        kill()
RecordedBodies.add_frame = add_frame
atexit.register(lambda: print(len(recorded), "frames recorded", file=sys.stderr))
"""
LANES_KILLED = """
import os, signal, sys
from pipeline.observe.metrics import Metrics
from tests.faults.kill_rounds import actor_processes
whole, steps, rewound = Metrics.step, [], Metrics.rewound
def step(metrics, lane, stream, done):
    whole(metrics, lane, stream, done)
    steps.append(lane)
    if steps.count("out") == 10:
        steps.append("out")
        killed = list(actor_processes("LaneActor"))
        for process in killed:
            os.kill(process, signal.SIGKILL)
        print(len(killed), "lanes killed", file=sys.stderr)
def back(metrics, stream, frames):
    print("goes on after", frames, file=sys.stderr)
    rewound(metrics, stream, frames)
Metrics.step, Metrics.rewound = step, back
"""


def test_an_animation_goes_on_after_a_crash_and_is_the_same(root: Path, tmp_path: Path) -> None:
    """Bodies and pictures that are on the disk are not made again: neither after `--resume`, nor under Ray."""
    config = tmp_path / "animation.yaml"
    config.write_text(ANIMATION)

    def ran(folder: str, changed: str, *words: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        way = ["-c", str(config), "-o", str(tmp_path / folder / "out.html"), *words]
        return run_forked(*way, changed=changed, place=root)

    calm = ran("calm", "", "--serial")
    assert calm.returncode == 0, calm.stderr
    assert ran("crashed", COUNTED.replace("KILLED_AT", "17"), "--serial").returncode == -9
    assert [path.name for path in (tmp_path / "crashed").iterdir()] == ["out.html.partial"]
    kept = Journal(journal_path(str(tmp_path / "crashed" / "out.html"))).read()[-1]
    assert kept.frames == 12 and [one.stage for one in kept.waiting.values()] == ["fit"] * 2, "two frames wait in `fit`"
    done = ran("crashed", COUNTED.replace("KILLED_AT", "-1"), "--serial", "--resume")
    assert done.returncode == 0 and "12 frames recorded" in done.stderr, done.stderr
    assert contents(tmp_path / "crashed") == contents(tmp_path / "calm")
    killed = ran("killed", LANES_KILLED)
    assert killed.returncode == 0 and "2 lanes killed" in killed.stderr, killed.stderr
    assert "goes on after 12" in killed.stderr or "goes on after 6" in killed.stderr, killed.stderr
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")


def product(
    root: Path, output: Path, settings: list[str], *words: str, changed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the product on the demo clip."""
    return run_forked("configs/demo_walk.mp4", "-o", str(output), *settings, *words, changed=changed, place=root)


@pytest.mark.parametrize("way", [["--serial"], []], ids=["serial", "ray"])
def test_a_crash_of_the_driver_loses_and_doubles_nothing(
    root: Path, settings: list[str], calm: tuple[int, str], tmp_path: Path, way: list[str]
) -> None:
    output = tmp_path / "out.mp4"
    assert product(root, output, settings, *way, changed=CRASH).returncode == -9
    assert not output.exists()
    assert sorted(file.name for file in Path(f"{output}.partial").glob("segment_*.mkv"))[:2] == [
        "segment_000000.mkv",
        "segment_000001.mkv",
    ]
    last = Journal(journal_path(str(output))).read()[-1]
    assert (last.packets, last.frames, sorted(last.waiting)) == (4, 20, [4, 5, 6])  # held by smooth and verify
    report = tmp_path / "report.json"
    done = product(root, output, settings, *way, "--resume", "--report", str(report))
    assert done.returncode == 0, done.stderr
    assert decoded(output) == calm
    assert f'"frames_in": {calm[0]}' in report.read_text() and f'"frames_out": {calm[0]}' in report.read_text()
    assert not Path(f"{output}.partial").exists()
    again = product(root, output, settings, *way, "--resume")
    assert again.returncode == 0, again.stderr


def test_a_full_disk_stops_cleanly_and_can_be_gone_on_from(
    root: Path, settings: list[str], calm: tuple[int, str], tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    whole = tmp_path / "whole.mp4"
    assert product(root, whole, settings, "--serial").returncode == 0
    limit = whole.stat().st_size * 2 // 3  # room for each segment, not for the whole
    small_files = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    stopped = product(root, output, settings, "--serial", changed=small_files)
    assert (stopped.returncode, output.exists()) == (1, False)
    assert str(output) in stopped.stderr and "Traceback" not in stopped.stderr
    assert "the disk is full" in stopped.stderr  # at a segment, or at the journal's stages beside it
    done = product(root, output, settings, "--serial", "--resume")
    assert done.returncode == 0, done.stderr
    assert decoded(output) == calm


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_disk_without_a_byte_left_stops_cleanly(
    root: Path, settings: list[str], calm: tuple[int, str], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(100_000))
        output = disk / "out.mp4"
        stopped = product(root, output, settings, "--serial")
        assert (stopped.returncode, output.exists()) == (1, False)
        assert "the disk is full" in stopped.stderr and "Traceback" not in stopped.stderr
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        done = product(root, output, settings, "--serial", "--resume")
        assert done.returncode == 0, done.stderr
        assert decoded(output) == calm
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def test_a_result_that_had_its_name_before_its_journal_was_gone_is_done(
    root: Path, settings: list[str], calm: tuple[int, str], tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    at_the_end = "from stages.video.encoding.output_file import OutputFile\nOutputFile.discard = kill"
    killed = product(root, output, settings, "--serial", changed=at_the_end)
    assert killed.returncode == -9 and journal_path(str(output)).exists()
    assert decoded(output) == calm
    whole, made = output.read_bytes(), output.stat()
    output.write_bytes(b"mine")  # another file under the name
    refused = product(root, output, settings, "--serial", "--resume")
    assert refused.returncode == 1 and "this file exists already" in refused.stderr
    assert output.read_bytes() == b"mine"
    output.write_bytes(whole)
    os.utime(output, ns=(made.st_atime_ns, made.st_mtime_ns))
    done = product(root, output, settings, "--serial", "--resume")
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [output]), done.stderr
    assert output.stat().st_mtime_ns == made.st_mtime_ns


@pytest.mark.parametrize("segment_frames", [5, 100])
def test_a_crash_after_a_result_got_its_name_leaves_nothing_else(
    root: Path, settings: list[str], tmp_path: Path, segment_frames: int
) -> None:
    """The last segment of a video ends with it."""
    output = tmp_path / "out.mp4"
    short = [*settings, "--set", f"encode.segment_frames={segment_frames}", "--set", "decode.end=0.3", "--serial"]
    with_its_name = "from pipeline.recovery.recovery import Recovery\nRecovery.complete = kill"
    killed = product(root, output, short, changed=with_its_name)
    assert (killed.returncode, list(tmp_path.iterdir())) == (-9, [output])
    made = output.stat().st_mtime_ns
    done = product(root, output, short, "--resume")
    assert (done.returncode, output.stat().st_mtime_ns) == (0, made), done.stderr


def test_other_settings_are_refused(root: Path, settings: list[str], tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert product(root, output, settings, "--serial", changed=CRASH).returncode == -9
    refused = product(root, output, settings, "--serial", "--resume", "--style", "parts")
    assert refused.returncode == 1
    assert "come from another input or from other settings" in refused.stderr

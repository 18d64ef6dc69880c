"""Time and memory with which an animation is finished: `python -m tests.benchmarks.speed.animation_length`.

Fits of a walk, with simulated errors, are recorded again and again for each of two people, and the stage `animate`
writes the result, in a process of its own for each length. Printed: CPU seconds, peak memory of the process (with
libraries), the size of the result, and the slopes from length to length.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from models.body.body_pose import BodyPose
from models.body.fitted_body import FittedBody
from models.motion.camera_estimation import BackgroundMatch
from pipeline.stage import Job
from stages.bodies.animate import Animate
from stages.bodies.recording import BodyRecording
from tests.benchmarks.quality.fast_motions import fast_clip
from tests.benchmarks.quality.fit_noise import FitNoise, as_fitted

FPS, PEOPLE = 30.0, 2
CLIP = "walk/0"


def bodies_of_walk() -> list[FittedBody]:
    """The bodies of a walk and of its way back, as fits find them."""
    motion = as_fitted(fast_clip(CLIP).seen_by_camera(), FitNoise(), np.random.default_rng(0))
    assert motion.camera is not None
    found = [
        FittedBody(
            pose=BodyPose(rotation_B33=rotation_B33, root_3=root_3, shape_C=motion.shape_C), camera=motion.camera,
            confidence_J=confidence_J, seen_B=np.full(len(rotation_B33), 0.5, np.float32), residual=0.01, is_person=0.9,
        )
        for rotation_B33, root_3, confidence_J in zip(
            motion.all_rotations(), motion.root_T3, motion.confidence_TJ, strict=True
        )
    ]
    return [*found, *found[::-1]]


def recorded(folder: Path, frames: int) -> bytes:
    """Record a video of two people in a folder; returns the state with which it is finished."""
    folder.mkdir(parents=True)
    recording = BodyRecording(folder, follow_camera=True, pictures=False, part_frames=600)
    point_M2 = np.random.default_rng(0).uniform(-0.5, 0.5, (64, 2)).astype(np.float32)
    for t, body in enumerate(itertools.islice(itertools.cycle(bodies_of_walk()), frames)):
        part = recording.open_part
        part.width, part.height = 1280, 720
        part.add_frame(t / FPS, [(person, body) for person in range(PEOPLE)])
        part.background.append(BackgroundMatch(earlier=0, earlier_M2=point_M2, current_M2=point_M2))
        recording.complete_part()
    return recording.state()


def finish(state: bytes, output: Path) -> None:
    """Write the animation, and print CPU seconds, peak memory in MB, and the size of the file in MB."""
    stage, started = Animate(Animate.Config()), time.process_time()
    stage.restore(state)
    stage.reopen(Job(index=0, input="film.mp4", output=str(output), stem="film"))
    list(stage.flush())
    stage.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.process_time() - started, peak_mb, output.stat().st_size / 1e6)


def main() -> None:
    """Measure some lengths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[3_000, 12_000, 108_000])
    parser.add_argument("--suffix", default=".glb")
    parser.add_argument("--finish", type=Path)
    words = parser.parse_args()
    if words.finish is not None:
        finish((words.finish / "state").read_bytes(), words.finish / f"film{words.suffix}")
        return
    before = None
    for frames in words.frames:
        with tempfile.TemporaryDirectory() as place:
            state = recorded(Path(place) / f"film{words.suffix}.partial", frames)
            (Path(place) / "state").write_bytes(state)
            command = [sys.executable, "-m", "tests.benchmarks.speed.animation_length", "--finish", place]
            done = subprocess.run([*command, "--suffix", words.suffix], capture_output=True, text=True, check=True)
        cpu_s, peak_mb, size_mb = map(float, done.stdout.split())
        slope = ""
        if before is not None:
            more = (frames - before[0]) / 1000
            seconds, megabytes = (cpu_s - before[1]) / more, (peak_mb - before[2]) / more
            slope = f"; a thousand frames more: {seconds:.2f} s, {megabytes:.1f} MB"
        print(f"{frames} frames: {cpu_s:.1f} s, {peak_mb:.0f} MB, file {size_mb:.0f} MB{slope}", flush=True)
        before = frames, cpu_s, peak_mb


if __name__ == "__main__":
    main()

"""How well the fit follows people who move fast, on the network's surfaces of clips with exact truth.

    python -m tests.benchmarks.quality.followed_films FOLDER [--clips kick/0 …] [--smooth none] [--weights FILE]

The clips of `fast_motions` are rendered, encoded as H.264, and go through the whole pipeline as any video: detection,
network, tracks, smoothing of surfaces (`--smooth none`: without it). Videos and surfaces stay in FOLDER for the next
time. The fit gets the camera's focal length. Rows: each frame alone, followed, and followed and then smoothed over some
frames before and after, as `fit.look_ahead` does. Joints are root-aligned. The longest run of frames in which the
person has one identity counts. Times are of one thread, without the network.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import av
import numpy as np

from models.body.body_pose import posed_bones
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.fitting.surface_fit import fit_surface
from models.fitting.track_fit import TrackFitSettings, tracked_body
from models.metrics.motion_errors import motion_errors, root_aligned_joints
from stages.bodies.pose_smoothing import smoothed_body
from stages.payloads import PersonSurface
from stages.results.formats.npz import STREAM_FILE, frame_files, read_frame, read_stream
from tests.benchmarks.quality.fast_motions import FPS, FastClip, fast_clip

CLIPS = (
    *("kick/0", "kick/1", "kick/2", "jump/0", "jump/1", "spin/0", "spin/1", "spin/2"),
    *("leap/0", "leap/1", "turning_leap/0", "forward_jump/0", "jump_and_turn/0", "sideflip/0"),
)
LOOK_AHEADS = (2, 3, 4, 8)

Row = dict[str, float]


def recorded(folder: Path, clip: FastClip, smooth: str, weights: str | None) -> Path:
    """The folder of the clip's surfaces, made if it is absent."""
    name = clip.name.replace("/", "_")
    video, surfaces = folder / f"{name}.mp4", folder / f"{name}_{smooth}"
    if not video.exists():
        rendered(clip, video)
    if not (surfaces / STREAM_FILE).exists():
        given = [f"smooth.kind={smooth}", *([f"network.weights={weights}"] if weights else [])]
        command = [sys.executable, "run_pipeline.py", video, "-o", folder / "drawn.mp4", "--overwrite", "--export"]
        options = [f"surfaces={surfaces}", *(part for one in given for part in ("--set", one))]
        subprocess.run([*map(str, command), *options], check=True)
    return surfaces


def rendered(clip: FastClip, path: Path) -> None:
    """Write the clip as H.264 of high quality."""
    unfinished = path.with_suffix(".unfinished.mp4")
    with av.open(str(unfinished), "w") as file:
        stream = file.add_stream("libx264", rate=round(FPS), options={"crf": "16", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = clip.camera.width, clip.camera.height, "yuv420p"
        for frame in range(clip.frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(clip.scene(frame).rgb_HW3, format="rgb24")))
        file.mux(stream.encode())
    unfinished.rename(path)


def longest_run(surfaces: Path) -> tuple[int, list[PersonSurface]]:
    """First frame of the longest run of the commonest identity, and its surfaces."""
    video = read_stream(surfaces)
    frames = [read_frame(path, video) for path in frame_files(surfaces)]
    seen = [{int(i): one for i, one in zip(frame.id_N, frame.surfaces, strict=True)} for frame in frames]
    person, _ = Counter(identity for one in seen for identity in one).most_common(1)[0]
    runs: list[tuple[int, list[PersonSurface]]] = [(0, [])]
    for t, one in enumerate(seen):
        if person in one:
            runs[-1][1].append(one[person])
        else:
            runs.append((t + 1, []))
    return max(runs, key=lambda run: len(run[1]))


def alone(surfaces: Sequence[PersonSurface], camera: PinholeCamera) -> Iterator[FittedBody | None]:
    """Each frame from nothing."""
    for surface in surfaces:
        yield fit_surface(surface, camera)


def followed(
    surfaces: Sequence[PersonSurface], camera: PinholeCamera, settings: TrackFitSettings | None = None
) -> Iterator[FittedBody | None]:
    """One frame after the other."""
    known = None
    for t, surface in enumerate(surfaces):
        known = tracked_body(known, surface, camera, t / FPS, settings) or known
        yield known.body if known is not None else None


def smoothed(bodies: Sequence[FittedBody], reach: int) -> list[FittedBody]:
    """The bodies as `fit.look_ahead` smooths them."""
    found = []
    for t in range(len(bodies)):
        first, last = max(t - reach, 0), min(t + reach + 1, len(bodies))
        found.append(smoothed_body(bodies[first:last], np.arange(first, last) / FPS, t - first))
    return found


def rows_of(clip: FastClip, surfaces: Path) -> dict[str, Row]:
    """Measures of one clip by method."""
    first, run = longest_run(surfaces)
    truth = clip.seen_by_camera()
    assert truth.camera is not None
    true_TB3 = np.stack([posed_bones(truth.pose(t))[1] for t in range(first, first + len(run))])
    found: dict[str, Row] = {}

    def row(name: str, bodies: Sequence[FittedBody], seconds: float) -> None:
        made_TB3 = np.stack([posed_bones(body.pose)[1] for body in bodies])
        film = motion_errors(root_aligned_joints(true_TB3), root_aligned_joints(made_TB3), FPS)
        found[name] = {
            "mpjpe": film.mpjpe_mm,
            "acceleration": film.acceleration,
            "jerk": film.jerk,
            "true_jerk": film.true_jerk,
            "kept": float(np.mean(film.peaks_kept)) if film.peaks_kept else float("nan"),
            "peaks": len(film.peaks_kept),
            "ms": 1000 * seconds / len(run),
            "frames": len(run),
        }

    begin = time.process_time()
    bodies = [body for body in alone(run, truth.camera) if body is not None]
    row("alone", bodies, time.process_time() - begin)
    begin = time.process_time()
    bodies = [body for body in followed(run, truth.camera) if body is not None]
    row("followed", bodies, time.process_time() - begin)
    for reach in LOOK_AHEADS:
        row(f"smoothed over {reach}", smoothed(bodies, reach), 0.0)
    return found


def printed(label: str, rows: Mapping[str, Row]) -> None:
    """One line a row."""
    for name, row in rows.items():
        print(f"{label:18s} {name:16s} " + "  ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", nargs="+", default=CLIPS, help="names as kick/0")
    parser.add_argument("--smooth", choices=("flow", "none"), default="flow", help="smoothing of the surfaces")
    parser.add_argument("--weights", help="weights of the network; default: the built-in ones")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    kept = {}
    for name in options.clips:
        clip = fast_clip(name)
        kept[name] = rows_of(clip, recorded(options.folder, clip, options.smooth, options.weights))
        printed(name, kept[name])
    for method, first in next(iter(kept.values())).items():
        values = {key: np.array([one[method][key] for one in kept.values()]) for key in first}
        weight = np.nan_to_num(values["peaks"])
        mean = {key: float(np.nanmean(value)) for key, value in values.items()}
        mean["kept"] = float(np.nansum(values["kept"] * weight) / max(weight.sum(), 1))
        printed("mean", {method: mean})
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()

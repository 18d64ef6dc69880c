"""Records videos with a network's predictions.

    python -m tests.benchmarks.quality.recorded_videos FOLDER [--clips DIR] [--weights W]

Tracking, smoothing and confidence are then measured many times without the network. One file a video: clips of the
synthetic worlds `video` and `crowd` with exact ground truth, and the videos of a folder (`--real`: these alone).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from models.files.atomic_file import file_sha256
from models.light.architecture.weight_paths import YOLOX, uses_yolox, weights_path
from models.light.inference.calibration import read_calibration
from models.light.inference.frame_detector import OPEN_DETECTOR, YOLOX_DETECTOR
from models.network import NetworkConfig, TtaLevel
from pipeline.stage import Job
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo
from stages.people.densepose import DensePose
from stages.people.detect import Detect
from stages.video.decode import Decode
from stages.video.scene_cuts import SceneCuts
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import STRESS_VIDEO_WORLDS, VIDEO_WORLDS

SEED = 20
"""Of the synthetic videos; the trainings use none of these worlds."""
SYNTHETIC = (("video", 18, 60), ("crowd", 4, 50))
"""World, videos, frames of each: the middle of the clip."""
MAX_FRAMES = 60
"""Of a real video, where the command line says nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Ground truth of one synthetic frame; the fields are those of `Scene` and `Moving`."""

    label_HW: np.ndarray
    uv_2HW: np.ndarray
    instance_HW: np.ndarray
    box_N4: np.ndarray
    track_N: np.ndarray
    next_2HW: np.ndarray
    next_seen_HW: np.ndarray
    previous_2HW: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVideo:
    """One video.

    Attributes:
        name: `video_3`, or `real_` and the file's name without its suffix.
        frames: T chunks of one frame.
        people, surfaces: the network's predictions for each; all identities are -1.
        truth: of the T frames of a synthetic video; else empty.
    """

    name: str
    frames: Sequence[FrameChunk]
    people: Sequence[People]
    surfaces: Sequence[Surfaces]
    truth: Sequence[Truth] = ()


def network_description(network: NetworkConfig) -> str:
    """Describes a light network: hash of its weights, its calibration, its detector, and test-time augmentation."""
    path = weights_path(network.weights)
    sha256 = file_sha256(path)
    detector = f"{YOLOX_DETECTOR} {file_sha256(YOLOX)}" if uses_yolox(network) else f"{OPEN_DETECTOR}"
    how = f"tta={network.tta} flip={network.flip} refine_boxes={network.refine_boxes} roll_align={network.roll_align}"
    return f"{sha256} {read_calibration(path, sha256)} {detector} {how}"


def synthetic(world: str, number: int, count: int) -> tuple[list[np.ndarray], list[Truth]]:
    """The middle frames of one clip of a world, and their ground truth."""
    made = (VIDEO_WORLDS | STRESS_VIDEO_WORLDS)[world]
    first = number * made.frames + (made.frames - count) // 2
    images, truth = [], []
    for index in range(first, first + count):
        scene = video_scene(made, SEED, index)
        images.append(scene.rgb_HW3)
        names = {spec.name for spec in fields(Truth)}
        known = {name: getattr(scene, name) for name in names if hasattr(scene, name)}
        truth.append(Truth(**known, **{name: getattr(scene.moving, name) for name in names - known.keys()}))
    return images, truth


def as_chunks(images: Sequence[np.ndarray]) -> list[FrameChunk]:
    """Images as the frames of a stream of 25 a second."""
    height, width = images[0].shape[:2]
    info = VideoInfo(path="", width=width, height=height, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    cuts = SceneCuts()
    return [
        FrameChunk(
            rgb_THW3=rgb_HW3[None],
            pts_T=np.array([t], np.int64),
            first=t,
            video=info,
            starts_shot_T=cuts.starts_of_shots(rgb_HW3[None]),
        )
        for t, rgb_HW3 in enumerate(images)
    ]


def decoded(path: Path, start: float, count: int = MAX_FRAMES) -> list[FrameChunk]:
    """The first `count` frames of a file after `start` seconds."""
    stage = Decode(Decode.Config(chunk=1, start=start))
    job = Job(index=0, input=str(path), output=None, stem=path.stem)
    found = []
    for chunk in stage(job):
        found.append(chunk)
        if len(found) == count:
            break
    stage.close()
    return found


def recorded(
    name: str, frames: Sequence[FrameChunk], network: NetworkConfig, truth: Sequence[Truth] = ()
) -> RecordedVideo:
    """The video with the network's predictions for every frame."""
    detect, densepose = Detect(Detect.Config(network=network)), DensePose(DensePose.Config(network=network))
    people_T, surfaces_T = [], []
    for chunk in frames:
        ((people, features),) = detect(chunk)
        (surfaces,) = densepose(chunk, people, features)
        people_T.append(people)
        surfaces_T.append(surfaces)
    return RecordedVideo(name=name, frames=frames, people=people_T, surfaces=surfaces_T, truth=truth)


def write(video: RecordedVideo, folder: Path, network: str) -> None:
    """Write a video to NAME.npz. `network`: its description by `network_description`."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [person for surfaces in video.surfaces for person in surfaces.people]
    confidence = [np.full(p.labels_hw.shape, np.nan) if p.confidence_hw is None else p.confidence_hw for p in people]
    arrays = {
        "network": np.array(network),
        "rgb_THW3": np.concatenate([chunk.rgb_THW3 for chunk in video.frames]),
        "count_T": np.array([len(one) for one in video.people]),
        "box_N4": np.concatenate([one.box_N4 for one in video.people]),
        "score_N": np.concatenate([one.score_N for one in video.people]),
        "grid_N4": np.array([(p.x0, p.y0, *p.labels_hw.shape) for p in people], np.int64).reshape(-1, 4),
        "labels_K": np.concatenate([np.zeros(0, np.uint8), *(p.labels_hw.ravel() for p in people)]),
        "uv_K": np.concatenate([np.zeros(0, np.float16), *(p.uv_2hw.astype(np.float16).ravel() for p in people)]),
        "sure_K": np.concatenate([np.zeros(0, np.float16), *(one.astype(np.float16).ravel() for one in confidence)]),
    }
    for t, truth in enumerate(video.truth):
        arrays |= {f"{spec.name}_{t}": getattr(truth, spec.name) for spec in fields(Truth)}
    np.savez(folder / f"{video.name}.npz", **arrays)
    print(f"{video.name}: {len(video.frames)} frames, {len(people)} people", flush=True)


def read(folder: Path, start: str = "") -> Iterator[RecordedVideo]:
    """The recorded videos whose names begin with `start`, in order of their names."""
    return map(read_video, sorted(folder.glob(f"{start}*.npz")))


def read_video(path: Path) -> RecordedVideo:
    """Read one recorded video."""
    with np.load(path) as kept:
        count_T = kept["count_T"]
        first_T = np.concatenate([[0], np.cumsum(count_T)])
        persons = list(_surfaces(kept["grid_N4"], kept["labels_K"], kept["uv_K"], kept["sure_K"]))
        box_N4, score_N = kept["box_N4"], kept["score_N"]
        names = [spec.name for spec in fields(Truth)]
        known = range(len(count_T)) if "label_HW_0" in kept else range(0)
        return RecordedVideo(
            name=path.stem,
            frames=as_chunks(kept["rgb_THW3"]),
            people=[_people(box_N4[a:b], score_N[a:b]) for a, b in pairwise(first_T)],
            surfaces=[Surfaces(people=tuple(persons[a:b])) for a, b in pairwise(first_T)],
            truth=[Truth(**{name: kept[f"{name}_{t}"] for name in names}) for t in known],
        )


def recorded_network(path: Path) -> str:
    """The description of the network that predicted a recorded video; empty in files without one."""
    with np.load(path) as kept:
        return str(kept["network"]) if "network" in kept else ""


def _people(box_N4: np.ndarray, score_N: np.ndarray) -> People:
    count = len(box_N4)
    no_identity = np.full(count, -1, np.int32)
    return People(frame_N=np.zeros(count, np.int32), box_N4=box_N4, score_N=score_N, id_N=no_identity)


def _surfaces(
    grid_N4: np.ndarray, labels_K: np.ndarray, uv_K: np.ndarray, sure_K: np.ndarray
) -> Iterator[PersonSurface]:
    """People's surfaces, cut from the concatenated arrays."""
    at = 0
    for x0, y0, height, width in grid_N4.tolist():
        end = at + height * width
        confidence_hw = sure_K[at:end].reshape(height, width).astype(np.float32)
        yield PersonSurface(
            x0=x0,
            y0=y0,
            labels_hw=labels_K[at:end].reshape(height, width),
            uv_2hw=uv_K[2 * at : 2 * end].reshape(2, height, width).astype(np.float32),
            confidence_hw=None if np.isnan(confidence_hw).any() else confidence_hw,
        )
        at = end


def main() -> None:
    """Record missing videos, and predict again those of another network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=Path, action="append", default=[], help="a folder of videos, or a video")
    parser.add_argument("--start", type=float, default=0.0, help="second of the videos to begin at")
    parser.add_argument("--frames", type=int, default=MAX_FRAMES, help="most frames of a video of the folder")
    parser.add_argument("--real", action="store_true", help="no synthetic videos")
    parser.add_argument("--weights", default="light")
    parser.add_argument("--tta", default="auto", choices=("auto", *get_args(TtaLevel)))
    parser.add_argument("--once", action="store_true", help="no horizontal flips: as live")
    options = parser.parse_args()
    flip: Literal["auto", False] = False if options.once else "auto"
    network = NetworkConfig(weights=options.weights, tta=options.tta, flip=flip)
    description = network_description(network)
    for path in sorted(options.folder.glob("*.npz")):
        if recorded_network(path) != description:
            video = read_video(path)
            write(recorded(video.name, video.frames, network, video.truth), options.folder, description)
    for clips in options.clips:
        for path in sorted(clips.iterdir()) if clips.is_dir() else [clips]:
            if not (options.folder / f"real_{path.stem}.npz").exists():
                frames = decoded(path, options.start, options.frames)
                write(recorded(f"real_{path.stem}", frames, network), options.folder, description)
    for world, videos, count in () if options.real else SYNTHETIC:
        for number in range(videos):
            if not (options.folder / f"{world}_{number}.npz").exists():
                images, truth = synthetic(world, number, count)
                write(recorded(f"{world}_{number}", as_chunks(images), network, truth), options.folder, description)


if __name__ == "__main__":
    main()

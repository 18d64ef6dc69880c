"""Films with a network's answers, kept on disk: `python -m tests.benchmarks.films FOLDER [--clips DIR] [--weights W]`.

What comes after the network (tracking, smoothing, confidence) is then measured again and again without running it. One
file a film: clips of the synthetic worlds `video` and `crowd` with their exact truth, and the files of a folder; with
`--real` these alone.
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
from models.light.architecture.weight_paths import weights_path
from models.light.inference.calibration import read_calibration
from models.network import NetworkConfig, TtaLevel
from pipeline.stage import Job
from stages.payloads import FrameChunk, People, PersonSurface, Surfaces, VideoInfo
from stages.people.densepose import DensePose
from stages.people.detect import Detect
from stages.video.decode import Decode
from stages.world.video_scenes import video_scene
from stages.world.video_worlds import VIDEO_WORLDS

SEED = 20
"""Of the synthetic films; the product's trainings use none of these worlds."""
SYNTHETIC = (("video", 18, 60), ("crowd", 4, 50))
"""World, films, frames of each: the middle of the clip."""
MOST_FRAMES = 60
"""Of a real film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is true of one synthetic frame; the fields are those of `Scene` and `Moving`."""

    label_HW: np.ndarray
    uv_2HW: np.ndarray
    instance_HW: np.ndarray
    box_N4: np.ndarray
    track_N: np.ndarray
    next_2HW: np.ndarray
    next_seen_HW: np.ndarray
    previous_2HW: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One film.

    Attributes:
        name: `video_3`, or `real_` and the file's name without its end.
        frames: T chunks of one frame.
        people, surfaces: what the network says of each; identities are all -1.
        truth: of the T frames of a synthetic film; else empty.
    """

    name: str
    frames: Sequence[FrameChunk]
    people: Sequence[People]
    surfaces: Sequence[Surfaces]
    truth: Sequence[Truth] = ()


def named(network: NetworkConfig) -> str:
    """A light network by the hash of its weights, its calibration, and how people are read."""
    path = weights_path(network.weights)
    sha256 = file_sha256(path)
    how = f"tta={network.tta} flip={network.flip} refine_boxes={network.refine_boxes} roll_align={network.roll_align}"
    return f"{sha256} {read_calibration(path, sha256)} {how}"


def synthetic(world: str, number: int, count: int) -> tuple[list[np.ndarray], list[Truth]]:
    """The middle frames of one clip of a world, and their truth."""
    made = VIDEO_WORLDS[world]
    first = number * made.frames + (made.frames - count) // 2
    pictures, truth = [], []
    for index in range(first, first + count):
        scene = video_scene(made, SEED, index)
        pictures.append(scene.rgb_HW3)
        names = {spec.name for spec in fields(Truth)}
        known = {name: getattr(scene, name) for name in names if hasattr(scene, name)}
        truth.append(Truth(**known, **{name: getattr(scene.moving, name) for name in names - known.keys()}))
    return pictures, truth


def as_chunks(pictures: Sequence[np.ndarray]) -> list[FrameChunk]:
    """Pictures as the frames of a stream of 25 a second."""
    height, width = pictures[0].shape[:2]
    info = VideoInfo(path="", width=width, height=height, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    return [
        FrameChunk(rgb_THW3=rgb_HW3[None], pts_T=np.array([t], np.int64), first=t, video=info)
        for t, rgb_HW3 in enumerate(pictures)
    ]


def decoded(path: Path, start: float) -> list[FrameChunk]:
    """The first frames of a file from a second on."""
    stage = Decode(Decode.Config(chunk=1, start=start))
    job = Job(index=0, input=str(path), output=None, stem=path.stem)
    found = []
    for chunk in stage(job):
        found.append(chunk)
        if len(found) == MOST_FRAMES:
            break
    stage.close()
    return found


def recorded(name: str, frames: Sequence[FrameChunk], network: NetworkConfig, truth: Sequence[Truth] = ()) -> Film:
    """The film with what the network says of every frame."""
    detect, densepose = Detect(Detect.Config(network=network)), DensePose(DensePose.Config(network=network))
    everyone, everywhere = [], []
    for chunk in frames:
        ((people, features),) = detect(chunk)
        (surfaces,) = densepose(chunk, people, features)
        everyone.append(people)
        everywhere.append(surfaces)
    return Film(name=name, frames=frames, people=everyone, surfaces=everywhere, truth=truth)


def write(film: Film, folder: Path, network: str) -> None:
    """Keep a film as NAME.npz. `network`: which one answered, as `named` says it."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [person for surfaces in film.surfaces for person in surfaces.people]
    sure = [np.full(p.labels_hw.shape, np.nan) if p.confidence_hw is None else p.confidence_hw for p in people]
    arrays = {
        "network": np.array(network),
        "rgb_THW3": np.concatenate([chunk.rgb_THW3 for chunk in film.frames]),
        "count_T": np.array([len(one) for one in film.people]),
        "box_N4": np.concatenate([one.box_N4 for one in film.people]),
        "score_N": np.concatenate([one.score_N for one in film.people]),
        "grid_N4": np.array([(p.x0, p.y0, *p.labels_hw.shape) for p in people], np.int64).reshape(-1, 4),
        "labels_K": np.concatenate([np.zeros(0, np.uint8), *(p.labels_hw.ravel() for p in people)]),
        "uv_K": np.concatenate([np.zeros(0, np.float16), *(p.uv_2hw.astype(np.float16).ravel() for p in people)]),
        "sure_K": np.concatenate([np.zeros(0, np.float16), *(one.astype(np.float16).ravel() for one in sure)]),
    }
    for t, truth in enumerate(film.truth):
        arrays |= {f"{spec.name}_{t}": getattr(truth, spec.name) for spec in fields(Truth)}
    np.savez(folder / f"{film.name}.npz", **arrays)
    print(f"{film.name}: {len(film.frames)} frames, {len(people)} people", flush=True)


def read(folder: Path, start: str = "") -> Iterator[Film]:
    """The kept films whose names begin so, in order of their names."""
    return map(read_film, sorted(folder.glob(f"{start}*.npz")))


def read_film(path: Path) -> Film:
    """A kept film."""
    with np.load(path) as kept:
        count_T = kept["count_T"]
        first_T = np.concatenate([[0], np.cumsum(count_T)])
        persons = list(_surfaces(kept["grid_N4"], kept["labels_K"], kept["uv_K"], kept["sure_K"]))
        box_N4, score_N = kept["box_N4"], kept["score_N"]
        names = [spec.name for spec in fields(Truth)]
        known = range(len(count_T)) if "label_HW_0" in kept else range(0)
        return Film(
            name=path.stem,
            frames=as_chunks(kept["rgb_THW3"]),
            people=[_people(box_N4[a:b], score_N[a:b]) for a, b in pairwise(first_T)],
            surfaces=[Surfaces(people=tuple(persons[a:b])) for a, b in pairwise(first_T)],
            truth=[Truth(**{name: kept[f"{name}_{t}"] for name in names}) for t in known],
        )


def answered_by(path: Path) -> str:
    """Which network answered in a kept film, as `named` says it; nothing in those kept before that was noted."""
    with np.load(path) as kept:
        return str(kept["network"]) if "network" in kept else ""


def _people(box_N4: np.ndarray, score_N: np.ndarray) -> People:
    count = len(box_N4)
    nobody = np.full(count, -1, np.int32)
    return People(frame_N=np.zeros(count, np.int32), box_N4=box_N4, score_N=score_N, id_N=nobody)


def _surfaces(
    grid_N4: np.ndarray, labels_K: np.ndarray, uv_K: np.ndarray, sure_K: np.ndarray
) -> Iterator[PersonSurface]:
    """Persons, cut from the ends joined."""
    at = 0
    for x0, y0, height, width in grid_N4.tolist():
        end = at + height * width
        sure_hw = sure_K[at:end].reshape(height, width).astype(np.float32)
        yield PersonSurface(
            x0=x0,
            y0=y0,
            labels_hw=labels_K[at:end].reshape(height, width),
            uv_2hw=uv_K[2 * at : 2 * end].reshape(2, height, width).astype(np.float32),
            confidence_hw=None if np.isnan(sure_hw).any() else sure_hw,
        )
        at = end


def main() -> None:
    """Record what is not there yet; what another network answered is asked again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=Path, action="append", default=[], help="a folder of videos, or a video")
    parser.add_argument("--start", type=float, default=0.0, help="second of the videos to begin at")
    parser.add_argument("--real", action="store_true", help="no synthetic films")
    parser.add_argument("--weights", default="light")
    parser.add_argument("--tta", default="auto", choices=("auto", *get_args(TtaLevel)))
    parser.add_argument("--once", action="store_true", help="no horizontal flips: as live")
    wanted = parser.parse_args()
    flip: Literal["auto", False] = False if wanted.once else "auto"
    network = NetworkConfig(weights=wanted.weights, tta=wanted.tta, flip=flip)
    asked = named(network)
    for path in sorted(wanted.folder.glob("*.npz")):
        if answered_by(path) != asked:
            film = read_film(path)
            write(recorded(film.name, film.frames, network, film.truth), wanted.folder, asked)
    for clips in wanted.clips:
        for path in sorted(clips.iterdir()) if clips.is_dir() else [clips]:
            if not (wanted.folder / f"real_{path.stem}.npz").exists():
                write(recorded(f"real_{path.stem}", decoded(path, wanted.start), network), wanted.folder, asked)
    for world, films, count in () if wanted.real else SYNTHETIC:
        for number in range(films):
            if not (wanted.folder / f"{world}_{number}.npz").exists():
                pictures, truth = synthetic(world, number, count)
                write(recorded(f"{world}_{number}", as_chunks(pictures), network, truth), wanted.folder, asked)


if __name__ == "__main__":
    main()

"""How well a texture lies on people: where the skin is painted, stripes and letters, and flicker.

    python -m tests.benchmarks.quality.painting FOLDER [--videos video] [--painters surface …]

FOLDER holds videos of `tests.benchmarks.quality.recorded_videos`; with `--record` a few clips of synthetic worlds are
recorded there first (minutes). Every painter gets the same smoothed surfaces. Inside of truth and silhouette: share of
pixels painted within 2, 5 and 10 cm of the true place on the skin; SSIM of stripes and
letters to the truth's; length of the edges between colours over that of the truth; flicker in grey levels along the
true motion, beside the truth's own. Real videos: flicker along the estimated flow. Milliseconds of CPU a person.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from models.metrics.person_matching import match_people
from models.network import NetworkConfig
from models.surface.atlas import Atlas, atlas_from_tiles
from models.surface.geometry import SurfaceGeometry, open_body_geometry
from stages.bodies.fit import FitBodies
from stages.bodies.paint_bodies import PaintBodies
from stages.drawing.compositing import FrameCanvas, visible_part
from stages.drawing.texture import draw_texture
from stages.payloads import U8, FrameChunk, People, PersonSurface, Surfaces
from stages.people.estimated_flow import EstimatedFlow
from stages.people.smooth import Smooth
from tests.benchmarks.quality.recorded_videos import (
    RecordedVideo,
    Truth,
    as_chunks,
    network_description,
    read,
    recorded,
    synthetic,
    write,
)
from tests.benchmarks.quality.striped_atlas import striped_tiles
from tests.benchmarks.quality.temporal import run, tracked
from tests.benchmarks.quality.temporal_scores import on_frame, true_image

CLIPS = (("video", 3), ("stress_video_fast", 2), ("crowd", 1))
"""Worlds, and clips of each."""
FRAMES = 20
POINTS = 800
"""Pixels of a person and frame whose distance on the skin is measured, at most."""
MOST_FOLLOWED = 16_000
"""Pixels of a person that are followed from frame to frame."""
EDGE = 60
"""Grey levels between the colours of two stripes, at least."""

Painter = Callable[[Sequence[FrameChunk], Sequence[People], Sequence[Surfaces]], list[list[PersonSurface]]]


def by_surface(
    frames: Sequence[FrameChunk], people: Sequence[People], surfaces: Sequence[Surfaces]
) -> list[list[PersonSurface]]:
    """The network's own charts, U and V."""
    return [list(one.people) for one in surfaces]


def by_body(
    frames: Sequence[FrameChunk], people: Sequence[People], surfaces: Sequence[Surfaces], auto: bool = False
) -> list[list[PersonSurface]]:
    """Through the bodies that the stage fits itself; with `auto` only where they agree with the network."""
    stage = PaintBodies(PaintBodies.Config(fit=FitBodies.Config(look_ahead=2)))
    painted = [one for packet in zip(frames, people, surfaces, strict=True) for one in stage(*packet)]
    made = []
    for seen, paints in zip(surfaces, [*painted, *stage.flush()], strict=True):
        made.append([
            one if paint is None or (auto and paint.misfit)
            else replace(one, labels_hw=paint.labels_hw, uv_2hw=paint.uv_2hw)
            for one, paint in zip(seen.people, paints.people, strict=True)
        ])  # fmt: skip
    return made


PAINTERS: dict[str, Painter] = {"surface": by_surface, "body": by_body, "auto": partial(by_body, auto=True)}


@dataclass(slots=True)
class PaintingTally:
    """Sums over people and frames of a group of videos."""

    error_m: list[np.ndarray] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)
    true_edges: list[float] = field(default_factory=list)
    flicker: list[float] = field(default_factory=list)
    true_flicker: list[float] = field(default_factory=list)
    people: int = 0
    seconds: float = 0.0

    def row(self) -> dict[str, float]:
        """The figures."""
        found = {"flicker": float(np.mean(self.flicker)) if self.flicker else float("nan")}
        if self.error_m:
            error_m = np.concatenate(self.error_m)
            found = {f"<{limit} cm": float((error_m < limit / 100).mean()) for limit in (2, 5, 10)}
            found |= {
                "ssim": float(np.mean(self.ssim)), "edges": sum(self.edges) / sum(self.true_edges),
                "flicker": float(np.mean(self.flicker)), "true flicker": float(np.mean(self.true_flicker)),
            }  # fmt: skip
        return found | {"people": self.people, "ms": 1000 * self.seconds / max(self.people, 1)}


def painted(surface: PersonSurface, atlas: Atlas, height: int, width: int) -> U8:
    """The texture alone on black, (H, W, 3)."""
    black_HW3 = np.zeros((height, width, 3), np.uint8)
    visible = visible_part(FrameCanvas(source_HW3=black_HW3, rgb_HW3=black_HW3.copy()), surface)
    if visible is None:
        return black_HW3
    drawn_HW3 = black_HW3.copy()
    visible = replace(visible, canvas=replace(visible.canvas, rgb_HW3=drawn_HW3[_window(surface, height, width)]))
    draw_texture(visible, atlas, opacity=1.0, shading=0.0)
    return drawn_HW3


def _window(surface: PersonSurface, height: int, width: int) -> tuple[slice, slice]:
    windows = surface.windows(height, width)
    assert windows is not None
    return windows[0]


def true_person(truth: Truth, number: int) -> PersonSurface:
    """The exact surface of a person of a frame, on the whole frame."""
    mine_HW = truth.instance_HW == number + 1
    labels_hw = np.where(mine_HW, truth.label_HW, 0).astype(np.uint8)
    return PersonSurface(x0=0, y0=0, labels_hw=labels_hw, uv_2hw=(truth.uv_2HW * mine_HW).astype(np.float32))


def similarity(one_HW: np.ndarray, other_HW: np.ndarray, inside_HW: np.ndarray) -> float:
    """Mean SSIM (Wang et al., 2004) of two grey images inside of a mask."""
    one, other = one_HW.astype(np.float32), other_HW.astype(np.float32)

    def mean(image: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5))

    mu, nu = mean(one), mean(other)
    spread, other_spread = mean(one * one) - mu * mu, mean(other * other) - nu * nu
    shared = mean(one * other) - mu * nu
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = (2 * mu * nu + c1) * (2 * shared + c2) / ((mu**2 + nu**2 + c1) * (spread + other_spread + c2))
    return float(ssim[inside_HW].mean())


def edge_length(grey_HW: np.ndarray, inside_HW: np.ndarray) -> float:
    """Pairs of neighbouring pixels inside of a mask that differ by more than half of an edge."""
    total = 0
    for axis in (0, 1):
        step = np.abs(np.diff(grey_HW.astype(int), axis=axis)) > EDGE / 2
        one, other = (slice(None, -1), slice(1, None))
        cut = (one, slice(None)) if axis == 0 else (slice(None), one)
        along = (other, slice(None)) if axis == 0 else (slice(None), other)
        total += int((step & inside_HW[cut] & inside_HW[along]).sum())
    return float(total)


def change_along(was_HW: np.ndarray, now_HW: np.ndarray, flow_HW2: np.ndarray, seen_HW: np.ndarray) -> float:
    """Mean change of grey levels along a flow."""
    y, x = (axis[:: 1 + len(axis) // MOST_FOLLOWED] for axis in np.nonzero(seen_HW))
    at = flow_HW2[y, x] + np.stack([x, y], axis=1)
    there = cv2.remap(now_HW, at[:, 0].astype(np.float32)[None], at[:, 1].astype(np.float32)[None], cv2.INTER_LINEAR)
    return float(np.abs(there[0].astype(float) - was_HW[y, x]).mean()) if len(y) else float("nan")


def grey_of(rgb_HW3: U8) -> np.ndarray:
    """Luma."""
    return np.asarray(cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY))


def skin_errors(geometry: SurfaceGeometry, found: PersonSurface, true: PersonSurface, inside: np.ndarray) -> np.ndarray:
    """Metres on the skin between two surfaces of a frame's size at some of the pixels of a mask."""
    at_M = np.flatnonzero(inside)
    at_M = at_M[np.linspace(0, len(at_M) - 1, min(POINTS, len(at_M))).astype(int)]
    numbers = [
        geometry.nearest(
            one.labels_hw.reshape(-1)[at_M].astype(np.int64), *one.uv_2hw.reshape(2, -1)[:, at_M].astype(np.float64)
        )
        for one in (found, true)
    ]
    return np.minimum(np.asarray(geometry.distance(*numbers), np.float64), 1.0)


def whole_frame(surface: PersonSurface, height: int, width: int) -> PersonSurface:
    """The surface on a grid of the frame's size."""
    frame = on_frame(surface, height, width)
    return PersonSurface(x0=0, y0=0, labels_hw=np.asarray(frame.label_HW, np.uint8), uv_2hw=frame.uv_2HW)


def add_true(
    tally: PaintingTally, geometry: SurfaceGeometry, atlas: Atlas, video: RecordedVideo, people: Sequence[People],
    surfaces: Sequence[Surfaces], made: list[list[PersonSurface]],
) -> None:  # fmt: skip
    """Score a synthetic video."""
    last: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for t, truth in enumerate(video.truth):
        height, width = truth.label_HW.shape
        here: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for g, d in enumerate(match_people(true_image(truth, people[t], surfaces[t]))):
            if d < 0:
                continue
            true, found = true_person(truth, g), whole_frame(made[t][d], height, width)
            inside_HW = (true.labels_hw > 0) & (found.labels_hw > 0)
            if inside_HW.sum() < 100:
                continue
            greys = [grey_of(painted(one, atlas, height, width)) for one in (found, true)]
            tally.error_m.append(skin_errors(geometry, found, true, inside_HW))
            core_HW = cv2.erode(inside_HW.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            tally.ssim.append(similarity(*greys, core_HW))
            tally.edges.append(edge_length(greys[0], core_HW))
            tally.true_edges.append(edge_length(greys[1], core_HW))
            track = int(truth.track_N[g])
            here[track] = greys[0], greys[1]
            if track in last:
                before = video.truth[t - 1]
                mine_HW = before.instance_HW == 1 + before.track_N.tolist().index(track)
                flow_HW2, seen_HW = before.next_2HW.transpose(1, 2, 0), mine_HW & before.next_seen_HW
                tally.flicker.append(change_along(last[track][0], greys[0], flow_HW2, seen_HW))
                tally.true_flicker.append(change_along(last[track][1], greys[1], flow_HW2, seen_HW))
        last = here


def add_filmed(
    tally: PaintingTally, atlas: Atlas, video: RecordedVideo, people: Sequence[People], made: list[list[PersonSurface]]
) -> None:
    """Score a real video along its estimated flow."""
    search, frames = EstimatedFlow(), video.frames
    height, width = frames[0].rgb_THW3.shape[1:3]
    drawn = [
        {
            i: (grey_of(painted(one, atlas, height, width)), whole_frame(one, height, width).labels_hw > 0)
            for i, one in zip(people[t].id_N.tolist(), made[t], strict=True) if i >= 0
        }
        for t in range(len(frames))
    ]  # fmt: skip
    for t, (was, now) in enumerate(pairwise(drawn)):
        flow_HW2, seen_HW = search.between(frames[t].rgb_THW3[0], frames[t + 1].rgb_THW3[0])
        for identity in was.keys() & now.keys():
            inside_HW = seen_HW & was[identity][1]
            if inside_HW.sum() > 100:
                change = change_along(was[identity][0], now[identity][0], flow_HW2, inside_HW)
                tally.flicker.append(change)


def record(folder: Path) -> None:
    """Record the synthetic clips that are missing."""
    network = NetworkConfig()
    for world, count in CLIPS:
        for number in range(count):
            name = f"{world.removeprefix('stress_video_')}_{number}"
            if not (folder / f"{name}.npz").exists():
                images, truth = synthetic(world, number, FRAMES)
                write(recorded(name, as_chunks(images), network, truth), folder, network_description(network))


def scored(videos: Mapping[str, list[RecordedVideo]], names: Sequence[str]) -> None:
    """Print a row for each group of videos and painter."""
    atlas, geometry = atlas_from_tiles(striped_tiles()), open_body_geometry()
    for group, members in videos.items():
        identities = [tracked(video) for video in members]
        smooth = [
            run(Smooth(Smooth.Config(look_ahead=2)), video.frames, people, video.surfaces)
            for video, people in zip(members, identities, strict=True)
        ]
        for name in names:
            tally = PaintingTally()
            for video, people, surfaces in zip(members, identities, smooth, strict=True):
                start = time.process_time()
                made = PAINTERS[name](video.frames, people, surfaces)
                tally.seconds += time.process_time() - start
                tally.people += sum(len(one) for one in made)
                if video.truth:
                    add_true(tally, geometry, atlas, video, people, surfaces, made)
                else:
                    add_filmed(tally, atlas, video, people, made)
            cells = "  ".join(f"{key} {value:.3f}" for key, value in tally.row().items())
            print(f"{group:24s} {name:10s} {cells}", flush=True)


def main() -> None:
    """Record what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", default="", help="only those whose names begin so")
    parser.add_argument("--painters", nargs="+", default=list(PAINTERS), choices=list(PAINTERS))
    parser.add_argument("--record", action="store_true", help="record the synthetic clips that are missing")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.record:
        record(options.folder)
    groups: dict[str, list[RecordedVideo]] = defaultdict(list)
    for video in read(options.folder, options.videos):
        groups[video.name.split("_")[0] if video.truth else video.name].append(video)
    scored(groups, options.painters)


if __name__ == "__main__":
    main()

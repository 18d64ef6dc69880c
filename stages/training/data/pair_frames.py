"""Pairs of film frames that optical flow connects, around each person: what teaches that skin stays the same skin."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import F32, U8, Bool, Float
from models.box_overlap import areas, iou
from models.light.architecture.preprocessing import crop_person
from models.light.teachers.box_teacher import BoxTeacher
from pipeline.stage import Stage
from stages.annotations.image_collections import SourceImage, clip_frames, image_sequence, required_path
from stages.training.data.film_pool import FLOW, FramePair, write_film
from stages.training.data.labelled_photos import SIDE
from stages.training.payloads import FilmShards, Round

PER_SHARD = 100
MIN_SCORE, LEAST_HEIGHT, MOST_PEOPLE = 0.5, 96, 3
"""Of the boxes of people: the teacher's score, pixels, and how many of a frame: the largest."""
SAME = 0.4
"""Least IoU of a person's boxes in both frames."""
ROUND_BOX = 1.5
"""Side of the region, in the longer side of both boxes together."""
GAP, GAP_SHARE = 1.0, 0.05
"""A cell's flow is sure where there and back differ by at most so many pixels, or this share of the way."""
EDGE = 8
"""Pixels along the region's edge where no flow is sure."""
LEAST_MOTION = 0.004
"""Least mean motion of the sure cells, in sides of the region; pictures that stand still teach nothing."""
LEAST_SURE = 0.3
"""Least share of cells with a sure flow."""
REMEDY = "see docs/light_data.md for where to get it, and give its path"


APART = (1, 4)
"""Frames between both frames of a pair, from and to."""
SEED = 0
"""Of the choice of the second frame."""


class PairFrames(Stage):
    """Films in, shards of pairs of their frames out; shards that exist are kept."""

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is paired.

        Attributes:
            folder: of the run; the shards go to its `film/`.
            sequences, clips: folders of numbered JPEGs, and videos, that may be trained on.
            every: frames between the first frames of two pairs.
            box_teacher: the YOLOX-nano .onnx file.
        """

        folder: str = "runs/train_light"
        sequences: tuple[str, ...] = ()
        clips: tuple[str, ...] = ()
        every: int = 4
        box_teacher: str = ""

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if self.every < 1:
                raise ValueError("every must be 1 or more")

    def __call__(self, part: Round) -> Iterator[FilmShards]:
        """All shards, made in the first round. Raises: StageError naming the key of a path that is missing."""
        folder = Path(self.config.folder) / "film"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "done").is_file():
            cv2.setNumThreads(self.threads)
            for number, pairs in self._groups():
                write_film(folder / f"{number:04d}.npz", pairs)
            (folder / "done").touch()
        yield FilmShards(paths=tuple(map(str, sorted(folder.glob("[0-9]*.npz")))))

    def _groups(self) -> Iterator[tuple[int, list[FramePair]]]:
        pairs = self._pairs()
        for number in itertools.count():
            group = list(itertools.islice(pairs, PER_SHARD))
            if not group:
                return
            yield number, group

    def _pairs(self) -> Iterator[FramePair]:
        config = self.config
        teacher = BoxTeacher(required_path(config.box_teacher, "pair_frames.box_teacher", REMEDY), threads=1)
        random = np.random.default_rng(SEED)
        for frames in self._films():
            waiting: deque[tuple[int, U8]] = deque()
            for number, frame in enumerate(frames):
                while waiting and waiting[0][0] == number:
                    yield from pairs_of(waiting.popleft()[1], frame.rgb_HW3, teacher)
                if number % config.every == 0:
                    waiting.append((number + int(random.integers(APART[0], APART[1] + 1)), frame.rgb_HW3))
                    waiting = deque(sorted(waiting, key=lambda one: one[0]))

    def _films(self) -> Iterator[Iterator[SourceImage]]:
        for name in self.config.sequences:
            yield image_sequence(required_path(name, "pair_frames.sequences", REMEDY), 1)
        for name in self.config.clips:
            yield clip_frames(required_path(name, "pair_frames.clips", REMEDY), 1)


def pairs_of(first_HW3: U8, second_HW3: U8, teacher: BoxTeacher) -> Iterator[FramePair]:
    """A pair for each large person who is in both frames and moves."""
    first_N4, second_M4 = (large_people(teacher, frame_HW3) for frame_HW3 in (first_HW3, second_HW3))
    if not len(first_N4) or not len(second_M4):
        return
    overlap_NM = iou(first_N4, second_M4)
    for box_4, overlap_M in zip(first_N4, overlap_NM, strict=True):
        if overlap_M.max() < SAME:
            continue
        pair = frame_pair(first_HW3, second_HW3, np.stack([box_4, second_M4[overlap_M.argmax()]]))
        if pair is not None:
            yield pair


def large_people(teacher: BoxTeacher, rgb_HW3: U8) -> F32:
    """Boxes of the largest people that the teacher is sure of."""
    box_N4, score_N = teacher(rgb_HW3)
    box_N4 = box_N4[(score_N >= MIN_SCORE) & (box_N4[:, 3] - box_N4[:, 1] >= LEAST_HEIGHT)]
    return box_N4[np.argsort(-areas(box_N4), kind="stable")[:MOST_PEOPLE]]


def frame_pair(first_HW3: U8, second_HW3: U8, box_24: Float) -> FramePair | None:
    """The region around a person in two frames with the flow between them; None where little of it is sure or moves."""
    low_2, high_2 = box_24[:, :2].min(0), box_24[:, 2:].max(0)
    half = ROUND_BOX * float((high_2 - low_2).max()) / 2
    centre_2 = (low_2 + high_2) / 2
    region_4 = np.concatenate([centre_2 - half, centre_2 + half]).astype(np.float32)
    (one_SS3, seen_4), (other_SS3, _) = (crop_person(frame, region_4, SIDE) for frame in (first_HW3, second_HW3))
    rgb_2SS3 = np.stack([one_SS3, other_SS3])
    flow_2FF2 = sure_flow(rgb_2SS3[0], rgb_2SS3[1])
    known_FF = ~np.isnan(flow_2FF2[0, ..., 0])
    if known_FF.mean() < LEAST_SURE or motion(flow_2FF2[0], known_FF) < LEAST_MOTION * SIDE:
        return None
    moved_24 = (box_24 - np.tile(seen_4[:2], 2)) * np.tile(SIDE / (seen_4[2:] - seen_4[:2]), 2)
    return FramePair(rgb_2SS3=rgb_2SS3, box_24=moved_24.astype(np.float32), flow_2FF2=flow_2FF2)


def flow_cell_centres() -> F32:
    """Places x, y of the cells of a flow map, in pixels of the region (F,F,2)."""
    centre_F = (np.arange(FLOW, dtype=np.float32) + 0.5) * (SIDE / FLOW)
    return np.stack(np.meshgrid(centre_F, centre_F), -1)


def motion(flow_FF2: F32, known_FF: Bool) -> float:
    """Mean length of the sure motion, in pixels."""
    return float(np.linalg.norm((flow_FF2 - flow_cell_centres())[known_FF], axis=-1).mean())


def sure_flow(first_SS3: U8, second_SS3: U8) -> F32:
    """For each cell of either image the place in the other (2,F,F,2); NaN where there and back do not meet."""
    one_SS, other_SS = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (first_SS3, second_SS3))
    still_SS2 = np.zeros((SIDE, SIDE, 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there_SS2 = np.asarray(search.calc(one_SS, other_SS, still_SS2.copy()), np.float32)
    back_SS2 = np.asarray(search.calc(other_SS, one_SS, still_SS2.copy()), np.float32)
    return np.stack([_checked(there_SS2, back_SS2), _checked(back_SS2, there_SS2)])


def _checked(there_SS2: F32, back_SS2: F32) -> F32:
    centre_FF2 = flow_cell_centres()
    column_FF, row_FF = centre_FF2[..., 0] - 0.5, centre_FF2[..., 1] - 0.5
    way_FF2 = cv2.remap(there_SS2, column_FF, row_FF, cv2.INTER_LINEAR)
    at_FF2 = centre_FF2 + way_FF2
    return_FF2 = cv2.remap(back_SS2, at_FF2[..., 0] - 0.5, at_FF2[..., 1] - 0.5, cv2.INTER_LINEAR)
    gap_FF = np.linalg.norm(way_FF2 + return_FF2, axis=-1)
    sure_FF = gap_FF <= np.maximum(GAP, GAP_SHARE * np.linalg.norm(way_FF2, axis=-1))
    for place_FF2 in (centre_FF2, at_FF2):
        sure_FF &= ((place_FF2 >= EDGE) & (place_FF2 <= SIDE - EDGE)).all(-1)
    return np.where(sure_FF[..., None], at_FF2, np.nan).astype(np.float32)

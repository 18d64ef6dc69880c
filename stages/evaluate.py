"""Score a network on people whose truth is known: real photos with boxes and joints, and synthetic scenes."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.gps import KAPPA_PAPER_25
from models.metrics.joints import CHARTS_AT_JOINT
from models.network import Network, NetworkConfig, open_network
from models.structures import Detections, SurfaceMap
from models.surface.geometry import open_body_geometry
from pipeline.stage import Job, Stage, StageError
from stages.draw_scenes import draw_scenes
from stages.evaluation import breakdown
from stages.evaluation.answers import ask_detected, ask_given, person_scores
from stages.evaluation.truth import scene_truth
from stages.label_photos import LISTING
from stages.payloads import Written
from stages.scores import Ratio, average_precision, join, joint_hits, match, part_hits
from stages.training.photos import Picture, held_out, inside_share
from stages.training.real_pictures import coco_people, human_v2, require
from stages.training.scene_pool import PoolScene
from stages.world.scene import WORLDS
from stages.world.scene import scene as world_scene

F32 = npt.NDArray[Any]
REMEDY = "give the path of your copy"
LOW_SCORE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What was measured: by data set, by measure, a value and where there are people to draw from its 95 % interval."""

    sets: Mapping[str, Mapping[str, tuple[float, ...]]]
    breakdowns: Mapping[str, Mapping[str, breakdown.Row]] = field(default_factory=dict)


class Evaluate(Stage):
    """Score the network on every set that is named."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Which sets, and what counts.

        Attributes:
            coco: a COCO 2017 folder; its val2017 people are scored. Empty: not scored.
            human_v2: checkout of brianhuster/human-dataset; its photos kept out of the training are scored.
            scenes: number of synthetic scenes of the world `val`.
            tall: least height in pixels of the people whose recall counts.
            score: detections below it do not count for recall and precision.
        """

        network: NetworkConfig = field(default_factory=NetworkConfig)
        coco: str = ""
        human_v2: str = ""
        scenes: int = 500
        tall: float = 100.0
        score: float = 0.18

    def __call__(self, job: Job) -> Iterator[Scores]:
        """All scores in one payload. Raises: StageError when no set is named or a path is missing."""
        config = self.config
        network = open_network(dataclasses.replace(config.network, score_threshold=LOW_SCORE), self.threads)
        sets: dict[str, dict[str, tuple[float, ...]]] = {}
        breakdowns: dict[str, Mapping[str, breakdown.Row]] = {}
        if config.scenes:
            sets["scenes_val"] = score_scenes(network, draw_scenes("val", 0, config.scenes), config.score)
            breakdowns = broken_down(network, config)
        if config.coco:
            people = coco_people(require(config.coco, "evaluate.coco", REMEDY), "val2017", None)
            sets["coco_val2017"] = score_people(network, people, config.tall, config.score)
        if config.human_v2:
            photos = human_v2(require(config.human_v2, "evaluate.human_v2", REMEDY), LISTING)
            kept = (photo for photo in photos if held_out(photo.name))
            sets["human_v2_held_out"] = score_people(network, kept, config.tall, config.score)
        if not sets:
            raise StageError("there is nothing to score", "evaluate", "name evaluate.coco or set evaluate.scenes")
        yield Scores(sets=sets, breakdowns=breakdowns)


class WriteScores(Stage):
    """Print a table of scores and write them as JSON."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`report`: the JSON file."""

        report: str = "runs/evaluate.json"

    def __call__(self, scores: Scores) -> Iterator[Written]:
        """One line a measure on standard output: value and 95 % interval over people."""
        for name, measures in scores.sets.items():
            for measure, (value, *interval) in measures.items():
                span = f"  [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
                sys.stdout.write(f"{name:20s} {measure:28s} {value:.3f}{span}\n")
        for title, rows in scores.breakdowns.items():
            sys.stdout.write("\n" + "\n".join(breakdown.lines(title, dict(rows))) + "\n")
        path = Path(self.config.report)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(scores.sets, indent=1))
        yield Written(path=str(path), frames=0)


def broken_down(network: Network, config: Evaluate.Config) -> dict[str, Mapping[str, breakdown.Row]]:
    """Scores on the world `val` by height, by share of joints seen and by chart."""
    geometry, people, given, detected = open_body_geometry(), [], [], []
    for index in range(config.scenes):
        picture = scene_truth(world_scene(WORLDS["val"], 0, index), str(index), 0, index)
        found, features = network.detect(picture.rgb_HW3[None])
        one = ask_given(network, features, picture, geometry, KAPPA_PAPER_25)
        other = ask_detected(network, features, found[0], picture, geometry, KAPPA_PAPER_25, config.score)
        people.append(person_scores(picture, one, other, geometry))
        given.append(one.known)
        detected.append(other.known)
    scored = breakdown.Scored(people=people, given=given, detected=detected)
    return {
        "by height": breakdown.by_height(scored), "by joints seen": breakdown.by_seen_share(scored),
        "by chart, given boxes": breakdown.by_chart(scored),
    }


def confident(found: Detections, score: float) -> Detections:
    """The detections of at least that score."""
    keep = found.score_N >= score
    return Detections(box_N4=found.box_N4[keep], score_N=found.score_N[keep])


def see(
    network: Network, rgb_HW3: F32, box_M4: F32, score: float
) -> tuple[Detections, list[SurfaceMap], list[SurfaceMap]]:
    """All detections, surfaces of the given boxes, and surfaces of the confident detections."""
    found, features = network.detect(rgb_HW3[None])
    given = network.surfaces(features, [box_M4.astype(np.float32)])[0]
    return found[0], given, network.surfaces(features, [confident(found[0], score).box_N4])[0]


def summary(ratio: Ratio) -> tuple[float, ...]:
    """Value, low and high end of the interval."""
    return (ratio.value, *ratio.interval())


def stacked(hits: list[Any], trials: list[Any]) -> Ratio:
    """Ratio over people from per-person hits and trials, each a number or an array to be summed."""
    return Ratio(
        hits=np.array([np.sum(one) for one in hits], np.float64),
        trials=np.array([np.sum(one) for one in trials], np.float64),
    )


def score_people(
    network: Network, pictures: Iterable[Picture], tall: float, score: float
) -> dict[str, tuple[float, ...]]:
    """Recall and precision of tall people, and part of joint with given and with detected boxes."""
    recall, precision = [], []
    given, detected = [], []
    for picture in pictures:
        box_M4 = picture.box_M4 if picture.box_M4 is not None else np.zeros((0, 4), np.float32)
        big = box_M4[:, 3] - box_M4[:, 1] >= tall
        found, on_given, on_found = see(network, picture.rgb_HW3, box_M4, score)
        sure = confident(found, score)
        answer = match(box_M4, sure)
        recall.append(Ratio(hits=(answer[big] >= 0).astype(float), trials=np.ones(int(big.sum()))))
        precision.append(precision_of(sure, answer, picture, tall))
        if picture.keypoint_M173 is not None:
            for i in np.flatnonzero(big):
                given.append(joint_hits(on_given[i], picture.keypoint_M173[i]))
                detected.append(joint_hits(on_found[answer[i]] if answer[i] >= 0 else None, picture.keypoint_M173[i]))
    measures = {"recall": summary(join(recall)), "precision": summary(join(precision))}
    return measures | joint_scores(given, detected)


def precision_of(sure: Detections, answer: npt.NDArray[np.int64], picture: Picture, tall: float) -> Ratio:
    """Share of tall detections that answer for somebody; those in a crowd region do not count."""
    right = np.isin(np.arange(len(sure.score_N)), answer)
    counts = sure.box_N4[:, 3] - sure.box_N4[:, 1] >= tall
    if picture.crowd_K4 is not None and len(picture.crowd_K4):
        counts &= right | (inside_share(sure.box_N4, picture.crowd_K4).max(1) < 0.5)
    return Ratio(hits=right[counts].astype(float), trials=np.ones(int(counts.sum())))


Joints = list[tuple[F32, F32]]


def joint_scores(given: Joints, detected: Joints) -> dict[str, tuple[float, ...]]:
    """Part of joint over all joints, with given and detected boxes, and per joint with given boxes."""
    if not given:
        return {}
    measures = {
        "part_of_joint_given": summary(stacked([hit for hit, _ in given], [seen for _, seen in given])),
        "part_of_joint_detected": summary(stacked([hit for hit, _ in detected], [seen for _, seen in detected])),
    }
    for index, joint in enumerate(CHARTS_AT_JOINT):
        ratio = stacked([hit[index] for hit, _ in given], [seen[index] for _, seen in given])
        measures[f"joint_{joint}"] = (ratio.value,)
    return measures


def score_scenes(network: Network, scenes: Iterable[PoolScene], score: float) -> dict[str, tuple[float, ...]]:
    """Box AP50, part accuracy inside true masks with given and with detected boxes (a missed person has none right)."""
    scores, right, people = [], [], 0
    given, detected = [], []
    for scene in scenes:
        found, on_given, on_found = see(network, scene.rgb_HW3, scene.box_N4, score)
        every = match(scene.box_N4, found)
        scores.append(found.score_N)
        right.append(np.isin(np.arange(len(found.score_N)), every))
        people += len(scene.box_N4)
        answer = match(scene.box_N4, confident(found, score))
        for i in range(len(scene.box_N4)):
            mine = scene.instance_HW == i + 1
            given.append(part_hits(on_given[i], scene.label_HW, mine))
            detected.append(part_hits(on_found[answer[i]] if answer[i] >= 0 else None, scene.label_HW, mine))
    return {
        "box_AP50": (average_precision(scores, right, people),),
        "part_accuracy_given": summary(stacked([hit for hit, _ in given], [all_ for _, all_ in given])),
        "part_accuracy_detected": summary(stacked([hit for hit, _ in detected], [all_ for _, all_ in detected])),
    }

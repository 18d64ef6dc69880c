"""Ask a network about pictures whose truth is known, and score every answer."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from models.inference.open_network import fetch_weights, open_network
from models.light.inference.light_network import SCORE_THRESHOLD
from models.network import NetworkConfig
from models.structures import SurfaceMap
from pipeline.stage import Stage, StageError
from stages.evaluation.answers import PictureScore, found_keypoints, person_score, true_keypoints
from stages.evaluation.bodies import body_of, prepare_body
from stages.evaluation.measures import Measures, measures
from stages.evaluation.protocols import Protocol, ask_cut_out, ask_detected, ask_given, precise, sure_of
from stages.evaluation.truth import TruePicture
from stages.payloads import People, PersonSurface, Surfaces

Boxes = Literal["given", "detected", "both"]


class Evaluate(Stage):
    """Pictures and their truth in; scores out, and the people and surfaces that the product would have shown."""

    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the network is asked.

        Attributes:
            network: the run's shared section, without a `score_threshold`: `score` is meant for that here.
            boxes: `given` = the paper's single-person protocol on true boxes, `detected` = the multi-person one.
            oracle_masks: ask again, with given boxes and everyone cut out by their true mask (DensePose*): `cut_out`.
            body: folder with DensePose's own surface files, for what was annotated on it; empty: the open body.
            score: detections below it answer for nobody.
            least: average precision goes down to detections of this score, far below those that are shown; 0.05, as
                Detectron2 has it, asks large published networks of fewer people a picture.
            tall: least height in pixels of people whose recall, precision and joints count.
        """

        network: NetworkConfig = field(default_factory=NetworkConfig)
        boxes: Boxes = "both"
        oracle_masks: bool = False
        body: str = ""
        score: float = SCORE_THRESHOLD
        least: float = 0.001
        tall: float = 100.0

        def __post_init__(self) -> None:
            """Raises ValueError: a score out of range, or one given to the network, where it would not count."""
            if self.network.score_threshold is not None:
                raise ValueError("network.score_threshold does not count here; give evaluate.score")
            if not 0 <= self.least <= self.score <= 1:
                raise ValueError(f"score is {self.score}, least {self.least}; 0 <= least <= score <= 1 is needed")

    @classmethod
    def uses_gpu(cls, config: Config) -> bool:
        """As its network does."""
        return config.network.uses_gpu()

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Weights that are asked for from the zoo, and the distances on the body, once. Raises ModelError."""
        fetch_weights(config.network)
        prepare_body(config.body, sys.stderr)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open network and body; raises ModelError for files that are missing or do not fit."""
        super().__init__(config, threads=threads)
        least = 1.0 if config.boxes == "given" else config.least  # in given boxes nobody has to be found
        self._network = open_network(dataclasses.replace(config.network, score_threshold=least), threads)
        self._body = body_of(config.body)

    def __call__(self, picture: TruePicture) -> Iterator[tuple[PictureScore, People, Surfaces]]:
        """One picture's scores; the sure people and their surfaces, as the stages after `densepose` want them."""
        (found,), features = self._network.detect(picture.rgb_HW3[None], still=picture.still)
        protocols: dict[str, Protocol] = {}
        if self.config.boxes != "given":
            protocols["detected"] = ask_detected(self._network, features, found, picture, self._body, self.config.score)
        if self.config.boxes != "detected":
            protocols["given"] = ask_given(self._network, features, picture, self._body)
        if self.config.oracle_masks:
            protocols["cut_out"] = ask_cut_out(self._network, picture, self._body)
        yield self._scores(picture, protocols), *shown(next(iter(protocols.values())), self.config.score)

    def _scores(self, picture: TruePicture, protocols: Mapping[str, Protocol]) -> PictureScore:
        first, detected = next(iter(protocols.values())), protocols.get("detected")
        sure = sure_of(first.found, self.config.score)
        height, width = picture.rgb_HW3.shape[:2]
        return PictureScore(
            set_name=picture.set_name,
            name=picture.name,
            height=height,
            width=width,
            people=tuple(person_score(picture, g, protocols, self._body) for g in range(len(picture.people))),
            known={name: one.known for name, one in protocols.items()},
            found=first.found,
            precise_K=np.zeros(0, bool)
            if detected is None or not picture.complete
            else precise(sure.box_N4, detected.answer_G, picture, self.config.tall),
            surface_G=tuple(first.surface_D[d] if d >= 0 else None for d in first.answer_G),
            keypoint_G173=true_keypoints(picture),
            keypoint_D173=found_keypoints(first),
        )

    def summary(self) -> Mapping[str, Any]:
        """Which weights were scored: their name and the sha256 of their file."""
        return {"weights": {"name": self._network.name, "sha256": self._network.sha256}}


def scored(config: Evaluate.Config, pictures: Iterable[TruePicture], threads: int) -> dict[str, Measures]:
    """The measures of a network on pictures, by column: each protocol that was asked for, and the annotators.

    Raises: ModelError for a network that cannot be opened; StageError where there is no picture.
    """
    stage = Evaluate(config, threads=threads)
    found = [next(stage(picture))[0] for picture in pictures]
    if not found:
        raise StageError("there is no picture to score", "evaluate", "give more pictures")
    return measures(found, config.tall)


def shown(protocol: Protocol, score: float) -> tuple[People, Surfaces]:
    """The sure people of a picture and their surfaces, as the product shows them."""
    sure = sure_of(protocol.found, score)
    people = People(
        frame_N=np.zeros(len(sure), np.int32),
        box_N4=sure.box_N4,
        score_N=sure.score_N,
        id_N=np.full(len(sure), -1, np.int32),
    )
    return people, Surfaces(people=tuple(map(as_surface, protocol.surface_D[: len(sure)])))


def as_surface(one: SurfaceMap) -> PersonSurface:
    """A network's surface as stages pass it on."""
    return PersonSurface(
        x0=one.x0, y0=one.y0, labels_hw=one.labels_hw, uv_2hw=one.uv_2hw, confidence_hw=one.confidence_hw
    )

"""Stage: predict images with ground truth, and score the predictions."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from models.fitting.compared_fits import prepare_methods
from models.inference.network_check import check_network
from models.inference.open_network import fetch_weights, open_network
from models.light.inference.light_network import shown_score
from models.network import NetworkConfig
from pipeline.stage import Stage, StageError
from stages.evaluation.body_geometry import geometry_of, prepare_body
from stages.evaluation.body_scores import image_bodies
from stages.evaluation.detection_counts import DetectionCounts, detection_counts
from stages.evaluation.measures import Measures, measures
from stages.evaluation.person_scores import ImageBodies, ImageScore, found_keypoints, person_score, true_keypoints
from stages.evaluation.protocols import (
    ProtocolResult,
    confident_detections,
    predict_detected_boxes,
    predict_given_boxes,
    predict_masked_people,
)
from stages.evaluation.true_images import TrueImage
from stages.payloads import People, PersonSurface, Surfaces

Boxes = Literal["given", "detected", "both"]


class Evaluate(Stage):
    """Images with ground truth in; scores out, and the people and surfaces that the pipeline would draw."""

    accelerated = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Network and protocols.

        Attributes:
            network: the shared section `network:`, without `min_score`; use `score` instead.
            boxes: `given`: the paper's single-person protocol with true boxes; `detected`: the multi-person protocol;
                `both`.
            oracle_masks: also predict each person in the true box, with the background removed by the true mask
                (DensePose*); the column is called `cut_out`.
            body: folder with the files of DensePose's body, for annotations on it; empty: the open body.
            score: detections with lower scores are not matched with people; None: the score from which the pipeline
                draws people, in single images or in videos.
            min_score: average precision includes detections from this score on. 0.05, as in Detectron2, is faster
                with large published networks.
            min_height: smaller people, in pixels, do not count in recall, precision, part of joint and bodies.
            bodies: also fit bodies to the predicted surfaces, by every method, and score them.
        """

        network: NetworkConfig = field(default_factory=NetworkConfig)
        boxes: Boxes = "both"
        oracle_masks: bool = False
        body: str = ""
        score: float | None = None
        min_score: float = 0.001
        min_height: float = 100.0
        bodies: bool = False

        def __post_init__(self) -> None:
            """Raises ValueError for a score out of range, or a score threshold in the section `network:`."""
            if self.network.min_score is not None:
                raise ValueError("network.min_score is not used here: set evaluate.score")
            score = min(self.shown_score(still) for still in (False, True))
            if not 0 <= self.min_score <= score <= 1:
                raise ValueError(
                    f"score is {score}, min_score {self.min_score}; 0 <= min_score <= score <= 1 is needed"
                )

        def shown_score(self, still: bool) -> float:
            """The score from which detections count; `still`: in single images."""
            return shown_score(still) if self.score is None else self.score

    @classmethod
    def uses_gpu(cls, config: Config) -> bool:
        """Whether its network uses one."""
        return config.network.uses_gpu()

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for weights and a device that the network cannot use."""
        check_network(config.network)

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Download weights of the zoo and compute distances on the body, once. Raises: ModelError."""
        fetch_weights(config.network)
        prepare_body(config.body, sys.stderr)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Open network and body. Raises: ModelError for missing and wrong files."""
        super().__init__(config, threads=threads)
        min_score = 1.0 if config.boxes == "given" else config.min_score  # detections are not needed
        self._network = open_network(dataclasses.replace(config.network, min_score=min_score), threads)
        self._body = geometry_of(config.body)
        if config.bodies:
            prepare_methods()

    def __call__(self, image: TrueImage) -> Iterator[tuple[ImageScore, People, Surfaces]]:
        """The scores of one image; the confident people and their surfaces, as the stage `densepose` gives them."""
        (found,), features = self._network.detect(image.rgb_HW3[None], still=image.still)
        protocols: dict[str, ProtocolResult] = {}
        score = self.config.shown_score(image.still)
        if self.config.boxes != "given":
            protocols["detected"] = predict_detected_boxes(self._network, features, found, image, self._body, score)
        if self.config.boxes != "detected":
            protocols["given"] = predict_given_boxes(self._network, features, image, self._body)
        if self.config.oracle_masks:
            protocols["cut_out"] = predict_masked_people(self._network, image, self._body)
        yield self._scores(image, protocols), *confident_people(next(iter(protocols.values())), score)

    def _scores(self, image: TrueImage, protocols: Mapping[str, ProtocolResult]) -> ImageScore:
        first, detected = next(iter(protocols.values())), protocols.get("detected")
        confident = confident_detections(first.found, self.config.shown_score(image.still))
        height, width = image.rgb_HW3.shape[:2]
        return ImageScore(
            set_name=image.set_name,
            name=image.name,
            height=height,
            width=width,
            people=tuple(person_score(image, g, protocols, self._body) for g in range(len(image.people))),
            known={name: protocol.known for name, protocol in protocols.items()},
            found=first.found,
            counts=DetectionCounts()
            if detected is None or not image.complete
            else detection_counts(confident.box_N4, detected.match_G, image, self.config.min_height),
            surface_G=tuple(first.surface_D[d] if d >= 0 else None for d in first.match_G),
            keypoint_G173=true_keypoints(image),
            keypoint_D173=found_keypoints(first),
            bodies=self._bodies(image, first, None if detected is None else len(confident)),
        )

    def _bodies(self, image: TrueImage, first: ProtocolResult, confident: int | None) -> ImageBodies | None:
        """The bodies of an image, if requested; of all confident people where the camera is unknown (keypoint AP)."""
        if not self.config.bodies:
            return None
        ranked = None if image.camera is not None else confident
        return image_bodies(image, first, ranked, self.config.min_height, self._body)

    def summary(self) -> Mapping[str, Any]:
        """Name and sha256 of the weights, and the device."""
        weights = {"name": self._network.name, "sha256": self._network.sha256}
        return {"weights": weights, "device": self._network.device}


def scored(config: Evaluate.Config, images: Iterable[TrueImage], threads: int) -> dict[str, Measures]:
    """The measures of a network on images, by column: each requested protocol, and the simulated annotators.

    Raises: ModelError for a network that cannot be opened; StageError without images.
    """
    stage = Evaluate(config, threads=threads)
    found = [next(stage(image))[0] for image in images]
    if not found:
        raise StageError("there is no image to score", "evaluate", "give more images")
    return measures(found, config.min_height)


def confident_people(protocol: ProtocolResult, score: float) -> tuple[People, Surfaces]:
    """The confident people of an image and their surfaces, as the pipeline draws them."""
    confident = confident_detections(protocol.found, score)
    people = People(
        frame_N=np.zeros(len(confident), np.int32), box_N4=confident.box_N4, score_N=confident.score_N,
        id_N=np.full(len(confident), -1, np.int32),
    )
    return people, Surfaces(people=tuple(map(PersonSurface.predicted, protocol.surface_D[: len(confident)])))

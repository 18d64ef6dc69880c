"""The light network as stages use it: people in frames, and the surface of each person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np

from models.arrays import F32, U8
from models.engines.engine import cpu_engine
from models.files.atomic_file import file_sha256
from models.light.architecture.weight_paths import require_weights, weights_path
from models.light.inference.box_fitting import fit_box, trim_surface
from models.light.inference.calibration import read_calibration
from models.light.inference.duplicates import distinct_people
from models.light.inference.frame_detector import MIN_SCORE, FrameDetector
from models.light.inference.neighbours import FirstSilhouette, Neighbours, neighbours_of_each
from models.light.inference.nms import hard_then_soft_nms
from models.light.inference.open_components import light_precision, open_components, open_detector
from models.light.inference.tta import AugmentedPredictor, PersonPrediction, Shape
from models.network import NetworkConfig, TtaLevel
from models.structures import Detections, SurfaceMap

T = TypeVar("T")

MAX_PEOPLE = 100
"""Default of `network.max_people`."""
STILL_MIN_SCORE = 0.025
"""Default of `min_score` of single images: no other frame shows a person who is missed in one, and nobody sees a
thing flash."""
NMS_THRESHOLD = 0.7
SIGMA_BEFORE_REFINEMENT, SIGMA = 0.7, 0.3
"""Sigma of soft-NMS (see `soft_nms`): of detected boxes that will be refined, and of all others. A larger sigma lowers
scores less."""
CONFIDENCE_POWER = 0.5
"""A person's score is the detector's score times the mean confidence of the surface to this power."""
GIVEN_SCORE = 0.6
"""The score of boxes that are given, as neighbours of others."""


def shown_score(still: bool) -> float:
    """The score from which people are shown where the configuration names none; `still`: in single images."""
    return STILL_MIN_SCORE if still else MIN_SCORE


class FrameOptions(NamedTuple):
    """Which people of which frames: those from a score on, in frames whose pixels have this width over their height."""

    min_score: float
    pixel_aspect: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFeatures:
    """The features that `detect` passes to `surfaces`: the frames, known surfaces per frame and box, the TTA level."""

    rgb_THW3: U8
    surface_T: tuple[Mapping[bytes, SurfaceMap], ...]
    tta: TtaLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePredictions(Generic[Shape]):
    """The people of one frame.

    Attributes:
        box_N4: fitted to the surfaces.
        detector_score_N: the detector's scores.
        score_N: scores with the surface's confidence, after soft-NMS; best first.
        person_N: the prediction of each person.
    """

    box_N4: F32
    detector_score_N: F32
    score_N: F32
    person_N: tuple[PersonPrediction[Shape], ...]

    def __len__(self) -> int:
        return len(self.score_N)


class LightNetwork:
    """Detector and surface network, compiled.

    Batches are used only where a frame or a person gets the same bits in a batch as alone (see `LightComponents`), so
    results do not depend on grouping. Groups of frames are computed in parallel, each with its share of the threads,
    because one frame uses several threads poorly.
    """

    def __init__(self, config: NetworkConfig, threads: int, path: Path) -> None:
        """Load the weights of `path`. Raises: ModelError when they are missing or do not fit."""
        require_weights(path)
        self.name = path.stem
        self.sha256 = file_sha256(path)
        self.device = "cpu"
        self.engine = cpu_engine(config.engine)
        self.precision = light_precision(config.precision, self.engine, path, self.sha256)
        self._parallel = threads if config.batch == "auto" else min(config.batch, threads)
        per_call = threads // self._parallel
        components = open_components(path, self.sha256, self.engine, self.precision, per_call)
        detector, traits = open_detector(config, components, self.engine, per_call)
        self._batch_size = max(detector.batch_size, components.surface.batch_size)
        self._min_score = config.min_score
        self._max_people = config.max_people or MAX_PEOPLE
        self._refine_boxes = config.refine_boxes
        self._tta = config.tta
        self._workers = ThreadPoolExecutor(self._parallel, thread_name_prefix="light")
        self.detector = FrameDetector(
            detector,
            traits,
            min_score=min(self._min_score_of(still) for still in (False, True)),
            long_side=config.max_size,
            flip=config.flip is not False,
        )
        self.predictor = AugmentedPredictor(
            components.surface,
            components.crops,
            flip=config.flip is not False,
            roll_align=config.roll_align is not False,
            calibration=read_calibration(path, self.sha256),
        )
        if config.batch == 1:  # a live run: compiling later would delay a frame
            self.predictor.surface_network.prepare()

    def detect(
        self, rgb_THW3: U8, *, still: bool = False, pixel_aspect: float = 1.0
    ) -> tuple[list[Detections], FrameFeatures]:
        """Find people in each frame; see `models.network.Network`.

        The surface of each detected person is predicted immediately. The box is fitted to the surface, and the score is
        multiplied by a power of its confidence, similar to Mask Scoring R-CNN (Huang et al., CVPR 2019). NMS and
        soft-NMS follow.
        With refined boxes, the remaining people are predicted again in the fitted boxes, and these steps are repeated,
        as in Cascade R-CNN (Cai and Vasconcelos, CVPR 2018). The first prediction is then a single pass, which the
        second prediction reuses as its first pass. `surfaces` returns the last prediction.

        "full" has the boxes and scores of "adaptive"; further passes refine the surfaces.
        """
        tta = self._tta if self._tta != "auto" else "full" if still else "adaptive_fast"
        detections, surfaces = [], []
        for people in self._predict_frames(rgb_THW3, tta, FrameOptions(self._min_score_of(still), pixel_aspect)):
            detections.append(Detections(box_N4=people.box_N4, score_N=people.score_N))
            pairs = zip(people.box_N4, people.person_N, strict=True)
            surfaces.append({box_4.tobytes(): trim_surface(person.surface, box_4) for box_4, person in pairs})
        return detections, FrameFeatures(rgb_THW3=rgb_THW3, surface_T=tuple(surfaces), tta=tta)

    def _min_score_of(self, still: bool) -> float:
        """The score from which people are shown."""
        return shown_score(still) if self._min_score is None else self._min_score

    def _predict_frames(self, rgb_THW3: U8, tta: TtaLevel, options: FrameOptions) -> list[FramePredictions[SurfaceMap]]:
        """The people of every frame; groups of frames are computed in parallel."""
        predict = partial(self._predict_group, tta=tta, options=options)
        size = max(min(self._batch_size, -(-len(rgb_THW3) // self._parallel)), 1)
        groups = [rgb_THW3[first : first + size] for first in range(0, len(rgb_THW3), size)]
        in_one_thread = self._parallel == 1 or len(groups) == 1
        return list(chain.from_iterable(map(predict, groups) if in_one_thread else self._workers.map(predict, groups)))

    def _predict_group(
        self, rgb_THW3: U8, *, tta: TtaLevel, options: FrameOptions
    ) -> list[FramePredictions[SurfaceMap]]:
        """The people of a group of frames, with all passes of the level."""
        if tta != "full":
            return self._find_people(rgb_THW3, tta, options)
        found = self._find_people(rgb_THW3, "adaptive", options)
        extended = self.predictor.run(
            self.predictor.extend_to_full(rgb_HW3, person, neighbours)
            for rgb_HW3, people in zip(rgb_THW3, found, strict=True)
            for person, neighbours in zip(people.person_N, self._neighbours(people), strict=True)
        )
        per_frame = _split(extended, found)
        return [replace(people, person_N=tuple(persons)) for people, persons in zip(found, per_frame, strict=True)]

    def _find_people(
        self, rgb_THW3: U8, tta: Literal["adaptive_fast", "adaptive"], options: FrameOptions
    ) -> list[FramePredictions[SurfaceMap]]:
        """Detect people and predict their surfaces; with refined boxes, predict twice."""
        sigma, least = SIGMA if tta == "adaptive_fast" else SIGMA_BEFORE_REFINEMENT, options.min_score
        detected = self._detect_boxes(rgb_THW3, sigma, options)
        refine_boxes = tta != "adaptive_fast" if self._refine_boxes == "auto" else self._refine_boxes
        boxes = [
            (rgb_HW3, box_4, neighbours)
            for rgb_HW3, one in zip(rgb_THW3, detected, strict=True)
            for box_4, neighbours in zip(one.box_N4, self._neighbours_of_boxes(one), strict=True)
        ]
        if not refine_boxes:
            people = self.predictor.run(
                self.predictor.predict(rgb_HW3, box_4, None, neighbours, tta=tta)
                for rgb_HW3, box_4, neighbours in boxes
            )
            return [_distinct(found) for found in self._keep_best(detected, people, least)]
        first = self._keep_best(detected, self.predictor.run(self.predictor.first_pass(*box) for box in boxes), least)
        second = self.predictor.run(
            self.predictor.predict(rgb_HW3, box_4, person, neighbours, tta=tta)
            for rgb_HW3, one in zip(rgb_THW3, first, strict=True)
            for box_4, person, neighbours in zip(one.box_N4, one.person_N, self._neighbours(one), strict=True)
        )
        refined = [Detections(box_N4=people.box_N4, score_N=people.detector_score_N) for people in first]
        return [_distinct(found) for found in self._keep_best(refined, second, least)]

    def _neighbours_of_boxes(self, detected: Detections) -> Iterable[Neighbours | None]:
        """For each box of a frame the others, without silhouettes; None where the network does not see them."""
        if not self.predictor.crops.others:
            return [None] * len(detected)
        return neighbours_of_each(detected.box_N4, detected.score_N)

    def _neighbours(self, people: FramePredictions[Shape]) -> Iterable[Neighbours | None]:
        """For each person of a frame the others; None where the network does not see them."""
        if not self.predictor.crops.others:
            return [None] * len(people)
        silhouettes = [FirstSilhouette.of_logit(person.maps_LGG[0], person.region_4) for person in people.person_N]
        return neighbours_of_each(people.box_N4, people.detector_score_N, silhouettes)

    def _keep_best(
        self, detected: list[Detections], people: list[PersonPrediction[Shape]], least: float
    ) -> list[FramePredictions[Shape]]:
        """The people of each frame that remain after boxes and scores are fitted to the predictions."""
        per_frame = _split(people, detected)
        return [self._keep_best_of_frame(*pair, least) for pair in zip(detected, per_frame, strict=True)]

    def _keep_best_of_frame(
        self, detected: Detections, people: list[PersonPrediction[Shape]], least: float
    ) -> FramePredictions[Shape]:
        boxes = [fit_box(box_4, person.surface) for box_4, person in zip(detected.box_N4, people, strict=True)]
        box_N4 = np.array(boxes, np.float32).reshape(-1, 4)
        confidence_N = np.array([person.surface.mean_confidence for person in people], np.float32)
        kept, score_N = hard_then_soft_nms(
            box_N4,
            detected.score_N * confidence_N**CONFIDENCE_POWER,
            iou_threshold=NMS_THRESHOLD,
            sigma=SIGMA,
            min_score=least,
        )
        return FramePredictions(
            box_N4=box_N4[kept],
            detector_score_N=detected.score_N[kept],
            score_N=score_N,
            person_N=tuple(people[i] for i in kept),
        )

    def _detect_boxes(self, rgb_THW3: U8, sigma: float, options: FrameOptions) -> list[Detections]:
        """The detector's boxes after NMS and soft-NMS, with the detector's scores; at most `max_people` a frame."""
        detections = []
        for candidates in self.detector.detect(rgb_THW3, options.pixel_aspect):
            kept, _ = hard_then_soft_nms(
                candidates.box_N4,
                candidates.score_N,
                iou_threshold=NMS_THRESHOLD,
                sigma=sigma,
                min_score=options.min_score,
            )
            kept = kept[: self._max_people]
            detections.append(Detections(box_N4=candidates.box_N4[kept], score_N=candidates.score_N[kept]))
        return detections

    def surfaces(self, features: Any, boxes: list[F32]) -> list[list[SurfaceMap]]:
        """Map people to the body surface; see `models.network.Network`."""
        per_frame = []
        for rgb_HW3, known, box_N4 in zip(features.rgb_THW3, features.surface_T, boxes, strict=True):
            new = [box_4 for box_4 in box_N4 if box_4.tobytes() not in known]
            given = Detections(box_N4=box_N4, score_N=np.full(len(box_N4), GIVEN_SCORE, np.float32))
            people = self.predictor.run(
                self.predictor.predict(rgb_HW3, box_4, None, neighbours, tta=features.tta)
                for box_4, neighbours in zip(box_N4, self._neighbours_of_boxes(given), strict=True)
                if box_4.tobytes() not in known
            )
            pairs = zip(new, people, strict=True)
            surfaces = {**known, **{box_4.tobytes(): trim_surface(person.surface, box_4) for box_4, person in pairs}}
            per_frame.append([surfaces[box_4.tobytes()] for box_4 in box_N4])
        return per_frame


def _distinct(found: FramePredictions[SurfaceMap]) -> FramePredictions[SurfaceMap]:
    """The people of a frame without those who are found twice."""
    kept = distinct_people([person.surface for person in found.person_N])
    return FramePredictions(
        box_N4=found.box_N4[kept],
        detector_score_N=found.detector_score_N[kept],
        score_N=found.score_N[kept],
        person_N=tuple(found.person_N[index] for index in kept),
    )


def _split(items: Sequence[T], frames: Sequence[Sized]) -> list[list[T]]:
    """Split a list of all people into one list per frame."""
    rest = iter(items)
    return [list(islice(rest, len(frame))) for frame in frames]


def open_light(config: NetworkConfig, threads: int) -> LightNetwork:
    """The light network with the built-in weights (`weights: light`) or those of a .safetensors file.

    Raises:
        ModelError: the weights are missing or belong to another network.
    """
    return LightNetwork(config, threads, weights_path(config.weights))

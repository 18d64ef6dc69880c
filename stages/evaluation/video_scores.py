"""Scores of videos: flicker, part changes, jitter and identities, with exact or with estimated optical flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import U8, Bool, Int
from models.metrics.bootstrap import Estimate, Fixed, Ratio, Sample
from models.metrics.temporal import SurfaceFrame, box_jitter, flicker, texel_deviation, unwrap
from models.metrics.tracking import TrackedFrame, tracking_scores
from models.surface.geometry import Float, Geometry
from stages.evaluation.detection_counts import DetectionCounts, detection_counts, in_crowds
from stages.evaluation.protocols import corner_and_size, match_boxes_to_people
from stages.evaluation.true_images import TrueImage
from stages.payloads import People, PersonSurface, Surfaces
from stages.people.depth_order import painters_order
from stages.people.estimated_flow import EstimatedFlow
from stages.world.scene import MotionTruth

TEXELS = 8
"""Texels along each side of a chart, for the measure of colours over time."""
METRES_TO_CM = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFrame:
    """A frame of a video with its truth and prediction.

    Attributes:
        video, frame: name of the video, and number of the frame.
        rgb_HW3: the image.
        moving: true flow and identities; None where unknown.
        person_HW: pixels of people: true where the truth is known, else predicted.
        surface: predicted, of all people.
    """

    video: str
    frame: int
    rgb_HW3: U8
    moving: MotionTruth | None
    person_HW: Bool
    surface: SurfaceFrame


class VideoScores:
    """Collects the frames of a set's videos, in order."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._estimate = EstimatedFlow()
        self._previous: ScoredFrame | None = None
        self._boxes: dict[tuple[str, int], dict[int, Float]] = {}
        self._colours: dict[tuple[str, int], list[tuple[Float, Bool]]] = {}
        self._tracked: list[TrackedFrame] = []
        self._identities: dict[tuple[str, int], set[int]] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._gps: dict[tuple[str, int], list[float]] = {}
        self._counts: list[DetectionCounts] = []
        self._true: list[int] = []
        self._moved_cm: list[float] = []
        self._changed: list[int] = []
        self._compared: list[int] = []
        self._lost: list[int] = []

    def add(
        self, image: TrueImage, people: People, surfaces: Surfaces, gps_N: Sequence[float | None] | None = None
    ) -> None:
        """Add one frame; single images are ignored.

        Args:
            image: the frame and its truth.
            people: the predicted people, with identities.
            surfaces: their surfaces, in the same order.
            gps_N: geodesic point similarity of each true person, 0 for missed ones; None for people without points.
        """
        if not image.video:
            return
        height, width = image.rgb_HW3.shape[:2]
        order = painters_order(people.box_N4, people.score_N, surfaces.people, height, people.id_N, people.near_N)
        surface = frame_surface([surfaces.people[i] for i in reversed(order)], height, width)
        current = ScoredFrame(
            video=image.video, frame=image.frame, rgb_HW3=image.rgb_HW3, moving=image.moving,
            person_HW=surface.label_HW > 0 if image.dense is None else image.dense.instance_HW > 0, surface=surface,
        )
        previous = self._previous
        if previous is not None and (previous.video, previous.frame + 1) == (current.video, current.frame):
            self._compare(previous, current)
        self._previous = current
        track_N = image.tracks
        if track_N is not None:
            self._add_tracks(image, track_N, people)
            for identity, gps in zip(track_N.tolist(), gps_N or [None] * len(track_N), strict=True):
                self._boxes.setdefault((image.video, identity), {})
                self._identities.setdefault((image.video, identity), set())
                if gps is not None:
                    self._gps.setdefault((image.video, identity), []).append(gps)
        for identity, d in rows_by_person(image, people).items():
            self._boxes.setdefault((image.video, identity), {})[image.frame] = people.box_N4[d].astype(np.float64)
            person = frame_surface([surfaces.people[d]], *image.rgb_HW3.shape[:2])
            self._colours.setdefault((image.video, identity), []).append(unwrap(image.rgb_HW3, person, TEXELS))
            if track_N is not None and people.id_N[d] >= 0:
                self._identities[image.video, identity].add(int(people.id_N[d]))

    def _compare(self, previous: ScoredFrame, current: ScoredFrame) -> None:
        """Compare the pixels that show the same point of a person in both frames."""
        if previous.moving is None:
            flow_HW2, seen_HW = self._estimate.between(previous.rgb_HW3, current.rgb_HW3)
        else:
            flow_HW2, seen_HW = np.moveaxis(previous.moving.next_2HW, 0, -1), previous.moving.next_seen_HW
        found = flicker(self._geometry, previous.surface, current.surface, flow_HW2, seen_HW & previous.person_HW)
        self._moved_cm.append(METRES_TO_CM * float(found.moved_M.sum()))
        self._changed.append(int(found.changed_M.sum()))
        self._compared.append(len(found.moved_M))
        self._lost.append(found.lost)

    def _add_tracks(self, image: TrueImage, track_N: Int, people: People) -> None:
        """Add the true and the predicted boxes and identities of a frame."""
        match_G = match_boxes_to_people(people.box_N4, people.score_N, image)
        self._counts.append(detection_counts(people.box_N4, match_G, image, min_height=0))
        self._true.append(len(image.people))
        judged = ~in_crowds(people.box_N4, image) | np.isin(np.arange(len(people.id_N)), match_G)
        tracked = (people.id_N >= 0) & judged
        numbers = [self._numbers.setdefault((image.video, track), len(self._numbers)) for track in track_N.tolist()]
        self._tracked.append(
            TrackedFrame(
                true_box_N4=corner_and_size(image.boxes), true_id_N=np.array(numbers, np.int64),
                found_box_N4=corner_and_size(people.box_N4[tracked]), found_id_N=people.id_N[tracked],
            )
        )

    def stability(self) -> dict[str, Sample]:
        """Flicker, part changes and lost pixels along the flow, jitter of boxes, spread of texels; nan without data.

        The flow is estimated where the true flow is unknown. Intervals are over pairs of frames, or over people where
        each person has one value.
        """
        compared_P, lost_P = np.array(self._compared, float), np.array(self._lost, float)
        jitter_P = np.array(list(map(_jitter, self._boxes.values())))
        texel_P = np.array([_deviation(self._colours.get(key, [])) for key in self._boxes])
        return {
            "flicker_cm": Ratio(hits_P=np.array(self._moved_cm), trials_P=compared_P),
            "part_changes": Ratio(hits_P=np.array(self._changed, float), trials_P=compared_P),
            "lost": Ratio(hits_P=lost_P, trials_P=compared_P + lost_P),
            "box_jitter": _mean_of_known(jitter_P),
            "texel_deviation": _mean_of_known(texel_P),
        }

    def presence(self) -> dict[str, Sample]:
        """False people, missed people, and identities of each person, for videos with true identities.

        `false_people`: share of predicted people with a box IoU below .3 with all true people. `missed_people`: share
        of true people without a match at IoU .5. `ids_per_person`: mean number of identities of a found person.
        `track_GPS`: geodesic point similarity, a mean over the annotated frames of a track, then over tracks; missed
        people have 0.
        """
        matched_T = np.array([counts.matched for counts in self._counts], float)
        false_T = np.array([counts.elsewhere for counts in self._counts], float)
        true_T = np.array(self._true, float)
        count_P = np.array([len(found) for found in self._identities.values()], float)
        gps_P = np.array([np.mean(gps) for gps in self._gps.values()], float)
        return {
            "false_people": Ratio(hits_P=false_T, trials_P=np.array([counts.judged for counts in self._counts], float)),
            "missed_people": Ratio(hits_P=true_T - matched_T, trials_P=true_T),
            "ids_per_person": Ratio(hits_P=count_P, trials_P=(count_P > 0).astype(float)),
            "track_GPS": Ratio(hits_P=gps_P, trials_P=np.ones(len(gps_P))),
        }

    def identities(self) -> dict[str, Sample]:
        """HOTA, MOTA and IDF1 over all videos with true identities. Raises: ModelError if their library is missing."""
        if not self._tracked:
            return {}
        nan = float("nan")
        found = tracking_scores(self._tracked).items()
        return {name: Fixed(estimate=Estimate(value=value, low=nan, high=nan)) for name, value in found}


def rows_by_person(image: TrueImage, people: People) -> dict[int, int]:
    """Rows of people by identity: the true identity where it is known, else the tracker's."""
    track_N = image.tracks
    if track_N is None:
        return {identity: d for d, identity in enumerate(people.id_N.tolist()) if identity >= 0}
    match_G = match_boxes_to_people(people.box_N4, people.score_N, image).tolist()
    return {identity: d for identity, d in zip(track_N.tolist(), match_G, strict=True) if d >= 0}


def frame_surface(surfaces: Sequence[PersonSurface], height: int, width: int) -> SurfaceFrame:
    """The surfaces of several people in one frame; the first person is nearest to the camera."""
    label_HW, uv_2HW = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.float32)
    for person in reversed(surfaces):
        h, w = person.labels_hw.shape
        y0, x0, y1, x1 = max(person.y0, 0), max(person.x0, 0), min(person.y0 + h, height), min(person.x0 + w, width)
        if y0 >= y1 or x0 >= x1:
            continue
        grid = slice(y0 - person.y0, y1 - person.y0), slice(x0 - person.x0, x1 - person.x0)
        mask_hw = person.labels_hw[grid] > 0
        label_HW[y0:y1, x0:x1][mask_hw] = person.labels_hw[grid][mask_hw]
        uv_2HW[:, y0:y1, x0:x1][:, mask_hw] = person.uv_2hw[:, grid[0], grid[1]][:, mask_hw]
    return SurfaceFrame(label_HW=label_HW, uv_2HW=uv_2HW)


def _jitter(box_of_frame: Mapping[int, Float]) -> float:
    """Jitter of one person's boxes by frame; nan without boxes. Frames without the person interrupt the sequence."""
    if not box_of_frame:
        return float("nan")
    first = min(box_of_frame)
    box_T4 = np.full((max(box_of_frame) - first + 1, 4), np.nan)
    for frame, box_4 in box_of_frame.items():
        box_T4[frame - first] = box_4
    return box_jitter(box_T4)


def _deviation(unwrapped: Sequence[tuple[Float, Bool]]) -> float:
    """Mean over one person's texels of the spread of colour over time, 0..255; nan if no texel is seen twice."""
    if not unwrapped:
        return float("nan")
    colours, seen = zip(*unwrapped, strict=True)
    spread_KSS = texel_deviation(np.stack(colours), np.stack(seen))
    return float(np.nanmean(spread_KSS)) if np.isfinite(spread_KSS).any() else float("nan")


def _mean_of_known(value_P: Float) -> Ratio:
    """The mean over the people with a known value; nan is unknown."""
    known_P = np.isfinite(value_P)
    return Ratio(hits_P=np.where(known_P, value_P, 0), trials_P=known_P.astype(float))

"""How steady surfaces and identities are in films: synthetic ones, known to the pixel, and any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.bootstrap import Estimate, ratio
from models.metrics.temporal import SurfaceFrame, box_jitter, flicker, texel_deviation, unwrap
from models.metrics.tracking import TrackedFrame, tracking_scores
from models.surface.geometry import Float, Geometry
from stages.evaluation.protocols import answers, corner_and_size
from stages.evaluation.truth import TruePicture
from stages.payloads import People, PersonSurface, Surfaces
from stages.people.depth_order import painters_order
from stages.people.estimated_flow import EstimatedFlow
from stages.world.scene import Moving

TEXELS = 8
"""Texels along a chart's side in which colours are followed."""
METRES_TO_CM = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFrame:
    """One frame of a film as it was found: the whole surface, who answers for whom, and boxes with identities."""

    film: str
    frame: int
    rgb_HW3: npt.NDArray[np.uint8]
    moving: Moving | None
    person_HW: npt.NDArray[np.bool_]
    surface: SurfaceFrame


class FilmScores:
    """Gathers the frames of a set's films, in order."""

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self._estimate = EstimatedFlow()
        self._before: FilmFrame | None = None
        self._boxes: dict[tuple[str, int], dict[int, Float]] = {}
        self._colours: dict[tuple[str, int], list[tuple[Float, npt.NDArray[np.bool_]]]] = {}
        self._tracked: list[TrackedFrame] = []
        self._moved_cm: list[float] = []
        self._changed: list[int] = []
        self._kept: list[int] = []
        self._lost: list[int] = []

    def add(self, picture: TruePicture, people: People, surfaces: Surfaces) -> None:
        """One more frame; nothing for a picture that is no frame of a film.

        Args:
            picture: the frame's truth.
            people: who was found in it, with identities.
            surfaces: their surfaces, in the same order.
        """
        if not picture.film:
            return
        height, width = picture.rgb_HW3.shape[:2]
        order = painters_order(people.box_N4, people.score_N, surfaces.people, height, people.id_N, people.near_N)
        surface = whole_surface([surfaces.people[i] for i in reversed(order)], height, width)
        now = FilmFrame(
            film=picture.film,
            frame=picture.frame,
            rgb_HW3=picture.rgb_HW3,
            moving=picture.moving,
            person_HW=surface.label_HW > 0 if picture.dense is None else picture.dense.instance_HW > 0,
            surface=surface,
        )
        before = self._before
        if before is not None and (before.film, before.frame + 1) == (now.film, now.frame):
            self._follow(before, now)
        self._before = now
        if picture.moving is not None:
            self._identify(picture, picture.moving, people)
        for who, d in found_again(picture, people).items():
            self._boxes.setdefault((picture.film, who), {})[picture.frame] = people.box_N4[d].astype(np.float64)
            one = whole_surface([surfaces.people[d]], *picture.rgb_HW3.shape[:2])
            self._colours.setdefault((picture.film, who), []).append(unwrap(picture.rgb_HW3, one, TEXELS))

    def _follow(self, before: FilmFrame, now: FilmFrame) -> None:
        """What became of the pixels that show the same point of a person in both frames."""
        if before.moving is None:
            flow_HW2, seen_HW = self._estimate.between(before.rgb_HW3, now.rgb_HW3)
        else:
            flow_HW2, seen_HW = np.moveaxis(before.moving.next_2HW, 0, -1), before.moving.next_seen_HW
        found = flicker(self._geometry, before.surface, now.surface, flow_HW2, seen_HW & before.person_HW)
        self._moved_cm.append(METRES_TO_CM * float(found.moved_M.sum()))
        self._changed.append(int(found.changed_M.sum()))
        self._kept.append(len(found.moved_M))
        self._lost.append(found.lost)

    def _identify(self, picture: TruePicture, moving: Moving, people: People) -> None:
        """Boxes and identities, true and found."""
        named = people.id_N >= 0
        self._tracked.append(
            TrackedFrame(
                true_box_N4=corner_and_size(picture.boxes),
                true_id_N=moving.track_N,
                found_box_N4=corner_and_size(people.box_N4[named]),
                found_id_N=people.id_N[named],
            )
        )

    def steadiness(self) -> dict[str, Estimate]:
        """Flicker along the flow, changes of part, pixels lost, jitter of boxes, spread of texels; else nan.

        The flow is the true one where it is known, else an estimate. Intervals are over pairs of frames, or over people
        where each person has one number.
        """
        kept_P, lost_P = np.array(self._kept, float), np.array(self._lost, float)
        jitter_P = np.array([value for value in map(_jitter, self._boxes.values()) if not np.isnan(value)])
        texel_P = np.array([value for value in map(_deviation, self._colours.values()) if not np.isnan(value)])
        return {
            "flicker_cm": ratio(np.array(self._moved_cm), kept_P),
            "part_changes": ratio(np.array(self._changed, float), kept_P),
            "lost": ratio(lost_P, kept_P + lost_P),
            "box_jitter": ratio(jitter_P, np.ones(len(jitter_P))),
            "texel_deviation": ratio(texel_P, np.ones(len(texel_P))),
        }

    def identities(self) -> dict[str, Estimate]:
        """HOTA and IDF1 over all films; none without films. Raises: ModelError where their library is missing."""
        if not self._tracked:
            return {}
        nan = float("nan")
        return {name: Estimate(value=one, low=nan, high=nan) for name, one in tracking_scores(self._tracked).items()}


def found_again(picture: TruePicture, people: People) -> dict[int, int]:
    """Rows of people by who they are: by the truth where it is known, else as the tracker says."""
    if picture.moving is None:
        return {who: d for d, who in enumerate(people.id_N.tolist()) if who >= 0}
    answer_G = answers(people.box_N4, people.score_N, picture).tolist()
    return {who: d for who, d in zip(picture.moving.track_N.tolist(), answer_G, strict=True) if d >= 0}


def whole_surface(surfaces: Sequence[PersonSurface], height: int, width: int) -> SurfaceFrame:
    """The surfaces of several people in one frame; the first of them lies on top."""
    label_HW, uv_2HW = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.float32)
    for one in reversed(surfaces):
        h, w = one.labels_hw.shape
        y0, x0, y1, x1 = max(one.y0, 0), max(one.x0, 0), min(one.y0 + h, height), min(one.x0 + w, width)
        if y0 >= y1 or x0 >= x1:
            continue
        grid = slice(y0 - one.y0, y1 - one.y0), slice(x0 - one.x0, x1 - one.x0)
        mine_hw = one.labels_hw[grid] > 0
        label_HW[y0:y1, x0:x1][mine_hw] = one.labels_hw[grid][mine_hw]
        uv_2HW[:, y0:y1, x0:x1][:, mine_hw] = one.uv_2hw[:, grid[0], grid[1]][:, mine_hw]
    return SurfaceFrame(label_HW=label_HW, uv_2HW=uv_2HW)


def _jitter(box_of_frame: Mapping[int, Float]) -> float:
    """Of one person's boxes by frame; frames in which the person was missed break the row."""
    first = min(box_of_frame)
    box_T4 = np.full((max(box_of_frame) - first + 1, 4), np.nan)
    for frame, box_4 in box_of_frame.items():
        box_T4[frame - first] = box_4
    return box_jitter(box_T4)


def _deviation(unwrapped: Sequence[tuple[Float, npt.NDArray[np.bool_]]]) -> float:
    """Mean over one person's texels of their spread over time, in 0..255; nan where no texel was seen twice."""
    colours, seen = zip(*unwrapped, strict=True)
    spread_KSS = texel_deviation(np.stack(colours), np.stack(seen))
    return float(np.nanmean(spread_KSS)) if np.isfinite(spread_KSS).any() else float("nan")

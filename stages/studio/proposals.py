"""The network's proposals for an image: boxes, parts, outlines and keypoints, which annotators accept or correct."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arrays import U8
from models.body.charts import CHARTS_AT_JOINT, COARSE_OF_CHART
from models.box_overlap import iou
from models.inference.open_network import open_network
from models.network import NetworkConfig
from models.structures import SurfaceMap
from models.surface.keypoints import shown_keypoints
from stages.studio.bounded_cache import BoundedCache
from stages.studio.sheet_records import part_map_record
from stages.studio.views.view_clicks import ChartPoint
from stages.studio.work.part_map import PartMap, PixelMask, packed_map

MIN_SCORE = 0.3
"""Boxes with a lower score are not proposed."""
MAX_CELLS = 256
"""Most cells along the longer side of a proposal's surface; the network's own resolution is lower."""
CACHE_BYTES = 64 * 2**20
"""Memory for proposals."""
KEYPOINT_RADIUS = 0.02
"""A keypoint belongs to a chart if the chart is within this distance, as a share of the box's longer side. The page
uses the same number."""
HEAD_SIDES = {joint: charts for joint, charts in enumerate(CHARTS_AT_JOINT.values()) if charts in ({23}, {24})}
"""For the keypoints that lie on one side of the head (eyes and ears): the chart of that side."""
MIN_PROPOSAL_IOU = 0.4
"""A drawn box and a proposal with at least this IoU are of the same person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedPerson:
    """A proposed person.

    Attributes:
        box_4: x0, y0, x1, y1 in pixels.
        score: of the detection, from 0 to 1.
        parts, outline: None where the network finds none.
        keypoints: x, y by COCO's number of the joint.
        hidden_joints: eyes and ears on the side of the head that the camera does not see.
        surface: the predicted surface, one cell for `step` × `step` pixels; None: no surface.
    """

    box_4: tuple[float, float, float, float]
    score: float
    parts: PartMap | None
    outline: PixelMask | None
    keypoints: dict[int, tuple[float, float]]
    surface: SurfaceMap | None = None
    step: int = 1
    hidden_joints: tuple[int, ...] = ()

    @property
    def bytes(self) -> int:
        """Memory of the proposal, bytes, estimated."""
        found = 2000 + (0 if self.parts is None else len(self.parts.packed))
        found += 0 if self.outline is None else len(self.outline.counts)
        return found + (0 if self.surface is None else self.surface.labels_hw.nbytes + self.surface.uv_2hw.nbytes)

    def point_at(self, x: int, y: int) -> ChartPoint | None:
        """The network's point of the surface at a pixel of the image; None on the background."""
        if self.surface is None:
            return None
        row, column = (y - self.surface.y0) // self.step, (x - self.surface.x0) // self.step
        height, width = self.surface.labels_hw.shape
        if not (0 <= row < height and 0 <= column < width) or self.surface.labels_hw[row, column] == 0:
            return None
        u, v = (float(np.clip(value, 0, 1)) for value in self.surface.uv_2hw[:, row, column])
        return ChartPoint(chart=int(self.surface.labels_hw[row, column]), u=u, v=v)

    def record(self) -> dict[str, Any]:
        """JSON for the page."""
        outline = self.outline and {
            "x": self.outline.x, "y": self.outline.y, "size": self.outline.size, "counts": self.outline.counts,
        }
        return {
            "box": self.box_4, "score": self.score, "parts": part_map_record(self.parts), "outline": outline,
            "keypoints": self.keypoints, "turned_away": self.hidden_joints,
        }


class Proposer:
    """Runs the network on one image at a time, and caches its proposals. The network is opened at the first image."""

    def __init__(self, config: NetworkConfig, threads: int) -> None:
        self._config, self._threads = config, threads
        self._network = threading.Lock()
        self.known: BoundedCache[list[ProposedPerson]] = BoundedCache(
            CACHE_BYTES, lambda people: sum(person.bytes for person in people)
        )

    def __call__(
        self, name: str, read: Callable[[], U8], box_4: Sequence[float] | None = None
    ) -> list[ProposedPerson]:
        """The people that the network finds in an image, best score first.

        Args:
            name: of the image.
            read: gives the image, RGB uint8 (H, W, 3).
            box_4: x0, y0, x1, y1 of a box; the network then predicts the person in this box alone.

        Raises: ModelError for unusable weights, and what `read` raises.
        """
        key = name if box_4 is None else f"{name}\n{[round(side, 1) for side in box_4]}"
        return self.known.get(key, lambda: self._found(read(), box_4))

    def _found(self, rgb_HW3: U8, box_4: Sequence[float] | None) -> list[ProposedPerson]:
        with self._network:
            network = open_network(self._config, self._threads)
            (found,), features = network.detect(rgb_HW3[None], still=True)
            box_N4, score_N = found.box_N4[found.score_N >= MIN_SCORE], found.score_N
            if box_4 is not None:
                box_N4, score_N = np.array([box_4], np.float32), np.ones(1, np.float32)
            maps = network.surfaces(features, [box_N4 if box_4 is not None else found.box_N4])[0][: len(box_N4)]
        shape = rgb_HW3.shape[:2]
        return [
            proposed_person(surface, at_4, float(score), (shape[0], shape[1]))
            for surface, at_4, score in zip(maps, box_N4.tolist(), score_N, strict=False)
        ]


def best_proposal(people: Sequence[ProposedPerson], box_4: Sequence[float]) -> ProposedPerson | None:
    """The proposal with the largest IoU with a box; None if it is below `MIN_PROPOSAL_IOU`."""
    if not people:
        return None
    overlap_N = iou(np.array([box_4], np.float32), np.array([person.box_4 for person in people], np.float32))[0]
    best = int(overlap_N.argmax())
    return people[best] if overlap_N[best] >= MIN_PROPOSAL_IOU else None


def proposed_person(surface: SurfaceMap, box_4: list[float], score: float, size: tuple[int, int]) -> ProposedPerson:
    """A proposal from a predicted surface.

    Args:
        surface: on the image.
        box_4: x0, y0, x1, y1 in pixels.
        score: of the detection.
        size: height and width of the image.
    """
    height, width = size
    x0, y0, x1, y1 = (float(np.clip(side, 0, limit)) for side, limit in zip(box_4, (width, height) * 2, strict=True))
    top, left = max(-surface.y0, 0), max(-surface.x0, 0)
    inside = np.s_[top : max(height - surface.y0, 0), left : max(width - surface.x0, 0)]
    x, y = surface.x0 + left, surface.y0 + top
    outline_hw = surface.silhouette_hw[inside]
    radius = max(2.0, KEYPOINT_RADIUS * max(x1 - x0, y1 - y0))
    keypoints: dict[int, tuple[float, float]] = {}
    for joint, (at_x, at_y, sure) in enumerate(shown_keypoints(surface).tolist()):
        if sure > 0 and 0 <= at_x < width and 0 <= at_y < height:
            keypoints[joint] = (round(at_x, 1), round(at_y, 1))
    return ProposedPerson(
        box_4=(x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)), score=round(score, 3),
        parts=packed_map(COARSE_OF_CHART[surface.labels_hw[inside]], x, y),
        outline=PixelMask.of_array(outline_hw, x, y) if outline_hw.any() else None, keypoints=keypoints,
        hidden_joints=tuple(
            joint for joint, at in keypoints.items()
            if joint in HEAD_SIDES and not _touches_chart(surface, joint, at, radius)
        ),
        surface=_subsampled(surface, step := max(1, -(-max(surface.labels_hw.shape) // MAX_CELLS))), step=step,
    )


def _touches_chart(surface: SurfaceMap, joint: int, at: tuple[float, float], radius: float) -> bool:
    """Whether the surface has a joint's chart within `radius` pixels of the image point `at`."""
    x, y = at[0] - surface.x0, at[1] - surface.y0
    top, left = max(int(y - radius), 0), max(int(x - radius), 0)
    window_hw = surface.labels_hw[top : int(y + radius) + 1, left : int(x + radius) + 1]
    return bool(np.isin(window_hw, list(HEAD_SIDES[joint])).any())


def _subsampled(surface: SurfaceMap, step: int) -> SurfaceMap:
    """Charts, U and V of the surface at the centre of each cell of `step` × `step` pixels."""
    sample = tuple(np.minimum(np.arange(0, side, step) + step // 2, side - 1) for side in surface.labels_hw.shape)
    labels_hw, uv_2hw = surface.labels_hw[np.ix_(*sample)], surface.uv_2hw[:, sample[0]][:, :, sample[1]]
    return SurfaceMap(x0=surface.x0, y0=surface.y0, labels_hw=labels_hw, uv_2hw=uv_2hw)

"""What the network proposes for an image: boxes, parts, outlines and keypoints, which people accept or correct."""

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
from stages.studio.views.view_clicks import SurfacePlace
from stages.studio.work.part_map import PartMap, PixelMask, packed_map

MIN_SCORE = 0.3
"""Boxes of lower score are not proposed."""
MOST_CELLS = 256
"""Cells along the longer side of what the network says of a person; more than it computes."""
KEPT_BYTES = 64 * 2**20
"""Of proposals, in memory."""
NEAR = 0.02
"""Distance within which the surface shows a keypoint, of the box's longer side; the page's is the same."""
HEAD_SIDES = {joint: charts for joint, charts in enumerate(CHARTS_AT_JOINT.values()) if charts in ({23}, {24})}
"""The chart of each keypoint on one side of the head: eyes and ears."""
LEAST_OVERLAP = 0.4
"""IoU of a drawn box and of the proposal that is taken for the same person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedPerson:
    """A proposed person.

    Attributes:
        keypoints: x, y by COCO's number of the joint.
        turned_away: eyes and ears on the side of the head that the surface does not show; parts alone do not tell.
        surface: what the network says, one cell for `step` × `step` pixels; None = nothing.
    """

    box_4: tuple[float, float, float, float]
    score: float
    parts: PartMap | None
    outline: PixelMask | None
    keypoints: dict[int, tuple[float, float]]
    surface: SurfaceMap | None = None
    step: int = 1
    turned_away: tuple[int, ...] = ()

    @property
    def bytes(self) -> int:
        """Bytes that the proposal keeps in memory, about."""
        found = 2000 + (0 if self.parts is None else len(self.parts.packed))
        found += 0 if self.outline is None else len(self.outline.counts)
        return found + (0 if self.surface is None else self.surface.labels_hw.nbytes + self.surface.uv_2hw.nbytes)

    def place_at(self, x: int, y: int) -> SurfacePlace | None:
        """Where on the body the network sees a pixel of the image; None where it sees no person."""
        if self.surface is None:
            return None
        row, column = (y - self.surface.y0) // self.step, (x - self.surface.x0) // self.step
        height, width = self.surface.labels_hw.shape
        if not (0 <= row < height and 0 <= column < width) or self.surface.labels_hw[row, column] == 0:
            return None
        u, v = (float(np.clip(one, 0, 1)) for one in self.surface.uv_2hw[:, row, column])
        return SurfacePlace(chart=int(self.surface.labels_hw[row, column]), u=u, v=v)

    def record(self) -> dict[str, Any]:
        """JSON for the page."""
        outline = self.outline and {
            "x": self.outline.x, "y": self.outline.y, "size": self.outline.size, "counts": self.outline.counts,
        }
        return {
            "box": self.box_4, "score": self.score, "parts": part_map_record(self.parts), "outline": outline,
            "keypoints": self.keypoints, "turned_away": self.turned_away,
        }


class Proposer:
    """Opens the network at the first image, and keeps what it proposed last. It sees one image at a time."""

    def __init__(self, config: NetworkConfig, threads: int) -> None:
        self._config, self._threads = config, threads
        self._network = threading.Lock()
        self.known: BoundedCache[list[ProposedPerson]] = BoundedCache(
            KEPT_BYTES, lambda people: sum(one.bytes for one in people)
        )

    def __call__(
        self, name: str, read: Callable[[], U8], box_4: Sequence[float] | None = None
    ) -> list[ProposedPerson]:
        """The people that the network finds in an image, best score first; `read` gives its RGB (H, W, 3).

        `box_4`: x0, y0, x1, y1 of a person whose box somebody drew: the network looks at this box alone.

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
            proposed_person(one, at_4, float(score), (shape[0], shape[1]))
            for one, at_4, score in zip(maps, box_N4.tolist(), score_N, strict=False)
        ]


def best_proposal(people: Sequence[ProposedPerson], box_4: Sequence[float]) -> ProposedPerson | None:
    """The proposal that overlaps a box most; None where none overlaps it by `LEAST_OVERLAP`."""
    if not people:
        return None
    overlap_N = iou(np.array([box_4], np.float32), np.array([one.box_4 for one in people], np.float32))[0]
    best = int(overlap_N.argmax())
    return people[best] if overlap_N[best] >= LEAST_OVERLAP else None


def proposed_person(one: SurfaceMap, box_4: list[float], score: float, size: tuple[int, int]) -> ProposedPerson:
    """A proposal from a surface on an image of some height and width."""
    height, width = size
    x0, y0, x1, y1 = (float(np.clip(at, 0, most)) for at, most in zip(box_4, (width, height) * 2, strict=True))
    top, left = max(-one.y0, 0), max(-one.x0, 0)
    inside = np.s_[top : max(height - one.y0, 0), left : max(width - one.x0, 0)]
    x, y = one.x0 + left, one.y0 + top
    outline_hw = one.silhouette_hw[inside]
    reach = max(2.0, NEAR * max(x1 - x0, y1 - y0))
    keypoints: dict[int, tuple[float, float]] = {}
    for joint, (at_x, at_y, sure) in enumerate(shown_keypoints(one).tolist()):
        if sure > 0 and 0 <= at_x < width and 0 <= at_y < height:
            keypoints[joint] = (round(at_x, 1), round(at_y, 1))
    return ProposedPerson(
        box_4=(x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)), score=round(score, 3),
        parts=packed_map(COARSE_OF_CHART[one.labels_hw[inside]], x, y),
        outline=PixelMask.of_array(outline_hw, x, y) if outline_hw.any() else None, keypoints=keypoints,
        turned_away=tuple(
            joint for joint, at in keypoints.items() if joint in HEAD_SIDES and not _is_near(one, joint, at, reach)
        ),
        surface=_thinned(one, step := max(1, -(-max(one.labels_hw.shape) // MOST_CELLS))), step=step,
    )


def _is_near(one: SurfaceMap, joint: int, at: tuple[float, float], reach: float) -> bool:
    """Whether the surface has a chart that touches a joint within some pixels of a place."""
    x, y = at[0] - one.x0, at[1] - one.y0
    top, left = max(int(y - reach), 0), max(int(x - reach), 0)
    near_hw = one.labels_hw[top : int(y + reach) + 1, left : int(x + reach) + 1]
    return bool(np.isin(near_hw, list(HEAD_SIDES[joint])).any())


def _thinned(one: SurfaceMap, step: int) -> SurfaceMap:
    """The surface at the middle of each cell of `step` × `step` pixels, without all that no guess needs."""
    at = tuple(np.minimum(np.arange(0, side, step) + step // 2, side - 1) for side in one.labels_hw.shape)
    labels_hw, uv_2hw = one.labels_hw[np.ix_(*at)], one.uv_2hw[:, at[0]][:, :, at[1]]
    return SurfaceMap(x0=one.x0, y0=one.y0, labels_hw=labels_hw, uv_2hw=uv_2hw)

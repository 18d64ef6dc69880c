"""Results of networks: the people of a frame, and the body surface of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.arrays import F32, I32, U8, Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """People of one frame, best score first.

    Attributes:
        box_N4: x0, y0, x1, y1 in pixels of the frame as given to the network, float32.
        score_N: 0..1, float32.
    """

    box_N4: F32
    score_N: F32

    def __len__(self) -> int:
        return len(self.score_N)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSurface:
    """The continuous surface embedding of one person.

    Attributes:
        vertex_hw: index (from 0) of the nearest mesh vertex for each pixel of the person's grid; −1 where the pixel
            does not show the person. int32.
        mesh: a key of `variant.MESHES`.
        embedding_ESS: the network's map, (16, S, S) float32 on the box, not normalised.
        coarse_2SS: logits of background and person, (2, S, S) float32 on the box.
    """

    vertex_hw: I32
    mesh: str
    embedding_ESS: F32
    coarse_2SS: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceMap:
    """The body surface of one person, on a grid of whole pixels that covers the person's box or reaches beyond it.

    Attributes:
        x0, y0: pixel of the frame under the grid's first cell.
        labels_hw: 0 background, 1..24 the chart.
        uv_2hw: float32 chart coordinates as predicted, not clamped; 0 where the label is 0.
        confidence_hw: 0..1, or None if the network states none.
        uncertainty: the raw (h, w) float32 maps of networks that predict confidence, by the names in DensePose's
            reference code (`sigma_2`, `kappa_u`, `kappa_v`, `fine_segm_confidence`, `coarse_segm_confidence`); empty
            for other networks.
        keypoint_K3: (17, 3) float32 in COCO's order: x, y in pixels of the frame, score 0..1; zeros where a joint is
            unknown. None if the network has no keypoint head.
        mask_hw: the person's mask from a mask head of its own; None if the network has none.
        embedded: the embedding, for networks that predict one; then `labels_hw` is 0 everywhere if the charts of their
            mesh are unknown.
    """

    x0: int
    y0: int
    labels_hw: U8
    uv_2hw: F32
    confidence_hw: F32 | None = None
    uncertainty: Mapping[str, F32] = field(default_factory=dict)
    keypoint_K3: F32 | None = None
    mask_hw: Bool | None = None
    embedded: EmbeddedSurface | None = None

    @property
    def shown_hw(self) -> Bool:
        """Whether a pixel has a place on the surface."""
        return self.labels_hw > 0

    @property
    def silhouette_hw(self) -> Bool:
        """Whether a pixel is the person's: by the mask head where the network has one, else by the surface."""
        return self.shown_hw if self.mask_hw is None else self.mask_hw

    @property
    def mean_confidence(self) -> float:
        """The mean confidence of the person's pixels; 0 where there are none, 1 without a stated confidence."""
        return 1.0 if self.confidence_hw is None else mean_where(self.shown_hw, self.confidence_hw)


def mean_where(shown_hw: Bool, map_hw: F32) -> float:
    """The mean of a map over a mask; 0 for an empty mask."""
    shown_K = map_hw[shown_hw]
    return float(shown_K.mean()) if len(shown_K) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMotion:
    """Where a person's pixels were in the frame before, by the optical flow, on a coarse grid.

    Attributes:
        x0, y0: upper left pixel of the first cell in the frame.
        step: side of a cell in pixels; the flow is that of the cell's centre.
        back_hw3: float32: displacement in x and y to the frame before, pixels; trust, 0..1.
    """

    x0: int
    y0: int
    step: int
    back_hw3: F32

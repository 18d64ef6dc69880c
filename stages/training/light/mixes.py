"""The augmentation mix of the light network's training: which share of the training images is of which kind."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class CropMix:
    """Shares of the surface network's crops, 0..1; the defaults are those of the built-in weights (light v22).

    Attributes:
        real: of real people, labelled by teachers; the rest are of synthetic people.
        composited: of the synthetic crops, on the background of a photo.
        truncated: of people cut off by the crop's image edge.
        rotated: by a small random angle (standard deviation 17 degrees).
        rotated_any: by any angle, for lying people and people on their hands.
        roll_aligned: rotated so that the person is upright, as test-time augmentation does it.
        occluded_by_person: partly hidden by another person, synthetic or cut out of a photo.
        occluded_by_object: partly hidden by slats, a post or an ellipse.
        background: of parts of photos without people, so that false detections get no surface.
        degraded: with changed colours, and at times with blur, noise or compression.
        distant: of as few pixels as people further away have.
        video_degraded: with photon noise, sharpening and the losses of a codec, at the source's own resolution.
        cut_boxes: in boxes that cut a side off, as a detector's often do.
        wider_regions: on a larger region than the box, as where a limb is followed from the frame before.
        in_front_of_person: with another person behind, synthetic or cut out of a photo.
        things: of boxes in which a box teacher saw a person where nobody is.
        twins: in pairs of two views of one photo, which must agree on charts, U and V.
        film: in pairs of two frames of a film, which must agree along the optical flow.
        blurred_limbs: with arms or legs blurred by their motion.
        dark: as in little light.
    """

    real: float = 0.35
    composited: float = 0.8
    truncated: float = 0.3
    rotated: float = 0.35
    rotated_any: float = 0.15
    roll_aligned: float = 0.5
    occluded_by_person: float = 0.2
    occluded_by_object: float = 0.15
    background: float = 0.08
    degraded: float = 1.0
    distant: float = 0.2
    video_degraded: float = 0.4
    cut_boxes: float = 0.0
    wider_regions: float = 0.0
    in_front_of_person: float = 0.0
    things: float = 0.0
    twins: float = 0.0
    film: float = 0.0
    blurred_limbs: float = 0.0
    dark: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for a number that is no share."""
        require_shares(self)

    def is_real(self, index: int) -> bool:
        """Whether the crop at this index of a batch is a real one; real crops are spread evenly."""
        return math.ceil((index + 1) * self.real) > math.ceil(index * self.real)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetMix:
    """Shares, 0..1, of the detector's training images: canvases of one sheet, or mosaics of four.

    Attributes:
        mosaic: of canvases made of four sheets.
        synthetic: of sheets with a synthetic scene; the rest are photos.
        composited: of synthetic sheets, on the background of a photo.
        annotated: of photos, those whose people have annotated silhouettes; they are also among the other photos.
    """

    mosaic: float = 0.35
    synthetic: float = 0.25
    composited: float = 0.8
    annotated: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for a number that is no share."""
        require_shares(self)


def require_shares(mix: CropMix | SheetMix) -> None:
    """Raises: ValueError for a number below 0 or above 1."""
    for one in fields(mix):
        value = getattr(mix, one.name)
        if not 0 <= value <= 1:
            raise ValueError(f"{one.name} is {value}; a share is between 0 and 1")

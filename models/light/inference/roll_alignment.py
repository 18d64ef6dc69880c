"""Roll alignment: the roll of a person from a first prediction, and the rotated crop in which the person is upright.

Most training images show upright people. For others a first prediction often has wrong parts, but head, torso and legs
are mostly at the right places. That is enough to measure the roll; the prediction in a roll-aligned crop is better.
"""

from __future__ import annotations

import numpy as np

from models.arrays import F32, F64, Float, Index
from models.light.architecture.preprocessing import crop_region
from models.light.inference.crop_view import CropView, apply_affine, rotation_about
from models.light.inference.ensemble import MIN_PERSON_CELLS
from models.light.inference.surface_assembly import PERSON_THRESHOLD

HEAD, TORSO = (23, 24), (1, 2)
LEGS = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
REGIONS = (HEAD, TORSO, LEGS)
"""Charts of the three body regions from which the roll is measured."""
_REGION = np.array([next((i + 1 for i, charts in enumerate(REGIONS) if chart in charts), 0) for chart in range(25)])
"""The region of each chart: 1 head, 2 torso, 3 legs, 0 none of these."""
MIN_REGION_WEIGHT = 4.0
"""A region counts if the sum of its cells' probabilities is at least this."""


def roll_of(maps_LGG: F32, view: CropView) -> float:
    """The roll of a person in the frame in degrees, clockwise, -180 to 180, from the maps of a view.

    The up direction is the sum of legs to torso and torso to head; the roll is 0 where neither is known.
    """
    return roll_from_centres(*_region_centres(maps_LGG, view))


def roll_from_centres(head: Float | None, torso: Float | None, legs: Float | None) -> float:
    """The roll from the centres x, y (2) of head, torso and legs; None if a region is not visible."""
    pairs = ((head, torso), (torso, legs)) if torso is not None else ((head, legs),)
    up_2 = np.zeros(2)
    for high, low in pairs:
        if high is not None and low is not None:
            up_2 += high - low
    return float(np.degrees(np.arctan2(up_2[0], -up_2[1]))) if up_2.any() else 0.0


def roll_aligned_view(maps_LGG: F32, view: CropView, roll: float, scale: float = 1.0) -> CropView | None:
    """The view in which the person is upright and about as large as in a crop of a box; None if there is no person.

    The rotation is by whole degrees about a whole pixel: the network's last bits depend on the number of threads, and
    crops must not.

    Args:
        maps_LGG: prediction of the person.
        view: the view of these maps.
        roll: degrees; a view with a further rotation comes from the person's roll minus that rotation.
        scale: scale of the region that the view shows.
    """
    xy_2K = _cells_to_frame(np.argwhere(maps_LGG[0] > PERSON_THRESHOLD).T[::-1], maps_LGG.shape[-1], view)
    if xy_2K.shape[1] < MIN_PERSON_CELLS:
        return None
    rotation_33 = rotation_about(np.round(xy_2K.mean(1)), -round(roll))
    upright_2K = apply_affine(rotation_33, xy_2K)
    bounds_4 = np.concatenate([upright_2K.min(1), upright_2K.max(1)]).astype(np.float32)
    return CropView.of_region(scale_region(crop_region(bounds_4), scale)).of_transformed_frame(rotation_33)


def scale_region(region_4: F32, scale: float) -> F32:
    """A region x0, y0, x1, y1 scaled about its centre."""
    margin_2 = (region_4[2:] - region_4[:2]) * np.float32((scale - 1) / 2)
    return np.concatenate([region_4[:2] - margin_2, region_4[2:] + margin_2])


def _region_centres(maps_LGG: F32, view: CropView) -> list[F64 | None]:
    """The centres x, y of head, torso and legs in the frame, weighted by probability; None for too few cells."""
    maps_LP = maps_LGG.reshape(len(maps_LGG), -1)
    person_K = np.flatnonzero(maps_LP[0] > 0)
    row_K, column_K = np.divmod(person_K, maps_LGG.shape[-1])
    region_K = _REGION.take(maps_LP[1].take(person_K).astype(np.intp))
    weight_K = maps_LP[4].take(person_K)
    weighted = (weight_K, weight_K * column_K, weight_K * row_K)
    total, x, y = (np.bincount(region_K, each_K, 1 + len(REGIONS))[1:] for each_K in weighted)
    centre_2R = _cells_to_frame(np.stack([x, y]) / np.maximum(total, MIN_REGION_WEIGHT), maps_LGG.shape[-1], view)
    return [xy_2 if weight >= MIN_REGION_WEIGHT else None for xy_2, weight in zip(centre_2R.T, total, strict=True)]


def _cells_to_frame(cell_2K: Float | Index, cells: int, view: CropView) -> F64:
    """Columns and rows (2, K) of a view's grid in pixels of the frame."""
    return view.to_frame((cell_2K + 0.5) / cells)

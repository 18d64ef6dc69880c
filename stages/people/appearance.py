"""The appearance of a person for tracking: the mean colour of each region of the body surface."""

from __future__ import annotations

import numpy as np

from models.time_steps import remaining
from stages.payloads import F32, U8, Float, PersonSurface

REGION_25 = np.array([-1, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7])
"""Region of each chart, −1 = background: torso, hands, feet, thighs, shins, upper arms, lower arms, head. Left and
right, front and back share a region, because networks confuse them."""
REGIONS = 8
MOST_PIXELS = 600
"""Upper bound of the pixels per person that are read, on a lattice."""
LEAST_SHARE = 0.02
"""Share of a person's pixels below which a region is ignored."""
MEMORY = 0.9
"""Weight of the past in the appearance of a track, after `FRAME_S`."""
SAME_APPEARANCE = 0.5
"""Least similarity of people whose boxes do not tell that they are the same."""
COLOUR_WIDTH = 0.12
"""Difference of colours (0..1) at which the similarity of two people is 1/e."""


def appearance_of(frame_HW3: U8, surface: PersonSurface) -> F32:
    """Mean red, green, blue (0..1) and share of the pixels of each region, (8, 4); regions without pixels are 0."""
    found_84 = np.zeros((REGIONS, 4), np.float32)
    windows = surface.windows(*frame_HW3.shape[:2])
    if windows is None:
        return found_84
    (rows, columns), grid = windows
    step = max(1, int(np.sqrt(surface.labels_hw.size / MOST_PIXELS)))
    labels_hw = surface.labels_hw[grid][::step, ::step]
    seen_hw = labels_hw > 0
    region_M = REGION_25[labels_hw[seen_hw]]
    count_8 = np.bincount(region_M, minlength=REGIONS)
    colour_M3 = frame_HW3[rows, columns][::step, ::step][seen_hw]
    for channel in range(3):
        total_8 = np.bincount(region_M, weights=colour_M3[:, channel], minlength=REGIONS)
        found_84[:, channel] = total_8 / np.maximum(count_8, 1) / 255
    found_84[:, 3] = count_8 / max(len(region_M), 1)
    return found_84


def appearance_similarity(appearance_A84: F32, appearance_B84: F32) -> Float:
    """Similarity of each person of A and each of B, (A, B): 1 = same colours; 0.5 = no region visible in both."""
    shared_AB8 = np.minimum(appearance_A84[:, None, :, 3], appearance_B84[None, :, :, 3])
    shared_AB8 = np.where(shared_AB8 >= LEAST_SHARE, shared_AB8, 0)
    difference_AB8 = np.square(appearance_A84[:, None, :, :3] - appearance_B84[None, :, :, :3]).mean(axis=-1)
    share_AB = shared_AB8.sum(axis=-1)
    difference_AB = (difference_AB8 * shared_AB8).sum(axis=-1) / np.maximum(share_AB, 1e-6)
    return np.where(share_AB > 0, np.exp(-difference_AB / COLOUR_WIDTH**2), 0.5)


def updated_appearance(old_84: F32, new_84: F32, seconds: float) -> F32:
    """A track's appearance some seconds later: new regions at once, known regions slowly."""
    seen_8 = new_84[:, 3] >= LEAST_SHARE
    keep_8 = np.where(old_84[:, 3] >= LEAST_SHARE, remaining(MEMORY, seconds), 0.0)
    mixed_84 = keep_8[:, None] * old_84 + (1 - keep_8[:, None]) * new_84
    return np.where(seen_8[:, None], mixed_84, old_84).astype(np.float32)

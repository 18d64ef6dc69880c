"""What people wear, read in texture space: the mean colour of each region of the body."""

from __future__ import annotations

import numpy as np

from stages.payloads import F32, U8, Float, Surface

REGION_25 = np.array([-1, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7])
"""Torso, hands, feet, thighs, shins, upper arms, lower arms, head by chart: left and right, front and back together,
because those are what networks mix up."""
REGIONS = 8
MOST_PIXELS = 600
"""Of a person that are looked at, on a lattice."""
LEAST_SHARE = 0.02
"""Of a person's pixels that a region needs to say something."""
MEMORY = 0.9
"""Share of the old in what is remembered, a frame."""
APART = 0.12
"""Difference of colours (0..1) at which two people are alike to 1/e."""


def look(frame_HW3: U8, surface: Surface) -> F32:
    """Mean red, green, blue (0..1) and share of the pixels of each region, (8, 4); rows of zeros where none is seen."""
    found_84 = np.zeros((REGIONS, 4), np.float32)
    place = surface.windows(*frame_HW3.shape[:2])
    if place is None:
        return found_84
    (rows, columns), grid = place
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


def alike(look_A84: F32, look_B84: F32) -> Float:
    """How much each person of A looks like each of B, (A, B): 1 = the same colours; 0.5 where nothing is common."""
    both_AB8 = np.minimum(look_A84[:, None, :, 3], look_B84[None, :, :, 3])
    both_AB8 = np.where(both_AB8 >= LEAST_SHARE, both_AB8, 0)
    apart_AB8 = np.square(look_A84[:, None, :, :3] - look_B84[None, :, :, :3]).mean(axis=-1)
    share_AB = both_AB8.sum(axis=-1)
    apart_AB = (apart_AB8 * both_AB8).sum(axis=-1) / np.maximum(share_AB, 1e-6)
    return np.where(share_AB > 0, np.exp(-apart_AB / APART**2), 0.5)


def remembered(old_84: F32, new_84: F32) -> F32:
    """What is known of a person after one more look: slowly the new, at once where nothing was known."""
    seen_8 = new_84[:, 3] >= LEAST_SHARE
    keep_8 = np.where(old_84[:, 3] >= LEAST_SHARE, MEMORY, 0.0)
    mixed_84 = keep_8[:, None] * old_84 + (1 - keep_8[:, None]) * new_84
    return np.where(seen_8[:, None], mixed_84, old_84).astype(np.float32)

"""A mix of crops without the strongest augmentations, for tests that change one of its shares."""

from __future__ import annotations

from stages.training.light.mixes import CropMix

WITHOUT = (
    "roll_aligned",
    "occluded_by_person",
    "occluded_by_object",
    "background",
    "distant",
    "video_degraded",
)


def plain_mix(**shares: float) -> CropMix:
    """Crops that are at most rotated, truncated and degraded, but for the shares that are given."""
    return CropMix(**{"real": 0.5, "rotated_any": 0.12, **dict.fromkeys(WITHOUT, 0.0), **shares})


PLAIN = plain_mix()

"""The layout of the maps of one crop: the person, and for every cell the most probable charts with their U and V.

The logits of joints follow, where the network has them.
"""

from __future__ import annotations

from models.arrays import F32
from models.body.open_body import COCO_KEYPOINTS

CANDIDATES = 2
"""Charts that a prediction keeps for each cell."""
JOINT_ROWS = 9
"""Maps that hold the logits of the joints: every 2 x 2 cells hold one cell of four of the 34 maps at half the
resolution, and two more, which are both the logit that the box holds a person (0 where a network does not say)."""


def chart_candidates(maps_LGG: F32) -> F32:
    """The K candidates of every cell, most probable first: chart 1..24, U, V, probability; (K, 4, G, G).

    Args:
        maps_LGG: maps of a crop, (1 + 4 K, G, G); the first is the logit of the person. K is 1 for an ensemble.
    """
    return maps_LGG[1:].reshape(len(maps_LGG) // 4, 4, *maps_LGG.shape[1:])


def split_joints(output_LGG: F32) -> tuple[F32, F32 | None]:
    """The maps of a crop, and the logits of its joints (2, J, G / 2, G / 2): place, visible; None without joints.

    Args:
        output_LGG: what the network outputs for a crop, with CANDIDATES candidates or, without joints, fewer.
    """
    maps = 1 + 4 * CANDIDATES
    if len(output_LGG) <= maps:
        return output_LGG, None
    half = output_LGG.shape[-1] // 2
    joint_R2S2S = output_LGG[maps:].reshape(JOINT_ROWS, half, 2, half, 2)
    joint_4RSS = joint_R2S2S.transpose(0, 2, 4, 1, 3).reshape(4 * JOINT_ROWS, half, half)
    joints = len(COCO_KEYPOINTS)
    return output_LGG[:maps], joint_4RSS[: 2 * joints].reshape(2, joints, half, half)


def person_logit(output_LGG: F32) -> float:
    """The logit that the box of a crop holds a person and no thing; 0 where the network does not say."""
    rows = output_LGG[1 + 4 * CANDIDATES :]
    return float(rows[-1, 1, 1]) if len(rows) else 0.0

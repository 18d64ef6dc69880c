"""Which parts of a body are seen, from the visible share of each bone's skin."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.arrays import F32, Float
from models.body.open_body import load_body

VISIBLE = 0.08
"""A bone counts as seen if at least this share of its skin is visible."""
PARTIAL, WHOLE = 0.35, 0.65
"""Shares of a body's skin on seen bones: head and shoulders, and a person without lower legs or an arm, nearly."""
LEAST_WEIGHT = 0.001
"""Weight in the shape of a frame that shows at most `PARTIAL`; others have up to 1 more (see `whole_body_seen`)."""
BODY_PARTS = {
    "head": ("neck", "head", "jaw", "eye"), "trunk": ("root", "spine", "pelvis", "breast"),
    "arm": ("clavicle", "shoulder", "upperarm", "lowerarm"), "hand": ("wrist", "finger", "metacarpal"),
    "leg": ("upperleg", "lowerleg"), "foot": ("foot", "toe"),
}
"""The parts of the body, each with the beginnings of its bones' names."""


def seen_shares(seen_TB: Float) -> F32:
    """The share (T,) of a body's skin that belongs to bones that are seen in each frame, 0..1.

    Args:
        seen_TB: visible share of each bone's skin, 0..1.
    """
    return np.asarray((seen_TB >= VISIBLE) @ _skin_shares(), np.float32)


def whole_body_seen(seen_TB: Float) -> F32:
    """From 0, where at most `PARTIAL` of the skin is on seen bones, to 1, where at least `WHOLE` is (T,)."""
    return np.clip((seen_shares(seen_TB) - PARTIAL) / np.float32(WHOLE - PARTIAL), 0, 1)


def unseen_parts(seen_TB: Float) -> list[str]:
    """Names of the parts of the body that no frame shows, such as `leg.L`. Arguments as for `seen_shares`."""
    body, seen_B = load_body(), seen_TB.max(axis=0) >= VISIBLE
    found = []
    for part, beginnings in BODY_PARTS.items():
        for side in ("",) if part in ("head", "trunk") else (".L", ".R"):
            of_part_B = np.array([name.startswith(beginnings) and name.endswith(side) for name in body.bones])
            if not seen_B[of_part_B & (_skin_shares() > 0)].any():
                found.append(part + side)
    return found


@cache
def _skin_shares() -> F32:
    """The share (B,) of the skin's area in rest pose that each bone moves."""
    body = load_body()
    corner_F33 = body.mean_V3[body.face_F3]
    edge_F3, other_F3 = corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0]
    area_F = np.linalg.norm(np.cross(edge_F3, other_F3), axis=1)
    area_V = np.zeros(len(body.mean_V3))
    np.add.at(area_V, body.face_F3.ravel(), area_F.repeat(3))
    share_B = area_V @ body.weight_VB
    return np.asarray(share_B / share_B.sum(), np.float32)

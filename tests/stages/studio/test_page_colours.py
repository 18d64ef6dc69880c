"""The colours of the parts on skin: none vanishes on any tone, and no two look the same."""

from __future__ import annotations

import re
from itertools import combinations

import cv2
import numpy as np

from models.arrays import F32
from stages.studio.studio_page import FOLDER

MONK_TONES = ["f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420"]
"""Monk Skin Tone Scale (skintone.google), from light to dark."""
OPACITY = 0.7
"""The page's own, before anybody moves the slider (state.js)."""
LEAST_FROM_SKIN, LEAST_BETWEEN = 25, 20
"""CIE 1976 colour differences; 2.3 is just noticeable."""


def rgb(text: str) -> F32:
    return np.array([int(text[at : at + 2], 16) for at in (0, 2, 4)], np.float32)


def lab(rgb_N3: F32) -> F32:
    found: F32 = cv2.cvtColor(np.asarray(rgb_N3, np.float32)[None] / 255, cv2.COLOR_RGB2LAB)[0]
    return found


def test_parts_are_seen_on_skin_and_differ_from_each_other() -> None:
    script = (FOLDER / "map_pictures.js").read_text(encoding="utf-8")
    listed = re.search(r"export const COLOURS = \[(.*?)\]", script, re.DOTALL)
    inside = re.search(r"const INSIDE = (\d+), EDGE = 255", script)
    assert listed is not None and inside is not None
    assert f"opacity: {OPACITY}," in (FOLDER / "state.js").read_text(encoding="utf-8")
    part_P3 = np.array([rgb(text) for text in re.findall(r'"#(\w{6})"', listed[1])[1:15]])
    share = OPACITY * int(inside[1]) / 255
    for tone in map(rgb, MONK_TONES):
        skin_3 = lab(tone[None])[0]
        for alpha in (share, OPACITY):  # the inside of a part, and its edge
            seen_P3 = lab(alpha * part_P3 + (1 - alpha) * tone)
            assert np.linalg.norm(seen_P3 - skin_3, axis=1).min() >= LEAST_FROM_SKIN
    for tone in map(rgb, (MONK_TONES[3], MONK_TONES[5], MONK_TONES[8])):
        seen_P3 = lab(share * part_P3 + (1 - share) * tone)
        assert min(np.linalg.norm(one - other) for one, other in combinations(seen_P3, 2)) >= LEAST_BETWEEN

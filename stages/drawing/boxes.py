"""Boxes with identity and score."""

from __future__ import annotations

import cv2
import numpy as np

from stages.drawing.chart_colours import part_palette
from stages.payloads import F32, U8

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def identity_colour(identity: int) -> tuple[int, int, int]:
    """The RGB colour of an identity: the same one all through a video; grey before tracking (-1)."""
    if identity < 0:
        return (200, 200, 200)
    red, green, blue = part_palette()[1 + (identity * 7) % 24]
    return (int(red), int(green), int(blue))


def draw_box(frame_HW3: U8, box_4: F32, score: float, identity: int) -> None:
    """One person's box, in place, with `#identity score` (identity only when tracked) above or inside it."""
    height, width = frame_HW3.shape[:2]
    thick = max(1, round(height / 270))
    colour = identity_colour(identity)
    reach = (2 * width + 64, 2 * height + 64)
    left, top, right, bottom = (int(value) for value in np.clip(np.rint(box_4), -64, [*reach, *reach]))
    cv2.rectangle(frame_HW3, (left, top), (right - 1, bottom - 1), colour, thick, cv2.LINE_AA)
    text = f"#{identity} {score:.2f}" if identity >= 0 else f"{score:.2f}"
    size = max(0.4, height / 900)
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, size, 1)
    tall = text_height + base + thick
    foot = top if top >= tall else min(top + tall, height)
    edge = int(np.clip(left, 0, max(0, width - text_width)))
    cv2.rectangle(frame_HW3, (edge, foot - tall), (edge + text_width, foot), colour, cv2.FILLED)
    cv2.putText(frame_HW3, text, (edge, foot - base), _FONT, size, (0, 0, 0), 1, cv2.LINE_AA)

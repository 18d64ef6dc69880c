"""An atlas that shows the errors of a painter: stripes of a fixed width on the body, and a number on chest and back."""

from __future__ import annotations

import cv2
import numpy as np

from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from stages.payloads import F32, U8

STRIPE_M = 0.045
"""Width of a stripe on the body at rest."""
RED, WHITE, DARK, BLUE, YELLOW, BLACK = (
    (200, 20, 30), (250, 250, 250), (25, 35, 110), (95, 165, 245), (250, 225, 60), (5, 5, 5),
)  # fmt: skip
OF_LIMB = {"torso": (RED, WHITE), "arm": (RED, WHITE), "hand": (RED, WHITE), "leg": (DARK, BLUE), "foot": (DARK, BLUE)}
PLATE = (-0.13, 0.13, 0.0, 0.26)
"""Left, right, lower and upper border of the plate with the number: from the body's middle and from the lowest point
of the plate, metres."""
PLATE_BOTTOM = 0.60
"""Height of the plate's lower border, as a share of the height from hip to shoulder."""
NUMBER = "10"
PIXELS = 260


def rest_places(side: int) -> F32:
    """Places on the body at rest of all texels, (24, side, side, 3), metres."""
    v, u = np.meshgrid(1 - np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij")
    chart = np.repeat(np.arange(1, 25), side * side)
    found = open_body_lookup()(chart, np.tile(u.ravel(), 24), np.tile(v.ravel(), 24))
    mesh = open_body_mesh()
    return corner_mean(mesh.vertex_V3, mesh, found).reshape(24, side, side, 3).astype(np.float32)


def number_plate(mirrored: bool) -> U8:
    """The plate as an image whose columns follow the body's x axis, or its opposite."""
    plate = np.full((PIXELS, PIXELS, 3), BLACK, np.uint8)
    cv2.rectangle(plate, (4, 4), (PIXELS - 5, PIXELS - 5), WHITE, 5)
    (wide, high), _ = cv2.getTextSize(NUMBER, cv2.FONT_HERSHEY_SIMPLEX, 5.0, 22)
    at = ((PIXELS - wide) // 2, (PIXELS + high) // 2)
    cv2.putText(plate, NUMBER, at, cv2.FONT_HERSHEY_SIMPLEX, 5.0, YELLOW, 22, cv2.LINE_AA)
    return np.ascontiguousarray(plate[:, ::-1]) if mirrored else plate


def striped_tiles(side: int = 200) -> U8:
    """Tiles (24, side, side, 3): stripes across trunk, legs, arms and head, and the number on chest and back."""
    place = rest_places(side)
    tiles = np.empty((24, side, side, 3), np.uint8)
    torso = place[:2].reshape(-1, 3)
    low, high = torso[:, 1].min(), torso[:, 1].max()
    bottom = low + PLATE_BOTTOM * (high - low) - 0.08
    for chart in range(24):
        limb = COARSE_NAMES[COARSE_OF_CHART[chart + 1]].split(" ")[-1]
        colours = OF_LIMB.get(limb, (BLACK, YELLOW))
        along = np.abs(place[chart, ..., 0]) if limb in ("arm", "hand") else place[chart, ..., 1]
        tiles[chart] = np.array(colours, np.uint8)[(np.floor(along / STRIPE_M).astype(int)) % 2]
        if chart < 2:
            x, y = place[chart, ..., 0], place[chart, ..., 1] - bottom
            # The body's x axis points to its left: to the right in a picture of the chest, to the left in one of the
            # back.
            columns = (x - PLATE[0]) / (PLATE[1] - PLATE[0]) * PIXELS
            rows = (PLATE[3] - y) / (PLATE[3] - PLATE[2]) * PIXELS
            drawn = cv2.remap(
                number_plate(chart == 0), columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR
            )
            inside = (x > PLATE[0]) & (x < PLATE[1]) & (y > PLATE[2]) & (y < PLATE[3])
            tiles[chart][inside] = drawn[inside]
    return tiles

"""Logos: images on a chart that are upright on the body and readable from outside, whatever the chart's axes are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import U8, Float
from models.body.charts import CHART_NAMES
from models.errors import ModelError
from models.surface.atlas import CHARTS
from models.surface.chart_lookup import ChartLookup
from models.surface.charted_mesh import ChartedMesh, open_body_mesh
from models.surface.printed_logo import PlaceCm, PrintedLogo
from models.surface.texels import alpha_over, enlarged

ALONG_ARM = {15: 1, 16: 1, 17: 1, 18: 1, 19: -1, 20: -1, 21: 1, 22: 1}
"""Charts of the arms, with the sign of U toward the hand."""
SHARP_SIDE = 512
"""Smaller tiles are enlarged to this side before a logo is placed, because lettering needs more texels than cloth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """An image on a chart.

    Attributes:
        picture: path of the image; its transparent parts show the texture below.
        chart: 1..24, or its name (`torso front`).
        box: u0, v0, u1, v1, 0..1: the image is centred in it, as large as its aspect allows.
        turn: quarter turns clockwise from upright.
        place_cm: where on the body, in centimetres, instead of `chart`, `box` and `turn`.
    """

    picture: str
    chart: int | str = 2
    box: tuple[float, float, float, float] = (0.15, 0.3, 0.45, 0.7)
    turn: int = 0
    place_cm: PlaceCm | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown chart or an invalid box."""
        if self.number == 0:
            raise ValueError(f"there is no chart {self.chart!r}, give 1 to 24 or one of {', '.join(CHART_NAMES[1:])}")
        u0, v0, u1, v1 = self.box
        if not (0 <= u0 < u1 <= 1 and 0 <= v0 < v1 <= 1):
            raise ValueError(f"box is {list(self.box)}, must be u0 < u1 and v0 < v1 from 0 to 1")
        if self.place_cm is not None and (self.chart, self.box, self.turn) != (2, (0.15, 0.3, 0.45, 0.7), 0):
            raise ValueError("place_cm is given beside chart, box or turn: leave those out")

    @property
    def number(self) -> int:
        """The chart's number 1..24; 0 if there is no such chart."""
        if isinstance(self.chart, int):
            return self.chart if 1 <= self.chart <= CHARTS else 0
        name = self.chart.replace("_", " ").lower()
        return CHART_NAMES.index(name) if name in CHART_NAMES else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """Orientation of a chart at one place of an upright body.

    Attributes:
        right_along_u: whether the viewer's right is along U (else along V).
        right, down: +1 or −1: sign of the axis toward the viewer's right, and of the axis down the body.
        metres_u, metres_v: metres of skin per unit of U and of V.
    """

    right_along_u: bool
    right: int
    down: int
    metres_u: float
    metres_v: float


class LogoPrinter:
    """Puts one logo on the tiles of atlases."""

    def __init__(self, logo: Logo, image_HWC: U8) -> None:
        """Raises ModelError if the body has no room for it."""
        self._logo, self._image_HWC = logo, image_HWC
        placed = logo.place_cm
        self._printed = None if placed is None else PrintedLogo(placed, image_HWC, logo.picture)

    def __call__(self, tiles_PSSC: U8) -> U8:
        """Tiles (24, side, side, 3 or 4) with the logo, enlarged to `SHARP_SIDE` if smaller.

        Raises ModelError if the logo's box is smaller than a texel.
        """
        if self._printed is None:
            return place_logo(tiles_PSSC, self._logo, self._image_HWC)
        return self._printed(enlarged(tiles_PSSC, SHARP_SIDE))


def bearing_at(chart: int, u: float, v: float) -> Bearing:
    """The bearing at (U, V) of the open body's chart, or at the nearest point of the chart."""
    mesh = open_body_mesh()
    point = ChartLookup(mesh)(np.array([chart]), np.array([u]), np.array([v]))
    along_23 = _skin_per_uv(mesh, int(point.face_M[0]))
    outward_3 = _outward(mesh, int(point.face_M[0]))
    if chart in ALONG_ARM:  # arms point sideways in the rest pose: down the arm is toward the hand
        down_3 = along_23[0] * ALONG_ARM[chart]
    else:  # on horizontal skin, such as the back of a foot, down is toward the toes
        level = abs(outward_3[1]) > 0.9
        down_3 = np.array([0.0, 0.0, 1.0] if level else [0.0, -1.0, 0.0])
    down_3 = down_3 - outward_3 * (down_3 @ outward_3)
    down_3 /= np.linalg.norm(down_3)
    right_3 = np.cross(outward_3, down_3)
    right_2, down_2 = (np.linalg.lstsq(along_23.T, direction, rcond=None)[0] for direction in (right_3, down_3))
    metres_2 = np.linalg.norm(along_23, axis=1)
    right_m, down_m = right_2 * metres_2, down_2 * metres_2
    along_u = bool(abs(right_m[0]) + abs(down_m[1]) >= abs(right_m[1]) + abs(down_m[0]))
    return Bearing(
        right_along_u=along_u,
        right=1 if right_m[0 if along_u else 1] > 0 else -1,
        down=1 if down_m[1 if along_u else 0] > 0 else -1,
        metres_u=float(metres_2[0]),
        metres_v=float(metres_2[1]),
    )


def place_logo(tiles_PSSC: U8, logo: Logo, image_HWC: U8) -> U8:
    """Tiles (24, side, side, 3 or 4) with the logo on one of them, enlarged to `SHARP_SIDE` if smaller.

    Raises ModelError if the box is smaller than a texel.
    """
    tiles_PSSC = enlarged(tiles_PSSC, SHARP_SIDE)
    side = tiles_PSSC.shape[1]
    u0, v0, u1, v1 = logo.box
    bearing = bearing_at(logo.number, (u0 + u1) / 2, (v0 + v1) / 2)
    patch_hwC = orient_in_tile(np.rot90(image_HWC, -logo.turn), bearing)
    wide, high = (u1 - u0) * (side - 1), (v1 - v0) * (side - 1)
    # The chart stretches a tile on the skin. The image keeps its aspect on the skin, not in the tile.
    aspect = patch_hwC.shape[1] / patch_hwC.shape[0] * bearing.metres_v / bearing.metres_u
    rows = round(min(high, wide / aspect))
    columns = round(min(wide, high * aspect))
    if min(columns, rows) < 1:
        raise ModelError("the logo is smaller than a texel", logo.picture, "give the logo a larger box")
    small_hwC = np.asarray(cv2.resize(patch_hwC, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    left = round((u0 + u1) / 2 * (side - 1) - columns / 2)
    top = round((1 - (v0 + v1) / 2) * (side - 1) - rows / 2)
    result = tiles_PSSC.copy()
    window = result[logo.number - 1, max(top, 0) : top + rows, max(left, 0) : left + columns]
    window[...] = alpha_over(window, small_hwC[: window.shape[0], : window.shape[1]])
    return result


def orient_in_tile(image_HWC: U8, bearing: Bearing) -> U8:
    """Rotate and mirror an image for a tile, whose columns are along U and rows against V."""
    if bearing.right_along_u:
        patch = image_HWC[:, :: bearing.right]
        return patch[:: -bearing.down]
    patch = image_HWC.swapaxes(0, 1)[:: -bearing.right]
    return patch[:, :: bearing.down]


def _skin_per_uv(mesh: ChartedMesh, face: int) -> Float:
    """Vectors in space, in metres, of one unit of U and one of V: (2, 3)."""
    corner_33 = mesh.vertex_V3[mesh.face_F3[face]].astype(np.float64)
    uv_32 = mesh.corner_uv_F32[face].astype(np.float64)
    return np.asarray(np.linalg.solve(uv_32[1:] - uv_32[0], corner_33[1:] - corner_33[0]))


def _outward(mesh: ChartedMesh, face: int) -> Float:
    a, b, c = mesh.vertex_V3[mesh.face_F3[face]].astype(np.float64)
    normal = np.cross(b - a, c - a)
    return np.asarray(normal / np.linalg.norm(normal))

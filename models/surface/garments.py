"""Garments: which texels of an atlas a shirt, trousers, a dress … cover. Hems are straight on the body at rest.

A garment is a function of the position on the mean open body (`texels.rest_places`). The function is positive inside
the garment, so the edges do not depend on where charts end. Lengths are those of a body 1.78 m tall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from models.arrays import F32, U8
from models.body.charts import CHART_NAMES
from models.nearest_name import suggest_name
from models.surface.texels import CHARTS, enlarged, enlarged_tile, rest_places

HEIGHTS = {"ankle": 10.0, "calf": 33.0, "knee": 51.0, "thigh": 70.0, "hip": 91.0, "waist": 105.0}
"""Heights of hems over the soles, centimetres."""
SLEEVES = {"none": 0.0, "short": 17.0, "elbow": 25.0, "long": 50.0}
"""Ends of sleeves along the arm from the shoulder joint, centimetres; `none` ends at an armhole."""
NECKS = {"round": (0.076, 0.085, 0.020), "v": (0.085, 0.190, 0.020), "wide": (0.120, 0.100, 0.045), "high": (0, 0, 0)}
"""For each neckline, in metres: half its width, and how far below `NECK_TOP_M` it reaches in front and at the back;
`high` is a collar."""
NECK_TOP_M = 1.53
_COLLAR_M = 1.545
ARM_4 = np.array([[0.178, 1.427, 0.024], [0.352, 1.235, 0.044], [0.483, 1.099, 0.207]], np.float32)
"""Shoulder, elbow and wrist of the left arm at rest, metres."""
_ARMHOLE_2, _ARMPIT_M = np.array([0.158, 1.490]), 1.31
"""A point of the armhole's line (x, y) and the height of its lower end."""
_ARMHOLE_NORMAL_2 = np.array([0.994, 0.106])
HAIRLINE_Z = [-0.05, 0.0, 0.045, 0.075, 0.10, 0.13, 0.17]
HAIRLINE_Y = [1.555, 1.56, 1.60, 1.66, 1.70, 1.735, 1.75]
"""Height of the hairline from the nape to the forehead, metres."""
_EAR_M = 0.079
"""Hair ends at this distance from the middle of the body, metres; ears are farther out."""
SIDE = 512
"""Side of a tile, in texels, at which edges are drawn; atlases with smaller tiles are enlarged."""
FIELD_SIDE = 192
"""Side of a tile, in texels, at which the functions are evaluated; they are smooth, so values for larger tiles can be
interpolated."""
OUTSIDE = np.float32(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Lengths of a garment; None: as usual for it.

    Attributes:
        sleeves: one of `SLEEVES`, or centimetres along the arm from the shoulder.
        neck: one of `NECKS`.
        hem: height of its lower edge (of shoes and boots: upper edge): one of `HEIGHTS`, or centimetres above the
            soles.
        waist: height of the upper edge of trousers, stated in the same way.
    """

    sleeves: str | float | None = None
    neck: str | None = None
    hem: str | float | None = None
    waist: str | float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown length or one that is not positive."""
        for name, known in (("sleeves", SLEEVES), ("neck", NECKS), ("hem", HEIGHTS), ("waist", HEIGHTS)):
            value = getattr(self, name)
            if isinstance(value, str) and value not in known:
                raise ValueError(f"{name} is {value!r}: {suggest_name(value, known)}")
            if isinstance(value, int | float) and not 0 < value < 200:
                raise ValueError(f"{name} is {value}, must be centimetres from 0 to 200")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skin:
    """Places of one chart's texels.

    Attributes:
        limb: torso, arm, hand, leg, foot or head.
        x_SS, y_SS, z_SS: distance from the middle, height, and distance to the front, metres.
        along_SS: along the arm from the shoulder joint, metres; 0 elsewhere.
    """

    limb: str
    x_SS: F32
    y_SS: F32
    z_SS: F32
    along_SS: F32


Shape = Callable[[Skin, Cut], F32]


def top(skin: Skin, cut: Cut) -> F32:
    """A shirt, or the top of a dress or a suit."""
    if skin.limb in ("arm", "hand"):
        return _sleeve(skin, cut)
    inside_SS = np.minimum(skin.y_SS - _height(cut.hem), _below_neckline(skin, cut.neck or "round"))
    if skin.limb == "torso" and cut.sleeves == "none":
        inside_SS = np.minimum(inside_SS, np.maximum(-_beyond_armhole(skin), np.float32(_ARMPIT_M) - skin.y_SS))
    return inside_SS


def trousers(skin: Skin, cut: Cut) -> F32:
    """Trousers or shorts."""
    if skin.limb not in ("torso", "leg", "foot"):
        return np.full_like(skin.y_SS, OUTSIDE)
    return np.minimum(skin.y_SS - _height(cut.hem), _height(cut.waist) - skin.y_SS)


def shoes(skin: Skin, cut: Cut) -> F32:
    """Shoes or boots."""
    if skin.limb not in ("leg", "foot"):
        return np.full_like(skin.y_SS, OUTSIDE)
    return _height(cut.hem) - skin.y_SS


def hair(skin: Skin, cut: Cut) -> F32:
    """The head above the hairline."""
    if skin.limb != "head":
        return np.full_like(skin.y_SS, OUTSIDE)
    above_SS = skin.y_SS - np.interp(skin.z_SS, HAIRLINE_Z, HAIRLINE_Y).astype(np.float32)
    return np.minimum(above_SS, np.float32(_EAR_M) - skin.x_SS)


def bare_skin(skin: Skin, cut: Cut) -> F32:
    """Face, neck and hands."""
    if skin.limb == "head":
        return -hair(skin, cut)
    return skin.along_SS - SLEEVES["long"] / 100 if skin.limb in ("arm", "hand") else np.full_like(skin.y_SS, OUTSIDE)


GARMENTS: dict[str, tuple[Shape, Cut]] = {
    "shirt": (top, Cut(sleeves="short", neck="round", hem="hip")),
    "trousers": (trousers, Cut(hem="ankle", waist="waist")),
    "dress": (top, Cut(sleeves="short", neck="round", hem="knee")),
    "suit": (top, Cut(sleeves="long", neck="high", hem="ankle")),
    "shoes": (shoes, Cut(hem="ankle")),
    "hair": (hair, Cut()),
    "skin": (bare_skin, Cut()),
}
"""Shape and usual lengths of each garment."""


def check_garments(garments: Mapping[str, Cut]) -> None:
    """Raises ValueError for an unknown garment, or for a length that it does not have."""
    for name, cut in garments.items():
        if name not in GARMENTS:
            raise ValueError(f"there is no garment {name!r}: {suggest_name(name, GARMENTS)}")
        usual = GARMENTS[name][1]
        for field in fields(Cut):
            if getattr(cut, field.name) is not None and getattr(usual, field.name) is None:
                has = [one.name for one in fields(Cut) if getattr(usual, one.name) is not None]
                raise ValueError(f"{name} has no {field.name}, but {', '.join(has) or 'no lengths at all'}")


def garment_cover(garments: Mapping[str, Cut], side: int = SIDE) -> U8:
    """How much of each texel some garments cover, (24, side, side): 255 inside, anti-aliased at their edges."""
    cover_PSS = np.zeros((CHARTS, side, side), np.uint8)
    for chart, skin in enumerate(skins()):
        inside_SS = np.full_like(skin.y_SS, OUTSIDE)
        for name, cut in garments.items():
            shape, usual = GARMENTS[name]
            inside_SS = np.maximum(inside_SS, shape(skin, _completed(cut, usual)))
        cover_PSS[chart] = _edged(inside_SS, side)
    return cover_PSS


def with_cover(tiles_PSSC: U8, cover_PSS: U8) -> U8:
    """Tiles whose alpha is multiplied by a cover (255 = 1), (24, side, side, 4); the smaller of the two is enlarged
    first."""
    side = max(tiles_PSSC.shape[1], cover_PSS.shape[1])
    tiles_PSSC, cover_PSS1 = enlarged(tiles_PSSC, side), enlarged(cover_PSS, side)[..., None]
    if tiles_PSSC.shape[3] == 3:
        return np.concatenate([tiles_PSSC, cover_PSS1], axis=3)
    alpha_PSS1 = (tiles_PSSC[..., 3:].astype(np.uint16) * cover_PSS1 + 127) // 255
    return np.concatenate([tiles_PSSC[..., :3], alpha_PSS1.astype(np.uint8)], axis=3)


def _edged(inside_SS: F32, side: int) -> U8:
    """The cover (0..255) of a tile with `side` texels a side, from a function that is positive inside; the edge is one
    texel wide."""
    fine_SS = enlarged_tile(inside_SS, side)
    step_SS = np.hypot(*np.gradient(fine_SS))
    return np.rint(255 * np.clip(0.5 + fine_SS / np.maximum(step_SS, 1e-7), 0, 1)).astype(np.uint8)


def _completed(cut: Cut, usual: Cut) -> Cut:
    chosen = {field.name: getattr(cut, field.name) for field in fields(Cut)}
    return Cut(**{name: getattr(usual, name) if value is None else value for name, value in chosen.items()})


def _height(value: str | float | None) -> np.float32:
    assert value is not None
    return np.float32((HEIGHTS[value] if isinstance(value, str) else value) / 100)


def _sleeve(skin: Skin, cut: Cut) -> F32:
    assert cut.sleeves is not None
    if cut.sleeves == "none":
        return -_beyond_armhole(skin)
    length = SLEEVES[cut.sleeves] if isinstance(cut.sleeves, str) else cut.sleeves
    return np.float32(length / 100) - skin.along_SS


def _beyond_armhole(skin: Skin) -> F32:
    x, y = _ARMHOLE_NORMAL_2
    return np.asarray((skin.x_SS - _ARMHOLE_2[0]) * x + (skin.y_SS - _ARMHOLE_2[1]) * y, np.float32)


def _below_neckline(skin: Skin, neck: str) -> F32:
    """Positive below a neckline: a half ellipse (`v`: a triangle) that is deeper in front than behind."""
    if neck == "high":
        return np.float32(_COLLAR_M) - np.float32(0.25) * skin.z_SS - skin.y_SS
    half, front, back = NECKS[neck]
    ahead_SS = np.clip((skin.z_SS + 0.02) / 0.07, 0, 1)
    depth_SS = back + (front - back) * ahead_SS * ahead_SS * (3 - 2 * ahead_SS)
    beside_SS = np.minimum(skin.x_SS / half, 1)
    drop_SS = depth_SS * (1 - beside_SS if neck == "v" else np.sqrt(1 - beside_SS * beside_SS))
    return np.asarray(NECK_TOP_M - drop_SS - skin.y_SS, np.float32)


@cache
def skins() -> tuple[Skin, ...]:
    """The texels of each chart."""
    place_PSS3 = rest_places(FIELD_SIDE)
    limbs = ["arm" if "arm" in name else "leg" if "leg" in name else name.split()[-1] for name in CHART_NAMES[1:]]
    limbs = [{"back": "torso", "front": "torso", "right": "head", "left": "head"}.get(limb, limb) for limb in limbs]
    return tuple(_skin(limb, place_SS3) for limb, place_SS3 in zip(limbs, place_PSS3, strict=True))


def _skin(limb: str, place_SS3: F32) -> Skin:
    place_SS3 = place_SS3 * np.array([np.sign(float(place_SS3[..., 0].mean())) or 1, 1, 1], np.float32)
    along_SS = _along_arm(place_SS3) if limb in ("arm", "hand") else np.zeros_like(place_SS3[..., 0])
    x_SS, y_SS, z_SS = np.moveaxis(place_SS3, -1, 0)
    return Skin(limb=limb, x_SS=np.abs(x_SS), y_SS=y_SS, z_SS=z_SS, along_SS=along_SS)


def _along_arm(place_SS3: F32) -> F32:
    """Metres along the arm to the nearest point of its bones."""
    shoulder_3, elbow_3, wrist_3 = ARM_4
    upper, lower = float(np.linalg.norm(elbow_3 - shoulder_3)), float(np.linalg.norm(wrist_3 - elbow_3))
    upper_SS = (place_SS3 - shoulder_3) @ ((elbow_3 - shoulder_3) / upper)
    lower_SS = (place_SS3 - elbow_3) @ ((wrist_3 - elbow_3) / lower)
    return np.asarray(np.where(lower_SS > 0, upper + lower_SS, np.minimum(upper_SS, upper)), np.float32)

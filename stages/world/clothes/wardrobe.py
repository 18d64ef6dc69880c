"""The wardrobe: garments, shoes, hair and hats of sewn shape, bound to the open body.

`tools/bake_wardrobe.py` writes its file. The meshes come from MakeHuman's assets (CC0); see WARDROBE_NOTICE.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack
from scipy.spatial import cKDTree

from models.arrays import F32, I32, Index
from models.body.open_body import blend_transforms, load_body
from models.surface.mesh_normals import vertex_normals
from pipeline.stage import StageError
from stages.world.clothes.attachments import AttachedMesh, LabelledFaces, labels_of_nearest_skin, two_sided
from stages.world.clothes.hair_and_hats import scalp_faces
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import mean_rest, rest_normals

WARDROBE_FILE = Path(__file__).with_name("wardrobe.npz")
FORMAT = 1
OFFSET_UNIT = 1e-4
"""Metres: unit of the offsets in the file."""

SMOOTHING = {"upper": 6, "lower": 4, "whole": 5, "shoes": 8, "hair": 3, "hat": 0}
"""How often the skin weights of a kind of garment are averaged with those of its neighbouring vertices."""

SKIRTS, SKIRT_SMOOTHING = ("female_elegantsuit01 lower",), 40

HAIR_FREE = 1.5
"""Metres: hair below this height on the mean body moves in part with the trunk."""

BORDER_ROUNDS = 2
"""How often faces over the border of two charts are cut into four."""

COVER = 0.012
"""Metres of the body's surface by which the painted skin under a garment reaches past its hem."""

SUNK = 0.008
"""Metres by which the skin under a garment sinks, so that it does not come through the cloth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WardrobeMesh:
    """One part of a garment, bound to the open body; W vertices.

    Attributes:
        anchor_WV: weights of the body's vertices, at whose mean each vertex hangs (sparse; rows sum to 1).
        offset_W3: offset from there on the mean body, metres.
        outward_W3: the body's normal there.
        normal_W3: unit normals of the cloth on the mean body.
        size: spread of those places on the mean body, metres.
        skin_WB: skin weights.
        surface: faces with their labels.
    """

    anchor_WV: csr_array
    offset_W3: F32
    outward_W3: F32
    normal_W3: F32
    size: float
    skin_WB: F32
    surface: LabelledFaces


@dataclass(frozen=True, slots=True, kw_only=True)
class WardrobePiece:
    """A garment of the wardrobe: its parts, the largest first, and a signed field of the skin it covers, metres."""

    kind: str
    name: str
    parts: tuple[WardrobeMesh, ...]
    field_V: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class WornMesh:
    """A part of a garment as one person wears it.

    Attributes:
        mesh: the part.
        pattern, gloss, wrinkles: as in `AttachedMesh`.
        loose: metres by which the cloth is wider than in the wardrobe.
        carries: whether the person stands on it, as on shoes.
    """

    mesh: WardrobeMesh
    pattern: Pattern
    gloss: float = 0.05
    wrinkles: float = 0.0
    loose: float = 0.0
    carries: bool = False

    def at_rest(self, vertex_V3: F32) -> RestingMesh:
        """The part on a naked body at rest; it is scaled as the skin that it hangs on."""
        mesh = self.mesh
        place = mesh.anchor_WV @ vertex_V3
        scale = np.float32(_spread(place) / mesh.size)
        return RestingMesh(worn=self, point_W3=place + scale * (mesh.offset_W3 + self.loose * mesh.outward_W3))


def _spread(point_W3: F32) -> float:
    """Root mean square distance of points from their centre, metres."""
    return float(np.sqrt(point_W3.var(axis=0).sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingMesh:
    """A worn part on a body of some shape at rest: its vertices, metres."""

    worn: WornMesh
    point_W3: F32

    def posed(self, transform_B12: F32) -> AttachedMesh:
        """The part moved with the body's bones, whose transforms are those of `bone_transforms`."""
        worn = self.worn
        blended_W34 = blend_transforms(worn.mesh.skin_WB, transform_B12)
        linear = blended_W34[:, :, :3]
        normal = np.einsum("wij,wj->wi", linear, worn.mesh.normal_W3)
        return AttachedMesh(
            vertex_W3=np.einsum("wij,wj->wi", linear, self.point_W3) + blended_W34[:, :, 3],
            normal_W3=normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9), surface=worn.mesh.surface,
            pattern=worn.pattern, gloss=worn.gloss, wrinkles=worn.wrinkles, carries=worn.carries,
        )


@cache
def wardrobe_names() -> dict[str, tuple[str, ...]]:
    """The names of the pieces by kind: upper, lower, whole, shoes, hair, hat."""
    named: dict[str, dict[str, None]] = {}
    for key in _file():
        if key != "format":
            kind, name, _ = key.split("/")
            named.setdefault(kind, {})[name] = None
    return {kind: tuple(names) for kind, names in named.items()}


@cache
def _file() -> dict[str, np.ndarray]:
    """The arrays of the file. Raises: StageError naming it."""
    remedy = "create it: python -m tools.bake_wardrobe CLONE"
    try:
        with np.load(WARDROBE_FILE) as data:
            arrays = {key: data[key] for key in data.files}
    except (OSError, ValueError) as error:
        raise StageError("the wardrobe cannot be read", str(WARDROBE_FILE), remedy) from error
    if int(arrays.get("format", -1)) != FORMAT:
        raise StageError(f"the wardrobe's format is not {FORMAT}", str(WARDROBE_FILE), remedy)
    return arrays


@cache
def wardrobe_piece(kind: str, name: str) -> WardrobePiece:
    """A piece of the wardrobe, read once."""
    arrays = {key.split("/")[2]: value for key, value in _file().items() if key.startswith(f"{kind}/{name}/")}
    face = arrays["face_G3"].astype(np.int32)
    corner, weight = load_body().face_F3[arrays["triangle_W"]], arrays["weight_W3"].astype(np.float32) / 255
    count = len(corner)
    place = np.repeat(np.arange(count), 3), corner.reshape(-1)
    anchor = csr_array(coo_array((weight.reshape(-1), place), (count, len(mean_rest()))))
    offset = arrays["offset_W3"].astype(np.float32) * np.float32(OFFSET_UNIT)
    whole = _Bound(anchor_WV=anchor, offset_W3=offset, skin_WB=_skin_weights(kind, name, anchor, offset, face))
    number = arrays["part_G"]
    parts = tuple(_part(kind, whole, face[number == k]) for k in range(int(number.max()) + 1))
    return WardrobePiece(kind=kind, name=name, parts=parts, field_V=_covered(anchor @ mean_rest(), offset, face))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """Vertices bound to the body; fields as of `WardrobeMesh`."""

    anchor_WV: csr_array
    offset_W3: F32
    skin_WB: F32

    def point(self) -> F32:
        """The vertices (W, 3) on the mean body."""
        return np.asarray(self.anchor_WV @ mean_rest() + self.offset_W3, np.float32)

    def chosen(self, index: Index) -> _Bound:
        """Some of the vertices."""
        return _Bound(anchor_WV=self.anchor_WV[index], offset_W3=self.offset_W3[index], skin_WB=self.skin_WB[index])


def _part(kind: str, whole: _Bound, face_G3: I32) -> WardrobeMesh:
    """Some faces of a garment with their vertices and labels."""
    used, corner = np.unique(face_G3, return_inverse=True)
    mesh, face = whole.chosen(used.astype(np.intp)), corner.reshape(-1, 3).astype(np.int32)
    if kind not in ("hair", "hat"):
        for _ in range(BORDER_ROUNDS):
            mesh, face = _finer_at_borders(mesh, face)
    point = mesh.point()
    return WardrobeMesh(
        anchor_WV=mesh.anchor_WV, offset_W3=mesh.offset_W3,
        outward_W3=np.asarray(mesh.anchor_WV @ rest_normals(), np.float32), normal_W3=vertex_normals(point, face),
        size=_spread(point - mesh.offset_W3), skin_WB=mesh.skin_WB, surface=_labelled(kind, point, two_sided(face)),
    )


@cache
def _skin_tree() -> cKDTree:
    """The centres of the mean body's faces."""
    return cKDTree(mean_rest()[load_body().face_F3].mean(axis=1))


def _finer_at_borders(mesh: _Bound, face_G3: I32) -> tuple[_Bound, I32]:
    """The mesh with each face that lies over several charts cut into four, so that labels follow the borders."""
    body, point = load_body(), mesh.point()
    at = np.concatenate([point[face_G3], point[face_G3].mean(axis=1, keepdims=True)], axis=1)
    chart_G4 = body.chart_F[_skin_tree().query(at.reshape(-1, 3))[1]].reshape(-1, 4)
    mixed = (chart_G4 != chart_G4[:, :1]).any(axis=1)
    a, b, c = face_G3[mixed].T
    edge = np.sort(np.stack([np.stack([a, b], 1), np.stack([b, c], 1), np.stack([c, a], 1)], axis=1), axis=2)
    ends, number = np.unique(edge.reshape(-1, 2), axis=0, return_inverse=True)
    ab, bc, ca = (len(point) + number.reshape(-1, 3)).T
    first, second = mesh.chosen(ends[:, 0].astype(np.intp)), mesh.chosen(ends[:, 1].astype(np.intp))
    finer = _Bound(
        anchor_WV=csr_array(vstack([mesh.anchor_WV, (first.anchor_WV + second.anchor_WV) / 2])),
        offset_W3=np.concatenate([mesh.offset_W3, (first.offset_W3 + second.offset_W3) / 2]),
        skin_WB=np.concatenate([mesh.skin_WB, (first.skin_WB + second.skin_WB) / 2]),
    )
    quarters = [np.stack(one, axis=1) for one in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
    return finer, np.concatenate([face_G3[~mixed], *quarters]).astype(np.int32)


def _labelled(kind: str, point_W3: F32, face_G3: I32) -> LabelledFaces:
    """Faces with the labels of the nearest skin: of the head for hair and hats, else of anything but the eyes."""
    if kind in ("hair", "hat"):
        return scalp_faces(point_W3, face_G3)
    return labels_of_nearest_skin(point_W3, face_G3, mean_rest(), np.flatnonzero(~load_body().eye_F))


def _skin_weights(kind: str, name: str, anchor_WV: csr_array, offset_W3: F32, face_G3: I32) -> F32:
    """Skin weights (W, B): those of the skin beneath, made smooth. Hair moves with the head, and far below in part."""
    body = load_body()
    skin = np.asarray(anchor_WV @ body.weight_VB, np.float32)
    if kind in ("hair", "hat"):
        high = (anchor_WV @ mean_rest() + offset_W3)[:, 1]
        hangs = np.clip((HAIR_FREE - high) / 0.2, 0, 0.8)[:, None]
        of_head = np.zeros_like(skin)
        of_head[:, body.bone("head")] = 1
        skin = (hangs * skin + (1 - hangs) * of_head).astype(np.float32)
    a, b, c = face_G3.T
    row, column = np.concatenate([a, b, c, b, c, a]), np.concatenate([b, c, a, a, b, c])
    near = csr_array(coo_array((np.ones(len(row), np.float32), (row, column)), (len(skin), len(skin))))
    near.data[:] = 1
    degree = np.maximum(np.asarray(near.sum(axis=1)), 1)[:, None]
    for _ in range(SKIRT_SMOOTHING if name in SKIRTS else SMOOTHING[kind]):
        skin = (0.5 * skin + 0.5 * (near @ skin) / degree).astype(np.float32)
    return np.asarray(skin / skin.sum(axis=1, keepdims=True), np.float32)


def _covered(foot_W3: F32, offset_W3: F32, face_G3: I32) -> F32:
    """Signed field (V,) of the skin under a garment, metres, at most `COVER`.

    The point of the garment that is nearest to a covered vertex hangs on the skin near that vertex. Beyond a hem the
    nearest point is on the hem, so the field falls with the distance from it.
    """
    steps = [(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]
    share = np.array(steps, np.float32) / 4
    foot = np.einsum("sk,gkc->gsc", share, foot_W3[face_G3]).reshape(-1, 3)
    cloth = foot + np.einsum("sk,gkc->gsc", share, offset_W3[face_G3]).reshape(-1, 3)
    skin = mean_rest()
    apart, nearest = cKDTree(cloth).query(skin, distance_upper_bound=0.2)
    reached = np.isfinite(apart)
    field = np.full(len(skin), -0.2, np.float32)
    field[reached] = COVER - np.linalg.norm(skin[reached] - foot[nearest[reached]], axis=1)
    return np.maximum(field, np.float32(-0.2))


def hidden_skin(fields: tuple[F32, ...]) -> F32:
    """How deep each vertex of the body is under garments (V,): 0 outside, 1 inside by at least `COVER`."""
    deepest = np.zeros(len(mean_rest()), np.float32)
    for field_V in fields:
        deepest = np.maximum(deepest, field_V)
    return np.clip(deepest / COVER, 0, 1).astype(np.float32)

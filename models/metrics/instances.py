"""Annotated and detected people of one image, and the geodesic errors at annotated points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.arrays import F64, I32, I64, U8, Bool, Float, Int
from models.errors import ModelError
from models.surface.geometry import Geometry

Rle = Mapping[str, Any]

ANNOTATION_SIDE = 255.0
"""Annotated coordinates are from 0 to 255 across the box, as in the reference evaluator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPoints:
    """Annotated points of one person (DensePose-COCO).

    Attributes:
        x_M, y_M: 0..255 across the person's box, float64.
        chart_M: 1..24, int64.
        u_M, v_M: 0..1, float64.
        vertex_M: vertices of a mesh, from 0, int64; −1: unknown. None in files of charts alone.
        mesh: name of that mesh, a key of `variant.MESHES`.
    """

    x_M: F64
    y_M: F64
    chart_M: I64
    u_M: F64
    v_M: F64
    vertex_M: I64 | None = None
    mesh: str = ""

    def __len__(self) -> int:
        return len(self.chart_M)

    def only(self, chosen_K: I64) -> AnnotatedPoints:
        """The points with these indices."""
        arrays = {name: getattr(self, name) for name in ("x_M", "y_M", "chart_M", "u_M", "v_M", "vertex_M")}
        return replace(self, **{name: one[chosen_K] for name, one in arrays.items() if one is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueInstance:
    """An annotated person.

    Attributes:
        box_4: x, y, width, height in pixels, float64.
        area: annotated area in pixels (COCO's `area`).
        crowd: whether it is a region of many people.
        points: None for a person without a surface annotation; the DensePose measures ignore such people.
        mask: compressed run lengths of the whole image, or None.
    """

    box_4: F64
    area: float
    crowd: bool = False
    points: AnnotatedPoints | None = None
    mask: Rle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstance:
    """A detected person.

    Attributes:
        box_4: x, y, width, height in pixels, float64, as detected.
        score: 0..1.
        iuv_3hw: label, U, V on the truncated box, U and V in 1/255: uint8 as in the reference's results, or float
            without rounding.
        mask_hw: the silhouette on the same grid, if it is not where the label is above 0.
        vertex_hw, mesh: of networks that predict embeddings, as in `EmbeddedSurface`.
    """

    box_4: F64
    score: float
    iuv_3hw: U8 | Float
    mask_hw: Bool | None = None
    vertex_hw: I32 | None = None
    mesh: str = ""

    def __post_init__(self) -> None:
        size = tuple(max(int(side), 1) for side in (self.box_4[3], self.box_4[2]))
        if self.iuv_3hw.shape != (3, *size):
            raise ModelError(
                f"the surface map has shape {self.iuv_3hw.shape}, its box needs (3, {size[0]}, {size[1]})",
                "detected person", "compute the map on the box truncated to whole pixels",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInstances:
    """People of one image: its size in pixels, annotated and detected people."""

    height: int
    width: int
    true: Sequence[TrueInstance]
    found: Sequence[FoundInstance]


def points_of_annotation(annotation: Mapping[str, Any]) -> AnnotatedPoints | None:
    """The points of a DensePose-COCO annotation; None without `dp_x`. Raises: ModelError if lengths differ."""
    if "dp_x" not in annotation:
        return None
    keys = ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")
    x, y, chart, u, v = (np.asarray(annotation.get(key, ()), np.float64) for key in keys)
    if not len(x) == len(y) == len(chart) == len(u) == len(v):
        lengths = ", ".join(f"{key} {len(one)}" for key, one in zip(keys, (x, y, chart, u, v), strict=True))
        raise ModelError(f"lists of points differ in length: {lengths}", f"annotation {annotation.get('id', '?')}",
                         "give each point x, y, part, u and v")
    vertices = annotation.get("dp_vertex")
    return AnnotatedPoints(
        x_M=x, y_M=y, chart_M=chart.astype(np.int64), u_M=u, v_M=v, mesh=annotation.get("ref_model", ""),
        vertex_M=None if vertices is None else np.asarray(vertices, np.int64),
    )


def predictions_at_points(true: TrueInstance, found: FoundInstance) -> tuple[Int, Float, Float]:
    """Predicted chart (0 outside of the detected box), U and V at the annotated points' pixels, (M,) each."""
    inside, y, x = pixels_of_points(true, found)
    iuv_3M = found.iuv_3hw[:, y, x]
    return np.where(inside, iuv_3M[0], 0).astype(np.int64), iuv_3M[1] / 255.0, iuv_3M[2] / 255.0


def vertices_at_points(true: TrueInstance, found: FoundInstance) -> Int:
    """Predicted vertex at the annotated points' pixels, (M,); −1 outside of the detected box and of the person."""
    inside, y, x = pixels_of_points(true, found)
    assert found.vertex_hw is not None
    return np.where(inside, found.vertex_hw[y, x], -1)


def pixels_of_points(true: TrueInstance, found: FoundInstance) -> tuple[Bool, Int, Int]:
    """Whether each annotated point is in the detected box, and its row and column there, 0 for those outside."""
    points = true.points
    assert points is not None
    shift_x, shift_y = true.box_4[0], true.box_4[1]
    x = (points.x_M * true.box_4[2] / ANNOTATION_SIDE + shift_x - found.box_4[0]).astype(np.int64)
    y = (points.y_M * true.box_4[3] / ANNOTATION_SIDE + shift_y - found.box_4[1]).astype(np.int64)
    inside = (x >= 0) & (x < int(found.box_4[2])) & (y >= 0) & (y < int(found.box_4[3]))
    return inside, np.where(inside, y, 0), np.where(inside, x, 0)


def point_errors(geometry: Geometry, true: TrueInstance, found: FoundInstance | None) -> Float:
    """Geodesic distance between prediction and truth at each annotated point.

    Args:
        geometry: of the body; annotations and predictions use its charts.
        true: a person with points.
        found: the matched detection; None for a missed person.

    Returns:
        Metres (M,) float64; infinite outside of the detected box, on predicted background, and for a missed person
        (Güler et al. 2018, §4.1).
    """
    assert true.points is not None, "a person without points has no errors"
    if found is None:
        return np.full(len(true.points), np.inf)
    return point_errors_of_all(geometry, true, [found])[0]


def point_errors_of_all(geometry: Geometry, true: TrueInstance, found: Sequence[FoundInstance]) -> Float:
    """`point_errors` of one annotated person for every detection, (D, M), with one call of the geometry.

    Where the annotation, all detections and the geometry have vertices of one mesh, distances are those of vertices, as
    in the reference's evaluation of embeddings; else those of charts, U and V.
    """
    points = true.points
    assert points is not None, "a person without points has no errors"
    if not found:
        return np.zeros((0, len(points)))
    if points.vertex_M is not None and {points.mesh, *(one.mesh for one in found)} == {geometry.mesh_name}:
        vertex_DM = np.concatenate([vertices_at_points(true, one) for one in found])
        error_DM = geometry.vertex_distance(vertex_DM, np.tile(points.vertex_M, len(found)))
        return error_DM.astype(np.float64).reshape(len(found), -1)
    target_M = geometry.nearest(points.chart_M, points.u_M, points.v_M)
    predictions = zip(*(predictions_at_points(true, one) for one in found), strict=True)
    found_DM = geometry.nearest(*(np.concatenate(one) for one in predictions))
    return geometry.distance(found_DM, np.tile(target_M, len(found))).astype(np.float64).reshape(len(found), -1)

"""Simulated annotators: they segment coarse parts and set points in each part, as in the DensePose paper (§2.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.arrays import F64
from models.body.charts import COARSE_OF_CHART
from models.metrics.instances import AnnotatedPoints
from models.surface.chart_lookup import open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from stages.annotations.coco_masks import encode_mask
from stages.annotations.densepose_coco import PART_MASKS, AnnotatedPerson
from stages.annotations.point_picking import POINT_RANGE, resample_to_box_grid, spread_points
from stages.world.scene import Scene

Rng = np.random.Generator

ERROR_OF_CHART: F64 = np.array(
    [0, 0.060, 0.050, *[0.012] * 2, *[0.015] * 2, *[0.045] * 2, *[0.035] * 2, *[0.025] * 4, *[0.025] * 4, *[0.020] * 4,
     *[0.015] * 2]
)
"""Standard deviation of the annotator's error by chart, in metres along each of two directions on the skin. Assumed
values: the paper (§2.2) finds small errors on face, hands and feet, and larger ones on torso, back and hips."""


def annotate_person(
    scene: Scene, number: int, identity: int, image: int, rng: Rng, noise: float = 0.0
) -> AnnotatedPerson:
    """One person of a scene as a DensePose-COCO annotation.

    Args:
        scene: the scene.
        number: instance number, from 1.
        identity, image: ids of the annotation and of its image.
        rng: for the choice of points and for the error.
        noise: scale of the error, in multiples of `ERROR_OF_CHART`; 0 = exact U and V.
    """
    mine_HW = scene.instance_HW == number
    x0, y0, x1, y1 = (int(side) for side in scene.box_N4[number - 1])
    label_hw = np.where(mine_HW[y0:y1, x0:x1], scene.label_HW[y0:y1, x0:x1], 0).astype(np.uint8)
    coarse_hw = COARSE_OF_CHART[label_hw]
    part_GG = resample_to_box_grid(coarse_hw)
    row_M, column_M = spread_points(coarse_hw, np.bincount(part_GG.ravel(), minlength=PART_MASKS + 1), rng)
    chart_M = label_hw[row_M, column_M].astype(np.int64)
    uv_M2: F64 = scene.uv_2HW[:, y0 + row_M, x0 + column_M].T.astype(np.float64)
    if noise > 0 and len(chart_M):
        uv_M2 = add_annotation_error(chart_M, uv_M2, noise, rng)
    keypoint_173 = scene.keypoint_N173[number - 1].astype(np.float64)
    return AnnotatedPerson(
        id=identity, image=image, box_4=(float(x0), float(y0), float(x1 - x0), float(y1 - y0)),
        points=AnnotatedPoints(
            x_M=(column_M + 0.5) * POINT_RANGE / (x1 - x0), y_M=(row_M + 0.5) * POINT_RANGE / (y1 - y0),
            chart_M=chart_M, u_M=uv_M2[:, 0], v_M=uv_M2[:, 1],
        ),
        part_masks=tuple(encode_mask(part_GG == k) if (part_GG == k).any() else None for k in range(1, PART_MASKS + 1)),
        rest={
            "category_id": 1, "iscrowd": 0, "area": float(mine_HW.sum()), "segmentation": encode_mask(mine_HW),
            "keypoints": [round(float(value), 2) for value in keypoint_173.ravel()],
            "num_keypoints": int((keypoint_173[:, 2] > 0).sum()),
        },
    )


def add_annotation_error(chart_M: npt.NDArray[np.int64], uv_M2: F64, noise: float, rng: Rng) -> F64:
    """U and V of points after a normally distributed displacement on the skin, within their charts.

    The map of the point's mesh face turns the displacement on the skin into one of U and V. A point that would leave
    its chart stops at the chart's edge.

    Args:
        chart_M: charts, 1..24.
        uv_M2: exact U and V, 0..1.
        noise: scale of the error, in multiples of `ERROR_OF_CHART`.
    """
    mesh, lookup = open_body_mesh(), open_body_lookup()
    face_M = lookup(chart_M, uv_M2[:, 0], uv_M2[:, 1]).face_M
    corner_M33, uv_M32 = mesh.vertex_V3[mesh.face_F3[face_M]].astype(np.float64), mesh.corner_uv_F32[face_M]
    side_M23 = corner_M33[:, 1:] - corner_M33[:, :1]
    along = side_M23[:, 0] / np.linalg.norm(side_M23[:, 0], axis=1, keepdims=True)
    across = side_M23[:, 1] - (side_M23[:, 1] * along).sum(axis=1, keepdims=True) * along
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    flat_M22 = np.einsum("msk,mwk->msw", side_M23, np.stack([along, across], axis=1))
    uv_side_M22 = (uv_M32[:, 1:] - uv_M32[:, :1]).astype(np.float64)
    step_M2 = rng.normal(size=(len(chart_M), 2)) * noise * ERROR_OF_CHART[chart_M][:, None]
    shares_M2 = np.linalg.solve(flat_M22.transpose(0, 2, 1), step_M2[..., None])[..., 0]
    moved_M2 = uv_M2 + np.einsum("ms,msk->mk", shares_M2, uv_side_M22)
    held = lookup(chart_M, moved_M2[:, 0], moved_M2[:, 1])
    found_M2 = np.einsum("mk,mkd->md", held.weight_M3, mesh.corner_uv_F32[held.face_M].astype(np.float64))
    return np.clip(found_M2, 0, 1)

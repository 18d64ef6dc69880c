"""From a predicted embedding to a person's vertices on the pixels of the box, as in the reference; and to charts, where
a table says which chart, U and V each vertex has."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.arrays import F32
from models.inference.assembly import pixel_grid, resize, to_numpy
from models.inference.confidence import body_probability
from models.inference.nearest_vertex import nearest_vertices
from models.structures import EmbeddedSurface, SurfaceMap
from models.surface.vertex_charts import VertexCharts
from models.variant import MESHES


def assemble_embedding(
    maps: dict[str, Tensor], box_4: F32, vertex_VE: Tensor, charts: VertexCharts | None
) -> SurfaceMap:
    """The embedded surface of one person.

    Args:
        maps: `embedding` (16, S, S) and `coarse_segm` (2, S, S) float32.
        box_4: x0, y0, x1, y1 float32 in pixels of the original frame.
        vertex_VE: embeddings of the mesh's vertices, float32 of length 1.
        charts: of the vertices; None: unknown, then all labels are 0, and the person's pixels are the mask's.

    Embedding and logits are resized to the box before pixels are decided. Confidence: the probability of the person,
    elsewhere that of the background.
    """
    x0, y0, width, height = pixel_grid(box_4)
    mask_hw = (resize(maps["coarse_segm"], (height, width)).argmax(dim=2) == 1).cpu().numpy()
    embedding_Ehw = resize(maps["embedding"], (height, width)).permute(2, 0, 1)
    vertex_hw = nearest_vertices(embedding_Ehw, mask_hw, vertex_VE)
    if charts is None:
        labels_hw, uv_2hw = np.zeros((height, width), np.uint8), np.zeros((2, height, width), np.float32)
    else:
        labels_hw, uv_2hw = charts.at(vertex_hw)
    body_hw = to_numpy(resize(body_probability(maps["coarse_segm"])[None], (height, width))[:, :, 0])
    return SurfaceMap(
        x0=x0,
        y0=y0,
        labels_hw=labels_hw,
        uv_2hw=uv_2hw,
        confidence_hw=np.where(mask_hw, body_hw, 1 - body_hw),
        mask_hw=mask_hw if charts is None else None,
        embedded=EmbeddedSurface(
            vertex_hw=vertex_hw,
            mesh=next((name for name, count in MESHES.items() if count == len(vertex_VE)), ""),
            embedding_ESS=to_numpy(maps["embedding"]),
            coarse_2SS=to_numpy(maps["coarse_segm"]),
        ),
    )


def resized_maps(embedded: EmbeddedSurface) -> tuple[F32, F32]:
    """The embedding (16, h, w) and the logits (2, h, w) of a person, float32, on the pixels of the box."""
    size_hw = embedded.vertex_hw.shape[0], embedded.vertex_hw.shape[1]
    embedding_hwE, coarse_hw2 = (
        resize(torch.from_numpy(one.copy()), size_hw) for one in (embedded.embedding_ESS, embedded.coarse_2SS)
    )
    return to_numpy(embedding_hwE.permute(2, 0, 1)), to_numpy(coarse_hw2.permute(2, 0, 1))

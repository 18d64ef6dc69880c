"""The batches and meshes behind embedding_losses.json: the regions of `loss_recipe`, with vertices as annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tests.golden.loss_recipe import PEOPLE, REGIONS, WITHOUT_POINTS, draw_coarse
from tests.golden.weights_recipe import recipe_weights

HEIGHT, WIDTH = 320, 400
FEATURES, CHANNELS = 32, 16
PUBLISHED = "smpl_27554"


class VertexBatch(NamedTuple):
    """Annotations of each person (None: not annotated) with the name of their mesh, masks, and predicted maps."""

    annotations: list[dict[str, np.ndarray] | None]
    mesh_of: list[str]
    mask_5HW: np.ndarray
    maps: dict[str, Tensor]


class ToyMesh(NamedTuple):
    """Features and the trained part of a mesh's embeddings, and distances on its surface."""

    features_VF: Tensor
    embeddings_FE: Tensor
    distance_VV: Tensor | None


def toy_mesh(vertices: int, seed: int) -> ToyMesh:
    """Vertices along a closed curve of length 3."""
    rng = np.random.default_rng(1000 + seed)
    at_V, waves = np.arange(vertices) / vertices, np.arange(1, FEATURES // 2 + 1)
    angle_VK = 2 * np.pi * np.outer(at_V, waves)
    features_VF = np.concatenate([np.cos(angle_VK), np.sin(angle_VK)], 1) / np.sqrt(FEATURES)
    embeddings_FE = rng.standard_normal((FEATURES, CHANNELS)) / np.sqrt([*waves, *waves])[:, None]
    apart_VV = np.abs(at_V[:, None] - at_V[None])
    distance_VV = 3.0 * np.minimum(apart_VV, 1 - apart_VV)
    return ToyMesh(*(torch.from_numpy(part.astype(np.float32)) for part in (features_VF, embeddings_FE, distance_VV)))


def published_mesh(vertices: int) -> ToyMesh:
    """The mesh of the published networks, with the recipe's weights."""
    key = f"roi_heads.embedder.embedder_{PUBLISHED}."
    drawn = recipe_weights({f"{key}features": (vertices, 256), f"{key}embeddings": (256, CHANNELS)})
    return ToyMesh(torch.from_numpy(drawn[f"{key}features"]), torch.from_numpy(drawn[f"{key}embeddings"]), None)


def draw_vertex_batch(seed: int, side: int, meshes: Mapping[str, int], ignore: bool) -> VertexBatch:
    """The batch of a seed. Args: side: cells of the maps; ignore: every seventh vertex is unknown."""
    rng = np.random.default_rng(seed)
    names = list(meshes)
    annotations: list[dict[str, np.ndarray] | None] = []
    mesh_of: list[str] = []
    for person in range(len(REGIONS)):
        if person == WITHOUT_POINTS:
            annotations.append(None)
            continue
        count = int(rng.integers(20, 90))
        mesh_of.append(names[len(mesh_of) % len(names)])
        coarse_LL = draw_coarse(rng)
        vertex_M = rng.integers(0, meshes[mesh_of[-1]], count)
        if ignore:
            vertex_M[::7] = -1
        xy = [rng.uniform(0, 255.9, count).astype(np.float32) for _ in range(2)]
        annotations.append({"xy_M2": np.stack(xy, 1), "vertex_M": vertex_M.astype(np.int64), "coarse_LL": coarse_LL})
    shape = (len(REGIONS), 2, side, side)
    coarse, embedding = rng.standard_normal(shape), 0.6 * rng.standard_normal((len(REGIONS), CHANNELS, side, side))
    maps = {"coarse_segm": coarse, "embedding": embedding}
    mesh_of.insert(WITHOUT_POINTS, "")
    return VertexBatch(
        annotations, mesh_of, drawn_masks(), {key: torch.from_numpy(v.astype(np.float32)) for key, v in maps.items()}
    )


def drawn_masks() -> np.ndarray:
    """Masks (5, H, W) bool: an ellipse of .9 of each person's box, without a notch on its right."""
    y_HW, x_HW = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    masks = []
    for x0, y0, x1, y1 in np.array(PEOPLE, np.float32):
        x, y, half_w, half_h = (x0 + x1) / 2, (y0 + y1) / 2, 0.45 * (x1 - x0), 0.45 * (y1 - y0)
        inside_HW = ((x_HW - x) / half_w) ** 2 + ((y_HW - y) / half_h) ** 2 < 1
        masks.append(inside_HW & ~((x_HW > x) & (np.abs(y_HW - y) < 0.2 * half_h)))
    return np.stack(masks)

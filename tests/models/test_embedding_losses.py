"""Losses of embeddings and their gradients equal the reference's within 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.embeddings import EmbeddingWeights, VertexPoints, vertex_term
from models.losses.points import visible_points
from models.losses.segmentation import coarse_targets, coarse_term, mask_targets
from tests.golden.embedding_loss_recipe import (
    PUBLISHED,
    VertexBatch,
    draw_vertex_batch,
    published_mesh,
    toy_mesh,
)
from tests.golden.loss_recipe import PEOPLE, REGIONS

pytestmark = pytest.mark.quick

EXPECTED = json.loads((Path(__file__).parents[1] / "golden" / "embedding_losses.json").read_text())
COARSE = 5.0
REGION_54, PERSON_54 = torch.tensor(REGIONS), torch.tensor(PEOPLE)


def points_on(batch: VertexBatch, mesh: str) -> VertexPoints:
    """The annotated points of the people with a mesh, in pixels of their image."""
    rows: list[list[Tensor]] = []
    for index, one in enumerate(batch.annotations):
        if one is not None and batch.mesh_of[index] == mesh:
            box = PERSON_54[index]
            xy = box[:2] + torch.from_numpy(one["xy_M2"]) * (box[2:] - box[:2]) / 256
            vertex = torch.from_numpy(one["vertex_M"])
            rows.append([torch.full_like(vertex, index), xy, vertex])
    region, xy, vertex = (torch.cat(column) for column in zip(*rows, strict=True))
    return VertexPoints(region_M=region, xy_M2=xy, vertex_M=vertex)


def coarse_loss(case: dict[str, Any], batch: VertexBatch) -> Tensor:
    logit = batch.maps["coarse_segm"]
    if case["masks"]:
        mask = torch.from_numpy(batch.mask_5HW)
        return coarse_term(logit, mask_targets(mask, torch.arange(5), REGION_54, case["S"]).long(), COARSE).value()
    known = [index for index, one in enumerate(batch.annotations) if one is not None]
    label = torch.from_numpy(np.stack([batch.annotations[index]["coarse_LL"] for index in known]))
    target = coarse_targets(label, PERSON_54[known], REGION_54[known], case["S"])
    return coarse_term(logit[known], target, COARSE).value()


@pytest.mark.parametrize("name", list(EXPECTED))
def test_values_and_gradients_equal_the_reference(name: str) -> None:
    case = EXPECTED[name]
    batch = draw_vertex_batch(case["seed"], case["S"], case["meshes"], case["ignore"])
    meshes = {
        mesh: published_mesh(count) if mesh == PUBLISHED else toy_mesh(count, case["mesh_seed"][mesh])
        for mesh, count in case["meshes"].items()
    }
    drawn = {**batch.maps, **{f"embeddings[{mesh}]": one.embeddings_FE for mesh, one in meshes.items()}}
    for value in drawn.values():
        value.requires_grad_()
    unit = {key: F.normalize(one.features_VF @ one.embeddings_FE, dim=1, eps=1e-6) for key, one in meshes.items()}
    weights = EmbeddingWeights(scale=case["scale"], spread_m=case["spread"])
    found = {"loss_densepose_S": coarse_loss(case, batch)}
    counts = np.zeros(3, int)
    for mesh, one in meshes.items():
        points, distances = points_on(batch, mesh), one.distance_VV.__getitem__ if case["spread"] else None
        term = vertex_term(batch.maps["embedding"], points, REGION_54, unit[mesh], weights, distances)
        found[f"loss_densepose_E{mesh}"] = term.value()
        counts += (len(points.vertex_M), len(visible_points(points, REGION_54).vertex_M), int(term.divisor))
    assert counts.tolist() == case["points"]
    assert {key: value.item() for key, value in found.items()} == pytest.approx(case["losses"], rel=1e-5)
    torch.stack(list(found.values())).sum().backward()
    norms = {key: drawn[key].grad.norm().item() for key in case["grad_l2"]}
    assert norms == pytest.approx(case["grad_l2"], rel=1e-5)

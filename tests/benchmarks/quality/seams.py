"""Seams of a texture: charts beside embeddings.

    python -m tests.benchmarks.quality.seams CSE.safetensors --picture seams.jpg --charts RCNN.safetensors

CSE.safetensors: weights of `-c train_cse`. First, a synthetic person's exact charts, U and V, and exact embeddings are
read at the centres of 56 cells along each side of the box, and enlarged to pixels as the product does. Then, with
--charts, the two networks predict people of `val` in given boxes: how often neighbouring pixels of one skin jump on the
body. The texture is rings around the body at rest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from models.architecture.rcnn import DensePoseRCNN
from models.arrays import F32, U8, Bool, Float
from models.checkpoints.trained_weights import load_trained
from models.inference.assembly import assemble_surface
from models.inference.embedding_assembly import assemble_embedding
from models.inference.open_network import open_network
from models.network import NetworkConfig
from models.structures import SurfaceMap
from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.vertex_charts import mesh_vertex_charts, vertices_at
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from stages.world.scene import Scene

CELLS, CHARTS = 56, 24
RING_M, FAR_M, STEP_M, JUMP_M = 0.05, 0.03, 0.03, 0.08
"""Height of a ring; an error that counts as far; steps on the body between neighbours: at most that of one skin, and a
jump."""


def places(label_hw: U8, uv_2hw: Float) -> Float:
    """Positions (h, w, 3) on the body at rest, metres; nan off the body."""
    u, v = np.clip(uv_2hw.astype(np.float64), 0, 1).reshape(2, -1)
    mesh, points = open_body_mesh(), open_body_lookup()(label_hw.ravel().astype(np.int64), u, v)
    place_M3 = np.where(points.face_M[:, None] >= 0, corner_mean(mesh.vertex_V3, mesh, points), np.nan)
    return np.asarray(place_M3.reshape(*label_hw.shape, 3))


def cells_of(map_hw: Float, known_hw: Bool) -> Float:
    """A map at the centres of the cells; where it is unknown, its nearest known value."""
    nearest = ndimage.distance_transform_edt(~known_hw, return_distances=False, return_indices=True)
    row, column = (((np.arange(CELLS) + 0.5) * side / CELLS).astype(int) for side in known_hw.shape)
    return np.asarray(map_hw[tuple(nearest)][row][:, column])


def chart_maps(label_hw: U8, uv_2hw: F32) -> dict[str, Tensor]:
    """Exact maps as a network of charts predicts them; U and V of a chart go on beyond it."""
    everywhere = np.ones_like(label_hw, bool)
    fine = np.stack([cells_of(label_hw == chart, everywhere) for chart in range(CHARTS + 1)])
    u, v = np.zeros((2, CHARTS + 1, CELLS, CELLS), np.float32)
    for chart in np.unique(label_hw[label_hw > 0]):
        u[chart], v[chart] = (cells_of(one, label_hw == chart) for one in uv_2hw)
    logit = torch.from_numpy(fine.astype(np.float32)) * 9
    coarse = torch.stack([logit[0], logit[1:].amax(dim=0)])
    return {"fine_segm": logit, "u": torch.from_numpy(u), "v": torch.from_numpy(v), "coarse_segm": coarse}


def exact_surfaces(label_hw: U8, uv_2hw: F32, vertex_VE: Tensor) -> dict[str, SurfaceMap]:
    """A person's surface by each way, from exact maps in cells."""
    box_4 = np.array([0, 0, *label_hw.shape[::-1]], np.float32)
    maps = chart_maps(label_hw, uv_2hw)
    part_M, uv_M2 = label_hw.ravel().astype(np.int64), uv_2hw.reshape(2, -1).T
    vertex_hw = vertices_at(open_body_mesh(), open_body_lookup(), part_M, uv_M2).reshape(label_hw.shape)
    embedding = vertex_VE[torch.from_numpy(cells_of(vertex_hw, label_hw > 0))].permute(2, 0, 1)
    embedded = {"embedding": embedding, "coarse_segm": maps["coarse_segm"]}
    charts = mesh_vertex_charts(open_body_mesh())
    return {
        "charts": assemble_surface(maps, box_4),
        "embeddings": assemble_embedding(embedded, box_4, vertex_VE, charts),
    }


def rings(place_hw3: Float) -> U8:
    """Colours of rings around the body at rest, RING_M high; white off the body."""
    ring_hw = np.floor(place_hw3[..., 1] / RING_M)
    colour = np.where((ring_hw % 2 == 0)[..., None], [30, 60, 140], [250, 200, 60])
    return np.where(np.isfinite(ring_hw)[..., None], colour, 255).astype(np.uint8)


def compare_exact(scene: Scene, vertex_VE: Tensor, picture: Path | None) -> None:
    """Print errors of the scene's tallest person near the borders of charts and elsewhere, and draw rings."""
    number = int((scene.box_N4[:, 3] - scene.box_N4[:, 1]).argmax()) + 1
    x0, y0, x1, y1 = scene.box_N4[number - 1].astype(int)
    shown_hw = scene.instance_HW[y0:y1, x0:x1] == number
    label_hw = np.where(shown_hw, scene.label_HW[y0:y1, x0:x1], 0).astype(np.uint8)
    uv_2hw = scene.uv_2HW[:, y0:y1, x0:x1].astype(np.float32)
    true_hw3 = places(label_hw, uv_2hw)
    found = {
        name: places(one.labels_hw, one.uv_2hw) for name, one in exact_surfaces(label_hw, uv_2hw, vertex_VE).items()
    }
    border_hw = ndimage.morphological_gradient(label_hw, 3) > 0
    near_hw = ndimage.distance_transform_edt(~border_hw) <= max(label_hw.shape) / CELLS
    known_hw = (label_hw > 0) & np.all([np.isfinite(one[..., 0]) for one in found.values()], axis=0)
    for where, at_hw in (("near borders of charts", near_hw & known_hw), ("elsewhere", ~near_hw & known_hw)):
        for name, place_hw3 in found.items():
            error_M = np.linalg.norm(place_hw3 - true_hw3, axis=-1)[at_hw]
            far = 100 * (error_M > FAR_M).mean()
            print(f"{where}, {name}: mean {100 * error_M.mean():.2f} cm, over 3 cm {far:.1f} %, {len(error_M)} pixels")
    if picture:
        row = np.concatenate([rings(one) for one in (true_hw3, *found.values())], axis=1)
        size = row.shape[1] * 2, row.shape[0] * 2
        Image.fromarray(row).resize(size, Image.Resampling.NEAREST).save(picture, quality=85)


def jumps(weights: Path, scenes: int) -> tuple[int, int]:
    """Pairs of neighbouring pixels of one skin, and those of them that a network places over JUMP_M from each other."""
    network = open_network(NetworkConfig(kind="trained", weights=str(weights)), 1)
    pairs = far = 0
    for index in range(scenes):
        scene = image_scene(IMAGE_WORLDS["val"], 0, index)
        true_HW3 = places(scene.label_HW, scene.uv_2HW)
        _, features = network.detect(scene.rgb_HW3[None])
        for surface in network.surfaces(features, [scene.box_N4.astype(np.float32)])[0]:
            found_hw3 = places(surface.labels_hw, surface.uv_2hw)
            y0, x0 = max(surface.y0, 0), max(surface.x0, 0)
            found_hw3 = found_hw3[y0 - surface.y0 :, x0 - surface.x0 :]
            true_hw3 = true_HW3[y0 : y0 + found_hw3.shape[0], x0 : x0 + found_hw3.shape[1]]
            found_hw3 = found_hw3[: true_hw3.shape[0], : true_hw3.shape[1]]
            for axis in (0, 1):
                true, found = (np.linalg.norm(np.diff(one, axis=axis), axis=-1) for one in (true_hw3, found_hw3))
                skin = np.isfinite(found) & (true < STEP_M)
                pairs, far = pairs + int(skin.sum()), far + int((skin & (found > JUMP_M)).sum())
    return pairs, far


def main() -> None:
    """Print both comparisons, and draw the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embeddings", type=Path)
    parser.add_argument("--charts", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--scene", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=12)
    asked = parser.parse_args()
    network, _, _ = load_trained(asked.embeddings)
    assert isinstance(network, DensePoseRCNN) and network.roi_heads.embedder is not None, "needs weights of train_cse"
    with torch.no_grad():
        compare_exact(image_scene(IMAGE_WORLDS["val"], 0, asked.scene), network.roi_heads.embedder(), asked.picture)
    for weights in (asked.charts, asked.embeddings) if asked.charts else ():
        pairs, far = jumps(weights, asked.scenes)
        print(f"{weights}: {pairs} pairs of neighbours, {100 * far / pairs:.1f} % jump")


if __name__ == "__main__":
    main()

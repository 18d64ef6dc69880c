"""The open body in PyTorch: differentiable and in batches, for trainings and for losses on bodies."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Float, Int
from models.body.open_body import load_body


class TorchBody(nn.Module):
    """Vertices, points of the surface, keypoints and bones of N posed bodies.

    Poses are as in `BodyPose`: rotations (N, B, 3, 3), positions of the root (N, 3), shape scores (N, C). Results are
    metres in the frame of the poses, in the module's dtype. Only the vertices that a result needs are computed.
    """

    mean_V3: Tensor
    component_CV3: Tensor
    head_B3: Tensor
    component_CB3: Tensor
    weight_VB: Tensor
    face_F3: Tensor
    used_U: Tensor
    keypoint_JU: Tensor

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        body = load_body()
        used_U = np.flatnonzero((body.keypoint_KV != 0).any(axis=0))
        values: dict[str, Float] = {
            "mean_V3": body.mean_V3, "component_CV3": body.component_CV3, "head_B3": body.bone_mean_B3,
            "component_CB3": body.bone_component_CB3, "weight_VB": body.weight_VB,
            "keypoint_JU": body.keypoint_KV[:, used_U],
        }
        for name, value in values.items():
            self.register_buffer(name, torch.tensor(value, dtype=dtype), persistent=False)
        self.register_buffer("face_F3", torch.tensor(body.face_F3, dtype=torch.int64), persistent=False)
        self.register_buffer("used_U", torch.tensor(used_U), persistent=False)
        self._parents = body.parent_B.tolist()
        self._levels = _levels(self._parents)

    def bones(self, rotation_NB33: Tensor, root_N3: Tensor, shape_NC: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations (N, B, 3, 3) and positions of the heads (N, B, 3) of all bones."""
        head_NB3 = self._heads(shape_NC)
        turned: list[Tensor] = [rotation_NB33[:, 0]] * len(self._parents)
        placed: list[Tensor] = [root_N3] * len(self._parents)
        for level in self._levels:
            above = [self._parents[bone] for bone in level]
            above_NL33 = torch.stack([turned[bone] for bone in above], dim=1)
            step_NL3 = head_NB3[:, level] - head_NB3[:, above]
            turned_NL33 = above_NL33 @ rotation_NB33[:, level]
            placed_NL3 = torch.stack([placed[bone] for bone in above], dim=1)
            placed_NL3 = placed_NL3 + (above_NL33 @ step_NL3[..., None])[..., 0]
            for index, bone in enumerate(level):
                turned[bone], placed[bone] = turned_NL33[:, index], placed_NL3[:, index]
        return torch.stack(turned, dim=1), torch.stack(placed, dim=1)

    def vertices(
        self, rotation_NB33: Tensor, root_N3: Tensor, shape_NC: Tensor, vertex_U: Tensor | None = None
    ) -> Tensor:
        """The vertices (N, U, 3) with the indices `vertex_U`, or all of them."""
        return self.vertices_and_turns(rotation_NB33, root_N3, shape_NC, vertex_U)[0]

    def vertices_and_turns(
        self, rotation_NB33: Tensor, root_N3: Tensor, shape_NC: Tensor, vertex_U: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The vertices (N, U, 3), and the linear part of the skin's transform at each of them (N, U, 3, 3)."""
        turned_NB33, placed_NB3 = self.bones(rotation_NB33, root_N3, shape_NC)
        shift_NB3 = placed_NB3 - (turned_NB33 @ self._heads(shape_NC)[..., None])[..., 0]
        transform_NB12 = torch.cat([turned_NB33.flatten(2), shift_NB3], dim=2)
        every = slice(None) if vertex_U is None else vertex_U
        rest_NU3 = self.mean_V3[every] + torch.einsum("nc,cui->nui", shape_NC, self.component_CV3[:, every])
        blended_NU12 = self.weight_VB[every] @ transform_NB12
        turn_NU33 = blended_NU12[..., :9].unflatten(2, (3, 3))
        return (turn_NU33 @ rest_NU3[..., None])[..., 0] + blended_NU12[..., 9:], turn_NU33

    def points(
        self, rotation_NB33: Tensor, root_N3: Tensor, shape_NC: Tensor, face_M: Int, weight_M3: Float
    ) -> Tensor:
        """Points (N, M, 3) on faces with barycentric weights, as `ChartLookup` finds them for chart, U and V."""
        corner_M3 = self.face_F3[torch.as_tensor(face_M, dtype=torch.int64, device=self.face_F3.device)]
        used_U, index_M3 = torch.unique(corner_M3, return_inverse=True)
        vertex_NU3 = self.vertices(rotation_NB33, root_N3, shape_NC, used_U)
        share_M3 = torch.as_tensor(weight_M3, dtype=vertex_NU3.dtype, device=vertex_NU3.device)
        return torch.einsum("mk,nmki->nmi", share_M3, vertex_NU3[:, index_M3])

    def keypoints(self, rotation_NB33: Tensor, root_N3: Tensor, shape_NC: Tensor) -> Tensor:
        """The keypoints (N, J, 3) of `KEYPOINT_NAMES`."""
        return self.keypoint_JU @ self.vertices(rotation_NB33, root_N3, shape_NC, self.used_U)

    def _heads(self, shape_NC: Tensor) -> Tensor:
        """Heads of the bones in the rest pose (N, B, 3)."""
        return self.head_B3 + torch.einsum("nc,cbi->nbi", shape_NC, self.component_CB3)


def _levels(parents: list[int]) -> list[list[int]]:
    """Lists of bones of equal depth, from the children of the root on."""
    depth: list[int] = []
    for parent in parents:
        depth.append(depth[parent] + 1 if parent >= 0 else 0)
    order = sorted(range(len(parents)), key=depth.__getitem__)
    return [list(level) for rank, level in groupby(order, key=depth.__getitem__) if rank > 0]

"""Random bodies before a camera that looks at their hips: captured poses, limbs exchanged between them, any heading."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from models.body.low_poly import load_low_poly, low_poly_keypoints
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.pose_library import STORED_BONES, load_poses
from models.body.torch_body import TorchBody

LIMB_BONES = (("clavicle", "upperarm", "lowerarm", "wrist"), ("upperleg", "lowerleg", "foot", "toe"))
EXCHANGED = 0.35
"""Share of bodies with an arm, or a leg, of another pose; each of the four by itself."""
SHAKEN, SHAKE = 0.7, 0.08
"""Share of bodies whose rotation vectors are changed, and the standard deviation, radians."""
PITCH = (-0.35, 0.85)
"""Range of the camera's downward tilt, radians."""
ROLL, ANY_ROLL = 0.12, 0.06
"""Standard deviation of the roll, radians, and the share of bodies with any roll."""
DISTANCE = (1.3, 9.6)
"""Metres, evenly by logarithm."""
FRONT, CELLS, THICK = 0.3, 20, 0.15
"""Of seen vertices: least depth; cells of the depth map along the body's box; how far behind it one still counts, m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomBodies:
    """N low-poly bodies, in the axes of a camera that looks at the middle of the hips.

    Attributes:
        point_NL3: relative to the middle of the hips, metres.
        ray_NL2: x and y by depth.
        seen_NL: which vertices face the camera with nothing of the body before them.
    """

    point_NL3: Tensor
    ray_NL2: Tensor
    seen_NL: Tensor


class BodySource(nn.Module):
    """Makes random bodies."""

    normal_L3: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = TorchBody()
        self.vertex_L = torch.from_numpy(load_low_poly().vertex_L.astype(np.int64))
        self.vector_NK3 = torch.from_numpy(load_poses().vector_NK3)
        self.score_SC = torch.from_numpy(load_body().score_SC)
        hips = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
        self.hips_L = torch.from_numpy(low_poly_keypoints()[hips].mean(axis=0))
        self.normal_L3 = torch.from_numpy(resting_normals())

    @torch.inference_mode()
    def forward(self, count: int, random: torch.Generator) -> RandomBodies:
        """`count` bodies."""
        turn_NB33 = _rotations(self._vectors(count, random))
        turn_NB33[:, 0] = _headings(count, random) @ turn_NB33[:, 0]
        shape_NC = self.score_SC[torch.randint(len(self.score_SC), (count,), generator=random)]
        point_NL3, normal_NL3 = self._posed(turn_NB33, shape_NC)
        point_NL3 = point_NL3 - torch.einsum("l,nli->ni", self.hips_L, point_NL3)[:, None]
        low, high = np.log(DISTANCE)
        away_N = (low + (high - low) * torch.rand(count, generator=random)).exp()
        there_NL3 = point_NL3 + torch.nn.functional.pad(away_N[:, None, None], (2, 0))
        ray_NL2 = there_NL3[..., :2] / there_NL3[..., 2:].clamp(min=FRONT)
        faces_NL = (normal_NL3 * there_NL3).sum(2) < 0
        seen_NL = faces_NL & (there_NL3[..., 2] > FRONT) & _in_front(ray_NL2, there_NL3[..., 2])
        return RandomBodies(point_NL3=point_NL3, ray_NL2=ray_NL2, seen_NL=seen_NL)

    def _vectors(self, count: int, random: torch.Generator) -> Tensor:
        """Rotation vectors of `STORED_BONES` (N, K, 3)."""
        vector_NK3 = self.vector_NK3[torch.randint(len(self.vector_NK3), (count,), generator=random)]
        for bones in limbs():
            other_NK3 = self.vector_NK3[torch.randint(len(self.vector_NK3), (count,), generator=random)]
            changed_N11 = torch.rand(count, 1, 1, generator=random) < EXCHANGED
            vector_NK3[:, bones] = torch.where(changed_N11, other_NK3[:, bones], vector_NK3[:, bones])
        shaken_N11 = torch.rand(count, 1, 1, generator=random) < SHAKEN
        return vector_NK3 + SHAKE * shaken_N11 * torch.randn(vector_NK3.shape, generator=random)

    def _posed(self, turn_NB33: Tensor, shape_NC: Tensor) -> tuple[Tensor, Tensor]:
        """The low-poly vertices and their normals (N, L, 3), which turn with the skin."""
        place_N3 = torch.zeros(len(turn_NB33), 3)
        point_NL3, turned_NL33 = self.body.vertices_and_turns(turn_NB33, place_N3, shape_NC, self.vertex_L)
        return point_NL3, (turned_NL33 @ self.normal_L3[..., None])[..., 0]


@cache
def limbs() -> list[list[int]]:
    """Places of the bones of each arm and each leg in `STORED_BONES`."""
    return [
        [k for k, name in enumerate(STORED_BONES) if name.startswith(part) and name.endswith(side)]
        for part in LIMB_BONES
        for side in "LR"
    ]


def resting_normals() -> np.ndarray:
    """Unit normals of the low-poly vertices at rest (L, 3)."""
    body = load_body()
    corner_F33 = body.mean_V3[body.face_F3]
    area_F3 = np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0])
    normal_V3 = np.zeros_like(body.mean_V3)
    for corner in range(3):
        np.add.at(normal_V3, body.face_F3[:, corner], area_F3)
    normal_L3 = normal_V3[load_low_poly().vertex_L]
    return normal_L3 / np.maximum(np.linalg.norm(normal_L3, axis=1, keepdims=True), 1e-12)


def rotations_of(vector_X3: Tensor) -> Tensor:
    """Rotation matrices (…, 3, 3) of rotation vectors (…, 3), by Rodrigues' formula."""
    angle = vector_X3.norm(dim=-1, keepdim=True).clamp(min=1e-8)
    x, y, z = (vector_X3 / angle).unbind(-1)
    none = torch.zeros_like(x)
    cross_X33 = torch.stack([none, -z, y, z, none, -x, -y, x, none], -1).unflatten(-1, (3, 3))
    angle = angle[..., None]
    return torch.eye(3) + angle.sin() * cross_X33 + (1 - angle.cos()) * (cross_X33 @ cross_X33)


def _rotations(vector_NK3: Tensor) -> Tensor:
    """Rotations of all bones (N, B, 3, 3); all toes turn as the first."""
    body = load_body()
    turn_NB33 = torch.eye(3).repeat(len(vector_NK3), len(body.bones), 1, 1)
    turn_NB33[:, [body.bone(name) for name in STORED_BONES]] = rotations_of(vector_NK3)
    for side in "LR":
        toes = [body.bone(f"toe{toe}-1.{side}") for toe in range(2, 6)]
        turn_NB33[:, toes] = turn_NB33[:, [body.bone(f"toe1-1.{side}")]]
    return turn_NB33


def _headings(count: int, random: torch.Generator) -> Tensor:
    """From the world's axes to the camera's (N, 3, 3): a heading, the camera's tilt, a roll."""
    share_N = torch.rand(count, 4, generator=random)
    roll_N = ROLL * torch.randn(count, generator=random) + 2 * np.pi * (share_N[:, 0] < ANY_ROLL) * share_N[:, 1]
    none_N = torch.zeros(count)
    yaw_N = 2 * np.pi * share_N[:, 2]
    pitch_N = -(PITCH[0] + (PITCH[1] - PITCH[0]) * share_N[:, 3])
    yaw_N33, pitch_N33, roll_N33 = (
        rotations_of(torch.stack(axes, 1))
        for axes in ((none_N, yaw_N, none_N), (pitch_N, none_N, none_N), (none_N, none_N, roll_N))
    )
    return roll_N33 @ pitch_N33 @ torch.diag(torch.tensor([1.0, -1, -1])) @ yaw_N33


def _in_front(ray_NL2: Tensor, depth_NL: Tensor) -> Tensor:
    """Which vertices (N, L) are at most `THICK` behind the nearest one of their cell."""
    low_N12, high_N12 = ray_NL2.amin(1, keepdim=True), ray_NL2.amax(1, keepdim=True)
    cell_NL2 = ((ray_NL2 - low_N12) / (high_N12 - low_N12).amax(2, keepdim=True) * CELLS).long().clamp(0, CELLS - 1)
    index_NL = cell_NL2[..., 0] * CELLS + cell_NL2[..., 1]
    nearest_NQ = torch.full((len(ray_NL2), CELLS * CELLS), np.inf).scatter_reduce(1, index_NL, depth_NL, "amin")
    return depth_NL < nearest_NQ.gather(1, index_NL) + THICK

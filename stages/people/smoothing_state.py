"""The state of temporal smoothing as named arrays, so that an interrupted run continues exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import astuple, fields

import numpy as np

from stages.people.joint_fusion import JointEstimate
from stages.people.look_ahead import BufferedChunk, BufferedFrame, ChunkBuffer
from stages.people.optical_flow import CellGrid, FlowField
from stages.people.surface_arrays import NamedArrays, SavedArrays, surface_from_arrays, surface_to_arrays
from stages.people.surface_estimate import EstimateLayers, SurfaceEstimate

GRID_FIELDS = [spec.name for spec in fields(CellGrid)]


def estimates_to_arrays(name: str, estimates: Mapping[int, SurfaceEstimate]) -> NamedArrays:
    """Estimates by identity as arrays whose names begin with `name`."""
    arrays: NamedArrays = {f"{name}_ids": np.array(list(estimates), np.int64)}
    for identity, estimate in estimates.items():
        key = f"{name}_{identity}"
        arrays |= {
            f"{key}_grid": np.array(astuple(estimate.grid), np.int64),
            f"{key}_labels": estimate.labels_hw,
            f"{key}_known": estimate.values_hw4,
        }
    return arrays


def estimates_from_arrays(name: str, arrays: SavedArrays) -> dict[int, SurfaceEstimate]:
    """The inverse of `estimates_to_arrays`."""
    found = {}
    for identity in arrays[f"{name}_ids"].tolist():
        key = f"{name}_{identity}"
        grid = CellGrid(**dict(zip(GRID_FIELDS, arrays[f"{key}_grid"].tolist(), strict=True)))
        found[identity] = SurfaceEstimate(
            grid=grid, labels_hw=arrays[f"{key}_labels"], values_hw4=arrays[f"{key}_known"]
        )
    return found


def joints_to_arrays(name: str, joints: Mapping[int, JointEstimate]) -> NamedArrays:
    """Keypoints by identity as arrays whose names begin with `name`."""
    arrays: NamedArrays = {f"{name}_ids": np.array(list(joints), np.int64)}
    for identity, one in joints.items():
        arrays |= {f"{name}_{identity}_keypoints": one.keypoint_K3, f"{name}_{identity}_weights": one.weight_K}
    return arrays


def joints_from_arrays(name: str, arrays: SavedArrays) -> dict[int, JointEstimate]:
    """The inverse of `joints_to_arrays`."""
    return {
        identity: JointEstimate(
            keypoint_K3=arrays[f"{name}_{identity}_keypoints"], weight_K=arrays[f"{name}_{identity}_weights"]
        )
        for identity in arrays[f"{name}_ids"].tolist()
    }


def frames_to_arrays(buffered: deque[BufferedFrame]) -> NamedArrays:
    """The frames of the look-ahead buffer, in order."""
    arrays: NamedArrays = {"sights": np.array(len(buffered))}
    for number, frame in enumerate(buffered):
        name = f"sight_{number}"
        arrays[f"{name}_place"] = np.array(list(frame.position.items()), np.int64).reshape(-1, 2)
        arrays[f"{name}_forth"] = np.array(list(frame.flow), np.int64)
        for identity, flow in frame.flow.items():
            arrays[f"{name}_way_{identity}"] = np.stack([flow.x_hw, flow.y_hw, flow.trust_hw])
        fused = {identity: layers.packed(frame.measured[identity].grid) for identity, layers in frame.fused.items()}
        arrays |= estimates_to_arrays(f"{name}_first", frame.measured) | estimates_to_arrays(f"{name}_steady", fused)
        arrays |= joints_to_arrays(f"{name}_joints", frame.joints) | joints_to_arrays(
            f"{name}_steady_joints", frame.fused_joints
        )
    return arrays


def frames_from_arrays(arrays: SavedArrays) -> deque[BufferedFrame]:
    """The inverse of `frames_to_arrays`."""
    buffered: deque[BufferedFrame] = deque()
    for number in range(int(arrays["sights"])):
        name = f"sight_{number}"
        fused = estimates_from_arrays(f"{name}_steady", arrays)
        flows = {identity: arrays[f"{name}_way_{identity}"] for identity in arrays[f"{name}_forth"].tolist()}
        buffered.append(
            BufferedFrame(
                position=dict(arrays[f"{name}_place"].tolist()),
                measured=estimates_from_arrays(f"{name}_first", arrays),
                fused={identity: EstimateLayers.of(estimate) for identity, estimate in fused.items()},
                flow={
                    identity: FlowField(x_hw=x_hw, y_hw=y_hw, trust_hw=trust_hw)
                    for identity, (x_hw, y_hw, trust_hw) in flows.items()
                },
                joints=joints_from_arrays(f"{name}_joints", arrays),
                fused_joints=joints_from_arrays(f"{name}_steady_joints", arrays),
            )
        )
    return buffered


def chunks_to_arrays(buffer: ChunkBuffer) -> NamedArrays:
    """The chunks of the look-ahead buffer with all their surfaces."""
    sizes = [(len(chunk.people), chunk.frames) for chunk in buffer.chunks]
    arrays: NamedArrays = {"chunks": np.array(sizes, np.int64).reshape(-1, 2)}
    for number, chunk in enumerate(buffer.chunks):
        for position, surface in enumerate(chunk.people):
            arrays |= surface_to_arrays(f"chunk_{number}_{position}", surface)
    return arrays


def chunks_from_arrays(arrays: SavedArrays) -> ChunkBuffer:
    """The inverse of `chunks_to_arrays`."""
    buffer = ChunkBuffer()
    for number, (count, frames) in enumerate(arrays["chunks"].tolist()):
        people = [surface_from_arrays(f"chunk_{number}_{position}", arrays) for position in range(count)]
        buffer.chunks.append(BufferedChunk(people=people, frames=frames))
    return buffer

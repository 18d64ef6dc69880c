"""Cloth as rings around a part of the body: each is the convex hull of the part, so it is wide enough in any pose."""

from __future__ import annotations

import numpy as np

from models.arrays import F32, I32, Float, Index

SIDES = 48
"""Number of points of a ring."""


def angles() -> Float:
    """Angles of the points of a ring, radians, from its first axis toward its second."""
    return 2 * np.pi * np.arange(SIDES) / SIDES


def directions() -> Float:
    """Cosines and sines of the angles (2, SIDES)."""
    return np.stack([np.cos(angles()), np.sin(angles())])


def ring_faces(rings: int) -> I32:
    """Triangles of a tube of rings, with their fronts outside."""
    ring, side = np.meshgrid(np.arange(rings - 1), np.arange(SIDES), indexing="ij")
    a, b = (ring * SIDES + side).reshape(-1), (ring * SIDES + (side + 1) % SIDES).reshape(-1)
    c, d = a + SIDES, b + SIDES
    return np.stack([np.stack([a, c, b], 1), np.stack([b, c, d], 1)], axis=1).reshape(-1, 3).astype(np.int32)


def ring_members(value_V: F32, levels: Float, step: float) -> tuple[Index, Index]:
    """Vertices ring by ring, within 0.8 steps of each level, and the start of each ring in that list."""
    members = [np.flatnonzero(np.abs(value_V - level) < 0.8 * step) for level in levels]
    start = np.cumsum([0, *[len(one) for one in members[:-1]]])
    return np.concatenate(members), start


def ring_centers(vertex_V3: F32, member: Index, start: Index) -> Float:
    """Centres of the rings' vertices, smoothed along the rings, (R, 3)."""
    count = np.diff([*start, len(member)])[:, None]
    center = np.add.reduceat(vertex_V3[member].astype(np.float64), start, axis=0) / count
    for _ in range(2):
        padded = np.pad(center, ((1, 1), (0, 0)), mode="edge")
        center = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return center


def ring_normals(center_R3: Float) -> Float:
    """Unit directions from each ring to the next (R, 3)."""
    down = np.gradient(center_R3, axis=0)
    return np.asarray(down / (np.linalg.norm(down, axis=1, keepdims=True) + 1e-9), np.float64)


def perpendicular(direction_R3: Float, down_R3: Float) -> Float:
    """Unit vectors (R, 3): the given directions projected into the planes of the rings."""
    flat = direction_R3 - (direction_R3 * down_R3).sum(1, keepdims=True) * down_R3
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9), np.float64)


def ring_radii(
    vertex_V3: F32, member: Index, start: Index, frame: tuple[Float, Float, Float], narrowing: float
) -> Float:
    """Distance of the cloth from the centre of each ring at each angle, (R, SIDES) metres.

    Args:
        member, start: vertices ring by ring, of `ring_members`.
        frame: centre, first and second axis of each ring.
        narrowing: minimum radius of a ring relative to the ring above, as cloth does not follow hollows.
    """
    center, first, second = frame
    cos_sin = directions()
    ring_of = np.repeat(np.arange(len(start)), np.diff([*start, len(member)]))
    offset = vertex_V3[member] - center[ring_of]
    flat = np.stack([(offset * first[ring_of]).sum(1), (offset * second[ring_of]).sum(1)], axis=1)
    support = np.maximum(np.maximum.reduceat(flat @ cos_sin, start, axis=0), 0.03)
    angle = angles()
    cosine = np.cos(angle[:, None] - angle)
    # The hull's radius at an angle is the smallest that its tangents allow.
    with np.errstate(divide="ignore"):
        allow = np.where(cosine > 0.05, 1 / np.maximum(cosine, 1e-3), np.inf)
    reach = (support[:, None, :] * allow).min(axis=2)
    for k in range(1, len(start)):
        reach[k] = np.maximum(reach[k], narrowing * reach[k - 1])
    return _smooth(reach)


def ring_points(reach_RS: Float, frame: tuple[Float, Float, Float]) -> F32:
    """Points (R, SIDES, 3) at the given radii."""
    center, first, second = frame
    cos_sin = directions()
    ring = reach_RS[..., None] * (cos_sin[0][:, None] * first[:, None, :] + cos_sin[1][:, None] * second[:, None, :])
    return (center[:, None] + ring).astype(np.float32)


def _smooth(reach_RS: Float) -> Float:
    """Radii smoothed along the cloth and around it, never reduced."""
    padded = np.pad(reach_RS, ((1, 1), (0, 0)), mode="edge")
    mean = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    around = (np.roll(mean, 1, 1) + 2 * mean + np.roll(mean, -1, 1)) / 4
    return np.maximum(reach_RS, around)

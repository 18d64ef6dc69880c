"""Memories, ways, surfaces and sights as named arrays, so that a smoothing can be interrupted and go on exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.payloads import Surface
from stages.people.layers import Layers, Memory
from stages.people.motion import Grid, Way
from stages.people.sights import Chunk, Sight, Waiting

Arrays = dict[str, npt.NDArray[Any]]
Kept = Mapping[str, npt.NDArray[Any]]
GRID_FIELDS = [spec.name for spec in fields(Grid)]


def memories_kept(name: str, memories: Mapping[int, Memory]) -> Arrays:
    """Memories by identity, under names that begin with `name`."""
    arrays: Arrays = {f"{name}_ids": np.array(list(memories), np.int64)}
    for identity, memory in memories.items():
        key = f"{name}_{identity}"
        arrays |= {
            f"{key}_grid": np.array(astuple(memory.grid), np.int64),
            f"{key}_labels": memory.labels_hw,
            f"{key}_known": memory.known_hw4,
        }
    return arrays


def memories_read(name: str, kept: Kept) -> dict[int, Memory]:
    """What `memories_kept` put under that name."""
    found = {}
    for identity in kept[f"{name}_ids"].tolist():
        key = f"{name}_{identity}"
        grid = Grid(**dict(zip(GRID_FIELDS, kept[f"{key}_grid"].tolist(), strict=True)))
        found[identity] = Memory(grid=grid, labels_hw=kept[f"{key}_labels"], known_hw4=kept[f"{key}_known"])
    return found


def sights_kept(sights: deque[Sight]) -> Arrays:
    """Frames that were seen and not given out, in order."""
    arrays: Arrays = {"sights": np.array(len(sights))}
    for number, sight in enumerate(sights):
        name = f"sight_{number}"
        arrays[f"{name}_place"] = np.array(list(sight.place.items()), np.int64).reshape(-1, 2)
        arrays[f"{name}_forth"] = np.array(list(sight.forth), np.int64)
        for identity, way in sight.forth.items():
            arrays[f"{name}_way_{identity}"] = np.stack([way.x_hw, way.y_hw, way.trust_hw])
        steady = {identity: layers.memory(sight.first[identity].grid) for identity, layers in sight.steady.items()}
        arrays |= memories_kept(f"{name}_first", sight.first) | memories_kept(f"{name}_steady", steady)
    return arrays


def sights_read(kept: Kept) -> deque[Sight]:
    """What `sights_kept` gave."""
    found: deque[Sight] = deque()
    for number in range(int(kept["sights"])):
        name = f"sight_{number}"
        steady = memories_read(f"{name}_steady", kept)
        ways = {identity: kept[f"{name}_way_{identity}"] for identity in kept[f"{name}_forth"].tolist()}
        found.append(
            Sight(
                place=dict(kept[f"{name}_place"].tolist()),
                first=memories_read(f"{name}_first", kept),
                steady={identity: Layers.of(memory) for identity, memory in steady.items()},
                forth={identity: Way(x_hw=way[0], y_hw=way[1], trust_hw=way[2]) for identity, way in ways.items()},
            )
        )
    return found


def waiting_kept(waiting: Waiting) -> Arrays:
    """Chunks that wait, with all their surfaces."""
    arrays: Arrays = {"chunks": np.array([(len(c.people), c.frames) for c in waiting.chunks], np.int64).reshape(-1, 2)}
    for number, chunk in enumerate(waiting.chunks):
        for place, surface in enumerate(chunk.people):
            key = f"chunk_{number}_{place}"
            arrays |= {
                f"{key}_corner": np.array([surface.x0, surface.y0], np.int64),
                f"{key}_labels": surface.labels_hw,
                f"{key}_uv": surface.uv_2hw,
            }
            if surface.confidence_hw is not None:
                arrays[f"{key}_confidence"] = surface.confidence_hw
    return arrays


def waiting_read(kept: Kept) -> Waiting:
    """What `waiting_kept` gave."""
    found = Waiting()
    for number, (count, frames) in enumerate(kept["chunks"].tolist()):
        found.chunks.append(Chunk(people=[_surface(kept, f"chunk_{number}_{k}") for k in range(count)], frames=frames))
    return found


def _surface(kept: Kept, key: str) -> Surface:
    x0, y0 = kept[f"{key}_corner"].tolist()
    return Surface(
        x0=x0,
        y0=y0,
        labels_hw=kept[f"{key}_labels"],
        uv_2hw=kept[f"{key}_uv"],
        confidence_hw=kept.get(f"{key}_confidence"),
    )

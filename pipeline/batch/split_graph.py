"""Splits the graph of a run for a batch: the graphs of a shard, of a tail, and of a probe of an input's length."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.batch.units import Unit
from pipeline.configuration.config import RunConfig
from pipeline.configuration.conversion import ConfigError
from pipeline.configuration.graph import Node, build_graph, stage_class

WRITE_SHARDS, READ_SHARDS = "write_shards", "read_shards"
"""The stage that writes the results of a shard, and the stage that reads them in the tail."""
RANGE = ("first_frame", "end_frame")
"""The settings of a source that can be split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRun:
    """The runs of a batch, by kind of unit; without `shard` and `tail`, no input is split.

    Attributes:
        whole, probe, shard, tail: see `pipeline.batch.units.Unit`.
        source: name of the source stage.
    """

    whole: RunConfig
    probe: RunConfig
    shard: RunConfig | None
    tail: RunConfig | None
    source: str


def split_run(config: RunConfig, table: Mapping[str, str]) -> SplitRun:
    """Split the graph of a run before the first stage that needs its packets in order.

    Raises ConfigError if videos are to be split and the graph or its source does not allow it.
    """
    nodes = config.graph.nodes
    source = nodes[0].name
    ordered = next((position for position, node in enumerate(nodes) if node.sequential and position), len(nodes))
    probe = _run_of(config, "probe", nodes[:1], table)
    assert config.settings.batch is not None
    if config.settings.batch.most_shards == 1:
        return SplitRun(whole=config, probe=probe, shard=None, tail=None, source=source)
    if not all(hasattr(config.stages[source], key) for key in RANGE):
        what = f"the source '{source}' cannot be split: it has no settings {' and '.join(RANGE)}"
        raise ConfigError(what, "batch.most_shards", "set it to 1")
    writer, reader = (_node_names(name, table) for name in (WRITE_SHARDS, READ_SHARDS))
    head, rest = [node.name for node in nodes[:ordered]], [node.name for node in nodes[ordered:]]
    return SplitRun(
        whole=config,
        probe=probe,
        shard=_run_of(config, "shard", [*head, writer], table),
        tail=_run_of(config, "tail", [source, reader, *rest], table),
        source=source,
    )


def run_of(parts: SplitRun, unit: Unit, shards: Sequence[tuple[int, str]], path: str) -> RunConfig:
    """The run of one unit; `shards` are the files that the tail of the input `path` reads: (first frame, file)."""
    if unit.kind in ("whole", "probe"):
        return parts.whole if unit.kind == "whole" else parts.probe
    run = parts.shard if unit.kind == "shard" else parts.tail
    assert run is not None
    stages = dict(run.stages)
    if unit.kind == "shard":
        frames = dict(zip(RANGE, (unit.first, unit.end), strict=True))
        stages[parts.source] = dataclasses.replace(stages[parts.source], **frames)
    else:
        stages[READ_SHARDS] = dataclasses.replace(stages[READ_SHARDS], shards={path: tuple(shards)})
    return dataclasses.replace(run, stages=stages)


def fixed_chunk(parts: SplitRun) -> int:
    """Frames per packet where the source's settings fix them, else 1."""
    chunk = getattr(parts.whole.stages[parts.source], "chunk", 1)
    return chunk if isinstance(chunk, int) else 1


def _node_names(name: str, table: Mapping[str, str]) -> str:
    if name not in table:
        raise ConfigError(f"there is no stage '{name}'", "batch", "set batch.most_shards to 1")
    return name


def _run_of(config: RunConfig, lane: str, members: Sequence[Node | str], table: Mapping[str, str]) -> RunConfig:
    """A run of a single lane; stages that the configuration does not place use their defaults."""
    names = [member if isinstance(member, str) else member.name for member in members]
    classes = {name: stage_class(name, table) for name in names}
    graph = build_graph([(lane, names)], classes, config.name)
    stages: dict[str, Any] = {}
    for name, cls in classes.items():
        stages[name] = config.stages[name] if name in config.stages else getattr(cls, "Config")()  # noqa: B009
    return dataclasses.replace(config, graph=graph, stages=stages)

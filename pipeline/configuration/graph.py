"""The graph: wires stages by the annotations of `__call__` to a checked chain of lanes."""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Union

from pipeline.stage import Job, PlainError, Stage

Role = Literal["source", "map", "tap", "sink"]


ROOT = Path(__file__).resolve().parents[2]
OURS = ("models", "pipeline", "stages")
"""The packages of this program, whose names other packages may have too."""


class GraphError(PlainError):
    """Stages that do not fit together."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A payload that a stage takes: its type, and whether it may be absent (`X | None`, then passed as None)."""

    type: type
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A stage in the graph.

    Attributes:
        name: as the configuration calls it.
        cls: its class.
        role: see `pipeline.stage.Stage`.
        takes: payloads of `__call__`, in order.
        makes: types of the payloads it yields; receipts for a sink.
        sequential: built for each stream and fed in order (ordered stages and sources).
    """

    name: str
    cls: type[Stage]
    role: Role
    takes: tuple[Port, ...]
    makes: tuple[type, ...]
    sequential: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Stages that call each other directly in one process.

    Attributes:
        name: as the configuration calls it.
        nodes: its stages, in order.
        ordered: True when packets of a stream must come in sequence; such a lane has one replica.
        imports: payload types of earlier lanes that it takes.
        exports: payload types that it makes and later lanes take.
        onward: payload types of this or earlier lanes that later lanes take; other payloads are dropped here.
        last: whether it is the last lane.
    """

    name: str
    nodes: tuple[Node, ...]
    ordered: bool
    imports: tuple[type, ...]
    exports: tuple[type, ...]
    onward: tuple[type, ...]
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A chain of lanes; packets pass through all of them, in order."""

    lanes: tuple[Lane, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every stage, in order."""
        return tuple(node for lane in self.lanes for node in lane.nodes)


def stage_class(name: str, table: Mapping[str, str]) -> type[Stage]:
    """The class that the stage table (`name -> module:Class`) holds under a name; imports its module.

    Raises GraphError when the module or the class is absent.
    """
    module_name, _, class_name = table[name].partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ImportError as error:
        refuse_foreign_packages(error)
        if not isinstance(error, ModuleNotFoundError):
            raise
        raise GraphError(
            f"stage '{name}' needs the module '{error.name}'", table[name], "install it (see the README)"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Stage)):
        raise GraphError(f"stage '{name}' is no subclass of Stage", table[name], "correct the stage table")
    return found


def refuse_foreign_packages(error: ImportError) -> None:
    """Raises GraphError if an import failed because a user's own package has the name of one of this program."""
    name = (error.name or "").partition(".")[0]
    module = sys.modules.get(name)
    if name in OURS and module is not None:
        places = [*getattr(module, "__path__", []), getattr(module, "__file__", None) or ""]
        if not any(Path(place).is_relative_to(ROOT) for place in places if place):
            what = f"another package is called '{name}' and is found before this program's"
            raise GraphError(what, places[0], "rename it, or put this clone first on PYTHONPATH") from error


def read_node(name: str, cls: type[Stage]) -> Node:
    """Read role, inputs and outputs of a stage from its annotations. Raises GraphError if these are unusable."""
    hints = typing.get_type_hints(cls.__call__)
    parameters = [p for p in inspect.signature(cls.__call__).parameters if p != "self"]
    missing = [p for p in [*parameters, "return"] if p not in hints]
    if missing or not parameters:
        raise GraphError(f"`__call__` of stage '{name}' lacks annotations", cls.__qualname__, "annotate every payload")
    takes = tuple(_port(hints[p], name) for p in parameters)
    makes = _yielded(hints["return"], name)
    from_job = [port.type for port in takes] == [Job]
    receipts = [_is_receipt(made) for made in makes]
    role: Role = "source" if from_job else "tap" if not makes else "sink" if all(receipts) else "map"
    if (role == "map" and any(receipts)) or (role == "source" and not makes):
        raise GraphError(f"stage '{name}' must yield either payloads or receipts", cls.__qualname__, "split the stage")
    return Node(name=name, cls=cls, role=role, takes=takes, makes=makes, sequential=cls.ordered or role == "source")


def build_graph(lanes: Sequence[tuple[str, Sequence[str]]], classes: Mapping[str, type[Stage]], where: str) -> Graph:
    """Wire lanes of stage names into a checked graph.

    Args:
        lanes: (lane, its stages), in order.
        classes: the class of every stage named in them.
        where: the configuration, for messages.

    Raises GraphError: no source or several, a payload that no earlier stage makes, a payload that would have to
    leave its lane though it must not, a stage placed twice.
    """
    nodes = [(lane, [read_node(stage, classes[stage]) for stage in stages]) for lane, stages in lanes]
    _check_chain([(lane, node) for lane, members in nodes for node in members], where)
    return Graph(
        lanes=tuple(
            _lane(name, members, before=nodes[:i], after=nodes[i + 1 :]) for i, (name, members) in enumerate(nodes)
        )
    )


def _lane(
    name: str,
    members: list[Node],
    before: Sequence[tuple[str, list[Node]]],
    after: Sequence[tuple[str, list[Node]]],
) -> Lane:
    earlier = {made for _, nodes in before for node in nodes for made in node.makes}
    made_here = [made for node in members for made in node.makes if not _is_receipt(made)]
    wanted_later = types_from_outside([node for _, nodes in after for node in nodes])
    return Lane(
        name=name,
        nodes=tuple(members),
        ordered=any(node.sequential for node in members),
        imports=tuple(t for t in types_from_outside(members) if t in earlier),
        exports=tuple(t for t in dict.fromkeys(made_here) if t in wanted_later),
        onward=tuple(wanted_later),
        last=not after,
    )


def types_from_outside(nodes: Sequence[Node]) -> list[type]:
    """Payload types that a sequence of stages needs from earlier stages: those that it does not make itself before."""
    wanted: list[type] = []
    made: set[type] = {Job}
    for node in nodes:
        wanted += [port.type for port in node.takes if port.type not in made and port.type not in wanted]
        made |= set(node.makes)
    return wanted


def _check_chain(chain: Sequence[tuple[str, Node]], where: str) -> None:
    names = [node.name for _, node in chain]
    for name in names:
        if names.count(name) > 1:
            raise GraphError(f"stage '{name}' is placed twice", f"{where}: lanes", "place every stage once")
    sources = [node.name for _, node in chain if node.role == "source"]
    if sources != names[:1]:
        raise GraphError(
            f"a graph starts with its one source stage, here the sources are {sources or 'none'}",
            f"{where}: lanes",
            "put one source first",
        )
    home: dict[type, tuple[str, str]] = {}
    for lane, node in chain:
        for port in node.takes:
            _check_port(lane, node, port, home, where)
        home |= dict.fromkeys(node.makes, (lane, node.name))


def _check_port(lane: str, node: Node, port: Port, home: Mapping[type, tuple[str, str]], where: str) -> None:
    if port.type is Job:
        return
    if port.type not in home:
        if port.optional:
            return
        raise GraphError(
            f"stage '{node.name}' takes {port.type.__name__}, which no earlier stage makes",
            f"{where}: lanes.{lane}",
            f"place a stage that makes {port.type.__name__} before it",
        )
    made_in, producer = home[port.type]
    if made_in != lane and getattr(port.type, "stays_in_lane", False):
        raise GraphError(
            f"{port.type.__name__} goes from '{producer}' to '{node.name}' and must not leave its lane",
            f"{where}: lanes.{lane}",
            f"place '{node.name}' in the lane '{made_in}'",
        )


def _port(hint: Any, stage: str) -> Port:
    if typing.get_origin(hint) in (Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        if len(members) == 1 and isinstance(members[0], type):
            return Port(type=members[0], optional=True)
    if not isinstance(hint, type):
        raise GraphError(f"stage '{stage}' takes {hint}", stage, "a payload is one class, or one class | None")
    return Port(type=hint)


def _yielded(hint: Any, stage: str) -> tuple[type, ...]:
    """Types inside `Iterator[X]`, `Iterator[tuple[X, Y]]`, `Iterator[X | Y]` (receipts) or both; () for None."""
    if hint is type(None):
        return ()
    if typing.get_origin(hint) in (collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator):
        members = tuple(_members(typing.get_args(hint)[0]))
        if members and all(isinstance(member, type) for member in members):
            return members
    raise GraphError(f"stage '{stage}' is annotated to return {hint}", stage, "yield payloads: -> Iterator[X], or None")


def _members(item: Any) -> Iterator[Any]:
    """The types in a tuple, a union, or a union of tuples."""
    if typing.get_origin(item) in (tuple, Union, types.UnionType):
        for member in typing.get_args(item):
            yield from _members(member)
    else:
        yield item


def _is_receipt(payload_type: type) -> bool:
    return bool(getattr(payload_type, "is_receipt", False))

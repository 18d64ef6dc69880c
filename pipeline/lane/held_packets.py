"""Stores and restores the packets that look-ahead stages hold when a part of the result is committed.

After a restart such a packet is decoded again, and unordered lanes process it again. In the committing lane, the states
of the stages up to the holding stage include the packet, so it skips them. Stored are only those payloads of it that
these stages made and later stages need: People have a few hundred bytes, frames have megabytes.
"""

from __future__ import annotations

import dataclasses
import io
import json
import typing
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from pipeline.configuration.graph import Lane, types_from_outside
from pipeline.lane.slot import Slot, make_read_only
from pipeline.packet import HeldPacket, Packet

_PLAIN = (str, int, float, bool, type(None))


class UnpackableError(Exception):
    """A payload holds something other than plain data."""


def pack_held_packets(lane: Lane, slots: Sequence[Slot]) -> dict[int, HeldPacket] | None:
    """The packets that the stages of a lane hold, by `seq`; None if one has a payload that cannot be stored."""
    found: dict[int, HeldPacket] = {}
    for position, slot in enumerate(slots):
        kinds = kinds_to_store(lane, position) if slot.held else ()
        for entry in slot.held:
            payloads = {kind: entry.payloads[kind] for kind in kinds if kind in entry.payloads}
            try:
                found[entry.packet.seq] = HeldPacket(stage=slot.node.name, payloads=packed(payloads))
            except UnpackableError:
                return None
    return found


def oldest_held_packet(slots: Sequence[Slot]) -> Packet | None:
    """The oldest packet that a stage holds; None if none does."""
    return min((entry.packet for slot in slots for entry in slot.held), key=attrgetter("seq"), default=None)


def restore_held_packets(lane: Lane, waiting: Mapping[int, HeldPacket]) -> dict[int, tuple[int, dict[type, Any]]]:
    """For each held packet, by `seq`: the position in the lane of the stage that held it, and its stored payloads.

    Packets that another lane held are left out. Raises ValueError for content that `pack_held_packets` did not make.
    """
    positions = {node.name: position for position, node in enumerate(lane.nodes)}
    found = {}
    for seq, one in waiting.items():
        if one.stage not in positions:
            continue
        position = positions[one.stage]
        payloads = unpacked(one.payloads, kinds_to_store(lane, position))
        for payload in payloads.values():
            make_read_only(payload)
        found[seq] = position, payloads
    return found


def kinds_to_store(lane: Lane, position: int) -> tuple[type, ...]:
    """Payload types that stages before a position made and stages after it take.

    Payloads of the source are decoded again; payloads of the stage at the position do not exist yet.
    """
    made = {kind for node in lane.nodes[:position] if node.role == "map" for kind in node.makes}
    after = lane.nodes[position + 1 :]
    later = {kind for node in after for kind in node.makes}
    wanted = [*types_from_outside(after), *(kind for kind in lane.exports if kind not in later)]
    return tuple(kind for kind in dict.fromkeys(wanted) if kind in made and kind not in lane.nodes[position].makes)


def packed(payloads: Mapping[type, Any]) -> bytes:
    """Payloads as bytes: an npz of their arrays, with a JSON tree of the dataclasses that hold them.

    Raises UnpackableError for anything but arrays, strings, numbers, booleans, None, tuples of these, and dataclasses
    that annotations name.
    """
    np = _numpy()
    arrays: list[Any] = []
    classes = set(_classes(tuple(payloads)).values())
    tree = json.dumps([_branch(payload, arrays, classes) for payload in payloads.values()])
    content = io.BytesIO()
    named = {str(number): array for number, array in enumerate(arrays)}
    np.savez(content, tree=np.frombuffer(tree.encode(), np.uint8), **named)
    return content.getvalue()


def unpacked(content: bytes, kinds: Sequence[type]) -> dict[type, Any]:
    """The payloads that `packed` wrote, by type; only classes that the annotations of `kinds` name are built.

    Raises ValueError for other content.
    """
    np, classes = _numpy(), _classes(kinds)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            made = [_grown(branch, arrays, classes) for branch in json.loads(arrays["tree"].tobytes())]
    except (LookupError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"the payloads of a held packet cannot be read ({error})") from error
    return {type(payload): payload for payload in made}


def _numpy() -> Any:
    """NumPy, which takes its number of threads when it is loaded: `cli.set_thread_limits` must come first."""
    import numpy

    return numpy


def _branch(value: Any, arrays: list[Any], classes: Collection[type]) -> Any:
    """A value as JSON; its arrays are appended to the list and replaced by their index."""
    np = _numpy()
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        arrays.append(value)
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if type(value) is tuple:
        return {"items": [_branch(item, arrays, classes) for item in value]}
    if dataclasses.is_dataclass(value) and type(value) in classes:
        fields = {spec.name: _branch(getattr(value, spec.name), arrays, classes) for spec in dataclasses.fields(value)}
        return {"kind": type(value).__name__, "fields": fields}
    if type(value) in _PLAIN:
        return value
    raise UnpackableError(type(value).__name__)


def _grown(tree: Any, arrays: Mapping[str, Any], classes: Mapping[str, type]) -> Any:
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return arrays[str(tree["array"])]
    if "scalar" in tree:
        return arrays[str(tree["scalar"])][()]
    if "items" in tree:
        return tuple(_grown(item, arrays, classes) for item in tree["items"])
    fields = {name: _grown(value, arrays, classes) for name, value in tree["fields"].items()}
    return classes[tree["kind"]](**fields)


def _classes(kinds: Sequence[type]) -> dict[str, type]:
    """The dataclasses that payloads of these types are made of, by name."""
    return {cls.__name__: cls for kind in kinds for cls in _reached(kind)}


def _reached(kind: Any) -> Iterator[type]:
    """A dataclass, and those that its fields' annotations name."""
    for part in typing.get_args(kind):
        yield from _reached(part)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        yield kind
        for hint in typing.get_type_hints(kind).values():
            yield from _reached(hint)

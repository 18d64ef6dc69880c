"""The state of `fit` in a stream, and its conversion to bytes, so that an interrupted run continues exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from models.body.body_pose import BodyPose
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.fitting.track_fit import TrackedBody
from stages.bodies.body_look_ahead import BodyLookAhead, ChunkOfBodies, FrameFits
from stages.payloads import Bodies
from stages.people.surface_arrays import NamedArrays, SavedArrays, arrays_from_bytes, arrays_to_bytes

PARTS = (("pose", BodyPose), ("camera", PinholeCamera))
"""The fields of a fitted body that are dataclasses themselves."""


@dataclass(slots=True, kw_only=True)
class FittingMemory:
    """The state of a stream.

    Attributes:
        waiting: the frames in the look-ahead.
        tracked: by identity, what is known of each person's body.
        last_frame: index of the last frame; −1 before the first.
        count: number of fitted bodies.
        crowd: the largest number of people in a frame with more than `most_people`; 0 if there was no such frame.
        camera_source: source of the focal length; empty before the first frame.
    """

    waiting: BodyLookAhead
    tracked: dict[int, TrackedBody] = field(default_factory=dict)
    last_frame: int = -1
    count: int = 0
    crowd: int = 0
    camera_source: str = ""


def memory_to_bytes(memory: FittingMemory) -> bytes:
    """The state as bytes."""
    waiting = memory.waiting
    whole = [waiting.window, waiting.past, memory.last_frame, memory.count, memory.crowd]
    arrays: NamedArrays = {
        "whole": np.array(whole, np.int64),
        "source": np.array(memory.camera_source),
        "seconds": np.array([one.second for one in waiting.fits], np.float64),
        "apart": np.array([one.starts_shot for one in waiting.fits], bool),
        "chunks": np.array([(one.frames, one.finished) for one in waiting.chunks], np.int64).reshape(-1, 2),
    }
    arrays |= _tracked_to_arrays(memory.tracked)
    done = [bodies for chunk in waiting.chunks for bodies in chunk.bodies]
    groups = {"fit": [one.people for one in waiting.fits], "done": [_people_of(bodies) for bodies in done]}
    persons = {"fit": [one.persons for one in waiting.fits], "done": [bodies.person_N.tolist() for bodies in done]}
    for name, group in groups.items():
        people = [person for one in group for person in one]
        arrays[f"{name} sizes"] = np.array([len(one) for one in group], np.int64)
        arrays[f"{name} ids"] = np.array([identity for identity, _ in people], np.int64)
        arrays[f"{name} persons"] = np.array([person for one in persons[name] for person in one], np.int64)
        arrays |= bodies_to_arrays(name, [body for _, body in people])
    return arrays_to_bytes(arrays)


def memory_from_bytes(state: bytes) -> FittingMemory:
    """The inverse of `memory_to_bytes`."""
    arrays = arrays_from_bytes(state)
    window, past, last_frame, count, crowd = arrays["whole"].tolist()
    fits = deque(
        FrameFits(second=second, starts_shot=starts_shot, people=people, persons=persons)
        for second, starts_shot, (people, persons) in zip(
            arrays["seconds"].tolist(), arrays["apart"].tolist(), _groups("fit", arrays), strict=True
        )
    )
    done = iter(_groups("done", arrays))
    chunks = deque(
        ChunkOfBodies(
            frames=frames, finished=finished, bodies=[Bodies.of_frame(*next(done)) for _ in range(finished)]
        )
        for frames, finished in arrays["chunks"].tolist()
    )
    return FittingMemory(
        waiting=BodyLookAhead(window=window, fits=fits, past=past, chunks=chunks),
        tracked=_tracked_from_arrays(arrays),
        last_frame=last_frame,
        count=count,
        crowd=crowd,
        camera_source=str(arrays["source"]),
    )


def _tracked_to_arrays(tracked: Mapping[int, TrackedBody]) -> NamedArrays:
    known = list(tracked.values())
    whole = [(identity, one.frames, one.previous is not None) for identity, one in tracked.items()]
    times = [
        (one.second, one.previous_second, one.observed, one.observed_whole, one.shape_weight, one.mean_residual)
        for one in known
    ]
    arrays: NamedArrays = {
        "tracked": np.array(whole, np.int64).reshape(-1, 3), "tracked times": np.array(times, np.float64),
    }
    arrays |= bodies_to_arrays("last", [one.body for one in known])
    return arrays | bodies_to_arrays("before", [one.previous for one in known if one.previous is not None])


def _tracked_from_arrays(arrays: SavedArrays) -> dict[int, TrackedBody]:
    last, before = bodies_from_arrays("last", arrays), iter(bodies_from_arrays("before", arrays))
    found = {}
    for row, (identity, frames, has_before) in enumerate(arrays["tracked"].tolist()):
        second, previous_second, observed, whole, weight, residual = arrays["tracked times"][row].tolist()
        found[identity] = TrackedBody(
            body=last[row], previous=next(before) if has_before else None, second=second,
            previous_second=previous_second, frames=frames, observed=observed,
            observed_whole=whole, shape_weight=weight, mean_residual=residual,
        )
    return found


def _people_of(bodies: Bodies) -> tuple[tuple[int, FittedBody], ...]:
    return tuple(zip(bodies.id_N.tolist(), bodies.body_N, strict=True))


def _groups(name: str, arrays: SavedArrays) -> list[tuple[tuple[tuple[int, FittedBody], ...], tuple[int, ...]]]:
    """The fitted people of each frame of a group, and their indices among all people of the frame."""
    people = list(zip(arrays[f"{name} ids"].tolist(), bodies_from_arrays(name, arrays), strict=True))
    persons = arrays[f"{name} persons"].tolist()
    ends = np.cumsum(arrays[f"{name} sizes"]).tolist()
    spans = [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]
    return [(tuple(people[span]), tuple(persons[span])) for span in spans]


def bodies_to_arrays(name: str, bodies: Sequence[FittedBody]) -> NamedArrays:
    """Arrays with one row for each body. Names of the arrays start with `name`."""
    arrays: NamedArrays = {f"{name} count": np.array(len(bodies))}
    rows = [_values(body) for body in bodies]
    for key in rows[0] if rows else ():
        arrays[f"{name} {key}"] = np.stack([np.asarray(row[key]) for row in rows])
    return arrays


def bodies_from_arrays(name: str, arrays: SavedArrays) -> list[FittedBody]:
    """The inverse of `bodies_to_arrays`."""
    count = int(arrays[f"{name} count"])
    if not count:
        return []
    columns = {key: arrays[f"{name} {key}"] for key in _keys()}
    return [_body({key: column[row] for key, column in columns.items()}) for row in range(count)]


def _keys() -> list[str]:
    """Names of all values of a body. The names of values of its parts are `part.name`."""
    parts = dict(PARTS)
    direct = [spec.name for spec in fields(FittedBody) if spec.name not in parts]
    return [*direct, *(f"{part}.{spec.name}" for part, cls in PARTS for spec in fields(cls))]


def _values(body: FittedBody) -> dict[str, Any]:
    found = {}
    for key in _keys():
        part, _, name = key.rpartition(".")
        found[key] = getattr(getattr(body, part) if part else body, name)
    return found


def _body(values: dict[str, Any]) -> FittedBody:
    plain = {key: value if value.ndim else value.item() for key, value in values.items()}
    made: dict[str, Any] = {key: value for key, value in plain.items() if "." not in key}
    for part, cls in PARTS:
        made[part] = cls(**{spec.name: plain[f"{part}.{spec.name}"] for spec in fields(cls)})
    return FittedBody(**made)

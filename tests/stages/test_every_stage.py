"""Tests that hold for every stage: the blank item, and continuing a stream at any frame.

The samples are two people on three frames. Of a stage that takes other payloads only its own blank item is tested; an
ordered stage with state must be among those that are tested in full.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.configuration.graph import Node, read_node, stage_class
from pipeline.lane.slot import Entry, Meter, Slot
from pipeline.packet import Packet
from pipeline.stage import Job, Stage
from stages import STAGES
from stages.live.payloads import Captured
from stages.payloads import Bodies, Features, FrameChunk, Overlay, People, PersonSurface, Surfaces, VideoInfo
from tests.stages.bodies.made_bodies import made_body

NODES: dict[str, Node] = {name: read_node(name, stage_class(name, STAGES)) for name in STAGES}
MAPS = [name for name, node in NODES.items() if node.role == "map"]
STARTS = (0, 10_000, 10_000_000)
WIDTH, HEIGHT = 160, 96
NEED_NETWORKS = ("detect", "densepose")
"""Their blank items need no network, so these stages are tested without opening one."""


def chunk(first: int, frames: int = 1) -> FrameChunk:
    rng = np.random.default_rng(3)  # one static image: no scene cut
    picture_HW3 = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    video = VideoInfo(path="", width=WIDTH, height=HEIGHT, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    pts_T = np.arange(first, first + frames, dtype=np.int64)
    return FrameChunk(rgb_THW3=np.stack([picture_HW3] * frames), pts_T=pts_T, first=first, video=video)


def people(frames: int = 1, identity: int = 1) -> People:
    return People(
        frame_N=np.repeat(np.arange(frames, dtype=np.int32), 2),
        box_N4=np.tile(np.array([[10, 10, 50, 90], [60, 12, 100, 88]], np.float32), (frames, 1)),
        score_N=np.tile(np.array([0.9, 0.8], np.float32), frames),
        id_N=np.tile(np.array([identity, identity + 1], np.int32), frames),
    )


def surface(x0: int, y0: int) -> PersonSurface:
    labels_hw = np.full((78, 40), 2, np.uint8)
    v_hw, u_hw = np.mgrid[0:78, 0:40].astype(np.float32) / 78
    sure_hw = np.full((78, 40), 0.7, np.float32)
    return PersonSurface(x0=x0, y0=y0, labels_hw=labels_hw, uv_2hw=np.stack([u_hw, v_hw]), confidence_hw=sure_hw)


def samples(first: int, job: Job, frames: int = 1) -> dict[type, Any]:
    """A packet's payloads by type."""
    given = chunk(first, frames)
    return {
        Job: job,
        FrameChunk: given,
        People: people(frames),
        Surfaces: Surfaces(people=(surface(10, 10), surface(60, 12)) * frames),
        Features: Features(content=None),
        Bodies: Bodies.joined([Bodies.of_frame([(1, made_body()), (2, made_body((0.5, 0, 4)))])] * frames),
        Overlay: Overlay(rgb_THW3=given.rgb_THW3),
        Captured: Captured(captured_s=1.0, received=1, dropped=0, reconnects=0),
    }


SAMPLED = frozenset(samples(0, Job(index=0, input="", output=None, stem="")))
ORDERED = [
    name
    for name, node in NODES.items()
    if node.sequential
    and node.role != "source"
    and {port.type for port in node.takes if not port.optional} <= SAMPLED
]
NOT_FROM_FRAMES = ("read_shards",)
"""Their state is empty: they read their results from files by frame number."""
TRIED = [name for name in ORDERED if name not in NOT_FROM_FRAMES]


def config_of(name: str, folder: Path) -> Any:
    cls = NODES[name].cls
    settings: dict[str, Any] = {
        "preview": {"port": None},
        "export_raw": {"to": {"instances": str(folder / "raw")}},
        "export": {"to": {kind: str(folder / kind) for kind in ("csv", "iuv", "bodies")}},
        "fit": {"look_ahead": 2},
    }.get(name, {})
    return cls.Config(**settings)


def built(name: str, folder: Path) -> Stage:
    return NODES[name].cls(config_of(name, folder), threads=1)


def job_of(name: str, folder: Path) -> Job:
    suffix = {"unwrap": ".png", "compare": ".csv", "count": ".csv", "animate": ".glb"}.get(name, ".mp4")
    return Job(index=0, input="", partner="b", output=str(folder / f"out{suffix}"), stem="in", overwrite=True)


@pytest.mark.parametrize("absent", [False, True], ids=["all inputs", "optional inputs absent"])
@pytest.mark.parametrize("name", MAPS)
def test_a_blank_item_is_made_of_the_stages_inputs(name: str, absent: bool, tmp_path: Path) -> None:
    node = NODES[name]
    own = node.cls.blank is not Stage.blank
    stage = built(name, tmp_path) if own and name not in NEED_NETWORKS else object.__new__(node.cls)
    given = samples(7, job_of(name, tmp_path), frames=3)
    arguments = [None if absent and port.optional else given.get(port.type) for port in node.takes]
    item = stage.blank(*arguments)
    if not own:
        assert item is None
        return
    made = {type(payload): payload for payload in (item if isinstance(item, tuple) else (item,))}
    assert set(made) == set(node.makes)
    found = made.get(People, given[People])
    assert Surfaces not in made or len(made[Surfaces]) in (len(found), 0)
    assert People not in made or len(made[People]) in (0, 6)
    assert Overlay not in made or len(made[Overlay].rgb_THW3) == 3


@pytest.mark.parametrize("broken", ["densepose", "track", "verify", "bridge", "smooth"])
def test_later_stages_accept_a_blank_item(broken: str, tmp_path: Path) -> None:
    """As in live runs, where a frame that a stage cannot process passes unchanged."""
    chain = ["densepose", "export_raw", "track", "verify", "bridge", "smooth", "preview", "export", "live_output"]
    job = job_of("live_output", tmp_path)
    slots = [Slot(NODES[name], built(name, tmp_path)) for name in chain[1:]]
    for number in range(4):
        payloads = samples(number, job)
        entry, meter = Entry(Packet(stream=0, epoch=0, seq=number, first=number, frames=1), payloads), Meter()
        if broken == "densepose":
            Slot(NODES[broken], object.__new__(NODES[broken].cls)).blank(entry)
        for slot in slots:
            if slot.node.name == broken:
                slot.blank(entry)
            else:
                assert list(slot.apply(entry, meter)) == [entry]
        assert len(entry.payloads[Surfaces]) == len(entry.payloads[People]) == 2
    for slot in slots:
        list(slot.flush(job, meter))
        slot.stage.close()
    assert (tmp_path / "out.mp4").is_file()


def packets(name: str, job: Job, numbers: list[int]) -> Iterator[list[Any]]:
    for number in numbers:
        given = samples(number, job)
        yield [given.get(port.type) for port in NODES[name].takes]


def items_of(stage: Stage, name: str, job: Job, numbers: list[int]) -> list[Any]:
    """The items of a stage for frames of these numbers, one per packet."""
    items: list[Any] = []
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for arguments in packets(name, job, numbers):
            items += stage(*arguments) or ()
    return items


def as_plain_data(payload: Any) -> Any:
    """A payload as plain data that can be compared."""
    if isinstance(payload, np.ndarray):
        return payload.tolist()
    if isinstance(payload, (tuple, list)):
        return [as_plain_data(member) for member in payload]
    if dataclasses.is_dataclass(payload):
        return {spec.name: as_plain_data(getattr(payload, spec.name)) for spec in dataclasses.fields(payload)}
    return payload


def test_no_stage_with_state_is_left_out() -> None:
    with_state = {name for name, node in NODES.items() if node.sequential and node.cls.state is not Stage.state}
    assert with_state <= {*ORDERED, *NOT_FROM_FRAMES}
    for name in with_state:  # one without the other is an error
        assert NODES[name].cls.restore is not Stage.restore


@pytest.mark.parametrize("first", STARTS)
@pytest.mark.parametrize("name", TRIED)
def test_an_ordered_stage_starts_and_continues_at_any_frame(name: str, first: int, tmp_path: Path) -> None:
    job = job_of(name, tmp_path)
    stage = built(name, tmp_path)
    items_of(stage, name, job, [first, first + 1, first + 2])
    state = stage.state()
    other = built(name, tmp_path)
    later = [first + 3, first + 5, first + 40]
    expected = None if NODES[name].role != "map" else as_plain_data(items_of(stage, name, job, later))
    stage.close()
    other.restore(state)
    found = as_plain_data(items_of(other, name, job, later))
    assert expected is None or repr(found) == repr(expected)  # NaN is as good as NaN
    other.close()


@pytest.mark.parametrize("name", [name for name in TRIED if NODES[name].role == "map"])
def test_falling_frame_numbers_are_taken_as_another_stream(name: str, tmp_path: Path) -> None:
    job = job_of(name, tmp_path)
    stage = built(name, tmp_path)
    items_of(stage, name, job, [8_099, 8_100])
    after = built(name, tmp_path)
    after.restore(stage.state())
    for numbers in ([0, 1], [1], [0, 5_000_000]):  # earlier, the same again, much later
        assert len(items_of(after, name, job, numbers)) == len(numbers)


@pytest.mark.parametrize("name", [name for name, node in NODES.items() if node.sequential and name not in ORDERED])
def test_a_stage_without_state_restores_an_empty_state(name: str) -> None:
    cls = NODES[name].cls
    stage = object.__new__(cls)
    assert stage.state() == b""
    stage.restore(b"")

"""Work that a stage does between its calls: in order, never lost, and paid for by its own stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from toy_stages import Squares

from pipeline.configuration.graph import Lane, read_node
from pipeline.lane.worker import LaneWorker
from pipeline.packet import Packet
from pipeline.stage import BackgroundWork, Job, Stage, StageError

pytestmark = pytest.mark.quick

BURNT_S = 0.2
"""CPU seconds that the sink below spends on a packet, all of it after its call."""


@pytest.fixture
def background() -> Iterator[BackgroundWork]:
    made = BackgroundWork()
    yield made
    made.close()


def test_pieces_are_done_in_order_one_at_a_time(background: BackgroundWork) -> None:
    done: list[int] = []
    for number in range(50):
        background.start(lambda number=number: done.append(number))  # type: ignore[misc]
    background.wait()
    assert done == list(range(50))


def test_an_error_of_background_work_is_raised_once_by_the_next_call(background: BackgroundWork) -> None:
    def fail() -> None:
        raise StageError("the disk is full", "out.mp4")

    background.start(fail)
    with pytest.raises(StageError, match="the disk is full"):
        background.start(lambda: None)
    background.wait()
    background.start(fail)
    with pytest.raises(StageError, match="the disk is full"):
        background.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A receipt, of which there is none."""

    is_receipt: ClassVar[bool] = True


class Wait(Stage):
    """Waits, from the second packet on, until what was begun with the one before is done."""

    ordered = True
    burnt: ClassVar[threading.Semaphore] = threading.Semaphore(1)

    def __call__(self, squares: Squares) -> None:
        assert self.burnt.acquire(timeout=60)


class Burn(Stage):
    """A sink that works after its calls."""

    ordered = True

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self.background = BackgroundWork()

    def __call__(self, squares: Squares) -> Iterator[Said]:
        self.background.start(self._burn)
        return iter(())

    def _burn(self) -> None:
        end_s = time.thread_time() + BURNT_S
        while time.thread_time() < end_s:
            pass
        Wait.burnt.release()

    def close(self) -> None:
        self.background.close()


def test_background_work_is_not_counted_for_other_stages() -> None:
    nodes = (read_node("wait", Wait), read_node("burn", Burn))
    lane = Lane(name="out", nodes=nodes, ordered=True, imports=(Squares,), exports=(), onward=(), last=True)
    worker = LaneWorker(lane, {"wait": None, "burn": None}, 1)
    job = Job(index=0, input="3", output=None, stem="3")
    spent = {"wait": 0.0, "burn": 0.0}
    beside = []
    for seq in range(3):
        packet = Packet(stream=0, epoch=0, seq=seq, first=seq, frames=1)
        step, _ = worker.accept(job, packet, {Squares: Squares(value_T=np.zeros(1, np.int64))})
        assert step.failure is None
        for name, timing in step.timings.items():
            spent[name] += timing.cpu_s
        beside += [span for span in step.spans if span.background]
    worker.close(0)
    assert spent["burn"] >= 2 * BURNT_S > spent["wait"]  # of the third, nobody knows yet
    assert len(beside) >= 2
    assert {span.stage for span in beside} == {"burn"}
    assert all(span.seconds > BURNT_S / 2 and span.first is None for span in beside)

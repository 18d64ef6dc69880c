"""Stages on plain numbers, in every role, for tests of the pipeline: fast, and wrong in the ways that matter.

A toy input is named `COUNT` or `COUNT:NAME`; its stream is COUNT numbers, cut in chunks.
"""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from pipeline.stage import Job, Stage, StageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Consecutive numbers of a stream."""

    value_T: npt.NDArray[np.int64]
    first: int

    def __len__(self) -> int:
        return len(self.value_T)

    def frame(self, index: int) -> Numbers:
        return Numbers(value_T=self.value_T[index : index + 1], first=self.first + index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares:
    """The squares of a chunk."""

    value_T: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.value_T)

    @classmethod
    def joined(cls, parts: Sequence[Squares]) -> Squares:
        return cls(value_T=np.concatenate([part.value_T for part in parts]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What must not leave its lane."""

    content: Any
    stays_in_lane: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothed:
    """Mean of each square and its neighbours in time."""

    value_T: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sum of all squares up to each."""

    value_T: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The file that was written."""

    path: str
    frames: int
    facts: dict[str, Any] = field(default_factory=dict)
    is_receipt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the result that stands for good."""

    first: int
    frames: int
    is_receipt: ClassVar[bool] = True
    commits: ClassVar[bool] = True


class Count(Stage):
    """Source: the numbers 0..COUNT-1 in chunks."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`chunk` numbers in a packet; the source fails before number `fail_at`."""

        chunk: int = 3
        fail_at: int | None = None

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._count = 0

    def __call__(self, job: Job) -> Iterator[Numbers]:
        name = Path(job.input).name.partition(":")[0]
        if not name.isdigit():
            raise StageError("not a number", job.input, "name a number")
        self._count = int(name)
        for first in range(0, self._count, self.config.chunk):
            last = min(first + self.config.chunk, self._count)
            if self.config.fail_at is not None and last > self.config.fail_at:
                raise StageError(f"broken after {first} numbers", job.input)
            yield Numbers(value_T=np.arange(first, last), first=first)

    def length(self) -> int | None:
        return self._count

    def summary(self) -> Mapping[str, Any]:
        return {"repaired_pts": 0, "warnings": [f"counted to {self._count}"]}


class Camera(Count):
    """Source of what cannot be had again: whenever it is opened it gives COUNT numbers, numbered on.

    None once a file `over` lies beside its input.
    """

    replayable = False

    def __init__(self, config: Count.Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._stood = 0

    def resume_after(self, frames: int) -> None:
        self._stood = frames

    def __call__(self, job: Job) -> Iterator[Numbers]:
        for numbers in () if Path(job.input).with_name("over").exists() else super().__call__(job):
            yield replace(numbers, first=numbers.first + self._stood)


class Square(Stage):
    """Map without order: squares, and something that stays in the lane."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What to do at the number `at`: an unexpected error, or end the process (each once, or always)."""

        at: int = -1
        do: Literal["raise", "raise_once", "die", "die_once"] = "raise"
        flag: str = ""
        shared: Shared = field(default_factory=lambda: Shared())

    def __call__(self, numbers: Numbers) -> Iterator[tuple[Squares, Local]]:
        if self.config.at in numbers.value_T:
            self._misbehave()
        yield Squares(value_T=numbers.value_T**2 * self.config.shared.scale), Local(content=object())

    def _misbehave(self) -> None:
        if self.config.do.endswith("_once"):
            if os.path.exists(self.config.flag):
                return
            Path(self.config.flag).touch()
        if self.config.do.startswith("raise"):
            raise ZeroDivisionError("a toy breaks")
        os.kill(os.getpid(), signal.SIGKILL)

    def blank(self, *payloads: Any) -> Any:
        numbers: Numbers = payloads[0]
        return Squares(value_T=np.zeros_like(numbers.value_T)), Local(content=None)

    def summary(self) -> Mapping[str, Any]:
        seen = f"{self.threads} {os.environ.get('OMP_NUM_THREADS')}"
        return {"weights": {"name": "toy", "sha256": "0" * 64}, "threads": seen}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The shared section of the toys."""

    scale: int = 1


class UseLocal(Stage):
    """Map without order that needs what stays in the lane."""

    def __call__(self, squares: Squares, local: Local) -> Iterator[Squares]:
        yield squares

    def blank(self, *payloads: Any) -> Any:
        return payloads[0]


class Smooth(Stage):
    """Ordered map with look-ahead: a chunk leaves when `delay` more have come, so it sees both sides."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`delay` chunks are held; a chunk with `fail_at` fails; at `die_at` the process ends, with `flag` once."""

        delay: int = 2
        die_at: int = -1
        flag: str = ""
        fail_at: int = -1

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._held: deque[npt.NDArray[np.int64]] = deque()
        self._last = 0.0
        self._seen: int | None = None

    def __call__(self, numbers: Numbers, squares: Squares) -> Iterator[Smoothed]:
        if self._seen is None and numbers.first and squares.value_T[0] == 0:  # a camera that was opened again
            self._seen = numbers.first
        if numbers.first != (self._seen or 0):
            raise AssertionError(f"expected number {self._seen}, got {numbers.first}")
        if self.config.fail_at in numbers.value_T:
            raise ZeroDivisionError("a toy breaks")
        if self.config.die_at in numbers.value_T and not os.path.exists(self.config.flag):
            if self.config.flag:
                Path(self.config.flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        self._seen = (self._seen or 0) + len(numbers)
        self._held.append(squares.value_T)
        if len(self._held) > self.config.delay:
            yield self._next()

    def blank(self, numbers: Numbers, squares: Squares) -> Smoothed:
        self._seen = numbers.first + len(numbers)
        return Smoothed(value_T=squares.value_T.astype(np.float64))

    def flush(self) -> Iterator[Smoothed]:
        while self._held:
            yield self._next()

    def _next(self) -> Smoothed:
        here = self._held.popleft()
        follower = float(self._held[0][0]) if self._held else float(here[-1])
        line = np.concatenate([[self._last], here.astype(np.float64), [follower]])
        self._last = float(here[-1])
        return Smoothed(value_T=(line[:-2] + line[1:-1] + line[2:]) / 3)

    def state(self) -> bytes:
        return json.dumps([self._seen, self._last, [chunk.tolist() for chunk in self._held]]).encode()

    def restore(self, state: bytes) -> None:
        self._seen, self._last, held = json.loads(state)
        self._held = deque(np.array(chunk) for chunk in held)


class Later(Stage):
    """Ordered map with look-ahead: hands on what it gets, one chunk later."""

    ordered = True

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._held: deque[Smoothed] = deque()

    def __call__(self, smoothed: Smoothed) -> Iterator[Smoothed]:
        self._held.append(smoothed)
        if len(self._held) > 1:
            yield self._held.popleft()

    def flush(self) -> Iterator[Smoothed]:
        yield from self._held

    def state(self) -> bytes:
        return json.dumps([chunk.value_T.tolist() for chunk in self._held]).encode()

    def restore(self, state: bytes) -> None:
        self._held = deque(Smoothed(value_T=np.array(chunk)) for chunk in json.loads(state))


class Total(Stage):
    """Ordered map whose answer depends on all that came before."""

    ordered = True

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._sum = 0

    def __call__(self, squares: Squares) -> Iterator[Totals]:
        totals = Totals(value_T=self._sum + np.cumsum(squares.value_T))
        self._sum = int(totals.value_T[-1])
        yield totals

    def state(self) -> bytes:
        return str(self._sum).encode()

    def restore(self, state: bytes) -> None:
        self._sum = int(state)


class Watch(Stage):
    """Tap: notes the sums it saw."""

    ordered = True

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._sum = 0

    def __call__(self, squares: Squares) -> None:
        self._sum += int(squares.value_T.sum())

    def summary(self) -> Mapping[str, Any]:
        return {"people": self._sum, "warnings": ["watched"]}

    def state(self) -> bytes:
        return str(self._sum).encode()

    def restore(self, state: bytes) -> None:
        self._sum = int(state)


class Save(Stage):
    """Sink: numbers and smoothed squares as JSON under the job's output, whole or not at all."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Every `part` numbers a part is committed (0: never); `interrupt_at` asks the own process to stop there."""

        part: int = 0
        interrupt_at: int = -1

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._rows: list[list[float]] = []
        self._job: Job | None = None
        self._committed = 0

    def __call__(self, job: Job, numbers: Numbers, smoothed: Smoothed | None) -> Iterator[Saved | Part]:
        values = np.zeros(len(numbers)) if smoothed is None else smoothed.value_T
        return self._saved(job, numbers, values)

    def _saved(self, job: Job, numbers: Numbers, *columns: npt.NDArray[Any]) -> Iterator[Saved | Part]:
        self._job = job
        table = zip(numbers.value_T.tolist(), *(column.tolist() for column in columns), strict=True)
        self._rows += (list(row) for row in table)
        if self.config.interrupt_at in numbers.value_T:
            os.kill(os.getpid(), signal.SIGINT)
        while self.config.part and len(self._rows) - self._committed >= self.config.part:
            yield Part(first=self._committed, frames=self.config.part)
            self._committed += self.config.part

    def complete_part(self) -> Iterator[Part]:
        if len(self._rows) > self._committed:
            yield Part(first=self._committed, frames=len(self._rows) - self._committed)
            self._committed = len(self._rows)

    def flush(self) -> Iterator[Saved]:
        if self._job is None:
            raise StageError("no numbers at all", "", "count further")
        yield self._write(self._job.output or "")

    def interrupt(self) -> Iterator[Saved]:
        if self._job and self._job.output:
            yield self._write(self._job.output.replace(".densepose", "") + ".partial.json")

    def _write(self, path: str) -> Saved:
        Path(path).write_text(json.dumps(self._rows))
        return Saved(path=path, frames=len(self._rows), facts={"audio": "none"})

    def reopen(self, job: Job) -> None:
        self._job = job

    def save_partial_result(self, job: Job) -> Iterator[Saved]:
        yield Saved(path=f"{job.output}.saved", frames=0, facts={"salvaged": True})

    def state(self) -> bytes:
        return json.dumps([self._committed, self._rows]).encode()

    def restore(self, state: bytes) -> None:
        self._committed, self._rows = json.loads(state)


class SaveTotals(Save):
    """The same with totals."""

    def __call__(self, job: Job, numbers: Numbers, smoothed: Smoothed, totals: Totals) -> Iterator[Saved | Part]:
        return self._saved(job, numbers, smoothed.value_T, totals.value_T)


class SaveAsked(Save):
    """The same with totals where its settings ask for them."""

    optional_stages = ("total",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(Save.Config):
        """Whether totals are saved."""

        totals: bool = False

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        return ("total",) if config.totals else ()

    @classmethod
    def announce(cls, config: Config) -> Sequence[str]:
        return ("totals take 8 bytes a number",) if config.totals else ()

    def __call__(self, job: Job, numbers: Numbers, smoothed: Smoothed, totals: Totals | None) -> Iterator[Saved | Part]:
        return self._saved(job, numbers, smoothed.value_T, *([] if totals is None else [totals.value_T]))


class Hand(Stage):
    """Sink: hands every chunk to the caller, the way the Python interface takes frames."""

    ordered = True

    def __call__(self, numbers: Numbers, smoothed: Smoothed) -> Iterator[Handed]:
        yield Handed(value_T=smoothed.value_T, first=numbers.first)


class Remembered(Stage):
    """Source: the numbers that the caller has in memory, in one chunk, or one chunk for each list of them."""

    def __call__(self, job: Job) -> Iterator[Numbers]:
        first = 0
        for value in job.in_memory.frames:
            value_T = np.atleast_1d(np.asarray(value))
            yield Numbers(value_T=value_T, first=first)
            first += len(value_T)


class HandSquares(Stage):
    """Sink: hands what the unordered stages made to the caller."""

    ordered = True

    def __call__(self, numbers: Numbers, squares: Squares) -> Iterator[HandedSquares]:
        yield HandedSquares(people=numbers, surfaces=squares)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedSquares:
    """A chunk and its squares for the caller."""

    people: Numbers
    surfaces: Squares
    is_receipt: ClassVar[bool] = True


class CountWithTruth(Stage):
    """Source: five numbers, and beside them more squares than there are numbers."""

    def __call__(self, job: Job) -> Iterator[tuple[Numbers, Squares]]:
        yield Numbers(value_T=np.arange(5), first=0), Squares(value_T=np.arange(40) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A chunk for the caller."""

    value_T: npt.NDArray[np.float64]
    first: int
    is_receipt: ClassVar[bool] = True


class Task(Stage):
    """Source without packets: a task that says when it is done."""

    def __call__(self, job: Job) -> Iterator[Saved]:
        yield Saved(path="", frames=0, facts={"stem": job.stem})


class Forgetful(Stage):
    """Ordered map that never answers its last packet: a mistake that must be noticed."""

    ordered = True

    def __call__(self, squares: Squares) -> Iterator[Squares]:
        if squares.value_T[0] == 0:
            yield squares


class Doubling(Stage):
    """Map that answers twice: a mistake that must be noticed."""

    def __call__(self, squares: Squares) -> Iterator[Squares]:
        yield squares
        yield squares


class Scribble(Stage):
    """Map that writes into what it was given: a mistake that must be noticed."""

    def __call__(self, squares: Squares) -> Iterator[Squares]:
        squares.value_T[:] = 0
        yield squares


class Silent(Stage):
    """Map without order that answers nothing: a mistake that must be noticed."""

    def __call__(self, squares: Squares) -> Iterator[Squares]:
        return iter(())


MODULE = __name__
TABLE: dict[str, str] = {
    name: f"{MODULE}:{cls}"
    for name, cls in {
        "count": "Count",
        "camera": "Camera",
        "memory_source": "Remembered",
        "count_with_truth": "CountWithTruth",
        "square": "Square",
        "use_local": "UseLocal",
        "smooth": "Smooth",
        "later": "Later",
        "total": "Total",
        "watch": "Watch",
        "save": "Save",
        "save_totals": "SaveTotals",
        "save_asked": "SaveAsked",
        "hand": "Hand",
        "task": "Task",
        "forgetful": "Forgetful",
        "doubling": "Doubling",
        "scribble": "Scribble",
        "silent": "Silent",
    }.items()
}

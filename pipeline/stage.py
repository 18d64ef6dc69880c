"""What a stage is: the one module of the pipeline that stages import."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, TypeGuard

from pipeline.media_types import HEIF_BRANDS as HEIF_BRANDS
from pipeline.media_types import HEIF_OF_ANY_CODEC as HEIF_OF_ANY_CODEC
from pipeline.media_types import IMAGE_BRANDS as IMAGE_BRANDS
from pipeline.media_types import MJPEG_SUFFIXES as MJPEG_SUFFIXES
from pipeline.media_types import RAW_PHOTO_HEADS as RAW_PHOTO_HEADS
from pipeline.media_types import RAW_PHOTO_SUFFIXES as RAW_PHOTO_SUFFIXES
from pipeline.media_types import local_path as local_path
from pipeline.redaction import redacted, register_secrets
from pipeline.redaction import without_secrets as without_secrets


class PlainError(Exception):
    """A failure that a user can act on, told in one plain sentence.

    Args:
        what: what went wrong, without a full stop.
        where: the file, stream or configuration key at fault; may be empty.
        remedy: what to do about it, without a full stop; may be empty.

    All three are positional so that the error survives pickling between processes. Secrets of addresses in them are
    left out.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = redacted(what), redacted(where), redacted(remedy)
        super().__init__(self.what, self.where, self.remedy)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{advice}"


def is_plain(error: BaseException) -> TypeGuard[PlainError]:
    """True for an error that tells a user what, where and what to do; models have their own class of that shape."""
    return all(isinstance(getattr(error, part, None), str) for part in ("what", "where", "remedy"))


class StageError(PlainError):
    """A stage could not do its work on what it was given."""


NAME_BYTES = 255
"""The longest name of a file that the usual file systems take, in bytes."""


def fitting_name(stem: str, ending: str) -> str:
    """`stem` followed by `ending`; where no file system takes so long a name, the stem is cut and its hash added."""
    if len(os.fsencode(stem + ending)) <= NAME_BYTES:
        return stem + ending
    mark = f"-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{ending}"
    kept = os.fsencode(stem)[: NAME_BYTES - len(os.fsencode(mark))]
    return kept.decode("utf-8", "ignore") + mark


def closed_folder(folder: str) -> str | None:
    """Why nothing can be put into a folder, or why it cannot be made; None where nothing seems in the way."""
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return "is no folder" if place == os.path.abspath(folder) else f"{place} is no folder"
    return None if os.access(place, os.W_OK | os.X_OK) else "nothing can be written there"


CLAIM = "claim.lock"
"""Locked in a working folder while a run makes the result: two that wrote into it would mix their parts."""


PARTS = ("journal.*", "segment_*", "joined.*", "picture.*", "manifest.*", "whole.*")
"""What this product puts into a working folder, in the order in which it goes when the result has its name; nothing
else in there is ever removed."""
WHOLE = "whole.json"
"""Says of which size and date a result is that is about to get its name: a run which ends right after it was whole."""


def working_folder(path: str) -> str:
    """Where a result is made before it has its name: `OUT.partial`, beside it."""
    name = os.path.basename(path)
    return path[: len(path) - len(name)] + fitting_name(name, ".partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One input and where its result goes: the payload every stream starts with.

    Attributes:
        index: position among the run's inputs, from 0; also the stream number.
        input: path or URL, as the user gave it.
        output: final path of the result, or None when the caller takes the frames themselves.
        stem: the input's name without folder and suffix; names exports.
        several: True when the run has more than one input (exports then go to `DIR/stem/`).
        partner: the second input of a run over two.
        overwrite: True when a file that stands under `output` may be replaced.
        resume: True when the run goes on after the parts that an earlier one left.
    """

    index: int
    input: str
    output: str | None
    stem: str
    several: bool = False
    partner: str | None = None
    overwrite: bool = False
    resume: bool = False

    @property
    def name(self) -> str:
        """The input as it may be said: without the secrets that its address may hold."""
        return without_secrets(self.input)

    def register_secrets(self) -> None:
        """Let nothing that is said in this process tell the secrets of input and output."""
        register_secrets((self.input, self.output, self.partner))


class BackgroundWork:
    """A thread of a stage's own, for work that goes on between its calls: one piece at a time, in order.

    What it costs counts as its stage's, whichever stages are called meanwhile. Threads that the work itself makes are
    not known here: theirs counts as that of whoever is called.
    """

    _running: ClassVar[set[BackgroundWork]] = set()

    def __init__(self) -> None:
        """The thread starts."""
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._clock = self._thread.submit(_clock_of_this_thread).result()
        self._under_way: Future[None] | None = None
        self._told_s = 0.0
        self._done: deque[tuple[float, float]] = deque()
        self._running.add(self)

    @classmethod
    def running_cpu_s(cls) -> float:
        """CPU seconds so far of all that run in this process."""
        return sum(time.clock_gettime(one._clock) for one in cls._running if one._clock is not None)

    def start(self, work: Callable[[], None]) -> None:
        """Do some work when what was given before is done. Raises what that raised."""
        self.wait()
        self._under_way = self._thread.submit(self._do, work)

    def wait(self) -> None:
        """Until what was given is done. Raises what it raised."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def new_pieces(self) -> Iterator[tuple[float, float]]:
        """Of each piece done since this was asked last: when it began, seconds since 1970, and how long it took."""
        while self._done:
            yield self._done.popleft()

    def new_cpu_s(self) -> float:
        """CPU seconds since this was asked last."""
        if self._clock is None:
            return 0.0
        spent_s = time.clock_gettime(self._clock)
        told_s, self._told_s = self._told_s, spent_s
        return spent_s - told_s

    def _do(self, work: Callable[[], None]) -> None:
        begun, wall = time.time(), time.perf_counter()
        try:
            work()
        finally:
            self._done.append((begun, time.perf_counter() - wall))

    def close(self) -> None:
        """End the thread after what it is doing; how that went is not told any more."""
        self._running.discard(self)
        self._clock = None
        self._thread.shutdown()


def _clock_of_this_thread() -> int | None:
    """The number of its CPU clock, which other threads may read; None where the system has none."""
    return time.pthread_getcpuclockid(threading.get_ident()) if hasattr(time, "pthread_getcpuclockid") else None


class Stage:
    """One step of the graph; the annotated signature of `__call__` is its wiring.

    `__call__` takes payloads by type and yields payloads, or tuples of payloads of different types.
    Its role follows from that signature:

    * source: takes a `Job` alone and yields payloads; each yield starts a packet, its first payload counts the frames;
    * map: takes payloads and yields one item per packet, in order, though perhaps later (look-ahead);
    * tap: annotated to return None; sees packets and changes nothing;
    * sink: yields payloads of a type whose class has `is_receipt = True`, whenever it has one. A receipt type that
      also has `commits = True` says that a part of the result stands for good: it goes to the journal, together
      with the `state()` of the lane's ordered stages after the packet that brought it.

    A payload that may be absent is annotated `X | None`. A source may yield receipts only (a task without packets).

    A packet carries every payload made so far, one per type; a newer one replaces the older of its type.
    Stages that are `ordered`, and every source, are made anew for each stream and see its packets in
    sequence; the others are made once per lane replica and may see packets in any order.
    """

    ordered: ClassVar[bool] = False
    accelerated: ClassVar[bool] = False
    """True when it computes on a GPU where there is one: its lane then reserves one."""
    replayable: ClassVar[bool] = True
    """False for a source that cannot give again what it gave before: a stream that is restarted goes on with what it
    gives next, and `resume_after` says which number that has."""
    memory_frames: ClassVar[int | None] = 0
    """How many frames back the state can reach; None = unbounded."""
    background: BackgroundWork | None = None
    """Where it works between its calls, if it does."""
    exports: ClassVar[Mapping[str, str]] = {}
    """Kinds of `--export KIND=PATH` that the stage writes, each with its own key that takes the path."""

    writes_to: ClassVar[str] = ""
    """The setting that names the folder which the stage writes to, if there is one."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Settings of the stage; every field has a default or is required by name."""

    @classmethod
    def uses_gpu(cls, config: Any) -> bool:
        """Whether an `accelerated` stage would compute on a GPU with these settings."""
        return cls.accelerated

    @classmethod
    def fetch(cls, config: Any) -> None:
        """Get what the stage needs from outside (a download), before anything starts; may show progress on stderr."""
        return

    @classmethod
    def check(cls, config: Any, job: Job) -> None:
        """See whether an input could end as the settings want it, as far as that is known before anything starts.

        Raises what the stage would raise later. Nothing is written.
        """
        folder = getattr(config, cls.writes_to) if cls.writes_to else None
        if folder and (reason := closed_folder(folder)):
            raise StageError(f"this folder cannot be used ({reason})", folder, f"name another for `{cls.writes_to}`")

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        """Args: the stage's own `Config`, and the number of compute threads it may use."""
        self.config = config
        self.threads = threads

    def __call__(self, *payloads: Any) -> Iterator[Any] | None:
        """Do the work of one packet."""
        raise NotImplementedError

    def resume_after(self, frames: int) -> None:
        """A source that is not `replayable` hears before its first item how many frames of the stream stand already.

        The numbers of what it gives go on from there: to the stages after it the stream is one.
        """

    def length(self) -> int | None:
        """Frames the stream will have when a source knows it; asked after its first item, for the progress bar."""
        return None

    def blank(self, *payloads: Any) -> Any:
        """What stands in for the item of a packet that cannot be processed (`on_error: pass`); None = nothing can."""
        return None

    def flush(self) -> Iterator[Any]:
        """End of a stream: yield what is still held."""
        return iter(())

    def interrupt(self) -> Iterator[Any]:
        """The run stops early: keep what is whole (a sink yields its receipt for the part that is kept)."""
        return iter(())

    def state(self) -> bytes:
        """What a restart needs to continue as if nothing had happened, asked after a packet.

        Packets that the stage holds back then are not given to it again: what it needs of them is part of its state.
        An ordered stage defines it together with `restore`, even if it has nothing to say: where one does not, a run
        that lost a process begins its input anew.
        """
        return b""

    def restore(self, state: bytes) -> None:
        """Take up the state that `state` gave."""

    def reopen(self, job: Job) -> None:
        """The stream is over and no packet came after what `restore` gave: `flush` is next.

        A sink takes up from the disk what a packet would have told it.
        """

    def save_partial_result(self, job: Job) -> Iterator[Any]:
        """A run cannot go on after what an earlier one left: make a result of what of it is whole, if there is any.

        Asked of a sink in the place of packets. What the earlier run left stays as it is.
        """
        return iter(())

    def summary(self) -> Mapping[str, Any]:
        """JSON-ready facts for the run's report, asked after `flush`.

        Facts of sources and ordered stages join the stream's entry (`frames_in`, `people`, `warnings`: a list
        of sentences …); facts of the others join the report itself (`weights`). A sentence in `given_up` says what
        was lost and not found again: the result is whole, and the run fails.
        """
        return {}

    def close(self) -> None:
        """Release files and devices; called once, also after a failure."""

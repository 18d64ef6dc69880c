"""The interface of stages: the only module of the pipeline that stages import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeGuard

from pipeline.background_work import BackgroundWork as BackgroundWork
from pipeline.files.export_files import ExportFiles as ExportFiles
from pipeline.files.file_lock import lock_file as lock_file
from pipeline.files.file_lock import unlock_file as unlock_file
from pipeline.files.working_folder import CLAIM as CLAIM
from pipeline.files.working_folder import NAME_BYTES as NAME_BYTES
from pipeline.files.working_folder import PARTS as PARTS
from pipeline.files.working_folder import SAVED as SAVED
from pipeline.files.working_folder import WHOLE as WHOLE
from pipeline.files.working_folder import bears_mark as bears_mark
from pipeline.files.working_folder import blocked_working_folder as blocked_working_folder
from pipeline.files.working_folder import closed_folder as closed_folder
from pipeline.files.working_folder import fitting_name as fitting_name
from pipeline.files.working_folder import put_mark as put_mark
from pipeline.files.working_folder import working_folder as working_folder
from pipeline.frames_in_memory import FramesInMemory as FramesInMemory
from pipeline.import_path import module_command as module_command
from pipeline.media_types import HEIF_BRANDS as HEIF_BRANDS
from pipeline.media_types import HEIF_OF_ANY_CODEC as HEIF_OF_ANY_CODEC
from pipeline.media_types import IMAGE_BRANDS as IMAGE_BRANDS
from pipeline.media_types import MJPEG_SUFFIXES as MJPEG_SUFFIXES
from pipeline.media_types import RAW_PHOTO_HEADS as RAW_PHOTO_HEADS
from pipeline.media_types import RAW_PHOTO_SUFFIXES as RAW_PHOTO_SUFFIXES
from pipeline.media_types import VIDEO_SUFFIXES as VIDEO_SUFFIXES
from pipeline.media_types import local_path as local_path
from pipeline.redaction import redacted, register_secrets
from pipeline.redaction import without_secrets as without_secrets


class PlainError(Exception):
    """A failure that a user can act on, described in one plain sentence.

    Args:
        what: what went wrong, without a full stop.
        where: the file, stream or configuration key at fault; may be empty.
        remedy: what to do about it, without a full stop; may be empty.

    All three are positional so that the error can be pickled. Secrets of addresses in them are redacted.
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
    """True for an error with `what`, `where` and `remedy`; models have their own class of that shape."""
    return all(isinstance(getattr(error, part, None), str) for part in ("what", "where", "remedy"))


class StageError(PlainError):
    """A stage could not process its payloads."""


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
        together: all inputs of a run that takes them as one.
        overwrite: True when an existing file at `output` may be replaced.
        resume: True when the run resumes after the parts that an earlier run left.
        renews_exports: whether exports may replace existing files, which are an earlier run's; None = as `overwrite`.
        in_memory: the frames themselves, where a calling program has them; `input` is then a name for messages.
        provenance: what results state about their making, see `pipeline.command.provenance`; "" = nothing.
    """

    index: int
    input: str
    output: str | None
    stem: str
    several: bool = False
    partner: str | None = None
    together: tuple[str, ...] = ()
    overwrite: bool = False
    resume: bool = False
    renews_exports: bool | None = None
    in_memory: FramesInMemory | None = None
    provenance: str = ""

    @property
    def name(self) -> str:
        """The input for messages: without the secrets of its address."""
        return without_secrets(self.input)

    def register_secrets(self) -> None:
        """Redact the secrets of input and output from all messages of this process."""
        register_secrets((self.input, self.output, self.partner))


class Stage:
    """One step of the graph; the annotated signature of `__call__` is its wiring.

    `__call__` takes payloads by type and yields payloads, or tuples of payloads of different types.
    Its role follows from that signature:

    * source: takes a `Job` alone and yields payloads; each yield starts a packet, its first payload counts the frames;
    * map: takes payloads and yields one item per packet, in order, possibly later (look-ahead);
    * tap: annotated to return None; reads packets and changes nothing;
    * sink: yields payloads of a type whose class has `is_receipt = True`, at any time. A receipt type that also has
      `commits = True` makes a part of the result final: it is written to the journal, together with the `state()` of
      the lane's ordered stages after the packet that caused it.

    A payload that may be absent is annotated `X | None`. A source may yield receipts only (a task without packets).
    A packet carries every payload made so far, one per type; a newer one replaces the older of its type.
    Stages that are `ordered`, and every source, are built for each stream and get its packets in sequence; the others
    are built once per lane replica and may get packets in any order.
    """

    ordered: ClassVar[bool] = False
    accelerated: ClassVar[bool] = False
    """True when it computes on a GPU if there is one: its lane then reserves one."""
    replayable: ClassVar[bool] = True
    """False for a source that cannot repeat its items, such as a camera: a restarted stream continues with the next
    item, and `resume_after` sets its number."""
    background: BackgroundWork | None = None
    """The thread for its background work, if it has one."""
    exports: ClassVar[Mapping[str, str]] = {}
    """Kinds of `--export KIND=PATH` that the stage writes, each with the key that holds the path."""
    optional_stages: ClassVar[tuple[str, ...]] = ()
    """Stages that are placed right before it where its settings need them and no lane places them, see `needs`."""
    unit: ClassVar[str] = "frames"
    """What a source gives, for the progress of a run: frames, or rounds of a training."""
    writes_to: ClassVar[str] = ""
    """The key that holds the folder to which the stage writes, if there is one."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Settings of the stage; every field has a default or is required by name."""

    @classmethod
    def uses_gpu(cls, config: Any) -> bool:
        """Whether an `accelerated` stage would compute on a GPU with these settings."""
        return cls.accelerated

    @classmethod
    def needs(cls, config: Any) -> Sequence[str]:
        """Those of its `optional_stages` that these settings need."""
        return ()

    @classmethod
    def result_settings(cls, config: Any) -> dict[str, Any]:
        """The settings on which results depend: a run that resumes another one must have the same."""
        return asdict(config)

    @classmethod
    def is_heavy(cls, config: Any) -> bool:
        """Whether a frame takes seconds with these settings, so that short inputs gain from several processes, too."""
        return False

    @classmethod
    def megapixels(cls, config: Any, job: Job) -> float | None:
        """Of a source: all pixels of the frames that an input will give, as its header states; None = unknown."""
        return None

    @classmethod
    def network_of(cls, config: Any) -> Mapping[str, str]:
        """Name and sha256 of the network's weights, for results to state; nothing where the stage has no network."""
        return {}

    @classmethod
    def announce(cls, config: Any) -> Sequence[str]:
        """What a user should know of these settings before the start, such as the size of large files: sentences."""
        return ()

    @classmethod
    def check_settings(cls, config: Any) -> None:
        """Check before the start that this machine has the files and devices that are named; not for a cluster."""

    @classmethod
    def fetch(cls, config: Any) -> None:
        """Download the files that the stage needs, before anything starts; may show progress on stderr."""
        return

    @classmethod
    def check(cls, config: Any, job: Job) -> None:
        """Check before anything starts whether the stage can process an input with these settings.

        Raises the errors that the stage would raise later. Writes nothing.
        """
        folder = getattr(config, cls.writes_to) if cls.writes_to else None
        if folder and (reason := closed_folder(folder)):
            raise StageError(f"this folder cannot be used ({reason})", folder, f"name another for `{cls.writes_to}`")

    @classmethod
    def export_files(cls, config: Any, job: Job) -> Sequence[ExportFiles]:
        """The files that its `exports` would write for an input; a run refuses those that would replace others."""
        return ()

    def addresses(self) -> Sequence[str]:
        """Sentences with the addresses of the pages that the stage serves now, with their tokens.

        Asked after it is built, and of a source after each item. They are printed on the terminal once, as they are; no
        log and no report has them.
        """
        return ()

    def new_events(self) -> Sequence[Mapping[str, Any]]:
        """What the stage noticed since the last call: lines of the run's log, facts by name, `event` among them."""
        return ()

    def __init__(self, config: Any, *, threads: int = 1) -> None:
        """Args: the stage's own `Config`, and the number of compute threads it may use."""
        self.config = config
        self.threads = threads

    def __call__(self, *payloads: Any) -> Iterator[Any] | None:
        """Do the work of one packet."""
        raise NotImplementedError

    def resume_after(self, frames: int) -> None:
        """A stream whose source is not `replayable` continues; called before the source's first item.

        `frames` frames of the stream are committed, possibly none; numbering continues from there, so that later
        stages see one stream. The source worked before: one that is away is looked for, and is no wrong address.
        """

    def length(self) -> int | None:
        """Number of frames of the stream if a source knows it; called after its first item, for the progress bar."""
        return None

    def blank(self, *payloads: Any) -> Any:
        """The item that replaces a packet that cannot be processed (`on_error: pass`); None = there is none."""
        return None

    def flush(self) -> Iterator[Any]:
        """End of a stream: yield the items of the held packets."""
        return iter(())

    def interrupt(self) -> Iterator[Any]:
        """The run stops early: save the partial result (a sink yields its receipt for that)."""
        return iter(())

    def state(self) -> bytes:
        """The state that a restart after the current packet needs, as bytes.

        The stage does not get the packets that it holds at this point again: the state includes what it needs of them.
        An ordered stage defines `state` together with `restore`, even if its state is empty. Without them, a run that
        lost a process begins its input anew.
        """
        return b""

    def restore(self, state: bytes) -> None:
        """Restore the state that `state` returned."""

    def reopen(self, job: Job) -> None:
        """The stream has ended and no packet came after `restore`: `flush` is next.

        A sink reads from the disk what it would learn from a packet.
        """

    def save_partial_result(self, job: Job) -> Iterator[Any]:
        """A run cannot resume the parts of an earlier run: save those that are whole as a partial result, if any.

        Called on a sink that gets no packets. The parts themselves stay unchanged.
        """
        return iter(())

    def complete_part(self) -> Iterator[Any]:
        """A process of another lane died, or the stream fails there, and its packets do not come again.

        A sink makes the part that it works on complete, and yields a receipt that commits.
        """
        return iter(())

    def save_complete_parts(self, job: Job) -> Iterator[Any]:
        """The stream of a source that is not `replayable` ended early: save its complete parts under the final name.

        Called on a sink that gets no packets. The parts themselves stay unchanged.
        """
        return self.save_partial_result(job)

    def summary(self) -> Mapping[str, Any]:
        """JSON-ready facts for the run's report, called after `flush`.

        Facts of sources and ordered stages join the stream's entry (`frames_in`, `people`, `warnings`: a list
        of sentences …); facts of the others join the report itself (`weights`). A sentence in `given_up` describes a
        part that is lost: the result is complete without it, and the run fails.
        """
        return {}

    def close(self) -> None:
        """Release files and devices; called once, also after a failure."""

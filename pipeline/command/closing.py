"""The last lines of a run: warnings, errors, and the summary."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from pipeline.command.terminal import one_line
from pipeline.observe.metrics import Metrics, StreamTally, warnings_of
from pipeline.redaction import redacted

NAMED = 20
"""A batch prints at most this number of warnings, of refusals, and of names of failed files."""


def print_message(sentence: str) -> None:
    """Print a message on one line, with secrets redacted."""
    print(one_line(redacted(sentence)), file=sys.stderr)


def counted(number: int, thing: str) -> str:
    """A number of things in words."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def print_ending(metrics: Metrics, *, debug: bool) -> None:
    """Print the warnings, errors and notes of every input, and the summary; with `debug` tracebacks, too."""
    for stream in metrics.streams.values():
        for line in _warnings(stream):
            print_message(line)
        if stream.failure:
            print_message(f"error: {stream.failure.error()}")
        _print_losses(stream, debug=debug)
        _print_kept(stream)
    _print_notes(metrics)
    _print_summary(metrics)


@contextmanager
def kept_parts_named(metrics: Metrics) -> Iterator[None]:
    """Where an error, or a second signal, ends the whole run in the block: say which parts stay."""
    try:
        yield
    except BaseException:
        for sentence in filter(None, (stream.kept for stream in metrics.streams.values())):
            print_message(sentence)
        raise


def _print_kept(stream: StreamTally) -> None:
    """Print which parts of an input stay, and that a stopped one has no result."""
    if stream.kept:
        print_message(stream.kept)
    elif stream.interrupted and stream.job.output and not stream.results:
        print_message(f"{stream.job.output} is not written: the run was stopped before a part of it was complete")


def print_ending_of_batch(metrics: Metrics, refused: Collection[int], manifest: str, *, debug: bool) -> None:
    """As `print_ending`, but long lists are cut, and the summary names failed files.

    Args:
        metrics: of the run.
        refused: inputs that did not start; failures of others were printed when they happened.
        manifest: the file that has all records.
        debug: whether tracebacks are printed.
    """
    streams = list(metrics.streams.values())
    failed = [stream for stream in streams if stream.failure]
    print_some([line for stream in streams for line in _warnings(stream)], f"warnings: {manifest} has all")
    refusals = [f"error: {one.failure.error()}" for one in failed if one.failure and one.job.index in refused]
    print_some(refusals, "refused inputs")
    for stream in streams:
        _print_losses(stream, debug=debug)
    _print_notes(metrics)
    _print_summary(metrics)
    if restarts := sum(lane.restarts for lane in metrics.lanes.values()):
        print_message(f"{counted(restarts, 'worker')} died")
    if failed:
        more = f", and {len(failed) - NAMED} more: {manifest} has all" if len(failed) > NAMED else ""
        names = ", ".join(stream.job.name for stream in failed[:NAMED])
        print_message(f"{counted(len(failed), 'input')} failed: {names}{more}")


def print_some(lines: Sequence[str], more: str) -> None:
    """Print the first lines, and how many more there are of what."""
    for line in lines[:NAMED]:
        print_message(line)
    if len(lines) > NAMED:
        print_message(f"and {len(lines) - NAMED} more {more}")


def _warnings(stream: StreamTally) -> Iterator[str]:
    yield from (f"warning: {stream.job.name}: {warning}" for warning in warnings_of(stream))


def _print_losses(stream: StreamTally, *, debug: bool) -> None:
    """Print the traceback and the losses of an input."""
    if debug and stream.failure and stream.failure.trace:
        print(redacted(stream.failure.trace), file=sys.stderr)
    for loss in stream.given_up:
        print_message(f"error: {stream.job.name}: {loss}")


def _print_notes(metrics: Metrics) -> None:
    """Print the notes of all inputs, each once."""
    streams = metrics.streams.values()
    facts = [one for stream in streams for one in (stream.facts, *(result.facts for result in stream.results))]
    print_some(list(dict.fromkeys(note for one in facts for note in one.get("notes", ()))), "notes")


def _print_summary(metrics: Metrics) -> None:
    """Print the errors beside the results, and what was done in which time."""
    for complaint in metrics.complaints:
        print_message(f"error: {complaint}")
    streams = metrics.streams.values()
    done = sum(stream.done for stream in streams)
    if not done:
        return
    frames, seconds = sum(stream.frames_done for stream in streams), metrics.seconds or 0.0
    has_frames = any(result.frames for stream in streams for result in stream.results)
    made = f": {counted(frames, 'frame')} in {seconds:.1f} s" if has_frames else f" in {seconds:.1f} s"
    rate = f", {frames / seconds:.1f} fps" if seconds and frames and has_frames else ""
    print_message(f"{done} of {counted(len(streams), 'input')} done{made}{rate}{_computed_on(metrics)}")


def _computed_on(metrics: Metrics) -> str:
    """The device that the network of a run took, or several did."""
    facts = [metrics.facts, *(stream.facts for stream in metrics.streams.values())]
    devices = dict.fromkeys(str(one["device"]) for one in facts if one.get("device"))
    return "".join(f", on {'the CPU' if device == 'cpu' else device}" for device in devices)

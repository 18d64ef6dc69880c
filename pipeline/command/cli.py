"""The command line: from arguments to a run, and from its end to an exit code."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from pipeline.batch.folder_lock import lock_folder
from pipeline.batch.manifest import confirmed, results_folder
from pipeline.batch.split_graph import split_run
from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.command.closing import (
    counted,
    kept_parts_named,
    print_ending,
    print_ending_of_batch,
    print_message,
    print_some,
)
from pipeline.command.help import NEXT_STEPS, list_configurations
from pipeline.command.launch import Batch, launch, launch_batch, open_manifest, run_inputs
from pipeline.command.named_paths import paths_of_settings
from pipeline.command.output_paths import check_output_paths
from pipeline.command.preflight import (
    check_settings,
    folders_without_locks,
    refuse_failing_inputs,
)
from pipeline.command.progress import Preparation, Progress
from pipeline.command.report import left_out_sentence, make_report, write_report
from pipeline.command.stage_help import stage_help
from pipeline.command.standing_results import examined, left_result_note, origin_of_results, with_known_exports
from pipeline.command.terminal import plain_terminal
from pipeline.command.zoo_weights import configuration_for_weights
from pipeline.configuration.config import RawConfig, RunConfig, read_config, validate
from pipeline.configuration.plan import THREAD_VARIABLES, Plan, auto_threads, make_plan, most_threads, read_machine
from pipeline.interrupts import Interrupt, exit_code, interrupt_on_signals
from pipeline.jobs.inputs import Inputs, has_scheme
from pipeline.observe.metrics import Metrics, StreamTally
from pipeline.observe.observers import observing
from pipeline.packet import is_result
from pipeline.recovery.ending import save_interrupted_results
from pipeline.recovery.journal import has_parts, remove_parts
from pipeline.recovery.recovery import Recovery
from pipeline.redaction import redacted, register_secrets, secrets_registered
from pipeline.stage import Job, PlainError, is_plain
from pipeline.supervisor import Restarted, recording_starts

DONE, FAILED, USAGE = 0, 1, 2
STOPPING = "stopping"
STOPPING_BATCH = "no further part of the batch begins"
REPEAT = "run the same command again to make the missing results"


def main(
    argv: Sequence[str] | None = None, table: Mapping[str, str] | None = None, again: Restarted | None = None
) -> int:
    """Run the program.

    Args:
        argv: arguments without the program's name; those of the process by default.
        table: the known stages; those of this program by default.
        again: set where the supervisor has started the run again; it then resumes after its committed parts.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage or configuration, 128 and the signal's number where one stopped
        it (130 for Ctrl-C).
    """
    started = time.perf_counter()
    words = list(sys.argv[1:] if argv is None else argv)
    with secrets_registered(words), plain_terminal():
        try:
            return _main(words, _stage_table() if table is None else table, started, again)
        except KeyboardInterrupt as stop:
            print_message("stopped")
            return exit_code(stop.args[0] if stop.args else signal.SIGINT)
        except Exception as error:
            if "--debug" in words:
                print(redacted(traceback.format_exc()), file=sys.stderr)
            if is_plain(error):
                print_message(f"error: {error}")
                return int(getattr(error, "exit_code", FAILED))
            print_message(f"error: {type(error).__name__}: {error}; run again with --debug for the traceback")
            return FAILED


def _stage_table() -> Mapping[str, str]:
    from stages import STAGES

    return STAGES


def _main(words: list[str], table: Mapping[str, str], started: float, again: Restarted | None) -> int:
    if words[:1] == ["doctor"]:
        from pipeline.command.doctor import examine

        return examine(words[1:], table, sys.stdout)
    if len(words) == 2 and words[0] in ("-h", "--help") and not words[1].startswith("-"):
        print(stage_help(words[1], table), end="")
        return DONE
    arguments = read_arguments(words)
    if arguments.config is None:
        print(list_configurations(), end="")
        return DONE
    raw = read_config(*configuration_for_weights(arguments.config, arguments.weights, arguments.changes))
    # A resumed recording that is stopped while the program loads is saved all the same.
    early = arguments.resume and raw.values.get("inputs") == "live"
    with interrupt_on_signals(STOPPING) if early else nullcontext() as interrupt:
        return _validated(raw, arguments, table, started, again, interrupt)


def _validated(
    raw: RawConfig,
    arguments: Namespace,
    table: Mapping[str, str],
    started: float,
    again: Restarted | None,
    early: Interrupt | None,
) -> int:
    """Validate a configuration, find its inputs and run them; returns the exit code."""
    register_secrets(raw.values)
    set_thread_limits(raw.values.get("threads"))
    apply_shortcuts(raw, arguments, table)
    config = validate(raw, table)
    check_settings(config)
    plan = make_plan(config.graph, config.settings, read_machine())
    parts = split_run(config, table) if config.settings.batch else None
    resume = arguments.resume or parts is not None or again is not None
    since = again.since if again is not None and not arguments.resume and parts is None else None
    preparation = Preparation(sys.stderr)
    inputs = run_inputs(
        config,
        arguments.inputs,
        arguments.output,
        overwrite=arguments.overwrite,
        resume=resume,
        since=since,
        watch=preparation,
    )
    observe = config.settings.observe
    files = {"--report": arguments.report, "--log": observe.log, "--profile": observe.profile}
    check_output_paths(inputs, files, paths_of_settings(config, raw), config, overwrite=arguments.overwrite)
    if parts is None:
        origin = origin_of_results(config, plan, inputs)
        inputs = with_known_exports(config, examined(config, inputs, origin), has_parts)
        inputs = refuse_failing_inputs(config, inputs, preparation)
        preparation.end()
        left = [job for job in inputs.jobs if job.index in inputs.standing and again is None]
        print_some([left_result_note(job, origin) for job in left], "such results")
        return _carry_out(config, plan, None, inputs, arguments, started, again, early)
    with lock_folder(results_folder(inputs.jobs)):
        batch = Batch(parts=parts, manifest=open_manifest(config, plan, inputs))
        inputs = examined(config, confirmed(inputs, batch.manifest, preparation), lambda job: True)
        inputs = with_known_exports(config, inputs, lambda job: has_parts(job) or batch.manifest.knows(job))
        inputs = refuse_failing_inputs(config, inputs, preparation)
        preparation.end()
        return _carry_out(config, plan, batch, inputs, arguments, started, again, early)


def _carry_out(
    config: RunConfig,
    plan: Plan,
    batch: Batch | None,
    inputs: Inputs,
    arguments: Namespace,
    started: float,
    again: Restarted | None,
    early: Interrupt | None,
) -> int:
    """Run the inputs, as a batch if there is one, and print the outcome; returns the exit code.

    `early`: stopping signals are turned into this already.
    """
    if again is None:
        for node in config.graph.nodes:
            for sentence in node.cls.announce(config.stages[node.name]):
                print_message(sentence)
        for sentence in folders_without_locks(inputs):
            print_message(sentence)
    if not (config.graph.nodes[0].cls.replayable or (again and again.only_saves)):
        recording_starts()
    metrics = Metrics(config.graph, inputs.jobs, started)
    for index, failure in inputs.refused.items():
        metrics.failed(index, failure)
    for job in inputs.jobs:
        if job.index in inputs.standing:
            metrics.finished_before(job.index)
            remove_parts(job.output or "")
    if batch is not None:
        print_message(_beginning(inputs))
    promise = STOPPING if batch is None else STOPPING_BATCH
    with nullcontext(early) if early else interrupt_on_signals(promise) as interrupt:
        if again is not None and again.only_saves:
            if again.stopped is not None:
                interrupt.request(again.stopped)
            recovery = Recovery(config, plan, inputs.ready)
            results = save_interrupted_results(config, inputs.ready, recovery, metrics, interrupt)
        elif batch is not None:
            results = launch_batch(batch, plan, inputs, metrics, interrupt, serial=arguments.serial)
        else:
            results = launch(config, plan, inputs.ready, metrics, interrupt, serial=arguments.serial)
        with observing(config.settings.observe, metrics, append=again is not None), kept_parts_named(metrics):
            _run(results, inputs, metrics, is_batch=batch is not None)
        if arguments.report:
            _report(metrics, arguments.report, inputs.left_out)
        if batch is None:
            print_ending(metrics, debug=arguments.debug)
        else:
            print_ending_of_batch(metrics, inputs.refused, batch.manifest.path, debug=arguments.debug)
        code = _verdict(metrics, interrupt)
    if code == DONE and not arguments.inputs and config.demo is not None:
        print(NEXT_STEPS, file=sys.stderr)
    if inputs.left_out:
        print(left_out_sentence(inputs.left_out), file=sys.stderr)
    unfinished = (index for index, stream in metrics.streams.items() if stream.failure and index not in inputs.refused)
    if batch is not None and (interrupt.requested or any(True for _ in unfinished)):
        print_message(REPEAT)
    return code


def set_thread_limits(threads: Any) -> None:
    """Set the number of threads of numeric libraries before they are loaded; `auto` is the default."""
    cpus = read_machine().cpus
    count = threads if isinstance(threads, int) and 0 < threads <= most_threads(cpus) else auto_threads(cpus)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))


def _beginning(inputs: Inputs) -> str:
    """The first line of a batch: what there is to do."""
    parts = [counted(len(inputs.jobs), "input"), f"{len(inputs.ready)} to do"]
    parts += [f"{len(inputs.standing)} finished before"] if inputs.standing else []
    return " · ".join([*parts, f"{len(inputs.refused)} refused"] if inputs.refused else parts)


def _run(results: Iterator[tuple[Job, Any]], inputs: Inputs, metrics: Metrics, *, is_batch: bool) -> None:
    """Run to the end and show the progress, and each result unless it is one of a batch."""
    outputs = (job.output for job in inputs.ready if job.output and not has_scheme(job.output))
    for folder in dict.fromkeys(os.path.dirname(output) or "." for output in outputs):
        _make_folder(folder)
    progress = Progress(metrics, sys.stderr)
    metrics.listen(progress.show)
    metrics.observe(progress)
    metrics.speak(progress.say_address)
    try:
        for job, receipt in results:
            if is_result(receipt) and receipt.path and not is_batch:
                progress.say(_written(job, receipt, metrics.streams[job.index]))
    finally:
        metrics.finish()
        progress.end()


def _report(metrics: Metrics, path: str, left_out: Sequence[str]) -> None:
    """Write the report; a failure is a complaint and leaves the results valid."""
    try:
        write_report(make_report(metrics, left_out), path)
    except PlainError as error:
        metrics.complaints.append(error)


def _make_folder(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        what = f"this folder cannot be made ({error.strerror})"
        raise PlainError(what, folder, "name another with -o") from error


def _written(job: Job, receipt: Any, stream: StreamTally) -> str:
    annotated = "finished_images" in stream.gauges  # a stop is how annotating ends
    ending = " · stopped early" if stream.interrupted and not annotated else ""
    if receipt.facts.get("salvaged"):
        ending = " · a partial result; its parts stay"
    frames = f" ({counted(receipt.frames, 'frame')})" if receipt.frames else ""  # a training has none
    return f"{job.name or job.stem} → {receipt.path}{frames}{ending}"


def _verdict(metrics: Metrics, interrupt: Interrupt) -> int:
    """The exit code."""
    if interrupt.requested:
        return exit_code(interrupt.number)
    wrong = metrics.complaints or any(stream.failure or stream.given_up for stream in metrics.streams.values())
    return FAILED if wrong else DONE

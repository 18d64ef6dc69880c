"""Runs the stages of one lane, in the same way under Ray and in the serial runner: one packet at a time goes through
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.configuration.graph import Lane, Node
from pipeline.lane.held_packets import oldest_held_packet, pack_held_packets, restore_held_packets
from pipeline.lane.numpy_threads import numpy_in_one_thread
from pipeline.lane.open_stream import OpenStream, summary_of
from pipeline.lane.retry_by_frame import can_retry_by_frame, frame_by_frame
from pipeline.lane.slot import Entry, Meter, Slot, StoppedError, length_of, stage_failure
from pipeline.packet import FROM_THE_START, Commit, Packet, Restart, Step, bytes_of, gauges_of
from pipeline.stage import Job, Stage

Outcome = tuple[Step, dict[type, Any]]

_SKIPPED_PER_CALL = 32
"""Committed packets that a source skips in one call, so that a resumed run stays responsive."""


class LaneWorker:
    """Runs packets through the stages of a lane.

    Args:
        lane: its stages, and which payloads they take and make.
        configs: each stage's own `Config`, by stage name.
        threads: compute threads of the lane.
        lenient: `on_error: pass`: when a stage fails on a packet, the packet continues unprocessed. In an ordered lane
            the failed stage gives a blank item; in other lanes the frames are retried one by one, or the runner calls
            `replace`.

    Every call returns a `Step` and the payloads of the packet it emitted, by type. Errors of stages come back as
    `Step.failure`; the stream is then closed here.
    """

    def __init__(self, lane: Lane, configs: Mapping[str, Any], threads: int, *, lenient: bool = False) -> None:
        self._lane = lane
        self._configs = configs
        self._threads = threads
        self._lenient = lenient
        self._shared: dict[str, Stage] = {}
        self._streams: dict[int, OpenStream] = {}
        self._restarts: dict[int, tuple[int, Restart]] = {}

    def prepare(self) -> Outcome:
        """Build the stages that all streams share; their weights are then loaded before the first packet."""
        meter = Meter()
        for node in self._lane.nodes:
            if not node.sequential and node.name not in self._shared:
                try:
                    self._shared[node.name] = self._build(node)
                except Exception as error:
                    return Step(failure=stage_failure(error, node.name, "")), {}
        addresses = tuple(sentence for stage in self._shared.values() for sentence in stage.addresses())
        return Step(timings=meter.timings, spans=tuple(meter.spans), addresses=addresses), {}

    def restart(self, index: int, epoch: int, restart: Restart) -> None:
        """Restart a stream with a new epoch number: its next call opens it at the point `restart`."""
        self._restarts[index] = (epoch, restart)

    def pull(self, job: Job, epoch: int) -> Outcome:
        """Process the next item of the source; at its end, flush the stream."""
        return self._run_call(job, epoch, self._pull)

    def accept(self, job: Job, packet: Packet, payloads: Mapping[type, Any]) -> Outcome:
        """Run a packet through the lane; the packet that leaves may be an earlier one that a look-ahead stage held."""

        def body(stream: OpenStream, meter: Meter) -> None:
            stream.accepted += 1
            stream.frames += packet.frames
            meter.packets += 1
            entry = Entry(packet, {Job: job, **payloads})
            if self._lenient and not self._lane.ordered and can_retry_by_frame(entry, self._lane.exports):
                self._feed_or_split(stream, entry, meter)
            else:
                self._enter(stream, 0, entry, meter)

        return self._run_call(job, packet.epoch, body)

    def replace(self, job: Job, packet: Packet, payloads: Mapping[type, Any]) -> Outcome:
        """Pass a packet unprocessed: every stage gives its `blank` item. Fails where a stage has none."""

        def body(stream: OpenStream, meter: Meter) -> None:
            entry = Entry(packet, {Job: job, **payloads})
            for slot in stream.slots:
                slot.blank(entry)
            stream.accepted += 1
            stream.frames += packet.frames
            meter.packets += 1
            self._feed(stream, len(stream.slots), entry, meter)

        return self._run_call(job, packet.epoch, body)

    def drain(self, job: Job, epoch: int) -> Outcome:
        """Let the next waiting packet leave."""
        return self._run_call(job, epoch, lambda stream, meter: None)

    def finish(self, job: Job, epoch: int) -> Outcome:
        """End of a stream: flush every stage in order; opens the stream if no packet of it came before."""
        return self._run_call(job, epoch, self._flush)

    def interrupt(self, job: Job, epoch: int) -> Outcome:
        """The run stops early: let every stage of the stream save its partial result, then close them."""

        def body(stream: OpenStream, meter: Meter) -> None:
            for slot in stream.slots:
                if slot.node.sequential:
                    slot.interrupt(job, meter)
            stream.pending.clear()
            stream.ended = True

        return self._run_call(job, epoch, body) if self._is_open(job, epoch) else (Step(ended=True), {})

    def complete_part(self, job: Job, epoch: int) -> Outcome:
        """Packets of the stream were lost in another lane: let every stage complete the part that it works on, so that
        it is committed."""

        def body(stream: OpenStream, meter: Meter) -> None:
            for slot in stream.slots:
                if slot.node.sequential:
                    slot.complete_part(job, meter)

        return self._run_call(job, epoch, body) if self._is_open(job, epoch) else (Step(), {})

    def _is_open(self, job: Job, epoch: int) -> bool:
        """Whether a stream is open with this epoch number. If it is open with another one, it is closed first."""
        known = self._streams.get(job.index)
        if known is not None and known.epoch != epoch:
            self.close(job.index)
        return known is not None and known.epoch == epoch

    def close(self, index: int) -> None:
        """Close a stream and its stages."""
        stream = self._streams.pop(index, None)
        for slot in stream.slots if stream else ():
            if slot.node.sequential:
                slot.stage.close()

    def shutdown(self) -> dict[str, Any]:
        """Close all streams and stages; returns the facts of the shared stages for the run's report."""
        for index in list(self._streams):
            self.close(index)
        facts: dict[str, Any] = {}
        for stage in self._shared.values():
            facts |= stage.summary()
            stage.close()
        self._shared.clear()
        return facts

    def _build(self, node: Node) -> Stage:
        return node.cls(self._configs[node.name], threads=self._threads)

    def _stream(self, job: Job, epoch: int) -> OpenStream:
        """The open stream of a job; it is opened if it is not, or again if the epoch is new. An unordered lane keeps no
        stream open."""
        known = self._streams.get(job.index)
        if known and known.epoch == epoch:
            return known
        self.close(job.index)
        begun, restart = self._restarts.get(job.index, (epoch, FROM_THE_START))
        stream = OpenStream(job, epoch, self._slots(job), restart if begun == epoch else FROM_THE_START)
        if self._lane.ordered:
            self._streams[job.index] = stream
            self._restore(stream)
        return stream

    def _restore(self, stream: OpenStream) -> None:
        """Restore the stages of a resumed stream, and the packets that they held."""
        for slot in stream.slots:
            if slot.node.name in stream.restart.states:
                slot.restore(stream.restart.states[slot.node.name], stream.job)
        try:
            stream.waiting = restore_held_packets(self._lane, stream.restart.waiting)
        except ValueError as error:
            raise StoppedError(stage_failure(error, self._lane.name, stream.job.name)) from error

    def _slots(self, job: Job) -> list[Slot]:
        slots: list[Slot] = []
        for node in self._lane.nodes:
            shared = self._shared.get(node.name)
            try:
                stage = shared or self._build(node)
            except Exception as error:
                for slot in slots:
                    if slot.node.sequential:
                        slot.stage.close()
                raise StoppedError(stage_failure(error, node.name, job.name)) from error
            if not node.sequential:
                self._shared[node.name] = stage
            slots.append(Slot(node, stage))
        return slots

    @numpy_in_one_thread()
    def _run_call(self, job: Job, epoch: int, body: Callable[[OpenStream, Meter], None]) -> Outcome:
        """Run one call on a stream and collect its results; an error of a stage becomes `Step.failure`."""
        meter = Meter()
        try:
            stream = self._stream(job, epoch)
            body(stream, meter)
            commits = self._commits(stream, meter)
            for slot in stream.slots:
                slot.count_background_work(meter)
            if stream.dry:
                self.close(job.index)
                return Step(dry=True, timings=meter.timings, spans=tuple(meter.spans)), {}
            return self._result(stream, meter, commits)
        except StoppedError as stopped:
            self.close(job.index)
            receipts, spans = tuple(meter.receipts), tuple(meter.spans)
            return Step(failure=stopped.failure, receipts=receipts, timings=meter.timings, spans=spans), {}

    def _result(self, stream: OpenStream, meter: Meter, commits: tuple[Commit, ...]) -> Outcome:
        """The result of a call, with at most one packet; closes a stream that has ended."""
        length = stream.slots[0].length(stream.job)
        entry = stream.pending.popleft() if stream.pending else None
        done = stream.ended and not stream.pending
        step = Step(
            emitted=entry.packet if entry else None,
            pending=len(stream.pending),
            ended=stream.ended,
            receipts=tuple(meter.receipts),
            commits=commits,
            timings=meter.timings,
            spans=tuple(meter.spans),
            counts=meter.counts,
            packets=meter.packets,
            started=meter.started,
            finished=meter.finished,
            length=length,
            poisoned=tuple(meter.poisoned),
            events=tuple(event for slot in stream.slots for event in slot.stage.new_events()),
            addresses=meter.addresses,
            summary=summary_of(stream) if done else {},
        )
        if done:
            self.close(stream.job.index)
        payloads = entry.payloads if entry else {}
        return step, {made: payloads[made] for made in self._lane.exports if made in payloads}

    def _pull(self, stream: OpenStream, meter: Meter) -> None:
        slot = stream.slots[0]
        if stream.items is None:
            stream.items = slot.items(stream.job, stream.restart.frames, continued=stream.continued)
        if stream.passed < stream.restart.packets and slot.stage.replayable:
            self._skip_committed(stream, meter)
            return
        item = slot.next_item(stream.items, stream.job, meter)
        if item is None:
            stream.dry = slot.stage.replayable and stream.nothing_new
            if not stream.dry:
                self._flush(stream, meter)
            return
        meter.addresses = tuple(slot.stage.addresses())
        made = slot.as_payloads(item, stream.job.name)
        for payload in made.values():
            meter.made(payload)
        if any(getattr(kind, "is_receipt", False) for kind in made):
            meter.receipts += list(made.values())
            meter.worked(slot.node.name, sum(not gauges_of(payload) for payload in made.values()))
            return
        frames = length_of(next(iter(made.values())))
        at, size = stream.accepted, bytes_of(made.values())
        packet = Packet(
            stream=stream.job.index, epoch=stream.epoch, seq=at, first=stream.frames, frames=frames, bytes=size
        )
        stream.accepted += 1
        stream.frames += frames
        meter.packets += 1
        meter.started += frames
        meter.worked(slot.node.name, frames)
        self._enter(stream, 1, Entry(packet, {Job: stream.job, **made}), meter)

    def _skip_committed(self, stream: OpenStream, meter: Meter) -> None:
        """Decode committed packets and drop them."""
        assert stream.items is not None
        for _ in range(min(_SKIPPED_PER_CALL, stream.restart.packets - stream.passed)):
            if stream.slots[0].next_item(stream.items, stream.job, meter) is None:
                stream.dry = True
                return
            stream.passed += 1

    def _enter(self, stream: OpenStream, position: int, entry: Entry, meter: Meter) -> None:
        """Feed a packet; one that was held at the commit goes straight to the stage that held it."""
        if entry.packet.seq not in stream.waiting:
            self._feed(stream, position, entry, meter)
            return
        place, payloads = stream.waiting.pop(entry.packet.seq)
        entry.payloads.update(payloads)
        stream.slots[place].hold(entry)

    def _feed(self, stream: OpenStream, position: int, entry: Entry, meter: Meter) -> None:
        """Push a packet through the stages from a position on, depth first, so that nothing queues between stages."""
        if position == len(stream.slots):
            if self._lane.last:
                meter.finished += entry.packet.frames
            else:
                stream.pending.append(entry)
            return
        slot = stream.slots[position]
        lenient = self._lenient and self._lane.ordered
        for out in slot.apply_or_pass(entry, meter) if lenient else slot.apply(entry, meter):
            self._feed(stream, position + 1, out, meter)

    def _feed_or_split(self, stream: OpenStream, entry: Entry, meter: Meter) -> None:
        whole, counts = dict(entry.payloads), dict(meter.counts)
        try:
            self._feed(stream, 0, entry, meter)
        except StoppedError:
            for slot in stream.slots:
                slot.forget()
            entry.payloads, meter.counts = whole, counts
            frame_by_frame(stream.slots, entry, self._lane.exports, meter)
            self._feed(stream, len(stream.slots), entry, meter)

    def _flush(self, stream: OpenStream, meter: Meter) -> None:
        for position, slot in enumerate(stream.slots):
            if slot.node.sequential:
                if stream.nothing_new:
                    slot.reopen(stream.job)
                for out in slot.flush(stream.job, meter):
                    self._feed(stream, position + 1, out, meter)
        stream.ended = True

    def _commits(self, stream: OpenStream, meter: Meter) -> tuple[Commit, ...]:
        """The commits of this call: receipts that commit, with the stages' states and the packets they hold.

        Empty where a held packet cannot be stored.
        """
        committing = [receipt for receipt in meter.receipts if getattr(receipt, "commits", False)]
        waiting = pack_held_packets(self._lane, stream.slots) if committing else None
        if waiting is None:
            return ()
        oldest = oldest_held_packet(stream.slots)
        states = {slot.node.name: slot.state(stream.job) for slot in stream.slots if slot.node.sequential}
        return tuple(
            Commit(
                stream=stream.job.index,
                epoch=stream.epoch,
                packets=oldest.seq if oldest else stream.accepted,
                frames=oldest.first if oldest else stream.frames,
                seen=stream.frames,
                receipt=receipt,
                states=states,
                waiting=waiting,
            )
            for receipt in committing
        )

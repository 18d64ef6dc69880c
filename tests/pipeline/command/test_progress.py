"""What is shown while a run goes on."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from toy_stages import Handed, Saved

from pipeline.command.closing import print_ending
from pipeline.command.progress import Preparation, Progress, bar, describe
from pipeline.configuration.config import load_config
from pipeline.observe.metrics import Metrics, StreamTally, Totals
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.packet import Failure, Step
from pipeline.stage import Job
from stages import STAGES

pytestmark = pytest.mark.quick


def test_a_note_is_printed_once_for_all_inputs(toy_config, toy_jobs, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(toy_config().graph, toy_jobs("10", "11"))
    for index, written in enumerate(("a", "b")):
        metrics.streams[index].facts["notes"] = ["the field of view is assumed"]
        metrics.streams[index].results = [Saved(path=written, frames=1, facts={"notes": [f"{written} is large"]})]
    print_ending(metrics, debug=False)
    assert capsys.readouterr().err.splitlines() == ["the field of view is assumed", "a is large", "b is large"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def metrics_after(toy_config, toy_jobs, *steps: Step) -> Metrics:
    metrics = Metrics(toy_config().graph, toy_jobs("10"), started=0.0)
    for step in steps:
        metrics.step("out", 0, step)
    return metrics


def test_a_line_shows_frames_rate_people_and_remaining_time(toy_config, toy_jobs) -> None:
    metrics = metrics_after(
        toy_config, toy_jobs, Step(started=8, length=20, counts={"People": 12}), Step(finished=5, packets=1)
    )
    metrics.first_frame_s, metrics.finds_people = 2.0, True
    text = describe(metrics, now=4.5)
    assert "5/20 frames" in text and "2.0 fps" in text and "1.5 people a frame" in text and "0:08 left" in text
    assert bar(metrics).endswith(" 25% ") and bar(metrics).count("█") == 6


def test_a_training_shows_rounds_without_people() -> None:
    metrics = Metrics(load_config("train_rcnn", [], STAGES).graph, ())
    metrics.streams[0] = StreamTally(Job(index=0, input="", output=None, stem=""))
    metrics.step("training", 0, Step(started=3, finished=2))
    metrics.first_frame_s = 0.0
    assert describe(metrics, now=metrics.started + 100) == "2 rounds"
    film = Metrics(load_config("video", [], STAGES).graph, ())
    assert film.unit == "frames" and film.finds_people


def test_where_people_annotate_a_line_shows_finished_images(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step())
    metrics.streams[0].gauges["finished_images"] = 3
    assert describe(metrics, now=1.0) == "finished images: 3"


@pytest.mark.parametrize(("received", "said"), [(5, "source lost, looking for it"), (0, "looking for the source")])
def test_a_line_shows_that_a_live_source_is_away(toy_config, toy_jobs, received: int, said: str) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step())
    metrics.streams[0].gauges |= {"received": received, "connected": 0, "dropped": 0}
    assert describe(metrics, now=1.0).endswith(said)
    metrics.streams[0].gauges["connected"] = 1
    assert said not in describe(metrics, now=1.0)


def test_an_address_is_announced_once(toy_config, toy_jobs) -> None:
    metrics, said = metrics_after(toy_config, toy_jobs), []
    metrics.speak(said.append)
    metrics.announce(("preview: http://127.0.0.1:1/",))
    metrics.step("out", 0, Step(addresses=("preview: http://127.0.0.1:1/",)))  # of the process that replaced it
    assert said == ["preview: http://127.0.0.1:1/"]


def test_an_unknown_length_shows_no_share(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step(started=8))
    assert describe(metrics, now=1.0).startswith("0 frames · starting")
    assert bar(metrics) == ""


def test_a_terminal_gets_a_bar_in_place_and_others_get_lines(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step(started=8, length=20))
    for out, expected in ((Terminal(), "\r"), (io.StringIO(), "")):
        progress = Progress(metrics, out)
        progress._line._shown_at -= 100.0
        progress.show()
        progress.show()  # a moment later: nothing new
        progress.say("a.mp4 → b.mp4")
        text = out.getvalue()
        assert text.count("0/20 frames") == 1
        assert text.endswith("a.mp4 → b.mp4\n")
        assert ("\r" in text) == bool(expected)


def test_a_line_that_would_only_be_repeated_is_not_written(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step(started=8, length=20))
    out = io.StringIO()
    progress = Progress(metrics, out)
    for finished in (0, 0, 5):
        metrics.step("out", 0, Step(finished=finished))
        progress._line._shown_at -= 100.0
        progress.show()
    first, second = out.getvalue().splitlines()
    assert first == "0/20 frames · starting" and second.startswith("5/20 frames")


def test_inputs_of_unknown_length_give_the_expected_end(toy_config, toy_jobs) -> None:
    metrics = Metrics(toy_config().graph, toy_jobs(*"1234567890"), started=0.0)
    metrics.finished_before(9)
    assert describe(metrics, now=1.0, ended_before=1) == "1/10 inputs · 0 frames · starting"
    for index in range(3):
        metrics.step("out", index, Step(started=2, finished=2))
        metrics.streams[index].done = True
    metrics.failed(3, Failure(what="broken", where="3", remedy=""))
    metrics.first_frame_s = 10.0
    # Three inputs ended in 30 s after the first one; five are left.
    text = describe(metrics, now=40.0, ended_before=1)
    assert text.startswith("4/10 inputs · 1 failed · 6 frames · 0.2 fps") and text.endswith("0:50 left")
    assert bar(metrics).endswith(" 50% ")
    assert re.search(r" 10:00 left, until \d\d:\d\d$", describe(metrics, now=370.0, ended_before=1))
    assert re.search(r" 20:00:00 left, until \w+ \d\d \w+ \d\d:\d\d$", describe(metrics, now=43210.0, ended_before=1))


def test_failed_files_and_dead_workers_of_a_batch_are_named_at_once(toy_config, toy_jobs) -> None:
    metrics = Metrics(toy_config().graph, toy_jobs("1", "2"))
    out = io.StringIO()
    metrics.observe(Progress(metrics, out))
    metrics.restarted("worker", WorkerDeath(node="far", process=7, input="a.mp4", again=True))
    metrics.recorded(record(0, "failed", error="a.mp4: is broken"))
    metrics.recorded(record(1, "done"))
    assert out.getvalue().splitlines() == [
        "a worker died (process 7 on far; killed, or out of memory) at a.mp4; this is tried once more",
        "error: a.mp4: is broken",
    ]


def test_a_long_preparation_is_shown_and_a_short_one_is_not() -> None:
    for waited_s, expected in ((0.0, []), (3.0, ["preparing: 300 of 1000 files"])):
        out = io.StringIO()
        preparation = Preparation(out)
        preparation._line._shown_at -= waited_s
        for done in (300, 400):  # the second one a moment later
            preparation("files", done, 1000)
        preparation.end()
        assert out.getvalue().splitlines() == expected


def record(stream: int, state: str, error: str | None = None) -> FileRecord:
    """The record of an input of a batch."""
    return FileRecord(
        stream=stream, input=f"{stream}.mp4", output=None, state=state, frames=1, seconds=1.0, node="far",
        worker="far:7", restarts=0, error=error,
    )  # fmt: skip


def test_the_sums_over_streams_are_those_of_all_streams(toy_config, toy_jobs) -> None:
    metrics = Metrics(toy_config().graph, toy_jobs("1", "2", "3", "4"))
    for index, step in ((0, Step(started=3, finished=3, length=5)), (1, Step(started=2, length=9)), (3, Step())):
        metrics.step("out", index, step)
    assert metrics.totals() == Totals(frames_in=5, frames_done=3, stated=14, expected=14, unknown=2)
    metrics.streams[0].done = True
    for _ in range(2):
        assert metrics.totals() == Totals(done=1, frames_in=5, frames_done=3, stated=14, expected=12, unknown=2)
        assert [one.job.index for one in metrics.under_way] == [1, 3]
    metrics.failed(2, Failure(what="broken", where="2", remedy=""))
    assert metrics.totals() == Totals(done=1, failed=1, frames_in=5, frames_done=3, stated=14, expected=12, unknown=1)


def test_receipts_that_are_no_files_are_not_kept(toy_config, toy_jobs) -> None:
    frame, saved = Handed(value_T=np.zeros(3), first=0), Saved(path="a", frames=3)
    metrics = metrics_after(toy_config, toy_jobs, Step(receipts=(frame, saved)))
    assert metrics.streams[0].results == [saved]

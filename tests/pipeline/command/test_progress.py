"""What is shown while a run goes on."""

from __future__ import annotations

import io

import numpy as np
import pytest
from toy_stages import Handed, Saved

from pipeline.command.progress import Progress, bar, describe
from pipeline.metrics import Metrics
from pipeline.packet import Step

pytestmark = pytest.mark.quick


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
    metrics.first_frame_s = 2.0
    text = describe(metrics, now=4.5)
    assert "5/20 frames" in text and "2.0 fps" in text and "1.5 people a frame" in text and "0:08 left" in text
    assert bar(metrics).endswith(" 25% ") and bar(metrics).count("█") == 6


def test_where_people_annotate_a_line_shows_finished_images(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs)
    metrics.streams[0].gauges["finished_images"] = 3
    assert describe(metrics, now=1.0) == "finished images: 3"


@pytest.mark.parametrize(("received", "said"), [(5, "source lost, looking for it"), (0, "looking for the source")])
def test_a_line_shows_that_a_live_source_is_away(toy_config, toy_jobs, received: int, said: str) -> None:
    metrics = metrics_after(toy_config, toy_jobs)
    metrics.streams[0].gauges |= {"received": received, "connected": 0, "dropped": 0}
    assert describe(metrics, now=1.0).endswith(said)
    metrics.streams[0].gauges["connected"] = 1
    assert said not in describe(metrics, now=1.0)


def test_an_unknown_length_shows_no_share(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step(started=8))
    assert describe(metrics, now=1.0).startswith("0 frames · starting")
    assert bar(metrics) == ""


def test_a_terminal_gets_a_bar_in_place_and_others_get_lines(toy_config, toy_jobs) -> None:
    metrics = metrics_after(toy_config, toy_jobs, Step(started=8, length=20))
    for out, expected in ((Terminal(), "\r"), (io.StringIO(), "")):
        progress = Progress(metrics, out)
        progress._shown_at -= 100.0
        progress.show()
        progress.show()  # a moment later: nothing new
        progress.say("a.mp4 → b.mp4")
        text = out.getvalue()
        assert text.count("0/20 frames") == 1
        assert text.endswith("a.mp4 → b.mp4\n")
        assert ("\r" in text) == bool(expected)


def test_receipts_that_are_no_files_are_not_kept(toy_config, toy_jobs) -> None:
    frame, saved = Handed(value_T=np.zeros(3), first=0), Saved(path="a", frames=3)
    metrics = metrics_after(toy_config, toy_jobs, Step(receipts=(frame, saved)))
    assert metrics.streams[0].results == [saved]

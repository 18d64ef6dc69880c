"""The decisions of live runs, without threads, sockets or clocks of their own."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.config import load_config, read_config, validate
from pipeline.inputs import UsageError, live_input
from pipeline.stage import StageError
from stages import STAGES
from stages.live.access import is_loopback, own_page, right_token
from stages.live.address import is_broadcast, is_virtual_camera, read_address
from stages.live.backoff import Backoff
from stages.live.clock import TICKS, LiveClock, Pace
from stages.live.growing import grows
from stages.live.latency import Latency
from stages.live.mailbox import Counts, Mailbox
from stages.live.preview import Preview


def test_waiting_doubles_from_one_second_to_thirty_and_begins_anew_after_a_success() -> None:
    backoff = Backoff()
    assert [backoff.wait_s() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.succeeded()
    assert backoff.wait_s() == 1


def test_frames_keep_their_distances_while_they_arrive_unevenly() -> None:
    clock = LiveClock()
    arrivals = [0.0, 0.09, 0.10, 0.16, 0.17]
    ticks = [clock(1000 + 0.04 * i, 5e8 + at) for i, at in enumerate(arrivals)]
    assert np.diff(ticks).tolist() == [3600] * 4
    assert ticks[0] == 5e8 * TICKS


def test_a_burst_of_old_frames_does_not_run_ahead_of_the_wall_clock() -> None:
    clock = LiveClock()
    ticks = [clock(0.04 * i, 5e8 + 0.001 * i) for i in range(100)]  # four seconds of film within a tenth of one
    assert all(b > a for a, b in pairwise(ticks))
    assert ticks[-1] / TICKS - (5e8 + 0.099) < 0.26


def test_time_goes_on_over_a_loss_though_the_source_begins_again_at_zero() -> None:
    clock = LiveClock()
    before = [clock(0.04 * i, 5e8 + 0.04 * i) for i in range(3)]
    clock.reconnected()
    after = clock(0.0, 5e8 + 7.0)
    assert (after - before[0]) / TICKS == pytest.approx(7.0, abs=1e-4)


def test_without_times_of_the_source_the_wall_clock_counts_and_never_stands_still() -> None:
    clock = LiveClock()
    ticks = [clock(None, at) for at in (5e8, 5e8 + 0.1, 5e8 + 0.1, 5e8 - 3)]
    assert ticks[1] - ticks[0] == 9000
    assert np.diff(ticks[1:]).tolist() == [1, 1]


def test_a_recording_is_due_at_its_own_speed() -> None:
    pace = Pace()
    assert pace.due(10.0, 100.0) == 0
    assert pace.due(10.5, 100.1) == pytest.approx(0.4)
    assert pace.due(10.6, 105.0) == 0  # late: no waiting
    assert pace.due(None, 105.0) == 0


def test_a_full_mailbox_drops_the_oldest_and_counts_it() -> None:
    box: Mailbox[int] = Mailbox(2)
    for number in range(5):
        box.put(number)
    assert (box.take(0), box.take(0), box.take(0)) == (3, 4, None)
    assert box.counts == Counts(received=5, dropped=3)
    box.put(9)
    box.close()
    assert not box.closed  # something is still there
    assert box.take(0) == 9
    assert box.closed


def test_closing_a_mailbox_lets_go_who_waits() -> None:
    box: Mailbox[int] = Mailbox(1)
    got: list[int | None] = [0]
    thread = threading.Thread(target=lambda: got.append(box.take(60)))
    thread.start()
    box.close()
    thread.join(10)
    assert got == [0, None]


def test_percentiles_of_a_run_are_at_most_five_percent_off() -> None:
    ages = np.random.default_rng(3).gamma(4.0, 0.05, 20_000)
    latency = Latency()
    for age in ages:
        latency.add(float(age))
    for share in (0.5, 0.95):
        exact = float(np.quantile(ages, share))
        assert exact <= latency.percentile(share) * 1.001 <= exact * 1.06
    assert latency.recent(0.5) == pytest.approx(np.quantile(ages[-120:], 0.5), rel=0.05)
    assert latency.worst_s == ages.max()
    assert Latency().percentile(0.95) == 0


def test_pictures_that_waited_for_the_networks_to_load_do_not_count() -> None:
    latency = Latency()
    for captured, shown in ((10.0, 20.0), (10.1, 20.1), (19.9, 20.2), (20.3, 20.4), (21.0, 21.3)):
        latency.shown(captured, shown)
    assert latency.count == 2 and latency.worst_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [("0", "camera", "0"), ("camera:3", "camera", "3"), ("rtsp://a/b", "stream", "rtsp://a/b")],
)
def test_what_an_input_names(name: str, kind: str, target: str) -> None:
    address = read_address(name)
    assert (address.kind, address.target) == (kind, target)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("/dev/video987", "no such camera"),
        ("gopher://a/b", "'gopher' is no kind of stream"),
        ("nothing_here.ts", "no such file"),
    ],
)
def test_what_names_no_source_is_refused_in_a_sentence(name: str, part: str) -> None:
    with pytest.raises(StageError, match=part) as caught:
        read_address(name)
    assert caught.value.remedy


def test_outputs_are_told_apart() -> None:
    assert is_broadcast("rtmp://host/app/key") and is_broadcast("RTSP://host/x")
    assert not is_broadcast("out.mp4") and not is_broadcast("camera://")
    assert is_virtual_camera("camera:///dev/video10") and not is_virtual_camera("camera.mp4")
    with pytest.raises(StageError, match="nothing can be sent to 'ftp'"):
        is_broadcast("ftp://host/x")


def test_only_a_file_that_gets_longer_grows(tmp_path: Path) -> None:
    never = threading.Event()
    path = tmp_path / "film.ts"
    path.write_bytes(b"a")
    assert not grows(str(path), never)
    old = time.time() - 3600
    writer = threading.Timer(0.3, lambda: path.write_bytes(b"ab"))
    writer.start()
    assert grows(str(path), never)
    writer.join()
    os.utime(path, (old, old))
    never.wait = pytest.fail  # an old file is not waited for
    assert not grows(str(path), never)


def test_who_may_come_in() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("10.0.0.7") and not is_loopback("example.org")
    assert right_token(None, None) and right_token("a", "a")
    assert not right_token("b", "a") and not right_token(None, "a")


def test_other_sites_may_not_speak_to_the_page() -> None:
    assert own_page(None, "127.0.0.1:8765", loopback=True)
    assert own_page("http://127.0.0.1:8765", "127.0.0.1:8765", loopback=True)
    assert not own_page("http://evil.example", "127.0.0.1:8765", loopback=True)
    assert not own_page("http://evil.example", "evil.example", loopback=True)  # a name made to point here
    assert own_page("http://10.0.0.7:8765", "10.0.0.7:8765", loopback=False)
    assert not own_page("null", "127.0.0.1:8765", loopback=True) and not own_page(None, "[", loopback=True)


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "LOCALHOST", "[::1]", "127.255.0.1"])
def test_every_address_of_this_machine_alone_is_the_page_itself(host: str) -> None:
    assert own_page(f"http://{host}:8765", f"{host}:8765", loopback=True)


def test_a_page_for_others_makes_up_a_token_and_one_for_this_machine_none() -> None:
    one, other = Preview.Config(host="0.0.0.0"), Preview.Config(host="0.0.0.0")
    assert one.token and len(one.token) >= 16 and one.token != other.token
    assert Preview.Config().token is None
    assert Preview.Config(host="0.0.0.0", token="mine").token == "mine"
    with pytest.raises(ValueError, match="host is empty"):
        Preview.Config(host="")


def test_the_live_configuration_is_whole_and_looks_at_nothing_of_the_future() -> None:
    config = load_config("live", [], STAGES)
    assert config.settings.inputs == "live"
    assert config.stages["smooth"].ahead == 0
    assert config.stages["live_output"].encode.preset == "superfast"
    assert config.stages["preview"].render.style == "texture"
    assert config.stages["live_decode"].source.watchdog_s <= 20


def test_a_watchdog_sleeps_for_twenty_seconds_at_most() -> None:
    with pytest.raises(Exception, match="watchdog_s is 21"):
        load_config("live", ["live_decode.source.watchdog_s=21"], STAGES)


def test_a_live_run_has_one_input_and_writes_nothing_unless_told() -> None:
    found = live_input(["0"], None, overwrite=False)
    assert found.jobs[0].output is None and not found.refused
    for names in ([], ["0", "1"]):
        with pytest.raises(UsageError, match="one input"):
            live_input(names, None, overwrite=False)


def test_a_live_run_does_not_write_over_a_file(tmp_path: Path) -> None:
    there = tmp_path / "day.mp4"
    there.write_bytes(b"kept")
    found = live_input(["0"], str(there), overwrite=False)
    assert "exists already" in str(found.refused[0].error())
    assert not live_input(["0"], "rtmp://host/app", overwrite=False).refused


def test_the_style_of_a_live_run_is_that_of_its_preview() -> None:
    raw = read_config("live")
    apply_shortcuts(raw, read_arguments(["0", "-c", "live", "--style", "parts"]), STAGES)
    assert validate(raw, STAGES).stages["preview"].render.style == "parts"

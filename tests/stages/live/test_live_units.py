"""Decisions and calculations of live runs, without cameras, servers or browsers."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.command.arguments import apply_shortcuts, read_arguments
from pipeline.configuration.config import load_config, read_config, validate
from pipeline.configuration.plan import make_plan, read_machine
from pipeline.jobs.inputs import UsageError, live_input
from pipeline.recovery.recovery import settings_of
from pipeline.stage import StageError
from stages import STAGES
from stages.live.address import is_broadcast, is_virtual_camera, read_address
from stages.live.connection_loss import Backoff, is_growing
from stages.live.frame_queue import DropOldestQueue, QueueCounts
from stages.live.page_access import has_access, is_loopback, is_same_origin
from stages.live.preview import Preview
from stages.live.timing import TICKS_PER_S, LatencyHistogram, LiveClock, RealTimePlayback


def test_the_back_off_doubles_from_1_to_30_s_and_starts_again_after_a_success() -> None:
    backoff = Backoff()
    assert [backoff.wait_s() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    backoff.succeeded()
    assert backoff.wait_s() == 1


def test_time_stamps_have_no_jitter_of_arrival() -> None:
    clock = LiveClock()
    arrivals = [0.0, 0.09, 0.10, 0.16, 0.17]
    ticks = [clock(1000 + 0.04 * i, 5e8 + at) for i, at in enumerate(arrivals)]
    assert np.diff(ticks).tolist() == [3600] * 4
    assert ticks[0] == 5e8 * TICKS_PER_S


def test_a_burst_of_old_frames_does_not_run_ahead_of_the_wall_clock() -> None:
    clock = LiveClock()
    ticks = [clock(0.04 * i, 5e8 + 0.001 * i) for i in range(100)]  # 4 s of video arrive within 0.1 s
    assert all(b > a for a, b in pairwise(ticks))
    assert ticks[-1] / TICKS_PER_S - (5e8 + 0.099) < 0.26


def test_time_stamps_continue_after_a_loss_although_the_source_starts_at_zero() -> None:
    clock = LiveClock()
    before = [clock(0.04 * i, 5e8 + 0.04 * i) for i in range(3)]
    clock.reconnected()
    after = clock(0.0, 5e8 + 7.0)
    assert (after - before[0]) / TICKS_PER_S == pytest.approx(7.0, abs=1e-4)


def test_without_source_times_stamps_follow_the_wall_clock_and_always_increase() -> None:
    clock = LiveClock()
    ticks = [clock(None, at) for at in (5e8, 5e8 + 0.1, 5e8 + 0.1, 5e8 - 3)]
    assert ticks[1] - ticks[0] == 9000
    assert np.diff(ticks[1:]).tolist() == [1, 1]


def test_a_recording_plays_in_real_time() -> None:
    playback = RealTimePlayback()
    assert playback.delay_s(10.0, 100.0) == 0
    assert playback.delay_s(10.5, 100.1) == pytest.approx(0.4)
    assert playback.delay_s(10.6, 105.0) == 0  # late: no wait
    assert playback.delay_s(None, 105.0) == 0


def test_a_full_queue_drops_the_oldest_item_and_counts_it() -> None:
    queue: DropOldestQueue[int] = DropOldestQueue(2)
    for number in range(5):
        queue.put(number)
    assert (queue.take(0), queue.take(0), queue.take(0)) == (3, 4, None)
    assert queue.counts == QueueCounts(received=5, dropped=3)
    queue.put(9)
    queue.close()
    assert not queue.exhausted  # an item is left
    assert queue.take(0) == 9
    assert queue.exhausted


def test_closing_a_queue_wakes_a_waiting_thread() -> None:
    queue: DropOldestQueue[int] = DropOldestQueue(1)
    got: list[int | None] = [0]
    thread = threading.Thread(target=lambda: got.append(queue.take(60)))
    thread.start()
    queue.close()
    thread.join(10)
    assert got == [0, None]


def test_percentiles_of_a_run_are_at_most_five_percent_off() -> None:
    ages = np.random.default_rng(3).gamma(4.0, 0.05, 20_000)
    latency = LatencyHistogram()
    for age in ages:
        latency.add(float(age))
    for share in (0.5, 0.95):
        exact = float(np.quantile(ages, share))
        assert exact <= latency.percentile_s(share) * 1.001 <= exact * 1.06
    assert latency.recent_percentile_s(0.5) == pytest.approx(np.quantile(ages[-120:], 0.5), rel=0.05)
    assert latency.worst_s == ages.max()
    assert LatencyHistogram().percentile_s(0.95) == 0


def test_frames_that_waited_for_networks_to_load_do_not_count() -> None:
    latency = LatencyHistogram()
    for captured, shown in ((10.0, 20.0), (10.1, 20.1), (19.9, 20.2), (20.3, 20.4), (21.0, 21.3)):
        latency.frame_shown(captured, shown)
    assert latency.count == 2 and latency.worst_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [("0", "camera", "0"), ("camera:3", "camera", "3"), ("rtsp://a/b", "stream", "rtsp://a/b")],
)
def test_an_input_is_parsed(name: str, kind: str, target: str) -> None:
    address = read_address(name)
    assert (address.kind, address.target) == (kind, target)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("/dev/video987", "no such camera"),
        ("gopher://a/b", "'gopher' is not a stream protocol"),
        ("nothing_here.ts", "no such file"),
    ],
)
def test_a_wrong_input_is_an_error_with_a_remedy(name: str, part: str) -> None:
    with pytest.raises(StageError, match=part) as caught:
        read_address(name)
    assert caught.value.remedy


def test_the_kind_of_an_output_is_recognised() -> None:
    assert is_broadcast("rtmp://host/app/key") and is_broadcast("RTSP://host/x")
    assert not is_broadcast("out.mp4") and not is_broadcast("camera://")
    assert is_virtual_camera("camera:///dev/video10") and not is_virtual_camera("camera.mp4")
    with pytest.raises(StageError, match="cannot send to 'ftp'"):
        is_broadcast("ftp://host/x")


def test_a_growing_file_is_recognised(tmp_path: Path) -> None:
    never = threading.Event()
    path = tmp_path / "video.ts"
    path.write_bytes(b"a")
    assert not is_growing(str(path), never)
    old = time.time() - 3600
    writer = threading.Timer(0.3, lambda: path.write_bytes(b"ab"))
    writer.start()
    assert is_growing(str(path), never)
    writer.join()
    os.utime(path, (old, old))
    never.wait = pytest.fail  # an old file is not watched
    assert not is_growing(str(path), never)


def test_loopback_addresses_and_tokens() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("10.0.0.7") and not is_loopback("example.org")
    assert has_access(None, None) and has_access("a", "a")
    assert not has_access("b", "a") and not has_access(None, "a")


def test_requests_of_other_sites_are_refused() -> None:
    assert is_same_origin(None, "127.0.0.1:8765", loopback=True)
    assert is_same_origin("http://127.0.0.1:8765", "127.0.0.1:8765", loopback=True)
    assert not is_same_origin("http://evil.example", "127.0.0.1:8765", loopback=True)
    assert not is_same_origin("http://evil.example", "evil.example", loopback=True)  # DNS rebinding
    assert is_same_origin("http://10.0.0.7:8765", "10.0.0.7:8765", loopback=False)
    assert not is_same_origin("null", "127.0.0.1:8765", loopback=True) and not is_same_origin(None, "[", loopback=True)


@pytest.mark.parametrize("host", ["127.0.0.2", "localhost", "LOCALHOST", "[::1]", "127.255.0.1"])
def test_every_loopback_name_is_the_same_origin(host: str) -> None:
    assert is_same_origin(f"http://{host}:8765", f"{host}:8765", loopback=True)


def test_only_a_page_on_the_network_makes_a_token() -> None:
    one, other = Preview.Config(host="0.0.0.0"), Preview.Config(host="0.0.0.0")
    assert one.token and len(one.token) >= 16 and one.token != other.token
    assert Preview.Config().token is None
    assert Preview.Config(host="0.0.0.0", token="mine").token == "mine"
    with pytest.raises(ValueError, match="host is empty"):
        Preview.Config(host="")


def test_a_resumed_recording_may_have_another_page_and_other_patience() -> None:
    changes = ["live_decode.source.give_up_s=5", "live_decode.seconds=9", "preview.host=0.0.0.0", "preview.port=9"]
    machine = read_machine()
    marks = set()
    for settings in ([], changes, ["render.style=parts"], ["live_decode.max_size=320"]):
        config = load_config("live", settings, STAGES)
        marks.add(settings_of(config, make_plan(config.graph, config.settings, machine)))
    assert len(marks) == 3


def test_the_live_configuration_is_complete_and_has_no_look_ahead() -> None:
    config = load_config("live", [], STAGES)
    assert config.settings.inputs == "live"
    assert config.stages["smooth"].look_ahead == 0
    assert config.stages["live_output"].encode.preset == "superfast"
    assert config.stages["preview"].render.style == "texture"
    assert config.stages["live_decode"].source.watchdog_s <= 20


def test_the_watchdog_waits_at_most_20_s() -> None:
    with pytest.raises(Exception, match="watchdog_s is 21"):
        load_config("live", ["live_decode.source.watchdog_s=21"], STAGES)


def test_a_live_run_has_one_input_and_no_output_by_default() -> None:
    found = live_input(["0"], None, overwrite=False)
    assert found.jobs[0].output is None and not found.refused
    for names in ([], ["0", "1"]):
        with pytest.raises(UsageError, match="one input"):
            live_input(names, None, overwrite=False)


def test_a_live_run_does_not_overwrite_a_file(tmp_path: Path) -> None:
    there = tmp_path / "day.mp4"
    there.write_bytes(b"kept")
    found = live_input(["0"], str(there), overwrite=False)
    assert "exists already" in str(found.refused[0].error())
    assert not live_input(["0"], "rtmp://host/app", overwrite=False).refused


def test_the_style_option_sets_the_style_of_the_preview() -> None:
    raw = read_config("live")
    apply_shortcuts(raw, read_arguments(["0", "-c", "live", "--style", "parts"]), STAGES)
    assert validate(raw, STAGES).stages["preview"].render.style == "parts"

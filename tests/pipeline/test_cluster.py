"""Joining a cluster that is not there is refused at once."""

from __future__ import annotations

import os
import socket
import sys
import tempfile

import pytest

from pipeline.actors.cluster import quieten, start_ray
from pipeline.stage import PlainError


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "host:port"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(PlainError, match="this is no address; write HOST:PORT"):
        _join_alone(address)


def test_an_address_without_an_answer_is_said() -> None:
    with socket.socket() as unused:  # bound and not listening: whoever connects is refused
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PlainError, match="this cluster does not answer"):
            _join_alone(f"127.0.0.1:{unused.getsockname()[1]}")


def _join_alone(address: str) -> None:
    """Join as a process in which no Ray runs yet."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray, "is_initialized", lambda: False)
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        start_ray(address, cpus=1, store=1 << 28)


def test_a_start_that_fails_is_a_sentence_and_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    import ray

    def fail(**options: object) -> None:
        raise RuntimeError("no room\nfor Ray")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(PlainError, match=r"Ray did not start \(no room\); run with --serial"):
        start_ray(None, cpus=1, store=1 << 28)
    assert list(tmp_path.iterdir()) == []


def test_a_dashboard_without_its_packages_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setitem(sys.modules, "aiohttp_cors", None)
    monkeypatch.delitem(sys.modules, "ray.dashboard.optional_deps", raising=False)
    with pytest.raises(PlainError, match=r"ray\.dashboard: .*\(aiohttp_cors\); pip install 'ray\[default\]'"):
        start_ray(None, cpus=1, store=1 << 28, dashboard=True)


def test_nothing_is_reported_to_anyone() -> None:
    quieten()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_without_ray_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(PlainError, match="Ray is not installed; install ray, or run with --serial"):
        start_ray(None, cpus=1, store=1 << 28)

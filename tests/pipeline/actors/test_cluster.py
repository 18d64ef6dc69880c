"""Joining a cluster that is not there is refused at once."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray._private.node import Node

from pipeline.actors import ray_folder
from pipeline.actors.cluster import RayLostError, check_ray, quieten, start_ray
from pipeline.actors.ray_folder import BELOW, SOCKET_BYTES, keep_token_in, make_ray_folder, remove_ray_folder
from pipeline.stage import PlainError


@pytest.mark.parametrize("address", ["nonsense", "host:", ":6379", "host:port"])
def test_a_malformed_cluster_address_is_refused(address: str) -> None:
    with pytest.raises(PlainError, match="this is no address; write HOST:PORT"):
        _join_alone(address)


def test_a_cluster_that_does_not_answer_is_reported() -> None:
    with socket.socket() as unused:  # bound and not listening: whoever connects is refused
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PlainError, match="this cluster does not respond"):
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


@pytest.mark.parametrize("length", [1, 34, 48, 120, 900])
def test_rays_folder_is_short_enough_and_private_however_long_the_given_one_is(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = Path(tempfile.mkdtemp(dir="/tmp", prefix="t"))
    place = parent.joinpath(*("d" * min(200, length - start) for start in range(0, length, 200)))
    place.mkdir(parents=True)
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        scratch = make_ray_folder()
        folder = Path(scratch.path)
        assert len(str(folder)) + BELOW <= SOCKET_BYTES
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder.parent == place) == (length == 1)
        remove_ray_folder(scratch)
        assert not folder.exists()
    finally:
        shutil.rmtree(parent)


def test_without_any_folder_for_temporary_files_ray_finds_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    remove_ray_folder(make_ray_folder())
    monkeypatch.setattr(ray_folder, "_OTHERS", (str(tmp_path / "nowhere"),))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(PlainError, match=r"TMPDIR: no folder .*; name such a folder there, or run with --serial"):
        make_ray_folder()


def test_rays_token_lies_in_its_own_folder_unless_the_user_gives_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE", ray_folder.TOKEN):
        monkeypatch.delenv(name, raising=False)
    tokens = []
    for _ in range(2):
        folder = make_ray_folder()
        keep_token_in(Path(folder.path))
        file = Path(os.environ[ray_folder.TOKEN])
        assert file.parent == Path(folder.path) and file.stat().st_mode & 0o777 == 0o600
        tokens.append(file.read_text())
        remove_ray_folder(folder)
        assert ray_folder.TOKEN not in os.environ
    assert tokens[0] != tokens[1] and len(tokens[0]) >= 32
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    keep_token_in(tmp_path)
    assert ray_folder.TOKEN not in os.environ and list(tmp_path.iterdir()) == []


def test_a_run_leaves_nothing_in_the_home_folder_and_beside_temporary_files(root: Path, tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / ("t" * 60)
    home.mkdir()
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary)}
    command = [sys.executable, "run_pipeline.py", "configs/demo_walk.mp4", "-o", str(tmp_path / "out.mp4")]
    command += ["--set", "decode.end=0.2", "--set", "decode.max_size=96", "--set", "ray.least_megapixels=0"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    left = [str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()]
    assert left and all(file.startswith(".cache/densepose-video/compiled/") for file in left)
    assert list(temporary.iterdir()) == []


def test_a_dashboard_without_its_packages_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setitem(sys.modules, "aiohttp_cors", None)
    monkeypatch.delitem(sys.modules, "ray.dashboard.optional_deps", raising=False)
    with pytest.raises(PlainError, match=r"ray\.dashboard: .*\(aiohttp_cors\); pip install 'ray\[default\]'"):
        start_ray(None, cpus=1, store=1 << 28, dashboard=True)


def test_nothing_is_reported_to_anyone() -> None:
    quieten(None)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


LISTENING = """
from pipeline.actors.cluster import start_ray, stop_ray
start_ray(None, cpus=1, store=1 << 27)
import ray, psutil
ray.get(ray.remote(lambda: 1).remote())
for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
    for one in getattr(process, "net_connections", process.connections)(kind="tcp"):
        if one.status == psutil.CONN_LISTEN:
            print(one.laddr.ip)
stop_ray()
"""


def test_a_local_ray_listens_on_loopback_only(root: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-W", "ignore", "-c", LISTENING]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    listening = {line.removeprefix("::ffff:") for line in done.stdout.splitlines()}
    assert listening == {"127.0.0.1"}


def test_a_ray_whose_own_process_died_is_reported_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import worker

    assert hasattr(worker, "_global_node") and hasattr(Node, "dead_processes")
    dead: list[tuple[str, None]] = []
    monkeypatch.setattr(worker, "_global_node", SimpleNamespace(dead_processes=lambda: dead))
    check_ray()
    dead.append(("log_monitor", None))
    check_ray()  # nothing depends on it
    dead.append(("raylet", None))
    with pytest.raises(RayLostError, match=r"'raylet' died.*--resume"):
        check_ray()


def test_without_ray_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(PlainError, match="Ray is not installed; install ray, or run with --serial"):
        start_ray(None, cpus=1, store=1 << 28)

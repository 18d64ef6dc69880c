"""Starts Ray on this machine or joins a cluster: without usage reports, without Ray's messages, without leftovers."""

from __future__ import annotations

import contextlib
import importlib
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import supervisor
from pipeline.actors.ray_folder import keep_token_in, make_ray_folder, remove_ray_folder
from pipeline.configuration.plan import Machine
from pipeline.files.scratch_folders import Scratch
from pipeline.import_path import ROOMS, ROOMS_FOLDER, link_rooms
from pipeline.interrupts import keep_signal_handlers
from pipeline.redaction import redacted
from pipeline.stage import PlainError
from pipeline.version import IN_CLONE, PACKAGE

ROOT = Path(__file__).resolve().parents[__name__.count(".")]
"""The folder from which this module is imported: the clone, or where packages are installed."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_worker_niceness": "0",  # by default lanes would give way to every other program
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # hides Ray's paragraphs on dead processes: the runner reports these
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # Ray would treat SIGTERM as a failure: print the stack and abort
}
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""With 0, Ray assumes that this machine is in no cluster and listens on 127.0.0.1 only."""
_NOT_SHIPPED = ["/*", *(f"!/{room}" for room in (*ROOMS, "configs")), "**/__pycache__"]
"""In the syntax of `.gitignore`: all of the clone but the rooms and the configurations."""
_SILENT: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
_ANSWER_S = 10.0
_STARTS = 4
LOG_LEVEL = "RAY_BACKEND_LOG_LEVEL"
_VITAL = ("raylet", "gcs_server")
"""Ray's own processes that it cannot work without."""
_folders: list[Scratch] = []


class RayLostError(PlainError):
    """The Ray that was started here has ended."""


def quieten(address: str | None) -> None:
    """Set the environment variables that turn off Ray's usage reports and messages; call before Ray is imported.

    Args:
        address: of a cluster to join, or None. With None, Ray accepts no connections from other machines.
    """
    os.environ.update(_QUIET)
    if address is None:
        os.environ[_LOOPBACK] = "0"
    else:
        os.environ.pop(_LOOPBACK, None)


def start_ray(address: str | None, cpus: int, store: int, gpus: float = 0, *, dashboard: bool = False) -> bool:
    """Start Ray on this machine alone, or join the cluster at an address; does nothing where Ray runs already.

    Args:
        address: of a cluster, or None.
        cpus, gpus: how many Ray may use here.
        store: bytes of shared memory for payloads in flight.
        dashboard: whether a Ray that is started here serves its dashboard.

    Returns True if it was started here: the caller must then stop it. Raises PlainError.
    """
    quieten(address)
    try:
        import ray
    except ImportError as error:
        raise PlainError("Ray is not installed", "", "install ray, or run with --serial") from error
    if ray.is_initialized():
        return False
    hide_secrets_of_command()
    if dashboard and address is None:
        _check_dashboard()
    if LOG_LEVEL not in os.environ:  # where it is set, Ray's own log is wanted
        supervisor.silence_native_output()
    supervisor.ray_starts()
    try:
        if address is not None:
            _check_reachable(address)
            with keep_signal_handlers():
                ray.init(address=address, runtime_env=_shipped(), **_SILENT)
        else:
            options = {"num_cpus": cpus, "num_gpus": gpus, "object_store_memory": store, "include_dashboard": dashboard}
            with keep_signal_handlers():
                page = _start_here(options)
            if dashboard:
                sys.stderr.write(f"Ray's dashboard: http://{page}\n" if page else "Ray's dashboard did not come up\n")
    except PlainError:
        raise
    except KeyboardInterrupt:  # Ray's processes end with this one
        _remove_folders()
        raise
    except Exception as error:  # Ray raises a plain Exception where a node does not start in time
        raise _start_error(address, error) from error
    return True


def _let_children_import(folder: str) -> str:
    """Let Ray's processes import this program, and only this program of the clone; returns where they start.

    An installed copy comes after what a user names in `PYTHONPATH`. Ray puts the current folder of the process that
    starts it on the path of its workers.

    Args: folder: Ray's temporary folder.
    """
    here = link_rooms(folder, str(ROOT)) if IN_CLONE else folder
    named = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if not place.endswith(ROOMS_FOLDER)]
    paths = [here, *named] if IN_CLONE else [*named, str(ROOT)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))
    return here


@contextlib.contextmanager
def _started_from(folder: str) -> Iterator[None]:
    """Make a folder the current one while the block runs."""
    try:
        before: str | None = os.getcwd()
    except OSError:  # it was removed
        before = None
    os.chdir(folder)
    try:
        yield
    finally:
        if before is not None:
            os.chdir(before)


def _shipped() -> dict[str, Any]:
    """What the machines of a cluster get: the rooms of the clone as their working folder, or the installed package."""
    if IN_CLONE:
        return {"working_dir": str(ROOT), "excludes": _NOT_SHIPPED}
    return {"py_modules": [str(ROOT / PACKAGE)], "excludes": ["**/__pycache__"]}


def hide_secrets_of_command() -> None:
    """Remove the secrets of addresses from this process's command line, as other processes see it.

    Ray stores the command line of every job and shows it on the dashboard of its cluster.
    """
    import ray

    command = shlex.join(sys.orig_argv)
    rename = getattr(ray._raylet, "setproctitle", None)
    if rename is not None and redacted(command) != command:
        rename(redacted(command))


def _check_dashboard() -> None:
    """Raises PlainError if the packages that Ray's dashboard needs are absent."""
    module = "ray.dashboard.optional_deps"
    try:
        importlib.import_module(module)
    except ImportError as error:
        if error.name != module:  # otherwise this version of Ray checks for them itself
            what = f"Ray's dashboard needs packages that are not installed ({error.name})"
            raise PlainError(what, "ray.dashboard", "pip install 'ray[default]', or leave it out") from error


def _start_here(options: Mapping[str, Any]) -> str | None:
    """Start Ray on this machine; returns the address of its dashboard, if it has one.

    Retries where Ray did not start within its own limit of 30 s, as on a busy machine.
    """
    import ray

    attempts = _STARTS
    while True:
        attempts -= 1
        folder = make_ray_folder()
        _folders.append(folder)
        keep_token_in(Path(folder.path))
        try:
            with _started_from(_let_children_import(folder.path)):
                context = ray.init(address="local", _temp_dir=folder.path, **options, **_SILENT)
            return context.dashboard_url or None
        except Exception as error:
            stop_ray()
            if not attempts or "timed out during startup" not in str(error):
                raise


def _check_reachable(address: str) -> None:
    """Raises PlainError if an address does not respond; Ray itself would retry for 15 minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise PlainError("this is no address", f"ray.address: {address}", "write HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        what = f"this cluster does not respond ({error.strerror or error})"
        raise PlainError(what, f"ray.address: {address}", "correct the address, or leave it out") from error


def _start_error(address: str | None, error: Exception) -> PlainError:
    """The error of a failed start of Ray as one sentence."""
    first = first_line(error)
    if address is None:
        return PlainError(f"Ray did not start ({first})", "Ray on this machine", "run with --serial")
    causes = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    if any("AuthenticationError" in text or "authentication token" in text.lower() for text in causes):
        remedy = "set RAY_AUTH_MODE=token and the cluster's RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
        return PlainError("this cluster asks for a token", f"ray.address: {address}", remedy)
    return PlainError(
        f"this cluster cannot be joined ({first})", f"ray.address: {address}", "correct the address, or leave it out"
    )


def first_line(error: Exception) -> str:
    """The first line of an error's text; its class name if it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def cluster_machine(machine: Machine) -> Machine:
    """The resources of the joined cluster, in place of those of this machine."""
    import ray

    resources = ray.cluster_resources()
    return Machine(
        cpus=max(1, int(resources.get("CPU", machine.cpus))),
        gpus=int(resources.get("GPU", 0)),
        memory=int(resources.get("memory", machine.memory)),
    )


def check_ray() -> None:
    """Raises RayLostError if a process of the Ray that was started here has ended: calls would wait forever.

    Under a supervisor this process ends instead, and the supervisor starts it again.
    """
    import ray

    node = getattr(ray._private.worker, "_global_node", None)
    dead = [kind for kind, _ in node.dead_processes()] if node is not None else []
    lost = next((kind for kind in dead if kind in _VITAL), None)
    if lost is None:
        return
    supervisor.restart_program()
    what = f"Ray ended (its process '{lost}' died: killed, or out of memory)"
    raise RayLostError(what, "Ray on this machine", "run again with --resume to continue, or with --serial")


def stop_ray() -> None:
    """Stop the Ray that `start_ray` started, and remove its files."""
    import ray

    ray.shutdown()
    _remove_folders()


def _remove_folders() -> None:
    while _folders:
        remove_ray_folder(_folders.pop())

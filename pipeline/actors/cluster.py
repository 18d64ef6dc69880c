"""Starting and joining Ray: quietly, with nothing reported to anyone, and nothing left behind."""

from __future__ import annotations

import importlib
import os
import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import supervisor
from pipeline.actors.ray_folder import keep_token_in, make_ray_folder, remove_ray_folder
from pipeline.interrupts import keep_signal_handlers
from pipeline.plan import Machine
from pipeline.redaction import redacted
from pipeline.scratch_folders import Scratch
from pipeline.stage import PlainError

ROOT = Path(__file__).resolve().parents[__name__.count(".")]
"""The folder from which this module is imported: the clone, or where packages are installed."""
PACKAGE = __name__.partition(".")[0]
IN_CLONE = PACKAGE == "pipeline"
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_worker_niceness": "0",  # by default lanes yield to every other program at once: they are the program here
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # paragraphs on dead processes: the runner says it in a sentence
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # it takes SIGTERM for a failure, writes its stack and aborts
}
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""With 0 it takes this machine for one that is in no cluster, and listens on 127.0.0.1 alone."""
_NOT_SHIPPED = ["runs", ".venv", ".git", "**/__pycache__"]
_SILENT: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
_ANSWER_S = 10.0
_STARTS = 4
LOG_LEVEL = "RAY_BACKEND_LOG_LEVEL"
_VITAL = ("raylet", "gcs_server")
"""Ray's own processes without which nothing of it works."""
_folders: list[Scratch] = []


class RayLostError(PlainError):
    """The Ray that was started here does not work any more."""


def quieten(address: str | None) -> None:
    """Turn off usage reports and Ray's own chatter, and its doors to others where it is for this machine alone.

    It reads these when it is imported. Args: address: of a cluster that is to be joined, or None.
    """
    os.environ.update(_QUIET)
    if address is None:
        os.environ[_LOOPBACK] = "0"
    else:
        os.environ.pop(_LOOPBACK, None)


def start_ray(address: str | None, cpus: int, store: int, gpus: float = 0, *, dashboard: bool = False) -> bool:
    """Start Ray on this machine alone, or join the cluster at an address; does nothing when Ray runs already.

    Args:
        address: of a cluster, or None.
        cpus, gpus: what Ray may use here.
        store: bytes of shared memory for payloads in flight.
        dashboard: whether a Ray that is started here serves its own page.

    Returns whether it was started here, so that the caller ends it. Raises PlainError.
    """
    quieten(address)
    _let_children_import()
    try:
        import ray
    except ImportError as error:
        raise PlainError("Ray is not installed", "", "install ray, or run with --serial") from error
    if ray.is_initialized():
        return False
    hide_secrets_of_command()
    if dashboard and address is None:
        _check_dashboard()
    if LOG_LEVEL not in os.environ:  # who sets it looks for Ray's own faults
        supervisor.silence_native_output()
    supervisor.ray_starts()
    try:
        if address is not None:
            _check_reachable(address)
            with keep_signal_handlers():
                ray.init(address=address, runtime_env=_shipped(), **_SILENT)
        else:
            wishes = {"num_cpus": cpus, "num_gpus": gpus, "object_store_memory": store, "include_dashboard": dashboard}
            with keep_signal_handlers():
                page = _start_here(wishes)
            if dashboard:
                sys.stderr.write(f"Ray's dashboard: http://{page}\n" if page else "Ray's dashboard did not come up\n")
    except PlainError:
        raise
    except KeyboardInterrupt:  # what was started ends with this process
        _remove_folders()
        raise
    except Exception as error:  # Ray raises its bare base class where a node does not come up in time
        raise _start_error(address, error) from error
    return True


def _let_children_import() -> None:
    """Let Ray's processes import this program: the clone comes first, an installed copy after what a user names."""
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(ROOT), *named] if IN_CLONE else [*named, str(ROOT)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))


def _shipped() -> dict[str, Any]:
    """What the machines of a cluster get: the clone as their working folder, or the installed package as a module."""
    if IN_CLONE:
        return {"working_dir": str(ROOT), "excludes": _NOT_SHIPPED}
    return {"py_modules": [str(ROOT / PACKAGE)], "excludes": _NOT_SHIPPED}


def hide_secrets_of_command() -> None:
    """Take the secrets of addresses out of this process's command line, as others see it.

    Ray keeps the command line of every job, and shows it on the page of its cluster.
    """
    import ray

    command = shlex.join(sys.orig_argv)
    rename = getattr(ray._raylet, "setproctitle", None)
    if rename is not None and redacted(command) != command:
        rename(redacted(command))


def _check_dashboard() -> None:
    """Raise PlainError where the packages that Ray's page needs are absent; Ray itself says so in paragraphs."""
    module = "ray.dashboard.optional_deps"
    try:
        importlib.import_module(module)
    except ImportError as error:
        if error.name != module:  # else this Ray keeps them elsewhere, and judges for itself
            what = f"Ray's dashboard needs packages that are not installed ({error.name})"
            raise PlainError(what, "ray.dashboard", "pip install 'ray[default]', or leave it out") from error


def _start_here(wishes: Mapping[str, Any]) -> str | None:
    """Start Ray on this machine; returns where its page is, if it has one.

    Restarted where it did not answer in the 30 s that Ray grants, as on a busy machine.
    """
    import ray

    patience = _STARTS
    while True:
        patience -= 1
        folder = make_ray_folder()
        _folders.append(folder)
        keep_token_in(Path(folder.path))
        try:
            context = ray.init(address="local", _temp_dir=folder.path, **wishes, **_SILENT)
            return context.dashboard_url or None
        except Exception as error:
            stop_ray()
            if not patience or "timed out during startup" not in str(error):
                raise


def _check_reachable(address: str) -> None:
    """Ray asks an address that does not answer for a quarter of an hour; once is enough. Raises PlainError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise PlainError("this is no address", f"ray.address: {address}", "write HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        what = f"this cluster does not answer ({error.strerror or error})"
        raise PlainError(what, f"ray.address: {address}", "correct the address, or leave it out") from error


def _start_error(address: str | None, error: Exception) -> PlainError:
    """Why Ray did not start, in one sentence."""
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
    """What an error says first; its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def cluster_machine(machine: Machine) -> Machine:
    """What the cluster that was joined has, in place of this machine alone."""
    import ray

    resources = ray.cluster_resources()
    return Machine(
        cpus=max(1, int(resources.get("CPU", machine.cpus))),
        gpus=int(resources.get("GPU", 0)),
        memory=int(resources.get("memory", machine.memory)),
    )


def check_ray() -> None:
    """Raise RayLostError where a process of the Ray that was started here has ended: calls would wait for ever.

    Under a front this process ends instead, and the front begins again.
    """
    import ray

    node = getattr(ray._private.worker, "_global_node", None)
    dead = [kind for kind, _ in node.dead_processes()] if node is not None else []
    lost = next((kind for kind in dead if kind in _VITAL), None)
    if lost is None:
        return
    supervisor.restart_program()
    what = f"Ray ended (its process '{lost}' died: killed, or out of memory)"
    raise RayLostError(what, "Ray on this machine", "--resume goes on after what stands; or run with --serial")


def stop_ray() -> None:
    """End the Ray that `start_ray` started, and remove its files."""
    import ray

    ray.shutdown()
    _remove_folders()


def _remove_folders() -> None:
    while _folders:
        remove_ray_folder(_folders.pop())

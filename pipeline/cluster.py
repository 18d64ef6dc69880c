"""Starting and joining Ray: quietly, with nothing reported to anyone, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pipeline.plan import Machine
from pipeline.stage import PlainError

ROOT = Path(__file__).resolve().parent.parent
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
_NOT_SHIPPED = ["runs", ".venv", ".git", "**/__pycache__"]
_folders: list[str] = []


def start_ray(address: str | None, cpus: int, store: int, gpus: int = 0) -> bool:
    """Start Ray on this machine alone, or join the cluster at an address; does nothing when Ray runs already.

    Args:
        address: of a cluster, or None.
        cpus, gpus: what Ray may use here.
        store: bytes of shared memory for payloads in flight.

    Returns whether it was started here, so that the caller ends it. Raises PlainError.
    """
    os.environ.update(_QUIET)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)  # lanes import the stages
    try:
        import ray
    except ImportError as error:
        raise PlainError("Ray is not installed", "", "install ray, or run with --serial") from error
    if ray.is_initialized():
        return False
    common: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False, "include_dashboard": False}
    try:
        if address is not None:
            common.pop("include_dashboard")
            shipped = {"working_dir": str(ROOT), "excludes": _NOT_SHIPPED}
            ray.init(address=address, runtime_env=shipped, **common)
        else:
            _folders.append(tempfile.mkdtemp(prefix="ray-"))
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                object_store_memory=store,
                _temp_dir=_folders[-1],
                **common,
            )
    except (OSError, RuntimeError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        where = f"ray.address: {address}" if address else "Ray on this machine"
        raise PlainError(f"Ray did not start ({first})", where, "correct the address, or run with --serial") from error
    return True


def cluster_machine(machine: Machine) -> Machine:
    """What the cluster that was joined has, in place of this machine alone."""
    import ray

    resources = ray.cluster_resources()
    return Machine(
        cpus=max(1, int(resources.get("CPU", machine.cpus))),
        gpus=int(resources.get("GPU", 0)),
        memory=int(resources.get("memory", machine.memory)),
    )


def stop_ray() -> None:
    """End the Ray that `start_ray` started, and remove its files."""
    import ray

    ray.shutdown()
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)

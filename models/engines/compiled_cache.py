"""Compiled graphs on disk: compiling takes about a second of CPU time at each start, reading a fifth of it.

A file's name is a hash of all that decides its content, and it begins with the hash of the rest: a damaged file is
compiled again. Nothing is kept where there is no home folder, no room in it, or where others could put files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.cache import DEFAULT_CACHE, is_own_folder
from models.files.atomic_file import atomic_write, remove_stale_drafts

FOLDER = "compiled"
SUFFIX = ".blob"
MOST_FILES = 48
"""Files are 2 to 6 MB; of more, those that were not used for longest are removed."""
DIGEST_BYTES = 32


def compiled_model(core: Any, graph: Any, settings: Mapping[str, Any], identity: str) -> Any:
    """A graph compiled for the CPU by an OpenVINO core.

    Args:
        core, graph: of OpenVINO.
        settings: of the compilation.
        identity: of the graph, such as a hash of its weights and its shape; "" = compile it, and keep nothing.
    """
    file = _file(core, settings, identity) if identity else None
    if file is None:
        return core.compile_model(graph, "CPU", settings)
    stored = _read(file)
    if stored is not None:
        with contextlib.suppress(RuntimeError):  # made by an OpenVINO that calls itself by the same version
            return core.import_model(stored, "CPU", settings)
    model = core.compile_model(graph, "CPU", settings)
    _write(file, model.export_model())
    return model


def _file(core: Any, settings: Mapping[str, Any], identity: str) -> Path | None:
    folder = os.path.expanduser(f"{DEFAULT_CACHE}/{FOLDER}")
    if folder.startswith("~") or not is_own_folder(Path(folder)):  # no home folder, or that of another user
        return None
    machine = [core.get_versions("CPU")["CPU"].build_number]
    machine += [str(core.get_property("CPU", name)) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    decisive = repr((identity, sorted(settings.items()), machine))
    return Path(folder) / (hashlib.sha256(decisive.encode()).hexdigest() + SUFFIX)


def _read(file: Path) -> bytes | None:
    """The content of a whole file, which counts as used now."""
    try:
        content = file.read_bytes()
        os.utime(file)
    except OSError:
        return None
    blob = content[DIGEST_BYTES:]
    return blob if hashlib.sha256(blob).digest() == content[:DIGEST_BYTES] else None


def _write(file: Path, model: Any) -> None:
    blob = model.getvalue() if hasattr(model, "getvalue") else bytes(model)
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_write(file) as draft:
            draft.write_bytes(hashlib.sha256(blob).digest() + blob)
        remove_stale_drafts(file.parent)
        kept = sorted(file.parent.glob(f"*{SUFFIX}"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in kept[MOST_FILES:]:
            old.unlink()

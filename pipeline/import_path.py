"""Where the program imports from: its own rooms and installed packages, never the current folder.

A file `yaml.py` that lies where a user works must not be taken for the package. In the clone, the rooms are found by
name, so that other files in its folder are not imported either: it often is the current folder.

This module imports only what Python itself has loaded, so that nothing is imported before the path is right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder

ROOMS = ("pipeline", "models", "stages", "densepose_video")
ROOMS_FOLDER = "densepose_rooms"
"""The name of a folder with links to the rooms."""
SAFE_PATH = "PYTHONSAFEPATH"
"""With it, Python leaves the current folder and that of a script out of the path of child processes."""


class RoomFinder:
    """Finds the rooms in the folder of the clone, and nothing else there."""

    def __init__(self, root: str) -> None:
        self.root = root

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        return PathFinder.find_spec(name, [self.root]) if name in ROOMS else None

    def invalidate_caches(self) -> None:
        """Nothing is kept."""


def folder_of_clone() -> str | None:
    """The folder of the clone that this module belongs to; None in an installed copy."""
    return os.path.dirname(os.path.dirname(os.path.realpath(__file__))) if __name__ == "pipeline.import_path" else None


def keep_to_own_modules() -> None:
    """Take the current folder off the path of this process and of its children, and the folder of the clone, too."""
    root = folder_of_clone()
    left_out = {_real(""), *([] if root is None else [_real(root)])} - _of_python()
    sys.path[:] = [place for place in sys.path if _real(place) not in left_out]
    named = os.environ.get("PYTHONPATH")
    if named is not None:
        places = [place for place in named.split(os.pathsep) if place and _real(place) not in left_out]
        os.environ["PYTHONPATH"] = os.pathsep.join(places)
    os.environ[SAFE_PATH] = "1"
    if root is not None and not any(isinstance(finder, RoomFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, RoomFinder(root))


def is_program(package: str, command: str) -> bool:
    """Whether this process is `python -m PACKAGE` or the installed COMMAND, while the package is imported."""
    first = sys.argv[0] if sys.argv else ""
    # While `-m` looks for its module, Python's first argument is `-m`.
    as_module = first == "-m" and any(word in (package, f"-m{package}") for word in sys.orig_argv)
    return as_module or os.path.basename(first) in (command, f"{command}.exe")


def module_command(name: str) -> list[str]:
    """The command that runs one of this program's modules as `python -m` would, with the path of this program."""
    folder = os.path.realpath(__file__)
    for _ in range(__name__.count(".") + 1):
        folder = os.path.dirname(folder)
    where = "append(" if folder_of_clone() is None else "insert(0, "
    code = f"import sys; sys.path.{where}{folder!r}); from {__name__} import run_named_module; run_named_module()"
    return [sys.executable, "-P", "-c", code, name]


def run_named_module() -> None:
    """Run the module that the first argument names; see `module_command`."""
    keep_to_own_modules()
    import runpy  # only now is the path right

    runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)


def link_rooms(folder: str, root: str) -> str:
    """Make a folder that holds links to the rooms of the clone; returns its path.

    Processes that get it as a path find the rooms there, and no other file of the clone. Returns the clone where links
    cannot be made.
    """
    place = os.path.join(folder, ROOMS_FOLDER)
    try:
        os.mkdir(place)
        for room in ROOMS:
            os.symlink(os.path.join(root, room), os.path.join(place, room), target_is_directory=True)
    except OSError:
        return root
    return place


def _real(place: str) -> str:
    try:
        return os.path.realpath(place or os.getcwd())
    except OSError:  # the current folder was removed
        return ""


def _of_python() -> set[str]:
    """The folders of the standard library and of installed packages, which stay even if one is the current folder."""
    site = sys.modules.get("site")
    packages = site.getsitepackages() if site is not None else []
    return {_real(place) for place in (os.path.dirname(os.__file__), *packages)}

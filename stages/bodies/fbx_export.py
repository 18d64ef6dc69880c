"""FBX by a Blender that the user has: a process of its own opens the GLB and writes the other format."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from models.animation import blender_fbx
from pipeline.stage import StageError

LONGEST_S = 1800
"""Seconds after which Blender is ended."""
REMEDY = "set animate.blender to the path of Blender, or to a Python that has the package bpy"


def blender_command(blender: str | None) -> list[str] | None:
    """The command that runs a script in Blender: the given one, that of the path, or this Python if it has bpy.

    Args:
        blender: path of Blender's program, or of a Python that has bpy; None searches.

    Raises: StageError if there is no program at the given path.
    """
    if blender is not None:
        found = shutil.which(blender)
        if found is None:
            raise StageError("there is no program at this path", f"animate.blender={blender}", REMEDY)
        return _command_of(found)
    if found := shutil.which("blender"):
        return _command_of(found)
    return [sys.executable] if find_spec("bpy") is not None else None


def _command_of(program: str) -> list[str]:
    if Path(program).name.startswith("python"):
        return [program]
    return [program, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]


def fbx_of_glb(glb: bytes, command: list[str], rate: float) -> bytes:
    """The bytes of an FBX file.

    Args:
        glb: the GLB.
        command: as `blender_command` gives it.
        rate: frames per second.

    Raises: StageError if Blender cannot do it.
    """
    separator = ["--"] if "--python" in command else []
    with tempfile.TemporaryDirectory(prefix="densepose_fbx_") as folder:
        source, target = Path(folder, "clip.glb"), Path(folder, "clip.fbx")
        source.write_bytes(glb)
        whole = [*command, str(blender_fbx.__file__), *separator, str(source), str(target), repr(rate)]
        try:
            done = subprocess.run(whole, capture_output=True, text=True, errors="replace", timeout=LONGEST_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StageError(f"Blender did not write FBX ({error})", command[0], REMEDY) from error
        if done.returncode != 0 or not target.is_file():
            last = next(iter((done.stderr or done.stdout).strip().splitlines()[-1:]), "it says nothing")
            raise StageError(f"Blender did not write FBX ({last})", command[0], REMEDY)
        return target.read_bytes()


def fbx_or_glb(glb: bytes, output: str, blender: str | None, rate: float) -> tuple[str, bytes, list[str]]:
    """The path and the content of the result: FBX, or the GLB where no Blender writes it; and a sentence about that."""
    try:
        command = blender_command(blender)
        if command is None:
            raise StageError("there is no Blender, which writes FBX", output, REMEDY)
        return output, fbx_of_glb(glb, command, rate), []
    except StageError as error:
        return str(Path(output).with_suffix(".glb")), glb, [f"the result is glTF instead of FBX: {error}"]

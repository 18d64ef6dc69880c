"""The rooms keep their doors shut: who may import what, and how long things may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN: dict[str, tuple[str, ...]] = {
    "models": ("stages", "pipeline", "ray", "av"),
    "stages": ("pipeline", "ray"),
    "pipeline": ("models", "stages", "torch", "torchvision", "cv2"),
    "run_pipeline.py": ("models", "stages", "ray", "torch", "cv2", "av"),
}
ALLOWED: dict[str, tuple[str, ...]] = {
    "stages": ("pipeline.stage",),
    "pipeline": ("stages.STAGES",),
}
RAY_IN_TORCH = "pipeline/actors/training.py"  # the one file of the room that may import ray.train.torch
VIDEO_OF_CV2 = ("VideoCapture", "VideoWriter", "CAP_PROP_FRAME_COUNT", "imshow")

MODULE_LINES, FUNCTION_LINES, LONG_FUNCTION_LINES, ENTRY_LINES = 350, 60, 30, 80
VAGUE = ("utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff")


def modules(*rooms: str) -> list[Path]:
    return sorted(file for room in rooms for file in (ROOT / room).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    """Every imported name in full: `from stages import STAGES` is `stages.STAGES`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong_imports(room: str, source: str) -> list[str]:
    """Imports in a file of a room that the table forbids."""
    found = []
    for name in imports(ast.parse(source)):
        forbidden = any(name == door or name.startswith(door + ".") for door in FORBIDDEN[room])
        allowed = any(name == door or name.startswith(door + ".") for door in ALLOWED.get(room, ()))
        if forbidden and not allowed:
            found.append(name)
    return found


@pytest.mark.parametrize("room", ["models", "stages", "pipeline", "run_pipeline.py"])
def test_no_room_imports_what_it_must_not_know(room: str) -> None:
    files = [ROOT / room] if room.endswith(".py") else modules(room)
    assert files, f"{room} is empty"
    wrong = {str(file.relative_to(ROOT)): wrong_imports(room, file.read_text()) for file in files}
    wrong.pop(RAY_IN_TORCH, None)
    assert {file: names for file, names in wrong.items() if names} == {}


def test_the_rule_catches_what_it_is_for() -> None:
    assert wrong_imports("models", "import ray") == ["ray"]
    assert wrong_imports("models", "def f():\n    from stages.payloads import People") == ["stages.payloads.People"]
    assert wrong_imports("stages", "from pipeline.stage import Stage") == []
    assert wrong_imports("stages", "from pipeline.graph import Lane") == ["pipeline.graph.Lane"]
    assert wrong_imports("pipeline", "from stages import STAGES") == []
    assert wrong_imports("pipeline", "from stages.payloads import People") == ["stages.payloads.People"]


def test_a_start_does_not_wait_for_torch() -> None:
    """Torch takes seconds to import: no stage of the default graph needs it before a network asks for it."""
    code = (
        "import importlib, sys, yaml; from stages import STAGES\n"
        "lanes = yaml.safe_load(open('configs/video.yaml'))['lanes'].values()\n"
        "for name in (name for lane in lanes for name in lane['stages']):\n"
        "    importlib.import_module(STAGES[name].partition(':')[0])\n"
        "import models.light\n"
        "print(sorted({'torch', 'torchvision', 'ray'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_models_touch_no_video() -> None:
    for file in modules("models"):
        names = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & set(VIDEO_OF_CV2), file


def test_nothing_is_named_vaguely() -> None:
    assert [str(file) for file in modules("models", "stages", "pipeline") if file.stem in VAGUE] == []


def test_modules_are_short() -> None:
    files = modules("models", "stages", "pipeline")
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    assert {file: lines for file, lines in lengths.items() if lines > MODULE_LINES} == {}
    assert len((ROOT / "run_pipeline.py").read_text().splitlines()) < ENTRY_LINES


def test_functions_are_short() -> None:
    lengths: dict[str, int] = {}
    for file in modules("models", "stages", "pipeline"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lengths[f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}
    long = [name for name, lines in lengths.items() if lines >= LONG_FUNCTION_LINES]
    assert len(long) <= len(lengths) // 10, long


def public_functions(file: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Module-level functions and methods of module-level classes without a leading underscore."""
    tree = ast.parse(file.read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member


def test_public_functions_of_the_pipeline_are_documented() -> None:
    bare = [
        f"{file.name}: {name}"
        for file in modules("pipeline")
        for name, node in public_functions(file)
        if ast.get_docstring(node) is None
    ]
    assert bare == []

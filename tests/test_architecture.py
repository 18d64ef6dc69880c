"""The rooms keep their doors shut: who may import what, and how long things may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN: dict[str, tuple[str, ...]] = {
    "models": ("stages", "pipeline", "ray", "av", "tools", "tests"),
    "stages": ("pipeline", "ray", "tools", "tests"),
    "pipeline": ("models", "stages", "torch", "torchvision", "cv2", "tools", "tests"),
    "run_pipeline.py": ("models", "stages", "ray", "torch", "cv2", "av", "tools", "tests"),
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
    assert wrong_imports("stages", "from pipeline.packet import Packet") == ["pipeline.packet.Packet"]
    assert wrong_imports("pipeline", "from stages import STAGES") == []
    assert wrong_imports("pipeline", "from stages.payloads import People") == ["stages.payloads.People"]


def test_a_start_does_not_wait_for_torch() -> None:
    """Torch takes seconds to import: no stage of the default graph needs it before a network asks for it."""
    code = (
        "import importlib, sys, yaml; from stages import STAGES\n"
        "lanes = yaml.safe_load(open('configs/video.yaml'))['lanes'].values()\n"
        "for name in (name for lane in lanes for name in lane['stages']):\n"
        "    importlib.import_module(STAGES[name].partition(':')[0])\n"
        "import models.light.inference.light_network\n"
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


ROOMS_OF_STAGES = (
    *("world", "annotations", "video", "people", "bodies", "drawing"),
    *("results", "live", "studio", "synthetic", "evaluation", "training"),
)
"""A room of `stages/` imports only from itself and from rooms before it."""
FILES_A_FOLDER = 30
DOOR = "__init__.py"


def module_files() -> dict[str, Path]:
    """Every module of the code, by its dotted name; a package stands under its folder's name."""
    files = modules("models", "stages", "pipeline")
    dotted = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    return {name.removesuffix(".__init__"): file for name, file in dotted.items()}


def arrows(known: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Pairs of modules of which the first imports the second."""
    for name, file in known.items():
        for imported in set(imports(ast.parse(file.read_text()))):
            target = imported if imported in known else imported.rpartition(".")[0]
            if target in known and target != name:
                yield name, target


def test_nothing_lies_loose_in_stages() -> None:
    assert {file.name for file in (ROOT / "stages").glob("*.py")} == {DOOR, "payloads.py"}
    rooms = {folder.name for folder in (ROOT / "stages").iterdir() if (folder / DOOR).exists()}
    assert rooms == set(ROOMS_OF_STAGES)


def back_up(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Arrows between rooms of `stages/` that lead from an earlier one to a later one."""
    rank = {room: index for index, room in enumerate(ROOMS_OF_STAGES)}
    found = []
    for name, target in pairs:
        source, wanted = (rank.get(one.split(".")[1]) if one.startswith("stages.") else None for one in (name, target))
        if source is not None and wanted is not None and wanted > source:
            found.append((name, target))
    return found


def test_rooms_of_stages_import_one_way() -> None:
    assert back_up(arrows(module_files())) == []
    assert back_up([("stages.video.decode", "stages.live.page")]) == [("stages.video.decode", "stages.live.page")]


def circles(pairs: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Folders that import each other, directly or by way of others."""
    onward: dict[str, set[str]] = {}
    for name, target in pairs:
        folder, other = name.rpartition(".")[0], target.rpartition(".")[0]
        if folder != other:
            onward.setdefault(folder, set()).add(other)
    reached = {folder: set(others) for folder, others in onward.items()}
    for middle in list(reached):
        for others in reached.values():
            if middle in others:
                others |= reached[middle]
    rings = {
        frozenset(other for other in others if folder in reached.get(other, ())) for folder, others in reached.items()
    }
    return [set(ring) for ring in rings if ring]


def test_no_folders_import_each_other() -> None:
    known = {name: file for name, file in module_files().items() if file.name != DOOR}
    assert circles(arrows(known)) == []
    ring = [("a.x.one", "a.y.two"), ("a.y.three", "a.z.four"), ("a.z.five", "a.x.six")]
    assert circles(ring) == [{"a.x", "a.y", "a.z"}]


def test_folders_are_small() -> None:
    count: dict[str, int] = {}
    for file in modules("models", "stages", "pipeline"):
        folder = str(file.parent.relative_to(ROOT))
        count[folder] = count.get(folder, 0) + (file.name != DOOR)
    assert {folder: files for folder, files in count.items() if files > FILES_A_FOLDER} == {}


def names_in_several_files() -> set[str]:
    """Public classes and functions that more than one module defines."""
    places: dict[str, set[Path]] = {}
    for file in modules("models", "stages", "pipeline"):
        for node in ast.parse(file.read_text()).body:
            defines = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if defines and not node.name.startswith("_"):
                places.setdefault(node.name, set()).add(file)
    return {name for name, files in places.items() if len(files) > 1}


def test_a_public_name_stands_in_one_file() -> None:
    shared = (ROOT / "tests" / "shared_names.txt").read_text().split()
    assert shared == sorted(names_in_several_files()), "tests/shared_names.txt may only shrink"


def test_every_tool_has_a_row_that_says_why_it_is_kept() -> None:
    folders = (ROOT / "tools", ROOT / "tools" / "pictures")
    files = [file for folder in folders for file in folder.glob("*.py") if file.name != DOOR]
    names = {".".join(file.relative_to(ROOT / "tools").with_suffix("").parts) for file in files}
    rows = [line.split("`")[1] for line in (ROOT / "tools" / "README.md").read_text().splitlines() if line[:3] == "| `"]
    assert sorted(rows) == sorted(names)


ROOMS = ("models", "stages", "pipeline", "configs", "docs", "tests", "tools", "densepose_video", "integrations")


FILES_AT_THE_TOP = (
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "THIRD_PARTY.md", "pyproject.toml", "run_pipeline.py",
    "setup.py",
)  # fmt: skip


def test_nothing_stands_outside_of_the_rooms() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only a clone says which files belong to the project")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    places = {name.split("/")[0] for name in tracked if not name.startswith(".")}
    assert places == {*ROOMS, *FILES_AT_THE_TOP}


MOST_LINES = {
    "pipeline": 12_173, "stages": 48_220, "models": 30_190, "densepose_video": 100, "tools": 3_000, "tests": 66_515,
    "integrations": 320,
}
"""Lines of Python in each room. A cap falls, or rises by the lines of a new feature that the changelog names;
`docs/design.md` states the aim."""
MOST_DOCUMENT_BYTES = 312_100


def test_rooms_grow_no_further() -> None:
    lines = {room: sum(len(file.read_bytes().splitlines()) for file in modules(room)) for room in MOST_LINES}
    assert {room: count for room, count in lines.items() if count > MOST_LINES[room]} == {}
    assert sum(len(page.read_bytes()) for page in (ROOT / "docs").rglob("*.md")) <= MOST_DOCUMENT_BYTES


def test_tables_of_what_users_look_up_have_short_cells() -> None:
    for name in ("evaluation", "formats", "faults"):
        rows = [line for line in (ROOT / "docs" / f"{name}.md").read_text().splitlines() if line.startswith("|")]
        assert [cell for row in rows for cell in row.split("|") if len(cell.strip()) > 120] == [], name

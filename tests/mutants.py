"""Changes single operators and numbers of modules, and counts the changes that the modules' tests notice.

    python -m tests.mutants models/motion stages/bodies [--count 40] [--seed 1]

Run it in a checkout of its own (`git worktree add`): each change is in the file while its tests run. The tests are
those that import the module, or that import a module which imports it. The first failure ends them.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import resource
from collections import Counter
from pathlib import Path

import cv2  # noqa: F401  imported before the forks
import numpy  # noqa: F401
import pytest
import scipy.spatial.transform  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
CPU_LIMIT_S, FURTHER_FILES = 60, 1
"""Processor seconds of the tests of one change; and how many test files run that import the module only indirectly."""
SWAPS: dict[type, type] = {
    ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def sites(tree: ast.Module) -> list[ast.AST]:
    """Nodes that can be changed: operators, and numbers but for indices, keyword arguments and tuned constants.

    Tuned constants are those of modules and the defaults of dataclasses: benchmarks choose them, and a test of their
    exact values would only repeat them.
    """
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    fixed = {
        id(inner)
        for body in bodies
        for statement in body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for inner in ast.walk(statement)
    } | {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript | ast.keyword)
        for inner in ast.walk(node.slice if isinstance(node, ast.Subscript) else node.value)
    }
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        number = isinstance(node, ast.Constant) and type(node.value) in (int, float) and id(node) not in fixed
        operator = isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS
        compared = isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS
        if number or operator or compared:
            found.append(node)
    return found


def mutated(source: str, number: int) -> tuple[str, str]:
    """The source after a change of its site of this number, and what was changed."""
    tree = ast.parse(source)
    node = sites(tree)[number]
    before = ast.unparse(copy.deepcopy(node))
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float)
        node.value = node.value * 1.5 if isinstance(node.value, float) and node.value else node.value + 1
    elif isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = SWAPS[type(node.ops[0])]()
    return ast.unparse(tree), f"line {node.lineno}: {before} -> {ast.unparse(node)}"  # type: ignore[attr-defined]


def importers(name: str, files: list[Path]) -> set[Path]:
    """Files that import a module."""
    return {file for file in files if f"{name} import" in file.read_text() or f"import {name}" in file.read_text()}


def tests_of(module: Path) -> list[str]:
    """Test files that import a module, the quick ones first; then some that import a module that imports it."""
    dotted = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    tests = [file for file in (ROOT / "tests").rglob("test_*.py") if "benchmarks" not in file.parts]
    code = [*(ROOT / "models").rglob("*.py"), *(ROOT / "stages").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]
    direct = importers(dotted, tests)
    above = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in importers(dotted, code)]
    further = set().union(*(importers(name, tests) for name in above)) - direct
    slow = {file: "mark.quick" not in file.read_text() for file in direct | further}
    near, far = (sorted(files, key=lambda file: (slow[file], file)) for files in (direct, further))
    return [str(file) for file in [*near, *far[:FURTHER_FILES]]]


def verdict(module: Path, number: int) -> tuple[str, str]:
    """`killed` if a test fails with the change, `SURVIVED`, or `undecided` at the limit of processor time; the change.

    Tests run in a fork, so that large libraries are imported once. A module that does not end uses its time up.
    """
    source = module.read_text()
    changed, what = mutated(source, number)
    module.write_text(changed)
    try:
        child = os.fork()
        if child == 0:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
            os._exit(int(pytest.main(["-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests_of(module)])))
        status = os.waitpid(child, 0)[1]
    finally:
        module.write_text(source)
    if os.WIFSIGNALED(status):
        return "undecided", what
    return "SURVIVED" if os.WEXITSTATUS(status) == 0 else "killed", what


def main() -> None:
    """Print each change and whether it was killed; then the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    modules = sorted(file for folder in asked.folders for file in (ROOT / folder).rglob("*.py"))
    every = [(module, number) for module in modules for number in range(len(sites(ast.parse(module.read_text()))))]
    chosen = random.Random(asked.seed).sample(every, min(asked.count, len(every)))
    counts: Counter[str] = Counter()
    for module, number in chosen:
        found, what = verdict(module, number)
        counts[found] += 1
        print(f"{found:9} {module.relative_to(ROOT)} {what}  {dict(counts)}", flush=True)


if __name__ == "__main__":
    main()

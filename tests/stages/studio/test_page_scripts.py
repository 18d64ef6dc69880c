"""The studio's page in the eyes of TypeScript's checker, which reads the types of its comments, and of ESLint."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from stages.studio.studio_page import FOLDER
from tests.models.animation.node_packages import node_packages

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def test_the_types_of_the_page_fit() -> None:
    checker = node_packages("typescript", "types of the studio's page") / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        ["node", str(checker), "-p", str(HERE / "page_types.json")], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout


def test_the_page_keeps_the_rules() -> None:
    linter = node_packages("eslint", "ESLint's rules for the studio's page") / "eslint" / "bin" / "eslint.js"
    rules = ["--config", str(HERE / "page_rules.mjs"), str(FOLDER.relative_to(ROOT))]
    done = subprocess.run(["node", str(linter), *rules], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_element_that_a_script_asks_for_is_in_the_page() -> None:
    """Scripts reach elements by their ids: of the page, or of panels that they make."""
    scripts = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js"))
    page = (FOLDER / "studio.html").read_text(encoding="utf-8")
    wanted = set(re.findall(r'\bat\("(\w+)"\)', scripts))
    made = set(re.findall(r'\bid="(\w+)"', page)) | set(re.findall(r'\.id = "(\w+)"', scripts))
    assert wanted and wanted <= made

"""How the wheel is built: the rooms stand inside one package, `densepose_video` (docs/decisions/installing.md)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOMS = ("models", "pipeline", "stages")
PACKAGE = "densepose_video"
DATA = ["py.typed", "*.npz"]
DATA += ["*.png", "*.safetensors", "*.json", "*.txt", "*.md", "*.html", "*.css", "*.js", "*.yaml", "*.mp4"]


def inside_package(source: str, where: str) -> str:
    """A module's source with `from models.x` as `from densepose_video.models.x`, and so on for each room.

    Raises: SyntaxError for `import models.x`, which would bind a name that the package does not have.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] in ROOMS for alias in node.names):
            raise SyntaxError(f"{where}:{node.lineno}: write `from … import …` for a module of this project")
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ROOMS and not node.level:
            line = lines[node.lineno - 1].encode()
            start = line[: node.col_offset] + line[node.col_offset :].replace(b"from ", f"from {PACKAGE}.".encode(), 1)
            lines[node.lineno - 1] = start.decode()
    return "".join(lines)


class BuildInside(build_py):
    """Copies the rooms into the package and rewrites their imports."""

    def run(self) -> None:
        """Refuse an editable install, whose files would be those of the checkout."""
        if self.editable_mode:
            sys.exit("an editable install is not supported: run run_pipeline.py in the clone, or install without -e")
        super().run()

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Copy a module, then rewrite the copy."""
        target, copied = super().build_module(module, module_file, package)
        source = Path(module_file).read_text(encoding="utf-8")
        Path(target).write_text(inside_package(source, module_file), encoding="utf-8")
        return target, copied


rooms = find_packages(include=[pattern for room in ROOMS for pattern in (room, f"{room}.*")])
configs = [".".join(folder.parts) for folder in (Path("configs"), *Path("configs").rglob("*")) if folder.is_dir()]
setup(
    packages=[PACKAGE, *(f"{PACKAGE}.{name}" for name in [*rooms, *configs, "models.weights", "stages.studio.page"])],
    package_dir={PACKAGE: PACKAGE, **{f"{PACKAGE}.{room}": room for room in (*ROOMS, "configs")}},
    package_data={"": DATA},
    cmdclass={"build_py": BuildInside},
)

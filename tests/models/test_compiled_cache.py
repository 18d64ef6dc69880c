"""Compiled graphs that are kept on disk: the same numbers, and no harm from damaged files and full folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.engines import compiled_cache
from models.engines.engine import compile_graph
from models.files.atomic_file import atomic_write
from models.files.safetensors_file import read_metadata
from models.light.architecture.weight_paths import BUILT_IN, graph_path
from models.light.inference.graph_components import GraphComponent, read_graphs

pytest.importorskip("openvino")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled graphs are kept, in a home folder of this test."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".cache" / "densepose-video" / "compiled"


class CountingCore:
    """OpenVINO's core, which counts what it compiles."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.compiled = 0

    def compile_model(self, *words: Any) -> Any:
        self.compiled += 1
        return self._core.compile_model(*words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> CountingCore:
    from models.engines import engine

    counting = CountingCore(engine.openvino_core())
    monkeypatch.setattr(engine, "openvino_core", lambda: counting)
    return counting


def small_graph(weight: float) -> Any:
    """A graph of one product: (1, 3, 4, 4) times a number."""
    from openvino import Model, opset13

    x = opset13.parameter([1, 3, 4, 4], np.float32)
    return Model([opset13.multiply(x, np.float32(weight))], [x])


def product(weight: float, identity: str) -> float:
    run = compile_graph(small_graph(weight), precision="fp32", threads=1, identity=identity)
    return float(run(np.ones((1, 3, 4, 4), np.float32))[0, 0, 0, 0])


def test_a_graph_is_compiled_once_for_each_identity(folder: Path, core: CountingCore) -> None:
    assert [product(2, "a"), product(2, "a"), product(3, "b")] == [2, 2, 3]
    assert core.compiled == 2 and len(list(folder.iterdir())) == 2
    assert product(4, "") == 4 and core.compiled == 3 and len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_damaged_file_is_compiled_again(folder: Path, core: CountingCore, damage: bytes | None) -> None:
    product(2, "a")
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] if damage is None else damage)
    assert product(2, "a") == 2 and core.compiled == 2
    assert product(2, "a") == 2 and core.compiled == 2 and file.stat().st_size == len(whole)


def test_the_oldest_of_many_files_go(folder: Path, core: CountingCore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_cache, "MOST_FILES", 2)
    made = []
    for number, identity in enumerate("abc"):
        product(2, identity)
        (fresh,) = set(folder.iterdir()) - set(made)
        made.append(fresh)
        os.utime(fresh, (number, number))
    assert not made[0].exists() and made[1].exists() and made[2].exists()


def test_a_folder_that_others_can_write_to_is_not_used(folder: Path, core: CountingCore) -> None:
    product(2, "a")
    folder.chmod(0o777)
    assert product(2, "a") == 2 and core.compiled == 2
    folder.chmod(0o700)
    assert product(2, "a") == 2 and core.compiled == 2


def test_what_a_killed_process_left_is_removed(folder: Path) -> None:
    product(2, "a")
    (kept,) = folder.iterdir()
    with atomic_write(kept) as draft:
        left = draft.with_name(draft.name.replace(f".{os.getpid()}-", ".4194305-"))  # no process
        left.write_bytes(b"half")
        draft.write_bytes(kept.read_bytes())
    product(3, "b")
    assert not left.exists() and kept.exists()


def test_without_a_place_nothing_is_kept(tmp_path: Path, core: CountingCore, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert product(2, "a") == product(2, "a") == 2 and core.compiled == 2


def test_a_read_network_gives_the_bits_of_a_compiled_one(folder: Path) -> None:
    path = graph_path(BUILT_IN.with_name("yolox_nano.safetensors"))
    if not path.is_file():
        path = graph_path(BUILT_IN)
    graph = read_graphs(path, read_metadata(path)["source_sha256"], ("detector",))["detector"]
    part = GraphComponent(graph=graph, channels=3, precision="fp32", threads=1, batch_size=1)
    x = np.random.default_rng(0).random((1, 3, 64, 96), np.float32) * 255
    compiled, read = part.compiled(1, 64, 96)(x), part.compiled(1, 64, 96)(x)
    assert np.array_equal(compiled, read) and len(list(folder.iterdir())) == 1

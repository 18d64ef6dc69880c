"""What is done before a run over many files costs the same for each file, however many there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.command.output_paths import check_output_paths
from pipeline.jobs import output_places, remote_files
from pipeline.jobs.inputs import Inputs, find_inputs
from pipeline.jobs.output_places import FolderContents, ResolvedPaths
from pipeline.media_types import name_and_suffix
from tests.pipeline.counted_calls import cost_of_each

pytestmark = pytest.mark.quick

FEW, MANY = 20, 200
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)


def folder_of(place: Path, number: int) -> Path:
    folder = place / str(number)
    folder.mkdir()
    for index in range(number):
        (folder / f"{index:04d}.png").write_bytes(PICTURE)
    return folder


@pytest.mark.parametrize("there", ["", "file://"])
def test_the_search_for_inputs_is_linear(there: str, tmp_path: Path) -> None:
    def work(number: int) -> Callable[[], Any]:
        folder = folder_of(tmp_path, number)
        return lambda: found.update(
            {number: find_inputs([f"{there}{folder}"], f"{there}{folder}.out/", overwrite=False)}
        )

    found: dict[int, Inputs] = {}
    few, many = cost_of_each(work, FEW, MANY)
    assert len(found[MANY].ready) == MANY and not found[MANY].refused
    assert many < 1.2 * few


def test_the_check_of_output_paths_is_linear(tmp_path: Path) -> None:
    def work(number: int) -> Callable[[], Any]:
        inputs = find_inputs([str(folder_of(tmp_path, number))], f"{tmp_path}/out/", overwrite=False)
        return lambda: check_output_paths(inputs, {"--report": str(tmp_path / "report.json")})

    few, many = cost_of_each(work, FEW, MANY)
    assert many < 1.2 * few


def test_a_store_is_asked_once_for_all_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, MANY)
    out = tmp_path / "out"
    out.mkdir()
    (out / "0003.densepose.png").write_bytes(PICTURE)
    monkeypatch.setattr(remote_files, "path_on_this_machine", lambda path: None if "://" in path else Path(path))
    asked = []
    store_of = remote_files._store_of
    monkeypatch.setattr(remote_files, "_store_of", lambda path: asked.append(path) or store_of(path))
    found = find_inputs([str(folder)], f"file://{out}/", overwrite=False, resume=True)
    assert sorted(found.standing) == [3] and len(found.ready) == MANY - 1
    assert asked == [f"file://{out}"]


@pytest.mark.parametrize("most", [0, 100])
def test_a_listed_folder_answers_as_the_system_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(output_places, "LISTED_AFTER", most)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    contents = FolderContents()
    for name in ("file", "folder", "link", "dangling", "absent"):
        assert contents.has_entry(str(tmp_path), name) == os.path.lexists(tmp_path / name)
        assert contents.is_link(str(tmp_path), name) == os.path.islink(tmp_path / name)
    assert not contents.has_entry(str(tmp_path / "absent"), "x") and not contents.is_link(str(tmp_path / "absent"), "x")


@pytest.mark.parametrize("name", ["a.tar.gz", "a", ".hidden", "..x", "a.", "f/a.b.", "f.g/a", "a b.MP4", "f.g/", ""])
def test_names_are_divided_as_pathlib_divides_them(name: str) -> None:
    assert name_and_suffix(name) == (Path(name).stem, Path(name).suffix)


def test_paths_are_resolved_as_the_system_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "real" / "a.png").write_bytes(PICTURE)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "b.png").symlink_to("a.png")
    (tmp_path / "real" / "dangling.png").symlink_to("nowhere/c.png")
    monkeypatch.chdir(tmp_path / "real")
    paths = ResolvedPaths()
    names = ("a.png", "b.png", "./a.png", "../link/a.png", "../link/sub/../b.png", "dangling.png", "absent/d.png")
    for name in (*names, ".", "..", "", "../link/", f"{tmp_path}/link/b.png"):
        assert paths.resolve(name) == str(Path(name).resolve()), name
    assert paths.resolve(f"file://{tmp_path}/link/b.png") == f"{tmp_path}/real/a.png"
    assert paths.resolve("s3://bucket/a//b.png") == "s3://bucket/a//b.png"

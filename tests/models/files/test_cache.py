"""Cache folders: the first writable one is found before anything is computed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from models.cache import DEFAULT_CACHE, RUN_CACHE, cached_file, cached_files, user_path
from models.errors import ModelError

pytestmark = pytest.mark.quick


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A home folder, a working folder, and a temporary folder."""
    found = {name: tmp_path / name for name in ("home", "run", "temporary")}
    for folder in found.values():
        folder.mkdir()
    monkeypatch.setenv("HOME", str(found["home"]))
    monkeypatch.chdir(found["run"])
    monkeypatch.setattr(tempfile, "tempdir", str(found["temporary"]))
    return found


def _closed(folder: Path) -> None:
    """A path below which nothing can be created, even by the superuser."""
    folder.rmdir()
    folder.write_text("a file")


def test_the_first_writable_cache_folder_is_used(places: dict[str, Path]) -> None:
    assert cached_file(DEFAULT_CACHE, "zoo/a.pkl") == places["home"] / ".cache/densepose-video/zoo/a.pkl"
    assert list(places["temporary"].iterdir()) == []
    (places["home"] / ".cache").rename(places["home"] / "away")
    (places["home"] / ".cache").write_text("no folder")
    assert cached_file(DEFAULT_CACHE, "zoo/a.pkl") == places["run"] / RUN_CACHE / "zoo/a.pkl"
    (places["run"] / "runs").rename(places["run"] / "away")
    (places["run"] / "runs").write_text("no folder")
    private = places["temporary"] / f"densepose-video-{os.getuid()}"
    assert cached_file(DEFAULT_CACHE, "zoo/a.pkl") == private / "zoo/a.pkl"
    assert private.stat().st_mode & 0o777 == 0o700


def test_an_existing_file_is_found_in_any_cache_folder(places: dict[str, Path]) -> None:
    there = cached_file(DEFAULT_CACHE, "a.pkl")
    there.write_bytes(b"here")
    elsewhere = places["run"] / RUN_CACHE / "b.pkl"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(b"there")
    assert (cached_file(DEFAULT_CACHE, "a.pkl"), cached_file(DEFAULT_CACHE, "b.pkl")) == (there, elsewhere)
    assert cached_files(DEFAULT_CACHE) == sorted([there, elsewhere])


def test_a_folder_that_others_can_write_to_is_not_used(places: dict[str, Path]) -> None:
    _closed(places["home"])
    (places["run"] / "runs").write_text("no folder")
    private = places["temporary"] / f"densepose-video-{os.getuid()}"
    private.mkdir()
    private.chmod(0o777)
    (private / "a.pkl").write_bytes(b"somebody's")
    with pytest.raises(ModelError, match="name a cache folder"):
        cached_file(DEFAULT_CACHE, "a.pkl")


def test_the_cache_works_without_a_home_folder(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: str(path))  # what it does without HOME and passwd entry
    assert cached_file(DEFAULT_CACHE, "a.pkl") == places["run"] / RUN_CACHE / "a.pkl"
    with pytest.raises(ModelError, match="there is no home folder"):
        user_path("~/coco")


def test_a_configured_cache_folder_has_no_fallback(places: dict[str, Path]) -> None:
    _closed(places["home"])
    with pytest.raises(ModelError, match="name a cache folder"):
        cached_file("~/mine", "a.pkl")
    with pytest.raises(ModelError, match="name a cache folder"):
        cached_file(places["home"], "a.pkl")

"""The manifest of a batch and its journal: no crash loses a record, and each record costs the same."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.batch import manifest as manifest_module
from pipeline.batch.finished_results import finished_result, publish_result, source_mark
from pipeline.batch.manifest import JOURNAL, NAME, Manifest, confirmed
from pipeline.jobs import remote_files
from pipeline.jobs.inputs import Inputs, find_inputs
from pipeline.jobs.remote_files import StoreListings
from pipeline.observe.observer import FileRecord
from pipeline.stage import Job, working_folder
from tests.pipeline.counted_calls import cost_of_each

pytestmark = pytest.mark.quick

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def made(out: Path, index: int, address: str = "", there: str = "") -> Job:
    """An input with a marked result."""
    source = out.parent / f"{index}.png"
    source.write_bytes(PICTURE)
    job = Job(index=index, input=address or str(source), output=f"{there}{out}/{index}.out.png", stem=str(index))
    draft = out / f"draft_{index}"
    draft.write_bytes(PICTURE)
    Path(working_folder(f"{out}/{index}.out.png")).mkdir()
    publish_result(draft, job, source_mark(job, "s"), 1)
    return job


def record(job: Job, error: str | None = None) -> FileRecord:
    return FileRecord(
        stream=job.index,
        input=job.name,
        output=None if error else job.output,
        state="failed" if error else "done",
        frames=1,
        seconds=0.5,
        node="far",
        worker="far:7",
        restarts=2,
        error=error,
    )


def note(manifest: Manifest, job: Job, error: str | None = None) -> None:
    manifest.note(job, record(job, error), remote_files.stamp(job.input), remote_files.stamp(job.output or ""))


def is_current(out: Path, job: Job) -> bool:
    """Whether a manifest that is opened anew knows the result."""
    return Manifest(str(out), "s").is_current(job, StoreListings())


def test_a_settled_record_survives_a_kill_and_says_where_and_how_long(out: Path) -> None:
    manifest = Manifest(str(out), "s")
    good, bad = made(out, 0), made(out, 1)
    note(manifest, good)
    note(manifest, bad, "broken")
    manifest.settle()
    assert not (out / NAME).exists()
    assert is_current(out, good) and not is_current(out, bad)
    Manifest(str(out), "s").close()  # the next batch
    assert sorted(file.name for file in out.iterdir()) == ["0.out.png", "1.out.png", NAME]
    entries = json.loads((out / NAME).read_text())["inputs"]
    entry = entries[good.input]
    assert {key: entry[key] for key in ("state", "frames", "seconds", "node", "worker", "restarts")} == {
        "state": "done", "frames": 1, "seconds": 0.5, "node": "far", "worker": "far:7", "restarts": 2,
    }  # fmt: skip
    assert (entries[bad.input]["state"], entries[bad.input]["error"]) == ("failed", "broken")
    assert "output" not in entries[bad.input]
    assert is_current(out, good)


@pytest.mark.parametrize("torn", ['["', '["a.png", {"state": "do', "\n\x00\xff", "[1, 2]\n"])
def test_a_torn_record_loses_no_other(torn: str, out: Path) -> None:
    first, second = made(out, 0), made(out, 1)
    manifest = Manifest(str(out), "s")
    note(manifest, first)
    manifest.settle()
    with (out / JOURNAL).open("a", encoding="latin-1") as file:
        file.write(torn)
    manifest = Manifest(str(out), "s")
    note(manifest, second)
    manifest.settle()
    assert is_current(out, first) and is_current(out, second)


def test_a_mark_stays_until_its_record_is_on_the_disk(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, manifest, synced = made(out, 0), Manifest(str(out), "s"), list[bool]()
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(finished_result(job, "s") is not None))
    note(manifest, job)
    assert finished_result(job, "s") is not None
    manifest.settle()
    assert synced == [True] and finished_result(job, "s") is None


def test_in_a_store_marks_stay_until_the_manifest_is_written(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "path_on_this_machine", lambda path: None if "://" in path else Path(path))
    job = made(out, 0, there="file://")
    manifest = Manifest(f"file://{out}", "s")
    note(manifest, job)
    manifest.settle()
    assert finished_result(job, "s") is not None and not (out / NAME).exists() and not (out / JOURNAL).exists()
    manifest.close()
    assert finished_result(job, "s") is None
    assert Manifest(f"file://{out}", "s").is_current(job, StoreListings())


def test_the_manifest_is_written_whole_seldom(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, writes = [0.0], [0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def write(path: str, text: Any) -> None:
        writes[0] += 1
        now[0] += 2.0  # a large manifest

    monkeypatch.setattr(remote_files, "write", write)
    manifest, job = Manifest(str(out), "s"), Job(index=0, input="a.png", output=f"{out}/a.png", stem="a")
    for _ in range(1000):
        note(manifest, job)
        manifest.settle()
        now[0] += 0.1
    assert writes[0] == 1 + int((100.0 - manifest_module.WHOLE_EVERY_S) // (2.0 / manifest_module.WHOLE_SHARE))


def test_no_secret_is_in_journal_and_manifest(out: Path) -> None:
    job = dataclasses.replace(made(out, 0), input="https://host/a.png?token=geheim1234")
    manifest = Manifest(str(out), "s")
    note(manifest, job, "https://host/a.png?token=geheim1234: broken")
    manifest.settle()
    assert "host/a.png" in (out / JOURNAL).read_text() and "geheim1234" not in (out / JOURNAL).read_text()
    manifest.close()
    assert "host/a.png" in (out / NAME).read_text() and "geheim1234" not in (out / NAME).read_text()


def test_inputs_with_odd_names_keep_their_entries(out: Path) -> None:
    manifest = Manifest(str(out), "s")
    jobs = [
        dataclasses.replace(made(out, index), input=name) for index, name in enumerate(("settings", "state", 'ä\n"'))
    ]
    for job in jobs:
        note(manifest, job)
    manifest.close()
    assert list(json.loads((out / NAME).read_text())["inputs"]) == ["settings", "state", 'ä\n"']
    assert all(key in Manifest(str(out), "s")._entries for key in ("settings", "state", 'ä\n"'))


def test_records_and_their_confirmation_are_linear(tmp_path: Path) -> None:
    def recording(number: int) -> Callable[[], Any]:
        inputs = inputs_of(tmp_path / f"first{number}", number)
        return lambda: recorded(inputs)

    def confirming(number: int) -> Callable[[], Any]:
        inputs = inputs_of(tmp_path / f"second{number}", number)
        folder = recorded(inputs)
        known = dataclasses.replace(inputs, standing=frozenset(range(number)))

        def work() -> None:
            assert len(confirmed(known, Manifest(folder, "s")).standing) == number

        return work

    for work in (recording, confirming):
        few, many = cost_of_each(work, 20, 200)
        assert many < 1.2 * few


def inputs_of(place: Path, number: int) -> Inputs:
    place.mkdir()
    for index in range(number):
        (place / f"{index:04d}.png").write_bytes(PICTURE)
    return find_inputs([str(place)], f"{place}/out/", overwrite=False)


def recorded(inputs: Inputs) -> str:
    """The folder of a batch that is over."""
    folder = Path(inputs.jobs[0].output or "").parent
    folder.mkdir(exist_ok=True)
    manifest = Manifest(str(folder), "s")
    for job in inputs.jobs:
        Path(job.output or "").write_bytes(PICTURE)
        note(manifest, job)
        manifest.settle()
    manifest.close()
    return str(folder)

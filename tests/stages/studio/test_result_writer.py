"""The result is written while people work: soon, without holding anybody up, and not once for each image."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from pipeline.stage import StageError
from stages.annotations.coco_documents import write_document
from stages.studio.result_writer import MIN_PAUSE_S, ResultWriter, pause_after


def test_many_changes_are_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first state is written nobody waits; of a thousand changes meanwhile the last alone is written."""
    monkeypatch.setattr("stages.studio.result_writer.MIN_PAUSE_S", 0.0)
    begun, go, state, written = threading.Event(), threading.Event(), [0], []

    def write() -> None:
        seen = state[0]
        begun.set()
        go.wait(60)
        written.append(seen)

    writer = ResultWriter(write)
    try:
        state[0] = 1
        writer.changed()
        begun.wait(60)
        for number in range(2, 1002):
            state[0] = number
            writer.changed()
        go.set()
        assert writer.settled() and written == [1, 1001]
    finally:
        writer.close()


def test_the_cost_is_a_share_of_the_time() -> None:
    """However long a write takes, the thread writes for at most a twentieth of the time."""
    assert pause_after(0.001) == MIN_PAUSE_S and pause_after(60) == 20 * 60


def test_trouble_is_known_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.studio.result_writer.MIN_PAUSE_S", 0.0)
    full = [True]

    def write() -> int:
        if full[0]:
            raise StageError("the annotations cannot be written", "people.json", "make room")
        return 3

    writer = ResultWriter(write)
    try:
        writer.changed()
        assert writer.settled() and "make room" in writer.trouble
        with pytest.raises(StageError, match="make room"):
            writer.write_now()
        full[0] = False
        assert writer.write_now() == 3 and not writer.trouble
    finally:
        writer.close()


def test_a_document_is_written_as_json_dumps_does(tmp_path: Path) -> None:
    records = [{"id": 1, "é": [1.5, None, True]}, {}, {"segmentation": {"counts": "a\"b\\c"}}]
    for document in ({"info": {}, "images": [], "annotations": records, "more": [[1], []], "text": "x"}, {}):
        write_document(tmp_path / "made.json", document)
        assert (tmp_path / "made.json").read_text(encoding="utf-8") == json.dumps(document)

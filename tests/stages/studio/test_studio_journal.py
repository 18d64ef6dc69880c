"""The studio's journal: after any cut and any kill it gives the work again that was confirmed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.stage import StageError
from stages.studio.journal import WorkJournal
from tests.stages.studio.random_work import IMAGES, folded, random_entries, records


def test_a_journal_is_read_again_after_any_cut(tmp_path: Path) -> None:
    did, _ = random_entries(np.random.default_rng(3), 150, undo_share=0.2, review_share=0.4)
    assert sum(one.review for one in did) > 20
    path = tmp_path / "people.journal.jsonl"
    journal = WorkJournal(path, IMAGES, copies=1)
    for entry in did:
        journal.add(entry)
    whole = records(journal.tasks)
    journal.close()
    opened = WorkJournal(path, IMAGES, copies=1)
    assert records(opened.tasks) == whole == records(folded(did))
    opened.close()
    lines = path.read_bytes().splitlines(keepends=True)[: 1 + len(did)]
    for cut in (1, len(lines[-1]) // 2, len(lines[-1]) - 1):
        path.write_bytes(b"".join(lines)[:-cut])
        opened = WorkJournal(path, IMAGES, copies=1)
        assert records(opened.tasks) == records(folded(did[:-1]))
        opened.add(did[-1])
        assert records(opened.tasks) == whole
        opened.close()


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from stages.studio.journal import WorkJournal
from tests.stages.studio.random_work import IMAGES, random_entries
did, _ = random_entries(np.random.default_rng(8), 400, undo_share=0.2)
journal = WorkJournal(Path(sys.argv[1]), IMAGES, copies=1)
for number, entry in enumerate(did, start=1):
    journal.add(entry)
    print(number, flush=True)
time.sleep(60)
"""


def test_nothing_confirmed_is_lost_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "people.journal.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    confirmed = [int(process.stdout.readline()) for _ in range(100)][-1]
    process.kill()
    process.wait()
    did, _ = random_entries(np.random.default_rng(8), 400, undo_share=0.2)
    journal = WorkJournal(path, IMAGES, copies=1)
    written = path.read_bytes().count(b"\n") - 2  # both openings wrote a line
    assert written >= confirmed and records(journal.tasks) == records(folded(did[:written]))
    journal.close()


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.journal.jsonl"
    WorkJournal(path, IMAGES, copies=1).close()
    path.write_bytes(path.read_bytes() + b'{"who": "ann"}\n')
    with pytest.raises(StageError, match="line 2 is damaged"):
        WorkJournal(path, IMAGES, copies=1)
    with pytest.raises(StageError, match="line 2 is damaged"):  # and it is not left locked
        WorkJournal(path, IMAGES, copies=1)
    fresh = WorkJournal(tmp_path / "other.jsonl", IMAGES, copies=1)
    with pytest.raises(StageError, match="another program writes"):
        WorkJournal(tmp_path / "other.jsonl", IMAGES, copies=1)
    fresh.close()
    with pytest.raises(StageError, match="cannot be written"):
        WorkJournal(path / "journal.jsonl", IMAGES, copies=1)

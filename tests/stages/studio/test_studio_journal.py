"""The studio's journal: after any cut, any kill and on a full disk it gives the work again that was confirmed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.stage import Job, StageError
from stages.studio.read_journal import ReadJournal
from stages.studio.work.record_file import RecordFile, read_records
from stages.studio.work.work_journal import WorkJournal, entry_record, journal_tasks
from tests.stages.studio.random_work import IMAGES, NAMES, folded, random_entries, records

ROOT = Path(__file__).resolve().parents[3]
SMALL_DISK_KB = 300


def test_a_journal_is_read_again_after_any_cut(tmp_path: Path) -> None:
    """What a power cut leaves of the file's log gives the work up to some action; all of it, if nothing is cut."""
    did, _ = random_entries(np.random.default_rng(3), 120, undo_share=0.2, review_share=0.4)
    assert sum(one.review for one in did) > 10
    path = tmp_path / "people.journal.sqlite"
    journal = WorkJournal(path, IMAGES, copies=1)
    for entry in did:
        journal.add(entry)
    states = [records(folded(did[:count])) for count in range(len(did) + 1)]
    assert records(journal_tasks(path)) == records(journal.tasks) == states[-1]  # others read it meanwhile
    log = Path(f"{path}-wal").read_bytes()
    last = -1
    for number, share in enumerate((0.3, 0.6, 0.9, 0.999, 1)):
        cut = tmp_path / f"cut{number}" / path.name
        cut.parent.mkdir()
        shutil.copy(path, cut)
        Path(f"{cut}-wal").write_bytes(log[: int(share * len(log))])
        again = WorkJournal(cut, IMAGES, copies=1)
        known = len(read_records(cut)) - 2  # both openings wrote a record
        assert records(again.tasks) == states[known] and known > last
        last = known
        again.close()
    assert last == len(did)
    journal.close()


def test_a_file_system_without_locks(tmp_path: Path) -> None:
    """A journal that was begun with locks goes on without them, and back."""
    path, said = tmp_path / "people.journal.sqlite", []
    for number, locks in enumerate((True, False, False, True)):
        file = RecordFile(path, locks=locks)
        file.append(str(number))
        said.append(str(number))
        assert [record for _, record in file.records()] == said
        file.close()
    assert [record for _, record in read_records(path)] == said


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from stages.studio.work.work_journal import WorkJournal
from tests.stages.studio.random_work import IMAGES, random_entries
did, _ = random_entries(np.random.default_rng(8), 400, undo_share=0.2)
journal = WorkJournal(Path(sys.argv[1]), IMAGES, copies=1)
for number, entry in enumerate(did, start=1):
    journal.add(entry)
    print(number, flush=True)
time.sleep(60)
"""


def test_nothing_confirmed_is_lost_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "people.journal.sqlite"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    confirmed = [int(process.stdout.readline()) for _ in range(100)][-1]
    process.kill()
    process.wait()
    did, _ = random_entries(np.random.default_rng(8), 400, undo_share=0.2)
    journal = WorkJournal(path, IMAGES, copies=1)
    written = len(read_records(path)) - 2  # both openings wrote a record
    assert written >= confirmed and records(journal.tasks) == records(folded(did[:written]))
    journal.close()


FILLER = """
import sys
from pathlib import Path
import numpy as np
from pipeline.stage import StageError
from stages.studio.work.actions import Paint, SetBox
from stages.studio.work.work_journal import WorkJournal, journal_tasks
from stages.studio.work.part_map import PixelMask
from stages.studio.work.task_list import TaskImage
from stages.studio.work.undo_history import WorkEntry
from tests.stages.studio.random_work import records
path, image = Path(sys.argv[1]), TaskImage(name="a.png", height=400, width=400)
journal, rng, refused = WorkJournal(path, [image], copies=1), np.random.default_rng(0), []
do = SetBox(person=1, box_4=(0, 0, 400, 400))
for number in range(60):
    try:
        journal.add(WorkEntry(annotator="ann", image="a.png", at=float(number), seconds=1, action=do))
    except StageError as error:
        refused.append(str(error))
    side = int(rng.choice([4, 60, 250]))
    do = Paint(person=1, part=number % 14 + 1, mask=PixelMask.of_array(rng.random((side, 100)) < 0.5, 0, 0))
assert 3 < len(refused) < 50 and "full" in refused[0], refused
kept = records(journal.tasks)
assert records(journal_tasks(path)) == kept
journal.close()
assert records(journal_tasks(path)) == kept
"""


def test_what_a_full_disk_refuses_does_not_return(tmp_path: Path) -> None:
    """Large strokes are refused, small ones still fit between them; the journal has what was confirmed, no more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={SMALL_DISK_KB}k none {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode:
        pytest.skip("NOT CHECKED: the journal on a full disk; needs the right to mount a file system")
    script = [sys.executable, "-c", FILLER, str(disk / "people.journal.sqlite")]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", *script], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.journal.sqlite"
    WorkJournal(path, IMAGES, copies=1).close()
    base = sqlite3.connect(path)
    base.execute("INSERT INTO records (record) VALUES ('{\"who\": \"ann\"}')")
    base.commit()
    base.close()
    for _ in range(2):  # and it is not left locked
        with pytest.raises(StageError, match="record 2 is damaged"):
            WorkJournal(path, IMAGES, copies=1)
    path.write_bytes(b"no journal at all" * 100)
    with pytest.raises(StageError, match="file is not a database"):
        WorkJournal(path, IMAGES, copies=1)
    fresh = WorkJournal(tmp_path / "other.sqlite", IMAGES, copies=1)
    with pytest.raises(StageError, match="another program writes"):
        WorkJournal(tmp_path / "other.sqlite", IMAGES, copies=1)
    fresh.close()
    with pytest.raises(StageError, match="cannot be written"):
        WorkJournal(path / "journal.sqlite", IMAGES, copies=1)


def test_a_former_journal_is_taken_over(tmp_path: Path) -> None:
    """Its lines stay as they are; an unfinished last one was never confirmed."""
    did, _ = random_entries(np.random.default_rng(4), 80, undo_share=0.2)
    images = {"format": 1, "images": [[one.name, one.height, one.width] for one in IMAGES], "gold": []}
    lines = [json.dumps(one) for one in (images, *map(entry_record, did))]
    former = tmp_path / "people.journal.jsonl"
    former.write_text("\n".join(lines) + "\n" + lines[1][:20])
    before = former.read_bytes()
    assert records(journal_tasks(former)) == records(folded(did))
    path = tmp_path / "people.journal.sqlite"
    for _ in range(2):
        journal = WorkJournal(path, IMAGES, copies=1)
        assert records(journal.tasks) == records(folded(did))
        journal.close()
    assert former.read_bytes() == before


def test_people_read_a_journal(tmp_path: Path) -> None:
    """As words, as JSON from which the work begins again, and as a copy, while it is in use."""
    did, _ = random_entries(np.random.default_rng(5), 150, undo_share=0.1, review_share=0.3)
    journal = WorkJournal(tmp_path / "people.journal.sqlite", IMAGES, copies=1)
    for entry in did:
        journal.add(entry)
    program = [sys.executable, str(ROOT / "run_pipeline.py"), str(tmp_path / "people.journal.sqlite")]
    words = ["-c", "annotation_journal", "-o", str(tmp_path / "words.txt")]
    done = subprocess.run([*program, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for name in ("again.journal.jsonl", "copy.journal.sqlite"):
        job = Job(index=0, input="", output=str(tmp_path / name), stem="", together=(str(tmp_path / "people.json"),))
        for _ in range(2):  # a backup every hour has one name
            assert [one.path for one in ReadJournal(ReadJournal.Config())(job)] == [str(tmp_path / name)]
        other = WorkJournal(tmp_path / f"other.{name}", [], copies=1)
        other.close()
        (tmp_path / "other.txt").write_text("notes\n")
        for taken in (f"other.{name}", "other.txt"):
            with pytest.raises(StageError, match="the output exists already"):
                list(ReadJournal(ReadJournal.Config())(replace(job, output=str(tmp_path / taken))))
    with pytest.raises(StageError, match="ends in"):
        ReadJournal.check(ReadJournal.Config(), replace(job, output="journal.doc"))
    with pytest.raises(StageError, match="there is no journal beside this file"):
        ReadJournal.check(ReadJournal.Config(), replace(job, together=(str(tmp_path / "other.json"),)))
    journal.close()
    lines = (tmp_path / "words.txt").read_text().splitlines()
    assert len(lines) == 1 + len(did) and "the list has 2 images" in lines[0]
    assert any(f"{who}  {image.name}  outline: person" in line for line in lines for who in NAMES for image in IMAGES)
    for name in ("again.journal.jsonl", "copy.journal.sqlite"):
        assert records(journal_tasks(tmp_path / name)) == records(folded(did))

"""Five hundred damaged files; `python -m tests.faults.fuzz` does thousands, and its findings are kept here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.checkpoints.checkpoint import load_checkpoint
from models.errors import ModelError
from pipeline.recovery.journal import Journal
from pipeline.stage import StageError, is_plain
from stages.payloads import People
from stages.results.shard_file import ShardReader, ShardWriter
from tests.faults.fuzz import checkpoints, fuzz, one_case


def test_damaged_files_are_read_or_refused_plainly(tmp_path: Path) -> None:
    verdicts, findings = fuzz(100_000, 500, tmp_path)
    assert not findings
    assert sum(verdicts.values()) == 500 and min(verdicts["read"], verdicts["refused"]) > 50


def test_a_pickle_that_promises_an_endless_text(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"text.")
    with pytest.raises(ModelError, match="not readable as weights"):
        load_checkpoint(tmp_path / "a.pkl")


@pytest.mark.parametrize("case", [249, 3156])  # an endless text; a type that NumPy cannot describe
def test_pickles_that_were_findings(case: int, tmp_path: Path) -> None:
    checkpoints(tmp_path)
    try:
        one_case(case, [tmp_path / "l.pkl"], tmp_path)
    except Exception as error:
        assert is_plain(error), error


def test_a_journal_with_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe{}\n\xa5")
    journal = Journal(tmp_path / "a.jsonl")
    journal.check()
    assert journal.read() == []


def test_a_shard_whose_packed_bytes_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    shard = ShardWriter(path)
    boxes = np.random.default_rng(0).random((50, 4))
    zeros = np.zeros(50, np.int32)
    shard.add(0, (People(frame_N=zeros, box_N4=boxes, score_N=zeros, id_N=zeros),))
    shard.close()
    content = bytearray(path.read_bytes())
    for at in range(60, 900, 7):
        content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(StageError, match="shard"):
        ShardReader(path).packet(0)

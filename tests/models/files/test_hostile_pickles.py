"""Hostile weights files: each gives one typed error, in a child process."""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoints.checkpoint import load_checkpoint
from models.checkpoints.torch_file import read_torch_file
from tests.models.files.hostile_pickles import PICKLES, TENSORS

SPENT_MB = 400
"""Limit for 68 files of 50 MB in total."""
CPU_S = 120
"""They take a tenth of it. It is no time of the clock, which a busy machine makes long."""


def limit_cpu() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))


def test_hostile_files_are_refused_with_a_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.models.files.hostile_pickles", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit_cpu)
    *outcomes, (_, spent_mb) = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert not [line for line in outcomes if not line[1].startswith("refused")]
    assert len(outcomes) == len(PICKLES) + len(TENSORS) + 2 >= 40
    assert spent_mb < SPENT_MB


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_are_read_as_saved(tmp_path: Path, zipped: bool) -> None:
    base = torch.arange(24.0)
    saved = {
        "all": base,
        "part": base[4:16].view(3, 4).t(),
        "none": torch.zeros(0, 5),
        "one": torch.tensor(7),
        "kinds": [torch.ones(2, dtype=kind) for kind in (torch.float16, torch.bfloat16, torch.int8, torch.bool)],
        "learnt": torch.nn.Parameter(torch.ones(2)),
        "state": OrderedDict(torch.nn.BatchNorm2d(3).state_dict()),
        "steps": (1, 2.5, None, True, "text", (1, 2)),
    }
    torch.save(saved, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    mine, theirs = read_torch_file(tmp_path / "a.pt"), torch.load(tmp_path / "a.pt", weights_only=True)
    assert str(mine) == str(theirs).replace("Parameter containing:\n", "").replace(", requires_grad=True", "")
    assert mine["part"].stride() == theirs["part"].stride()
    assert mine["part"].untyped_storage().data_ptr() == mine["all"].untyped_storage().data_ptr()


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_all_dtypes_are_read(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng(0)
    kinds = (">f4", "<f8", "f2", ">i2", "u2", "u4", "i8", "u1", "f4")
    arrays = {kind: (rng.normal(size=(3, 2)) * 50 + 100).astype(kind) for kind in kinds}
    arrays |= {
        "F": np.asfortranarray(arrays["f4"]),
        "one": np.float32(3),
        "none": np.zeros((0, 4)),
        "again": arrays["f4"],
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"model": arrays}, protocol))
    found = load_checkpoint(tmp_path / "a.pkl").weights
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name].numpy(), array.astype(np.float32)) for name, array in arrays.items())


def test_arrays_of_python_2_protocol_0_are_read(tmp_path: Path) -> None:
    """Its byte strings are text with escapes, and its keys may be bytes."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntS'b'\ntRp3\n(I1\n(I2\ntcnumpy\ndtype\np4\n"
        b"(S'f4'\nI0\nI1\ntRp5\n(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\xc0?\\x00\\x00\\x00\\xc0'\ntb"
    )
    (tmp_path / "a.pkl").write_bytes(b"(dp0\nS'w'\np9\n" + array + b"sC\x01vg3\ns.")
    found = load_checkpoint(tmp_path / "a.pkl").weights
    assert found["w"].tolist() == found["v"].tolist() == [1.5, -2.0]

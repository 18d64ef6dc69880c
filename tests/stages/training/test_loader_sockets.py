"""Tensors from other processes, where the path of the folder for temporary files is too long for a socket."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from stages.training.loaders import made_in_order


@dataclass(frozen=True)
class Rows:
    """Tensors large enough to be handed on through shared memory, and where their process keeps temporary files."""

    def __call__(self) -> Callable[[int], tuple[torch.Tensor, str]]:
        return lambda number: (torch.full((1000,), number), tempfile.gettempdir())


@pytest.mark.parametrize("length", [10, 120])
def test_processes_hand_tensors_on_wherever_temporary_files_lie(
    length: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="t")) / ("d" * length)
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))  # of the processes that are made
    try:
        things = made_in_order(Rows(), range(2), processes=1, key="loaders")
        made = list(things)
    finally:
        place.rmdir()
        place.parent.rmdir()
    assert [int(tensor.sum()) for tensor, _ in made] == [0, 1000]
    assert {folder for _, folder in made} == {str(place) if length == 10 else "/tmp"}

"""One thread for BLAS while stages work, and the user's number afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
import toy_stages
import yaml
from toy_runs import GRAPH
from toy_stages import Squares

import pipeline
from pipeline.lane.numpy_threads import numpy_in_one_thread
from pipeline.stage import Stage

pytestmark = pytest.mark.quick

inside: list[set[int]] = []
"""The numbers of threads in each call of the stage below."""


class AskThreads(Stage):
    """Map that notes the numbers of BLAS threads."""

    ordered = True

    def __call__(self, squares: Squares) -> Iterator[Squares]:
        inside.append(blas_threads())
        yield squares


def blas_threads() -> set[int]:
    libraries = threadpoolctl.threadpool_info()
    return {each["num_threads"] for each in libraries if each["internal_api"] == "openblas"}


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("NumPy has no OpenBLAS here")
        inside.clear()
        yield


def test_stages_work_in_one_thread_and_the_caller_keeps_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("5").touch()
    out = {"stages": ["ask", *GRAPH["lanes"]["out"]["stages"]]}
    Path("toy.yaml").write_text(yaml.safe_dump({**GRAPH, "lanes": {**GRAPH["lanes"], "out": out}}, sort_keys=False))
    table = {**toy_stages.TABLE, "frames": "toy_stages:Hand", "ask": f"{__name__}:AskThreads"}
    between = [blas_threads() for _ in pipeline.run("toy.yaml", "5", settings={"count.chunk": 2}, table=table)]
    assert inside == [{1}] * 3
    assert between == [{3}] * 3 and blas_threads() == {3}


def test_the_last_that_leaves_restores_the_number() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with numpy_in_one_thread():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with numpy_in_one_thread():
        thread.start()
        entered.wait()
    assert blas_threads() == {1}
    leave.set()
    thread.join()
    assert blas_threads() == {3}


def test_an_error_restores_the_number() -> None:
    with pytest.raises(ZeroDivisionError), numpy_in_one_thread():
        raise ZeroDivisionError
    assert blas_threads() == {3}

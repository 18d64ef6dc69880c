"""Wiring from annotations, and every way in which stages do not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import toy_stages
from toy_stages import TABLE, Local, Numbers, Smoothed, Squares

from pipeline.configuration.graph import Graph, GraphError, build_graph, read_node, stage_class
from pipeline.stage import Job, Stage

pytestmark = pytest.mark.quick


def graph(*lanes: list[str]) -> Graph:
    names = [name for lane in lanes for name in lane]
    return build_graph(
        [(f"lane{i}", lane) for i, lane in enumerate(lanes)], {n: stage_class(n, TABLE) for n in names}, "toy.yaml"
    )


@pytest.mark.parametrize(
    ("name", "role", "sequential"),
    [
        ("count", "source", True),
        ("square", "map", False),
        ("smooth", "map", True),
        ("watch", "tap", True),
        ("save", "sink", True),
        ("task", "source", True),
    ],
)
def test_the_role_follows_from_the_signature(name: str, role: str, sequential: bool) -> None:
    node = read_node(name, stage_class(name, TABLE))
    assert (node.role, node.sequential) == (role, sequential)


def test_a_source_may_yield_gauges_between_packets() -> None:
    class Standing:
        is_receipt = True

    class Both(Stage):
        def __call__(self, job: Job) -> Iterator[tuple[Numbers, Squares] | Standing]:
            raise NotImplementedError

    Both.__call__.__annotations__ = {"job": Job, "return": Iterator[tuple[Numbers, Squares] | Standing]}
    node = read_node("both", Both)
    assert (node.role, node.makes) == ("source", (Numbers, Squares, Standing))


def test_lanes_import_and_export_what_crosses_them_and_nothing_else() -> None:
    read, compute, out = graph(["count"], ["square", "use_local"], ["smooth", "save"]).lanes
    assert (read.imports, read.exports, read.ordered) == ((), (Numbers,), True)
    assert (compute.imports, compute.exports, compute.ordered) == ((Numbers,), (Squares,), False)
    assert set(compute.onward) == {Numbers, Squares}
    assert (set(out.imports), out.exports, out.last) == ({Numbers, Squares}, (), True)
    assert Smoothed not in out.imports
    assert Local not in compute.exports


@pytest.mark.parametrize(
    ("lanes", "sentence"),
    [
        ([["square", "save"]], "the sources are none"),
        ([["count", "task", "save"]], "the sources are ['count', 'task']"),
        ([["square", "count"]], "the sources are ['count']"),
        ([["count", "smooth"]], "toy.yaml: lanes.lane0: stage 'smooth' takes Squares, which no earlier stage makes"),
        ([["count", "square"], ["use_local", "save"]], "Local goes from 'square' to 'use_local' and must not leave"),
        ([["count"], ["square", "square"]], "stage 'square' is placed twice"),
    ],
)
def test_stages_that_do_not_fit_are_refused(lanes: list[list[str]], sentence: str) -> None:
    with pytest.raises(GraphError, match=re.escape(sentence)) as caught:
        graph(*lanes)
    assert caught.value.exit_code == 2 and caught.value.remedy


class NoHints(Stage):
    def __call__(self, numbers):
        yield numbers


class Returns(Stage):
    def __call__(self, numbers: Numbers) -> Numbers:
        return numbers


class TwoKinds(Stage):
    def __call__(self, numbers: Numbers | Squares) -> Iterator[Squares]:
        yield from ()


class Mixed(Stage):
    def __call__(self, numbers: Numbers) -> Iterator[tuple[Squares, toy_stages.Saved]]:
        yield from ()


class Nothing(Stage):
    def __call__(self, job: Job) -> None:
        return None


@pytest.mark.parametrize("cls", [NoHints, Returns, TwoKinds, Mixed, Nothing])
def test_signatures_that_say_nothing_usable_are_refused(cls: type[Stage]) -> None:
    with pytest.raises(GraphError):
        read_node("toy", cls)


def test_a_stage_table_that_names_nothing_is_refused() -> None:
    with pytest.raises(GraphError, match="no subclass of Stage"):
        stage_class("x", {"x": "toy_stages:Numbers"})
    with pytest.raises(GraphError, match="needs the module 'no_such_module'"):
        stage_class("x", {"x": "no_such_module:Stage"})

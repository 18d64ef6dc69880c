"""What a commit notes of packets that are held back: as little as must be, exactly, and nothing that could run."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from pipeline.batch.split_graph import split_run
from pipeline.configuration.config import load_config
from pipeline.lane.held_packets import UnpackableError, kinds_to_store, packed, unpacked
from stages import STAGES
from stages.payloads import People, PersonSurface, Surfaces

pytestmark = pytest.mark.quick


@dataclasses.dataclass(frozen=True)
class Inner:
    array: np.ndarray
    name: str | None


@dataclasses.dataclass(frozen=True)
class Outer:
    parts: tuple[Inner, ...]
    share: np.float32
    count: int
    part: float


@dataclasses.dataclass(frozen=True)
class Anything:
    content: Any


def test_of_the_products_packets_the_tracked_people_are_noted() -> None:
    config = load_config("batch", [], STAGES)
    tail = split_run(config, STAGES).tail
    assert tail is not None
    for lane in (config.graph.lanes[-1], tail.graph.lanes[-1]):
        position = [node.name for node in lane.nodes].index("smooth")
        assert kinds_to_store(lane, position) == (People,)


def test_payloads_come_back_as_they_were() -> None:
    array = np.arange(6, dtype=">i2")
    inner = (Inner(array=array.reshape(2, 3), name="ü"), Inner(array=array, name=None))
    whole = Outer(parts=inner, share=np.float32(0.1), count=1 << 60, part=float("nan"))
    shape = PersonSurface(
        x0=-3,
        y0=2,
        labels_hw=np.ones((2, 0), np.uint8),
        uv_2hw=np.zeros((2, 2, 0), np.float16),
        keypoint_K3=np.arange(51, dtype=np.float32).reshape(17, 3),
    )
    found = unpacked(packed({Outer: whole, Surfaces: Surfaces(people=(shape,))}), (Outer, Surfaces))
    again = found[Outer]
    assert (again.count, again.share, type(again.share)) == (1 << 60, np.float32(0.1), np.float32)
    assert np.isnan(again.part) and [one.name for one in again.parts] == ["ü", None]
    for one, other in zip(again.parts, inner, strict=True):
        assert one.array.dtype == other.array.dtype and np.array_equal(one.array, other.array)
    (surface,) = found[Surfaces].people
    assert (surface.x0, surface.y0, surface.confidence_hw, surface.mask_hw) == (-3, 2, None, None)
    assert np.array_equal(surface.keypoint_K3, shape.keypoint_K3)
    assert (surface.labels_hw.shape, surface.uv_2hw.dtype) == ((2, 0), np.float16)


NO_DATA = [object(), {"a": 1}, [1], np.array([object()]), Inner(array=np.zeros(1), name="its class is named nowhere")]


@pytest.mark.parametrize("content", NO_DATA)
def test_what_is_no_plain_data_is_not_noted(content: Any) -> None:
    with pytest.raises(UnpackableError):
        packed({Anything: Anything(content=content)})


def test_only_classes_that_the_annotations_name_are_made() -> None:
    content = packed({Inner: Inner(array=np.zeros(1), name="a")})
    with pytest.raises(ValueError, match="cannot be read"):
        unpacked(content, (People,))
    pickled = io.BytesIO()
    tree = np.frombuffer(json.dumps([{"array": 0}]).encode(), np.uint8)
    np.savez(pickled, **{"tree": tree, "0": np.array([Inner], object)})
    for damaged in (pickled.getvalue(), content[:-40], b"", b"no archive"):
        with pytest.raises(ValueError, match="cannot be read"):
            unpacked(damaged, (Inner,))

"""When a GPU's memory runs out, the batch size is halved; no item is skipped or computed twice."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.engines.gpu_memory import BatchSize
from models.errors import ModelError
from models.inference.trained_network import open_trained
from models.inference.zoo_network import ZooNetwork
from models.network import NetworkConfig
from models.variant import Variant
from tests.models.checkpoints.test_trained_network import written

pytestmark = pytest.mark.quick


def limited(room: int, tried: list[int]):
    """Double numbers; more than `room` at once do not fit."""

    def run(numbers: list[int]) -> list[int]:
        tried.append(len(numbers))
        if len(numbers) > room:
            raise torch.OutOfMemoryError("CUDA out of memory (a test says so)")
        return [2 * number for number in numbers]

    return run


def test_batch_size_is_halved_until_a_batch_fits() -> None:
    tried: list[int] = []
    groups = BatchSize(8, "frame")
    results = groups.over(list(range(19)), limited(2, tried))
    assert [number for result in results for number in result] == [2 * number for number in range(19)]
    assert tried[:3] == [8, 4, 2] and max(tried[3:]) == 2
    assert groups.size == 2  # later batches have this size, too


def test_an_item_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ModelError, match="one person does not fit") as refused:
        BatchSize(4, "person").over([1, 2, 3], limited(0, []))
    assert "network.device" in refused.value.remedy


def test_batches_that_fit_keep_their_size() -> None:
    tried: list[int] = []
    BatchSize(4, "frame").over(torch.arange(10), lambda group: tried.append(len(group)))
    assert tried == [4, 4, 2]


def test_people_are_the_same_with_smaller_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four frames two fit; of these one is pooled at a time; of its three people one fits."""
    network = open_trained(_config(tmp_path, batch=4), 1)
    whole = open_trained(_config(tmp_path, batch=4), 1)
    assert isinstance(network, ZooNetwork) and isinstance(whole, ZooNetwork)
    frames = np.random.default_rng(1).integers(0, 255, (4, 64, 96, 3), dtype=np.uint8)
    boxes = [np.tile(np.array([5, 4, 60, 60], np.float32), (count, 1)) for count in (3, 0, 1, 2)]
    prepared = network._prepared
    propose, pool, predict_surfaces = prepared.propose, prepared.pool_people, prepared.predict_surfaces
    refused: list[str] = []

    def proposing(rgb_NHW3: torch.Tensor, *others):
        return propose(_if_it_fits(rgb_NHW3, 2, "frames", refused), *others)

    def pooling(levels: list[torch.Tensor], boxes: list[torch.Tensor]):
        assert len(levels[0]) == len(boxes)
        return pool(levels, _if_it_fits(boxes, 1, "decoded frames", refused))

    def mapping(pooled_N: torch.Tensor):
        return predict_surfaces(_if_it_fits(pooled_N, 1, "people", refused))

    monkeypatch.setattr(network._prepared, "propose", proposing)
    monkeypatch.setattr(network._prepared, "pool_people", pooling)
    monkeypatch.setattr(network._prepared, "predict_surfaces", mapping)
    (found, features), (expected, whole_features) = network.detect(frames), whole.detect(frames)
    assert len(features) == 2 and len(whole_features) == 1
    for one, other in zip(found, expected, strict=True):
        assert len(one) == len(other) > 0
        assert np.allclose(one.box_N4, other.box_N4, atol=1e-3) and np.allclose(one.score_N, other.score_N, atol=1e-5)
    surfaces, others = network.surfaces(features, boxes), whole.surfaces(whole_features, boxes)
    assert [len(people) for people in surfaces] == [len(people) for people in others] == [3, 0, 1, 2]
    for one, other in zip(chain(*surfaces), chain(*others), strict=True):
        assert (one.labels_hw == other.labels_hw).mean() > 0.999
    assert refused == ["frames", "decoded frames", "people"]  # 4 → 2 → 1 frames; 3 → 1 people, and so it stays


def _config(folder: Path, batch: int) -> NetworkConfig:
    path = written(folder, "rcnn", Variant(backbone="tiny"))
    return NetworkConfig(kind="trained", weights=str(path), engine="torch", precision="fp32", batch=batch)


def _if_it_fits(items: Any, room: int, what: str, refused: list[str]) -> Any:
    """The items, or an out-of-memory error for more than fit."""
    if len(items) > room:
        refused.append(what)
        raise torch.OutOfMemoryError("CUDA out of memory (a test says so)")
    return items


def test_other_errors_propagate() -> None:
    with pytest.raises(ZeroDivisionError):
        BatchSize(4, "frame").over([1], lambda group: 1 // 0)

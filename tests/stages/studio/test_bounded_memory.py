"""What the studio keeps in memory has a limit in bytes, however many images annotators open."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from models.structures import SurfaceMap
from stages.studio.bounded_cache import BoundedCache
from stages.studio.proposals import CACHE_BYTES, MAX_CELLS, proposed_person

pytestmark = pytest.mark.quick


def test_what_was_used_last_stays() -> None:
    cache, made = BoundedCache[bytes](100, len), []

    def get(key: str, size: int) -> bytes:
        return cache.get(key, lambda: (made.append(key), bytes(size))[1])

    for key, size in (("a", 40), ("b", 40), ("a", 40), ("c", 40), ("a", 40), ("b", 40)):
        assert len(get(key, size)) == size and cache.bytes <= 100
    assert made == ["a", "b", "c", "b"]
    assert len(get("too large", 101)) == 101 and cache.bytes == 0


def test_a_slow_value_keeps_nobody_waiting_but_who_wants_it() -> None:
    cache, go, begun, made = BoundedCache[str](100, len), threading.Event(), threading.Event(), []

    def slow() -> str:
        begun.set()
        assert go.wait(60)
        made.append("slow")
        return "slow"

    threads = [threading.Thread(target=lambda: cache.get("slow", slow)) for _ in range(3)]
    for one in threads:
        one.start()
    assert begun.wait(60) and cache.get("other", lambda: "other") == "other"
    go.set()
    for one in threads:
        one.join()
    assert made == ["slow"]
    with pytest.raises(ZeroDivisionError):
        cache.get("wrong", lambda: str(1 / 0))
    assert cache.get("wrong", lambda: "right") == "right"


def test_a_large_person_costs_no_more_than_a_small_one() -> None:
    """A photo of 12 MP: what the network says of a pixel stays within a cell of where it says it."""
    height, width = 3000, 1500
    row_H1, column_1W = np.mgrid[:height, :1], np.mgrid[:1, :width]
    uv_2hw = np.stack([np.broadcast_to(column_1W[1] / width, (height, width)),
                       np.broadcast_to(row_H1[0] / height, (height, width))]).astype(np.float32)  # fmt: skip
    surface = SurfaceMap(x0=-7, y0=11, labels_hw=np.full((height, width), 2, np.uint8), uv_2hw=uv_2hw)
    one = proposed_person(surface, [0, 11, width, height], 0.9, (height + 11, width))
    assert one.bytes < CACHE_BYTES / 100 and one.step == 12 <= -(-height // MAX_CELLS)
    for x, y in ((0, 11), (700, 1500), (width - 8, height + 10)):
        place = one.point_at(x, y)
        assert place is not None and place.chart == 2
        assert abs(place.u * width - (x + 7)) <= one.step and abs(place.v * height - (y - 11)) <= one.step
    assert one.point_at(width - 7, 100) is None and one.point_at(5, 10) is None


@pytest.mark.parametrize("height", [2999, 3001])
def test_the_last_cell_of_a_surface_may_be_cut(height: int) -> None:
    surface = SurfaceMap(
        x0=0, y0=0, labels_hw=np.full((height, 40), 2, np.uint8), uv_2hw=np.full((2, height, 40), 0.5, np.float32)
    )
    person = proposed_person(surface, [0, 0, 40, height], 0.9, (height, 40))
    assert person.point_at(39, height - 1) is not None

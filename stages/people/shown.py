"""What is remembered of a person brought to every pixel of the surface that the network gave."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from stages.payloads import U8, Surface
from stages.people.cells import spread, spread_charts
from stages.people.layers import Layers, Memory


def corrected(surface: Surface, first: Memory, steady: Layers) -> Surface:
    """The surface with the memory's changes brought to every pixel.

    Outlines stay the surface's own, but where whole cells became the person or nobody; borders between charts are the
    memory's, drawn smooth. UV is the pixel's own and the interpolated change of its cells; where the chart is
    another, it is its cell's.

    Args:
        surface: as the network gave it.
        first: `first_memory` of it.
        steady: what became of that.
    """
    kind, grid, steady_uv = surface.uv_2hw.dtype, first.grid, (steady.u_hw, steady.v_hw)
    if grid.step == 1:
        inside_hw = steady.labels_hw > 0
        uv_2hw = np.stack([axis_hw * inside_hw for axis_hw in steady_uv]).astype(kind, copy=False)
        return replace(surface, labels_hw=steady.labels_hw, uv_2hw=uv_2hw)
    labels_hw, uv_2hw = surface.labels_hw.copy(), surface.uv_2hw.astype(np.float32)
    same_hw = cv2.compare(first.labels_hw, steady.labels_hw, cv2.CMP_EQ)
    for axis_hw, steady_hw, first_hw in zip(uv_2hw, steady_uv, cv2.split(first.known_hw4), strict=False):
        change_hw = cv2.copyTo(cv2.subtract(steady_hw, first_hw), same_hw)
        cv2.add(axis_hw, spread(change_hw, surface, grid, cv2.INTER_LINEAR), axis_hw, surface.labels_hw)
    named = spread_charts(steady.labels_hw, steady_uv, surface, grid)
    renamed_hw = _renamed(surface, first, steady, named[0])
    for layer_hw, named_hw in zip((labels_hw, *uv_2hw), named, strict=True):
        cv2.copyTo(named_hw, renamed_hw, layer_hw)
    return replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw.astype(kind, copy=False))


def _renamed(surface: Surface, first: Memory, steady: Layers, named_hw: U8) -> U8:
    """Over 0 at pixels whose label is the memory's: another chart than the surface's, or cells that changed sides."""
    renamed_hw = cv2.min(cv2.compare(named_hw, surface.labels_hw, cv2.CMP_NE), cv2.min(named_hw, surface.labels_hw))
    sides_hw = cv2.compare(_person(first.labels_hw), _person(steady.labels_hw), cv2.CMP_NE)
    if sides_hw.any():
        renamed_hw = cv2.max(renamed_hw, spread(sides_hw, surface, first.grid, cv2.INTER_NEAREST_EXACT))
    return np.asarray(renamed_hw, np.uint8)


def _person(labels_hw: U8) -> U8:
    return np.asarray(cv2.threshold(labels_hw, 0, 1, cv2.THRESH_BINARY)[1], np.uint8)

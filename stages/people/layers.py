"""What is known of a person's surface at one time: a memory, and the same with its numbers apart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import F32, U8
from stages.people.motion import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is known of a person's surface on a grid of cells.

    Attributes:
        grid: the cells of its frame.
        labels_hw: 0 = background, 1..24 = chart.
        known_hw4: float32: U, V (0 on background); their precision, 1 / variance; log-odds of the label. The last two
            are 0 where nothing is known.
    """

    grid: Grid
    labels_hw: U8
    known_hw4: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """A memory with its numbers apart: what is said there under `known_hw4`, one array each."""

    labels_hw: U8
    u_hw: F32
    v_hw: F32
    precision_hw: F32
    strength_hw: F32

    @classmethod
    def of(cls, memory: Memory) -> Layers:
        """The layers of a memory, the labels shared with it."""
        return cls.split(memory.labels_hw, memory.known_hw4)

    @classmethod
    def split(cls, labels_hw: U8, known_hw4: F32) -> Layers:
        """What a memory holds, with its numbers taken apart."""
        u_hw, v_hw, precision_hw, strength_hw = (np.asarray(axis, np.float32) for axis in cv2.split(known_hw4))
        return cls(labels_hw=labels_hw, u_hw=u_hw, v_hw=v_hw, precision_hw=precision_hw, strength_hw=strength_hw)

    def memory(self, grid: Grid) -> Memory:
        """Joined again."""
        known_hw4 = np.asarray(cv2.merge([self.u_hw, self.v_hw, self.precision_hw, self.strength_hw]), np.float32)
        return Memory(grid=grid, labels_hw=self.labels_hw, known_hw4=known_hw4)

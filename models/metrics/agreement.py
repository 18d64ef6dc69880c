"""How far a found surface agrees with another one of the same picture: charts, masks, coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.surface.geometry import Float

Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two IUV maps of one person or one picture, compared pixel by pixel.

    Attributes:
        same_part: pixels where both say the same chart.
        both: pixels where both say a person.
        reference: pixels where the reference says a person.
        either: pixels where one or both say a person.
        du_M, dv_M: |difference| of U and V at the `same_part` pixels, as floats of 0..1.
    """

    same_part: int
    both: int
    reference: int
    either: int
    du_M: Float
    dv_M: Float

    @property
    def mask_iou(self) -> float:
        """Overlap of the two masks; nan where both are empty."""
        return self.both / self.either if self.either else float("nan")

    @property
    def part_agreement(self) -> float:
        """Share of same charts among the pixels that both call a person; nan without any."""
        return self.same_part / self.both if self.both else float("nan")

    @property
    def part_accuracy(self) -> float:
        """Share of same charts among the reference's pixels, so that what was not found is wrong; nan without any."""
        return self.same_part / self.reference if self.reference else float("nan")


def agreement(label_HW: Labels, uv_2HW: Float, other_label_HW: Labels, other_uv_2HW: Float) -> Agreement:
    """Compare a found IUV map with a reference.

    Args:
        label_HW, uv_2HW: found charts 0..24 and coordinates 0..1.
        other_label_HW, other_uv_2HW: the reference's, of the same size.

    Raises: ModelError where the sizes differ.
    """
    if label_HW.shape != other_label_HW.shape:
        raise ModelError(f"maps of {label_HW.shape} and {other_label_HW.shape} pixels cannot be compared", "agreement",
                         "bring both to the size of the picture")
    person_HW, other_HW = label_HW > 0, other_label_HW > 0
    same_HW = (label_HW == other_label_HW) & other_HW
    du_M, dv_M = np.abs(np.asarray(uv_2HW, np.float64)[:, same_HW] - other_uv_2HW[:, same_HW])
    return Agreement(
        same_part=int(same_HW.sum()),
        both=int((person_HW & other_HW).sum()),
        reference=int(other_HW.sum()),
        either=int((person_HW | other_HW).sum()),
        du_M=du_M,
        dv_M=dv_M,
    )

"""Types of NumPy arrays by dtype. The suffix of a variable's name is the array's shape (`box_N4`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

F16 = npt.NDArray[np.float16]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Float = npt.NDArray[np.floating[Any]]
"""Floating-point numbers of any width."""
Int = npt.NDArray[np.integer[Any]]
"""Whole numbers of any width."""
Index = npt.NDArray[np.intp]
"""Indices into other arrays."""

"""What the nodes ask of ComfyUI: progress, and whether the user has cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def shown(frames: Iterable[Any], total: int) -> Iterator[Any]:
    """The frames, with a progress bar on the node. Raises ComfyUI's own exception after a click on cancel."""
    from comfy.model_management import throw_exception_if_processing_interrupted
    from comfy.utils import ProgressBar

    bar = ProgressBar(total)
    throw_exception_if_processing_interrupted()
    for frame in frames:
        yield frame
        bar.update(1)
        throw_exception_if_processing_interrupted()

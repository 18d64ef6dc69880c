"""Every pixel of every person in a video, mapped to the surface of the human body.

`run` yields the frames of videos, images and folders; `load` gives a model for single images.
"""

from typing import TYPE_CHECKING

from pipeline.import_path import is_program, keep_to_own_modules

if is_program("densepose_video", "densepose-video"):
    keep_to_own_modules()

from pipeline.version import VERSION

if TYPE_CHECKING:
    # The room of `run` and `load` knows no stages: what they give is stated here, for type checkers.
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from os import PathLike
    from typing import Any

    from models.arrays import U8
    from stages.payloads import People, Surfaces
    from stages.results.frames import Frame

    def run(
        config: str | PathLike[str] = "video",
        inputs: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
        *,
        settings: Mapping[str, Any] | None = None,
        table: Mapping[str, str] | None = None,
    ) -> Iterator[Frame]: ...

    def load(
        weights: str | PathLike[str] = "light",
        config: str | PathLike[str] = "video",
        *,
        table: Mapping[str, str] | None = None,
    ) -> Callable[[U8], tuple[People, Surfaces]]: ...

else:
    from pipeline.command.api import load, run

__all__ = ["load", "run"]
__version__ = VERSION

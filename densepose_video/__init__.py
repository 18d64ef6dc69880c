"""Every pixel of every person in a video, mapped to the surface of the human body.

`run` yields the frames of videos, images, folders and of what a program has in memory; `load` gives a model for single
images; `Player` shows frames in a notebook. Their errors are `PlainError`s.
"""

from typing import TYPE_CHECKING

from pipeline.import_path import is_program, keep_to_own_modules

if is_program("densepose_video", "densepose-video"):
    keep_to_own_modules()

from pipeline.stage import PlainError
from pipeline.version import VERSION

if TYPE_CHECKING:
    # The room of `run` and `load` knows no stages: what they give is stated here, for type checkers.
    from collections.abc import Iterable, Iterator, Mapping
    from os import PathLike
    from typing import Any, Protocol, overload

    import numpy as np
    from PIL.Image import Image

    from pipeline.command.program_inputs import Channels
    from stages.payloads import Surfaces
    from stages.results.frames import Frame
    from stages.results.people_with_surfaces import PeopleWithSurfaces
    from stages.results.player import Player

    One = str | PathLike[str] | np.ndarray | Image
    """An image, or the path of a file. Tensors of PyTorch are taken as well."""
    Found = tuple[PeopleWithSurfaces, Surfaces]

    class SingleImages(Protocol):
        """What `load` gives."""

        # A path is an iterable of texts as well: the first signature is then meant.
        @overload
        def __call__(self, images: One, *, channels: Channels = "rgb") -> Found: ...  # type: ignore[overload-overlap]
        @overload
        def __call__(self, images: Iterable[One], *, channels: Channels = "rgb") -> list[Found]: ...
        def __call__(self, images: One | Iterable[One], *, channels: Channels = "rgb") -> Found | list[Found]: ...

    def run(
        config: str | PathLike[str] = "video",
        inputs: Any = None,
        *,
        settings: Mapping[str, Any] | None = None,
        rate: float = 25.0,
        channels: Channels = "rgb",
        device: str | None = None,
        table: Mapping[str, str] | None = None,
    ) -> Iterator[Frame]: ...

    def load(
        weights: str | PathLike[str] = "light",
        config: str | PathLike[str] = "video",
        *,
        device: str | None = None,
        table: Mapping[str, str] | None = None,
    ) -> SingleImages: ...

else:
    from pipeline.command.api import load, run

    def __getattr__(name: str) -> object:
        """Import the player when it is first used: numeric libraries wait until threads are limited."""
        if name == "Player":
            from stages.results.player import Player

            return Player
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["PlainError", "Player", "load", "run"]
__version__ = VERSION

"""Reads image files as atlases: layout, padding of empty rims, logos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from models.arrays import U8, Int
from models.errors import ModelError
from models.files.image_size import open_image
from models.surface.atlas import CHARTS, DEFAULT_ATLAS, LARGEST_SIDE, Atlas, atlas_from_tiles, split_tiles, tile_side
from models.surface.atlas_rims import rim_sources, take_texels
from models.surface.garments import Cut, garment_cover, with_cover
from models.surface.logos import SHARP_SIDE, Logo, LogoPrinter
from models.surface.whole_body_map import MapReader, read_layout


def read_texels(path: str | Path, check: Callable[[int, int], object] | None = None) -> U8:
    """An image file as uint8 (H, W, 3), or (H, W, 4) if it has transparency.

    Args:
        path: of the file.
        check: called with width and height before the pixels are decoded; may raise ModelError.

    Raises: ModelError if the file is missing, cannot be read or is too large.
    """
    try:
        with open_image(path, str(path)) as image:
            if check is not None:
                check(image.width, image.height)
            transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            return np.asarray(image.convert("RGBA" if transparent else "RGB"))
    except FileNotFoundError as error:
        raise ModelError("no such image file", str(path), "give the path of an image file") from error
    except ModelError:
        raise
    except Exception as error:  # Pillow's readers raise errors of many kinds
        raise ModelError(f"this image cannot be read ({error})", str(path), "give a PNG or JPEG") from error


class AtlasBuilder:
    """Builds atlases from images of one layout, such as the frames of a video. It caches what depends on their size."""

    def __init__(
        self, layout: str | None = None, logos: Sequence[Logo] = (), garments: Mapping[str, Cut] | None = None, *,
        whole_suit: bool = False,
    ) -> None:  # fmt: skip
        """Raises ModelError if the layout or a logo cannot be read.

        Args:
            layout: layout of whole-body maps, see `models.surface.whole_body_map`; None: images have 24 tiles.
            logos: placed in order.
            garments: atlases are transparent beside them; None or empty: not cut.
            whole_suit: the default atlas shows its head, too, where there is no wearer's own to be seen.
        """
        self._layout = None if layout is None else read_layout(layout)
        self._logos = [LogoPrinter(logo, read_texels(logo.picture)) for logo in logos]
        self.whole_suit = whole_suit
        self._cover_PSS = garment_cover(garments) if garments else None
        self._reader: tuple[int, MapReader] | None = None
        self._rims: tuple[tuple[int, ...], Int | None] | None = None

    def __call__(self, texels_HWC: U8) -> Atlas:
        """The atlas of an image. Raises ModelError if the image's shape does not suit the layout."""
        return atlas_from_tiles(self._finished(self._tiles(texels_HWC)))

    def check(self, width: int, height: int) -> None:
        """Raises ModelError if an image's shape does not suit the layout."""
        if self._layout is None:
            tile_side(width, height)
        elif height != width or height > LARGEST_SIDE * CHARTS:
            what = f"a whole-body map of {width}×{height} pixels is not square"
            raise ModelError(what, "", "give a square image, or remove the layout if it has 24 tiles")

    def bare(self, texels_4: Sequence[int]) -> Atlas:
        """An atlas of one colour (RGBA) with the logos on it."""
        side = SHARP_SIDE if self._logos else 16
        tiles = np.broadcast_to(np.array(texels_4, np.uint8), (CHARTS, side, side, 4))
        return atlas_from_tiles(self._finished(np.ascontiguousarray(tiles)))

    def _finished(self, tiles_PSSC: U8) -> U8:
        """Tiles with logos, cut to the garments."""
        for printer in self._logos:
            tiles_PSSC = printer(tiles_PSSC)
        return tiles_PSSC if self._cover_PSS is None else with_cover(tiles_PSSC, self._cover_PSS)

    def _tiles(self, texels_HWC: U8) -> U8:
        if self._layout is None:
            tiles_PSSC = split_tiles(texels_HWC)
            if self._rims is None or self._rims[0] != tiles_PSSC.shape:
                self._rims = (tiles_PSSC.shape, rim_sources(tiles_PSSC))
            return take_texels(tiles_PSSC, self._rims[1])
        height, width = texels_HWC.shape[:2]
        self.check(width, height)
        if self._reader is None or self._reader[0] != height:
            self._reader = (height, MapReader(self._layout, height))
        return self._reader[1](texels_HWC)


def load_atlas(path: str | Path, builder: AtlasBuilder | None = None) -> Atlas:
    """The atlas of an image file.

    Raises: ModelError naming the file, if it is missing, cannot be read or does not suit the layout.
    """
    builder = builder or AtlasBuilder()
    try:
        texels_HWC = read_texels(path, builder.check)
        bare = builder.whole_suit and Path(path) == DEFAULT_ATLAS
        return builder(texels_HWC[..., :3] if bare else texels_HWC)
    except ModelError as error:
        raise ModelError(error.what, error.where or str(path), error.remedy) from error

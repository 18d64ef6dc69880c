"""The textures of animated bodies: the atlas that a user names, the default one, or each person's own clothes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from models.animation.animation_clip import AnimationClip, BodyAtlas
from models.arrays import U8
from models.errors import ModelError
from models.files.png_image import png_of
from models.surface.atlas import DEFAULT_ATLAS, ROWS, join_tiles, split_tiles, tile_side
from models.surface.atlas_file import read_texels
from models.surface.inpainting import close_gaps, fill_all
from pipeline.stage import StageError
from stages.bodies.clip_notes import NAMED
from stages.bodies.recorded_clip import PERSON
from stages.people.person_texels import PersonTexels

OWN_CLOTHES = "self"
"""In place of an atlas path: each body wears the clothes of its person."""


@cache
def animation_atlas(path: str | None) -> BodyAtlas:
    """An atlas of 24 tiles that all bodies wear; None is the painted suit.

    Where the atlas is transparent it becomes white.

    Raises: StageError for another file than an atlas.
    """
    if path is None:
        return _body_atlas(read_texels(DEFAULT_ATLAS)[..., :3])  # with the head, over which the file is transparent
    try:
        texels_HWC = join_tiles(split_tiles(read_texels(path, tile_side)))
    except ModelError as error:
        raise StageError(error.what, f"animate.atlas: {path}", error.remedy) from error
    rgb_HW3 = texels_HWC[..., :3]
    if texels_HWC.shape[2] == 4:
        share_HW1 = texels_HWC[..., 3:] / 255.0
        rgb_HW3 = np.rint(rgb_HW3 * share_HW1 + 255 * (1 - share_HW1)).astype(np.uint8)
    return _body_atlas(rgb_HW3)


def dressed_clip(clip: AnimationClip, atlas: str | None, texels: PersonTexels) -> tuple[AnimationClip, list[str]]:
    """The clip with what its people wear, and a sentence if the clothes of some people are not known.

    Args:
        clip: the clip.
        atlas: path of an atlas, `OWN_CLOTHES`, or None for the painted suit.
        texels: the clothes of people, with holes, which are filled: first from the mirrored side.

    Raises: StageError for an atlas that cannot be used.
    """
    if atlas != OWN_CLOTHES:
        return replace(clip, atlas_of=dict.fromkeys(clip.motion_of, animation_atlas(atlas))), []
    memory_of = {f"{PERSON}{identity}": memory for identity, memory in texels.memory_of.items() if memory.total > 0}
    atlas_of = {
        name: _body_atlas(join_tiles(fill_all(close_gaps(memory_of[name].tiles()))))
        if name in memory_of else animation_atlas(None)
        for name in clip.motion_of
    }
    without = [name for name in clip.motion_of if name not in memory_of]
    more = f" and {len(without) - NAMED} more" if len(without) > NAMED else ""
    why = f"the clothes of {', '.join(without[:NAMED])}{more} are not known: they wear the painted suit"
    return replace(clip, atlas_of=atlas_of), [why] if without else []


def _body_atlas(rgb_HW3: U8) -> BodyAtlas:
    return BodyAtlas(png=png_of(rgb_HW3), tile_side=rgb_HW3.shape[0] // ROWS)

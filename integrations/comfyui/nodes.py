"""The nodes. Their sockets and names of colours follow controlnet_aux's node `DensePosePreprocessor`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from . import clips, product

CATEGORY = "DensePose"
PICTURES = {
    "Viridis (MagicAnimate)": "magicanimate",
    "Parula (CivitAI)": "parula",
    "dp_segm (IDM-VTON, StableVITON)": "dp_segm",
    "Leffa": "leffa",
    "vid2densepose": "vid2densepose",
    "IUV": "iuv",
}
"""Colours that are an export's, by what the node calls them."""
STYLES = {"texture": "texture", "parts": "parts", "UV": "uv", "skeleton": "skeleton", "boxes": "boxes"}
PEOPLE = "people"
MASKS = [PEOPLE, "clothes", "shirt", "trousers", "head", "hands", "arms", "legs", "feet", "torso"]
BACKGROUNDS = {"black (motion is taken)": (0, 0, 0), "white (people are replaced)": (255, 255, 255)}
CLIP = {
    "frames_are_a_clip": ("BOOLEAN", {"default": True, "tooltip": "track and smooth people from image to image"}),
    "rate": ("FLOAT", {"default": 25.0, "min": 0.1, "max": 240.0, "tooltip": "frames per second of the clip"}),
}
RESOLUTION = ("INT", {"default": 512, "min": 0, "max": 16384, "step": 64, "tooltip": "the shorter side; 0: as it is"})
IDENTITY = ("INT", {"default": 0, "min": 0, "max": 65535, "tooltip": "whose; 0: everybody's, or the most visible's"})


class DensePoseNode:
    """Charts of people in colours, masks, and the people themselves for the other nodes."""

    RETURN_TYPES = ("IMAGE", "MASK", "DENSEPOSE")
    RETURN_NAMES = ("image", "mask", "people")
    FUNCTION = "execute"
    CATEGORY = CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """The sockets."""
        colours = ([*PICTURES, *STYLES], {"default": "Viridis (MagicAnimate)"})
        return {
            "required": {"image": ("IMAGE",)},
            "optional": {
                "cmap": colours, "resolution": RESOLUTION, **CLIP, "mask_of": (MASKS,), "identity": IDENTITY,
            },
        }  # fmt: skip

    def execute(
        self,
        image: torch.Tensor,
        cmap: str = "Viridis (MagicAnimate)",
        resolution: int = 512,
        frames_are_a_clip: bool = True,
        rate: float = 25.0,
        mask_of: str = PEOPLE,
        identity: int = 0,
        **others: Any,  # `model` of controlnet_aux's node
    ) -> tuple[torch.Tensor, torch.Tensor, tuple[Any, ...]]:
        """Pictures, masks and people of each image."""
        settings = {"render.style": STYLES.get(cmap, "none")}
        rgb_BHW3 = clips.images_of(image, resolution)
        frames = tuple(clips.frames_of(rgb_BHW3, settings, clip=frames_are_a_clip, rate=rate))
        numbers = [frame.picture("masks" if mask_of == PEOPLE else f"masks:{mask_of}") for frame in frames]
        masks = [number_HW == identity if identity else number_HW > 0 for number_HW in numbers]
        if cmap in PICTURES:
            pictures = [frame.picture(PICTURES[cmap]) for frame in frames]
        else:
            pictures = [frame.overlay_HW3 for frame in frames]
        return clips.batch_of(pictures), clips.masks_of(masks), frames


class IdentityMasksNode:
    """One coloured mask for each identity, in SCAIL-2's colours."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "execute"
    CATEGORY = CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """The sockets."""
        return {"required": {"people": ("DENSEPOSE",), "background": (list(BACKGROUNDS),)}}

    def execute(self, people: tuple[Any, ...], background: str) -> tuple[torch.Tensor]:
        """An image for each frame."""
        colours = product.module("stages.results.formats.identity_masks").IdentityColours()
        results = [frame.people.result(frame.rgb_HW3, still=frame.still) for frame in people]
        return (clips.batch_of([colours.image(result, BACKGROUNDS[background]) for result in results]),)


class WearAtlasNode:
    """The people of a clip in the clothes of an atlas."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "execute"
    CATEGORY = CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """The sockets."""
        return {"required": {"image": ("IMAGE",), "atlas": ("IMAGE",)}, "optional": dict(CLIP)}

    def execute(
        self, image: torch.Tensor, atlas: torch.Tensor, frames_are_a_clip: bool = True, rate: float = 25.0
    ) -> tuple[torch.Tensor]:
        """The frames with everybody dressed."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "atlas.png"
            Image.fromarray(clips.images_of(atlas)[0]).save(file)
            settings = {"render.style": "texture", "render.atlas": str(file)}
            frames = clips.frames_of(clips.images_of(image), settings, clip=frames_are_a_clip, rate=rate)
            return (clips.batch_of([frame.overlay_HW3 for frame in frames]),)


class UnwrapClothesNode:
    """The clothes of one person, as an atlas that others can wear."""

    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("atlas",)
    FUNCTION = "execute"
    CATEGORY = CATEGORY

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """The sockets."""
        side = ("INT", {"default": 200, "min": 16, "max": 1024, "tooltip": "texels along a tile's side"})
        return {"required": {"people": ("DENSEPOSE",)}, "optional": {"identity": IDENTITY, "side": side}}

    def execute(self, people: tuple[Any, ...], identity: int = 0, side: int = 200) -> tuple[torch.Tensor]:
        """One image of 24 tiles, as `-c unwrap` writes it."""
        stage = product.module("pipeline.stage")
        unwrap = product.module("stages.drawing.unwrap").Unwrap
        painting = product.module("stages.bodies.paint_bodies").PaintBodies
        fit = product.module("stages.bodies.fit").FitBodies.Config(look_ahead=2)  # as in -c unwrap
        paint = painting(painting.Config(fit=fit))
        seen = [(frame.chunk(), frame.people, frame.surfaces) for frame in people]
        one_thread = product.module("pipeline.lane.numpy_threads").numpy_in_one_thread
        with one_thread(), tempfile.TemporaryDirectory() as folder:
            paints = [*chain.from_iterable(paint(*one) for one in seen), *paint.flush()]
            file = str(Path(folder) / "atlas.png")
            job = stage.Job(index=0, input="frames in memory", output=file, stem="atlas")
            made = unwrap(unwrap.Config(identity=identity or None, side=side))
            for one, painted in zip(seen, paints, strict=True):
                list(made(job, *one, painted))
            list(made.flush())
            with Image.open(file) as atlas:
                return (clips.batch_of([np.asarray(atlas.convert("RGB"))]),)


class BodiesNode:
    """The fitted bodies of people as pictures that ControlNets take."""

    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE")
    RETURN_NAMES = ("depth", "normals", "skeleton")
    FUNCTION = "execute"
    CATEGORY = CATEGORY
    DRAWN: ClassVar[tuple[str, ...]] = ("normals", "skeleton")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """The sockets."""
        return {"required": {"image": ("IMAGE",)}, "optional": {"resolution": RESOLUTION, **CLIP}}

    def execute(
        self, image: torch.Tensor, resolution: int = 512, frames_are_a_clip: bool = True, rate: float = 25.0
    ) -> tuple[torch.Tensor, ...]:
        """Depth in grey: white is the nearest point of the clip, half as bright twice as far. Normals and skeleton."""
        settings = {"render.style": "+".join(self.DRAWN), "render.background": "black", "render.opacity": 1.0}
        rgb_BHW3 = clips.images_of(image, resolution)
        made = clips.frames_of(rgb_BHW3, {**settings, "frames.fitted": True}, clip=frames_are_a_clip, rate=rate)
        frames = tuple(made)
        drawn = [np.split(frame.overlay_HW3, len(self.DRAWN), axis=1) for frame in frames]
        pictures = (clips.batch_of([parts[i] for parts in drawn]) for i in range(len(self.DRAWN)))
        return clips.grey_depth([_millimetres(frame) for frame in frames]), *pictures


def _millimetres(frame: Any) -> np.ndarray:
    """(H, W): what `--export depth` writes of a frame; 0 where no body is."""
    depth = product.module("stages.results.formats.depth")
    people = frame.people.result(frame.rgb_HW3, still=frame.still)
    result = replace(people, bodies=frame.bodies.of_people(0, len(frame.people)))
    return np.asarray(depth.nearest(depth.depth_images(result), result))


NODES: dict[str, tuple[type, str]] = {
    "DensePoseVideo": (DensePoseNode, "DensePose (video or images)"),
    "DensePoseIdentityMasks": (IdentityMasksNode, "DensePose: a coloured mask for each identity"),
    "DensePoseWearAtlas": (WearAtlasNode, "DensePose: wear atlas"),
    "DensePoseUnwrapClothes": (UnwrapClothesNode, "DensePose: unwrap clothes"),
    "DensePoseBodies": (BodiesNode, "DensePose: bodies as depth, normals, skeleton"),
}

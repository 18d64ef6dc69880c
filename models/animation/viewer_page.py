"""Writes an animation as one HTML page that needs no network: the animation, frames of the video, and three.js."""

from __future__ import annotations

import base64
import html
import json
import math
from dataclasses import dataclass
from pathlib import Path

from models.animation.gltf_writer import SceneCamera
from models.body.camera import field_of_focal

TEMPLATE = Path(__file__).with_name("viewer.html")
THREE = Path(__file__).with_name("three_viewer.js")
"""three.js with its loader of glTF and its orbit controls as one script (THIRD_PARTY.md says how it is made)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPicture:
    """A frame of the video as JPEG, and the second of the animation at which it is shown."""

    second: float
    jpeg: bytes


def viewer_page(
    title: str, glb: bytes, pictures: list[VideoPicture], camera: SceneCamera | None, start: float = 0.0
) -> str:
    """The page. Its size is 4/3 of the size of animation and pictures (base64), plus 0.6 MB.

    Args:
        title: title of the page.
        glb: the animation as GLB.
        pictures: frames of the video.
        camera: the camera of the animation, or None.
        start: the second of the camera's keys at which the animation begins.
    """
    take = {
        "glb": base64.b64encode(glb).decode(),
        "pictures": [
            {"second": picture.second, "jpeg": f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}"}
            for picture in pictures
        ],
        "fields": _fields(camera, start),
        "aspect": 1.0 if camera is None else camera.width / camera.height,
    }
    page = TEMPLATE.read_text(encoding="utf-8").replace("TITLE", html.escape(title), 1)
    page = page.replace("/*TAKE*/", json.dumps(take), 1)
    return page.replace("/*THREE*/", THREE.read_text(encoding="utf-8"), 1)


def _fields(camera: SceneCamera | None, start: float) -> list[dict[str, float]]:
    """The camera's vertical fields of view, degrees, each with the second of the animation from which it is valid."""
    if camera is None:
        return [{"second": 0.0, "degrees": 60.0}]
    if camera.keys is None:
        return [{"second": 0.0, "degrees": math.degrees(field_of_focal(camera.focal_px, camera.height))}]
    return [
        {"second": second - start, "degrees": round(math.degrees(field_of_focal(focal_px, camera.height)), 3)}
        for second, focal_px in zip(camera.keys.second_T.tolist(), camera.keys.focal_px_T.tolist(), strict=True)
    ]

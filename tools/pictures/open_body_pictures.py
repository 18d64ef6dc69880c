"""Draws the pictures of docs/open_body.md: `python -m tools.pictures.open_body_pictures` from the checkout."""

from __future__ import annotations

import sys

import cv2
import numpy as np

from models.body.open_body import load_body
from models.surface.atlas import DEFAULT_ATLAS, atlas_from_tiles, sample_atlas, split_tiles
from models.surface.raster import Camera, rasterize
from stages.world.bodies.rotations import UP, axis_rotation
from stages.world.image_scenes import image_scene
from stages.world.image_worlds import IMAGE_WORLDS
from tools.pictures import PICTURES

COLORS = np.random.default_rng(3).integers(70, 250, (25, 3)).astype(np.float32)
COLORS[0] = 25


def checkered(label: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Charts in colours, with a checkerboard of tenths of U and V; brighter where U is greater."""
    board = (np.floor(uv[0] * 10) + np.floor(uv[1] * 10)) % 2
    tone = np.where(label > 0, 0.45 + 0.25 * board + 0.30 * uv[0], 1)
    return np.clip(COLORS[label] * tone[..., None], 0, 255).astype(np.uint8)


def body_view(yaw: float, height: int = 420, width: int = 250) -> tuple[np.ndarray, np.ndarray]:
    """Charts and UV of the mean body seen from one side."""
    body = load_body()
    vertex, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    facing = np.diag([1, -1, -1]).astype(np.float32) @ axis_rotation(UP, yaw)
    camera = Camera(
        rotation_33=facing.astype(np.float32), shift_3=np.array([0, 0.91, 6], np.float32), focal=1290.0,
        center_2=(width / 2, height / 2), height=height, width=width,
    )
    hits = rasterize(camera, camera.to_camera(vertex), body.face_F3)
    label, uv = np.zeros(height * width, int), np.zeros((2, height * width))
    label[hits.pixel_P] = body.chart_F[hits.face_P]
    uv[:, hits.pixel_P] = (body.corner_uv_F32[hits.face_P] * hits.bary_P3[..., None]).sum(axis=1).T
    return label.reshape(height, width).astype(np.uint8), uv.reshape(2, height, width)


def in_atlas(label: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """A view of the body textured with the project's own atlas."""
    picture = cv2.imread(str(DEFAULT_ATLAS))[..., ::-1]
    atlas = atlas_from_tiles(split_tiles(np.ascontiguousarray(picture)))
    return np.where(label[..., None] > 0, sample_atlas(atlas.levels[0], label, uv)[..., :3], np.uint8(25))


def scene_sheet(numbers: list[int]) -> np.ndarray:
    """Scenes in the upper row; below each its charts, with the boxes of the people."""
    columns = []
    for number in numbers:
        made = image_scene(IMAGE_WORLDS["train"], 1, number)
        truth = checkered(made.label_HW, made.uv_2HW.astype(np.float32))
        for x0, y0, x1, y1 in made.box_N4.astype(int).tolist():
            cv2.rectangle(truth, (x0, y0), (x1 - 1, y1 - 1), (255, 255, 255), 1)
        columns.append(np.vstack([made.rgb_HW3, truth]))
    return cv2.resize(np.hstack(columns), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)


def save(name: str, rgb: np.ndarray, quality: int = 82) -> None:
    """As JPEG into docs/pictures."""
    cv2.imwrite(str(PICTURES / name), rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])


def main() -> None:
    """All three pictures."""
    PICTURES.mkdir(exist_ok=True)
    views = [body_view(yaw) for yaw in (0.0, -np.pi / 2, np.pi, np.pi / 2)]
    save("open_body_charts.jpg", np.hstack([checkered(*view) for view in views]))
    save("open_body_atlas.jpg", np.hstack([in_atlas(*view) for view in views]))
    save("world_scenes.jpg", scene_sheet([int(n) for n in sys.argv[1:]] or [216, 223, 228, 235]))


if __name__ == "__main__":
    main()

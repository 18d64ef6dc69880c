"""Makes the images of docs/styles.md and docs/textures.md from a frame of the demo clip and its exact surfaces.

Confidence has no ground truth: its image shows what the built-in network predicts for the same frame.

`python -m tools.pictures.style_pictures`
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from models.surface.atlas import DEFAULT_ATLAS, split_tiles
from models.surface.atlas_file import read_texels
from models.surface.logos import Logo
from models.surface.whole_body_map import FIGURES, map_of_tiles, read_layout
from pipeline.stage import Job
from stages.bodies.fit import FitBodies
from stages.drawing.body_styles import BODY_STYLES
from stages.drawing.render import Render
from stages.drawing.styles import STYLES
from stages.drawing.unwrap import Unwrap
from stages.payloads import U8, Bodies, FrameChunk, People, Surfaces, VideoInfo
from stages.people.densepose import DensePose
from stages.people.detect import Detect
from stages.synthetic.demo_clip import SMALL, camera, lights, meshes_at, walkers
from stages.synthetic.ground_truth import ground_truth_surface
from stages.world.backgrounds.plaza import paint_plaza
from stages.world.camera.rendering import render_people
from stages.world.camera.shadows import cast_shadows
from tools.pictures import PICTURES

SECOND = 1.88
UNWRAPPED_SECONDS = (0.2, 0.7, 1.2, 1.6, 1.88, 2.4, 2.9, 3.4, 3.9, 4.5)
"""Seconds of the frames that are unwrapped: they show people from different sides, with different occlusions."""
BOX = (0.12, 0.3, 0.42, 0.7)
"""Where on the torso's charts the sign is put: u0, v0, u1, v1."""
SCALE = 2
"""Images are rendered so many times larger than the clip …"""
WINDOW = (slice(190, 610), slice(450, 920))
"""… and cropped to these rows and columns."""


def exact_frame(second: float) -> tuple[FrameChunk, People, Surfaces]:
    """A frame of the demo clip with its ground truth as the network's results."""
    cast, view, sun = walkers(), camera(SMALL, SCALE), lights()
    image_HW3 = paint_plaza(view)
    meshes = meshes_at(second, cast)
    cast_shadows(image_HW3, view, meshes, sun.toward_L3[0], 0.45)
    truth = render_people(image_HW3, [w.person for w in cast], meshes, view, sun)
    rgb_HW3 = np.rint(np.clip(image_HW3, 0, 1) * 255).astype(np.uint8)
    surfaces = [ground_truth_surface(truth, k + 1) for k in range(len(cast))]
    corners = [(s.x0, s.y0, s.x0 + s.labels_hw.shape[1], s.y0 + s.labels_hw.shape[0]) for s in surfaces]
    info = VideoInfo(
        path="", width=view.width, height=view.height, still=False, rate=Fraction(25), time_base=Fraction(1, 25)
    )
    count = len(cast)
    return (
        FrameChunk(rgb_THW3=rgb_HW3[None], pts_T=np.zeros(1, np.int64), first=0, video=info),
        People(
            frame_N=np.zeros(count, np.int32),
            box_N4=np.array(corners, np.float32),
            score_N=np.array([0.98, 0.97], np.float32),
            id_N=np.arange(1, count + 1, dtype=np.int32),
        ),
        Surfaces(people=tuple(surfaces)),
    )


def fitted_bodies(frames: FrameChunk, people: People, surfaces: Surfaces) -> Bodies:
    """The bodies under exact surfaces of the demo clip, whose camera is known."""
    fit = FitBodies(FitBodies.Config(focal_px=camera(SMALL, SCALE).focal))
    return next(iter([*fit(frames, people, surfaces), *fit.flush()]))


def network_results(frames: FrameChunk) -> tuple[People, Surfaces]:
    """The built-in network's results for a frame, with confidence."""
    detect = Detect(Detect.Config())
    ((people, features),) = detect(frames)
    (surfaces,) = DensePose(DensePose.Config())(frames, people, features)
    return people, surfaces


def write_unwrapped_atlas(path: Path, identity: int) -> None:
    """Write the texture of one person as an atlas, collected from frames of the whole clip."""
    stage = Unwrap(Unwrap.Config(identity=identity))
    job = Job(index=0, input="", output=str(path), stem=path.stem, overwrite=True)
    for second in UNWRAPPED_SECONDS:
        list(stage(job, *exact_frame(second)))
    list(stage.flush())


def save_jpeg(image_HW3: U8, path: Path, width: int) -> None:
    """Save a small JPEG."""
    image = Image.fromarray(np.ascontiguousarray(image_HW3))
    height = image.height * width // image.width
    image.resize((width, height), Image.Resampling.LANCZOS).save(path, quality=85, optimize=True)


def main(folder: Path = PICTURES) -> None:
    """Write one JPEG per style, and those of textures."""
    folder.mkdir(parents=True, exist_ok=True)
    frames, people, surfaces = exact_frame(SECOND)
    rows, columns = WINDOW
    bodies = fitted_bodies(frames, people, surfaces)
    for style in (*STYLES, *BODY_STYLES):
        seen = network_results(frames) if style == "confidence" else (people, surfaces)
        (overlay,) = Render(Render.Config(style=style))(frames, *seen, bodies)
        save_jpeg(overlay.rgb_THW3[0][WINDOW], folder / f"style_{style}.jpg", 360)
    with tempfile.TemporaryDirectory() as scratch:
        unwrapped_path, logo = Path(scratch) / "hers.png", Path(scratch) / "logo.png"
        write_unwrapped_atlas(unwrapped_path, 1)
        Image.fromarray(round_sign()).save(logo)
        with Image.open(unwrapped_path) as atlas:
            save_jpeg(np.asarray(atlas), folder / "atlas_unwrapped.jpg", 267)
        worn = {
            "worn_shirt": Render.Config(only=("shirt",)),
            "worn_green": Render.Config(background="green"),
            "worn_beside": Render.Config(style="none+parts", atlas="none"),
            "worn_unwrapped": Render.Config(atlas="none", atlas_of={"2": str(unwrapped_path)}),
            "worn_logo": Render.Config(
                atlas="none",
                opacity=1.0,
                logos=tuple(Logo(picture=str(logo), chart=chart, box=BOX) for chart in (1, 2)),
            ),
        }
        for name, config in worn.items():
            (overlay,) = Render(config)(frames, people, surfaces)
            image_HW3 = overlay.rgb_THW3[0]
            panels = np.split(image_HW3, image_HW3.shape[1] // frames.video.width, axis=1)
            save_jpeg(np.hstack([panel[rows, columns] for panel in panels]), folder / f"{name}.jpg", 360 * len(panels))
    texels = read_texels(DEFAULT_ATLAS)[..., :3]
    save_jpeg(texels, folder / "atlas_default.jpg", 267)
    figures_HW4 = map_of_tiles(split_tiles(texels), read_layout(FIGURES), 800)
    on_white = np.where(figures_HW4[..., 3:] > 0, figures_HW4[..., :3], 255).astype(np.uint8)
    save_jpeg(on_white, folder / "atlas_figures.jpg", 400)


def round_sign() -> U8:
    """A round sign of the project's own: a white arrow on red, transparent around."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    arrow = (np.abs(x) < 0.6 * (y + 0.62)) & (y < 0.05) | (np.abs(x) < 0.17) & (np.abs(y - 0.25) < 0.4)
    sign_HW4 = np.zeros((256, 256, 4), np.uint8)
    sign_HW4[np.hypot(x, y) < 0.98] = (206, 32, 41, 255)
    sign_HW4[arrow & (np.hypot(x, y) < 0.9)] = (255, 255, 255, 255)
    return sign_HW4


if __name__ == "__main__":
    main()
